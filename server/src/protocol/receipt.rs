//! Receipts: the incoming actor's promise of a place in its queue.
//!
//! Fields after the terms: `count(4) ‖ leaves root(32) ‖ queue chain head after the last(32)`. Slot: the position
//! of the first bundle. A leaf is the citation of a bundle.
//!
//! One signature serves all bundles that were appended together; a client gets it with the [`Opening`] of its own
//! leaf. The promise names a position of the actor's own queue and no epoch: an epoch is closed by the sequencer,
//! and nobody may promise what another keeps.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, BundleNumber, ClientId, Position, Role},
    merkle::{self, Opening},
    statement::{Citation, Head, Kind, Signed, Statement, Terms, Unverified},
};

/// These bundles stand at `first` and after, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which incoming actor.
    pub incoming: u32,
    /// The position of the first bundle.
    pub first: Position,
    /// Roster and key.
    pub terms: Terms,
    /// How many bundles.
    pub count: u32,
    /// The root over their citations.
    pub leaves: Digest,
    /// The head of the queue chain after the last of them.
    pub chain: Digest,
}

/// The leaf hash of a bundle, in receipts, seals and delivery chains.
pub fn bundle_leaf(citation: &Citation) -> Digest {
    merkle::leaf(&citation.to_bytes())
}

/// A receipt as one client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipted {
    /// Whose bundle.
    pub client: ClientId,
    /// Which one.
    pub number: BundleNumber,
    /// The receipt.
    pub receipt: Unverified<Receipt>,
    /// The leaf of the bundle.
    pub opening: Opening,
}

impl Receipt {
    /// The position at which this receipt holds a bundle, if the opening shows it there.
    pub fn position_of(&self, bundle: &Citation, opening: &Opening) -> Option<Position> {
        let (index, leaf) = *opening.leaves().first()?;
        let shown = opening.size() == u64::from(self.count)
            && opening.root() == Some(self.leaves)
            && leaf == bundle_leaf(bundle);
        self.first.0.checked_add(index).filter(|_| shown).map(Position)
    }
}

impl Receipted {
    /// Packs a receipt for the client whose bundle has this index in it.
    pub fn new(receipt: &Signed<Receipt>, client: ClientId, number: BundleNumber, opening: Opening) -> Self {
        Receipted { client, number, receipt: receipt.to_unverified(), opening }
    }
}

impl Statement for Receipt {
    const KIND: Kind = Kind::Receipt;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Incoming, self.incoming), slot: self.first.0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        out.u32(self.count);
        self.leaves.encode(out);
        self.chain.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Receipt {
            incoming: head.index_of(Role::Incoming)?,
            first: Position(head.slot),
            terms: head.terms,
            count: input.u32()?,
            leaves: Digest::decode(input)?,
            chain: Digest::decode(input)?,
        })
    }
}

coded!(struct Receipted { client, number, receipt, opening });

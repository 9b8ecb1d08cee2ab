//! Seals: a closed run of one incoming actor's queue.
//!
//! Fields after the terms: `start(8) ‖ end(8) ‖ queue chain head(32) ‖ previous seal digest(32) ‖ leaves root(32) ‖
//! manifest root(32) ‖ content bytes(8) ‖ seen: optional citation of the last cut`. Slot: the batch number, from 0.
//! A leaf is the citation of a bundle (so it covers the client's signature too); the manifest maps each recipient
//! to the sorted positions of its bundles. `start == end` is a heartbeat.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
    id::{ActorId, BatchNumber, Position, Role},
    map::Map,
    merkle::LEAVES_MAX,
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// Positions `start..end` of an incoming actor's queue, closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Which incoming actor.
    pub incoming: u32,
    /// Its number among the actor's seals.
    pub batch: BatchNumber,
    /// Roster and key.
    pub terms: Terms,
    /// The first position.
    pub start: Position,
    /// The position after the last.
    pub end: Position,
    /// The head of the queue chain at the end.
    pub chain: Digest,
    /// The digest of the seal before it.
    pub previous: Digest,
    /// The root over the citations of its bundles.
    pub leaves: Digest,
    /// The root of the manifest.
    pub manifest: Digest,
    /// How many bytes its bundles carry.
    pub content_bytes: u64,
    /// The last cut that the actor had seen.
    pub seen: Option<Citation>,
}

impl Seal {
    /// How many bundles it closes.
    pub fn count(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether this seal can follow that one (or be the first) in the queue of one actor.
    pub fn extends(&self, last: Option<(&Seal, Digest)>) -> bool {
        match last {
            None => (self.batch, self.start, self.previous) == (BatchNumber(0), Position(0), Digest::ZERO),
            Some((last, digest)) => {
                self.incoming == last.incoming
                    && (self.batch, self.start, self.previous) == (last.batch.next(), last.end, digest)
            }
        }
    }
}

/// A recipient's entry in a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(pub Vec<Position>);

impl Positions {
    /// The positions, if they are sorted, unique and inside the seal; an entry that is not counts for nothing.
    pub fn inside(&self, seal: &Seal) -> &[Position] {
        let sound = self.0.is_sorted_by(|a, b| a < b)
            && self.0.first().is_none_or(|first| *first >= seal.start)
            && self.0.last().is_none_or(|last| *last < seal.end);
        if sound { &self.0 } else { &[] }
    }
}

/// Recipient → positions.
pub type Manifest = Map<Positions>;

impl Encode for Positions {
    fn encode(&self, out: &mut Writer) {
        out.list(&self.0);
    }
}

impl Decode for Positions {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Positions(input.list("positions", LEAVES_MAX as usize)?))
    }
}

impl Statement for Seal {
    const KIND: Kind = Kind::Seal;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Incoming, self.incoming), slot: self.batch.0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.start.encode(out);
        self.end.encode(out);
        self.chain.encode(out);
        self.previous.encode(out);
        self.leaves.encode(out);
        self.manifest.encode(out);
        out.u64(self.content_bytes);
        out.option(self.seen.as_ref());
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let seal = Seal {
            incoming: head.index_of(Role::Incoming)?,
            batch: BatchNumber(head.slot),
            terms: head.terms,
            start: Position::decode(input)?,
            end: Position::decode(input)?,
            chain: Digest::decode(input)?,
            previous: Digest::decode(input)?,
            leaves: Digest::decode(input)?,
            manifest: Digest::decode(input)?,
            content_bytes: input.u64()?,
            seen: input.option()?,
        };
        if seal.end < seal.start || seal.count() > LEAVES_MAX {
            return Err(DecodeError::Invalid("range of positions"));
        }
        Ok(seal)
    }
}

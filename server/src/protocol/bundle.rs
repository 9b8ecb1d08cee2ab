//! Bundles: what a client submits in one call, and the parcels in which it reaches its recipients.
//!
//! Fields after the terms: `previous bundle digest(32) ‖ recipients(4) ‖ recipients root(32) ‖ payload digest(32) ‖
//! expiry epoch(8) ‖ seen: optional citation of the last cut`. Slot: the client's own number, from 0.
//!
//! The bundle commits to its content: the common payload by its SHA-256, each recipient by a Merkle leaf over
//! `salt(16) ‖ recipient(32) ‖ SHA-256(ciphertext)(32)`, sorted by recipient. Salted, because a recipient is shown
//! its own leaf only and must not guess at the others.
//!
//! # Invariants
//! - A client signs one bundle a number, and each names the one before it.
//! - Bytes that do not match the commitment count as not delivered; they accuse nobody.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, BundleNumber, ClientId, Epoch, Position},
    merkle::{self, Opening, Tree},
    statement::{Citation, Head, Kind, Statement, Terms, Unverified},
};

/// Most recipients of a bundle: a large group; larger ones send several bundles.
pub const RECIPIENTS_MAX: usize = 1024;
/// Most bytes of the common payload.
pub const PAYLOAD_MAX: usize = 1 << 20;
/// Most bytes of one recipient's ciphertext: keys and headers; what is large goes into the common payload.
pub const CIPHERTEXT_MAX: usize = 1 << 16;

/// Bytes of an envelope besides its ciphertext and its path: recipient, salt, lengths, and the opening's frame.
const ENVELOPE_BYTES: u64 = 128;
/// Bytes of a bundle besides its content: the statement, its signature and its leaf.
const BUNDLE_BYTES: u64 = 1024;
/// Most bytes of a bundle on the wire: it must fit into a frame, with room to spare.
pub const CONTENT_MAX: u64 = 16 << 20;
/// Most bytes of a bundle in all mailboxes together: each recipient's has the common payload, too. For a large group what is
/// large goes elsewhere, and its key into the bundle.
pub const DELIVERED_MAX: u64 = 32 << 20;

/// A client's signed commitment to one submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Who submits it.
    pub client: ClientId,
    /// Its number among the client's bundles.
    pub number: BundleNumber,
    /// Roster and key.
    pub terms: Terms,
    /// The digest of the client's bundle before it.
    pub previous: Digest,
    /// What it carries.
    pub commitment: Commitment,
    /// The last epoch in which it may be admitted.
    pub expiry: Epoch,
    /// The last cut that the client had seen: what it may depend on, and a gossip of views.
    pub seen: Option<Citation>,
}

/// The digests of a bundle's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// How many recipients.
    pub recipients: u32,
    /// The root over their leaves.
    pub root: Digest,
    /// The digest of the common payload.
    pub payload: Digest,
}

/// What a bundle carries: a payload for all and a ciphertext for each. It does not change, so it is shared, and what follows from it
/// is computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(Arc<Carried>);

#[derive(Debug, PartialEq, Eq)]
struct Carried {
    payload: Vec<u8>,
    envelopes: Vec<Envelope>,
    derived: Derived,
}

/// The recipients' tree, and the digest of the payload: nothing that a content has beyond what it carries.
#[derive(Default)]
struct Derived(OnceLock<(Tree, Digest)>);

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Derived {}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// One recipient's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Whose.
    pub recipient: ClientId,
    /// Makes the leaf unguessable.
    pub salt: [u8; 16],
    /// End-to-end encrypted for the recipient.
    pub ciphertext: Vec<u8>,
}

impl Envelope {
    fn leaf(&self) -> Digest {
        recipient_leaf(&self.salt, &self.recipient, &Digest::of(&[&self.ciphertext]))
    }
}

/// The leaf of a recipient in a bundle's commitment.
pub fn recipient_leaf(salt: &[u8; 16], recipient: &ClientId, ciphertext: &Digest) -> Digest {
    merkle::leaf(&[&salt[..], recipient.bytes(), &ciphertext.0].concat())
}

impl Content {
    /// A content of this common payload, end-to-end encrypted, and the recipients' parts, sorted by recipient, each once.
    pub fn new(payload: Vec<u8>, envelopes: Vec<Envelope>) -> Self {
        Content(Arc::new(Carried { payload, envelopes, derived: Derived::default() }))
    }

    /// The common payload.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// The same with another common payload.
    #[must_use]
    pub fn with_payload(&self, payload: Vec<u8>) -> Self {
        Content::new(payload, self.envelopes().to_vec())
    }

    /// The recipients' parts.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.0.envelopes
    }

    fn derived(&self) -> &(Tree, Digest) {
        let derive = || {
            let tree = Tree::new(self.envelopes().iter().map(Envelope::leaf).collect());
            (tree, Digest::of(&[self.payload()]))
        };
        self.0.derived.0.get_or_init(derive)
    }

    /// Whether the envelopes are sorted by recipient, each recipient once, and neither they nor their bytes are too many.
    pub fn is_well_formed(&self) -> bool {
        !self.envelopes().is_empty()
            && self.envelopes().len() <= RECIPIENTS_MAX
            && self.wire_bytes() <= CONTENT_MAX
            && self.delivered_bytes() <= DELIVERED_MAX
            && self.envelopes().is_sorted_by(|a, b| a.recipient < b.recipient)
    }

    /// The recipients' tree.
    pub fn tree(&self) -> &Tree {
        &self.derived().0
    }

    /// What a bundle with this content commits to.
    pub fn commitment(&self) -> Commitment {
        let (tree, payload) = self.derived();
        Commitment { recipients: self.envelopes().len() as u32, root: tree.root(), payload: *payload }
    }

    /// How many bytes it takes in a batch at most, proofs included: what frames and queues are bounded by.
    pub fn wire_bytes(&self) -> u64 {
        let path = 32 * u64::from(self.envelopes().len().next_power_of_two().ilog2());
        self.bytes() + self.envelopes().len() as u64 * (ENVELOPE_BYTES + path) + BUNDLE_BYTES
    }

    /// How many bytes it takes in all mailboxes together at most: what it costs those who keep it for its recipients.
    pub fn delivered_bytes(&self) -> u64 {
        let others = (self.envelopes().len() as u64).saturating_sub(1);
        self.wire_bytes() + others * (self.payload().len() as u64 + BUNDLE_BYTES)
    }

    /// How many bytes it carries.
    pub fn bytes(&self) -> u64 {
        let ciphertexts: usize = self.envelopes().iter().map(|envelope| envelope.ciphertext.len()).sum();
        (self.payload().len() + ciphertexts) as u64
    }
}

/// A bundle with its content, as a client hands it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The signed commitment.
    pub bundle: Unverified<Bundle>,
    /// What it commits to.
    pub content: Content,
}

impl Submission {
    /// Whether the content is what the bundle commits to, whoever signed that.
    pub fn is_whole(&self) -> bool {
        self.bundle.claimed().commitment == self.content.commitment()
    }
}

/// A bundle as its recipients get it: their own envelopes, each with the path to the bundle's commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Where it stands in the queue of its incoming actor.
    pub position: Position,
    /// The bundle.
    pub bundle: Unverified<Bundle>,
    /// The common payload.
    pub payload: Vec<u8>,
    /// The envelopes of the recipients at hand.
    pub envelopes: Vec<(Envelope, Opening)>,
}

impl Parcel {
    /// Bytes of its payload and ciphertexts.
    pub fn bytes(&self) -> usize {
        let ciphertexts = self.envelopes.iter().map(|(envelope, _)| envelope.ciphertext.len());
        self.payload.len() + ciphertexts.sum::<usize>()
    }

    /// Whether payload and envelopes are what the bundle commits to.
    pub fn matches(&self, commitment: &Commitment) -> bool {
        if Digest::of(&[&self.payload]) != commitment.payload {
            return false;
        }
        let own = |(envelope, opening): &(Envelope, Opening)| match opening.leaves() {
            [(index, leaf)] if *leaf == envelope.leaf() => Some((*index, *leaf)),
            _ => None,
        };
        let Some(leaves) = self.envelopes.iter().map(own).collect::<Option<Vec<_>>>() else { return false };
        let is_all = leaves.len() > 1
            && leaves.len() == commitment.recipients as usize
            && leaves.iter().zip(0..).all(|((index, _), at)| *index == at);
        if is_all {
            // every recipient's envelope is here: one tree instead of a path for each
            let tree = Tree::new(leaves.into_iter().map(|(_, leaf)| leaf).collect());
            return tree.root() == commitment.root
                && self.envelopes.iter().all(|(_, opening)| tree.opens(opening));
        }
        self.envelopes.iter().all(|(_, opening)| {
            opening.size() == u64::from(commitment.recipients) && opening.root() == Some(commitment.root)
        })
    }

    /// The same parcel for one recipient, if it has an envelope in it.
    pub fn only_for(&self, recipient: &ClientId) -> Option<Parcel> {
        let own = self.envelopes.iter().find(|(envelope, _)| envelope.recipient == *recipient)?;
        Some(Parcel {
            position: self.position,
            bundle: self.bundle.clone(),
            payload: self.payload.clone(),
            envelopes: vec![own.clone()],
        })
    }
}

impl Statement for Bundle {
    const KIND: Kind = Kind::Bundle;

    fn head(&self) -> Head {
        Head { actor: ActorId::Client(self.client), slot: self.number.0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.previous.encode(out);
        out.u32(self.commitment.recipients);
        self.commitment.root.encode(out);
        self.commitment.payload.encode(out);
        self.expiry.encode(out);
        out.option(self.seen.as_ref());
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Bundle {
            client: head.client()?,
            number: BundleNumber(head.slot),
            terms: head.terms,
            previous: Digest::decode(input)?,
            commitment: Commitment {
                recipients: input.u32()?,
                root: Digest::decode(input)?,
                payload: Digest::decode(input)?,
            },
            expiry: Epoch::decode(input)?,
            seen: input.option()?,
        })
    }
}

coded!(struct Envelope { recipient, salt, ciphertext: string("ciphertext", CIPHERTEXT_MAX) });

impl Encode for Content {
    fn encode(&self, out: &mut Writer) {
        out.string(self.payload());
        out.list(self.envelopes());
    }
}

impl Decode for Content {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Content::new(input.string("payload", PAYLOAD_MAX)?, input.list("envelopes", RECIPIENTS_MAX)?))
    }
}

coded!(struct Submission { bundle, content });

impl Encode for Parcel {
    fn encode(&self, out: &mut Writer) {
        self.position.encode(out);
        self.bundle.encode(out);
        out.string(&self.payload);
        out.count(self.envelopes.len());
        for (envelope, opening) in &self.envelopes {
            envelope.encode(out);
            opening.encode(out);
        }
    }
}

impl Decode for Parcel {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let position = Position::decode(input)?;
        let bundle = Unverified::decode(input)?;
        let payload = input.string("payload", PAYLOAD_MAX)?;
        let count = input.count("envelopes", RECIPIENTS_MAX)?;
        let mut envelopes = Vec::new();
        for _ in 0..count {
            envelopes.push((Envelope::decode(input)?, Opening::decode(input)?));
        }
        Ok(Parcel { position, bundle, payload, envelopes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::crypto::PublicKey;

    #[test]
    fn what_a_bundle_weighs_in_its_mailboxes_is_bounded() {
        let content = |recipients: u16, payload: usize| {
            let recipient =
                |index: u16| ClientId(PublicKey([index.to_be_bytes(); 16].concat().try_into().unwrap()));
            let envelope =
                |index| Envelope { recipient: recipient(index), salt: [0; 16], ciphertext: vec![] };
            Content::new(vec![0; payload], (0..recipients).map(envelope).collect())
        };
        assert!(content(1, PAYLOAD_MAX).is_well_formed());
        assert!(content(30, PAYLOAD_MAX).is_well_formed());
        assert!(content(1024, 30 << 10).is_well_formed());
        let heavy = content(1024, PAYLOAD_MAX);
        assert!(heavy.wire_bytes() < CONTENT_MAX && !heavy.is_well_formed());
        assert_eq!(content(1, 100).delivered_bytes(), content(1, 100).wire_bytes());
        let each = 100 + BUNDLE_BYTES;
        assert_eq!(content(3, 100).delivered_bytes(), content(3, 100).wire_bytes() + 2 * each);
    }
}

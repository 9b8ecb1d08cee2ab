//! Attestations: what a mailbox actor holds after an epoch, over all its mailboxes.
//!
//! Fields after the terms: `citation of the cut ‖ previous attestation digest(32) ‖ mailboxes(8) ‖ mailboxes
//! root(32)`. Slot: the epoch. The root is that of a map client → `generation(8) ‖ count(8) ‖ head of the delivery
//! chain(32) ‖ acknowledged count(8)`. A mailbox is in the map from its first delivery on; one that is not is
//! empty, and that can be proved.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, Count, Epoch, Generation, Role, SequenceId},
    map::Map,
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// What a mailbox actor holds after an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Which mailbox actor.
    pub mailbox: u32,
    /// The epoch.
    pub epoch: Epoch,
    /// Roster and key.
    pub terms: Terms,
    /// The cut it is derived from.
    pub cut: Citation,
    /// The digest of the actor's attestation before it.
    pub previous: Digest,
    /// How many mailboxes the map has.
    pub mailboxes: u64,
    /// The root of the map.
    pub root: Digest,
}

/// What an attestation says of one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxHead {
    /// How often it has moved.
    pub generation: Generation,
    /// How many deliveries it has had.
    pub count: Count,
    /// The head of its delivery chain.
    pub head: Digest,
    /// The count up to which the client has acknowledged.
    pub acknowledged: Count,
}

impl Default for MailboxHead {
    fn default() -> Self {
        MailboxHead { generation: Generation(0), count: Count(0), head: Digest::ZERO, acknowledged: Count(0) }
    }
}

impl MailboxHead {
    /// The mailbox after one more delivery.
    #[must_use]
    pub fn deliver(self, sequence: SequenceId, leaf: Digest) -> Self {
        MailboxHead { count: self.count.next(), head: self.head.deliver(sequence, leaf), ..self }
    }
}

/// Client → head, over all mailboxes of an actor.
pub type Mailboxes = Map<MailboxHead>;

coded!(struct MailboxHead { generation, count, head, acknowledged });

impl Statement for Attestation {
    const KIND: Kind = Kind::Attestation;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Mailbox, self.mailbox), slot: self.epoch.0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.cut.encode(out);
        self.previous.encode(out);
        out.u64(self.mailboxes);
        self.root.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Attestation {
            mailbox: head.index_of(Role::Mailbox)?,
            epoch: Epoch(head.slot),
            terms: head.terms,
            cut: Citation::decode(input)?,
            previous: Digest::decode(input)?,
            mailboxes: input.u64()?,
            root: Digest::decode(input)?,
        })
    }
}

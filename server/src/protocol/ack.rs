//! Acks: a client holds its mailbox up to a count, and the mailbox actor may delete so far, and only so far.
//!
//! Fields after the terms: `generation(8) ‖ count(8) ‖ head of the delivery chain(32) ‖ citation of the
//! attestation`. Slot: the client's own clock, which counts its acks from 0.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
    id::{ActorId, ClientId, Count, Generation},
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// The mailbox is held, verified and durable, up to `count`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Whose mailbox.
    pub client: ClientId,
    /// The client's clock.
    pub clock: u64,
    /// Roster and key.
    pub terms: Terms,
    /// How often the mailbox has moved.
    pub generation: Generation,
    /// How many deliveries are held.
    pub count: Count,
    /// The head of their chain, as the mailbox actor attested it.
    pub head: Digest,
    /// The attestation that says so.
    pub attestation: Citation,
}

impl Statement for Ack {
    const KIND: Kind = Kind::Ack;

    fn head(&self) -> Head {
        Head { actor: ActorId::Client(self.client), slot: self.clock, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.generation.encode(out);
        self.count.encode(out);
        self.head.encode(out);
        self.attestation.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Ack {
            client: head.client()?,
            clock: head.slot,
            terms: head.terms,
            generation: Generation::decode(input)?,
            count: Count::decode(input)?,
            head: Digest::decode(input)?,
            attestation: Citation::decode(input)?,
        })
    }
}

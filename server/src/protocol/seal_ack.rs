//! Seal acknowledgements: the sequencer holds these seals, and its next cut takes them.
//!
//! Fields after the terms: `after epoch(8) ‖ seals: list of citations`. Slot: the sequencer's own count of its
//! acknowledgements, from 0. One signature serves all seals that arrived together.
//!
//! What is acknowledged is durable with the sequencer, so that it can keep its word after a crash though the
//! incoming actor never comes back: every cut after `after` reaches the seals cited here.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    id::{ActorId, Epoch, Role},
    roster::MEMBERS_MAX,
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// These seals are held, and every cut after this epoch reaches them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealAck {
    /// Its number among the sequencer's acknowledgements.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// The last cut made when it was signed.
    pub after: Epoch,
    /// The seals.
    pub seals: Vec<Citation>,
}

impl SealAck {
    /// The newest seal of an incoming actor that it acknowledges.
    pub fn newest_of(&self, incoming: u32) -> Option<&Citation> {
        let actor = ActorId::Server(Role::Incoming, incoming);
        self.seals.iter().filter(|seal| seal.actor == actor && seal.kind == Kind::Seal).max_by_key(|s| s.slot)
    }
}

impl Statement for SealAck {
    const KIND: Kind = Kind::SealAck;

    fn head(&self) -> Head {
        Head { actor: ActorId::SEQUENCER, slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.after.encode(out);
        out.list(&self.seals);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if head.actor != ActorId::SEQUENCER {
            return Err(DecodeError::Invalid("sequencer"));
        }
        Ok(SealAck {
            number: head.slot,
            terms: head.terms,
            after: Epoch::decode(input)?,
            seals: input.list("acknowledged seals", MEMBERS_MAX)?,
        })
    }
}

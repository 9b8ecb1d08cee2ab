//! Recoveries: an actor that lost state says so, instead of signing again what it no longer knows.
//!
//! Fields after the terms: `fences: list of (kind(1) ‖ first slot not known to be taken(8)) ‖ lost: list of
//! (first(8) ‖ end(8))`. Slot: the incarnation, from 1: one for each key. Below a fence nothing more is signed; `lost` are the
//! positions (of an incoming actor) or epochs (of a mailbox actor) whose contents are gone. Without fences the key is
//! retired: it signs nothing more, and everything that it had not handed on may be gone. It admits a lack of
//! durability, which is cheaper than an equivocation.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    id::ActorId,
    statement::{Head, Kind, Statement, Terms},
};

/// Most lost ranges a recovery lists.
pub const LOST_MAX: usize = 4096;

/// I lost state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Who.
    pub actor: ActorId,
    /// Its life that is over: the number of its key, from 1.
    pub incarnation: u64,
    /// Roster and key.
    pub terms: Terms,
    /// Where its slots go on, by kind.
    pub fences: Vec<Fence>,
    /// What is gone.
    pub lost: Vec<Lost>,
}

/// Where the slots of a kind go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The kind.
    pub kind: Kind,
    /// The first slot that may be signed.
    pub next: u64,
}

/// A range of positions or epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first that is gone.
    pub first: u64,
    /// The first after it that is not.
    pub end: u64,
}

impl Recovery {
    /// All is lost, and the key signs nothing more. The terms are the key, and the roster that listed it first: so the same key gives
    /// the same bytes.
    pub fn retiring(actor: ActorId, terms: Terms) -> Self {
        Recovery { actor, incarnation: u64::from(terms.key) + 1, terms, fences: Vec::new(), lost: Vec::new() }
    }

    /// Whether the key signs nothing more.
    pub fn retires(&self) -> bool {
        self.fences.is_empty()
    }
}

coded!(struct Fence { kind, next });

coded!(struct Lost { first, end });

impl Statement for Recovery {
    const KIND: Kind = Kind::Recovery;

    fn head(&self) -> Head {
        Head { actor: self.actor, slot: self.incarnation, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        out.list(&self.fences);
        out.list(&self.lost);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Recovery {
            actor: head.actor,
            incarnation: head.slot,
            terms: head.terms,
            fences: input.list("fences", Kind::ALL.len())?,
            lost: input.list("lost ranges", LOST_MAX)?,
        })
    }
}

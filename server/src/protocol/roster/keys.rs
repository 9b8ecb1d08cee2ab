//! The keys of an actor: the one that it signs with, and those before it.
//!
//! A slot does not hold the number of a key (rule R3), so whoever signs one slot with two keys has signed it twice. A key that was
//! replaced goes on to prove what was signed with it. One that was *revoked* may be in other hands, which can sign any slot with any
//! date. So it proves nothing against its owner but what a witness had cosigned before the revocation; and in the work that goes on it
//! counts below its *fences*, since what its owner had signed until then stands in the logs of everybody.

use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    crypto::PublicKey,
    id::ActorId,
    recovery::Fence,
    statement::Kind,
};

/// A key that an actor signed with before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// Whose.
    pub actor: ActorId,
    /// The key.
    pub key: PublicKey,
    /// The roster that listed it first.
    pub since: u32,
    /// The roster that listed another in its place.
    pub until: u32,
    /// Whether it may be in other hands.
    pub revoked: Option<Revocation>,
}

/// From when a key counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The roster that revoked it.
    pub version: u32,
    /// What of it counts.
    pub bounds: Bounds,
}

/// How much of what was signed with a key its owner stands by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Of each kind the first slot that its owner did not sign with it; of a kind that is missing, none counts.
    pub fences: Vec<Fence>,
    /// Of each witness, by index, the number of the first cosignature that it had not signed when the key was revoked.
    pub cosigned: Vec<u64>,
}

/// One of the keys of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The key.
    pub key: PublicKey,
    /// The roster that listed it first.
    pub since: u32,
    /// Whether it may be in other hands.
    pub revoked: Option<&'a Revocation>,
}

impl Revocation {
    /// Whether its owner had signed this slot when the key was revoked.
    pub fn is_behind_fence(&self, kind: Kind, slot: u64) -> bool {
        self.bounds.fences.iter().any(|fence| fence.kind == kind && slot < fence.next)
    }

    /// Whether a witness had signed the cosignature of this number when the key was revoked.
    pub fn is_before(&self, witness: u32, number: u64) -> bool {
        self.bounds.cosigned.get(witness as usize).is_some_and(|first| number < *first)
    }
}

coded!(struct Former { actor, key, since, until, revoked });

coded!(struct Revocation { version, bounds });

/// Most witnesses a roster has, and so most counts a revocation lists.
const WITNESSES_MAX: usize = super::MEMBERS_MAX;

coded!(struct Bounds {
    fences: list("fences", Kind::ALL.len()),
    cosigned: list("counts of cosignatures", WITNESSES_MAX),
});

//! Cosignatures: a witness saw these heads, each consistent with all it saw before.
//!
//! Fields after the terms: `heads: list of citations`. Slot: the witness's own count, from 0. A head is the citation
//! of a Seal, a Cut or an Attestation; the log it belongs to is `(kind, actor)`. One signature serves all heads of a
//! step. The witness keeps the last head of every log durably before it signs (as C2SP `tlog-witness` demands), so
//! two cosigned digests of one `(kind, actor, slot)` expose the witness itself.

use super::{
    codec::{DecodeError, Reader, Writer},
    digest::Digest,
    id::{ActorId, Role},
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// Most heads under one signature.
pub const HEADS_MAX: usize = 4096;

/// These heads were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Which witness.
    pub witness: u32,
    /// Its number among the witness's cosignatures.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// The heads.
    pub heads: Vec<Citation>,
}

impl Cosignature {
    /// Whether it covers the statement of this kind, actor and slot, with this digest.
    pub fn covers(&self, kind: Kind, actor: ActorId, slot: u64, digest: Digest) -> bool {
        self.heads.iter().any(|head| head.is_of(kind, actor, slot) && head.digest == digest)
    }
}

impl Statement for Cosignature {
    const KIND: Kind = Kind::Cosignature;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Witness, self.witness), slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        out.list(&self.heads);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Cosignature {
            witness: head.index_of(Role::Witness)?,
            number: head.slot,
            terms: head.terms,
            heads: input.list("heads", HEADS_MAX)?,
        })
    }
}

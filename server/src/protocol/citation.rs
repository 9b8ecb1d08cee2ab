//! Citations: the compact signed form in which a statement is referred to, without its contents.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
    endorsement::Endorsement,
    id::ActorId,
    statement::Kind,
    trust::{Named, Trust},
};

/// The compact signed form of a statement, by which others refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// What kind of statement.
    pub kind: Kind,
    /// Whose.
    pub actor: ActorId,
    /// Which one.
    pub slot: u64,
    /// The digest of its body.
    pub digest: Digest,
    /// How it is signed.
    pub endorsement: Endorsement,
}

impl Citation {
    /// Whether this cites a statement of this kind, actor and slot.
    pub fn is_of(&self, kind: Kind, actor: ActorId, slot: u64) -> bool {
        (self.kind, self.actor, self.slot) == (kind, actor, slot)
    }

    /// Whether both cite one statement, however it is signed.
    pub fn is_same(&self, other: &Citation) -> bool {
        self.is_of(other.kind, other.actor, other.slot) && self.digest == other.digest
    }

    /// Whether the cited signature is its actor's.
    pub fn verify(&self, trust: &Trust) -> bool {
        trust.verifies(Named::from(self), &self.endorsement)
    }
}

impl Encode for Citation {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.kind as u8);
        self.actor.encode(out);
        out.u64(self.slot);
        self.digest.encode(out);
        self.endorsement.encode_of(self.kind, out);
    }
}

impl Decode for Citation {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = Kind::decode(input)?;
        Ok(Citation {
            kind,
            actor: ActorId::decode(input)?,
            slot: input.u64()?,
            digest: Digest::decode(input)?,
            endorsement: Endorsement::decode_of(kind, input)?,
        })
    }
}

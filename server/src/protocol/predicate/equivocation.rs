//! *equiv*: two statements of one slot.
//!
//! An honest signer keeps a durable table of its slots, and rather stops than signs a second digest for one.

use super::{Finding, Predicate, need};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    id::ActorId,
    statement::{Citation, Trust},
};

/// Two statements of one signer, kind and slot that say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// One of them.
    pub first: Citation,
    /// The other.
    pub second: Citation,
}

impl Predicate for Equivocation {
    const NAME: &'static str = "equiv";

    fn accused(&self) -> ActorId {
        self.first.actor
    }

    fn statements(&self) -> Vec<Citation> {
        vec![self.first.clone(), self.second.clone()]
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let Equivocation { first, second } = self;
        need(second.is_of(first.kind, first.actor, first.slot), "the two statements are not of one slot")?;
        need(first.kind.exclusive(), "statements of this kind may differ")?;
        need(first.digest != second.digest, "the two statements say the same")?;
        need(first.verify(trust) && second.verify(trust), "a signature is not that of its signer")?;
        Ok(format!(
            "signed two statements for {} {}: {} and {}",
            first.kind.name(),
            first.slot,
            first.digest,
            second.digest
        ))
    }
}

coded!(struct Equivocation { first, second });

//! *chain*: a statement that does not name the one before it.
//!
//! Bundles of a client, seals, cuts and attestations are chains: each holds the digest of the signer's statement one
//! slot earlier, and the first holds zeros. An honest signer has one digest for every slot in its durable table,
//! and writes the link from there. A statement whose neighbour was never signed (an epoch left out) proves nothing.

use super::{Finding, Predicate, is_next, need, verified};
use crate::protocol::{
    attestation::Attestation,
    bundle::Bundle,
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cut::Cut,
    digest::Digest,
    id::ActorId,
    seal::Seal,
    statement::{Citation, Trust, Unverified},
};

/// Two neighbours of which the later one does not name the earlier; or a first statement that names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenChain {
    /// The statement one slot before; none if the later one stands in the first slot.
    pub earlier: Option<Citation>,
    /// The statement with the false link.
    pub later: Linked,
}

/// A statement that names the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the statements of these names")]
pub enum Linked {
    Bundle(Unverified<Bundle>),
    Seal(Unverified<Seal>),
    Cut(Unverified<Cut>),
    Attestation(Unverified<Attestation>),
}

impl Linked {
    fn cite(&self) -> Citation {
        match self {
            Linked::Bundle(bundle) => bundle.cite(),
            Linked::Seal(seal) => seal.cite(),
            Linked::Cut(cut) => cut.cite(),
            Linked::Attestation(attestation) => attestation.cite(),
        }
    }

    /// The first slot of its kind.
    fn first(&self) -> u64 {
        match self {
            Linked::Bundle(_) | Linked::Seal(_) => 0,
            Linked::Cut(_) | Linked::Attestation(_) => 1,
        }
    }

    /// The digest that it names, if its signature is its signer's.
    fn previous(&self, trust: &Trust) -> Result<Digest, String> {
        Ok(match self {
            Linked::Bundle(bundle) => verified(bundle, trust)?.previous,
            Linked::Seal(seal) => verified(seal, trust)?.previous,
            Linked::Cut(cut) => verified(cut, trust)?.previous,
            Linked::Attestation(attestation) => verified(attestation, trust)?.previous,
        })
    }
}

impl Predicate for BrokenChain {
    const NAME: &'static str = "chain";

    fn accused(&self) -> ActorId {
        self.later.cite().actor
    }

    fn statements(&self) -> Vec<Citation> {
        self.earlier.iter().cloned().chain([self.later.cite()]).collect()
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let later = self.later.cite();
        let named = self.later.previous(trust)?;
        let due = match &self.earlier {
            None => {
                need(later.slot == self.later.first(), "the statement before it is missing")?;
                Digest::ZERO
            }
            Some(earlier) => {
                let before = earlier.is_of(later.kind, later.actor, earlier.slot);
                need(before && is_next(earlier.slot, later.slot), "the statements are not neighbours")?;
                // a slot before the first may hold anything
                need(earlier.slot >= self.later.first(), "nothing comes before the first statement")?;
                need(earlier.verify(trust), "a signature is not that of its signer")?;
                earlier.digest
            }
        };
        need(named != due, "the statement names the one before it")?;
        Ok(format!("signed {} {} after {named:?}, but {due:?} came before it", later.kind.name(), later.slot))
    }
}

coded!(struct BrokenChain { earlier, later });

coded!(enum Linked "linked statement" { 1 Bundle(bundle), 2 Seal(seal), 3 Cut(cut), 4 Attestation(attestation) });

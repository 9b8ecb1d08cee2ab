//! *xseal*: a client's bundles out of order, or twice, in two seals.
//!
//! The numbers of a client are admitted without a gap and in order (the admission table is durable with the queue),
//! and seals close the queue in the order of their batch numbers. So in a later seal of an honest incoming actor
//! every number of a client is greater than in an earlier one.

use super::{Finding, Predicate, need, single_leaf, verified};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    id::{ActorId, BatchNumber},
    merkle::Opening,
    receipt::bundle_leaf,
    seal::Seal,
    statement::{Citation, Kind, Trust, Unverified},
};

/// Two bundles of one client in two seals, the later one not later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossSeal {
    /// In the earlier seal.
    pub earlier: SealedBundle,
    /// In the later seal.
    pub later: SealedBundle,
}

/// A bundle in a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBundle {
    /// The seal.
    pub seal: Unverified<Seal>,
    /// The bundle.
    pub bundle: Citation,
    /// The bundle's leaf in the seal.
    pub opening: Opening,
}

impl SealedBundle {
    /// The seal's number, if the seal holds the bundle.
    fn batch(&self, trust: &Trust) -> Result<BatchNumber, String> {
        let seal = verified(&self.seal, trust)?;
        let (_, leaf) = single_leaf(&self.opening, seal.count(), seal.leaves)?;
        need(leaf == bundle_leaf(&self.bundle), "the opening does not show the bundle")?;
        Ok(seal.batch)
    }
}

impl Predicate for CrossSeal {
    const NAME: &'static str = "xseal";

    fn accused(&self) -> ActorId {
        self.earlier.seal.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let both = [&self.earlier, &self.later];
        both.into_iter().flat_map(|sealed| [sealed.seal.cite(), sealed.bundle.clone()]).collect()
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let CrossSeal { earlier, later } = self;
        let one_actor = earlier.seal.claimed_actor() == later.seal.claimed_actor();
        need(one_actor, "the seals are not of one actor")?;
        let client = earlier.bundle.actor;
        let one_client = earlier.bundle.kind == Kind::Bundle
            && later.bundle.is_of(Kind::Bundle, client, later.bundle.slot);
        need(one_client, "the bundles are not of one client")?;
        let (first, second) = (earlier.batch(trust)?, later.batch(trust)?);
        need(first < second, "the seals are not in order")?;
        let (before, after) = (earlier.bundle.slot, later.bundle.slot);
        need(after <= before, "the bundles are in order")?;
        Ok(format!(
            "sealed bundle {after} of {client} in batch {second}, after bundle {before} in batch {first}"
        ))
    }
}

coded!(struct CrossSeal { earlier, later });

coded!(struct SealedBundle { seal, bundle, opening });

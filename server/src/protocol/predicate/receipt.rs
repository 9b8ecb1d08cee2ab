//! *receipt2*: one bundle number of one client, promised two places.
//!
//! An honest incoming actor's admission table is durable with its queue and lets every number of a client pass
//! once, whatever the client signs under it. Two incoming actors may both be honest (routing may have changed
//! between), so both receipts must be of one.

use super::{Finding, Predicate, doubt, need, single_leaf, verified};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    id::ActorId,
    merkle::Opening,
    receipt::{Receipt, bundle_leaf},
    statement::{Citation, Kind, Trust, Unverified},
};

/// Two places of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoPlaces {
    /// One.
    pub first: Placed,
    /// The other.
    pub second: Placed,
}

/// A bundle in a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The receipt.
    pub receipt: Unverified<Receipt>,
    /// The bundle.
    pub bundle: Citation,
    /// The bundle's leaf in the receipt.
    pub opening: Opening,
}

impl Placed {
    /// Where the receipt places the bundle.
    fn position(&self, trust: &Trust) -> Result<u64, String> {
        let receipt = verified(&self.receipt, trust)?;
        let (index, leaf) = single_leaf(&self.opening, u64::from(receipt.count), receipt.leaves)?;
        need(leaf == bundle_leaf(&self.bundle), "the opening does not show the bundle")?;
        match receipt.first.0.checked_add(index) {
            Some(position) => Ok(position),
            None => doubt("there is no such position"),
        }
    }
}

impl Predicate for TwoPlaces {
    const NAME: &'static str = "receipt2";

    fn accused(&self) -> ActorId {
        self.first.receipt.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let both = [&self.first, &self.second];
        both.into_iter().flat_map(|placed| [placed.receipt.cite(), placed.bundle.clone()]).collect()
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let TwoPlaces { first, second } = self;
        let one_actor = first.receipt.claimed_actor() == second.receipt.claimed_actor();
        need(one_actor, "the receipts are not of one actor")?;
        let (bundle, number) = (&first.bundle, first.bundle.slot);
        let one_number =
            bundle.kind == Kind::Bundle && second.bundle.is_of(Kind::Bundle, bundle.actor, number);
        need(one_number, "the bundles are not of one number")?;
        let (here, there) = (first.position(trust)?, second.position(trust)?);
        need(here != there, "both receipts name one place")?;
        Ok(format!("promised bundle {number} of {} the positions {here} and {there}", bundle.actor))
    }
}

coded!(struct TwoPlaces { first, second });

coded!(struct Placed { receipt, bundle, opening });

//! *promise*: a seal that breaks a receipt.
//!
//! One append-only queue feeds both: a receipt promises leaves at positions and the head of the queue chain after
//! the last, and the seals close the same positions. An honest incoming actor makes the queue durable before a
//! receipt leaves and never changes it, so at every position both hold one leaf, and up to every position there is
//! one chain; and admission keeps a bundle from standing twice. A receipt may reach over several seals (a run is split when it is too large); each predicate looks at
//! one position and the seal that covers it.

use super::{Finding, Predicate, doubt, follows, need, single_leaf, verified, verified_if_any};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, Position},
    merkle::{LEAVES_MAX, Opening, Tree},
    receipt::Receipt,
    seal::Seal,
    statement::{Citation, Trust, Unverified},
};

/// What was promised is not what was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPromise {
    /// The promise.
    pub receipt: Unverified<Receipt>,
    /// The seal of the same positions.
    pub seal: Unverified<Seal>,
    /// Where they differ.
    pub proof: PromiseProof,
}

/// Where receipt and seal differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "rare, and never in bulk")]
pub enum PromiseProof {
    /// Another bundle stands at a position.
    Place {
        /// The position.
        position: Position,
        /// Its leaf in the receipt.
        promised: Opening,
        /// Its leaf in the seal.
        sealed: Opening,
    },
    /// The bundle stands at another position.
    Elsewhere {
        /// The position promised.
        position: Position,
        /// Its leaf in the receipt.
        promised: Opening,
        /// Where the seal has that leaf.
        place: Position,
        /// It, in the seal.
        sealed: Opening,
    },
    /// Another queue leads to the receipt's last position.
    Chain {
        /// The seal before; none before the first.
        before: Option<Unverified<Seal>>,
        /// All leaves of the seal.
        leaves: Vec<Digest>,
    },
}

impl Predicate for BrokenPromise {
    const NAME: &'static str = "promise";

    fn accused(&self) -> ActorId {
        self.receipt.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let mut all = vec![self.receipt.cite(), self.seal.cite()];
        if let PromiseProof::Chain { before: Some(before), .. } = &self.proof {
            all.push(before.cite());
        }
        all
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let (receipt, seal) = (verified(&self.receipt, trust)?, verified(&self.seal, trust)?);
        need(receipt.incoming == seal.incoming, "receipt and seal are not of one actor")?;
        match &self.proof {
            PromiseProof::Place { position, promised, sealed } => {
                let (own, there) = (offset(receipt.first, *position)?, offset(seal.start, *position)?);
                let (index, promised) = single_leaf(promised, u64::from(receipt.count), receipt.leaves)?;
                let (place, sealed) = single_leaf(sealed, seal.count(), seal.leaves)?;
                need((index, place) == (own, there), "the openings are not of this position")?;
                need(promised != sealed, "what was promised was sealed")?;
                Ok(format!("promised {promised:?} at position {position} and sealed {sealed:?} there"))
            }
            PromiseProof::Elsewhere { position, promised, place, sealed } => {
                let (own, there) = (offset(receipt.first, *position)?, offset(seal.start, *place)?);
                let (index, promised) = single_leaf(promised, u64::from(receipt.count), receipt.leaves)?;
                let (found, sealed) = single_leaf(sealed, seal.count(), seal.leaves)?;
                need((index, found) == (own, there), "the openings are not of these positions")?;
                need(promised == sealed, "receipt and seal show two bundles")?;
                need(position != place, "the bundle stands where it was promised")?;
                Ok(format!("promised {promised:?} at position {position} and sealed it at {place}"))
            }
            PromiseProof::Chain { before, leaves } => {
                let last =
                    receipt.first.0.checked_add(u64::from(receipt.count)).and_then(|end| end.checked_sub(1));
                let last = last.filter(|last| receipt.count > 0 && (seal.start.0..seal.end.0).contains(last));
                let Some(last) = last else {
                    return doubt("the seal does not cover the receipt's last position");
                };
                let before = verified_if_any(before.as_ref(), trust)?;
                follows(before.as_ref(), &seal)?;
                need(leaves.len() as u64 == seal.count(), "these are not all leaves of the seal")?;
                need(Tree::new(leaves.clone()).root() == seal.leaves, "the leaves are not the sealed ones")?;
                let base = before.map_or(Digest::ZERO, |before| before.chain);
                let heads = chain(base, leaves);
                need(
                    heads.last().copied().unwrap_or(base) == seal.chain,
                    "the leaves do not lead to the seal's chain",
                )?;
                let found = heads.get(offset(seal.start, Position(last))? as usize).copied();
                let Some(found) = found else { return doubt("a leaf is missing") };
                need(found != receipt.chain, "the queue is the promised one")?;
                Ok(format!(
                    "promised the queue {:?} up to position {last} and sealed {found:?}",
                    receipt.chain
                ))
            }
        }
    }
}

/// How far a position lies behind a first one.
fn offset(first: Position, position: Position) -> Result<u64, String> {
    position.0.checked_sub(first.0).ok_or_else(|| "the position is not covered".to_owned())
}

/// The head of the queue chain after each of these leaves.
fn chain(base: Digest, leaves: &[Digest]) -> Vec<Digest> {
    let append = |head: &mut Digest, leaf: &Digest| {
        *head = head.append(*leaf);
        Some(*head)
    };
    leaves.iter().scan(base, append).collect()
}

coded!(struct BrokenPromise { receipt, seal, proof });

coded!(enum PromiseProof "proof of a broken promise" {
    1 Place { position, promised, sealed },
    2 Chain { before, leaves: list("leaves", LEAVES_MAX as usize) },
    3 Elsewhere { position, promised, place, sealed },
});

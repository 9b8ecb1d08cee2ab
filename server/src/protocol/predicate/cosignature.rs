//! *splitview*: a witness that cosigned two histories of one log.
//!
//! A witness keeps the last head of every log durably before it signs, and cosigns what extends it and nothing else;
//! a head that it cosigns again has the digest that it had. So an honest witness cosigns one digest for every slot
//! of a log, whatever the signer of the log does.

use std::collections::BTreeMap;

use super::{Finding, Predicate, doubt, need, verified};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cosignature::Cosignature,
    digest::Digest,
    id::ActorId,
    statement::{Citation, Kind, Trust, Unverified},
};

/// Two cosignatures of one witness, with two digests for one slot of a log. It may be one cosignature twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitView {
    /// One.
    pub first: Unverified<Cosignature>,
    /// The other.
    pub second: Unverified<Cosignature>,
}

impl Predicate for SplitView {
    const NAME: &'static str = "splitview";

    fn accused(&self) -> ActorId {
        self.first.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        vec![self.first.cite(), self.second.cite()]
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let (first, second) = (verified(&self.first, trust)?, verified(&self.second, trust)?);
        need(first.witness == second.witness, "the cosignatures are not of one witness")?;
        let logs = |heads: &[Citation]| -> Vec<Citation> {
            heads.iter().filter(|head| is_log(head.kind)).copied().collect()
        };
        let slot_of = |head: &Citation| (head.kind, head.actor, head.slot);
        let known = logs(&first.heads).into_iter().map(|head| (slot_of(&head), head.digest));
        let known: BTreeMap<(Kind, ActorId, u64), Digest> = known.collect();
        for head in logs(&second.heads) {
            let before = known.get(&slot_of(&head)).copied();
            if let Some(before) = before.filter(|before| *before != head.digest) {
                let (kind, digest) = (head.kind.name(), head.digest);
                return Ok(format!(
                    "cosigned {kind} {} of {} as {before:?} and as {digest:?}",
                    head.slot, head.actor
                ));
            }
        }
        doubt("the cosignatures do not contradict each other")
    }
}

/// The kinds whose heads are cosigned.
fn is_log(kind: Kind) -> bool {
    matches!(kind, Kind::Seal | Kind::Cut | Kind::Attestation)
}

coded!(struct SplitView { first, second });

//! Evidence of what was signed with a key that has been revoked since.
//!
//! Whoever revokes a key says that others may sign with it, and that what it signed proves nothing any more: a thief could sign any slot
//! with any date. But a head that a witness had cosigned before was not signed by a thief of later. So evidence can bring such
//! cosignatures, and what they cover counts as if the key had not been revoked. The name of the predicate is that of the evidence inside.
//!
//! An honest actor cannot satisfy it: for what was signed with its key up to the revocation it answers, whoever had the key.

use super::{Finding, Predicate, agent, doubt, need, verified};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    cosignature::Cosignature,
    evidence::Evidence,
    id::ActorId,
    statement::{Citation, Signed, Trust, Unverified},
};

/// Most cosignatures that evidence may need.
pub const ANCHORS_MAX: usize = 16;

/// The byte by which this predicate is told from others.
pub(super) const TAG: u8 = 16;

/// Evidence, and the cosignatures of what it was signed with a revoked key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// They cover it, each of them something.
    pub anchors: Vec<Unverified<Cosignature>>,
    /// What is not proven without them.
    pub evidence: Box<Evidence>,
}

impl Predicate for Anchored {
    const NAME: &'static str = "anchored";

    fn accused(&self) -> ActorId {
        self.evidence.accused()
    }

    fn statements(&self) -> Vec<Citation> {
        let mut all = self.evidence.statements();
        all.extend(self.anchors.iter().map(Unverified::cite));
        all
    }

    fn roster(&self) -> Option<u32> {
        self.evidence.roster()
    }

    fn judge(&self, trust: &Trust) -> Finding {
        // no head of a log; and evidence in it could be such evidence again, which costs twice as much with every layer
        need(!self.evidence.rests_on_accusation(), "no witness cosigns an accusation")?;
        let anchors: Vec<_> =
            self.anchors.iter().map(|anchor| cosigned(anchor, trust)).collect::<Result<_, _>>()?;
        let found = self.evidence.find(&trust.anchored(anchors.clone()))?;
        for left_out in 0..anchors.len().max(1) {
            let mut fewer = anchors.clone();
            fewer.drain(left_out..anchors.len().min(left_out + 1));
            let proven = self.evidence.find(&trust.anchored(fewer)).is_ok();
            need(!proven, "the evidence does not need what was cosigned")?;
        }
        Ok(format!("{found}, with a key that was revoked after that"))
    }
}

/// The cosignature, if it is a witness's own: one under a revoked key may be a thief's.
fn cosigned(anchor: &Unverified<Cosignature>, trust: &Trust) -> Result<Signed<Cosignature>, String> {
    let witness = anchor.claimed_actor();
    let listed = trust.roster.numbered(&witness, anchor.claimed_terms().key);
    if listed.is_some_and(|listed| listed.revoked.is_some()) {
        return doubt("what a witness signed with a revoked key anchors nothing");
    }
    verified(anchor, trust)
}

impl Evidence {
    /// The same, anchored in what a witness had cosigned of it.
    pub fn anchored_in(self, cosignatures: &[Unverified<Cosignature>]) -> Evidence {
        let signed = self.statements();
        let covers = |anchor: &&Unverified<Cosignature>| {
            signed.iter().any(|one| anchor.claimed().covers(one.kind, one.actor, one.slot, one.digest))
        };
        let anchors = cosignatures.iter().filter(covers).take(ANCHORS_MAX).cloned().collect();
        Anchored { anchors, evidence: Box::new(self) }.into()
    }
}

impl Encode for Anchored {
    fn encode(&self, out: &mut Writer) {
        out.list(&self.anchors);
        self.evidence.encode(out);
    }
}

impl Decode for Anchored {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let anchors = input.list("cosignatures", ANCHORS_MAX)?;
        // no witness cosigns an agency either, so it anchors nothing
        if matches!(input.left().first(), Some(&TAG | &agent::TAG)) {
            return Err(DecodeError::Invalid("evidence inside of anchored evidence"));
        }
        Ok(Anchored { anchors, evidence: Decode::decode(input)? })
    }
}

//! Wrong judges of keys: what was signed with a key is asked for too little, or too much.

use server::protocol::{
    cut::Cut,
    digest::Digest,
    id::{ActorId, Role},
    predicate::{
        cut::{BadCut, CutFault},
        equivocation::Equivocation,
    },
    statement::{Citation, Signed, preimage},
};

use super::{Conviction, Trial};
use crate::{scenario::ActorName, world};

/// Takes what a revoked key signed: a thief signs a slot that its owner had filled.
pub fn revoked_key_counts(trial: &Trial<'_>) -> Option<Conviction> {
    let seal = revoked(trial)?;
    let thief = world::signer(trial.drawn, trial.streams, ActorName::new(Role::Incoming, 0), 0);
    let digest = Digest::of(&[b"of a thief"]);
    let text = preimage(trial.run.trust.deployment, seal.kind, seal.actor, seal.slot, digest);
    let forged = Citation { digest, endorsement: thief.sign(&text).into(), ..seal.clone() };
    Some((Equivocation { first: seal.clone(), second: forged }.into(), seal.actor))
}

/// Looks at the citations of a cut with the keys that count now: the sequencer cited what is no seal any more.
pub fn roster_of_today(trial: &Trial<'_>) -> Option<Conviction> {
    let seal = revoked(trial)?;
    let cites = |cut: &&Cut| cut.reached.iter().any(|reached| reached.seal.as_ref() == Some(&seal));
    let cut = trial.run.record.cuts.values().find(cites)?;
    let signer = world::signer(trial.drawn, trial.streams, ActorName::SEQUENCER, 0);
    let cut = Signed::sign(cut.clone(), trial.run.trust.deployment, &*signer).to_unverified();
    Some((BadCut { cut, fault: CutFault::Alone }.into(), ActorId::SEQUENCER))
}

/// The first seal that was cited, if its key has been revoked since.
fn revoked(trial: &Trial<'_>) -> Option<Citation> {
    let seal = trial.cited(0).first()?.clone();
    let listed = trial.run.trust.roster.numbered(&seal.actor, 0)?;
    listed.revoked.map(|_| seal)
}

//! Wrong judges of citations: who reads the compact form of a statement, and takes it for more than it says.

use server::protocol::{
    cut::Cut,
    digest::Digest,
    id::Deployment,
    predicate::equivocation::Equivocation,
    statement::{Citation, Signed},
};

use super::{Conviction, Trial, mailbox_of};
use crate::{scenario::ActorName, world};

/// How late a delivery may be for a judge with a clock.
const CLOCK_NS: u64 = 50_000_000;

fn accusation(first: Citation, second: Citation) -> Conviction {
    (Equivocation { first: first.clone(), second }.into(), first.actor)
}

/// Takes any second citation of a slot, signed or not.
pub fn unsigned_citation(trial: &Trial<'_>) -> Option<Conviction> {
    let seal = trial.cited(0).first()?.clone();
    let forged = Citation { digest: Digest::of(&[b"never signed"]), ..seal.clone() };
    Some(accusation(seal, forged))
}

/// Compares digests and forgets the slot.
pub fn slot_ignored(trial: &Trial<'_>) -> Option<Conviction> {
    let seals = trial.cited(0);
    let different = seals.windows(2).find(|two| two[0].digest != two[1].digest)?;
    Some(accusation(different[0].clone(), different[1].clone()))
}

/// Takes a receipt for a promise of the next epoch: whoever is cited as before has broken it.
pub fn receipt_bound_to_epoch(trial: &Trial<'_>) -> Option<Conviction> {
    let actors = trial.run.trust.roster.incoming() as usize;
    (0..actors).find_map(|j| {
        let seals = trial.cited(j);
        seals.windows(2).find(|two| two[0] == two[1]).map(|two| accusation(two[0].clone(), two[1].clone()))
    })
}

/// Looks at a clock: a delivery that comes late blames the mailbox actor.
pub fn clock_in_predicate(trial: &Trial<'_>) -> Option<Conviction> {
    let record = &trial.run.record;
    let seal = trial.cited(0).first()?.clone();
    let late = record.delivered_ns.iter().find(|((client, count), at_ns)| {
        let delivered = record.delivered.get(client).and_then(|mailbox| mailbox.get(count));
        let bundle = delivered.and_then(|one| record.submitted.get(&one.bundle?));
        bundle.is_some_and(|bundle| **at_ns > bundle.made_ns + CLOCK_NS)
    });
    let ((client, _), _) = late?;
    Some((accusation(seal.clone(), seal).0, mailbox_of(trial.run, &record.client_id(*client)?)))
}

/// Checks signatures without the deployment: what the sequencer of another one signed, with the same key, is of this one.
pub fn foreign_deployment(trial: &Trial<'_>) -> Option<Conviction> {
    let signer = world::signer(trial.drawn, trial.streams, ActorName::SEQUENCER, 0);
    let cut = trial.run.record.cuts.values().next()?;
    let other = Cut { previous: Digest::of(&[b"elsewhere"]), ..cut.clone() };
    let here = Signed::sign(cut.clone(), trial.run.trust.deployment, &*signer);
    let there = Signed::sign(other, Deployment(*b"another!"), &*signer);
    Some(accusation(here.cite(), there.cite()))
}

//! Wrong judges, with an adversary that makes evidence for them out of what honest actors signed.
//!
//! Each is a predicate that somebody might have written; each convicts actors that kept every promise.

use server::protocol::{
    cut::Reached,
    digest::Digest,
    evidence::Evidence,
    id::{ActorId, Role},
    predicate::equivocation::Equivocation,
    statement::Citation,
};

use crate::world::Run;

/// How late a delivery may be for a judge with a clock.
const CLOCK_NS: u64 = 50_000_000;

/// The seals that cuts cite, cut by cut, of one incoming actor.
fn cited(run: &Run, incoming: usize) -> Vec<Citation> {
    let reached = run.record.cuts.values().filter_map(|cut| cut.reached.get(incoming));
    reached.filter_map(|Reached { seal, .. }| *seal).collect()
}

fn accusation(first: Citation, second: Citation) -> (Evidence, ActorId) {
    (Equivocation { first, second }.into(), first.actor)
}

/// Takes any second citation of a slot, signed or not.
pub(super) fn unsigned_citation(run: &Run) -> Vec<(Evidence, ActorId)> {
    let seals = cited(run, 0);
    let forge = |seal: &Citation| Citation { digest: Digest::of(&[b"never signed"]), ..*seal };
    seals.first().map(|seal| accusation(*seal, forge(seal))).into_iter().collect()
}

/// Compares digests and forgets the slot.
pub(super) fn slot_ignored(run: &Run) -> Vec<(Evidence, ActorId)> {
    let seals = cited(run, 0);
    let different = seals.windows(2).find(|two| two[0].digest != two[1].digest);
    different.map(|two| accusation(two[0], two[1])).into_iter().collect()
}

/// Takes a receipt for a promise of the next epoch: whoever is cited as before has broken it.
pub(super) fn receipt_bound_to_epoch(run: &Run) -> Vec<(Evidence, ActorId)> {
    let actors = run.trust.roster.incoming() as usize;
    let late = (0..actors).find_map(|j| {
        let seals = cited(run, j);
        seals.windows(2).find(|two| two[0] == two[1]).map(|two| accusation(two[0], two[1]))
    });
    late.into_iter().collect()
}

/// Looks at a clock: a delivery that comes late blames the mailbox actor.
pub(super) fn clock_in_predicate(run: &Run) -> Vec<(Evidence, ActorId)> {
    let Some(seal) = cited(run, 0).first().copied() else { return Vec::new() };
    let late = run.record.delivered_ns.iter().find(|((client, count), at_ns)| {
        let delivered = run.record.delivered.get(client).and_then(|mailbox| mailbox.get(count));
        let bundle = delivered.and_then(|one| run.record.submitted.get(&one.bundle?));
        bundle.is_some_and(|bundle| **at_ns > bundle.made_ns + CLOCK_NS)
    });
    let mailbox = |client: u32| {
        let id = run.record.client_id(client)?;
        Some(ActorId::Server(Role::Mailbox, run.trust.roster.mailbox_of(&id)))
    };
    let blamed = late.and_then(|((client, _), _)| mailbox(*client));
    blamed.map(|actor| (accusation(seal, seal).0, actor)).into_iter().collect()
}

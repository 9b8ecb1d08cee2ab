//! Histories that are changed after an honest run, in one place each.

use server::protocol::{
    digest::Digest,
    id::{Epoch, Position, Role},
    statement::Kind,
};

use crate::{history::Moment, scenario::ActorName, world::Run};

/// Two deliveries of a client change places.
pub(super) fn swap_deliveries(run: &mut Run) -> Option<()> {
    let mailbox = run.record.delivered.values_mut().find(|mailbox| mailbox.len() > 1)?;
    let counts: Vec<_> = mailbox.keys().take(2).copied().collect();
    let (first, second) = (mailbox.get(&counts[0])?.clone(), mailbox.get(&counts[1])?.clone());
    mailbox.insert(counts[0], second);
    mailbox.insert(counts[1], first);
    Some(())
}

/// A receipt promises the next place.
pub(super) fn move_receipt(run: &mut Run) -> Option<()> {
    let bundle = run.record.submitted.values_mut().find(|bundle| bundle.receipt.is_some())?;
    let (at_ns, incoming, position) = bundle.receipt?;
    bundle.receipt = Some((at_ns, incoming, Position(position.0 + 1)));
    Some(())
}

/// A mailbox actor has left an epoch out.
pub(super) fn forget_attestation(run: &mut Run) -> Option<()> {
    run.record.attested.get_mut(&0)?.remove(&Epoch(1)).then_some(())
}

/// A witness keeps the sequencer suspected.
pub(super) fn frame(run: &mut Run) -> Option<()> {
    let now = Moment { at_ns: 1, epoch: Epoch(1) };
    run.record.blame.suspect(now, ActorName::new(Role::Witness, 0), ActorName::SEQUENCER, 0, "cut");
    Some(())
}

/// A witness has cosigned another head of a log, too: it had not kept the first when it answered.
pub(super) fn split_view(run: &mut Run) -> Option<()> {
    let (_, digests) = run.record.heads.iter_mut().find(|((_, kind, ..), _)| *kind == Kind::Cut)?;
    digests.insert(Digest::of(&[b"another branch"])).then_some(())
}

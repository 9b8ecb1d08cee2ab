//! I11: what an actor stores at the end is bounded by what is unfinished, not by what has passed.
//!
//! Each role has its own measure, in rows: what it keeps for every peer, what it keeps of the newest epochs whatever
//! happens, and what is unfinished: bundles without receipt, deliveries not made. Only a client may grow with what it
//! has done: it keeps its receipts, which are its own proof.

use server::{actor::mailbox::QUIET_EPOCHS, protocol::id::Role};

use super::Case;
use crate::scenario::ActorName;

/// Rows that an incoming actor keeps for each client: 64 bundles that may be asked for again, their receipts, and those behind.
const PER_SENDER: u64 = 3 * 64;
/// Ledgers of sealed runs that an incoming actor keeps, to show where bundles stand.
const LEDGERS: u64 = 1024;
/// Epochs that the sequencer keeps for whoever comes back, and others that a mailbox actor or witness may.
const EPOCHS_KEPT: u64 = 4096;
/// Rows of anything else.
const FIXED: u64 = 256;
/// Rows for each thing unfinished: itself, its statements, and what goes with it.
const PER_UNFINISHED: u64 = 8;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let mut rows = 0;
    for (name, stored) in case.record.stored.iter().filter(|(name, _)| case.is_honest(**name)) {
        let bound = bound(case, *name);
        if stored.rows > bound {
            return Err(format!("{name} keeps {} rows, {bound} would do", stored.rows));
        }
        rows += stored.rows;
    }
    Ok(format!("{rows} rows over {} actors", case.record.stored.len()))
}

/// The rows that a process may keep: those of all who live in it.
fn bound(case: &Case<'_>, process: ActorName) -> u64 {
    let monolith = case.drawn.architecture.is_monolith() && process == ActorName::SEQUENCER;
    let parts = [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox];
    match monolith {
        true => parts.iter().map(|role| bound_of(case, ActorName::new(*role, 0))).sum(),
        false => bound_of(case, process),
    }
}

fn bound_of(case: &Case<'_>, name: ActorName) -> u64 {
    let record = case.record;
    let clients = case.clients();
    let deliveries = |bundle: &crate::history::Submitted| bundle.recipients.len() - bundle.holders.len();
    let undelivered: usize = record.submitted.values().map(deliveries).sum();
    let unreceipted = record.submitted.values().filter(|bundle| bundle.receipt.is_none()).count();
    // what reached its client in the last moment is not acknowledged yet
    let outstanding = record.crowd.as_ref().map_or(0, |crowd| crowd.outstanding());
    let unfinished = (undelivered + unreceipted) as u64 + outstanding + 4 * clients;
    let kept = match name.role {
        Role::Client => {
            2 * record
                .submitted
                .range((name.index, Default::default())..)
                .take_while(|((client, _), _)| *client == name.index)
                .count() as u64
        }
        Role::Incoming => clients * PER_SENDER + LEDGERS,
        Role::Sequencer | Role::Witness => EPOCHS_KEPT + FIXED * u64::from(case.drawn.topology.incoming),
        // of each epoch that a client may still need: cut, attestation and the runs taken
        Role::Mailbox => {
            4 * clients + epochs_needed(case, unfinished) * (2 + u64::from(case.drawn.topology.incoming))
        }
        Role::Handler | Role::Operator => 0,
    };
    FIXED + kept + PER_UNFINISHED * unfinished
}

/// The epochs that a mailbox actor keeps: if all is delivered, those since clients were last shown that nothing was due.
fn epochs_needed(case: &Case<'_>, unfinished: u64) -> u64 {
    // a client that is gone for good might come back, for all that its mailbox actor knows
    let away =
        (0..case.drawn.topology.clients).any(|client| case.is_gone(ActorName::new(Role::Client, client)));
    // a client of a crowd leaves when it has all that is for it, and its mailbox actor keeps what it may need when it comes back
    let away = away || case.record.crowd.is_some();
    let settled = !away && unfinished <= 4 * case.clients();
    let cuts = case.record.cuts.len() as u64;
    if settled { cuts.min(4 * QUIET_EPOCHS) } else { cuts.min(EPOCHS_KEPT) }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::{history::Stored, scenario::ActorName};
    use server::protocol::id::Role;

    #[test]
    fn little_is_bounded() {
        let mut specimen = Specimen::honest();
        let stored = Stored { rows: 20, bytes: 999 };
        specimen.record.stored.insert(ActorName::new(Role::Mailbox, 0), stored);
        assert_eq!(specimen.fails("storage"), None);
    }

    #[test]
    fn an_actor_that_keeps_everything_is_found() {
        for (role, rows) in [(Role::Handler, 2000), (Role::Mailbox, 5000), (Role::Sequencer, 9000)] {
            let mut specimen = Specimen::honest();
            specimen.record.stored.insert(ActorName::new(role, 0), Stored { rows, bytes: 1 });
            assert!(specimen.fails("storage").unwrap().contains("rows"), "{role}");
        }
    }
}

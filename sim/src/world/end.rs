//! When a run is over: all is delivered, every fault is healed, nothing is owed; or the time to catch up has passed.

use std::sync::{Mutex, PoisonError};

use server::protocol::id::Role;

use super::World;
use crate::{
    history::Record,
    scenario::{ActorName, Blame, Pace},
};

/// How often a run looks whether it is over.
const LOOK_NS: u64 = 5_000_000;

impl World {
    /// Waits until everything is delivered and every fault healed, or the time to catch up is over.
    pub(super) async fn wait_for_the_end(&self, last_wanted: u64, busy: &Mutex<u32>) {
        let open = matches!(self.drawn.workload.pace, Pace::Open { .. });
        loop {
            self.time.sleep_until(self.time.now_ns() + LOOK_NS).await;
            let now = self.time.now_ns();
            self.bury();
            let Some(healed) = self.health.since_ns() else { continue };
            let record = self.history.record();
            let crowd_is_silent = record.crowd.as_ref().is_none_or(|crowd| crowd.to_want == 0);
            let sent = *busy.lock().unwrap_or_else(PoisonError::into_inner) == 0 && crowd_is_silent;
            let done = sent && now > healed && record.missing == 0 && record.unreceipted == 0;
            // what a crowd will want is not drawn ahead
            let ahead = open && record.crowd.is_none();
            let since = if ahead { last_wanted } else { last_wanted.max(record.progress_ns) };
            if done && self.handed_is_submitted(&record) && self.is_settled(&record) {
                return;
            }
            // who is suspected has that time from then on: one packet that was long under way is no verdict
            let suspected = record.blame.suspected().values().map(|since| since.at_ns).max().unwrap_or(0);
            if now > healed.max(since).max(suspected) + self.drawn.expect.catch_up_ns {
                return;
            }
        }
    }

    /// Whether all that is expected has come, and nothing is owed that is neither discharged nor suspected.
    fn is_settled(&self, record: &Record) -> bool {
        let expect = &self.drawn.expect;
        let accused = |name: &ActorName| {
            let id = self.id_of(*name);
            record.caught.iter().any(|caught| caught.evidence.accused() == id)
        };
        let suspected = record.blame.suspected();
        let process_of = |name: &ActorName| self.drawn.architecture.process_of(*name);
        let guilty = |name: &ActorName| match expect.blame {
            Blame::Exact => expect.suspected.contains(name),
            Blame::Guilty => record.attacks.keys().any(|(who, _)| process_of(who) == process_of(name)),
        };
        expect.exposed.iter().all(accused)
            && expect.suspected.iter().all(|name| suspected.contains_key(name))
            && expect.pairs.iter().all(|pair| record.blame.pairs.contains_key(pair))
            && expect.unserved.iter().all(|client| record.blame.unserved.contains_key(client))
            && suspected.keys().all(guilty)
            && !record.blame.has_open()
            && (0..self.drawn.topology.mailboxes).all(|index| self.has_caught_up(index, record))
    }

    /// Whether a mailbox actor has attested what is cut, but for what is on its way; if it is honest.
    fn has_caught_up(&self, index: u32, record: &Record) -> bool {
        let newest = record.attested.get(&index).and_then(|own| own.last()).map_or(0, |epoch| epoch.0);
        let mut neighbours = self.neighbours_of(ActorName::new(Role::Mailbox, index)).into_iter();
        neighbours.any(|name| self.schemes.contains_key(&name)) || newest + 10 >= record.epoch().0
    }

    fn handed_is_submitted(&self, record: &Record) -> bool {
        record.pending_draughts() == 0
    }
}

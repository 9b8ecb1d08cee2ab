//! Which transactions are under way: an actor whose disk stalls takes no step, and nobody gets an answer from it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{port::Time, protocol::id::ActorId};

/// The transactions that the actors of a process wait for, with when they began.
#[derive(Debug, Default)]
pub struct Commits(Mutex<BTreeMap<ActorId, Time>>);

impl Commits {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorId, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of this actor begins.
    pub fn begin(&self, actor: ActorId, now: Time) {
        self.lock().insert(actor, now);
    }

    /// It is durable.
    pub fn end(&self, actor: ActorId) {
        self.lock().remove(&actor);
    }

    /// An actor that has waited for one for longer than this, if there is one.
    pub fn stalled(&self, now: Time, limit_ns: u64) -> Option<ActorId> {
        self.lock().iter().find(|(_, began)| began.after(limit_ns) < now).map(|(actor, _)| *actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_stalls_while_its_transaction_takes_too_long() {
        let commits = Commits::default();
        commits.begin(ActorId::SEQUENCER, Time(10));
        assert_eq!(commits.stalled(Time(15), 5), None);
        assert_eq!(commits.stalled(Time(16), 5), Some(ActorId::SEQUENCER));
        commits.end(ActorId::SEQUENCER);
        assert_eq!(commits.stalled(Time(100), 5), None);
    }
}

//! Which transactions are under way: an actor whose disk stalls takes no step, and nobody gets an answer from it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    port::{Clock, Time, any_clock::AnyClock},
    protocol::id::ActorId,
};

/// The transactions that the actors of a process wait for, with when they began. (By a clock of its own: those of nodes begin with
/// them.)
pub struct Commits {
    clock: AnyClock,
    waiting: Mutex<BTreeMap<ActorId, Time>>,
}

impl Commits {
    /// None, as yet.
    pub fn new(clock: AnyClock) -> Self {
        Commits { clock, waiting: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorId, Time>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of this actor begins.
    pub fn begin(&self, actor: ActorId) {
        self.lock().insert(actor, self.clock.now());
    }

    /// It is durable.
    pub fn end(&self, actor: ActorId) {
        self.lock().remove(&actor);
    }

    /// An actor that has waited for one for longer than this, if there is one.
    pub fn stalled(&self, limit_ns: u64) -> Option<ActorId> {
        let now = self.clock.now();
        self.lock().iter().find(|(_, began)| began.after(limit_ns) < now).map(|(actor, _)| *actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::hand::Hand;

    #[test]
    fn an_actor_stalls_while_its_transaction_takes_too_long() {
        let hand = Hand::default();
        let commits = Commits::new(AnyClock::new(hand.clone()));
        hand.set(10);
        commits.begin(ActorId::SEQUENCER);
        hand.set(15);
        assert_eq!(commits.stalled(5), None);
        hand.set(16);
        assert_eq!(commits.stalled(5), Some(ActorId::SEQUENCER));
        commits.end(ActorId::SEQUENCER);
        assert_eq!(commits.stalled(5), None);
    }
}

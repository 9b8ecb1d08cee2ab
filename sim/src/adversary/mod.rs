//! Adversaries: honest actors in a wrapper that cheats.
//!
//! A wrapper has the actor's key, through its node, and no other privilege. Honest code knows nothing of it. One file
//! a family; each attack says which verdict it must end in.

pub mod mailbox;

use server::{
    actor::{Actor, Input, Issued, Step},
    port::Time,
    protocol::id::{ActorId, Epoch},
};

use crate::{history::History, scenario::ActorName};

/// What every adversary knows of its task.
#[derive(Clone)]
pub struct Task {
    /// Who it is.
    pub who: ActorName,
    /// The attack's name.
    pub attack: &'static str,
    /// Nanoseconds from the start until it first cheats.
    pub from_ns: u64,
    /// Where it confesses: attacks that never fired prove nothing.
    pub history: History,
}

impl Task {
    /// Whether it is time.
    pub fn is_on(&self, step: &Step) -> bool {
        step.now.0 >= self.from_ns
    }

    /// Confesses.
    pub fn fired(&self, epoch: Epoch) {
        self.history.attack(self.who, self.attack, epoch);
    }
}

/// An actor that may be honest or not.
pub type AnyActor = Box<dyn Actor>;

/// Drives whatever is in the box.
pub struct Boxed(pub AnyActor);

impl Actor for Boxed {
    fn me(&self) -> ActorId {
        self.0.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.0.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.0.handle(input, step);
    }

    fn settle(&mut self, step: &mut Step) {
        self.0.settle(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.0.release(issued, step);
    }

    fn deadline(&self) -> Option<Time> {
        self.0.deadline()
    }
}

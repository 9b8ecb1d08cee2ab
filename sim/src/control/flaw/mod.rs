//! Flaws: honest actors in a wrapper that makes one mistake, as a careless programmer might.
//!
//! Nobody told them to cheat, so every check counts them as honest: a check that sees nothing wrong with what they do is
//! too weak. A flaw uses the seams that adversaries use, and begins anew with every restart, as an actor's memory does.

mod client;
mod incoming;
mod mailbox;
mod witness;

use server::{
    actor::{Actor, Draft, Input, Issued, Recovered, Step, handler::Handler, sequencer::Sequencer},
    port::Time,
    protocol::{
        id::{ActorId, Role},
        statement::Trust,
    },
};

use super::Weakness;

/// A mistake of an actor; what it does not change is done right.
pub trait Flaw<A: Actor>: Send + 'static {
    /// Takes an input.
    fn handle(&mut self, actor: &mut A, input: Input, step: &mut Step) {
        actor.handle(input, step);
    }

    /// Ends a step.
    fn settle(&mut self, actor: &mut A, step: &mut Step) {
        actor.settle(step);
    }

    /// Takes a statement that is durable and signed.
    fn release(&mut self, actor: &mut A, issued: Issued, step: &mut Step) {
        actor.release(issued, step);
    }
}

/// An actor that may be given a flaw.
pub trait Fallible: Actor + Sized {
    /// Its part in a weakness, if it has one.
    fn flaw(_: Weakness, _: &Trust) -> Option<Box<dyn Flaw<Self>>> {
        None
    }
}

impl Fallible for Handler {}

impl Fallible for Sequencer {}

/// An actor with a flaw.
pub struct Flawed<A> {
    actor: A,
    flaw: Box<dyn Flaw<A>>,
}

impl<A: Actor> Flawed<A> {
    /// Gives an actor a flaw.
    pub fn new(actor: A, flaw: Box<dyn Flaw<A>>) -> Self {
        Flawed { actor, flaw }
    }
}

impl<A: Actor> Actor for Flawed<A> {
    fn me(&self) -> ActorId {
        self.actor.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.actor.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.flaw.handle(&mut self.actor, input, step);
    }

    fn settle(&mut self, step: &mut Step) {
        self.flaw.settle(&mut self.actor, step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.flaw.release(&mut self.actor, issued, step);
    }

    fn deadline(&self) -> Option<Time> {
        self.actor.deadline()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        self.actor.statement_row(draft)
    }
}

/// What an actor that recovers wrongly makes of what it finds in its storage.
pub fn recover(weakness: Weakness, role: Role, recovered: &mut Recovered) {
    match (weakness, role) {
        (Weakness::ForgottenSenders, Role::Incoming) => incoming::forget_senders(recovered),
        (Weakness::GivenUpUnproven, Role::Incoming) => incoming::forget_handing_over(recovered),
        (Weakness::DoubleRelease, Role::Incoming) => incoming::release_again(recovered),
        (Weakness::RangeFromStorage, Role::Mailbox) => mailbox::count_what_is_stored(recovered),
        _ => {}
    }
}

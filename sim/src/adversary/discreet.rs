//! A server that cheats in one role and keeps its other roles quiet about it.
//!
//! In a monolith the part that finds a cheat is the cheater's own server. One that cheats does not accuse itself, nor does it
//! demand in public what it withholds from itself; what exposes it then is what others hold. It goes on answering whoever asks.

use server::{
    actor::{Actor, Draft, Input, Issued, Notice, Step},
    port::Time,
    protocol::{evidence::Evidence, id::ActorId, message::Message},
};

/// A server that says nothing against itself.
pub struct Discreet<A> {
    inner: A,
    parts: Vec<ActorId>,
}

impl<A: Actor> Discreet<A> {
    /// This server, which is all of these actors.
    pub fn new(inner: A, parts: Vec<ActorId>) -> Self {
        Discreet { inner, parts }
    }

    fn hush(&self, step: &mut Step) {
        let own = |evidence: &Evidence| self.parts.contains(&evidence.accused());
        step.notices.retain(|notice| !matches!(notice, Notice::Caught(evidence) if own(evidence)));
        step.sends_of_parts.retain(|(_, _, message)| match message {
            Message::Exposed(evidence) => !own(evidence),
            // whatever a server demands it demands of itself
            Message::Posted(_) => false,
            _ => true,
        });
    }
}

impl<A: Actor> Actor for Discreet<A> {
    fn me(&self) -> ActorId {
        self.inner.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.inner.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.inner.handle(input, step);
    }

    fn handle_as(&mut self, part: ActorId, input: Input, step: &mut Step) {
        self.inner.handle_as(part, input, step);
    }

    fn settle(&mut self, step: &mut Step) {
        self.inner.settle(step);
        self.hush(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.inner.release(issued, step);
        self.hush(step);
    }

    fn deadline(&self) -> Option<Time> {
        self.inner.deadline()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        self.inner.statement_row(draft)
    }
}

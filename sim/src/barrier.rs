//! The barrier: what a cut is compared with.
//!
//! A cut takes whatever seals are there; a barrier would wait until every incoming actor has one. This wrapper makes the
//! production sequencer wait so: it holds seals back until one of each actor is there, and hands on all of them at once.
//! An idle actor seals nothing, and everybody waits for it; that is what a barrier is.
//!
//! # Invariants
//! - Seals of one actor are handed on in the order in which they came; what the sequencer then does is its own affair.

use std::collections::VecDeque;

use server::{
    actor::{Actor, Draft, Input, Issued, Step},
    port::Time,
    protocol::{
        id::{ActorId, Role},
        message::Message,
    },
};

/// A sequencer behind a barrier.
pub struct Barrier<A> {
    sequencer: A,
    /// The seals that wait, of each incoming actor.
    waiting: Vec<VecDeque<Input>>,
}

impl<A> Barrier<A> {
    /// Before a sequencer that orders so many incoming actors.
    pub fn new(sequencer: A, incoming: u32) -> Self {
        Barrier { sequencer, waiting: (0..incoming).map(|_| VecDeque::new()).collect() }
    }
}

/// Of which incoming actor an input is a seal, if it comes from there.
fn sealed(input: &Input) -> Option<usize> {
    match input {
        Input::Message(ActorId::Server(Role::Incoming, j), Message::Sealed(_)) => Some(*j as usize),
        _ => None,
    }
}

impl<A: Actor> Actor for Barrier<A> {
    fn me(&self) -> ActorId {
        self.sequencer.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.sequencer.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        let Some(waiting) = sealed(&input).and_then(|j| self.waiting.get_mut(j)) else {
            return self.sequencer.handle(input, step);
        };
        waiting.push_back(input);
        if self.waiting.iter().all(|waiting| !waiting.is_empty()) {
            for seal in self.waiting.iter_mut().flat_map(|waiting| waiting.drain(..)) {
                self.sequencer.handle(seal, step);
            }
        }
    }

    fn settle(&mut self, step: &mut Step) {
        self.sequencer.settle(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.sequencer.release(issued, step);
    }

    fn deadline(&self) -> Option<Time> {
        self.sequencer.deadline()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        self.sequencer.statement_row(draft)
    }
}

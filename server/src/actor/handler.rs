//! The request handler: takes the requests of clients to the incoming actor that serves them, and the answers back.
//!
//! It signs nothing and keeps nothing. What it cannot hand on it answers with *retry later*, so that a client
//! never waits for a bundle that nobody has.
//!
//! # Invariants
//! - A submission is forwarded unchanged, or answered.

use std::collections::BTreeSet;

use super::{Actor, Input, Issued, Setup, Step};
use crate::{
    port::Time,
    protocol::{
        id::{ActorId, BundleNumber, ClientId, Role},
        message::Message,
    },
};

/// When to try again if the incoming actor cannot be reached.
const RETRY_MS: u32 = 20;

/// The request handler.
pub struct Handler {
    index: u32,
    setup: Setup,
    connected: BTreeSet<ActorId>,
}

impl Handler {
    /// Handler `index` of the roster.
    pub fn new(index: u32, setup: Setup) -> Self {
        Handler { index, setup, connected: BTreeSet::new() }
    }

    fn submit(&self, from: ActorId, message: Message, step: &mut Step) {
        let Message::Submit(submission) = &message else { return };
        let ActorId::Client(client) = submission.bundle.claimed_actor() else { return };
        let incoming = ActorId::Server(Role::Incoming, self.setup.trust.roster.incoming_of(&client));
        if self.connected.contains(&incoming) {
            return step.send(incoming, message);
        }
        let number = BundleNumber(submission.bundle.claimed_slot());
        step.send(from, Message::RetryLater { client, number, after_ms: RETRY_MS });
    }

    fn answer(&self, client: ClientId, message: Message, step: &mut Step) {
        // a client that is not connected will ask again
        if self.connected.contains(&ActorId::Client(client)) {
            step.send(ActorId::Client(client), message);
        }
    }
}

impl Actor for Handler {
    fn me(&self) -> ActorId {
        ActorId::Server(Role::Handler, self.index)
    }

    fn dials(&self) -> Vec<ActorId> {
        (0..self.setup.trust.roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j)).collect()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) => {
                self.connected.insert(peer);
            }
            Input::Disconnected(peer) => {
                self.connected.remove(&peer);
            }
            Input::Message(from, message @ Message::Submit(_)) => self.submit(from, message, step),
            Input::Message(_, Message::Receipted(receipted)) => {
                self.answer(receipted.client, Message::Receipted(receipted), step);
            }
            Input::Message(_, Message::Placed(placement)) => {
                self.answer(placement.client, Message::Placed(placement), step);
            }
            Input::Message(_, Message::Refused(refusal, client)) => {
                self.answer(client, Message::Refused(refusal, client), step);
            }
            _ => {}
        }
    }

    fn settle(&mut self, _: &mut Step) {}

    fn release(&mut self, _: Issued, _: &mut Step) {}

    fn deadline(&self) -> Option<Time> {
        None
    }
}

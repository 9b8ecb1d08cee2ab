//! A group of a crowd: the clients that submit through one request handler, on one machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use server::protocol::{
    id::{ActorId, Role},
    message::Message,
    statement::Citation,
};

use super::people::Person;

/// For so long an ack may be lost with the connection, or with the process at its other end.
const ACK_NS: u64 = 1_000_000_000;

/// A bundle without receipt.
pub struct Open {
    /// Its submission.
    pub submit: Message,
    /// When to send it again; none if its turn has not come.
    pub again_at: Option<u64>,
    /// How often it was sent.
    pub attempts: u32,
}

/// A group.
#[derive(Default)]
pub struct Group {
    /// Its clients: of crowd member i, number i / groups of group i % groups.
    pub people: Vec<Person>,
    /// The newest cut that any of them was shown.
    pub seen: Option<Citation>,
    /// Bundles without receipt, by sender and number.
    pub open: BTreeMap<(u32, u64), Open>,
    /// When each of them is sent again.
    pub due: BTreeSet<(u64, u32, u64)>,
    /// Who waits for bundles of each mailbox actor.
    pub waiting: BTreeMap<u32, BTreeSet<u32>>,
    /// The acks of late, by mailbox actor, with their signer and when they were sent.
    acks: BTreeMap<u32, VecDeque<(u64, u32, Message)>>,
}

impl Group {
    /// Of these.
    pub fn of(people: Vec<Person>) -> Self {
        Group { people, ..Group::default() }
    }

    /// A cut was shown to one of them.
    pub fn see(&mut self, cut: Citation) {
        if self.seen.as_ref().is_none_or(|seen| seen.slot < cut.slot) {
            self.seen = Some(cut);
        }
    }

    /// A bundle is sent, now or again, and again at this time if nothing comes of it.
    pub fn schedule(&mut self, (sender, number): (u32, u64), at_ns: u64) {
        let Some(open) = self.open.get_mut(&(sender, number)) else { return };
        if let Some(before) = open.again_at.replace(at_ns) {
            self.due.remove(&(before, sender, number));
        }
        self.due.insert((at_ns, sender, number));
    }

    /// A bundle has its receipt; whether it had none.
    pub fn close(&mut self, (sender, number): (u32, u64)) -> bool {
        let Some(open) = self.open.remove(&(sender, number)) else { return false };
        if let Some(at_ns) = open.again_at {
            self.due.remove(&(at_ns, sender, number));
        }
        true
    }

    /// The bundles of a sender that may be out at once.
    pub fn turn(&self, sender: u32, most: u64) -> impl Iterator<Item = (u64, &Open)> {
        let own = self.open.range((sender, 0)..=(sender, u64::MAX));
        let oldest = own.clone().next().map_or(0, |((_, number), _)| *number);
        own.map(|((_, number), open)| (*number, open)).take_while(move |(number, _)| *number < oldest + most)
    }

    /// Whether a sender has bundles without receipt.
    pub fn has_open(&self, sender: u32) -> bool {
        self.open.range((sender, 0)..=(sender, u64::MAX)).next().is_some()
    }

    /// An ack is sent; it is kept for as long as it may be lost.
    pub fn acknowledged(&mut self, mailbox: u32, signer: u32, ack: Message, now: u64) {
        let acks = self.acks.entry(mailbox).or_default();
        while acks.front().is_some_and(|(sent, ..)| sent + ACK_NS < now) {
            acks.pop_front();
        }
        acks.push_back((now, signer, ack));
    }

    /// The acks of late to a mailbox actor.
    pub fn acks(&self, mailbox: u32, now: u64) -> impl Iterator<Item = (u32, &Message)> {
        let acks = self.acks.get(&mailbox).into_iter().flatten();
        acks.filter(move |(sent, ..)| sent + ACK_NS >= now).map(|(_, signer, ack)| (*signer, ack))
    }

    /// Whether anyone waits for something of an actor.
    pub fn waits(&self, actor: ActorId) -> bool {
        match actor.index_of(Role::Mailbox) {
            Some(mailbox) => self.waiting.get(&mailbox).is_some_and(|waiting| !waiting.is_empty()),
            None => !self.open.is_empty(),
        }
    }
}

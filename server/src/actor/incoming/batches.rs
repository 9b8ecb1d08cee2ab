//! The sending half: sealed runs, until every mailbox actor has attested them.
//!
//! Each subscriber has a cursor; what it has not got is pushed in order as soon as it exists. The sequencer gets
//! the seals, a mailbox actor the part of each run that concerns the clients it hosts.
//!
//! # Invariants
//! - A subscriber gets every batch from its cursor on, without a gap.
//! - A batch is given up only when every mailbox actor of the roster has said that it has attested it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Logged, ledgers::Ledgers, room::bytes_of};
use crate::{
    actor::{Step, docket::witnesses},
    protocol::{
        batch::Batch,
        bundle::Parcel,
        id::{ActorId, BatchNumber, Position, Role},
        merkle::Tree,
        message::Message,
        roster::Roster,
        seal::{Manifest, Seal},
        statement::Signed,
    },
};

/// A sealed run.
pub struct Sealed {
    seal: Signed<Seal>,
    manifest: Manifest,
    tree: Tree,
    run: Vec<Logged>,
}

impl Sealed {
    /// A run with its seal and manifest.
    pub fn new(seal: Signed<Seal>, manifest: Manifest, run: Vec<Logged>) -> Self {
        let tree = Tree::new(run.iter().map(|logged| logged.leaf).collect());
        Sealed { seal, manifest, tree, run }
    }

    /// What concerns the clients that a mailbox actor hosts.
    fn part_for(&mut self, mailbox: u32, roster: &Roster) -> Batch {
        let range = roster.hosted_by(mailbox);
        let manifest = self.manifest.prune_to_range(range);
        let mut indices: Vec<u64> = manifest
            .range(range)
            .unwrap_or_default()
            .into_iter()
            .flat_map(|(_, positions)| positions.0.iter().map(|position| position.0 - self.seal.start.0))
            .collect();
        indices.sort_unstable();
        indices.dedup();
        let parcels = indices.iter().map(|index| self.parcel(*index, mailbox, roster)).collect();
        Batch { seal: self.seal.to_unverified(), leaves: self.tree.open(&indices), manifest, parcels }
    }

    fn parcel(&self, index: u64, mailbox: u32, roster: &Roster) -> Parcel {
        let Logged { submission, .. } = &self.run[index as usize];
        let tree = submission.content.tree();
        let hosted = submission.content.envelopes().iter().enumerate();
        let hosted = hosted.filter(|(_, envelope)| roster.mailbox_of(&envelope.recipient) == mailbox);
        Parcel {
            position: Position(self.seal.start.0 + index),
            bundle: submission.bundle.clone(),
            payload: submission.content.payload().to_vec(),
            envelopes: hosted.map(|(i, envelope)| (envelope.clone(), tree.open(&[i as u64]))).collect(),
        }
    }
}

#[derive(Default)]
struct Subscriber {
    connected: bool,
    /// The next batch to send.
    next: BatchNumber,
    /// All before this is attested.
    have: BatchNumber,
}

/// The sealed runs of an incoming actor that some mailbox actor has not attested.
pub struct Batches {
    roster: Arc<Roster>,
    sealed: BTreeMap<BatchNumber, Sealed>,
    subscribers: BTreeMap<ActorId, Subscriber>,
    /// All before this is attested by every mailbox actor, unless one has moved on since that was asked.
    done: BatchNumber,
    moved: bool,
    kept: usize,
    kept_bytes: u64,
}

impl Batches {
    /// None yet.
    pub fn new(roster: Arc<Roster>) -> Self {
        let mailboxes = (0..roster.mailboxes()).map(|k| ActorId::Server(Role::Mailbox, k));
        let known = mailboxes.chain(std::iter::once(ActorId::SEQUENCER)).chain(witnesses(&roster));
        let subscribers = known.map(|who| (who, Subscriber::default())).collect();
        let (sealed, done) = (BTreeMap::new(), BatchNumber(0));
        Batches { roster, sealed, subscribers, done, moved: false, kept: 0, kept_bytes: 0 }
    }

    /// How many bundles are kept, and how many bytes of them.
    pub fn kept(&self) -> (usize, u64) {
        (self.kept, self.kept_bytes)
    }

    /// Takes a run over from the receiving half.
    pub fn add(&mut self, sealed: Sealed) {
        self.kept += sealed.run.len();
        self.kept_bytes += bytes_of(&sealed.run);
        self.sealed.insert(sealed.seal.batch, sealed);
    }

    /// A subscriber wants everything from here on. Others than the roster's get nothing.
    pub fn subscribe(&mut self, who: ActorId, next: BatchNumber) {
        if let Some(subscriber) = self.subscribers.get_mut(&who) {
            (subscriber.connected, subscriber.next) = (true, next);
        }
    }

    /// A subscriber is gone; it will say where to go on.
    pub fn disconnect(&mut self, who: ActorId) {
        if let Some(subscriber) = self.subscribers.get_mut(&who) {
            subscriber.connected = false;
        }
    }

    /// A mailbox actor has attested all before this.
    pub fn have(&mut self, who: ActorId, before: BatchNumber) {
        if let Some(subscriber) = self.subscribers.get_mut(&who) {
            // only who was last can have held up the others
            self.moved |= subscriber.have == self.done && before > self.done;
            subscriber.have = subscriber.have.max(before);
        }
    }

    /// Sends everybody what is new.
    pub fn push_all(&mut self, ledgers: &Ledgers, step: &mut Step) {
        let all: Vec<ActorId> = self.subscribers.keys().copied().collect();
        all.into_iter().for_each(|who| self.push(who, ledgers, step));
    }

    /// Sends one subscriber what is new to it.
    pub fn push(&mut self, who: ActorId, ledgers: &Ledgers, step: &mut Step) {
        let Some(subscriber) = self.subscribers.get_mut(&who).filter(|subscriber| subscriber.connected)
        else {
            return;
        };
        if who.role() == Role::Witness {
            for (batch, ledger) in ledgers.from(subscriber.next) {
                step.send(who, Message::Ledger(Box::new(ledger.clone())));
                subscriber.next = batch.next();
            }
            return;
        }
        for (batch, sealed) in self.sealed.range_mut(subscriber.next..) {
            let message = match who {
                ActorId::Server(Role::Mailbox, k) => {
                    Message::Batch(Box::new(sealed.part_for(k, &self.roster)))
                }
                _ => Message::Sealed(sealed.seal.to_unverified()),
            };
            step.send(who, message);
            subscriber.next = batch.next();
        }
    }

    /// A mailbox actor's part of a run.
    pub fn part(&mut self, batch: BatchNumber, mailbox: u32) -> Option<Batch> {
        let roster = self.roster.clone();
        self.sealed.get_mut(&batch).map(|sealed| sealed.part_for(mailbox, &roster))
    }

    /// Takes out what every mailbox actor has attested: batch, start and end.
    pub fn retire(&mut self) -> Vec<(BatchNumber, Position, Position)> {
        // an actor that was put back to what it was before seals anew what all have attested
        let stale = self.sealed.first_key_value().is_some_and(|(batch, _)| *batch < self.done);
        if !std::mem::take(&mut self.moved) && !stale {
            return Vec::new();
        }
        let mailboxes = self.subscribers.iter().filter(|(who, _)| who.role() == Role::Mailbox);
        let done = mailboxes.map(|(_, subscriber)| subscriber.have).min().unwrap_or_default();
        self.done = done;
        let kept = self.sealed.split_off(&done);
        let retired = std::mem::replace(&mut self.sealed, kept);
        self.kept -= retired.values().map(|sealed| sealed.run.len()).sum::<usize>();
        self.kept_bytes -= retired.values().map(|sealed| bytes_of(&sealed.run)).sum::<u64>();
        retired.into_iter().map(|(batch, sealed)| (batch, sealed.seal.start, sealed.seal.end)).collect()
    }
}

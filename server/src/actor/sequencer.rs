//! The sequencer: one signed cut an epoch over the seals of all incoming actors.
//!
//! It orders references, never messages: its work does not grow with their number. An incoming actor that is late
//! is cited as before and misses the cut; the next one takes all it has sealed meanwhile.
//!
//! # Invariants
//! - Every cut is derived from seals that it verified and that extend, link by link, what the last cut cites.
//! - What it has acknowledged is durable, so the next cut takes it whatever happens meanwhile.
//! - A cut is made once every incoming actor has sealed something new, but not sooner than half an epoch length after the one
//!   before; an epoch length after that if some seal is new; without news one each heartbeat.

use std::collections::BTreeMap;

use super::{
    Actor, Input, Issued, RecoverError, Recovered, Setup, Step,
    docket::{Docket, accuse, witnesses},
    numbers::Numbers,
    step::{Notice, row},
};
use crate::{
    port::Time,
    protocol::{
        attestation::Attestation,
        board::{Attachment, Exhibit, Posting},
        challenge::Demand,
        codec::{Decode, DecodeError, Encode, Reader},
        cut::{Cut, Reached},
        digest::Digest,
        id::{ActorId, BatchNumber, Epoch, Role, SequenceId},
        message::Message,
        predicate::equivocation::Equivocation,
        seal::Seal,
        seal_ack::SealAck,
        statement::{Citation, Kind, Signed, Statement as _, Unverified},
    },
};

/// Rows: incoming actor → what was acknowledged of it.
const HELD: u8 = 1;

/// How many seals of an incoming actor are remembered.
const RECENT_MAX: u64 = 64;

/// Cuts kept for subscribers that lag or come back, beyond what any of them still lacks.
const KEPT_MAX: u64 = 4096;
/// By so many epochs an attestation is ahead of the one before that is looked at: cuts are given up that many at a time.
const LOOKED_AT: u64 = 256;

/// The sequencer.
pub struct Sequencer {
    setup: Setup,
    /// What the next cut reaches, by incoming actor.
    reached: Vec<Reached>,
    last: Option<Signed<Cut>>,
    news: bool,
    last_at: Option<Time>,
    /// When it took its first step: it may have started among actors that say nothing.
    began_at: Option<Time>,
    cuts: BTreeMap<Epoch, Signed<Cut>>,
    subscribers: BTreeMap<ActorId, Subscriber>,
    /// The last seals of each incoming actor: two versions of its log would show here.
    recent: BTreeMap<(u32, BatchNumber), Citation>,
    /// Seals taken in this step.
    taken: Vec<Citation>,
    acks: Numbers,
    docket: Docket,
}

#[derive(Default)]
struct Subscriber {
    connected: bool,
    /// The next epoch to send.
    next: Epoch,
    /// All before this is done with, as it has signed.
    have: Epoch,
}

impl Sequencer {
    /// The sequencer, with what it had stored.
    pub fn recover(setup: Setup, recovered: Recovered) -> Result<Self, RecoverError> {
        let mut cuts = BTreeMap::new();
        let mut acks = Numbers::default();
        let mut docket = Docket::new(ActorId::SEQUENCER, setup.terms_of(ActorId::SEQUENCER));
        for issued in recovered.statements {
            docket.recover(&issued);
            match issued {
                Issued::Cut(cut) => {
                    cuts.insert(cut.epoch, cut);
                }
                Issued::SealAck(ack) => acks.recover(ack.number),
                _ => {}
            }
        }
        let last = cuts.last_key_value().map(|(_, cut)| cut.clone());
        let roster = &setup.trust.roster;
        let incoming = roster.incoming() as usize;
        // all of them, connected or not: nothing may be given up that one of them still lacks
        let readers = (0..roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j));
        let readers = readers.chain((0..roster.mailboxes()).map(|k| ActorId::Server(Role::Mailbox, k)));
        let readers = readers.chain(witnesses(roster));
        let subscribers = readers.map(|who| (who, Subscriber::default())).collect();
        let ordered = last.as_ref().map_or(vec![Reached::default(); incoming], |cut| cut.reached.clone());
        let mut reached = ordered.clone();
        for (key, value) in &recovered.rows {
            let (j, held) = held_row(key, value).map_err(RecoverError::of("seal"))?;
            if let Some(reached) = reached.get_mut(j as usize).filter(|reached| reached.end <= held.end) {
                *reached = held;
            }
        }
        let news = reached != ordered;
        let (taken, recent) = (Vec::new(), BTreeMap::new());
        Ok(Sequencer {
            setup,
            reached,
            last,
            news,
            last_at: None,
            began_at: None,
            cuts,
            subscribers,
            recent,
            taken,
            acks,
            docket,
        })
    }

    /// Takes a seal that extends what is held of its actor.
    fn take(&mut self, from: ActorId, seal: Unverified<Seal>, step: &mut Step) {
        let suspicious = |why: String| Notice::Suspicious { from, why };
        if seal.claimed_actor() != from && from.role() != Role::Witness {
            return step.notice(suspicious("a seal of another actor".to_owned()));
        }
        step.work.verified += 1;
        let seal = match seal.verify(&self.setup.trust) {
            Ok(seal) => seal,
            Err(error) => return step.disbelieve(from, &error),
        };
        let Some(reached) = self.reached.get(seal.incoming as usize) else { return };
        let (slot, previous) =
            reached.seal.as_ref().map_or((0, Digest::ZERO), |held| (held.slot + 1, held.digest));
        if seal.batch.0 < slot {
            let known = self.known(seal.incoming, seal.batch);
            if let Some(other) = known.filter(|known| known.digest != seal.digest()) {
                accuse(Equivocation { first: other, second: seal.cite() }, &self.setup.trust, step);
            }
            return;
        }
        if (seal.batch.0, seal.previous, seal.start) != (slot, previous, reached.end) {
            if from.role() == Role::Witness {
                return; // what it missed comes first
            }
            return step.notice(suspicious(format!("seal {} does not extend the one before it", seal.batch)));
        }
        let held = self.last.as_ref().and_then(|cut| cut.reached[seal.incoming as usize].seal.clone());
        if held != reached.seal {
            step.notice(Notice::Reached("several seals of one actor went into one cut"));
        }
        let reached = Reached { seal: Some(seal.cite()), end: seal.end };
        step.put(row(HELD, &seal.incoming.to_be_bytes()), reached.to_bytes());
        self.reached[seal.incoming as usize] = reached;
        self.taken.push(seal.cite());
        self.recent.insert((seal.incoming, seal.batch), seal.cite());
        if let Some(old) = seal.batch.0.checked_sub(RECENT_MAX) {
            self.recent.remove(&(seal.incoming, BatchNumber(old)));
        }
        self.news = true;
        if let Some(seen) = &seal.seen {
            self.done_with(seal.actor(), Epoch(seen.slot), step);
        }
    }

    /// A mailbox actor has attested a cut: it needs none before. Without its signature nobody is done with anything, or a
    /// stranger could have what it still needs given up.
    fn attested(&mut self, from: ActorId, attestation: Unverified<Attestation>, step: &mut Step) {
        let Some(subscriber) = self.subscribers.get(&attestation.claimed_actor()) else { return };
        if attestation.claimed_slot() < subscriber.have.0.saturating_add(LOOKED_AT) {
            return;
        }
        step.work.verified += 1;
        match attestation.verify(&self.setup.trust) {
            Ok(attestation) => self.done_with(attestation.actor(), attestation.epoch, step),
            Err(error) => step.disbelieve(from, &error),
        }
    }

    /// A reader has signed that it has the cut of this epoch.
    fn done_with(&mut self, reader: ActorId, epoch: Epoch, step: &mut Step) {
        if let Some(subscriber) = self.subscribers.get_mut(&reader).filter(|reader| reader.have < epoch) {
            subscriber.have = epoch;
            self.prune(step);
        }
    }

    /// A seal of this batch number that it has seen: lately, or before a crash and put into a cut.
    fn known(&self, incoming: u32, batch: BatchNumber) -> Option<Citation> {
        let recent = self.recent.get(&(incoming, batch)).cloned();
        recent.or_else(|| {
            let mut cited =
                self.cuts.values().filter_map(|cut| cut.reached.get(incoming as usize)?.seal.clone());
            cited.find(|seal| seal.slot == batch.0)
        })
    }

    /// Says that it holds what arrived in this step. `after` is the last cut, this step's included.
    fn acknowledge(&mut self, after: Epoch, step: &mut Step) {
        let seals = std::mem::take(&mut self.taken);
        if seals.is_empty() {
            return;
        }
        let number = self.acks.take(Kind::SealAck, step);
        step.promise(SealAck { number, terms: self.setup.terms_of(ActorId::SEQUENCER), after, seals });
    }

    /// A witness relays a challenge: it is answered if it can be, and asked again if not.
    fn challenged(&mut self, witness: ActorId, posting: Posting, step: &mut Step) {
        let Ok(challenge) = posting.challenge.verify(&self.setup.trust) else { return };
        if challenge.target != ActorId::SEQUENCER {
            return;
        }
        if let (Demand::Order(_), Attachment::Seal(seal)) = (&challenge.demand, posting.attachment) {
            self.take(witness, seal, step);
        }
        let Some(last) = &self.last else { return };
        let shown = match &challenge.demand {
            Demand::Cut(epoch) => last.epoch >= *epoch,
            Demand::Order(seal) => {
                let reached = seal.actor.index_of(Role::Incoming).and_then(|j| last.reached.get(j as usize));
                reached
                    .and_then(|reached| reached.seal.clone())
                    .is_some_and(|reached| reached.slot >= seal.slot)
            }
            _ => false,
        };
        if shown {
            let exhibit = Exhibit::Cut(last.to_unverified());
            self.docket.answer(witness, challenge.cite(), exhibit, step);
        }
    }

    fn due(&self) -> Option<Time> {
        let timing = &self.setup.timing;
        match (self.last_at, self.news) {
            (None, true) => Some(Time(0)),
            (None, false) => self.began_at.map(|began| began.after(timing.heartbeat_ns)),
            (Some(last), true) if self.has_all() => Some(last.after(timing.epoch_ns / 2)),
            (Some(last), true) => Some(last.after(timing.epoch_ns)),
            (Some(last), false) => Some(last.after(timing.heartbeat_ns)),
        }
    }

    /// Whether every incoming actor has sealed something that no cut reaches: then there is nobody to wait for.
    fn has_all(&self) -> bool {
        let ordered = |j: usize| self.last.as_ref().and_then(|cut| cut.reached.get(j)?.seal.clone());
        self.reached.iter().enumerate().all(|(j, reached)| reached.seal != ordered(j))
    }

    fn cut(&mut self, step: &mut Step) {
        let base = self.last.as_ref().map_or(SequenceId(0), |last| last.total);
        let cut = Cut {
            epoch: self.last.as_ref().map_or(Epoch(1), |last| last.epoch.next()),
            terms: self.setup.terms_of(ActorId::SEQUENCER),
            previous: self.last.as_ref().map_or(Digest::ZERO, Signed::digest),
            base,
            total: SequenceId(self.reached.iter().map(|reached| reached.end.0).sum()),
            reached: self.reached.clone(),
        };
        self.note_coverage(step);
        (self.news, self.last_at) = (false, Some(step.now));
        step.promise(cut);
    }

    fn note_coverage(&self, step: &mut Step) {
        let unchanged = |j: usize| self.last.as_ref().is_some_and(|cut| cut.reached[j] == self.reached[j]);
        let late = (0..self.reached.len()).filter(|j| unchanged(*j)).count();
        match late {
            0 => {}
            all if all == self.reached.len() => step.notice(Notice::Reached("a cut without news")),
            _ => step.notice(Notice::Reached("a late incoming actor missed a cut")),
        }
    }

    fn push(&mut self, to: ActorId, step: &mut Step) {
        let Some(subscriber) = self.subscribers.get_mut(&to).filter(|subscriber| subscriber.connected) else {
            return;
        };
        for (epoch, cut) in self.cuts.range(subscriber.next..) {
            step.send(to, Message::Ordered(cut.to_unverified()));
            subscriber.next = epoch.next();
        }
    }

    /// Gives up cuts that every subscriber has done with.
    fn prune(&mut self, step: &mut Step) {
        // a witness that is away finds what it missed with other witnesses; custody never waits for one
        let readers = self.subscribers.iter().filter(|(who, _)| who.role() != Role::Witness);
        let done = readers.map(|(_, subscriber)| subscriber.have).min().unwrap_or_default();
        let newest = self.last.as_ref().map_or(0, |cut| cut.epoch.0);
        while let Some(entry) = self.cuts.first_entry() {
            let epoch = *entry.key();
            if epoch >= done || epoch.0 + KEPT_MAX > newest {
                return;
            }
            step.forget(Kind::Cut, epoch.0);
            entry.remove();
        }
    }
}

/// Reads back what was acknowledged of an incoming actor.
fn held_row(key: &[u8], value: &[u8]) -> Result<(u32, Reached), DecodeError> {
    let mut key = Reader::new(key.get(1..).unwrap_or_default());
    let incoming = key.u32()?;
    key.end()?;
    Ok((incoming, Reached::from_bytes(value)?))
}

impl Actor for Sequencer {
    fn me(&self) -> ActorId {
        ActorId::SEQUENCER
    }

    fn dials(&self) -> Vec<ActorId> {
        (0..self.setup.trust.roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j)).collect()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(ActorId::Server(Role::Incoming, j)) => {
                let next = self.reached.get(j as usize).and_then(|reached| reached.seal.clone());
                let from = next.map_or(0, |seal| seal.slot + 1);
                step.send(ActorId::Server(Role::Incoming, j), Message::Subscribe(from));
            }
            Input::Disconnected(peer) => {
                if let Some(subscriber) = self.subscribers.get_mut(&peer) {
                    subscriber.connected = false;
                }
            }
            Input::Message(from, Message::Sealed(seal)) => self.take(from, seal, step),
            Input::Message(from, Message::Posted(posting)) if from.role() == Role::Witness => {
                self.challenged(from, *posting, step);
            }
            Input::Message(from, Message::Subscribe(epoch)) => {
                if let Some(subscriber) = self.subscribers.get_mut(&from) {
                    (subscriber.connected, subscriber.next) = (true, Epoch(epoch));
                    self.push(from, step);
                }
            }
            Input::Message(from, Message::Attested(attestation)) => self.attested(from, attestation, step),
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        let mut after = self.last.as_ref().map_or(Epoch(0), |last| last.epoch);
        self.began_at.get_or_insert(step.now);
        if self.due().is_some_and(|due| due <= step.now) {
            self.cut(step);
            after = after.next();
        }
        self.acknowledge(after, step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.docket.release(&issued, &self.setup.trust.roster, step);
        if let Issued::SealAck(ack) = &issued {
            self.acks.signed(ack.number);
            for seal in &ack.seals {
                step.send(seal.actor, Message::SealsHeld(ack.to_unverified()));
            }
        }
        let Issued::Cut(cut) = issued else { return };
        self.cuts.insert(cut.epoch, cut.clone());
        self.last = Some(cut);
        let all: Vec<ActorId> = self.subscribers.keys().copied().collect();
        all.into_iter().for_each(|subscriber| self.push(subscriber, step));
    }

    fn deadline(&self) -> Option<Time> {
        self.due()
    }
}

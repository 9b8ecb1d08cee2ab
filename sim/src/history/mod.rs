//! The history: what every client and actor did in a run, as an omniscient observer sees it.
//!
//! Checks read it and nothing else. It is told the same thing again when an actor recovers, and takes that as long
//! as it is the same; what differs is kept as a contradiction.
//!
//! # Invariants
//! - The history changes nothing: a run with another observer has the same fingerprint.

mod blame;
mod points;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use blame::{Blame, Exchange, Moment, Reply, Suspicion};
use reports::summary::Latency;

use server::{
    actor::{Draft, Notice, Step},
    node::Observer,
    port::Time,
    protocol::{
        codec::Reader,
        crypto::{PublicKey, Signature, Signer},
        cut::Cut,
        derivation::Entry,
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Count, Epoch, Position, Role},
        message::Message,
        statement::Kind,
    },
};

use crate::{
    fingerprint::Fingerprint,
    model::clock::VirtualTime,
    scenario::ActorName,
    trace::{self, Event, Trace, Turn},
    workload::Desk,
};

/// A bundle of a client: whose and which.
pub type BundleKey = (u32, BundleNumber);

/// A bundle that a client has taken over.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// When the application wanted it sent.
    pub wanted_ns: u64,
    /// When its client first took it over.
    pub made_ns: u64,
    /// Who gets it.
    pub recipients: Vec<u32>,
    /// The digest of its payload.
    pub payload: Digest,
    /// When the client held a receipt, from whom and for which position.
    pub receipt: Option<(u64, u32, Position)>,
    /// When the last recipient had it.
    pub delivered_ns: Option<u64>,
    /// Recipients that have it.
    pub holders: BTreeSet<u32>,
}

/// A delivery as its client was told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its place.
    pub entry: Entry,
    /// Whose bundle and which; none if it was no valid bundle.
    pub bundle: Option<BundleKey>,
    /// The digest of its payload.
    pub payload: Option<Digest>,
}

/// A bundle in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Whose and which.
    pub bundle: BundleKey,
    /// Its leaf.
    pub leaf: Digest,
    /// Its recipients.
    pub recipients: Vec<u32>,
}

/// A piece of evidence that someone produced.
#[derive(Clone, Debug)]
pub struct Caught {
    /// When.
    pub at_ns: u64,
    /// By whom.
    pub by: ActorName,
    /// The newest epoch at that time.
    pub epoch: Epoch,
    /// The evidence.
    pub evidence: Evidence,
}

/// What an actor has on its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Rows, its statements among them.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Everything observed in a run.
#[derive(Default)]
pub struct Record {
    /// Bundles, by client and number.
    pub submitted: BTreeMap<BundleKey, Submitted>,
    /// What each client was told, by its own count.
    pub delivered: BTreeMap<u32, BTreeMap<Count, Delivered>>,
    /// The queue of each incoming actor.
    pub queues: BTreeMap<u32, BTreeMap<Position, Appended>>,
    /// The cuts as the sequencer made them.
    pub cuts: BTreeMap<Epoch, Cut>,
    /// Who saw which cut.
    pub seen_cuts: BTreeMap<Epoch, BTreeMap<Digest, ActorName>>,
    /// Digests by actor, kind and slot, of statements that take a slot for good.
    pub slots: BTreeMap<(ActorName, Kind, u64), BTreeSet<Digest>>,
    /// Evidence, in the order found.
    pub caught: Vec<Caught>,
    /// Where two accounts of the same thing differ.
    pub contradictions: Vec<(ActorName, String)>,
    /// What clients could not use, and actors found suspicious.
    pub complaints: Vec<String>,
    /// Nodes that stopped by themselves.
    pub stopped: Vec<(ActorName, String)>,
    /// What honest witnesses and clients said about others.
    pub blame: Blame,
    /// The epochs that each mailbox actor has attested.
    pub attested: BTreeMap<u32, BTreeSet<Epoch>>,
    /// When each client had each delivery, by its own count.
    pub delivered_ns: BTreeMap<(u32, Count), u64>,
    /// How many rows each actor has stored at the end, and how many bytes.
    pub stored: BTreeMap<ActorName, Stored>,
    /// Points reached, and how often.
    pub coverage: BTreeMap<&'static str, u64>,
    /// Attacks carried out: when each actor began, and how often it cheated.
    pub attacks: BTreeMap<(ActorName, &'static str), (Epoch, u64)>,
    /// Faults that had an effect, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Draughts that clients had no room for.
    pub overloaded: u64,
    /// Bundles wanted of clients that were gone for good.
    pub abandoned: u64,
    /// When each actor that had crashed last started again.
    pub came_back: BTreeMap<ActorName, u64>,
    /// Who was killed for good.
    pub dead: BTreeSet<ActorName>,
    /// Nodes that stopped because their disk failed them.
    pub halted: Vec<(ActorName, String)>,
    /// Whose state was lost, by a fault.
    pub lost: BTreeSet<ActorName>,
    /// Who has admitted that.
    pub retired: BTreeSet<ActorName>,
    /// Draughts handed over and lost when the client crashed, before they were durable.
    pub lost_with_crash: u64,
    /// Signatures made, by role.
    pub signed: BTreeMap<&'static str, u64>,
    /// Steps and inputs over all actors.
    pub steps: u64,
    /// Inputs handled.
    pub inputs: u64,
    /// Deliveries still to be made.
    pub missing: u64,
    /// Bundles still without receipt.
    pub unreceipted: u64,
    /// When something last moved on.
    pub progress_ns: u64,
    /// Latencies from when the application wanted a bundle sent.
    pub receipt: Latency,
    /// To each recipient.
    pub delivery: Latency,
    /// Heads that each witness has cosigned: the digests, by log and slot.
    pub heads: BTreeMap<(ActorName, Kind, ActorId, u64), BTreeSet<Digest>>,
    /// The trace, if it is kept.
    pub trace: Option<Trace>,
    /// What was sent on its way to a client, if it is kept.
    pub letters: Option<Vec<Message>>,
    wanted: BTreeMap<u64, u64>,
    /// Handed over and not yet submitted, by client.
    handed: BTreeMap<u32, u64>,
    /// Submitted and without receipt, by client.
    open: BTreeMap<u32, u64>,
    /// Who waits for the receipts of each client.
    desks: BTreeMap<u32, Desk>,
    clients: BTreeMap<ClientId, u32>,
}

/// The history of a run, shared by its observers.
#[derive(Clone)]
pub struct History {
    record: Arc<Mutex<Record>>,
    time: VirtualTime,
    fingerprint: Fingerprint,
}

impl History {
    /// Empty; clients are known by index from here on.
    pub fn new(
        clients: &[ClientId],
        cheaters: BTreeSet<ActorName>,
        trace: bool,
        time: VirtualTime,
        fingerprint: Fingerprint,
    ) -> Self {
        let clients = clients.iter().enumerate().map(|(index, id)| (*id, index as u32)).collect();
        let blame = Blame::new(cheaters);
        let record = Record { clients, blame, trace: trace.then(Trace::default), ..Record::default() };
        History { record: Arc::new(Mutex::new(record)), time, fingerprint }
    }

    /// The hash over everything so far.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.value()
    }

    /// The record.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the record out, at the end of a run.
    pub fn take(&self) -> Record {
        std::mem::take(&mut *self.record())
    }

    /// The desk of a client is told of its receipts.
    pub fn inform(&self, client: u32, desk: Desk) {
        self.record().desks.insert(client, desk);
    }

    /// Keeps all that clients are sent: what any of them could hold against others.
    pub fn keep_letters(&self) {
        self.record().letters = Some(Vec::new());
    }

    /// The observer of one node.
    pub fn observer(&self, who: ActorName) -> NodeObserver {
        NodeObserver { who, history: self.clone() }
    }

    /// The application wants a bundle sent, now or since a while ago.
    pub fn wanted(&self, token: u64, at_ns: u64) {
        self.record().wanted.insert(token, at_ns);
    }

    /// The application of a client has handed a draught over.
    pub fn handed(&self, client: u32) {
        *self.record().handed.entry(client).or_default() += 1;
    }

    /// Bundles will never be handed over, because their client is gone for good.
    pub fn abandoned(&self, count: u64) {
        self.record().abandoned += count;
    }

    /// A client (re)starts: what it had not made durable is lost.
    pub fn started(&self, client: u32) {
        let mut record = self.record();
        record.lost_with_crash += record.handed.remove(&client).unwrap_or(0);
    }

    /// A witness (re)starts: it says again what is open.
    pub fn witness_started(&self, who: ActorName) {
        let mut record = self.record();
        let now = Moment { at_ns: self.time.now_ns(), epoch: record.epoch() };
        record.blame.restarted(now, who);
    }

    /// Bundles of a client that are handed over and have no receipt.
    pub fn in_flight(&self, client: u32) -> u64 {
        let record = self.record();
        let count = |counts: &BTreeMap<u32, u64>| counts.get(&client).copied().unwrap_or(0);
        count(&record.handed) + count(&record.open)
    }

    /// An adversary cheats in this epoch.
    pub fn attack(&self, who: ActorName, attack: &'static str, epoch: Epoch) {
        self.record().attacks.entry((who, attack)).or_insert((epoch, 0)).1 += 1;
        self.event(Some(who), || format!("attack {attack} in epoch {epoch}"));
    }

    /// A fault had an effect.
    pub fn fault(&self, kind: &'static str) {
        *self.record().faults.entry(kind).or_default() += 1;
    }

    /// An actor admits that it lost state.
    fn retired(&self, who: ActorName) {
        let mut record = self.record();
        record.retired.insert(who);
        record.leave(self.time.now_ns(), who);
    }

    /// An actor that had crashed starts again.
    pub fn comes_back(&self, who: ActorName) {
        self.record().came_back.insert(who, self.time.now_ns());
        self.event(Some(who), || "starts again".to_owned());
    }

    /// A point is reached that only the world can see.
    pub fn cover(&self, point: &'static str) {
        self.record().cover(point);
    }

    /// An actor is killed for good.
    pub fn dies(&self, who: ActorName) {
        let mut record = self.record();
        record.dead.insert(who);
        record.leave(self.time.now_ns(), who);
    }

    /// Something for the trace, if it is kept; it happens in the newest epoch.
    fn trace(&self, event: Event) {
        let mut record = self.record();
        let epoch = record.epoch();
        if let Some(trace) = &mut record.trace {
            trace.events.push(Event { epoch, ..event });
        }
    }

    /// Something for the trace and the fingerprint.
    pub fn event(&self, who: Option<ActorName>, what: impl FnOnce() -> String) {
        self.event_about(None, who, what());
    }

    fn event_about(&self, bundle: Option<BundleKey>, who: Option<ActorName>, what: String) {
        let now = self.time.now_ns();
        self.fingerprint.event(now, what.as_bytes());
        self.trace(Event { at_ns: now, who, epoch: Epoch(0), bundle, what });
    }
}

impl Record {
    /// A client by its index.
    pub fn client(&self, id: &ClientId) -> Option<u32> {
        self.clients.get(id).copied()
    }

    /// The id of a client.
    pub fn client_id(&self, index: u32) -> Option<ClientId> {
        self.clients.iter().find(|(_, known)| **known == index).map(|(id, _)| *id)
    }

    /// Now, for whoever has the time.
    pub fn moment(&self, at_ns: u64) -> Moment {
        Moment { at_ns, epoch: self.epoch() }
    }

    /// Draughts handed over to clients that run and have not said what became of them.
    pub fn pending_draughts(&self) -> u64 {
        self.handed.values().sum()
    }

    /// The newest epoch.
    pub fn epoch(&self) -> Epoch {
        self.cuts.last_key_value().map_or(Epoch(0), |(epoch, _)| *epoch)
    }

    /// An actor is gone for good. What a client was handed and had not made durable is lost; what a witness has on its
    /// board binds nobody.
    fn leave(&mut self, at_ns: u64, who: ActorName) {
        match who.role {
            Role::Client => {
                self.lost_with_crash += self.handed.remove(&who.index).unwrap_or(0);
                self.desks.get(&who.index).into_iter().for_each(Desk::close);
            }
            Role::Witness => self.blame.restarted(self.moment(at_ns), who),
            _ => {}
        }
    }

    fn take_over(
        &mut self,
        now: u64,
        client: u32,
        token: u64,
        number: BundleNumber,
        to: &[ClientId],
        payload: Digest,
    ) {
        let recipients: Vec<u32> = to.iter().filter_map(|id| self.client(id)).collect();
        let wanted_ns = self.wanted.get(&token).copied().unwrap_or(now);
        let missing = recipients.len() as u64;
        let fresh = Submitted {
            wanted_ns,
            made_ns: now,
            recipients,
            payload,
            receipt: None,
            delivered_ns: None,
            holders: BTreeSet::new(),
        };
        match self.submitted.get(&(client, number)) {
            None => {
                (self.missing, self.unreceipted) = (self.missing + missing, self.unreceipted + 1);
                *self.open.entry(client).or_default() += 1;
                let handed = self.handed.entry(client).or_default();
                *handed = handed.saturating_sub(1);
                self.submitted.insert((client, number), fresh);
            }
            Some(known) if (&known.recipients, known.payload) != (&fresh.recipients, payload) => {
                let why = format!("client/{client} made bundle {number} twice, differently");
                self.contradictions.push((ActorName::new(Role::Client, client), why));
            }
            Some(_) => {}
        }
    }

    fn receipt(&mut self, now: u64, client: u32, number: BundleNumber, incoming: u32, position: Position) {
        let Some(bundle) = self.submitted.get_mut(&(client, number)) else {
            let why = format!("client/{client} has a receipt for {number}, never submitted");
            return self.contradictions.push((ActorName::new(Role::Client, client), why));
        };
        match bundle.receipt {
            None => {
                bundle.receipt = Some((now, incoming, position));
                self.receipt.record(now.saturating_sub(bundle.wanted_ns));
                (self.unreceipted, self.progress_ns) = (self.unreceipted - 1, now);
                *self.open.entry(client).or_default() -= 1;
                self.desks.get(&client).into_iter().for_each(Desk::moved);
            }
            Some((_, _, known)) if known != position => {
                let why = format!("client/{client} has receipts for {number} at {known} and {position}");
                self.contradictions.push((ActorName::new(Role::Client, client), why));
            }
            Some(_) => {}
        }
    }

    fn deliver(&mut self, now: u64, client: u32, count: Count, delivered: Delivered) {
        let mailbox = self.delivered.entry(client).or_default();
        if let Some(known) = mailbox.get(&count) {
            if *known != delivered {
                let why = format!("client/{client} was told two things at count {count}");
                self.contradictions.push((ActorName::new(Role::Client, client), why));
            }
            return;
        }
        let mut reached = None;
        let bundle = delivered.bundle.and_then(|key| self.submitted.get_mut(&key));
        let bundle = bundle.filter(|bundle| bundle.recipients.contains(&client));
        if let Some(bundle) = bundle.filter(|bundle| !bundle.holders.contains(&client)) {
            bundle.holders.insert(client);
            reached = delivered.bundle;
            self.delivery.record(now.saturating_sub(bundle.wanted_ns));
            (self.missing, self.progress_ns) = (self.missing - 1, now);
            if bundle.holders.len() == bundle.recipients.len() {
                bundle.delivered_ns = Some(now);
            }
        }
        mailbox.insert(count, delivered);
        if let Some(key) = reached {
            let points = points::of_delivery(&self.submitted[&key], key.0, self);
            points.into_iter().for_each(|point| self.cover(point));
        }
        self.delivered_ns.insert((client, count), now);
    }

    fn append(&mut self, incoming: u32, position: Position, appended: Appended) {
        let queue = self.queues.entry(incoming).or_default();
        if queue.get(&position).is_some_and(|known| *known != appended) {
            let why = format!("incoming/{incoming} appended two bundles at {position}");
            self.contradictions.push((ActorName::new(Role::Incoming, incoming), why));
        }
        queue.insert(position, appended);
    }

    fn take(&mut self, now: u64, who: ActorName, notice: Notice) {
        points::of_notice(&notice, who, self).into_iter().for_each(|point| self.cover(point));
        match notice {
            Notice::Submitted { token, number, recipients, payload } => {
                self.take_over(now, who.index, token, number, &recipients, payload);
            }
            Notice::Overloaded { .. } => {
                self.overloaded += 1;
                let handed = self.handed.entry(who.index).or_default();
                *handed = handed.saturating_sub(1);
            }
            Notice::Receipted { number, incoming, position } => {
                self.receipt(now, who.index, number, incoming, position);
            }
            Notice::Delivered { count, entry, sender, number, payload, .. } => {
                let bundle = self.client(&sender).map(|sender| (sender, number));
                self.deliver(now, who.index, count, Delivered { entry, bundle, payload: Some(payload) });
            }
            Notice::Dropped { count, entry, .. } => {
                self.deliver(now, who.index, count, Delivered { entry, bundle: None, payload: None });
            }
            Notice::Appended { position, client, number, leaf, recipients } => {
                let recipients = recipients.iter().filter_map(|id| self.client(id)).collect();
                let Some(client) = self.client(&client) else { return };
                self.append(who.index, position, Appended { bundle: (client, number), leaf, recipients });
            }
            Notice::SawCut { epoch, digest } => {
                self.seen_cuts.entry(epoch).or_default().entry(digest).or_insert(who);
            }
            Notice::Unusable { why } => self.complaints.push(format!("{who}: {why}")),
            Notice::Suspicious { from, why } => self.complaints.push(format!("{who} about {from}: {why}")),
            Notice::Refused { .. } | Notice::Retired { .. } => {}
            Notice::Acknowledged { .. } => {}
            Notice::Reached(point) => self.cover(point),
            notice @ (Notice::Complained { .. }
            | Notice::ComplaintAnswered { .. }
            | Notice::Obliged { .. }
            | Notice::Idle { .. }
            | Notice::Discharged { .. }
            | Notice::Suspected { .. }
            | Notice::Pair { .. }
            | Notice::Unserved { .. }) => self.take_blame(now, who, notice),
            Notice::Caught(evidence) => {
                let epoch = self.epoch();
                let known = self.caught.iter().any(|caught| caught.evidence == *evidence);
                if !known {
                    self.caught.push(Caught { at_ns: now, by: who, epoch, evidence: *evidence });
                }
            }
        }
    }

    /// The name of whoever has this id, if it takes part.
    fn name_of(&self, id: &ActorId) -> Option<ActorName> {
        match id {
            ActorId::Client(client) => Some(ActorName::new(Role::Client, self.client(client)?)),
            ActorId::Server(role, index) => Some(ActorName::new(*role, *index)),
        }
    }

    /// What somebody says of somebody else.
    fn take_blame(&mut self, at_ns: u64, who: ActorName, notice: Notice) {
        let now = Moment { at_ns, epoch: self.epoch() };
        match notice {
            Notice::Complained { number, against, .. } => {
                let Some(against) = self.name_of(&against) else { return };
                self.blame.complain(now, who, number, against);
            }
            Notice::ComplaintAnswered { number, how, .. } => {
                let reply = if how == "admission" { Reply::Admission } else { Reply::Defence };
                self.cover(if reply == Reply::Admission { "a complaint was admitted" } else { how });
                self.blame.reply(who, number, reply);
            }
            Notice::Obliged { id, target, demand, .. } => {
                let Some(target) = self.name_of(&target) else { return };
                self.blame.open(now, who, target, id, demand);
            }
            Notice::Suspected { id, target, demand } => {
                let Some(target) = self.name_of(&target) else { return };
                self.blame.suspect(now, who, target, id, demand);
            }
            Notice::Idle { id } => self.blame.idle(who, id),
            Notice::Discharged { id, .. } => self.blame.clear(now, who, id),
            Notice::Pair { one, other, .. } => {
                let (Some(one), Some(other)) = (self.name_of(&one), self.name_of(&other)) else { return };
                self.blame.pair(now, who, one, other);
            }
            Notice::Unserved { .. } => self.blame.unserved(now, who),
            _ => {}
        }
    }

    /// Counts a point reached.
    pub fn cover(&mut self, point: &'static str) {
        *self.coverage.entry(point).or_default() += 1;
    }
}

/// A signer whose every signature is seen: a statement that is signed before it is durable would be missed by an
/// observer of what is durable.
pub struct SeenSigner {
    /// Whose key it is.
    pub who: ActorName,
    /// The key.
    pub signer: Box<dyn Signer>,
    /// Where it is seen.
    pub history: History,
}

impl Signer for SeenSigner {
    fn public(&self) -> PublicKey {
        self.signer.public()
    }

    fn sign(&self, preimage: &[u8]) -> Signature {
        if let Some((kind, slot, digest)) = slot_of(preimage).filter(|(kind, ..)| kind.exclusive()) {
            let mut record = self.history.record();
            record.slots.entry((self.who, kind, slot)).or_default().insert(digest);
            if record.lost.contains(&self.who) && kind != Kind::Recovery {
                let why = format!("{} signs {} {slot} after it lost state", self.who, kind.name());
                record.contradictions.push((self.who, why));
            }
        }
        self.signer.sign(preimage)
    }
}

/// Kind, slot and digest of a preimage: `tag(6) ‖ deployment(8) ‖ kind(1) ‖ actor ‖ slot(8) ‖ digest(32)`.
fn slot_of(preimage: &[u8]) -> Option<(Kind, u64, Digest)> {
    let kind = Kind::from_byte(*preimage.get(14)?)?;
    let (_, tail) = preimage.split_at_checked(preimage.len().checked_sub(40)?)?;
    let mut tail = Reader(tail);
    Some((kind, tail.u64().ok()?, Digest(tail.array().ok()?)))
}

/// Observes one node.
pub struct NodeObserver {
    who: ActorName,
    history: History,
}

impl Observer for NodeObserver {
    fn promised(&mut self, _: Time, draft: &Draft, digest: Digest) {
        let (kind, slot, who) = (draft.kind(), draft.slot(), self.who);
        let bundle = (kind == Kind::Bundle).then_some((who.index, BundleNumber(slot)));
        let what = format!("promises {} {slot} {digest:?}", kind.name());
        self.history.event_about(bundle, Some(who), what);
        if let Draft::Cut(cut) = draft {
            self.history.record().cuts.insert(cut.epoch, cut.clone());
        }
        if let Some(point) = points::of_statement(draft) {
            self.history.record().cover(point);
        }
        if matches!(draft, Draft::Recovery(_)) {
            self.history.retired(who);
        }
        if let Draft::Attestation(attestation) = draft {
            let mut record = self.history.record();
            record.attested.entry(attestation.mailbox).or_default().insert(attestation.epoch);
        }
        if let Draft::Cosignature(cosignature) = draft {
            let mut record = self.history.record();
            for head in &cosignature.heads {
                let log = (self.who, head.kind, head.actor, head.slot);
                record.heads.entry(log).or_default().insert(head.digest);
            }
        }
    }

    fn notice(&mut self, _: Time, notice: Notice) {
        let now = self.history.time.now_ns();
        let traced = self.history.record().trace.is_some();
        if traced {
            let bundle = trace::bundle_of(&notice, self.who, &self.history.record());
            let what = trace::describe(&notice);
            self.history.trace(Event { at_ns: now, who: Some(self.who), epoch: Epoch(0), bundle, what });
        }
        self.history.record().take(now, self.who, notice);
    }

    fn stepped(&mut self, now: Time, step: &Step) {
        let to_ns = self.history.time.now_ns();
        let mut record = self.history.record();
        if let Some(trace) = &mut record.trace {
            let from_ns = to_ns.saturating_sub(now.0.saturating_sub(step.now.0));
            let (who, inputs, signed) = (self.who, step.work.inputs, step.work.signed);
            trace.turns.push(Turn { who, from_ns, to_ns, inputs, signed });
        }
        record.steps += 1;
        record.inputs += step.work.inputs;
        *record.signed.entry(self.who.role.name()).or_default() += step.work.signed;
        if let Some(letters) = &mut record.letters {
            let sent = step.sends.iter().map(|(_, message)| message);
            letters.extend(sent.filter(|message| is_for_a_client(message)).cloned());
        }
    }
}

fn is_for_a_client(message: &Message) -> bool {
    matches!(message, Message::Delivery(_) | Message::Receipted(_))
}

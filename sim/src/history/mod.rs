//! The history: what every client and actor did in a run, as an omniscient observer sees it.
//!
//! Checks read it and nothing else. It is told the same thing again when an actor recovers, and takes that as long
//! as it is the same; what differs is kept as a contradiction.
//!
//! # Invariants
//! - The history changes nothing: a run with another observer has the same fingerprint.

mod blame;
mod commits;
mod digests;
mod flow;
mod observer;
mod points;
mod telling;
mod trend;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use blame::{Blame, Exchange, Moment, Reply, Suspicion};
pub use commits::Commits;
pub use digests::Digests;
pub use flow::Flow;
pub use observer::{NodeObserver, SeenSigner};
use reports::summary::Latency;
pub use trend::Trend;

use server::protocol::{
    cut::Cut,
    derivation::Entry,
    digest::Digest,
    evidence::Evidence,
    id::{ActorId, BundleNumber, ClientId, Count, Epoch, Position},
    message::Message,
    statement::Kind,
};

use crate::{
    crowd::Account,
    fingerprint::Fingerprint,
    model::clock::VirtualTime,
    scenario::ActorName,
    trace::{Event, Trace},
    windows::Windows,
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
    /// The version of the roster that it had.
    pub roster: u32,
    /// The evidence.
    pub evidence: Evidence,
}

/// What an actor did wrong in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cheats {
    /// When it began.
    pub at_ns: u64,
    /// The epoch of that.
    pub epoch: Epoch,
    /// How often it did.
    pub count: u64,
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
    pub slots: BTreeMap<(ActorName, Kind, u64), Digests>,
    /// The version of the roster that each actor started with last.
    pub rosters: BTreeMap<ActorName, u32>,
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
    pub attacks: BTreeMap<(ActorName, &'static str), Cheats>,
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
    /// What they sign all the same.
    pub signed_after_loss: Vec<(ActorName, String)>,
    /// Who reads a disk of which only that tells whether it lost something, and what each has signed since it started.
    pub reading: BTreeMap<ActorName, Vec<String>>,
    /// Draughts handed over and lost when the client crashed, before they were durable.
    pub lost_with_crash: u64,
    /// Signatures made, by role.
    pub signed: BTreeMap<&'static str, Windows>,
    /// Transactions of all actors.
    pub commits: Commits,
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
    /// The same over the time at which bundles were wanted.
    pub trend: Trend,
    /// When bundles of single clients were accepted and delivered.
    pub flow: Flow,
    /// What a crowd has sent and got, if there is one.
    pub crowd: Option<Box<Account>>,
    /// Heads that each witness has cosigned: the digests, by log and slot.
    pub heads: BTreeMap<(ActorName, Kind, ActorId, u64), Digests>,
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

    /// The observer of one process, in which these live; where roles are counted it goes by the label.
    pub fn observer(&self, who: ActorName, parts: Vec<ActorName>, label: &'static str) -> NodeObserver {
        NodeObserver { who, parts, label, shelf: None, history: self.clone() }
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

    /// These start with the roster of this version.
    pub fn has_roster(&self, who: impl Iterator<Item = ActorName>, version: u32) {
        self.record().rosters.extend(who.map(|who| (who, version)));
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
        let first = Cheats { at_ns: self.time.now_ns(), epoch, count: 0 };
        self.record().attacks.entry((who, attack)).or_insert(first).count += 1;
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
        {
            let mut record = self.record();
            record.came_back.insert(who, self.time.now_ns());
            // what it signed before it read its disk again was right as far as anybody knew
            record.reading.get_mut(&who).into_iter().for_each(Vec::clear);
        }
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
    /// The first slot of this kind that an actor has not signed.
    pub fn signed_next(&self, who: ActorName, kind: Kind) -> u64 {
        let signed = self.slots.range((who, kind, 0)..=(who, kind, u64::MAX)).next_back();
        signed.map_or(0, |((_, _, slot), _)| slot + 1)
    }

    /// These have started on a disk of which nobody knows yet whether it lost something.
    pub fn begin_to_read(&mut self, who: &[ActorName]) {
        self.reading.extend(who.iter().map(|who| (*who, Vec::new())));
    }

    /// They have read it.
    pub fn have_read(&mut self, who: &[ActorName]) {
        self.reading.retain(|reader, _| !who.contains(reader));
    }

    /// Someone's state is lost: what it has signed since it started to read counts.
    pub fn loses(&mut self, who: ActorName) {
        self.lost.insert(who);
        let signed = self.reading.remove(&who).unwrap_or_default();
        self.signed_after_loss.extend(signed.into_iter().map(|what| (who, what)));
    }

    /// Someone signs something that takes a slot for good.
    fn signs(&mut self, who: ActorName, kind: Kind, slot: u64) {
        let what = || format!("{} {slot}", kind.name());
        if kind == Kind::Recovery {
            return;
        }
        if self.lost.contains(&who) {
            self.signed_after_loss.push((who, what()));
        } else if let Some(signed) = self.reading.get_mut(&who) {
            signed.push(what());
        }
    }

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

    /// Counts a point reached.
    pub fn cover(&mut self, point: &'static str) {
        *self.coverage.entry(point).or_default() += 1;
    }
}

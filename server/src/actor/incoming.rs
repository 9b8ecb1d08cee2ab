//! The incoming actor: takes the bundles of its clients into a durable queue, and hands runs of it on.
//!
//! Two halves that flip. The [`Receiving`] half verifies, appends and promises places ([`Receipt`]); when the
//! *sending* half is free and time has come, the run it has gathered is closed by a [`Seal`] and becomes the sending
//! half's: the seal goes to the sequencer, the bundles go to the mailbox actors that host their recipients.
//!
//! # Invariants
//! - The queue is append-only, contiguous for each client, and durable before a receipt leaves.
//! - A bundle is admitted only when every cut it cites has been seen (rule R10), so the next seal cites at least it.
//! - A sealed run is kept until every mailbox actor has attested it.
//! - Nothing is dropped silently: a bundle is appended, held for the one before it, or refused.

mod admission;
mod batches;
mod custody;
mod disputes;
mod handed;
mod ledgers;
mod receiving;
mod room;
mod views;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use admission::Admission;
pub use admission::{IN_FLIGHT_MAX, RECENT};
use batches::{Batches, Sealed};
use handed::Handed;
pub use handed::{ATTESTED, CUT as ATTESTED_CUT};
use ledgers::{LEDGER, Ledgers};
use receiving::{RUN_MAX, Receiving};
pub use room::QUEUE_MAX;
use room::{Room, bytes_of};
use views::Views;

use super::{
    Actor, Input, Issued, RecoverError, Recovered, Setup, Step,
    docket::{Docket, accuse},
    step::{Notice, row},
};
use crate::{
    port::Time,
    protocol::{
        attestation::Attestation,
        bundle::Submission,
        codec::{Decode, Encode},
        cut::Cut,
        digest::Digest,
        id::{ActorId, BatchNumber, BundleNumber, ClientId, Epoch, Position, Role},
        map::Map,
        merkle::Tree,
        message::Message,
        predicate::{
            chain::{BrokenChain, Linked},
            equivocation::Equivocation,
        },
        receipt::{Receipt, bundle_leaf},
        refusal::Refusal,
        seal::{Manifest, Positions, Seal},
        seal_ack::SealAck,
        statement::{Citation, Signed, Unverified},
    },
};

/// Rows: position → submission.
pub const LOG: u8 = 1;
/// Row: the citation of the last cut seen.
const SEEN: u8 = 3;

/// How many cuts are remembered for the attestations of mailbox actors that lag, times the seals that each cites.
const ORDERED_MAX: usize = 16_384;
/// What a refused client is told to wait.
const RETRY_AFTER_MS: u32 = 50;

/// A bundle in the queue.
#[derive(Clone)]
pub struct Logged {
    /// The bundle with its content.
    pub submission: Submission,
    /// Its leaf.
    pub leaf: Digest,
}

impl Logged {
    /// A submission as it stands in the queue.
    pub fn new(submission: Submission) -> Self {
        Logged { leaf: bundle_leaf(&submission.bundle.cite()), submission }
    }
}

/// A run of the queue, about to be sealed.
pub struct Run {
    /// The position of its first bundle.
    pub start: Position,
    /// The bundles.
    pub bundles: Vec<Logged>,
    /// Recipient → positions.
    pub manifest: Manifest,
}

/// The incoming actor.
pub struct Incoming {
    index: u32,
    setup: Setup,
    admission: Admission,
    receiving: Receiving,
    sending: Batches,
    ledgers: Ledgers,
    docket: Docket,
    views: Views,
    /// The seals that no cut has taken yet, with when each was out.
    unordered: BTreeMap<BatchNumber, (Signed<Seal>, Time)>,
    /// The last attestation of each mailbox actor: two versions of its log would show here.
    attested: BTreeMap<u32, Unverified<Attestation>>,
    /// The sequencer's last word on this actor's seals.
    held: Option<Unverified<SealAck>>,
    seen: Option<Citation>,
    /// The cuts seen last, each with the first batch of this actor that it does not reach.
    ordered: BTreeMap<Epoch, (Arc<Unverified<Cut>>, BatchNumber)>,
    handed: Handed,
    /// Placements to show again in this step: to whom, of which run, of which client.
    asked_again: BTreeSet<(ActorId, BatchNumber, ClientId)>,
    last_seal: Option<(Seal, Digest)>,
    flipped_at: Option<Time>,
    /// The newest seal that every mailbox actor has attested.
    guard: Option<BatchNumber>,
    /// The seal promised in this step, with its run.
    sealing: Option<Run>,
    notices: Vec<Notice>,
}

impl Incoming {
    /// Incoming actor `index`, with what it had stored.
    pub fn recover(index: u32, setup: Setup, recovered: Recovered) -> Result<Self, RecoverError> {
        let me = ActorId::Server(Role::Incoming, index);
        let mut actor = Incoming {
            index,
            admission: Admission::new(index, setup.trust.clone()),
            receiving: Receiving::new(),
            sending: Batches::new(setup.trust.roster.clone()),
            ledgers: Ledgers::default(),
            docket: Docket::new(me, setup.terms_of(me)),
            views: Views::default(),
            unordered: BTreeMap::new(),
            attested: BTreeMap::new(),
            held: None,
            seen: None,
            ordered: BTreeMap::new(),
            handed: Handed::default(),
            asked_again: BTreeSet::new(),
            last_seal: None,
            flipped_at: None,
            guard: None,
            sealing: None,
            notices: Vec::new(),
            setup,
        };
        let mut log = BTreeMap::new();
        for (key, value) in &recovered.rows {
            let (table, key) = key.split_first().unwrap_or((&0, &[]));
            match *table {
                LOG => {
                    let position = Position::from_bytes(key).map_err(RecoverError::of("position"))?;
                    log.insert(
                        position,
                        Submission::from_bytes(value).map_err(RecoverError::of("submission"))?,
                    );
                }
                LEDGER => actor.ledgers.recover(value).map_err(RecoverError::of("ledger"))?,
                ATTESTED | ATTESTED_CUT => {
                    let error = RecoverError::of("what a mailbox actor has attested");
                    actor.handed.recover(*table, key, value).map_err(error)?;
                }
                RECENT => actor.admission.recover(key, value).map_err(RecoverError::of("admission"))?,
                SEEN => {
                    let cut = Citation::from_bytes(value).map_err(RecoverError::of("citation of a cut"))?;
                    actor.let_in(cut.clone());
                    actor.seen = Some(cut);
                }
                _ => {}
            }
        }
        actor.recover_queue(log, recovered.statements);
        Ok(actor)
    }

    /// Puts sealed runs back into the sending half, and the rest into the receiving half.
    fn recover_queue(&mut self, mut log: BTreeMap<Position, Submission>, statements: Vec<Issued>) {
        for (position, submission) in &log {
            self.notices.push(appended(*position, &Logged::new(submission.clone())));
        }
        for issued in statements {
            self.docket.recover(&issued);
            match issued {
                Issued::Receipt(receipt) => self.admission.recover_receipt(receipt),
                Issued::Seal(seal) => {
                    let rest = log.split_off(&seal.end);
                    let run: Vec<Logged> =
                        std::mem::replace(&mut log, rest).into_values().map(Logged::new).collect();
                    self.receiving.start = seal.end;
                    self.receiving.chain = seal.chain;
                    self.last_seal = Some(((*seal).clone(), seal.digest()));
                    if run.len() as u64 != seal.count() {
                        self.guard = Some(seal.batch);
                    } else {
                        // out before the crash or not, its time begins anew
                        self.unordered.insert(seal.batch, (seal.clone(), Time(0)));
                        let manifest = manifest(seal.start, &run);
                        if !self.ledgers.has(seal.batch) {
                            self.ledgers.add(&seal, &run, &manifest);
                        }
                        self.sending.add(Sealed::new(seal.clone(), manifest, run));
                    }
                }
                _ => {}
            }
        }
        self.receiving.run = log.into_values().map(Logged::new).collect();
        self.receiving.bytes = bytes_of(&self.receiving.run);
        self.receiving.chain =
            self.receiving.run.iter().fold(self.receiving.chain, |chain, l| chain.append(l.leaf));
        self.receiving.receipted = self.receiving.run.len();
    }

    /// All of a step but the sealing: appends what has arrived and is in order, promises its places, makes public what
    /// is owed to this actor.
    pub fn receive(&mut self, step: &mut Step) {
        step.notices.append(&mut self.notices);
        self.append(step);
        self.promise_receipt(step);
        self.ledgers.store(step);
        self.demand_order(step);
    }

    /// The bundles that have a place and no seal yet.
    pub fn unsealed(&mut self) -> &mut Vec<Logged> {
        &mut self.receiving.run
    }

    fn append(&mut self, step: &mut Step) {
        let (bundles, bytes) = self.sending.kept();
        let room = Room::besides(bundles + self.receiving.run.len(), bytes + self.receiving.bytes);
        let outcome = self.admission.admit(room, step);
        for (client, number, bundle, reason) in outcome.refused {
            let (incoming, terms) = (self.index, self.setup.terms_of(self.me()));
            step.promise(Refusal { incoming, client, number, bundle, terms, reason });
        }
        for (_, submission) in outcome.admitted {
            let position = self.receiving.end();
            step.put(row(LOG, &position.to_bytes()), submission.to_bytes());
            let logged = Logged::new(submission);
            step.notice(appended(position, &logged));
            self.receiving.chain = self.receiving.chain.append(logged.leaf);
            self.receiving.bytes += logged.submission.content.wire_bytes();
            self.receiving.run.push(logged);
        }
    }

    /// Promises the places of all that was appended since the last receipt, with one signature.
    fn promise_receipt(&mut self, step: &mut Step) {
        let fresh = &self.receiving.run[self.receiving.receipted..];
        if fresh.is_empty() {
            return;
        }
        let tree = Tree::new(fresh.iter().map(|logged| logged.leaf).collect());
        let first = Position(self.receiving.start.0 + self.receiving.receipted as u64);
        step.promise(Receipt {
            incoming: self.index,
            first,
            terms: self.setup.terms_of(self.me()),
            count: fresh.len() as u32,
            leaves: tree.root(),
            chain: self.receiving.chain,
        });
        self.admission.tick(first, tree, step);
        self.receiving.receipted = self.receiving.run.len();
    }

    fn flip_due(&self) -> Option<Time> {
        let Some(flipped_at) = self.flipped_at else { return Some(Time(0)) };
        let timing = &self.setup.timing;
        Some(match self.receiving.run.len() {
            0 => flipped_at.after(timing.heartbeat_ns),
            RUN_MAX.. => Time(0),
            _ => flipped_at.after(timing.epoch_ns),
        })
    }

    /// The run to seal, if it is time: taken out of the receiving half.
    pub fn next_run(&mut self, step: &Step) -> Option<Run> {
        self.flip_due().filter(|due| *due <= step.now)?;
        let rest = self.receiving.run.split_off(self.receiving.fitting());
        let (start, end) = (self.receiving.start, self.receiving.end());
        let run = std::mem::replace(&mut self.receiving.run, rest);
        self.receiving.bytes = bytes_of(&self.receiving.run);
        // what stays for the next seal has its receipt already
        (self.receiving.start, self.receiving.receipted) = (end, self.receiving.run.len());
        self.flipped_at = Some(step.now);
        Some(Run { start, manifest: manifest(start, &run), bundles: run })
    }

    /// Closes a run with a seal; once that is durable the sending half takes it over.
    pub fn seal(&mut self, mut run: Run, step: &mut Step) {
        let chain = self.last_seal.as_ref().map_or(Digest::ZERO, |(last, _)| last.chain);
        let tree = Tree::new(run.bundles.iter().map(|logged| logged.leaf).collect());
        let seal = Seal {
            incoming: self.index,
            batch: self.last_seal.as_ref().map_or(BatchNumber(0), |(last, _)| last.batch.next()),
            terms: self.setup.terms_of(self.me()),
            start: run.start,
            end: Position(run.start.0 + run.bundles.len() as u64),
            chain: run.bundles.iter().fold(chain, |chain, logged| chain.append(logged.leaf)),
            previous: self.last_seal.as_ref().map_or(Digest::ZERO, |(_, digest)| *digest),
            leaves: tree.root(),
            manifest: run.manifest.root(),
            content_bytes: run.bundles.iter().map(|logged| logged.submission.content.bytes()).sum(),
            seen: self.seen.clone(),
        };
        step.work.hashed_bytes += 200 * run.bundles.len() as u64;
        self.sealing = Some(run);
        step.promise(seal);
    }

    fn see_cut(&mut self, cut: Unverified<Cut>, from: ActorId, step: &mut Step) {
        step.work.verified += 1;
        let cut = match cut.verify(&self.setup.trust) {
            Ok(cut) => cut,
            Err(error) => return step.disbelieve(from, &error),
        };
        step.notice(Notice::SawCut { epoch: cut.epoch, digest: cut.digest() });
        let other = self.admission.cut(cut.epoch).filter(|known| known.digest != cut.digest());
        if let Some(other) = other {
            accuse(Equivocation { first: other, second: cut.cite() }, &self.setup.trust, step);
        }
        let (next, previous) = self
            .seen
            .as_ref()
            .map_or((Epoch(1), Digest::ZERO), |seen| (Epoch(seen.slot).next(), seen.digest));
        if cut.epoch != next {
            return; // one that it has, or one after a gap: nothing before it is given up without this actor's word
        }
        if cut.previous != previous {
            let later = Linked::Cut(cut.to_unverified());
            accuse(BrokenChain { earlier: self.seen.clone(), later }, &self.setup.trust, step);
            return;
        }
        self.examine(&cut, step);
        let reached = cut.reached.get(self.index as usize).and_then(|reached| reached.seal.clone());
        let next = reached.map_or(BatchNumber(0), |seal| BatchNumber(seal.slot).next());
        self.unordered = self.unordered.split_off(&next);
        self.withdraw(next);
        let seals = cut.reached.len().max(1);
        self.ordered.insert(cut.epoch, (Arc::new(cut.to_unverified()), next));
        while self.ordered.len() > 1 && self.ordered.len().saturating_mul(seals) > ORDERED_MAX {
            self.ordered.pop_first();
        }
        self.seen = Some(cut.cite());
        self.let_in(cut.cite());
        step.put(row(SEEN, &[]), cut.cite().to_bytes());
    }

    /// Admits what cites this cut, and what waited for it.
    pub fn let_in(&mut self, cut: Citation) {
        self.admission.see(cut);
    }
}

fn appended(position: Position, Logged { submission, leaf }: &Logged) -> Notice {
    let client = submission.bundle.claimed_actor().client().expect("only clients' bundles are admitted");
    Notice::Appended {
        position,
        client,
        number: BundleNumber(submission.bundle.claimed_slot()),
        leaf: *leaf,
        recipients: submission.content.envelopes().iter().map(|envelope| envelope.recipient).collect(),
    }
}

/// Recipient → positions, of a run that starts here.
pub fn manifest(start: Position, run: &[Logged]) -> Manifest {
    let mut positions: BTreeMap<ClientId, Positions> = BTreeMap::new();
    for (index, logged) in run.iter().enumerate() {
        for envelope in logged.submission.content.envelopes() {
            let position = Position(start.0 + index as u64);
            positions.entry(envelope.recipient).or_default().0.push(position);
        }
    }
    let mut manifest = Map::default();
    positions.into_iter().for_each(|(recipient, positions)| manifest.insert(recipient, positions));
    manifest
}

impl Actor for Incoming {
    fn me(&self) -> ActorId {
        ActorId::Server(Role::Incoming, self.index)
    }

    fn dials(&self) -> Vec<ActorId> {
        Vec::new() // handlers, the sequencer and the mailbox actors come to it
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(ActorId::SEQUENCER) => {
                let next = self.seen.as_ref().map_or(Epoch(1), |seen| Epoch(seen.slot).next());
                step.send(ActorId::SEQUENCER, Message::Subscribe(next.0));
            }
            Input::Connected(peer) if peer.role() == Role::Witness => self.docket.connected(peer, step),
            Input::Disconnected(peer) => self.sending.disconnect(peer),
            Input::Message(from, Message::Submit(submission)) => {
                let again = self.admission.arrive(from, submission, step);
                again.into_iter().for_each(|receipted| step.send(from, Message::Receipted(receipted)));
            }
            Input::Message(from, Message::Subscribe(next)) => {
                self.sending.subscribe(from, BatchNumber(next));
                self.sending.push(from, &self.ledgers, step);
            }
            Input::Message(from @ ActorId::SEQUENCER, Message::SealsHeld(ack)) => {
                self.take_ack(from, ack, step);
            }
            Input::Message(from, Message::Posted(posting)) if from.role() == Role::Witness => {
                self.challenged(from, *posting, step);
            }
            Input::Message(from, Message::Unplaced(receipted)) => self.ask_again(from, receipted, step),
            Input::Message(_, Message::Vouched(vouched)) => {
                self.views.vouched(&vouched, &self.setup.trust, step)
            }
            Input::Message(from, Message::Attested(attestation)) => self.hand_over(from, attestation, step),
            Input::Message(from @ ActorId::SEQUENCER, Message::Ordered(cut)) => self.see_cut(cut, from, step),
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        self.place_again(step);
        self.receive(step);
        if let Some(run) = self.next_run(step) {
            self.seal(run, step);
        }
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.docket.release(&issued, &self.setup.trust.roster, step);
        match issued {
            Issued::Receipt(receipt) => {
                for (handler, receipted) in self.admission.receipted(&receipt) {
                    step.send(handler, Message::Receipted(receipted));
                }
            }
            Issued::Refusal(refusal) => {
                for asker in self.admission.routes(&refusal) {
                    step.send(asker, Message::Refused(refusal.to_unverified(), refusal.client));
                }
            }
            Issued::Seal(seal) => {
                self.last_seal = Some(((*seal).clone(), seal.digest()));
                self.unordered.insert(seal.batch, (seal.clone(), step.now));
                if let Some(run) = self.sealing.take() {
                    let batch = seal.batch;
                    self.ledgers.add(&seal, &run.bundles, &run.manifest);
                    self.sending.add(Sealed::new(seal, run.manifest, run.bundles));
                    self.sending.push_all(&self.ledgers, step);
                    self.place(batch, step);
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        if !self.notices.is_empty() {
            return Some(Time(0));
        }
        self.flip_due().into_iter().chain(self.order_due()).min()
    }
}

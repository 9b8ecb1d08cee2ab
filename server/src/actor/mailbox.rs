//! The mailbox actor: a pure function of the cuts and seals.
//!
//! For each epoch it appends to the mailboxes it hosts what the cut orders for them, attests the whole set with
//! one signature, and delivers to each client what is new together with all that the client needs to check it.
//! The work is cut into steps that a turn runs through, [`Mailbox::next_epoch`], [`Mailbox::derive`] and
//! [`Mailbox::attest`], each a function of what the one before gave.
//!
//! # Invariants
//! - An epoch is attested only with every cited batch in hand, checked against its roots (rule R10).
//! - Epochs are attested in order, each on the actor's own attestation before it (rule R7).
//! - What a client has not acknowledged is kept; acknowledgements take effect with the next attestation.

mod archive;
mod disputes;
mod intake;
mod outbox;
mod redress;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use intake::Intake;
pub use outbox::{Personal, QUIET_EPOCHS};

use archive::{Archive, CUT, RUN};
use disputes::Stalled;
use outbox::Outbox;
use redress::Redress;

use super::{
    Actor, Input, Issued, RecoverError, Recovered, Setup, Step,
    docket::{Docket, witnesses},
    step::{Notice, row},
};
use crate::{
    port::Time,
    protocol::{
        ack::Ack,
        attestation::{Attestation, MailboxHead, Mailboxes},
        board::{Exhibit, Posting},
        bundle::Parcel,
        codec::{Decode, Encode},
        cut::{Cut, spans},
        derivation::{Entry, entries},
        digest::Digest,
        id::{ActorId, BatchNumber, ClientId, Count, Epoch, Position, Role},
        map::Lookup,
        message::Message,
        statement::{Citation, Kind, Signed, Statement as _, Unverified},
    },
};

/// Rows: client → head of its mailbox as last attested.
pub const MAILBOX: u8 = 1;
/// Rows: client → count acknowledged.
const ACKNOWLEDGED: u8 = 2;
/// Rows: client ‖ epoch → what to deliver.
pub const PERSONAL: u8 = 4;
/// Rows: client → its last ack.
const HELD: u8 = 6;
/// Of how many clients that never had anything it is remembered how far they have come: keys are free.
const EMPTY_MAX: usize = 1 << 16;

/// The deliveries of one epoch, by client, each in order.
pub struct EpochDeliveries {
    /// The cut that orders them.
    pub cut: Signed<Cut>,
    /// Who gets what.
    pub by_client: BTreeMap<ClientId, Vec<Entry>>,
    /// What it follows on: where the mailboxes stand of those who get something.
    pub heads: BTreeMap<ClientId, MailboxHead>,
}

/// The mailbox actor.
pub struct Mailbox {
    index: u32,
    setup: Setup,
    intake: Intake,
    /// All mailboxes, as last attested.
    mailboxes: Mailboxes,
    acknowledged: BTreeMap<ClientId, Count>,
    last: Option<(Epoch, Digest)>,
    archive: Archive,
    outbox: Outbox,
    redress: Redress,
    docket: Docket,
    /// The last ack of each client: what shows that it was served.
    acks: BTreeMap<ClientId, Unverified<Ack>>,
    /// Of how many of these clients there is no mailbox: they never had anything.
    empty: usize,
    /// Challenges to which there was nothing to say yet, with who relayed them.
    unanswered: Vec<(ActorId, Posting)>,
    /// There may be now.
    answers: bool,
    /// The cut that is not ready, and since when.
    stalled: Option<Stalled>,
    /// Clients that have said in this step what they hold.
    reading: BTreeSet<ClientId>,
}

impl Mailbox {
    /// Mailbox actor `index`, with what it had stored.
    pub fn recover(index: u32, setup: Setup, recovered: Recovered) -> Result<Self, RecoverError> {
        let me = ActorId::Server(Role::Mailbox, index);
        let mut actor = Mailbox {
            index,
            intake: Intake::new(index, setup.trust.clone()),
            mailboxes: Mailboxes::default(),
            acknowledged: BTreeMap::new(),
            last: None,
            archive: Archive::new(setup.trust.roster.quorum()),
            outbox: Outbox::default(),
            redress: Redress::new(me, setup.terms_of(me)),
            docket: Docket::new(me, setup.terms_of(me)),
            acks: BTreeMap::new(),
            empty: 0,
            unanswered: Vec::new(),
            answers: false,
            stalled: None,
            reading: BTreeSet::new(),
            setup,
        };
        for issued in recovered.statements {
            actor.docket.recover(&issued);
            actor.redress.recover(&issued);
            if let Issued::Attestation(attestation) = issued {
                actor.last = Some((attestation.epoch, attestation.digest()));
                actor.archive.attested(attestation);
            }
        }
        for (key, value) in &recovered.rows {
            let (table, key) = key.split_first().unwrap_or((&0, &[]));
            actor.recover_row(*table, key, value)?;
        }
        actor.empty = actor.acks.keys().filter(|client| actor.mailboxes.get(client).is_none()).count();
        if let Some(cut) = actor.archive.last_cut() {
            actor.intake.resume_at(cut.clone());
        }
        Ok(actor)
    }

    fn recover_row(&mut self, table: u8, key: &[u8], value: &[u8]) -> Result<(), RecoverError> {
        match table {
            MAILBOX => {
                let client = ClientId::from_bytes(key).map_err(RecoverError::of("client"))?;
                self.mailboxes
                    .insert(client, MailboxHead::from_bytes(value).map_err(RecoverError::of("mailbox"))?);
            }
            ACKNOWLEDGED => {
                let client = ClientId::from_bytes(key).map_err(RecoverError::of("client"))?;
                self.acknowledged
                    .insert(client, Count::from_bytes(value).map_err(RecoverError::of("count"))?);
            }
            CUT | RUN => self.archive.recover(table, key, value, &self.setup.trust)?,
            HELD => {
                let client = ClientId::from_bytes(key).map_err(RecoverError::of("client"))?;
                let ack = Unverified::<Ack>::from_bytes(value).map_err(RecoverError::of("ack"))?;
                self.outbox.recover_held(client, Epoch(ack.clone().believed().attestation.slot));
                self.acks.insert(client, ack);
            }
            PERSONAL => {
                let personal = Personal::from_bytes(value).map_err(RecoverError::of("delivery"))?;
                self.outbox.add(personal);
            }
            _ => {}
        }
        Ok(())
    }

    /// The roster index of this actor.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The next cut, if everything that it cites is in hand.
    pub fn next_epoch(&mut self, step: &mut Step) -> Option<Signed<Cut>> {
        self.intake.ready(step)
    }

    /// What the cut orders for the clients hosted here.
    pub fn derive(&self, cut: Signed<Cut>) -> EpochDeliveries {
        let spans = spans(self.intake.at(), &cut).expect("the intake hands on cuts that follow only");
        let mut by_client: BTreeMap<ClientId, Vec<Entry>> = BTreeMap::new();
        for batch in self.intake.batches_of(&cut) {
            let seal = &batch.seal;
            let leaf_at = |position: Position| batch.leaves.leaf(position.0 - seal.start.0);
            let hosted =
                batch.manifest.range(self.setup.trust.roster.hosted_by(self.index)).unwrap_or_default();
            for (client, positions) in hosted {
                let part = (seal.incoming, positions.inside(seal), &leaf_at as &dyn Fn(_) -> _);
                let found =
                    entries(&spans, std::iter::once(part)).expect("the intake has checked every leaf");
                by_client.entry(*client).or_default().extend(found);
            }
        }
        by_client.retain(|_, entries| !entries.is_empty());
        by_client.values_mut().for_each(|entries| entries.sort_by_key(|entry| entry.sequence));
        let head_of = |client: &ClientId| self.mailboxes.get(client).copied().unwrap_or_default();
        let heads = by_client.keys().map(|client| (*client, head_of(client))).collect();
        EpochDeliveries { cut, by_client, heads }
    }

    /// Appends the deliveries, promises the attestation and keeps what each client will be shown.
    pub fn attest(&mut self, deliveries: EpochDeliveries, step: &mut Step) {
        let EpochDeliveries { cut, by_client, heads } = deliveries;
        let bases: Vec<_> = by_client.keys().map(|client| self.mailboxes.prune_to(client)).collect();
        self.apply_acknowledgements(step);
        for (client, entries) in &by_client {
            let acknowledged = self.mailboxes.get(client).map_or(Count(0), |head| head.acknowledged);
            let head = heads.get(client).copied().unwrap_or_default();
            let head = MailboxHead { acknowledged: acknowledged.min(head.count), ..head };
            let head = entries.iter().fold(head, |head, entry| head.deliver(entry.sequence, entry.leaf));
            self.put_head(*client, head, step);
        }
        let attestation = Attestation {
            mailbox: self.index,
            epoch: cut.epoch,
            terms: self.setup.terms_of(self.me()),
            cut: cut.cite(),
            previous: self.last.map_or(Digest::ZERO, |(_, digest)| digest),
            mailboxes: self.mailboxes.len(),
            root: self.mailboxes.root(),
        };
        for ((client, entries), base) in by_client.into_iter().zip(bases) {
            let after = self.mailboxes.prune_to(&client);
            let count = self.mailboxes.get(&client).map_or(Count(0), |head| head.count);
            let personal = Personal {
                client,
                epoch: cut.epoch,
                upto: count,
                base,
                after,
                parcels: self.parcels(&cut, &client, &entries),
            };
            step.put(row(PERSONAL, &personal.key()), personal.written());
            self.outbox.add(personal);
        }
        if attestation.mailboxes == 0 {
            step.notice(Notice::Reached("an attestation over no mailboxes"));
        }
        self.last = Some((cut.epoch, Digest::of(&[&attestation.body()])));
        self.archive.shelve(&cut, self.intake.batches_of(&cut), step);
        self.intake.pass(cut);
        step.promise(attestation);
    }

    fn put_head(&mut self, client: ClientId, head: MailboxHead, step: &mut Step) {
        step.work.hashed_bytes += 400;
        step.put(row(MAILBOX, &client.to_bytes()), head.to_bytes());
        if self.mailboxes.get(&client).is_none() && self.acks.contains_key(&client) {
            self.empty = self.empty.saturating_sub(1);
        }
        self.mailboxes.insert(client, head);
    }

    fn apply_acknowledgements(&mut self, step: &mut Step) {
        for (client, count) in std::mem::take(&mut self.acknowledged) {
            step.delete(row(ACKNOWLEDGED, &client.to_bytes()));
            if let Some(head) = self.mailboxes.get(&client).copied() {
                self.put_head(client, MailboxHead { acknowledged: count.min(head.count), ..head }, step);
            }
        }
    }

    fn parcels(&self, cut: &Cut, client: &ClientId, entries: &[Entry]) -> Vec<Arc<Parcel>> {
        let find = |entry: &Entry| {
            let mut batches = self.intake.batches_from(entry.incoming, cut);
            batches.find_map(|batch| batch.parcel(entry.position)?.only_for(client))
        };
        entries.iter().filter_map(find).map(Arc::new).collect()
    }

    fn acknowledge(&mut self, from: ActorId, ack: Unverified<Ack>, step: &mut Step) {
        step.work.verified += 1;
        let ack = match ack.verify(&self.setup.trust) {
            Ok(ack) => ack,
            Err(error) => return step.disbelieve(from, &error),
        };
        let head = self.mailboxes.get(&ack.client).copied();
        let (count, epoch) = (ack.count, Epoch(ack.attestation.slot));
        let attested = self.last.map_or(Epoch(0), |(epoch, _)| epoch);
        if epoch > attested || !self.outbox.is_news(&ack.client, epoch) {
            return;
        }
        if !self.is_own(&ack.attestation, step) {
            return step
                .notice(Notice::Suspicious { from, why: "an ack of another's attestation".to_owned() });
        }
        let is_new = head.is_none() && !self.acks.contains_key(&ack.client);
        if is_new && self.empty >= EMPTY_MAX {
            return; // it is told anew where to start, whenever it comes
        }
        let head = head.unwrap_or_default();
        let then = match self.outbox.entry_at(&ack.client, epoch).map(|entry| entry.get(&ack.client)) {
            None => head,
            Some(Lookup::Present(then)) => *then,
            Some(_) => MailboxHead::default(),
        };
        if (count, ack.head) != (then.count, then.head) {
            // what is given up for it must be what it can be held to
            return step
                .notice(Notice::Suspicious { from, why: "an ack of what was not attested".to_owned() });
        }
        step.put(row(HELD, &ack.client.to_bytes()), ack.to_unverified().to_bytes());
        self.acks.insert(ack.client, ack.to_unverified());
        self.empty += usize::from(is_new);
        for key in self.outbox.acknowledged(ack.client, count, epoch) {
            step.delete(row(PERSONAL, &key));
        }
        let acknowledged = self.acknowledged.get(&ack.client).copied().unwrap_or(head.acknowledged);
        if count > acknowledged {
            step.put(row(ACKNOWLEDGED, &ack.client.to_bytes()), count.to_bytes());
            self.acknowledged.insert(ack.client, count);
        }
        self.outbox.push(ack.client, &self.archive, step);
    }

    /// Whether an attestation of its own is cited: with nothing else it can show later that its client was served.
    fn is_own(&self, cited: &Citation, step: &mut Step) -> bool {
        if (cited.kind, cited.actor) != (Kind::Attestation, self.me()) {
            return false;
        }
        match self.archive.attestation(Epoch(cited.slot)) {
            Some(own) => own.digest() == cited.digest,
            // it is not kept any more
            None => {
                step.work.verified += 1;
                cited.verify(&self.setup.trust)
            }
        }
    }

    /// Gives up cuts, attestations and runs that no client needs any more.
    fn prune(&mut self, step: &mut Step) {
        let Some((newest, _)) = self.last else { return };
        let floor = self.outbox.floor(newest).min(Epoch(newest.0.saturating_sub(1)));
        self.archive.prune(floor, step);
    }

    /// Shows clients that got nothing for a while that nothing was due.
    fn push_quiet(&mut self, epoch: Epoch, step: &mut Step) {
        for client in self.outbox.quiet(epoch, step.now, self.setup.challenge_ns() / 2) {
            let mailbox = self.mailboxes.prune_to(&client);
            self.outbox.push_quiet(client, mailbox, &self.archive, step);
        }
    }

    /// Tells upstream what need not be kept for this actor any more: they believe the signature only.
    fn report(&self, attestation: &Signed<Attestation>, step: &mut Step) {
        let incoming = (0..self.setup.trust.roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j));
        for upstream in std::iter::once(ActorId::SEQUENCER).chain(incoming) {
            step.send(upstream, Message::Attested(attestation.to_unverified()));
        }
    }
}

impl Actor for Mailbox {
    fn me(&self) -> ActorId {
        ActorId::Server(Role::Mailbox, self.index)
    }

    fn dials(&self) -> Vec<ActorId> {
        let incoming = (0..self.setup.trust.roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j));
        std::iter::once(ActorId::SEQUENCER).chain(incoming).collect()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(ActorId::SEQUENCER) => {
                step.send(ActorId::SEQUENCER, Message::Subscribe(self.intake.next_cut().0));
            }
            Input::Connected(ActorId::Server(Role::Incoming, j)) => {
                let BatchNumber(next) = self.intake.next_batch(j);
                step.send(ActorId::Server(Role::Incoming, j), Message::Subscribe(next));
            }
            Input::Disconnected(ActorId::Client(client)) => self.outbox.disconnect(client),
            Input::Message(ActorId::Client(client), Message::Read { held, epoch }) => {
                // of many reads in one step the last counts, and is answered once
                self.outbox.subscribe(client, held, epoch);
                self.reading.insert(client);
            }
            Input::Connected(peer) if peer.role() == Role::Witness => {
                self.docket.connected(peer, step);
                for attestation in self.archive.lacking() {
                    step.send(peer, Message::Attested(attestation.to_unverified()));
                }
            }
            Input::Message(from, Message::Subscribe(epoch)) if from.role() == Role::Witness => {
                self.watched(from, Epoch(epoch), step);
            }
            Input::Message(from, Message::Posted(posting)) if from.role() == Role::Witness => {
                self.challenged(from, *posting, step);
            }
            Input::Message(from, Message::Answered(answered)) if from.role() == Role::Witness => {
                if let Exhibit::Batch(batch) = answered.exhibit {
                    let sealer = batch.seal.claimed_actor();
                    self.intake.take_batch(sealer, batch, step);
                }
            }
            Input::Message(from, Message::Cosigned(cosignature)) => self.cosigned(from, cosignature, step),
            Input::Message(from, Message::Vouch(epoch)) => self.vouch(from, epoch, step),
            Input::Message(_, Message::Complained(complained)) => self.complained(*complained, step),
            Input::Message(from, Message::Acknowledged(ack)) => self.acknowledge(from, ack, step),
            Input::Message(from, Message::Ordered(cut)) => self.intake.take_cut(from, cut, step),
            Input::Message(from, Message::Batch(batch)) => self.intake.take_batch(from, *batch, step),
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        let before = self.last;
        for client in std::mem::take(&mut self.reading) {
            self.outbox.push(client, &self.archive, step);
        }
        if std::mem::take(&mut self.answers) {
            for (witness, posting) in std::mem::take(&mut self.unanswered) {
                self.challenged(witness, posting, step);
            }
        }
        while let Some(cut) = self.next_epoch(step) {
            let deliveries = self.derive(cut);
            self.attest(deliveries, step);
        }
        self.demand_missing(step);
        if self.last != before {
            self.prune(step);
        }
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.docket.release(&issued, &self.setup.trust.roster, step);
        self.redress.release(&issued, step);
        // what it waits for, or has, can be cited from here on
        self.answers |=
            matches!(issued, Issued::Challenge(_) | Issued::Attestation(_)) && !self.unanswered.is_empty();
        let Issued::Attestation(attestation) = issued else { return };
        let epoch = attestation.epoch;
        let newest = self.last.is_some_and(|(last, _)| last == epoch);
        // every one, in order: what a later one overtakes no witness cosigns any more
        for witness in witnesses(&self.setup.trust.roster) {
            step.send(witness, Message::Attested(attestation.to_unverified()));
        }
        if newest {
            self.report(&attestation, step);
        }
        self.archive.attested(attestation);
        for client in self.outbox.clients_of(epoch) {
            self.outbox.push(client, &self.archive, step);
        }
        if newest {
            self.push_quiet(epoch, step);
        }
    }

    fn deadline(&self) -> Option<Time> {
        if self.answers {
            return Some(Time(0));
        }
        self.stalled_until().filter(|_| !self.demanded())
    }
}

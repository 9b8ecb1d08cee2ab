//! The submissions of a client: drawn up, signed, sent until there is a receipt.
//!
//! # Invariants
//! - Numbers have no gaps, each bundle names the one before it, and no number is ever signed twice.
//! - At most [`IN_FLIGHT_MAX`] bundles are out without a receipt; later ones wait.
//! - A bundle that nobody takes goes to the board: from there it reaches its incoming actor, or that one is suspected. If
//!   a handler has signed for it, that one is asked first, and has its time to answer.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CONTENT, RECEIPT,
    pending::{Came, InCustody, Pending},
    placing::{Places, Placing},
};
use crate::{
    actor::{
        Draught, Setup, Step,
        docket::{Docket, accuse},
        incoming::IN_FLIGHT_MAX,
        step::{Notice, row},
    },
    port::Time,
    protocol::{
        batch::Placement,
        board::Attachment,
        bundle::{Bundle, CIPHERTEXT_MAX, Content, Envelope, PAYLOAD_MAX, Submission},
        challenge::Demand,
        codec::{Decode, DecodeError, Encode, Reader},
        digest::Digest,
        evidence::Evidence,
        handler_receipt::HandlerReceipt,
        id::{ActorId, BundleNumber, ClientId, Epoch, Position, Role},
        message::Message,
        predicate::refusal::BadRefusal,
        receipt::{Receipted, bundle_leaf},
        refusal::Refusal,
        statement::{Citation, Kind, Signed, Statement as _, Unverified},
    },
};

/// Most bundles of a client without receipt, sent or waiting. Beyond that the application must wait.
const PENDING_MAX: usize = 4096;
/// The last epoch in which a bundle may be admitted. A signed bundle that has expired can never be admitted, and its
/// number can never be signed again, so a client's bundles do not expire until a number can be given up.
const EXPIRY: Epoch = Epoch(u64::MAX);
/// Longest that a handler may put a client off, for nothing signs its word.
const PUT_OFF_MAX_MS: u32 = 1000;
/// A waiting time doubles with each attempt up to this many times.
const BACKOFF_MAX: u32 = 5;

/// The submissions of a client.
pub struct Submissions {
    id: ClientId,
    salting: Digest,
    setup: Setup,
    next: BundleNumber,
    previous: Digest,
    pending: BTreeMap<BundleNumber, Pending>,
    /// Signed and unreceipted bundles whose content row has not been read yet.
    recovered: BTreeMap<BundleNumber, Signed<Bundle>>,
    handler: Option<ActorId>,
    /// The last bundle, if it is done with: its row stays until there is a later one.
    guard: Option<BundleNumber>,
    places: Places,
    /// The first bundle without receipt, and since when it is the first.
    front: Option<(BundleNumber, Time)>,
    /// Placed in this step, and before: the application has been told of their receipts when the next step begins.
    placed: (Vec<BundleNumber>, Vec<BundleNumber>),
    /// Bundles whose receipts have been read back, until their content is.
    receipts: BTreeMap<BundleNumber, Receipted>,
    /// Placements that came before the receipts that have come now.
    shown: Vec<Placement>,
}

impl Submissions {
    /// None yet.
    pub fn new(id: ClientId, salting: Digest, setup: Setup) -> Self {
        Submissions {
            id,
            salting,
            setup,
            next: BundleNumber(0),
            previous: Digest::ZERO,
            pending: BTreeMap::new(),
            recovered: BTreeMap::new(),
            handler: None,
            guard: None,
            places: Places::default(),
            front: None,
            placed: Default::default(),
            receipts: BTreeMap::new(),
            shown: Vec::new(),
        }
    }

    /// Puts back a signed bundle. They come by number.
    pub fn recover_bundle(&mut self, bundle: Signed<Bundle>) {
        self.next = bundle.number.next();
        self.previous = bundle.digest();
        self.recovered.insert(bundle.number, bundle);
    }

    /// Puts back a content row.
    pub fn recover_content(&mut self, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        let number = BundleNumber::from_bytes(key)?;
        let mut value = Reader::new(value);
        let (token, content) = (value.u64()?, Content::decode(&mut value)?);
        value.end()?;
        let bundle = self.recovered.remove(&number);
        self.pending.insert(number, Pending::new(content, token, bundle));
        Ok(())
    }

    /// Reads back a receipt row.
    pub fn recover_receipt(&mut self, key: &[u8], value: &[u8]) -> Result<Notice, DecodeError> {
        let number = BundleNumber::from_bytes(key)?;
        let receipted = Receipted::from_bytes(value)?;
        let index = receipted.opening.leaves().first().map_or(0, |(index, _)| *index);
        let position = Position(receipted.receipt.claimed_slot().saturating_add(index));
        let incoming = self.setup.trust.roster.incoming_of(&self.id);
        self.receipts.insert(number, receipted);
        Ok(Notice::Receipted { number, incoming, position })
    }

    /// What the application may not have heard before the crash.
    pub fn resume(&mut self) -> Vec<Notice> {
        for (number, receipted) in std::mem::take(&mut self.receipts) {
            let Some(pending) = self.pending.remove(&number) else {
                self.placed.0.push(number);
                continue;
            };
            let Some(bundle) = pending.bundle else { continue };
            self.place(bundle, pending.content, receipted, Time(0));
        }
        self.guard = std::mem::take(&mut self.recovered).into_keys().last();
        self.pending
            .iter()
            .map(|(number, pending)| submitted(*number, pending.token, &pending.content))
            .collect()
    }

    /// Makes a bundle of what the application wants to send.
    pub fn draw_up(&mut self, draught: Draught, seen: Option<Citation>, step: &mut Step) {
        let token = draught.token;
        let content = self.content(draught);
        let too_long = content.payload().len() > PAYLOAD_MAX
            || content.envelopes().iter().any(|envelope| envelope.ciphertext.len() > CIPHERTEXT_MAX);
        if self.pending.len() + self.places.len() >= PENDING_MAX || too_long || !content.is_well_formed() {
            return step.notice(Notice::Overloaded { token });
        }
        let bundle = Bundle {
            client: self.id,
            number: self.next,
            terms: self.setup.terms_of(ActorId::Client(self.id)),
            previous: self.previous,
            commitment: content.commitment(),
            expiry: EXPIRY,
            seen,
        };
        step.work.hashed_bytes += content.bytes();
        self.previous = Digest::of(&[&bundle.body()]);
        self.next = self.next.next();
        let stored = [&token.to_bytes()[..], &content.to_bytes()].concat();
        step.put(row(CONTENT, &bundle.number.to_bytes()), stored);
        step.notice(submitted(bundle.number, token, &content));
        self.pending.insert(bundle.number, Pending::new(content, token, None));
        if let Some(guard) = self.guard.take() {
            step.forget(Kind::Bundle, guard.0);
        }
        step.promise(bundle);
    }

    /// Salts are derived, not drawn: an actor has no source of randomness.
    fn content(&self, draught: Draught) -> Content {
        let salt = |recipient: &ClientId| {
            let digest = Digest::of(&[&self.salting.0, &self.next.0.to_be_bytes(), recipient.bytes()]);
            let mut salt = [0; 16];
            salt.copy_from_slice(&digest.0[..16]);
            salt
        };
        let by_recipient: BTreeMap<ClientId, Vec<u8>> = draught.ciphertexts.into_iter().collect();
        let envelopes = by_recipient.into_iter();
        let envelopes = envelopes.map(|(recipient, ciphertext)| Envelope {
            salt: salt(&recipient),
            recipient,
            ciphertext,
        });
        Content::new(draught.payload, envelopes.collect())
    }

    /// A bundle is durable and signed.
    pub fn signed(&mut self, bundle: Signed<Bundle>, step: &mut Step) {
        if let Some(pending) = self.pending.get_mut(&bundle.number) {
            let number = bundle.number;
            pending.bundle = Some(bundle);
            self.submit(number, step);
        }
    }

    /// Sends a bundle, if there is a connection and it is its turn.
    fn submit(&mut self, number: BundleNumber, step: &mut Step) {
        let Some(handler) = self.handler else { return };
        let oldest = self.pending.first_key_value().map_or(number, |(oldest, _)| *oldest);
        if number.0 >= oldest.0 + IN_FLIGHT_MAX {
            return;
        }
        let Some(pending) = self.pending.get_mut(&number) else { return };
        let Some(bundle) = &pending.bundle else { return };
        let wait = self.setup.timing.retry_ns << pending.attempts.min(BACKOFF_MAX);
        (pending.again_at, pending.attempts) = (Some(step.now.after(wait)), pending.attempts + 1);
        let submission = Submission { bundle: bundle.to_unverified(), content: pending.content.clone() };
        step.send(handler, Message::Submit(submission));
    }

    /// The handler is there: all that has no receipt goes out again.
    pub fn connected(&mut self, handler: ActorId, step: &mut Step) {
        self.handler = Some(handler);
        self.places.connected();
        let all: Vec<BundleNumber> = self.pending.keys().copied().take(IN_FLIGHT_MAX as usize).collect();
        all.into_iter().for_each(|number| self.submit(number, step));
    }

    /// The handler is gone.
    pub fn disconnected(&mut self, handler: ActorId) {
        if self.handler == Some(handler) {
            self.handler = None;
        }
    }

    /// A receipt arrived. Only one that holds the bundle at a place counts.
    pub fn receipted(&mut self, receipted: Receipted, step: &mut Step) -> Came {
        let number = receipted.number;
        let Some(bundle) = self.pending.get(&number).and_then(|pending| pending.bundle.as_ref()) else {
            return Came::default();
        };
        let incoming = self.setup.trust.roster.incoming_of(&self.id);
        let from = ActorId::Server(Role::Incoming, incoming);
        step.work.verified += 1;
        let receipt = match receipted.receipt.clone().verify(&self.setup.trust) {
            Ok(receipt) => receipt,
            Err(error) => {
                step.disbelieve(from, &error);
                return Came::default();
            }
        };
        let position = receipt.position_of(&bundle.cite(), &receipted.opening);
        let Some(position) = position.filter(|_| receipt.incoming == incoming) else {
            step.notice(Notice::Suspicious { from, why: "a receipt for something else".to_owned() });
            return Came::default();
        };
        let Some(Pending { bundle: Some(bundle), content, posted, refused, custody, .. }) =
            self.pending.remove(&number)
        else {
            return Came::default();
        };
        step.put(row(RECEIPT, &number.to_bytes()), receipted.to_bytes());
        let asked = custody.as_ref().is_some_and(|custody| custody.asked.is_some());
        let asked_for = asked.then(|| receipted.clone());
        self.place(bundle, content, receipted, step.now);
        step.notice(Notice::Receipted { number, incoming, position });
        self.submit_waiting(step);
        let custodian = custody.map(|custody| custody.receipt.actor());
        Came { by_the_board: posted && !refused, custodian, asked_for }
    }

    /// A handler has signed for a bundle. Only its word for a bundle that waits counts; once it is asked in public what
    /// became of one, that is the one it must answer for.
    pub fn entrusted(&mut self, from: ActorId, receipt: Unverified<HandlerReceipt>, step: &mut Step) {
        let cited = receipt.cite();
        let number = BundleNumber(receipt.claimed().bundle.slot);
        let Some(pending) = self.pending.get_mut(&number) else { return };
        let known = |custody: &InCustody| custody.asked.is_some() || custody.receipt.cite() == cited;
        if pending.custody.as_ref().is_some_and(known) {
            return;
        }
        step.work.verified += 1;
        let incoming = self.setup.trust.roster.incoming_of(&self.id);
        let own = pending.bundle.as_ref().map(Signed::cite);
        match receipt.verify(&self.setup.trust) {
            Ok(receipt)
                if receipt.actor() == from
                    && receipt.incoming == incoming
                    && own == Some(receipt.bundle.clone()) =>
            {
                pending.custody = Some(InCustody { receipt, asked: None });
            }
            Ok(_) => {
                let why = "a handler receipt for something else".to_owned();
                step.notice(Notice::Suspicious { from, why });
            }
            Err(error) => step.disbelieve(from, &error),
        }
    }

    fn place(&mut self, bundle: Signed<Bundle>, content: Content, receipted: Receipted, since: Time) {
        let index = receipted.opening.leaves().first().map_or(0, |(index, _)| *index);
        let position = Position(receipted.receipt.claimed_slot().saturating_add(index));
        let (overdue, asked, demanded) = (false, (0, None), false);
        let placing = Placing { bundle, content, receipted, since, overdue, asked, demanded };
        self.shown.extend(self.places.add(position, placing));
    }

    /// The placements that came before the receipts that have come now.
    pub fn shown_early(&mut self) -> Vec<Placement> {
        std::mem::take(&mut self.shown)
    }

    /// A placement arrived: the promises that it shows to be kept, or broken, are done with.
    pub fn placed(&mut self, placement: &Placement, docket: &mut Docket, step: &mut Step) -> Vec<Evidence> {
        let awaits = || {
            let shown: BTreeSet<Digest> = placement.leaves.leaves().iter().map(|(_, leaf)| *leaf).collect();
            let out = self.pending.values().take(IN_FLIGHT_MAX as usize);
            let mut out = out.filter_map(|pending| pending.bundle.as_ref());
            out.any(|bundle| shown.contains(&bundle_leaf(&bundle.cite())))
        };
        let (kept, proofs) = self.places.take(placement, awaits, &self.setup, step);
        self.done_with(&kept, step);
        if !kept.is_empty() {
            self.places.satisfied(docket, &self.setup);
        }
        proofs
    }

    /// Nothing is left to be proven of these bundles.
    fn done_with(&mut self, numbers: &[BundleNumber], step: &mut Step) {
        for number in numbers {
            step.delete(row(CONTENT, &number.to_bytes()));
            self.placed.0.push(*number);
            if number.next() == self.next {
                self.guard = Some(*number);
            } else {
                step.forget(Kind::Bundle, number.0);
            }
        }
    }

    /// Gives up the receipts that have served their turn, a step after the application was told of them.
    pub fn tidy(&mut self, step: &mut Step) {
        let (now, before) = (std::mem::take(&mut self.placed.0), std::mem::take(&mut self.placed.1));
        before.iter().for_each(|number| step.delete(row(RECEIPT, &number.to_bytes())));
        self.placed.1 = now;
    }

    /// Makes public what nobody takes, and which promises are not shown to be kept.
    pub fn demand(&mut self, docket: &mut Docket, step: &mut Step) {
        self.places.settle(step.now);
        if let Some(handler) = self.handler {
            self.places.ask(handler, &self.setup, step);
        }
        let given_up = self.places.give_up(&self.setup, step);
        self.done_with(&given_up, step);
        self.places.demand(docket, &self.setup, step);
        let target = ActorId::Server(Role::Incoming, self.setup.trust.roster.incoming_of(&self.id));
        let client = self.id;
        // only the first: those behind it can be admitted after it alone; handed in or not, if no handler is there
        let first = self.pending.first_key_value().filter(|(_, one)| one.bundle.is_some());
        let Some(number) = first.map(|(number, _)| *number) else { return };
        if self.front.is_none_or(|(front, _)| front != number) {
            self.front = Some((number, step.now));
        }
        let due = self.front_due().is_some_and(|due| due <= step.now);
        let Some(pending) = self.pending.get_mut(&number).filter(|_| due) else { return };
        if pending.ask_custodian(docket, &self.setup, step) {
            return; // it has its time to answer
        }
        let Some(bundle) = pending.bundle.as_ref().filter(|_| !pending.posted) else { return };
        if self.setup.trust.roster.witnesses() == 0 {
            // nobody is there who could carry it on
            step.notice(Notice::Unserved { number });
        }
        let demand = Demand::Admit { client, number, bundle: bundle.digest() };
        let submission = Submission { bundle: bundle.to_unverified(), content: pending.content.clone() };
        docket.demand(target, demand, Attachment::Submission(Box::new(submission)), step);
        pending.posted = true;
    }

    /// When the first bundle without receipt has waited for too long, counted from when it was the first. A handler that
    /// has signed for it has a challenge bound to answer, and half a one until the answer is here. One that signs for what
    /// is on the board already is asked, too.
    fn front_due(&self) -> Option<Time> {
        let (number, since) = self.front?;
        let pending = self.pending.get(&number)?;
        let bound_ns = self.setup.challenge_ns();
        let asked = pending.custody.as_ref().and_then(|custody| custody.asked);
        if pending.posted && !pending.can_ask_custodian(&self.setup) {
            return None;
        }
        Some(asked.map_or(since.after(bound_ns), |asked| asked.after(bound_ns + bound_ns / 2)))
    }

    /// What is admitted need not be demanded any more.
    pub fn satisfied(&self, docket: &mut Docket) {
        let waits = |demand: &Demand| match demand {
            Demand::Admit { number, .. } => self.pending.contains_key(number),
            Demand::Custody(receipt) => self.pending.values().any(|pending| {
                pending.custody.as_ref().is_some_and(|custody| custody.receipt.cite() == *receipt)
            }),
            _ => true,
        };
        docket.retain(|challenge| waits(&challenge.demand), &self.setup.trust);
    }

    /// Sends what has become its turn.
    fn submit_waiting(&mut self, step: &mut Step) {
        let turn = self.pending.iter().take(IN_FLIGHT_MAX as usize);
        let waiting = turn.filter(|(_, pending)| pending.again_at.is_none()).map(|(number, _)| *number);
        let waiting: Vec<BundleNumber> = waiting.collect();
        waiting.into_iter().for_each(|number| self.submit(number, step));
    }

    /// Whether a refusal's reason is contradicted by what it cites or by the bundle itself.
    fn doubt(&self, refusal: Signed<Refusal>, step: &mut Step) -> Option<Evidence> {
        let own = self.pending.get(&refusal.number);
        let submission = own.and_then(|pending| {
            let bundle = pending.bundle.as_ref()?.to_unverified();
            Some(Submission { bundle, content: pending.content.clone() })
        });
        let whole = |submission| Evidence::from(BadRefusal { refusal: refusal.to_unverified(), submission });
        let mut doubts = [Some(whole(None)), submission.map(|own| whole(Some(own)))].into_iter().flatten();
        doubts.find(|doubt| accuse(doubt.clone(), &self.setup.trust, step))
    }

    /// A refusal arrived: it is tried again later, with the same bytes. Evidence, if it is a lie.
    pub fn refused(
        &mut self,
        from: ActorId,
        refusal: Unverified<Refusal>,
        step: &mut Step,
    ) -> Option<Evidence> {
        step.work.verified += 1;
        match refusal.verify(&self.setup.trust) {
            Err(error) => step.disbelieve(from, &error),
            Ok(refusal) if refusal.client == self.id => {
                step.notice(Notice::Refused { number: refusal.number, reason: refusal.reason.name() });
                if let Some(pending) = self.pending.get_mut(&refusal.number) {
                    pending.refused = true;
                    // its handler has handed it on, and has done with it
                    pending.custody.take_if(|custody| custody.asked.is_none());
                }
                return self.doubt(refusal, step);
            }
            Ok(_) => {}
        }
        None
    }

    /// A handler could not hand the bundle on.
    pub fn retry_later(&mut self, number: BundleNumber, after_ms: u32, step: &mut Step) {
        if let Some(pending) = self.pending.get_mut(&number) {
            step.notice(Notice::Reached("a handler could not reach the incoming actor"));
            pending.again_at = Some(step.now.after(u64::from(after_ms.min(PUT_OFF_MAX_MS)) * 1_000_000));
        }
    }

    /// Sends again what has waited long enough for a receipt.
    pub fn retry(&mut self, step: &mut Step) {
        let due = self.pending.iter().take(IN_FLIGHT_MAX as usize);
        let due = due.filter(|(_, pending)| pending.again_at.is_some_and(|at| at <= step.now));
        let due: Vec<BundleNumber> = due.map(|(number, _)| *number).collect();
        due.into_iter().for_each(|number| self.submit(number, step));
    }

    /// When something has to be sent again, or made public.
    pub fn deadline(&self) -> Option<Time> {
        let first = self.pending.values().take(IN_FLIGHT_MAX as usize);
        let again = self.handler.and_then(|_| first.filter_map(|pending| pending.again_at).min());
        let places = self.handler.and_then(|_| self.places.ask_due(&self.setup));
        let places = places.into_iter().chain(self.places.due(&self.setup));
        again.into_iter().chain(self.front_due()).chain(places).min()
    }
}

fn submitted(number: BundleNumber, token: u64, content: &Content) -> Notice {
    Notice::Submitted {
        token,
        number,
        recipients: content.envelopes().iter().map(|envelope| envelope.recipient).collect(),
        payload: Digest::of(&[content.payload()]),
    }
}

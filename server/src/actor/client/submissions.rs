//! The submissions of a client: drawn up, signed, sent until there is a receipt.
//!
//! # Invariants
//! - Numbers have no gaps, each bundle names the one before it, and no number is ever signed twice.
//! - At most [`IN_FLIGHT_MAX`] bundles are out without a receipt; later ones wait.

use std::collections::BTreeMap;

use super::{CONTENT, RECEIPT};
use crate::{
    actor::{
        Draught, Setup, Step,
        incoming::IN_FLIGHT_MAX,
        step::{Notice, row},
    },
    port::Time,
    protocol::{
        bundle::{Bundle, CIPHERTEXT_MAX, Content, Envelope, PAYLOAD_MAX, Submission},
        codec::{Decode, DecodeError, Encode, Reader},
        digest::Digest,
        id::{ActorId, BundleNumber, ClientId, Epoch, Position, Role},
        message::Message,
        receipt::Receipted,
        refusal::Refusal,
        statement::{Citation, Kind, Signed, Statement as _, Terms, Unverified},
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

/// A bundle without receipt.
struct Pending {
    content: Content,
    token: u64,
    bundle: Option<Signed<Bundle>>,
    /// When to send it again; none if it has not been sent.
    again_at: Option<Time>,
    attempts: u32,
}

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
    /// The last bundle, if it has a receipt: its row stays until there is a later one.
    guard: Option<BundleNumber>,
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
        let mut value = Reader(value);
        let (token, content) = (value.u64()?, Content::decode(&mut value)?);
        value.end()?;
        let bundle = self.recovered.remove(&number);
        self.pending.insert(number, Pending { content, token, bundle, again_at: None, attempts: 0 });
        Ok(())
    }

    /// Reads back a receipt row.
    pub fn recover_receipt(&mut self, key: &[u8], value: &[u8]) -> Result<Notice, DecodeError> {
        let number = BundleNumber::from_bytes(key)?;
        let receipted = Receipted::from_bytes(value)?;
        let index = receipted.opening.leaves().first().map_or(0, |(index, _)| *index);
        let position = Position(receipted.receipt.claimed_slot().saturating_add(index));
        let incoming = self.setup.trust.roster.incoming_of(&self.id);
        Ok(Notice::Receipted { number, incoming, position })
    }

    /// What the application may not have heard before the crash.
    pub fn resume(&mut self) -> Vec<Notice> {
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
        let too_long = content.payload.len() > PAYLOAD_MAX
            || content.envelopes.iter().any(|envelope| envelope.ciphertext.len() > CIPHERTEXT_MAX);
        if self.pending.len() >= PENDING_MAX || too_long || !content.is_well_formed() {
            return step.notice(Notice::Overloaded { token });
        }
        let bundle = Bundle {
            client: self.id,
            number: self.next,
            terms: Terms::default(),
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
        let pending = Pending { content, token, bundle: None, again_at: None, attempts: 0 };
        self.pending.insert(bundle.number, pending);
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
        Content { payload: draught.payload, envelopes: envelopes.collect() }
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
    pub fn receipted(&mut self, receipted: Receipted, step: &mut Step) {
        let number = receipted.number;
        let Some(bundle) = self.pending.get(&number).and_then(|pending| pending.bundle.as_ref()) else {
            return;
        };
        let incoming = self.setup.trust.roster.incoming_of(&self.id);
        let from = ActorId::Server(Role::Incoming, incoming);
        step.work.verified += 1;
        let position = match receipted.receipt.clone().verify(&self.setup.trust) {
            Ok(receipt) if receipt.incoming == incoming => {
                receipt.position_of(&bundle.cite(), &receipted.opening)
            }
            _ => None,
        };
        let Some(position) = position else {
            return step.notice(Notice::Suspicious { from, why: "a receipt for something else".to_owned() });
        };
        self.pending.remove(&number);
        step.delete(row(CONTENT, &number.to_bytes()));
        step.put(row(RECEIPT, &number.to_bytes()), receipted.to_bytes());
        if number.next() == self.next {
            self.guard = Some(number);
        } else {
            step.forget(Kind::Bundle, number.0);
        }
        step.notice(Notice::Receipted { number, incoming, position });
        self.submit_waiting(step);
    }

    /// Sends what has become its turn.
    fn submit_waiting(&mut self, step: &mut Step) {
        let turn = self.pending.iter().take(IN_FLIGHT_MAX as usize);
        let waiting = turn.filter(|(_, pending)| pending.again_at.is_none()).map(|(number, _)| *number);
        let waiting: Vec<BundleNumber> = waiting.collect();
        waiting.into_iter().for_each(|number| self.submit(number, step));
    }

    /// A refusal arrived: it is tried again later, with the same bytes.
    pub fn refused(&mut self, from: ActorId, refusal: Unverified<Refusal>, step: &mut Step) {
        step.work.verified += 1;
        match refusal.verify(&self.setup.trust) {
            Err(error) => step.notice(Notice::Suspicious { from, why: error.to_string() }),
            Ok(refusal) if refusal.client == self.id => {
                step.notice(Notice::Refused { number: refusal.number, reason: refusal.reason.name() });
            }
            Ok(_) => {}
        }
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

    /// When something has to be sent again.
    pub fn deadline(&self) -> Option<Time> {
        self.handler?;
        self.pending.values().take(IN_FLIGHT_MAX as usize).filter_map(|pending| pending.again_at).min()
    }
}

fn submitted(number: BundleNumber, token: u64, content: &Content) -> Notice {
    Notice::Submitted {
        token,
        number,
        recipients: content.envelopes.iter().map(|envelope| envelope.recipient).collect(),
        payload: Digest::of(&[&content.payload]),
    }
}

//! Custody: what a request handler has signed for, kept until the incoming actor answers.
//!
//! A bundle is handed on when it is taken, when the incoming actor comes back, and at the pace of a client. If there is
//! no answer for a challenge bound, or somebody asks in public what became of it, the handler asks the incoming actor in
//! public, with the bundle; as long as that stands, what the handler owes rests.
//!
//! # Invariants
//! - The bundle is durable before its receipt is signed, and both stay until the incoming actor has answered.
//! - At most [`KEPT_MAX`] bundles of [`KEPT_BYTES_MAX`] bytes are taken into custody; of what it has signed for and is asked
//!   about in public it holds as many again.
//! - Of each client only the first bundle is asked for in public: those behind it can be admitted after it alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    actor::{
        Setup, Step,
        docket::Docket,
        step::{Notice, row},
    },
    port::Time,
    protocol::{
        board::{Attachment, Entrusted, Exhibit},
        bundle::Submission,
        challenge::Demand,
        codec::{Decode, DecodeError, Encode},
        digest::Digest,
        handler_receipt::HandlerReceipt,
        id::{ActorId, BundleNumber, ClientId, Role},
        message::Message,
        obligation::is_answered,
        statement::{Citation, Kind, Signed},
    },
};

/// Rows: number of a handler receipt → submission.
pub const KEPT: u8 = 1;

/// Most bundles in custody: what an incoming actor may hold back of that many clients.
const KEPT_MAX: usize = 100_000;
/// Most bytes of bundles in custody; keys are free, so it is over all clients.
const KEPT_BYTES_MAX: u64 = 256 << 20;
/// Most bundles that are asked for in public at a time, besides one of each incoming actor. A witness takes 256 challenges of
/// one challenger, and one that stands against an incoming actor is enough to show who holds things up.
const PUBLIC_MAX: usize = 128;
/// A waiting time doubles with each attempt up to this many times, as a client's does.
const BACKOFF_MAX: u32 = 5;

/// A bundle: its client and number, and which it is if the client made two.
pub type Name = (ClientId, BundleNumber, Digest);

/// A bundle in custody.
struct Kept {
    submission: Submission,
    /// The number of its receipt; none if the receipt was given up before, and the bundle is back from the board.
    slot: Option<u64>,
    receipt: Option<Signed<HandlerReceipt>>,
    /// Since when it waits; from the next step on, after a crash.
    since: Time,
    attempts: u32,
    /// When there is something to do about it.
    wake: Time,
    /// The incoming actor is asked for it in public.
    public: bool,
    /// Who relayed a challenge of this handler about it, and which.
    asked: BTreeMap<ActorId, Citation>,
}

/// What is in custody.
pub struct Keeping {
    handler: u32,
    setup: Setup,
    /// The number of the next receipt.
    next: u64,
    kept: BTreeMap<Name, Kept>,
    by_slot: BTreeMap<u64, Name>,
    /// Submissions read back whose receipt has not been.
    recovered: BTreeMap<u64, Submission>,
    bytes: u64,
    wakes: BTreeSet<(Time, Name)>,
    /// How many are asked for in public, of each incoming actor.
    public: BTreeMap<ActorId, usize>,
    /// The last receipt, if its bundle is done with: its row stays until there is a later one.
    guard: Option<u64>,
}

impl Keeping {
    /// Nothing yet.
    pub fn new(handler: u32, setup: Setup) -> Self {
        Keeping {
            handler,
            setup,
            next: 0,
            kept: BTreeMap::new(),
            by_slot: BTreeMap::new(),
            recovered: BTreeMap::new(),
            bytes: 0,
            wakes: BTreeSet::new(),
            public: BTreeMap::new(),
            guard: None,
        }
    }

    /// Puts back a submission. Its receipt comes after it.
    pub fn recover(&mut self, slot: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        self.recovered.insert(u64::from_bytes(slot)?, Submission::from_bytes(value)?);
        Ok(())
    }

    /// Puts back a receipt. They come by number.
    pub fn recover_receipt(&mut self, receipt: Signed<HandlerReceipt>) {
        let slot = receipt.number;
        self.next = slot + 1;
        match self.recovered.remove(&slot) {
            None => self.guard = Some(slot),
            Some(submission) => self.insert(submission, Some(slot), Some(receipt), Time(0)),
        }
    }

    /// Whether nothing is in custody.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether it has ever signed for a bundle: who holds such a receipt may ask in public what became of that.
    pub fn has_signed(&self) -> bool {
        self.next > 0
    }

    /// Whether no more can be taken.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= KEPT_MAX || self.bytes >= KEPT_BYTES_MAX
    }

    /// Whether just this bundle is in custody.
    pub fn has(&self, submission: &Submission) -> bool {
        name_of(submission).is_some_and(|name| self.kept.contains_key(&name))
    }

    fn insert(
        &mut self,
        submission: Submission,
        slot: Option<u64>,
        receipt: Option<Signed<HandlerReceipt>>,
        now: Time,
    ) {
        let Some(name) = name_of(&submission) else { return };
        self.bytes += submission.content.wire_bytes();
        self.by_slot.extend(slot.map(|slot| (slot, name)));
        let wait = self.setup.timing.retry_ns.min(self.setup.challenge_ns());
        let wake = if now == Time(0) { now } else { now.after(wait) };
        self.wakes.insert((wake, name));
        let (since, attempts, public, asked) = (now, 0, false, BTreeMap::new());
        self.kept.insert(name, Kept { submission, slot, receipt, since, attempts, wake, public, asked });
    }

    /// Takes a bundle into custody: it becomes durable with its receipt.
    pub fn take(&mut self, client: ClientId, submission: Submission, step: &mut Step) {
        let number = self.next;
        self.next += 1;
        if let Some(guard) = self.guard.take() {
            step.forget(Kind::HandlerReceipt, guard);
        }
        step.put(row(KEPT, &number.to_bytes()), submission.to_bytes());
        step.promise(HandlerReceipt {
            handler: self.handler,
            number,
            terms: self.setup.terms_of(ActorId::Server(Role::Handler, self.handler)),
            bundle: submission.bundle.cite(),
            incoming: self.setup.trust.roster.incoming_of(&client),
        });
        self.insert(submission, Some(number), None, step.now);
    }

    /// A receipt is durable and signed: its client gets it.
    pub fn signed(
        &mut self,
        receipt: Signed<HandlerReceipt>,
        connected: &BTreeSet<ActorId>,
        step: &mut Step,
    ) {
        let kept = self.by_slot.get(&receipt.number).and_then(|name| self.kept.get_mut(name));
        let Some(kept) = kept else { return };
        kept.receipt = Some(receipt);
        let client = kept.submission.bundle.claimed_actor();
        if connected.contains(&client) {
            kept.tell(client, step);
        }
    }

    /// A bundle in custody is handed in again.
    pub fn asked_again(
        &mut self,
        from: ActorId,
        submission: &Submission,
        connected: &BTreeSet<ActorId>,
        step: &mut Step,
    ) {
        let Some(kept) = name_of(submission).and_then(|name| self.kept.get(&name)) else { return };
        kept.tell(from, step);
        let incoming = incoming_of(&kept.submission, &self.setup);
        if connected.contains(&incoming) {
            step.send(incoming, Message::Submit(kept.submission.clone()));
        }
    }

    /// An incoming actor is there: it gets all that is kept for it.
    pub fn hand_on_to(&mut self, incoming: ActorId, step: &mut Step) {
        for kept in self.kept.values() {
            if incoming_of(&kept.submission, &self.setup) == incoming {
                step.send(incoming, Message::Submit(kept.submission.clone()));
            }
        }
    }

    /// An incoming actor has answered: custody of what it answers ends. Gives the incoming actors that were asked for it
    /// in public.
    #[must_use]
    pub fn settled(
        &mut self,
        (client, number): (ClientId, BundleNumber),
        exhibit: &Exhibit,
        docket: &mut Docket,
        step: &mut Step,
    ) -> Vec<ActorId> {
        let same = self.kept.range((client, number, Digest::ZERO)..=(client, number, Digest([u8::MAX; 32])));
        let same: Vec<Name> = same.map(|(name, _)| *name).collect();
        let mut asked = Vec::new();
        for name in same {
            step.work.verified += 1;
            let Some(kept) = self.kept.get(&name) else { continue };
            let incoming = incoming_of(&kept.submission, &self.setup);
            if is_answered(&kept.submission.bundle.cite(), exhibit, incoming, &self.setup.trust) {
                asked.extend(kept.public.then_some(incoming));
                self.give_up(name, exhibit, docket, step);
            }
        }
        asked
    }

    fn give_up(&mut self, name: Name, exhibit: &Exhibit, docket: &mut Docket, step: &mut Step) {
        let Some(kept) = self.kept.remove(&name) else { return };
        self.bytes -= kept.submission.content.wire_bytes();
        self.wakes.remove(&(kept.wake, name));
        let incoming = incoming_of(&kept.submission, &self.setup);
        if kept.public
            && let Some(count) = self.public.get_mut(&incoming)
        {
            *count -= 1;
        }
        docket.satisfied(incoming, &admit(name));
        for (witness, challenge) in kept.asked {
            docket.answer(witness, challenge, exhibit.clone(), step);
        }
        let Some(slot) = kept.slot else { return };
        self.by_slot.remove(&slot);
        step.delete(row(KEPT, &slot.to_bytes()));
        if slot + 1 == self.next {
            self.guard = Some(slot);
        } else {
            step.forget(Kind::HandlerReceipt, slot);
        }
    }

    /// Somebody asks in public what became of a bundle: it is asked for in public itself, and that is the answer until
    /// there is a better one.
    pub fn challenged(
        &mut self,
        (witness, challenge): (ActorId, Citation),
        entrusted: Entrusted,
        docket: &mut Docket,
        step: &mut Step,
    ) {
        let Some(name) = name_of(&entrusted.submission) else { return };
        let incoming = incoming_of(&entrusted.submission, &self.setup);
        let room = self.kept.len() < 2 * KEPT_MAX && self.bytes < 2 * KEPT_BYTES_MAX;
        if !self.kept.contains_key(&name) && room {
            self.insert(entrusted.submission, None, None, step.now);
        }
        if let Some(kept) = self.kept.get_mut(&name) {
            kept.asked.insert(witness, challenge.clone());
        }
        self.make_public(name, docket, step);
        let own = docket.challenge_of(incoming, &admit(name));
        if let Some(on) = own.or_else(|| self.standing_against(incoming, docket)) {
            docket.blocked(witness, challenge, on, step);
        }
    }

    /// A challenge of an incoming actor that it has not answered.
    fn standing_against(&self, incoming: ActorId, docket: &Docket) -> Option<Citation> {
        let public = self.kept.iter().filter(|(_, kept)| kept.public);
        public.filter_map(|(name, _)| docket.challenge_of(incoming, &admit(*name))).next()
    }

    fn make_public(&mut self, name: Name, docket: &mut Docket, step: &mut Step) {
        let Some(kept) = self.kept.get_mut(&name).filter(|kept| !kept.public) else { return };
        let incoming = incoming_of(&kept.submission, &self.setup);
        let all: usize = self.public.values().sum();
        let own = self.public.entry(incoming).or_default();
        // one that is silent must not use up what another is asked with
        if (all >= PUBLIC_MAX && *own > 0) || self.setup.trust.roster.witnesses() == 0 {
            return;
        }
        kept.public = true;
        *own += 1;
        step.notice(Notice::Reached("a handler asked in public for what it has in custody"));
        let attachment = Attachment::Submission(Box::new(kept.submission.clone()));
        docket.demand(incoming, admit(name), attachment, step);
    }

    /// Hands on again, or makes public, what has waited for long enough.
    pub fn pursue(&mut self, connected: &BTreeSet<ActorId>, docket: &mut Docket, step: &mut Step) {
        while let Some((_, name)) = self.wakes.first().copied().filter(|(at, _)| *at <= step.now) {
            self.wakes.pop_first();
            let is_first = self.kept.range((name.0, BundleNumber(0), Digest::ZERO)..name).next().is_none();
            let (retry_ns, bound_ns) = (self.setup.timing.retry_ns, self.setup.challenge_ns());
            let Some(kept) = self.kept.get_mut(&name) else { continue };
            if kept.since == Time(0) {
                kept.since = step.now;
                step.notice(Notice::Reached("a handler had in custody after a crash what it had before"));
            }
            let overdue = kept.since.after(bound_ns) <= step.now;
            let incoming = incoming_of(&kept.submission, &self.setup);
            if connected.contains(&incoming) {
                step.send(incoming, Message::Submit(kept.submission.clone()));
            }
            // never at once, whatever the roster's bound is
            let wait = (retry_ns << kept.attempts.min(BACKOFF_MAX)).min(bound_ns).max(1);
            (kept.attempts, kept.wake) = (kept.attempts + 1, step.now.after(wait));
            self.wakes.insert((kept.wake, name));
            if overdue && is_first {
                self.make_public(name, docket, step);
            }
        }
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Option<Time> {
        self.wakes.first().map(|(at, _)| *at)
    }
}

impl Kept {
    fn tell(&self, client: ActorId, step: &mut Step) {
        if let Some(receipt) = &self.receipt {
            step.send(client, Message::HandlerReceipted(receipt.to_unverified()));
        }
    }
}

fn name_of(submission: &Submission) -> Option<Name> {
    let client = submission.bundle.claimed_actor().client()?;
    Some((client, BundleNumber(submission.bundle.claimed_slot()), submission.bundle.digest()))
}

fn incoming_of(submission: &Submission, setup: &Setup) -> ActorId {
    let client = submission.bundle.claimed_actor().client();
    ActorId::Server(Role::Incoming, client.map_or(0, |client| setup.trust.roster.incoming_of(&client)))
}

fn admit((client, number, bundle): Name) -> Demand {
    Demand::Admit { client, number, bundle }
}

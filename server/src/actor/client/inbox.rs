//! The inbox of a client: deliveries, derived anew, in order, once.
//!
//! # Invariants
//! - A delivery is taken only if it starts at what this client holds of the mailbox actor's chain.
//! - A delivery that was derived otherwise than it was attested becomes evidence, and the derived order counts.

use super::{EVIDENCE, FRESH, HELD};
use crate::{
    actor::{
        Step,
        docket::accuse,
        step::{Notice, Received, row},
    },
    port::Time,
    protocol::{
        ack::Ack,
        attestation::MailboxHead,
        bundle::{CIPHERTEXT_MAX, PAYLOAD_MAX, Parcel},
        codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
        derivation::{Derived, Entry, RETAINED},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Count, Epoch, Position, SequenceId},
        map::Lookup,
        message::{Delivery, Introduction, Message},
        predicate::{
            attestation::BadAttestation,
            chain::{BrokenChain, Linked},
            equivocation::Equivocation,
        },
        statement::{Citation, Kind, Signed, Trust, Unverified},
    },
};

/// The mailbox as its client holds it.
struct Held {
    /// As the mailbox actor attested it.
    head: MailboxHead,
    /// What the next delivery is measured by.
    start: Introduction,
}

/// What the application is told of a delivery.
struct Fresh {
    entry: Entry,
    /// Sender, number and payload digest; none if what was delivered is no valid bundle.
    bundle: Option<(ClientId, BundleNumber, Digest)>,
    /// What it carried, if that is kept.
    content: Option<Received>,
}

impl Fresh {
    fn notice(&self, count: Count) -> Notice {
        let entry = self.entry;
        match self.bundle {
            Some((sender, number, payload)) => {
                let content = self.content.clone();
                Notice::Delivered { count, entry, sender, number, payload, content }
            }
            None => Notice::Dropped { count, entry, why: "the bundle is not signed by its sender" },
        }
    }
}

/// The inbox of a client.
pub struct Inbox {
    id: ClientId,
    trust: Trust,
    held: Option<Held>,
    clock: u64,
    /// Something was taken since the last acknowledgement.
    news: bool,
    /// Told to the application in an earlier step: their rows may go.
    told: Vec<Count>,
    fresh: Vec<Count>,
    /// When the mailbox actor was last heard of; from the first step on.
    heard: Option<Time>,
    /// When it was last told again what is held.
    told_again: Option<Time>,
    /// What is delivered is kept for the application, not its digest alone.
    keeps: bool,
}

/// What came of a delivery.
#[derive(Default)]
pub struct Taken {
    /// The cut that it shows, if it is sound.
    pub cut: Option<Citation>,
    /// Evidence that it is.
    pub proof: Option<Evidence>,
    /// Bundles are missing or not what they should be: so many deliveries should have come.
    pub lacking: Option<Count>,
    /// It does not go on from what is held: the mailbox actor must be told again what that is.
    pub astray: bool,
}

impl Inbox {
    /// Empty.
    pub fn new(id: ClientId, trust: Trust) -> Self {
        Inbox {
            id,
            trust,
            held: None,
            clock: 0,
            news: false,
            told: Vec::new(),
            fresh: Vec::new(),
            heard: None,
            told_again: None,
            keeps: false,
        }
    }

    /// Keeps what is delivered from now on, until the application has been told.
    pub fn keep(&mut self) {
        self.keeps = true;
    }

    /// How much it holds.
    pub fn count(&self) -> Count {
        self.head().count
    }

    /// In which epoch that was attested; 0 if it holds nothing.
    pub fn epoch(&self) -> Epoch {
        self.held.as_ref().map_or(Epoch(0), |held| Epoch(held.start.attestation.claimed_slot()))
    }

    /// How many acks it has signed.
    pub fn acks(&self) -> u64 {
        self.clock
    }

    /// What the next delivery is measured by.
    pub fn start(&self) -> Option<&Introduction> {
        self.held.as_ref().map(|held| &held.start)
    }

    /// Whether to tell the mailbox actor again what is held: not more often than a submission is tried again.
    pub fn may_tell_again(&mut self, now: Time, pause_ns: u64) -> bool {
        let may = self.told_again.is_none_or(|told| told.after(pause_ns) <= now);
        if may {
            self.told_again = Some(now);
        }
        may
    }

    /// When the mailbox actor was last heard of.
    pub fn heard(&mut self, now: Time) -> Time {
        *self.heard.get_or_insert(now)
    }

    /// The same, if a step has been taken.
    pub fn heard_at(&self) -> Option<Time> {
        self.heard
    }

    /// What to ask the mailbox actor for.
    pub fn read(&self) -> Message {
        Message::Read { held: self.count(), epoch: self.epoch() }
    }

    fn head(&self) -> MailboxHead {
        self.held.as_ref().map_or(MailboxHead::default(), |held| held.head)
    }

    /// Puts back an acknowledgement.
    pub fn recover_ack(&mut self, ack: &Signed<Ack>) {
        self.clock = ack.clock + 1;
    }

    /// Puts back the mailbox as held.
    pub fn recover_held(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        self.held = Some(Held::from_bytes(value)?);
        // the acknowledgement may have been lost with the crash
        self.news = true;
        Ok(())
    }

    /// Reads back a delivery that the application may not have seen.
    pub fn recover_fresh(&mut self, key: &[u8], value: &[u8]) -> Result<Notice, DecodeError> {
        let count = Count::from_bytes(key)?;
        self.fresh.push(count);
        Ok(Fresh::from_bytes(value)?.notice(count))
    }

    /// Takes the start of the mailbox, if nothing is held, or it was away for so long that what it needs is gone.
    pub fn introduce(&mut self, introduction: Introduction, step: &mut Step) {
        self.start_at(introduction, RETAINED, step);
    }

    /// The same by way of the board. One that never had anything may be told there to start anew: its word that it was
    /// introduced may have been lost, and what followed is given up.
    pub fn resume(&mut self, introduction: Introduction, step: &mut Step) {
        let least = if self.count() == Count(0) { 1 } else { RETAINED };
        self.start_at(introduction, least, step);
    }

    /// Takes a start, if nothing is held or it lies so many epochs after what is.
    fn start_at(&mut self, introduction: Introduction, least: u64, step: &mut Step) {
        let Introduction { attestation, cut, mailbox } = &introduction;
        let unusable = |why: &str| Notice::Unusable { why: why.to_owned() };
        step.work.verified_batched += 2;
        let signed = (attestation.clone().verify(&self.trust), cut.clone().verify(&self.trust));
        let (Ok(attested), Ok(ordered)) = signed else {
            return step.notice(unusable("the start of the mailbox is not signed"));
        };
        let own = attested.mailbox == self.trust.roster.mailbox_of(&self.id);
        if !own || attested.cut.digest != ordered.digest() || mailbox.root() != attested.root {
            return step.notice(unusable("the start of the mailbox does not hang together"));
        }
        let head = match mailbox.get(&self.id) {
            Lookup::Present(head) => *head,
            Lookup::Absent => MailboxHead::default(),
            Lookup::Hidden => return step.notice(unusable("the start of the mailbox is not shown")),
        };
        if self.held.is_some() && attested.epoch <= self.epoch() {
            return step.notice(Notice::Reached("a delivery came twice"));
        }
        let away = attested.epoch.0.saturating_sub(self.epoch().0);
        let held = self.head();
        if (head.count, head.head) != (held.count, held.head) || (self.held.is_some() && away < least) {
            return step.notice(unusable("the mailbox does not start where it ended"));
        }
        self.hold(Held { head, start: introduction }, step);
    }

    /// Takes a delivery.
    pub fn take(&mut self, delivery: Delivery, step: &mut Step) -> Taken {
        let mut taken = Taken::default();
        if Epoch(delivery.attestation.claimed_slot()) <= self.epoch() {
            step.notice(Notice::Reached("a delivery came twice"));
            self.news = true;
            return taken;
        }
        if delivery.attestation.claimed_terms().roster > self.trust.roster.version() {
            step.notice(Notice::Reached("a statement was left that names a later roster"));
            return taken;
        }
        // of those that nobody asks for none is checked
        let asked_for = if self.trust.roster.quorum() > 0 { delivery.cosignatures.len() } else { 0 };
        step.work.verified += asked_for as u64;
        if !delivery.is_cosigned(&self.trust) {
            // a cosignature that nobody needs says nothing: whoever lies may add one
            step.notice(match delivery.names_later_witness(&self.trust) {
                true => Notice::Reached("a statement was left that names a later roster"),
                false => Notice::Unusable { why: "too few witnesses have seen the attestation".to_owned() },
            });
            return taken;
        }
        let derivation = delivery.derivation(self.start());
        step.work.verified_batched += derivation.signatures() as u64;
        let derived = match derivation.check(&self.id, &self.trust) {
            Ok(derived) => derived,
            Err(_) if !self.goes_on(&delivery) && !self.look_for_forks(&delivery, step) => {
                step.notice(Notice::Reached("a delivery did not go on from what was held"));
                taken.astray = true;
                return taken;
            }
            Err(flaw) => {
                self.look_for_forks(&delivery, step);
                step.notice(Notice::Unusable { why: flaw.to_string() });
                return taken;
            }
        };
        // before the parcels are looked for: who attests falsely might leave one out
        if !derived.holds() {
            let derivation = Box::new(derivation);
            let evidence = Evidence::from(BadAttestation { client: self.id, derivation });
            if !accuse(evidence.clone(), &self.trust, step) {
                // a key that was revoked since goes on to count in the work, and proves nothing
                step.notice(Notice::Unusable { why: "a false attestation that proves nothing".to_owned() });
                return taken;
            }
            let bytes = evidence.to_bytes();
            step.put(row(EVIDENCE, &Digest::of(&[&bytes]).0), bytes);
            taken.proof = Some(evidence);
        }
        let matched = self.match_parcels(&derived, &delivery, taken.proof.is_some(), step);
        let Some(fresh) = matched else {
            step.notice(Notice::Unusable { why: "a bundle is missing, or not what was sealed".to_owned() });
            taken.lacking = Some(derived.expected.count);
            return taken;
        };
        if fresh.is_empty() {
            step.notice(Notice::Reached("a client was shown that nothing was due"));
        }
        self.store(self.count(), fresh, step);
        let start = delivery.leaves().expect("a checked delivery shows a cut");
        self.hold(Held { head: derived.attested, start }, step);
        taken.cut = Some(derived.cut.cite());
        taken
    }

    /// Whether a delivery begins with the epoch after the one that is held.
    fn goes_on(&self, delivery: &Delivery) -> bool {
        delivery.cuts.first().is_some_and(|cut| cut.claimed_slot() == self.epoch().0 + 1)
    }

    /// A delivery does not fit what is held: perhaps because there are two versions of something.
    fn look_for_forks(&self, delivery: &Delivery, step: &mut Step) -> bool {
        let mut found = false;
        let held = self.start().map(|start| &start.cut);
        let cuts: Vec<_> = held.into_iter().chain(&delivery.cuts).collect();
        for pair in cuts.windows(2) {
            let earlier = Some(pair[0].cite());
            found |= accuse(BrokenChain { earlier, later: Linked::Cut(pair[1].clone()) }, &self.trust, step);
        }
        for cut in delivery
            .cuts
            .iter()
            .filter(|cut| held.is_some_and(|held| held.claimed_slot() == cut.claimed_slot()))
        {
            let first = held.map_or_else(|| cut.cite(), |held| held.cite());
            found |= accuse(Equivocation { first, second: cut.cite() }, &self.trust, step);
        }
        let cited =
            delivery.attestation.clone().verify(&self.trust).map(|attestation| attestation.cut.clone());
        if let (Ok(cited), Some(last)) = (cited, delivery.cuts.last()) {
            found |= accuse(Equivocation { first: cited, second: last.cite() }, &self.trust, step);
        }
        found
    }

    /// Finds the bundle of every derived entry, in derived order; none if one is missing. Of a mailbox actor that has
    /// lied the rest is taken: that something is missing is proved.
    fn match_parcels(
        &self,
        derived: &Derived,
        delivery: &Delivery,
        lied: bool,
        step: &mut Step,
    ) -> Option<Vec<Fresh>> {
        let bundles = delivery.bundles(&self.id);
        let found =
            |entry: &Entry| bundles.get(&entry.leaf).map(|(parcel, bundle)| (*entry, *parcel, *bundle));
        let matched: Vec<_> = derived.entries.iter().filter_map(found).collect();
        if matched.len() < derived.entries.len() && !lied {
            return None;
        }
        step.work.verified_batched +=
            Unverified::signatures(matched.iter().map(|(_, parcel, _)| &parcel.bundle));
        step.work.hashed_bytes +=
            matched.iter().map(|(_, parcel, _)| parcel.payload.len() as u64).sum::<u64>();
        let bundles = matched.iter().map(|(_, parcel, _)| parcel.bundle.clone()).collect();
        let valid = Unverified::verify_all(bundles, &self.trust);
        let fresh = matched.iter().zip(valid).map(|((entry, parcel, bundle), valid)| Fresh {
            entry: *entry,
            bundle: valid.is_ok().then_some((bundle.client, bundle.number, bundle.commitment.payload)),
            content: self.keeps.then(|| received(parcel)),
        });
        Some(fresh.collect())
    }

    fn store(&mut self, base: Count, fresh: Vec<Fresh>, step: &mut Step) {
        for (index, fresh) in fresh.iter().enumerate() {
            let count = Count(base.0.saturating_add(1 + index as u64));
            step.put(row(FRESH, &count.to_bytes()), fresh.to_bytes());
            step.notice(fresh.notice(count));
            self.fresh.push(count);
        }
    }

    fn hold(&mut self, held: Held, step: &mut Step) {
        step.put(row(HELD, &[]), held.to_bytes());
        self.held = Some(held);
        self.heard = Some(step.now);
        self.news = true;
    }

    /// The last acknowledgement may have been lost with its connection.
    pub fn acknowledge_again(&mut self) {
        self.news = self.held.is_some();
    }

    /// Acknowledges what was taken in this step, with one signature, and gives up rows that served their turn.
    pub fn acknowledge(&mut self, step: &mut Step) {
        for count in std::mem::replace(&mut self.told, std::mem::take(&mut self.fresh)) {
            step.delete(row(FRESH, &count.to_bytes()));
        }
        let Some(held) = self.held.as_ref().filter(|_| self.news) else { return };
        step.promise(Ack {
            client: self.id,
            clock: self.clock,
            terms: self.trust.roster.terms_of(&ActorId::Client(self.id)),
            generation: held.head.generation,
            count: held.head.count,
            head: held.head.head,
            attestation: held.start.attestation.cite(),
        });
        if let Some(last) = self.clock.checked_sub(1) {
            step.forget(Kind::Ack, last);
        }
        (self.clock, self.news) = (self.clock + 1, false);
    }
}

/// What a parcel brought its one recipient.
fn received(parcel: &Parcel) -> Received {
    let ciphertext = parcel.envelopes.first().map(|(envelope, _)| envelope.ciphertext.clone());
    Received { payload: parcel.payload.clone(), ciphertext: ciphertext.unwrap_or_default() }
}

coded!(struct Held { head, start });

impl Encode for Fresh {
    fn encode(&self, out: &mut Writer) {
        self.entry.sequence.encode(out);
        out.u32(self.entry.incoming);
        self.entry.position.encode(out);
        self.entry.leaf.encode(out);
        out.u8(match (&self.bundle, &self.content) {
            (None, _) => 0,
            (Some(_), None) => 1,
            (Some(_), Some(_)) => 2,
        });
        let Some((sender, number, payload)) = &self.bundle else { return };
        sender.encode(out);
        number.encode(out);
        payload.encode(out);
        if let Some(content) = &self.content {
            out.string(&content.payload);
            out.string(&content.ciphertext);
        }
    }
}

impl Decode for Fresh {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let entry = Entry {
            sequence: SequenceId::decode(input)?,
            incoming: input.u32()?,
            position: Position::decode(input)?,
            leaf: Digest::decode(input)?,
        };
        let tag = input.u8()?;
        let bundle = match tag {
            0 => None,
            1 | 2 => Some((ClientId::decode(input)?, BundleNumber::decode(input)?, Digest::decode(input)?)),
            _ => return Err(DecodeError::Invalid("option tag")),
        };
        let content = match tag {
            2 => Some(Received {
                payload: input.string("payload", PAYLOAD_MAX)?,
                ciphertext: input.string("ciphertext", CIPHERTEXT_MAX)?,
            }),
            _ => None,
        };
        Ok(Fresh { entry, bundle, content })
    }
}

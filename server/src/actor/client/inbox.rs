//! The inbox of a client: deliveries, derived anew, in order, once.
//!
//! # Invariants
//! - A delivery is taken only if it starts at what this client holds of the mailbox actor's chain.
//! - A delivery that was derived otherwise than it was attested becomes evidence, and the derived order counts.

use super::{EVIDENCE, FRESH, HELD};
use crate::{
    actor::{
        Step,
        step::{Notice, row},
    },
    protocol::{
        ack::Ack,
        attestation::MailboxHead,
        bundle::{Bundle, Parcel},
        codec::{Decode, DecodeError, Encode, Reader, Writer},
        derivation::{Derived, Entry, RETAINED},
        digest::Digest,
        evidence::Evidence,
        id::{BundleNumber, ClientId, Count, Epoch, Position, SequenceId},
        map::Lookup,
        message::{Delivery, Introduction, Message},
        predicate::attestation::BadAttestation,
        statement::{Citation, Kind, Signed, Terms, Trust, Unverified},
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
}

impl Fresh {
    fn notice(&self, count: Count) -> Notice {
        let entry = self.entry;
        match self.bundle {
            Some((sender, number, payload)) => Notice::Delivered { count, entry, sender, number, payload },
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
}

impl Inbox {
    /// Empty.
    pub fn new(id: ClientId, trust: Trust) -> Self {
        Inbox { id, trust, held: None, clock: 0, news: false, told: Vec::new(), fresh: Vec::new() }
    }

    /// How much it holds.
    pub fn count(&self) -> Count {
        self.head().count
    }

    /// In which epoch that was attested; 0 if it holds nothing.
    pub fn epoch(&self) -> Epoch {
        self.held.as_ref().map_or(Epoch(0), |held| Epoch(held.start.attestation.claimed_slot()))
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
        let away = attested.epoch.0.saturating_sub(self.epoch().0);
        let held = self.head();
        if (head.count, head.head) != (held.count, held.head) || (self.held.is_some() && away < RETAINED) {
            return step.notice(unusable("the mailbox does not start where it ended"));
        }
        self.hold(Held { head, start: introduction }, step);
    }

    /// Takes a delivery; gives the cut that it shows, if it is sound.
    pub fn take(&mut self, delivery: Delivery, step: &mut Step) -> Option<Citation> {
        if Epoch(delivery.attestation.claimed_slot()) <= self.epoch() {
            step.notice(Notice::Reached("a delivery came twice"));
            self.news = true;
            return None;
        }
        let derivation = delivery.derivation(self.held.as_ref().map(|held| &held.start));
        step.work.verified_batched += derivation.signatures() as u64;
        let derived = match derivation.check(&self.id, &self.trust) {
            Ok(derived) => derived,
            Err(flaw) => {
                step.notice(Notice::Unusable { why: flaw.to_string() });
                return None;
            }
        };
        // before the parcels are looked for: who attests falsely might leave one out
        if !derived.holds() {
            let derivation = Box::new(derivation);
            let evidence = Evidence::from(BadAttestation { client: self.id, derivation });
            let bytes = evidence.to_bytes();
            step.put(row(EVIDENCE, &Digest::of(&[&bytes]).0), bytes);
            step.notice(Notice::Caught(Box::new(evidence)));
        }
        let fresh = match self.match_parcels(&derived, &delivery.parcels, step) {
            Ok(fresh) => fresh,
            Err(why) => {
                step.notice(Notice::Unusable { why: why.to_owned() });
                return None;
            }
        };
        if fresh.is_empty() {
            step.notice(Notice::Reached("a client was shown that nothing was due"));
        }
        self.store(self.count(), fresh, step);
        let start = delivery.leaves().expect("a checked delivery shows a cut");
        self.hold(Held { head: derived.attested, start }, step);
        Some(derived.cut.cite())
    }

    /// Finds the bundle of every derived entry, in derived order.
    fn match_parcels(
        &self,
        derived: &Derived,
        parcels: &[Parcel],
        step: &mut Step,
    ) -> Result<Vec<Fresh>, &'static str> {
        let mut matched: Vec<(&Entry, &Parcel, &Bundle)> = Vec::new();
        for entry in &derived.entries {
            let found =
                parcels.iter().find_map(|parcel| Some((parcel, parcel.bundle.committed_as(entry.leaf)?)));
            let (parcel, bundle) = found.ok_or("a bundle is missing")?;
            let own = matches!(&parcel.envelopes[..], [(envelope, _)] if envelope.recipient == self.id);
            if !own || !parcel.matches(&bundle.commitment) {
                return Err("content is not what the bundle commits to");
            }
            matched.push((entry, parcel, bundle));
        }
        step.work.verified_batched += matched.len() as u64;
        step.work.hashed_bytes +=
            matched.iter().map(|(_, parcel, _)| parcel.payload.len() as u64).sum::<u64>();
        let bundles = matched.iter().map(|(_, parcel, _)| parcel.bundle.clone()).collect();
        let valid = Unverified::verify_all(bundles, &self.trust);
        let fresh = matched.iter().zip(valid).map(|((entry, _, bundle), valid)| Fresh {
            entry: **entry,
            bundle: valid.is_ok().then_some((bundle.client, bundle.number, bundle.commitment.payload)),
        });
        Ok(fresh.collect())
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
            terms: Terms::default(),
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

impl Encode for Held {
    fn encode(&self, out: &mut Writer) {
        self.head.encode(out);
        self.start.encode(out);
    }
}

impl Decode for Held {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Held { head: MailboxHead::decode(input)?, start: Introduction::decode(input)? })
    }
}

impl Encode for Fresh {
    fn encode(&self, out: &mut Writer) {
        self.entry.sequence.encode(out);
        out.u32(self.entry.incoming);
        self.entry.position.encode(out);
        self.entry.leaf.encode(out);
        out.u8(u8::from(self.bundle.is_some()));
        if let Some((sender, number, payload)) = &self.bundle {
            sender.encode(out);
            number.encode(out);
            payload.encode(out);
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
        let bundle = match input.u8()? {
            0 => None,
            1 => Some((ClientId::decode(input)?, BundleNumber::decode(input)?, Digest::decode(input)?)),
            _ => return Err(DecodeError::Invalid("option tag")),
        };
        Ok(Fresh { entry, bundle })
    }
}

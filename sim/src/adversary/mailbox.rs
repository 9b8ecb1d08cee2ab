//! Mailbox actors that cheat (family D of the catalogue).

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use server::{
    actor::{Draft, Input, mailbox::EpochDeliveries},
    protocol::{
        ack::Ack,
        attestation::{Attestation, MailboxHead},
        board::{Answered, Exhibit, Posting},
        challenge::{Answer, Demand, Response},
        derivation::Entry,
        id::{ActorId, ClientId, Count, Epoch, Generation, Role},
        message::{Delivery, Message},
        statement::{Citation, Signed, Terms},
    },
};

use super::{Attack, Context, OWN_NUMBERS};

/// The clock of a forged acknowledgement: beyond all that its client has signed.
const FORGED_CLOCK: u64 = 1_000_000;

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "omit-delivery" => Box::new(ChangeDeliveries(omit)),
        "insert-delivery" => Box::new(ChangeDeliveries(insert)),
        "swap-deliveries" => Box::new(ChangeDeliveries(swap)),
        "swap-payload" => Box::new(SwapPayload),
        "fork-attestation" => Box::new(ForkAttestation),
        "serve-stale" => Box::new(Withhold { everyone: true, victim: None }),
        "withhold-delivery" => Box::new(Withhold::from_one()),
        "stop-attesting" => Box::new(StopAttesting),
        "forge-ack" => Box::new(ForgeAck { withhold: Withhold::from_one(), attested: None, shown: 0 }),
        "attest-again" => Box::<AttestAgain>::default(),
        "purge-early" => Box::<PurgeEarly>::default(),
        "restart-chain" => Box::new(RestartChain),
        "frame-incoming" => Box::new(FrameIncoming),
        _ => return None,
    })
}

/// D01 to D03: attests other deliveries than the cut orders. Exposed (*badattestation*) by the client itself.
struct ChangeDeliveries(fn(&mut Vec<Entry>) -> Option<()>);

impl Attack for ChangeDeliveries {
    fn deliveries(&mut self, deliveries: &mut EpochDeliveries, context: &mut Context<'_>) {
        for (client, entries) in &mut deliveries.by_client {
            let mut other = entries.clone();
            if context.is_against(client) && (self.0)(&mut other).is_some() && context.on() {
                *entries = other;
                context.fired();
                break;
            }
        }
        deliveries.by_client.retain(|_, entries| !entries.is_empty());
    }
}

fn omit(entries: &mut Vec<Entry>) -> Option<()> {
    entries.pop().map(|_| ())
}

fn insert(entries: &mut Vec<Entry>) -> Option<()> {
    entries.push(*entries.last()?);
    Some(())
}

/// The bundles change places, the sequence ids stay in order.
fn swap(entries: &mut Vec<Entry>) -> Option<()> {
    let [first, second, ..] = entries.as_mut_slice() else { return None };
    std::mem::swap(first, second);
    std::mem::swap(&mut first.sequence, &mut second.sequence);
    Some(())
}

fn delivery(send: &mut (ActorId, Message)) -> Option<(ClientId, &mut Delivery)> {
    match send {
        (ActorId::Client(client), Message::Delivery(delivery)) => Some((*client, delivery)),
        _ => None,
    }
}

/// D04: shows another payload than the leaf commits to. The client takes it for not delivered: suspected.
struct SwapPayload;

impl Attack for SwapPayload {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        for (client, delivery) in sends.iter_mut().filter_map(delivery) {
            let Some(parcel) = delivery.parcels.first_mut() else { continue };
            if context.is_against(&client) && context.on() {
                Arc::make_mut(parcel).payload.push(0);
                context.fired();
            }
        }
        sends.retain(|(_, message)| !context.refuses(message));
    }
}

/// D05: another attestation for an incoming actor than for clients. Exposed (*equiv*) when the two meet.
struct ForkAttestation;

impl Attack for ForkAttestation {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        for (to, message) in sends {
            let Message::Attested(attestation) = message else { continue };
            if to.role() != Role::Incoming || !context.is_target(*to) || !context.on() {
                continue;
            }
            let Ok(honest) = attestation.clone().verify(context.trust) else { continue };
            let other = Attestation { root: context.digest(), ..(*honest).clone() };
            *attestation = context.sign(other).to_unverified();
            context.fired();
        }
    }
}

/// D06 and D07: attests, and delivers nothing new to anyone, or to the victim. Suspected.
struct Withhold {
    everyone: bool,
    /// Whom it picked, if no victim is named.
    victim: Option<ClientId>,
}

impl Withhold {
    /// From the victim, or whoever it picks.
    fn from_one() -> Self {
        Withhold { everyone: false, victim: None }
    }

    /// Takes away what it withholds; how many deliveries.
    fn withhold(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &Context<'_>) -> usize {
        let before = sends.len();
        if context.is_time() {
            sends.retain(|(to, message)| {
                let (ActorId::Client(client), Message::Delivery(_)) = (to, message) else { return true };
                let victim = context.victim().unwrap_or_else(|| *self.victim.get_or_insert(*client));
                !self.everyone && victim != *client
            });
        }
        before - sends.len()
    }
}

impl Attack for Withhold {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        (0..self.withhold(sends, context)).for_each(|_| context.fired());
        sends.retain(|(_, message)| !context.refuses(message));
    }
}

/// D08: attests nothing any more. Suspected, unless it waits for someone upstream.
struct StopAttesting;

impl Attack for StopAttesting {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        let before = drafts.len();
        drafts.retain(|draft| !(matches!(draft, Draft::Attestation(_)) && context.is_time()));
        if drafts.len() < before {
            context.fired();
        }
    }
}

/// D09: delivers nothing new to the victim, and shows whoever asks for it in public an acknowledgement that its client never
/// signed. Nobody takes it for one: suspected, like D07.
struct ForgeAck {
    withhold: Withhold,
    /// What it has attested last.
    attested: Option<Citation>,
    shown: u64,
}

impl ForgeAck {
    /// What it answers to a challenge of itself, if that is for a delivery.
    fn answer(&mut self, posting: &Posting, context: &mut Context<'_>) -> Option<Answered> {
        let challenge = posting.challenge.clone().verify(context.trust).ok()?;
        let Demand::Deliver { client, held, .. } = challenge.demand else { return None };
        let attestation = self.attested.clone().filter(|_| challenge.target == context.me())?;
        let head = context.digest();
        let ack = context.sign(Ack {
            client,
            clock: FORGED_CLOCK,
            terms: Terms::default(),
            generation: Generation(0),
            count: Count(held.0 + 1),
            head,
            attestation,
        });
        // of the key all is right but whose it is
        let exhibit = Exhibit::Ack(ack.to_unverified());
        let response = context.sign(Response {
            target: context.me(),
            number: OWN_NUMBERS + self.shown,
            terms: context.trust.roster.present_terms_of(&context.me()),
            challenge: challenge.cite(),
            answer: Answer::Shown(exhibit.digest()),
        });
        self.shown += 1;
        Some(Answered { response: response.to_unverified(), exhibit })
    }
}

impl Attack for ForgeAck {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let Input::Message(witness, Message::Posted(posting)) = &input else { return vec![input] };
        let answer = if context.is_time() { self.answer(posting, context) } else { None };
        if let Some(answer) = answer {
            context.fired();
            context.send(*witness, Message::Answered(Box::new(answer)));
            return Vec::new();
        }
        vec![input]
    }

    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut attested = sends.iter().filter_map(|(_, message)| match message {
            Message::Attested(attestation) => Some(attestation.cite()),
            _ => None,
        });
        self.attested = attested.next_back().or(self.attested.take());
        self.withhold.withhold(sends, context);
    }
}

/// D10: an old attestation again, as it was: correct, though it looks like a rollback.
#[derive(Default)]
struct AttestAgain {
    attested: VecDeque<Signed<Attestation>>,
}

impl Attack for AttestAgain {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut again = Vec::new();
        for (to, message) in sends.iter() {
            let Message::Attested(attestation) = message else { continue };
            let old = self.attested.front().filter(|old| old.epoch.0 < attestation.claimed_slot());
            if let Some(old) = old.filter(|_| context.on()) {
                again.push((*to, Message::Attested(old.to_unverified())));
                context.fired();
            }
            self.attested.extend(attestation.clone().verify(context.trust));
            while self.attested.len() > 8 {
                self.attested.pop_front();
            }
        }
        sends.append(&mut again);
    }
}

/// D11: a delivery is gone before its client has acknowledged it. Suspected for ever: it cannot answer.
#[derive(Default)]
struct PurgeEarly {
    purged: BTreeSet<(ClientId, Epoch)>,
}

impl Attack for PurgeEarly {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        sends.retain_mut(|send| {
            let Some((client, delivery)) = delivery(send) else {
                return !context.refuses(&send.1);
            };
            let key = (client, Epoch(delivery.attestation.claimed_slot()));
            if !self.purged.contains(&key) && context.is_against(&client) && context.on() {
                self.purged.insert(key);
            }
            let purged = self.purged.contains(&key);
            if purged {
                context.fired();
            }
            !purged
        });
    }
}

/// D12: begins a mailbox anew, as if nothing had been delivered to it. Exposed (*badattestation*) by its client.
struct RestartChain;

impl Attack for RestartChain {
    fn deliveries(&mut self, deliveries: &mut EpochDeliveries, context: &mut Context<'_>) {
        for (client, head) in &mut deliveries.heads {
            if head.count > Count(0) && context.is_against(client) && context.on() {
                *head = MailboxHead { generation: head.generation, ..MailboxHead::default() };
                context.fired();
                break;
            }
        }
    }
}

/// D13: pretends that it never got a batch. The incoming actor shows it to everyone, so only this one stays suspected.
struct FrameIncoming;

impl Attack for FrameIncoming {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let from = match &input {
            Input::Message(from, Message::Batch(_)) => *from,
            Input::Message(_, Message::Answered(answered)) => match &answered.exhibit {
                Exhibit::Batch(batch) => batch.seal.claimed_actor(),
                _ => return vec![input],
            },
            _ => return vec![input],
        };
        if context.is_target(from) && context.is_time() {
            context.fired();
            return Vec::new();
        }
        vec![input]
    }
}

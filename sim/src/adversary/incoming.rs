//! Incoming actors that cheat beside their queue (family B of the catalogue): what they ignore, withhold, and sign twice.

use std::collections::VecDeque;

use server::{
    actor::{Draft, Input},
    port::Time,
    protocol::{
        batch::Batch,
        board::Attachment,
        bundle::Submission,
        id::{ActorId, BundleNumber, ClientId, Role},
        message::Message,
        refusal::{Reason, Refusal},
        seal::Seal,
        statement::{Citation, Signed, Terms},
    },
};

use super::{Attack, Context, queue};

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "censor-client" => Box::new(CensorClient),
        "poison-batch" => Box::new(AlterBatch(poison)),
        "fork-seal" => Box::new(AlterBatch(fork)),
        "withhold-batch" => Box::new(WithholdBatch),
        "refuse-opening" => Box::new(RefuseOpening),
        "fall-silent" => Box::new(FallSilent),
        "reseal-old-batch" => Box::<ResealOldBatch>::default(),
        "slow-walk" => Box::<SlowWalk>::default(),
        "regress-citation" => Box::<RegressCitation>::default(),
        "front-run" => Box::new(Overtake { favours: false, held: Vec::new(), until: Time(0) }),
        "favour-accomplice" => Box::new(Overtake { favours: true, held: Vec::new(), until: Time(0) }),
        "falsify-chain" => Box::new(FalsifyChain),
        "refuse-falsely" => Box::new(RefuseFalsely),
        other => return queue::attack(other),
    })
}

fn submitter(input: &Input) -> Option<(ActorId, &Submission, ClientId)> {
    let Input::Message(from, message) = input else { return None };
    let submission = match message {
        Message::Submit(submission) => submission,
        Message::Posted(posting) => match &posting.attachment {
            Attachment::Submission(submission) => submission,
            _ => return None,
        },
        _ => return None,
    };
    Some((*from, submission, submission.bundle.claimed_actor().client()?))
}

/// B01: ignores the victim. Suspected once a witness has relayed the bundle and there is no answer.
struct CensorClient;

impl Attack for CensorClient {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let against = submitter(&input).is_some_and(|(_, _, client)| context.is_against(&client));
        if against && context.on() {
            context.fired();
            return Vec::new();
        }
        vec![input]
    }
}

/// B08 and B09: gives a mailbox actor another batch than it sealed.
struct AlterBatch(fn(&mut Batch, &Context<'_>) -> Option<()>);

impl Attack for AlterBatch {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        for (to, message) in sends.iter_mut() {
            let Message::Batch(batch) = message else { continue };
            let mut other = batch.clone();
            let possible = context.is_target(*to) && (self.0)(&mut other, context).is_some();
            if possible && context.on() {
                *batch = other;
                context.fired();
            }
        }
        sends.retain(|(_, message)| !context.refuses(message));
    }
}

/// B08: other bytes under the right seal count as not delivered: suspected, and cleared as soon as it shows the right ones.
fn poison(batch: &mut Batch, _: &Context<'_>) -> Option<()> {
    batch.parcels.first_mut()?.payload.push(0);
    Some(())
}

/// B09: another seal of the same number: exposed (*equiv*) when the cut with the first one arrives.
fn fork(batch: &mut Batch, context: &Context<'_>) -> Option<()> {
    let seal = batch.seal.clone().verify(context.trust).ok()?;
    batch.seal =
        context.sign(Seal { content_bytes: seal.content_bytes + 1, ..(*seal).clone() }).to_unverified();
    Some(())
}

/// B11: seals, and gives the victim's mailbox actor nothing; every one, if no victim is named. Suspected.
struct WithholdBatch;

impl Attack for WithholdBatch {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let all = context.victim().is_none();
        sends.retain(|(to, message)| {
            let batch = matches!(message, Message::Batch(_)) && (all || context.is_target(*to));
            let dropped = batch && context.on();
            if dropped {
                context.fired();
            }
            !dropped && !context.refuses(message)
        });
    }
}

/// B12: opens no seal to an auditor, and answers no challenge. Suspected.
struct RefuseOpening;

impl Attack for RefuseOpening {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        sends.retain(|(_, message)| {
            let opening = matches!(message, Message::Ledger(_)) && context.on();
            if opening {
                context.fired();
            }
            !opening && !context.refuses(message)
        });
    }
}

/// B13: takes everything, signs and sends nothing. Suspected: the heartbeat is missing.
struct FallSilent;

impl Attack for FallSilent {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        if context.is_time() && !drafts.is_empty() {
            drafts.clear();
            context.fired();
        }
    }

    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        if context.is_time() {
            sends.clear();
        }
    }
}

/// B14: signs an old batch number again, as an actor whose disk was rolled back. Exposed (*equiv*).
#[derive(Default)]
struct ResealOldBatch {
    seals: VecDeque<Signed<Seal>>,
}

impl Attack for ResealOldBatch {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut again = Vec::new();
        for (to, message) in sends.iter() {
            let Message::Sealed(seal) = message else { continue };
            let Ok(seal) = seal.clone().verify(context.trust) else { continue };
            let old = self.seals.front().filter(|_| self.seals.len() > 2).cloned();
            if let Some(old) = old.filter(|_| context.on()) {
                let other = Seal { content_bytes: old.content_bytes + 1, ..(*old).clone() };
                again.push((*to, Message::Sealed(context.sign(other).to_unverified())));
                context.fired();
            }
            self.seals.push_back(seal);
            if self.seals.len() > 8 {
                self.seals.pop_front();
            }
        }
        sends.append(&mut again);
    }
}

/// B15: sends every seal and batch some epochs late. Nobody may be blamed for what stays inside the bound.
#[derive(Default)]
struct SlowWalk {
    held: VecDeque<(Time, ActorId, Message)>,
}

/// How many epochs late.
const SLOW_EPOCHS: u64 = 4;

impl Attack for SlowWalk {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut out = Vec::new();
        for (to, message) in std::mem::take(sends) {
            let slow = matches!(message, Message::Sealed(_) | Message::Batch(_)) && context.is_time();
            if slow || self.held.iter().any(|(_, other, _)| *other == to) {
                let at = context.now.after(SLOW_EPOCHS * context.epoch_ns());
                self.held.push_back((at, to, message));
                context.fired();
            } else {
                out.push((to, message));
            }
        }
        while let Some((_, to, message)) = self.held.pop_front_if(|(at, ..)| *at <= context.now) {
            out.push((to, message));
        }
        *sends = out;
    }

    fn deadline(&self) -> Option<Time> {
        self.held.front().map(|(at, ..)| *at)
    }
}

/// B17: cites an older cut than its seal before. Exposed (*badseal*).
#[derive(Default)]
struct RegressCitation {
    seen: Vec<Citation>,
}

impl Attack for RegressCitation {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        for draft in drafts {
            let Draft::Seal(seal) = draft else { continue };
            let Some(seen) = &seal.seen else { continue };
            let last = self.seen.last().map_or(0, |last| last.slot);
            let older = self.seen.iter().rev().find(|older| older.slot < last).cloned();
            if let Some(older) = older.filter(|_| context.on()) {
                seal.seen = Some(older);
                context.fired();
            } else {
                self.seen.push(seen.clone());
            }
        }
    }
}

/// B18 and F01: who comes first inside a tick, before there are receipts, is free: nobody else has seen them arrive.
struct Overtake {
    /// Whether the victim is the accomplice whom it lets pass, or the one whom others pass.
    favours: bool,
    held: Vec<Input>,
    until: Time,
}

impl Attack for Overtake {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let Some((_, _, client)) = submitter(&input) else {
            let due = self.until <= context.now;
            let held = if due { std::mem::take(&mut self.held) } else { Vec::new() };
            return held.into_iter().chain([input]).collect();
        };
        let named = context.victim().is_some_and(|victim| victim == client);
        if named != self.favours && context.is_time() {
            if self.held.is_empty() {
                self.until = context.now.after(context.epoch_ns());
            }
            self.held.push(input);
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            context.fired();
        }
        std::iter::once(input).chain(held).collect()
    }

    fn deadline(&self) -> Option<Time> {
        (!self.held.is_empty()).then_some(self.until)
    }
}

/// B19: a queue chain that does not follow from the leaves. Exposed (*badseal*) at the first opening.
struct FalsifyChain;

impl Attack for FalsifyChain {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        for draft in drafts {
            let Draft::Seal(seal) = draft else { continue };
            if seal.count() > 0 && context.on() {
                seal.chain = context.digest();
                context.fired();
            }
        }
    }
}

/// B20: refuses for a reason that the roster refutes. Exposed by the refusal itself.
struct RefuseFalsely;

impl Attack for RefuseFalsely {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let Some((from, submission, client)) = submitter(&input) else { return vec![input] };
        let own = ActorId::Server(Role::Incoming, context.trust.roster.incoming_of(&client));
        if own != context.me() || !context.is_against(&client) || !context.on() {
            return vec![input];
        }
        let refusal = context.sign(Refusal {
            incoming: context.trust.roster.incoming_of(&client),
            client,
            number: BundleNumber(submission.bundle.claimed_slot()),
            bundle: submission.bundle.digest(),
            terms: Terms::default(),
            reason: Reason::Misrouted,
        });
        context.send(from, Message::Refused(refusal.to_unverified(), client));
        context.fired();
        Vec::new()
    }
}

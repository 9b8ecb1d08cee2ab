//! Clients that cheat (family A of the catalogue).

use server::{
    actor::{Draft, Input},
    protocol::{
        bundle::Submission,
        id::{ActorId, Epoch},
        message::Message,
        statement::Kind,
    },
};

use super::{Attack, Context, forged};

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "fork-bundle" => Box::new(ForkBundle),
        "replay-bundle" => Box::new(ReplayBundle),
        "hand-in-garbage" => Box::new(Garbage),
        "poison-ciphertext" => Box::new(PoisonCiphertext),
        "cite-forked-cut" => Box::new(CiteForkedCut),
        _ => return None,
    })
}

/// Adds to the submissions that leave what `make` makes of them.
fn beside(
    sends: &[(ActorId, Message)],
    context: &mut Context<'_>,
    make: impl Fn(&Submission, &mut Context<'_>) -> Option<Submission>,
) {
    for (to, message) in sends {
        let Message::Submit(submission) = message else { continue };
        if let Some(other) = context.on().then(|| make(submission, context)).flatten() {
            context.fired();
            context.send(*to, Message::Submit(other));
        }
    }
}

/// A01: two bundles for one number. Exposed (*equiv*) as soon as both reach one honest party: the incoming actor.
struct ForkBundle;

impl Attack for ForkBundle {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        beside(sends, context, |submission, context| {
            let mut bundle = (*submission.bundle.clone().verify(context.trust).ok()?).clone();
            if ActorId::Client(bundle.client) != context.me() {
                return None;
            }
            bundle.expiry = Epoch(bundle.expiry.0 - 1);
            let bundle = context.sign(bundle).to_unverified();
            Some(Submission { bundle, content: submission.content.clone() })
        });
    }
}

/// A02: the same bundle again. No fault: it is admitted once.
struct ReplayBundle;

impl Attack for ReplayBundle {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        beside(sends, context, |submission, _| Some(submission.clone()));
    }
}

/// A03: a bundle whose signature is none, in the name of whoever's bundle passes. It is dropped.
struct Garbage;

impl Attack for Garbage {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        beside(sends, context, |submission, _| {
            Some(Submission { bundle: forged(&submission.bundle), content: submission.content.clone() })
        });
    }
}

/// A06: a ciphertext that its recipient cannot read. Nobody can prove that without the recipient's key.
struct PoisonCiphertext;

impl Attack for PoisonCiphertext {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let Input::Send(mut draught) = input else { return vec![input] };
        if let Some((_, ciphertext)) = draught.ciphertexts.first_mut().filter(|_| context.on()) {
            *ciphertext = context.digest().0.to_vec();
            context.fired();
        }
        vec![Input::Send(draught)]
    }
}

/// A07: cites a cut that the sequencer never signed. Without the sequencer's signature the bundle is not valid.
struct CiteForkedCut;

impl Attack for CiteForkedCut {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        for draft in drafts {
            let Draft::Bundle(bundle) = draft else { continue };
            if context.on() {
                let slot = bundle.seen.map_or(1, |seen| seen.slot);
                bundle.seen = Some(context.citation(Kind::Cut, ActorId::SEQUENCER, slot));
                context.fired();
            }
        }
    }
}

//! Clients that cheat (family A of the catalogue).

use std::collections::BTreeMap;

use server::{
    actor::{Draft, Input},
    protocol::{
        board::{Attachment, Complained, Entrusted, Posting},
        bundle::{Bundle, Submission},
        challenge::{Challenge, Demand},
        codec::Encode,
        complaint::{Charge, Complaint},
        digest::Digest,
        evidence::Evidence,
        handler_receipt::HandlerReceipt,
        id::{ActorId, BundleNumber, Count, Epoch, Role},
        message::Message,
        predicate::equivocation::Equivocation,
        statement::{Kind, Terms, Unverified},
    },
};

use super::{Attack, Context, OWN_NUMBERS, forged};

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "fork-bundle" => Box::new(ForkBundle),
        "fork-in-run" => Box::new(ForkInRun),
        "sign-again" => Box::<SignAgain>::default(),
        "replay-bundle" => Box::new(ReplayBundle),
        "hand-in-garbage" => Box::new(Garbage),
        "poison-ciphertext" => Box::new(PoisonCiphertext),
        "cite-forked-cut" => Box::new(CiteForkedCut),
        "accuse-falsely" => Box::<AccuseFalsely>::default(),
        "deny-delivery" => Box::<DenyDelivery>::default(),
        "spam-challenges" => Box::<SpamChallenges>::default(),
        _ => return None,
    })
}

impl Context<'_> {
    /// Challenges somebody in public, at all witnesses.
    fn challenge(&mut self, number: u64, target: ActorId, demand: Demand, attachment: Attachment) {
        let challenge = Challenge { challenger: self.me(), number, terms: Terms::default(), target, demand };
        let posting = Posting { challenge: self.sign(challenge).to_unverified(), attachment };
        for index in 0..self.trust.roster.witnesses() {
            let witness = ActorId::Server(Role::Witness, index);
            self.send(witness, Message::Posted(Box::new(posting.clone())));
        }
        self.fired();
    }
}

/// Adds to the submissions that leave what `make` makes of them, having changed them, too, if it likes.
fn beside(
    sends: &mut [(ActorId, Message)],
    context: &mut Context<'_>,
    make: impl Fn(&mut Submission, &mut Context<'_>) -> Option<Submission>,
) {
    for (to, message) in sends {
        let Message::Submit(submission) = message else { continue };
        if let Some(other) = context.on().then(|| make(submission, context)).flatten() {
            context.fired();
            context.send(*to, Message::Submit(other));
        }
    }
}

/// The bundle of a submission, if the adversary made it.
fn own(submission: &Submission, context: &Context<'_>) -> Option<Bundle> {
    let bundle = submission.bundle.clone().verify(context.trust).ok()?;
    (ActorId::Client(bundle.client) == context.me()).then(|| (*bundle).clone())
}

/// Another bundle of the same number.
fn other(bundle: &Bundle) -> Bundle {
    Bundle { expiry: Epoch(bundle.expiry.0 - 1), ..bundle.clone() }
}

/// Signs both at once; the first goes out instead of the submission's, the second is the one to send beside it.
fn signed_in_one(
    bundles: [Bundle; 2],
    submission: &mut Submission,
    context: &Context<'_>,
) -> Option<Submission> {
    let mut signed = context.sign_together(bundles.to_vec()).into_iter();
    submission.bundle = signed.next()?.to_unverified();
    Some(Submission { bundle: signed.next()?.to_unverified(), content: submission.content.clone() })
}

/// A01: two bundles for one number. Exposed (*equiv*) as soon as both reach one honest party: the incoming actor.
struct ForkBundle;

impl Attack for ForkBundle {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        beside(sends, context, |submission, context| {
            let bundle = context.sign(other(&own(submission, context)?)).to_unverified();
            Some(Submission { bundle, content: submission.content.clone() })
        });
    }
}

/// A14: two bundles for one number, under one signature. Exposed (*equiv*) like A01.
struct ForkInRun;

impl Attack for ForkInRun {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        beside(sends, context, |submission, context| {
            let bundle = own(submission, context)?;
            signed_in_one([other(&bundle), bundle], submission, context)
        });
    }
}

/// A15: one bundle, signed in two ways, of which its honest part knows none; and when that has a receipt in a third, of which it asks
/// in public what became of it if its handler has signed for it. No fault of anybody's: it is admitted once, and who is asked says so.
#[derive(Default)]
struct SignAgain {
    /// What has no receipt yet, with whom it was handed to.
    open: BTreeMap<BundleNumber, (ActorId, Submission)>,
    /// What was signed in a third way, since a receipt of it came.
    again: BTreeMap<Digest, Submission>,
    asked: u64,
}

impl SignAgain {
    /// Its bundle has a receipt.
    fn receipted(&mut self, number: BundleNumber, context: &mut Context<'_>) {
        let Some((handler, submission)) = self.open.remove(&number) else { return };
        let Some(bundle) = own(&submission, context) else { return };
        let bundle = context.sign(bundle).to_unverified();
        let again = Submission { bundle, content: submission.content };
        self.again.insert(again.bundle.digest(), again.clone());
        context.send(handler, Message::Submit(again));
        context.fired();
    }

    /// A handler has signed for one.
    fn entrusted(
        &mut self,
        handler: ActorId,
        receipt: &Unverified<HandlerReceipt>,
        context: &mut Context<'_>,
    ) {
        let Ok(signed) = receipt.clone().verify(context.trust) else { return };
        let Some(submission) = self.again.remove(&signed.bundle.digest) else { return };
        if signed.bundle != submission.bundle.cite() {
            return;
        }
        let entrusted = Entrusted { receipt: receipt.clone(), submission };
        let attachment = Attachment::Entrusted(Box::new(entrusted));
        let number = OWN_NUMBERS + self.asked;
        self.asked += 1;
        context.challenge(number, handler, Demand::Custody(receipt.cite()), attachment);
    }
}

impl Attack for SignAgain {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        match &input {
            Input::Message(_, Message::Receipted(receipted)) => self.receipted(receipted.number, context),
            Input::Message(handler, Message::HandlerReceipted(receipt)) => {
                self.entrusted(*handler, receipt, context);
            }
            _ => {}
        }
        vec![input]
    }

    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        beside(sends, context, |submission, context| {
            let bundle = own(submission, context)?;
            signed_in_one([bundle.clone(), bundle], submission, context)
        });
        for (to, message) in sends {
            let Message::Submit(submission) = message else { continue };
            if context.is_time() {
                let number = BundleNumber(submission.bundle.claimed_slot());
                self.open.insert(number, (*to, submission.clone()));
            }
        }
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
                let slot = bundle.seen.as_ref().map_or(1, |seen| seen.slot);
                bundle.seen = Some(context.citation(Kind::Cut, ActorId::SEQUENCER, slot));
                context.fired();
            }
        }
    }
}

/// The mailbox actor of an adversary that is a client.
fn own_mailbox(context: &Context<'_>) -> Option<ActorId> {
    let client = context.me().client()?;
    Some(ActorId::Server(Role::Mailbox, context.trust.roster.mailbox_of(&client)))
}

/// A04: a complaint whose evidence proves nothing. Exposed (*falseacc*) by the mailbox actor that hears it.
#[derive(Default)]
struct AccuseFalsely {
    made: u64,
}

impl Attack for AccuseFalsely {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let acknowledges = sends.iter().any(|(_, message)| matches!(message, Message::Acknowledged(_)));
        let Some(mailbox) = own_mailbox(context).filter(|_| acknowledges && context.on()) else { return };
        let (first, second) = (
            context.citation(Kind::Attestation, mailbox, 1),
            context.citation(Kind::Attestation, mailbox, 1),
        );
        let evidence = Evidence::from(Equivocation { first, second }).to_bytes();
        let complaint = context.sign(Complaint {
            complainer: context.me(),
            number: OWN_NUMBERS + self.made,
            terms: Terms::default(),
            against: mailbox,
            acks: 0,
            charge: Charge::Proven(Digest::of(&[&evidence])),
        });
        self.made += 1;
        let complained = Complained { complaint: complaint.to_unverified(), evidence };
        context.send(mailbox, Message::Complained(Box::new(complained)));
        context.fired();
    }
}

/// A05: denies a delivery that it has acknowledged. Exposed (*denial*): its own ack is older on its own clock.
#[derive(Default)]
struct DenyDelivery {
    made: u64,
}

impl Attack for DenyDelivery {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let acks = sends.iter().filter_map(|(_, message)| match message {
            Message::Acknowledged(ack) => ack.clone().verify(context.trust).ok(),
            _ => None,
        });
        let held = acks.map(|ack| (ack.clock, ack.count)).next_back().filter(|(_, count)| *count > Count(0));
        let Some(mailbox) = own_mailbox(context) else { return };
        let Some((clock, count)) = held.filter(|_| context.on()) else { return };
        let complaint = context.sign(Complaint {
            complainer: context.me(),
            number: OWN_NUMBERS + self.made,
            terms: Terms::default(),
            against: mailbox,
            acks: clock + 1,
            charge: Charge::NotReceived(count),
        });
        self.made += 1;
        let complained = Complained { complaint: complaint.to_unverified(), evidence: Vec::new() };
        context.send(mailbox, Message::Complained(Box::new(complained)));
        context.fired();
    }
}

/// A08: demands in public what it has got already, and complains of what is not due. Answered each time, and nobody is blamed.
#[derive(Default)]
struct SpamChallenges {
    made: u64,
    complaints: u64,
}

/// It complains with every so-many-th step in which it sends anything.
const COMPLAINS_EVERY: u64 = 8;

impl SpamChallenges {
    /// It has not received what nobody has ever sent it.
    fn complain(&mut self, mailbox: ActorId, context: &mut Context<'_>) {
        self.complaints += 1;
        if !self.complaints.is_multiple_of(COMPLAINS_EVERY) {
            return;
        }
        let complaint = context.sign(Complaint {
            complainer: context.me(),
            number: OWN_NUMBERS + self.complaints,
            terms: Terms::default(),
            against: mailbox,
            acks: 0,
            charge: Charge::NotReceived(Count(u64::MAX)),
        });
        let complained = Complained { complaint: complaint.to_unverified(), evidence: Vec::new() };
        context.send(mailbox, Message::Complained(Box::new(complained)));
        context.fired();
    }
}

impl Attack for SpamChallenges {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        if let Some(mailbox) = own_mailbox(context).filter(|_| !sends.is_empty() && context.is_time()) {
            self.complain(mailbox, context);
        }
        let acknowledges = sends.iter().any(|(_, message)| matches!(message, Message::Acknowledged(_)));
        let Some(mailbox) = own_mailbox(context).filter(|_| acknowledges && context.on()) else { return };
        let Some(client) = context.me().client() else { return };
        let demand = Demand::Deliver { client, held: Count(self.made), epoch: Epoch(1) };
        context.challenge(OWN_NUMBERS + self.made, mailbox, demand, Attachment::None);
        self.made += 1;
    }
}

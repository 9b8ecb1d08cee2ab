//! Twins: one statement that its client signs in two ways. Nobody honest is blamed for knowing the other one.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::sync::{Arc, Mutex};

use server::{
    actor::{Input, Notice, handler::Custody},
    protocol::{
        board::{Attachment, Complained, Entrusted},
        bundle::{Bundle, Submission},
        challenge::Demand,
        complaint::{Charge, Complaint},
        handler_receipt::HandlerReceipt,
        id::{ActorId, BundleNumber, Count},
        message::Message,
        statement::{Signed, Terms, Unverified},
    },
};
use support::{
    Again, Bench, HANDLER, World, client, client_key, client_secret, draught, incoming, mailbox, witness,
};

const ME: usize = 0;

fn me() -> ActorId {
    ActorId::Client(client(ME))
}

/// A bundle of the client, signed alone, and in a run with itself.
fn twins(world: &World) -> (Submission, Submission) {
    let mut bench = Bench::client(ME, &world.setup);
    let send = Input::Send(draught(0, b"text", &[client(0)]));
    let turn = bench.turn(world.now, vec![Input::Connected(HANDLER), send]);
    let submit = |(_, message)| match message {
        Message::Submit(submission) => Some(submission),
        _ => None,
    };
    let alone: Submission = turn.sends.into_iter().find_map(submit).unwrap();
    let trust = &world.setup.trust;
    let bundle: Bundle = (*alone.bundle.clone().verify(trust).unwrap()).clone();
    let signed = Signed::sign_together(vec![bundle.clone(), bundle], trust.deployment, &client_key(ME));
    let in_run = Submission { bundle: signed[0].to_unverified(), content: alone.content.clone() };
    assert!(in_run.bundle.clone().verify(trust).is_ok());
    assert!(
        alone.bundle.cite().is_same(&in_run.bundle.cite()) && alone.bundle.cite() != in_run.bundle.cite()
    );
    (alone, in_run)
}

fn in_custody(world: &World) -> usize {
    world.benches[&HANDLER].rows.keys().filter(|key| key[0] == 1).count()
}

/// What a handler has signed for.
type Receipts = Arc<Mutex<Vec<Unverified<HandlerReceipt>>>>;

/// A world whose handler signs for what it takes.
fn world() -> (World, Receipts) {
    let mut world = World::watched(1, 1, 2);
    world.replace(Bench::custodian(Custody::Taken, &world.setup));
    let receipts = Receipts::default();
    note(&mut world, &receipts, |_, _| false);
    world.connect_all();
    world.run_for(5);
    (world, receipts)
}

/// Notes handler receipts, and loses messages to the incoming actor.
fn note(world: &mut World, receipts: &Receipts, lost: impl Fn(ActorId, &Message) -> bool + Send + 'static) {
    let into = receipts.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        if let (HANDLER, Message::HandlerReceipted(receipt)) = (from, &message) {
            into.lock().unwrap().push(receipt.clone());
        }
        (to != incoming(0) || !lost(from, &message)).then_some(message)
    }));
}

fn hand_in(world: &mut World, submission: &Submission, ms: u64) {
    world.turn(HANDLER, vec![Input::Message(me(), Message::Submit(submission.clone()))]);
    world.run_for(ms);
}

/// The client asks in public what became of what the handler signed for last.
fn ask_for_custody(world: &mut World, receipts: &Receipts, submission: Submission) {
    let receipt = receipts.lock().unwrap().last().unwrap().clone();
    let demand = Demand::Custody(receipt.cite());
    let attachment = Attachment::Entrusted(Box::new(Entrusted { receipt, submission }));
    world.post(me(), HANDLER, demand, attachment);
}

#[test]
fn the_other_twin_does_not_stay_in_custody() {
    let (mut world, receipts) = world();
    let (alone, in_run) = twins(&world);
    hand_in(&mut world, &alone, 60);
    assert_eq!(in_custody(&world), 0);
    hand_in(&mut world, &in_run, 60);
    assert_eq!(in_custody(&world), 0, "the handler keeps it");
    assert_eq!(receipts.lock().unwrap().len(), 2, "it signed for both");
}

#[test]
fn a_handler_that_is_asked_in_public_for_the_other_twin_shows_what_became_of_it() {
    let (mut world, receipts) = world();
    let (alone, in_run) = twins(&world);
    hand_in(&mut world, &alone, 60);
    // its first answer, a refusal, is lost, so the twin stays in custody until somebody asks
    let refused = |_: ActorId, message: &Message| matches!(message, Message::Submit(_));
    note(&mut world, &receipts, refused);
    hand_in(&mut world, &in_run, 500);
    ask_for_custody(&mut world, &receipts, in_run);
    world.run_for(3000);
    let obliged = |notice: &Notice| matches!(notice, Notice::Obliged { demand: "custody", .. });
    assert!(world.told(witness(0)).iter().any(obliged));
    assert_eq!(world.suspected(), vec![], "open: {:?}", world.open());
    assert_eq!(in_custody(&world), 0);
}

#[test]
fn a_mailbox_actor_has_answered_a_complaint_however_it_is_signed() {
    let mut world = World::watched(1, 1, 2);
    world.connect_all();
    world.exchange(3);
    let complaint = Complaint {
        complainer: me(),
        number: 7,
        terms: Terms::default(),
        against: mailbox(0),
        acks: 0,
        charge: Charge::NotReceived(Count(99)),
    };
    let deployment = world.setup.trust.deployment;
    let first = Signed::sign(complaint.clone(), deployment, &client_key(ME));
    let second = Signed::sign(complaint, deployment, &Again(client_secret(ME)));
    assert!(first.cite() != second.cite() && first.cite().is_same(&second.cite()));
    let complained =
        |one: &Signed<Complaint>| Complained { complaint: one.to_unverified(), evidence: Vec::new() };
    let complain = Message::Complained(Box::new(complained(&first)));
    world.turn(mailbox(0), vec![Input::Message(me(), complain)]);
    world.run_for(20);
    world.post(me(), mailbox(0), Demand::Answer(second.cite()), Attachment::Complaint(complained(&second)));
    world.run_for(3000);
    let obliged = |notice: &Notice| matches!(notice, Notice::Obliged { demand: "answer", .. });
    assert!(world.told(witness(0)).iter().any(obliged));
    assert_eq!(world.suspected(), vec![], "open: {:?}", world.open());
}

/// The handler asks in public for one twin, while its client asks for the other: each is answered.
#[test]
fn demands_for_both_twins_are_answered_each() {
    let (mut world, receipts) = world();
    let (alone, in_run) = twins(&world);
    // nothing gets to the incoming actor for a while, and what the handler hands on never
    let deaf = Arc::new(Mutex::new(true));
    let (is_deaf, ours) = (deaf.clone(), alone.bundle.cite());
    note(&mut world, &receipts, move |_, message| match message {
        Message::Submit(submission) => submission.bundle.cite() == ours,
        _ => *is_deaf.lock().unwrap() && matches!(message, Message::Posted(_)),
    });
    hand_in(&mut world, &alone, 1);
    let demand = Demand::Admit {
        client: client(ME),
        number: BundleNumber(in_run.bundle.claimed_slot()),
        bundle: in_run.bundle.digest(),
    };
    world.post(me(), incoming(0), demand, Attachment::Submission(Box::new(in_run)));
    world.run_for(40);
    let asked = Notice::Reached("a handler asked in public for what it has in custody");
    assert!(world.told(HANDLER).iter().any(|notice| format!("{notice:?}") == format!("{asked:?}")));
    *deaf.lock().unwrap() = false;
    world.run_for(1000);
    let before = world.suspected().len(); // the incoming actor, while it was deaf
    let stays = in_custody(&world);
    ask_for_custody(&mut world, &receipts, alone);
    world.run_for(3000);
    assert_eq!((stays, &world.suspected()[before..]), (0, &[][..]), "open: {:?}", world.open());
}

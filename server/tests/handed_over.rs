//! Runs that were handed over and given up: whoever has attested them cannot have their incoming actor suspected of not
//! handing them over again, whatever it and the sequencer sign, and whoever has forgotten what.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::Input,
    protocol::{
        board::{Attachment, Taken},
        challenge::Demand,
        cut::{Cut, Reached},
        digest::Digest,
        id::{ActorId, BatchNumber, Epoch, SequenceId},
        message::Message,
        statement::{Signed, Terms, Unverified},
    },
};
use support::{SEQUENCER, World, incoming, mailbox, signer_of, witness};

type Cuts = Arc<Mutex<BTreeMap<u64, Unverified<Cut>>>>;

/// Keeps the cuts that the incoming actor sees, and lets what is said be changed or swallowed.
fn keep_cuts(
    world: &mut World,
    mut tamper: impl FnMut(ActorId, ActorId, Message) -> Option<Message> + 'static,
) -> Cuts {
    let kept = Cuts::default();
    let into = kept.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        if let (true, Message::Ordered(cut)) = (to == incoming(0), &message) {
            into.lock().unwrap().insert(cut.claimed_slot(), cut.clone());
        }
        tamper(from, to, message)
    }));
    kept
}

/// The mailbox actor attests to the incoming actor alone.
fn not_to_the_witness(from: ActorId, to: ActorId, message: Message) -> Option<Message> {
    let attests = matches!(message, Message::Attested(_) | Message::Answered(_));
    (!attests || (from, to) != (mailbox(0), witness(0))).then_some(message)
}

/// The demand for a run that was handed over long ago, with the cuts that show when; and how far the second reaches.
fn a_run(world: &World, cuts: &Cuts) -> (Demand, Taken, Reached) {
    let cuts = cuts.lock().unwrap();
    let reached = |epoch: u64| cuts[&epoch].clone().verify(&world.setup.trust).unwrap().reached[0].clone();
    let epoch = (2..).find(|epoch| reached(*epoch).end > reached(epoch - 1).end).unwrap();
    let seal = reached(epoch).seal.unwrap();
    let taken = Taken { before: Some(cuts[&(epoch - 1)].clone()), cut: cuts[&epoch].clone() };
    (Demand::Batch { seal: seal.clone(), batch: BatchNumber(seal.slot), mailbox: 0 }, taken, reached(epoch))
}

/// The mailbox actor demands it, and the incoming actor is not suspected.
fn demanded_in_vain(world: &mut World, demand: Demand, taken: Taken) {
    world.post(mailbox(0), incoming(0), demand, Attachment::Taken(Box::new(taken)));
    world.run_for(200);
    let own: Vec<_> = world.open().into_values().filter(|(target, _)| *target == incoming(0)).collect();
    assert_eq!(own, []);
    assert!(world.suspected().iter().all(|(target, _)| *target != incoming(0)), "{:?}", world.suspected());
}

fn restart(world: &mut World, who: ActorId) {
    world.disconnect(who);
    world.benches.get_mut(&who).unwrap().restart();
    world.reconnect(who);
}

#[test]
fn nor_if_it_was_seen_to_have_it() {
    let mut world = World::watched(1, 1, 2);
    let cuts = keep_cuts(&mut world, |_, _, message| Some(message));
    world.connect_all();
    world.exchange(3);
    let (demand, taken, _) = a_run(&world, &cuts);
    demanded_in_vain(&mut world, demand.clone(), taken.clone());
    // nor when both have forgotten what they need not store, and it attests nothing new
    restart(&mut world, incoming(0));
    restart(&mut world, witness(0));
    world.disconnect(mailbox(0));
    demanded_in_vain(&mut world, demand, taken);
}

#[test]
fn not_if_a_lying_sequencer_cuts_epochs_that_never_come() {
    let mut world = World::watched(1, 1, 2);
    let cuts = keep_cuts(&mut world, |_, _, message| Some(message));
    world.connect_all();
    world.exchange(3);
    let (demand, _, reached) = a_run(&world, &cuts);
    let far = |epoch, previous, reached| {
        let (terms, none) = (Terms::default(), SequenceId(0));
        let cut =
            Cut { epoch: Epoch(epoch), terms, previous, base: none, total: none, reached: vec![reached] };
        Signed::sign(cut, world.setup.trust.deployment, &signer_of(SEQUENCER))
    };
    let before = far(1 << 40, Digest::ZERO, Reached::default());
    let cut = far((1 << 40) + 1, before.digest(), reached);
    let taken = Taken { before: Some(before.to_unverified()), cut: cut.to_unverified() };
    demanded_in_vain(&mut world, demand, taken);
}

#[test]
fn not_if_it_attests_to_the_incoming_actor_alone_which_restarts() {
    let mut world = World::watched(1, 1, 2);
    let cuts = keep_cuts(&mut world, not_to_the_witness);
    world.connect_all();
    world.exchange(3);
    let (demand, taken, _) = a_run(&world, &cuts);
    restart(&mut world, incoming(0));
    world.disconnect(mailbox(0));
    demanded_in_vain(&mut world, demand, taken);
}

#[test]
fn not_if_it_sends_an_old_attestation_again() {
    let mut world = World::watched(1, 1, 2);
    let first = Arc::new(Mutex::new(None));
    let into = first.clone();
    let cuts = keep_cuts(&mut world, move |from, to, message| {
        if let (true, Message::Attested(attestation)) = ((from, to) == (mailbox(0), incoming(0)), &message) {
            into.lock().unwrap().get_or_insert_with(|| attestation.clone());
        }
        not_to_the_witness(from, to, message)
    });
    world.connect_all();
    world.exchange(3);
    let (demand, taken, _) = a_run(&world, &cuts);
    world.disconnect(mailbox(0));
    let old = first.lock().unwrap().clone().unwrap();
    assert!(old.claimed_slot() < taken.cut.claimed_slot());
    world.turn(incoming(0), vec![Input::Message(mailbox(0), Message::Attested(old))]);
    demanded_in_vain(&mut world, demand, taken);
}

#[test]
fn not_if_the_witness_is_on_another_branch() {
    let mut world = World::watched(1, 1, 2);
    let trust = world.setup.trust.clone();
    let mut last: BTreeMap<u64, Signed<Cut>> = BTreeMap::new();
    let cuts = keep_cuts(&mut world, move |_, to, message| {
        let Message::Ordered(cut) = &message else { return Some(message) };
        if to != witness(0) {
            return Some(message);
        }
        let mut fork = (*cut.clone().verify(&trust).unwrap()).clone();
        match last.get(&(fork.epoch.0 - 1)) {
            None => (fork.reached, fork.total) = (vec![Reached::default()], SequenceId(0)),
            Some(before) => (fork.previous, fork.base) = (before.digest(), before.total),
        }
        let fork = Signed::sign(fork, trust.deployment, &signer_of(SEQUENCER));
        last.insert(fork.epoch.0, fork.clone());
        Some(Message::Ordered(fork.to_unverified()))
    });
    world.connect_all();
    world.exchange(3);
    let (demand, taken, _) = a_run(&world, &cuts);
    demanded_in_vain(&mut world, demand, taken);
}

#[test]
fn not_if_the_witness_remembers_no_such_epoch_any_more() {
    let mut world = World::watched(1, 1, 2);
    let cuts = keep_cuts(&mut world, not_to_the_witness);
    world.connect_all();
    world.exchange(3);
    let (demand, taken, _) = a_run(&world, &cuts);
    world.disconnect(mailbox(0));
    let cut = || cuts.lock().unwrap().len();
    for token in 100..1400 {
        world.submit(0, token, b"0", &[0]);
        world.run_for(2);
        if cut() > 600 {
            break;
        }
    }
    while cut() < 620 {
        world.run_for(10);
    }
    demanded_in_vain(&mut world, demand, taken);
}

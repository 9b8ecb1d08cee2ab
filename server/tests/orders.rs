//! What is sealed is ordered, or the sequencer is suspected, though the incoming actor plays along: the witness sees to that (C02).

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use server::{
    actor::Notice,
    protocol::{board::Exhibit, message::Message, statement::Kind},
};
use support::{SEQUENCER, World, incoming, witness};

/// An incoming actor that keeps its seals from the sequencer, and says nothing: `ignored` says what of the witness's is lost, too.
fn starving(ignored: fn(&Message) -> bool) -> World {
    let mut world = World::watched(1, 1, 2);
    world.tamper = Some(Box::new(move |from, _, message| {
        let lost = match from {
            from if from == incoming(0) => matches!(message, Message::Sealed(_) | Message::Posted(_)),
            from => from == witness(0) && ignored(&message),
        };
        (!lost).then_some(message)
    }));
    world.connect_all();
    (0..2).for_each(|from| world.submit(from, 1, b"to the other", &[1 - from]));
    world.run_for(400);
    world
}

/// C02, where the incoming actor plays along: what is sealed and receipted is to be ordered, whoever demands it.
#[test]
fn a_sequencer_that_orders_nothing_is_suspected_though_the_incoming_actor_says_nothing() {
    let world = starving(|message| matches!(message, Message::Sealed(_)));
    assert!(world.suspected().contains(&(SEQUENCER, "order")), "{:?}", world.suspected());
    assert!(world.delivered(0).is_empty() && world.delivered(1).is_empty());
}

#[test]
fn a_seal_that_is_kept_from_the_sequencer_reaches_it_by_the_witness() {
    let world = starving(|_| false);
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (1, 1));
    assert_eq!(world.suspected(), Vec::new());
}

/// C02 in league: the incoming actor keeps its ledgers from the witness, too, and shows what it has sealed only when it is asked, at
/// once or every 5 ms (the bound is 8).
fn assert_seals_shown_are_opened(at_once: bool) {
    const ASKED_MAX: u64 = 1000;
    let mut world = World::watched(1, 1, 2);
    let (answers, mut asked) = (Arc::new(Mutex::new(0)), 0);
    let left = answers.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        if (from, to) == (witness(0), incoming(0)) && matches!(message, Message::Posted(_)) {
            asked += 1;
            assert!(asked < ASKED_MAX, "the witness asks without end");
        }
        if from != incoming(0) {
            return Some(message);
        }
        let kept = match &message {
            Message::Sealed(_) | Message::Posted(_) | Message::Ledger(_) => true,
            Message::Answered(answered) if matches!(answered.exhibit, Exhibit::Ledger(_)) => true,
            Message::Answered(_) if !at_once => std::mem::replace(&mut *left.lock().unwrap(), 0) == 0,
            _ => false,
        };
        (!kept).then_some(message)
    }));
    world.connect_all();
    (0..2).for_each(|from| world.submit(from, 1, b"to the other", &[1 - from]));
    for _ in 0..100 {
        *answers.lock().unwrap() = 1;
        world.run_for(5);
    }
    assert!(world.delivered(0).is_empty());
    assert!(world.suspected().contains(&(incoming(0), "open")), "{:?}", world.suspected());
}

#[test]
fn a_seal_that_is_shown_when_it_is_asked_for_is_to_be_opened() {
    assert_seals_shown_are_opened(false);
    assert_seals_shown_are_opened(true);
}

/// C02 in league, slowly: the sequencer takes a seal only when the witness asks for it, and more are sealed meanwhile.
#[test]
fn a_sequencer_that_orders_when_it_is_asked_orders_all_there_is() {
    let mut world = World::watched(1, 1, 2);
    world.tamper = Some(Box::new(move |from, _, message| {
        let lost = from == incoming(0) && matches!(message, Message::Sealed(_) | Message::Posted(_));
        (!lost).then_some(message)
    }));
    world.connect_all();
    world.run_for(1000);
    (0..2).for_each(|from| world.submit(from, 1, b"to the other", &[1 - from]));
    world.run_for(100);
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (1, 1));
}

/// A witness does not forget what it waits for, however much is sealed after it.
#[test]
fn a_sequencer_that_orders_nothing_stays_suspected() {
    const KEPT_MAX: u64 = 1 << 12; // seals, as the auditor has it
    let mut world = World::watched(1, 1, 2);
    world.tamper = Some(Box::new(move |_, to, message| {
        let lost = to == SEQUENCER && matches!(message, Message::Sealed(_) | Message::Posted(_));
        (!lost).then_some(message)
    }));
    world.connect_all();
    (0..2).for_each(|from| world.submit(from, 1, b"to the other", &[1 - from]));
    let sealed = |world: &World| {
        let own = world.benches[&incoming(0)].signed.keys();
        own.filter(|(kind, _)| *kind == Kind::Seal).count() as u64
    };
    while sealed(&world) < KEPT_MAX + 100 {
        world.run_for(500);
    }
    let mut suspected = BTreeSet::new();
    for notice in world.told(witness(0)) {
        match notice {
            Notice::Suspected { id, demand: "order", .. } => suspected.insert(*id),
            Notice::Idle { id } | Notice::Discharged { id, .. } => suspected.remove(id),
            _ => false,
        };
    }
    assert!(!suspected.is_empty(), "nothing was ever ordered, and the suspicion has ended");
}

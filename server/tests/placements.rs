//! Placements that are lost with a connection: their sender asks for them again, and whoever has no receipt is told nothing.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it stands")]

mod support;

use std::{cell::RefCell, rc::Rc};

use server::{
    actor::{Input, Notice},
    protocol::{
        codec::{Decode as _, Encode as _},
        id::{ActorId, Role},
        merkle::Tree,
        message::Message,
        receipt::{Receipt, Receipted},
        statement::Unverified,
    },
};
use support::{World, client, incoming};

const KEPT: Notice = Notice::Reached("a sender saw its bundle where the receipt said");
const AGAIN: Notice = Notice::Reached("a sender was shown once more where its bundle stands");

fn count(world: &World, who: ActorId, wanted: &Notice) -> usize {
    world.told(who).iter().filter(|notice| format!("{notice:?}") == format!("{wanted:?}")).count()
}

/// A world without a witness in which no placement reaches a handler while `lossy` says so, and what receipts pass.
fn losing(lossy: Rc<RefCell<bool>>, receipts: Rc<RefCell<Vec<Receipted>>>) -> World {
    let mut world = World::new(1, 1, 2);
    world.tamper = Some(Box::new(move |_, to, message| {
        if let (Message::Receipted(receipted), ActorId::Client(_)) = (&message, to) {
            receipts.borrow_mut().push(receipted.clone());
        }
        let lost = matches!(message, Message::Placed(_)) && *lossy.borrow();
        (!lost).then_some(message)
    }));
    world.connect_all();
    world
}

#[test]
fn a_lost_placement_is_asked_for() {
    let (lossy, receipts) = (Rc::new(RefCell::new(true)), Rc::default());
    let mut world = losing(lossy.clone(), receipts);
    let sender = ActorId::Client(client(0));
    for round in 0..70 {
        world.submit(0, round, b"lost", &[1]);
        world.run_until("the receipt", 2_000, |world| world.delivered(1).len() as u64 == round + 1);
    }
    assert_eq!(count(&world, sender, &KEPT), 0, "nothing came");
    // a restart of the server takes with it whatever is under way
    world.disconnect(incoming(0));
    *lossy.borrow_mut() = false;
    world.reconnect(incoming(0));
    world.run_until("all 70", 20_000, |world| count(world, sender, &KEPT) == 70);
    assert!(count(&world, incoming(0), &AGAIN) >= 70, "every run is shown for itself");
    let before = count(&world, incoming(0), &AGAIN);
    world.run_for(20_000);
    assert_eq!(count(&world, incoming(0), &AGAIN), before, "nothing is asked for any more");
}

#[test]
fn whoever_has_no_receipt_is_told_nothing() {
    let (lossy, receipts) = (Rc::new(RefCell::new(false)), Rc::new(RefCell::new(Vec::new())));
    let mut world = losing(lossy, receipts.clone());
    for token in 0..3 {
        world.submit(0, token, b"mine", &[0, 1]);
        world.submit(1, token, b"yours", &[0]);
    }
    world.run_until("deliveries", 5_000, |world| world.delivered(0).len() == 6);
    world.run_for(1_000);
    let all = receipts.borrow().clone();
    let own = all.iter().find(|receipted| receipted.client == client(0)).unwrap().clone();
    let forged = forged(&own.receipt);
    let mut ask = |receipted: Receipted| {
        let before = count(&world, incoming(0), &AGAIN);
        let handler = ActorId::Server(Role::Handler, 0);
        world.turn(incoming(0), vec![Input::Message(handler, Message::Unplaced(receipted))]);
        count(&world, incoming(0), &AGAIN) - before
    };
    assert_eq!(ask(own.clone()), 1, "whoever has the receipt is");
    let unsigned = Receipted { receipt: forged, ..own.clone() };
    assert_eq!(ask(unsigned), 0, "a receipt that nobody signed");
    let of_other = all.iter().find(|receipted| receipted.receipt != own.receipt).unwrap();
    assert_eq!(ask(Receipted { opening: of_other.opening.clone(), ..own.clone() }), 0, "another's opening");
    assert_eq!(ask(Receipted { client: client(5), ..own.clone() }), 0, "not of that client");
    assert_eq!(ask(Receipted { opening: Tree::new(Vec::new()).open(&[]), ..own }), 0, "no opening");
}

/// The same receipt, with another signature.
fn forged(receipt: &Unverified<Receipt>) -> Unverified<Receipt> {
    let mut bytes = receipt.to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    Unverified::from_bytes(&bytes).unwrap()
}

#[test]
fn without_a_witness_a_client_does_not_wait_for_ever() {
    const UNWATCHED_MAX: u64 = 2048;
    let mut world = losing(Rc::new(RefCell::new(true)), Rc::default());
    let sender = ActorId::Client(client(0));
    let mut sent = 0;
    // more than a client may have under way: it is never told that it is overloaded
    while sent < 4_200 {
        for _ in 0..60 {
            world.submit(0, sent, b"x", &[1]);
            sent += 1;
        }
        world.run_until("deliveries", 20_000, |world| world.delivered(1).len() as u64 == sent);
    }
    let told = world.told(sender);
    assert!(!told.iter().any(|notice| matches!(notice, Notice::Overloaded { .. })));
    let given_up = told.iter().filter(|notice| matches!(notice, Notice::Suspicious { .. })).count() as u64;
    assert_eq!(given_up, sent - UNWATCHED_MAX);
}

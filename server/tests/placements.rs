//! Placements that are lost with a connection: their sender asks for them again, and whoever has no receipt is told nothing.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it stands")]

mod support;

use std::{cell::RefCell, rc::Rc};

use server::{
    actor::{Input, Notice},
    protocol::{
        codec::{Decode as _, Encode as _},
        id::{ActorId, BundleNumber, Role},
        merkle::Tree,
        message::Message,
        receipt::{Receipt, Receipted},
        statement::Unverified,
    },
};
use support::{HANDLER, World, client, incoming};

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
    let shown = count(&world, incoming(0), &AGAIN);
    assert!((1..=100).contains(&shown), "every run is shown for itself: {shown}");
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
        world.turn(incoming(0), vec![Input::Message(HANDLER, Message::Unplaced(receipted))]);
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

/// A receipt shows one's own bundle. With another's name on it, it does not show the other's recipients.
#[test]
fn a_receipt_is_no_key_to_the_recipients_of_others() {
    let receipts = Rc::new(RefCell::new(Vec::new()));
    let mut world = losing(Rc::new(RefCell::new(false)), receipts.clone());
    world.submit(0, 0, b"mine", &[0]);
    world.submit(1, 1, b"a secret correspondence", &[1]);
    world.run_until("deliveries", 5_000, |world| {
        world.delivered(0).len() == 1 && world.delivered(1).len() == 1
    });
    world.run_for(1_000);
    let all: Vec<Receipted> = receipts.borrow().clone();
    let own = all.iter().find(|receipted| receipted.client == client(0)).unwrap().clone();
    let now = world.now;
    for asked in
        [Receipted { client: client(1), ..own.clone() }, Receipted { number: BundleNumber(9), ..own }]
    {
        let input = Input::Message(HANDLER, Message::Unplaced(asked));
        let turn = world.benches.get_mut(&incoming(0)).unwrap().turn(now, vec![input]);
        assert!(!turn.sends.iter().any(|(_, message)| matches!(message, Message::Placed(_))));
    }
}

/// What clients ask, and what the incoming actor shows them, once placements for client 0 are not lost any more.
struct Lossy {
    world: World,
    lost: Rc<RefCell<bool>>,
    asked: Rc<RefCell<usize>>,
    shown: Rc<RefCell<usize>>,
    sent: u64,
}

impl Lossy {
    fn new() -> Self {
        let (lost, asked) = (Rc::new(RefCell::new(true)), Rc::new(RefCell::new(0)));
        let (losing, asking) = (lost.clone(), asked.clone());
        let shown = Rc::new(RefCell::new(0));
        let showing = shown.clone();
        let mut world = World::new(1, 1, 2);
        world.tamper = Some(Box::new(move |from, _, message| {
            *asking.borrow_mut() +=
                usize::from(matches!((&message, from), (Message::Unplaced(_), ActorId::Client(_))));
            let of_first = matches!(&message, Message::Placed(placement) if placement.client == client(0));
            *showing.borrow_mut() += usize::from(of_first && from.role() == Role::Incoming);
            (!(of_first && *losing.borrow())).then_some(message)
        }));
        world.connect_all();
        Lossy { world, lost, asked, shown, sent: 0 }
    }

    fn one(&mut self, from: usize) {
        self.world.submit(from, self.sent, b"x", &[1]);
        self.sent += 1;
        let sent = self.sent;
        self.world.run_until("delivery", 2_000, |world| world.delivered(1).len() as u64 == sent);
    }

    /// Runs that make the incoming actor give up the ledgers of all before them: five seconds at the usual pace.
    fn many_of_another(&mut self) {
        (0..1_100).for_each(|_| self.one(1));
    }

    fn kept(&self) -> usize {
        count(&self.world, ActorId::Client(client(0)), &KEPT)
    }
}

#[test]
fn what_cannot_be_shown_any_more_keeps_nobody_from_asking_for_what_can() {
    let mut lossy = Lossy::new();
    (0..64).for_each(|_| lossy.one(0));
    lossy.many_of_another();
    lossy.one(0);
    *lossy.lost.borrow_mut() = false;
    lossy.world.run_for(10_000);
    assert_eq!(lossy.kept(), 1, "the 65th is asked for and shown");
}

#[test]
fn what_cannot_be_shown_any_more_is_asked_for_ever_less() {
    let mut lossy = Lossy::new();
    lossy.one(0);
    lossy.many_of_another();
    *lossy.lost.borrow_mut() = false;
    lossy.world.run_for(60_000);
    let quiet = *lossy.asked.borrow();
    for _ in 0..200 {
        lossy.one(0);
        lossy.world.run_for(50);
    }
    let busy = *lossy.asked.borrow() - quiet;
    assert!(
        quiet <= 15 && busy <= 2,
        "{quiet} times, and {busy} in ten busy seconds: what comes starts no waiting anew"
    );
}

#[test]
fn one_placement_answers_all_questions_about_its_run() {
    let mut lossy = Lossy::new();
    let receipts = |world: &World| {
        let told = world.told(ActorId::Client(client(0)));
        told.iter().filter(|notice| matches!(notice, Notice::Receipted { .. })).count()
    };
    // no time passes between them, so they are of one run, or of two
    for token in 0..40 {
        lossy.world.submit(0, token, b"x", &[0, 1]);
        lossy.world.run_until("receipt", 100, |world| receipts(world) as u64 == token + 1);
    }
    lossy.world.run_until("deliveries", 5_000, |world| world.delivered(1).len() == 40);
    lossy.world.run_for(300);
    *lossy.lost.borrow_mut() = false;
    let before = *lossy.shown.borrow();
    lossy.world.run_for(20_000);
    let shown = *lossy.shown.borrow() - before;
    assert!(lossy.kept() == 40 && shown <= 16, "{shown} placements for one or two runs");
}

/// A client that is quick has more than 2,048 receipts before the first run is sealed.
#[test]
fn nothing_is_given_up_before_it_is_late() {
    let mut world = World::new(1, 1, 2);
    world.connect_all();
    for token in 0..4_000 {
        world.submit(0, token, b"x", &[1]);
    }
    world.run_until("deliveries", 20_000, |world| world.delivered(1).len() == 4_000);
    world.run_for(1_000);
    let me = ActorId::Client(client(0));
    let suspicious =
        world.told(me).iter().filter(|notice| matches!(notice, Notice::Suspicious { .. })).count();
    assert_eq!((suspicious, count(&world, me, &KEPT)), (0, 4_000));
}

#[test]
fn without_a_witness_a_client_does_not_wait_for_ever() {
    const UNWATCHED_MAX: usize = 2048;
    let mut lossy = Lossy::new();
    let me = ActorId::Client(client(0));
    for round in 1..=35 {
        (0..60).for_each(|token| lossy.world.submit(0, 60 * round + token, b"x", &[1]));
        let sent = 60 * round as usize;
        lossy.world.run_until("deliveries", 20_000, |world| world.delivered(1).len() == sent);
    }
    let given_up = |world: &World| {
        world.told(me).iter().filter(|notice| matches!(notice, Notice::Suspicious { .. })).count()
    };
    assert_eq!(given_up(&lossy.world), 0, "they were not asked for often enough");
    // all are asked for eight times, eight at once
    lossy.world.run_for(140_000);
    assert_eq!(given_up(&lossy.world), 2_100 - UNWATCHED_MAX);
}

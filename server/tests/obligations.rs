//! Obligations: whoever does what it should is not exposed, and nothing stays open against it for ever, whatever
//! others sign and whatever crashes.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::{Input, Notice},
    protocol::{
        batch::{Ledger, Placement},
        board::{Answered, Attachment, Complained, Exhibit, Promised},
        bundle::Submission,
        challenge::{Answer, Demand, Response},
        complaint::{Charge, Complaint},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BatchNumber, BundleNumber, Count, Epoch, Position},
        merkle::Tree,
        message::{Introduction, Message},
        receipt::{Receipt, Receipted, bundle_leaf},
        seal::{Manifest, Positions, Seal},
        statement::{Kind, Signed, Terms, Unverified},
    },
};
use support::{
    Again, Bench, Boundary, SEQUENCER, World, caught, client, client_key, client_secret, incoming, mailbox,
    signer_of, witness,
};

fn check(world: &World, what: &str) {
    for (who, notices) in &world.notices {
        assert!(caught(notices).is_empty(), "{what}: {who} says {:?}", caught(notices));
    }
    assert_eq!(world.open(), BTreeMap::new(), "{what}");
}

/// Two clients write to each other in a few rounds, and all is delivered.
fn busy() -> World {
    let mut world = World::watched(1, 1, 2);
    world.connect_all();
    world.exchange(3);
    world
}

/// Keeps the messages that one finds something in.
fn keep<T: Send + 'static>(
    world: &mut World,
    find: impl Fn(&Message) -> Option<T> + 'static,
) -> Arc<Mutex<Vec<T>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let into = kept.clone();
    world.tamper = Some(Box::new(move |_, _, message| {
        into.lock().unwrap().extend(find(&message));
        Some(message)
    }));
    kept
}

/// Keeps the bundles that clients hand in.
fn submissions(world: &mut World) -> Arc<Mutex<Vec<Submission>>> {
    keep(world, |message| match message {
        Message::Submit(submission) => Some(submission.clone()),
        _ => None,
    })
}

/// A client demands in public that its bundle be admitted.
fn post_bundle(world: &mut World, submission: Submission) {
    let bundle = submission.bundle.clone().verify(&world.setup.trust).unwrap();
    let demand = Demand::Admit { client: bundle.client, number: bundle.number, bundle: bundle.digest() };
    let attachment = Attachment::Submission(Box::new(submission));
    world.post(ActorId::Client(bundle.client), incoming(0), demand, attachment);
}

#[test]
fn nothing_is_open_when_nothing_goes_wrong() {
    let world = busy();
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (6, 6));
    check(&world, "no crash");
}

#[test]
fn nothing_stays_open_whoever_crashes() {
    for who in [witness(0), incoming(0), mailbox(0), SEQUENCER, ActorId::Client(client(0))] {
        for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit, Boundary::AmidSends] {
            for turn in 0..40 {
                let mut world = World::watched(1, 1, 2);
                world.benches.get_mut(&who).unwrap().crash = Some((turn, boundary));
                world.connect_all();
                world.exchange(3);
                check(&world, &format!("{who} crashes in turn {turn}, {boundary:?}"));
            }
        }
    }
}

#[test]
fn a_complaint_without_its_evidence_is_not_owed_an_answer() {
    let mut world = busy();
    let by = ActorId::Client(client(0));
    let charge = Charge::Proven(Digest::of(&[b"elsewhere"]));
    let complaint =
        Complaint { complainer: by, number: 7, terms: Terms::default(), against: SEQUENCER, acks: 0, charge };
    let complaint = Signed::sign(complaint, world.setup.trust.deployment, &client_key(0));
    let complained = Complained { complaint: complaint.to_unverified(), evidence: b"here".to_vec() };
    world.post(by, mailbox(0), Demand::Answer(complaint.cite()), Attachment::Complaint(complained));
    check(&world, "a complaint without evidence");
}

#[test]
fn a_placement_is_owed_to_its_sender_whatever_else_is_asked() {
    let mut world = World::watched(1, 1, 2);
    let (receipts, bundles) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (into_receipts, into_bundles) = (receipts.clone(), bundles.clone());
    world.tamper = Some(Box::new(move |_, _, message| {
        match &message {
            Message::Receipted(receipted) => into_receipts.lock().unwrap().push(receipted.clone()),
            Message::Submit(submission) => into_bundles.lock().unwrap().push(submission.bundle.cite()),
            _ => {}
        }
        Some(message)
    }));
    world.connect_all();
    world.exchange(3);
    let receipted: Receipted = receipts.lock().unwrap()[0].clone();
    let sender = ActorId::Client(receipted.client);
    let mine = |bundle: &server::protocol::statement::Citation| {
        bundle.actor == sender && bundle.slot == receipted.number.0
    };
    let bundle = bundles.lock().unwrap().iter().find(|bundle| mine(bundle)).cloned().unwrap();
    let other = if receipted.client == client(0) { client(3) } else { client(2) };
    let (index, _) = receipted.opening.leaves()[0];
    let demand = Demand::Place {
        receipt: receipted.receipt.cite(),
        position: Position(receipted.receipt.claimed_slot() + index),
    };
    let named = Receipted { client: other, ..receipted.clone() };
    let promised = Promised { receipted: named, bundle: bundle.clone(), recipients: [client(0)].into() };
    let attachment = Attachment::Promised(Box::new(promised));
    world.post(ActorId::Client(client(0)), incoming(0), demand.clone(), attachment);
    check(&world, "a placement for another");
    let promised = Promised { receipted, bundle, recipients: [client(0), client(2), client(3)].into() };
    let attachment = Attachment::Promised(Box::new(promised));
    world.post(ActorId::Client(client(0)), incoming(0), demand, attachment);
    check(&world, "a placement with recipients who are none");
}

#[test]
fn a_bundle_of_long_ago_is_answered_too() {
    let mut world = World::watched(1, 1, 2);
    let submissions = submissions(&mut world);
    world.connect_all();
    for token in 0..70 {
        world.submit(0, token, b"0", &[1]);
        world.run_for(2);
    }
    world.run_for(30);
    let submission = submissions.lock().unwrap()[0].clone();
    post_bundle(&mut world, submission);
    check(&world, "an old bundle");
}

#[test]
fn a_bundle_that_its_client_signs_twice_is_answered() {
    let mut world = World::watched(1, 1, 2);
    let submissions = submissions(&mut world);
    world.connect_all();
    world.exchange(3);
    let submission = submissions.lock().unwrap()[0].clone();
    let bundle = submission.bundle.clone().verify(&world.setup.trust).unwrap();
    let index = (0..2).find(|index| client(*index) == bundle.client).unwrap();
    let twin = Signed::sign((*bundle).clone(), world.setup.trust.deployment, &Again(client_secret(index)));
    let twin = twin.to_unverified().verify(&world.setup.trust).unwrap();
    assert!(twin.digest() == bundle.digest() && twin.cite() != bundle.cite());
    post_bundle(&mut world, Submission { bundle: twin.to_unverified(), content: submission.content });
    check(&world, "a bundle signed twice");
}

/// One that owes cannot wait for what somebody else lacks.
#[test]
fn nobody_hides_behind_a_challenge_that_is_none_of_its_own() {
    let mut world = World::watched(1, 1, 2);
    let submissions = submissions(&mut world);
    world.connect_all();
    world.exchange(3);
    let submission = submissions.lock().unwrap()[0].clone();
    let challenges = Arc::new(Mutex::new(BTreeMap::new()));
    let into = challenges.clone();
    world.tamper = Some(Box::new(move |_, to, message| match message {
        // nobody answers, and who asks what is seen
        Message::Posted(posting) => {
            into.lock().unwrap().insert(to, posting.challenge.cite());
            None
        }
        message => Some(message),
    }));
    post_bundle(&mut world, submission);
    let demand = deliver(&world, 3);
    world.post(ActorId::Client(client(3)), mailbox(0), demand, Attachment::None);
    let asked = challenges.lock().unwrap().clone();
    let response = Response {
        target: mailbox(0),
        number: 900,
        terms: Terms::default(),
        challenge: asked[&mailbox(0)].clone(),
        answer: Answer::Blocked(asked[&incoming(0)].clone()),
    };
    let response = Signed::sign(response, world.setup.trust.deployment, &signer_of(mailbox(0)));
    let answered = Answered { response: response.to_unverified(), exhibit: Exhibit::Nothing };
    world.turn(witness(0), vec![Input::Message(mailbox(0), Message::Answered(Box::new(answered)))]);
    world.run_for(60);
    let told = world.told(witness(0));
    assert!(told.iter().any(|notice| matches!(
        notice,
        Notice::Reached("a target is blocked on another that it has challenged")
    )));
    assert!(!told.iter().any(|notice| matches!(notice, Notice::Idle { .. })));
    let suspected =
        |notice: &&Notice| matches!(notice, Notice::Suspected { target, .. } if *target == mailbox(0));
    assert!(told.iter().any(|notice| suspected(&notice)));
}

/// Whoever joins a demand that stands is told what was shown: it must be owed that, too.
#[test]
fn a_stranger_does_not_join_a_demand_to_hear_the_answer() {
    let mut world = World::watched(1, 1, 2);
    world.connect_all();
    world.exchange(3);
    // as long as the mailbox actor does not hear, demands stand
    let (hears, told) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(Vec::new())));
    let (hearing, into) = (hears.clone(), told.clone());
    world.tamper = Some(Box::new(move |_, to, message| match message {
        Message::Posted(_) => hearing.lock().unwrap().then_some(message),
        Message::Answered(_) => {
            into.lock().unwrap().push(to);
            Some(message)
        }
        message => Some(message),
    }));
    let demand = deliver(&world, 0);
    let [owner, stranger] = [0, 1].map(|index| ActorId::Client(client(index)));
    let before = world.open().len();
    world.post(owner, mailbox(0), demand.clone(), Attachment::None);
    assert_eq!(world.open().len(), before + 1);
    world.post(stranger, mailbox(0), demand, Attachment::None);
    assert_eq!(world.open().len(), before + 1, "it is one demand, or none");
    *hears.lock().unwrap() = true;
    world.run_for(60);
    let told = told.lock().unwrap().clone();
    assert!(told.contains(&owner) && !told.contains(&stranger), "{told:?}");
}

fn deliver(world: &World, index: usize) -> Demand {
    let attested = world.benches[&mailbox(0)].signed.keys();
    let newest = attested.filter(|(kind, _)| kind.name() == "attestation").map(|(_, slot)| *slot).max();
    Demand::Deliver { client: client(index), held: Count(0), epoch: Epoch(newest.unwrap()) }
}

#[test]
fn a_mailbox_is_shown_to_whoever_holds_nothing_however_late() {
    let mut world = busy();
    // one that was never there, and one that denies to have been
    for index in [3, 0] {
        let demand = deliver(&world, index);
        world.post(ActorId::Client(client(index)), mailbox(0), demand, Attachment::None);
        check(&world, "a mailbox from its beginning");
    }
}

#[test]
fn a_mailbox_is_not_owed_from_a_start_that_is_none() {
    let mut world = World::watched(1, 1, 2);
    let starts = keep(&mut world, |message| match message {
        Message::Introduction(start) => Some((**start).clone()),
        Message::Delivery(delivery) => delivery.leaves(),
        _ => None,
    });
    world.connect_all();
    world.exchange(3);
    let start = starts.lock().unwrap().last().unwrap().clone();
    let hidden = Introduction { mailbox: start.mailbox.clone(), ..start.clone() };
    let mut bytes = server::protocol::codec::Encode::to_bytes(&start.cut);
    *bytes.last_mut().unwrap() ^= 1;
    let cut = <Unverified<server::protocol::cut::Cut> as server::protocol::codec::Decode>::from_bytes(&bytes);
    let mangled = Introduction { cut: cut.unwrap(), ..start };
    for (index, start) in [(0, mangled), (3, hidden)] {
        let demand = deliver(&world, index);
        let attachment = Attachment::Start(Box::new(start));
        world.post(ActorId::Client(client(index)), mailbox(0), demand, attachment);
        check(&world, "a start that is none");
    }
}

/// A client that has been introduced and could not say so is served all the same.
#[test]
fn an_introduction_whose_ack_is_lost_is_given_again() {
    let mut world = World::watched(1, 1, 3);
    let quiet = ActorId::Client(client(2));
    world.tamper = Some(Box::new(move |from, _, message| {
        (from != quiet || !matches!(message, Message::Acknowledged(_))).then_some(message)
    }));
    world.connect_all();
    world.exchange(3);
    world.disconnect(quiet);
    world.exchange(3);
    world.tamper = None;
    world.reconnect(quiet);
    world.run_for(100);
    world.submit(0, 99, b"for the quiet one", &[2]);
    world.run_for(200);
    assert_eq!(world.delivered(2).len(), 1);
    check(&world, "an introduction whose ack is lost");
}

/// An incoming actor may seal what it likes: a number that ends all numbers, or a queue that begins in its midst.
#[test]
fn a_seal_of_any_number_may_be_shown() {
    for (batch, start) in [(u64::MAX, 0), (0, 5)] {
        let mut world = World::watched(2, 1, 2);
        world.benches.remove(&incoming(1));
        world.connect_all();
        world.exchange(2);
        let seal = Seal {
            incoming: 1,
            batch: BatchNumber(batch),
            terms: Terms::default(),
            start: Position(start),
            end: Position(start),
            chain: Digest::ZERO,
            previous: Digest::ZERO,
            leaves: Tree::new(Vec::new()).root(),
            manifest: Manifest::default().root(),
            content_bytes: 0,
            seen: None,
        };
        let seal = Signed::sign(seal, world.setup.trust.deployment, &signer_of(incoming(1)));
        let ledger = Message::Ledger(Box::new(Ledger { seal: seal.to_unverified(), bundles: Vec::new() }));
        world.turn(witness(0), vec![Input::Message(incoming(1), ledger)]);
        let attachment = Attachment::Seal(seal.to_unverified());
        world.post(incoming(1), SEQUENCER, Demand::Order(seal.cite()), attachment);
        let suspects = world.told(witness(0)).iter().filter_map(|notice| match notice {
            Notice::Suspected { target, .. } => Some(*target),
            _ => None,
        });
        assert!(suspects.into_iter().all(|suspect| suspect == incoming(1)), "batch {batch}, start {start}");
    }
}

/// Every epoch that is attested is cosigned, however many at once.
#[test]
fn a_mailbox_actor_that_catches_up_has_every_epoch_cosigned() {
    let mut world = World::watched(1, 1, 2);
    world.connect_all();
    world.exchange(1);
    world.disconnect(mailbox(0));
    for token in 1..6 {
        world.submit(0, token, b"0", &[0, 1]);
        world.run_for(2);
    }
    world.reconnect(mailbox(0));
    world.run_for(8);
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (7, 7));
}

/// Whoever waits for others that say nothing has something to say itself.
#[test]
fn a_sequencer_that_restarts_among_silent_ones_still_cuts() {
    let mut world = busy();
    world.disconnect(incoming(0));
    world.benches.remove(&incoming(0));
    world.disconnect(SEQUENCER);
    world.benches.get_mut(&SEQUENCER).unwrap().restart();
    world.reconnect(SEQUENCER);
    world.run_for(100);
    assert!(!world.open().values().any(|(target, _)| *target == SEQUENCER), "{:?}", world.open());
}

/// A sequencer that keeps a cut from a mailbox actor makes it late, and nothing else.
#[test]
fn a_cut_that_is_kept_from_a_mailbox_actor_reaches_it_by_the_witness() {
    let mut world = World::watched(1, 1, 2);
    world.tamper = Some(Box::new(|from, to, message| {
        let kept = (from, to) == (SEQUENCER, mailbox(0))
            && matches!(&message, Message::Ordered(cut) if cut.claimed_slot() > 3);
        (!kept).then_some(message)
    }));
    world.connect_all();
    world.exchange(6);
    world.run_for(100);
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (12, 12));
}

/// What strangers may complain of costs the mailbox actor no room on its disk.
#[test]
fn answers_to_complaints_are_not_piled_up() {
    let mut world = busy();
    let by = ActorId::Client(client(0));
    let complain = |number| {
        let (terms, charge) = (Terms::default(), Charge::NotReceived(Count(99)));
        let complaint = Complaint { complainer: by, number, terms, against: mailbox(0), acks: 0, charge };
        let complaint = Signed::sign(complaint, world.setup.trust.deployment, &client_key(0));
        let complained = Complained { complaint: complaint.to_unverified(), evidence: Vec::new() };
        Input::Message(by, Message::Complained(Box::new(complained)))
    };
    let (inputs, last) = ((0..9).map(complain).collect(), complain(9));
    world.turn(mailbox(0), inputs);
    world.turn(mailbox(0), vec![last]); // those of a step go with the next one
    let bench = world.benches.get_mut(&mailbox(0)).unwrap();
    assert_eq!(bench.signed.keys().filter(|(kind, _)| *kind == Kind::Defence).count(), 10);
    assert_eq!(bench.rows.keys().filter(|key| key[..2] == [0, Kind::Defence as u8]).count(), 1);
    bench.restart();
    world.run_for(60);
    check(&world, "complaints");
}

/// B02: the second promise of a place does not make the sender forget the first.
#[test]
fn a_place_that_is_promised_twice_is_a_broken_promise() {
    let setup = support::watched_setup(1, 1, 1);
    let mut sender = Bench::client(0, &setup);
    let now = server::port::Time(1_000_000_000);
    let draughts = [1, 2].map(|token| Input::Send(support::draught(token, b"x", &[client(1)])));
    sender.turn(now, draughts.to_vec());
    let turn = sender.turn(now, vec![Input::Connected(support::HANDLER)]);
    let bundles = turn.sends.iter().filter_map(|(_, message)| match message {
        Message::Submit(submission) => Some(submission.bundle.cite()),
        _ => None,
    });
    let bundles: Vec<_> = bundles.collect();
    let own = [bundle_leaf(&bundles[0]), bundle_leaf(&bundles[1])];
    let other = Digest::of(&[b"another"]);
    let sign = |receipt: Receipt| Signed::sign(receipt, setup.trust.deployment, &signer_of(incoming(0)));
    let promise = |first: u64, leaves: Vec<Digest>, number: u64| {
        let (index, tree) = (leaves.len() as u64 - 1, Tree::new(leaves));
        let (first, terms, count) = (Position(first), Terms::default(), tree.size() as u32);
        let receipt =
            sign(Receipt { incoming: 0, first, terms, count, leaves: tree.root(), chain: Digest::ZERO });
        let receipted = Receipted::new(&receipt, client(0), BundleNumber(number), tree.open(&[index]));
        Input::Message(support::HANDLER, Message::Receipted(receipted))
    };
    sender.turn(now, vec![promise(0, vec![other, own[0]], 0), promise(1, vec![own[1]], 1)]);
    let tree = Tree::new(vec![other, own[1]]);
    let mut manifest = Manifest::default();
    manifest.insert(client(1), Positions(vec![Position(1)]));
    let seal = Seal {
        incoming: 0,
        batch: BatchNumber(0),
        terms: Terms::default(),
        start: Position(0),
        end: Position(2),
        chain: Digest::ZERO,
        previous: Digest::ZERO,
        leaves: tree.root(),
        manifest: manifest.root(),
        content_bytes: 0,
        seen: None,
    };
    let seal = Signed::sign(seal, setup.trust.deployment, &signer_of(incoming(0))).to_unverified();
    let (leaves, manifest) = (tree.open(&[1]), manifest.prune_to_all(&[client(1)].into()));
    let placement = Placement { client: client(0), seal, leaves, manifest };
    let turn = sender.turn(now, vec![Input::Message(support::HANDLER, Message::Placed(Box::new(placement)))]);
    let caught = caught(&turn.notices);
    assert!(matches!(&caught[..], [Evidence::BrokenPromise(_)]), "{caught:?}");
}

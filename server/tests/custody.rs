//! Custody: a handler that signs for a bundle keeps it until it can show what the incoming actor said, and is blamed for
//! neither crashes nor others.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::collections::BTreeSet;

use server::{
    actor::{Input, Notice, handler::Custody},
    port::Time,
    protocol::{
        board::{Attachment, Entrusted, Posting},
        bundle::Submission,
        challenge::{Challenge, Demand},
        codec::Decode as _,
        digest::Digest,
        handler_receipt::HandlerReceipt,
        id::ActorId,
        message::Message,
        statement::{Kind, Signed, Terms, Unverified},
    },
};
use support::{Bench, Boundary, HANDLER, World, caught, client, client_key, incoming, signer_of, witness};

/// Two clients behind a handler that signs for what it takes.
fn world() -> World {
    let mut world = World::watched(1, 1, 2);
    let custodian = Bench::custodian(Custody::Taken, &world.setup);
    world.replace(custodian);
    world
}

fn me(index: usize) -> ActorId {
    ActorId::Client(client(index))
}

fn in_custody(world: &World) -> usize {
    world.benches[&HANDLER].rows.keys().filter(|key| key[0] == 1).count()
}

fn receipts(world: &World, index: usize) -> usize {
    let is_receipt = |notice: &&Notice| matches!(notice, Notice::Receipted { .. });
    world.told(me(index)).iter().filter(is_receipt).count()
}

fn handler_receipts(world: &World) -> usize {
    world.benches[&HANDLER].signed.keys().filter(|(kind, _)| *kind == Kind::HandlerReceipt).count()
}

/// The bundles that the handler has signed for; for one that came again when it was done with, it may have signed twice.
fn signed_for(world: &World) -> BTreeSet<Digest> {
    let all = world.benches[&HANDLER].signed.iter().filter(|((kind, _), _)| *kind == Kind::HandlerReceipt);
    let bundle = |bytes| {
        let receipt = Unverified::<HandlerReceipt>::from_bytes(bytes).unwrap();
        receipt.verify(&world.setup.trust).unwrap().bundle.digest
    };
    all.map(|(_, bytes)| bundle(bytes)).collect()
}

/// What is open on the board at the end, by what its witness told, and does not rest.
fn open(world: &World) -> Vec<(ActorId, &'static str)> {
    let mut open = std::collections::BTreeMap::new();
    for notice in world.told(witness(0)) {
        match notice {
            Notice::Obliged { id, target, demand, .. } => {
                open.insert(*id, (*target, *demand));
            }
            Notice::Idle { id } | Notice::Discharged { id, .. } => {
                open.remove(id);
            }
            _ => {}
        }
    }
    open.into_values().collect()
}

fn pairs(world: &World) -> Vec<(ActorId, ActorId)> {
    let of = |notice: &Notice| match notice {
        Notice::Pair { one, other, .. } => Some((*one, *other)),
        _ => None,
    };
    world.notices.values().flatten().filter_map(of).collect()
}

fn is_submission(from: ActorId, to: ActorId, message: &Message) -> bool {
    (from, to) == (HANDLER, incoming(0)) && matches!(message, Message::Submit(_))
}

#[test]
fn a_handler_signs_for_each_bundle_and_keeps_it_until_there_is_a_receipt() {
    let mut world = world();
    world.connect_all();
    (0..3).for_each(|token| world.submit(0, token, b"0", &[1]));
    world.run_for(60);
    assert_eq!((handler_receipts(&world), receipts(&world, 0), in_custody(&world)), (3, 3, 0));
    assert_eq!(world.delivered(1).len(), 3);
    assert_eq!((world.suspected(), open(&world), pairs(&world)), (vec![], vec![], vec![]));
}

#[test]
fn a_handler_that_is_not_told_to_signs_and_stores_nothing() {
    let mut world = World::watched(1, 1, 2);
    let plain = Bench::custodian(Custody::NotTaken, &world.setup);
    world.replace(plain);
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    world.run_for(60);
    assert_eq!(receipts(&world, 0), 1);
    assert!(world.benches[&HANDLER].rows.is_empty() && world.benches[&HANDLER].signed.is_empty());
    assert!(!world.benches[&HANDLER].actor.dials().contains(&witness(0)));
}

/// A client hands each bundle in once, and what the handler first hands on is lost: nobody but the handler can bring it.
fn once_and_lost(world: &mut World) {
    let (mut handed_in, mut lost) = (BTreeSet::new(), BTreeSet::new());
    world.tamper = Some(Box::new(move |from, to, message| match &message {
        Message::Submit(submission) if to == HANDLER => {
            handed_in.insert(submission.bundle.digest()).then_some(message)
        }
        Message::Submit(submission) if from == HANDLER => {
            (!lost.insert(submission.bundle.digest())).then_some(message)
        }
        // nor does the client carry it to the board
        Message::Posted(_) if from == me(0) => None,
        _ => Some(message),
    }));
}

#[test]
fn what_is_in_custody_outlives_a_crash_at_every_boundary() {
    let mut outlived = 0;
    for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit, Boundary::AmidSends] {
        for turn in 0..8 {
            let mut world = world();
            world.benches.get_mut(&HANDLER).unwrap().crash = Some((turn, boundary));
            once_and_lost(&mut world);
            world.connect_all();
            (0..3).for_each(|token| world.submit(0, token, b"0", &[1]));
            world.run_for(150);
            let what = format!("turn {turn}, {boundary:?}");
            assert_eq!(in_custody(&world), 0, "{what}");
            let (held, signed) = (world.delivered(1).len(), signed_for(&world).len());
            assert!(held >= signed, "{what}: {held} of {signed}");
            assert_eq!((world.suspected(), open(&world)), (vec![], vec![]), "{what}");
            world.notices.values().for_each(|notices| assert!(caught(notices).is_empty(), "{what}"));
            outlived += world.told(HANDLER).iter().filter(|notice| is_back(notice)).count();
        }
    }
    assert!(outlived > 0, "no crash came while something was in custody");
}

fn is_back(notice: &Notice) -> bool {
    matches!(notice, Notice::Reached("a handler had in custody after a crash what it had before"))
}

#[test]
fn an_honest_handler_is_not_suspected_of_what_its_incoming_actor_ignores() {
    let mut world = world();
    world.tamper = Some(Box::new(|_, to, message| {
        let ignored = to == incoming(0) && matches!(message, Message::Submit(_) | Message::Posted(_));
        (!ignored).then_some(message)
    }));
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    world.run_for(200);
    assert_eq!(world.suspected(), vec![(incoming(0), "admit")]);
    assert_eq!((in_custody(&world), pairs(&world)), (1, vec![]));
}

#[test]
fn a_handler_gets_through_by_the_board_what_its_link_swallows() {
    let mut world = world();
    world.tamper =
        Some(Box::new(|from, to, message| (!is_submission(from, to, &message)).then_some(message)));
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    world.run_for(200);
    assert_eq!((receipts(&world, 0), in_custody(&world)), (1, 0));
    assert_eq!((world.suspected(), open(&world)), (vec![], vec![]));
    assert_eq!(pairs(&world), vec![(HANDLER, incoming(0))]);
    // what is answered is not asked again of a witness that comes back
    world.disconnect(witness(0));
    world.reconnect(witness(0));
    world.run_for(30);
    let asked = |notice: &&Notice| matches!(notice, Notice::Obliged { demand: "custody", .. });
    assert_eq!(world.told(witness(0)).iter().filter(asked).count(), 1);
}

/// A13: it signs, hands nothing on, and does not say what became of it.
#[test]
fn a_handler_that_signs_for_what_is_on_the_board_already_is_asked_too() {
    let mut world = world();
    let silent = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let still = silent.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        let receipt = matches!(message, Message::HandlerReceipted(_));
        let kept_back = receipt && still.load(std::sync::atomic::Ordering::Relaxed);
        // the incoming actor ignores the bundle, wherever it comes from
        let ignored = from == incoming(0) && matches!(message, Message::Answered(_) | Message::Receipted(_));
        (!kept_back && !ignored && !is_submission(from, to, &message)).then_some(message)
    }));
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    let asked = |world: &World, what: &str| {
        let of = |notice: &Notice| matches!(notice, Notice::Obliged { demand, .. } if *demand == what);
        world.told(witness(0)).iter().any(of)
    };
    world.run_until("the bundle is on the board", 500, |world| asked(world, "admit"));
    assert!(!asked(&world, "custody"));
    silent.store(false, std::sync::atomic::Ordering::Relaxed);
    world.run_until("the handler is asked", 500, |world| asked(world, "custody"));
    world.run_for(100);
    assert!(world.suspected().iter().all(|(who, _)| *who == incoming(0)), "{:?}", world.suspected());
}

#[test]
fn a_handler_that_loses_what_it_signed_for_is_suspected_until_the_receipt_shows() {
    let mut world = world();
    world.tamper = Some(Box::new(|from, to, message| {
        let asks = from == HANDLER && matches!(message, Message::Posted(_) | Message::Answered(_));
        (!is_submission(from, to, &message) && !asks).then_some(message)
    }));
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    world.run_for(200);
    assert_eq!(world.suspected(), vec![(HANDLER, "custody")]);
    assert_eq!(receipts(&world, 0), 1, "its client carried it to the board itself");
    assert_eq!((open(&world), pairs(&world)), (vec![], vec![(HANDLER, incoming(0))]));
}

#[test]
fn without_a_receipt_of_the_handler_the_client_is_one_of_the_pair() {
    let mut world = World::watched(1, 1, 2);
    world.tamper =
        Some(Box::new(|from, to, message| (!is_submission(from, to, &message)).then_some(message)));
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    world.run_for(200);
    assert_eq!((pairs(&world), world.suspected()), (vec![(me(0), HANDLER)], vec![]));
}

/// Whoever has a receipt may ask again when all is long done with: the bundle comes with the challenge.
#[test]
fn a_handler_answers_for_what_it_has_given_up() {
    let mut world = world();
    let kept = std::sync::Arc::new(std::sync::Mutex::new((None, None)));
    let into = kept.clone();
    world.tamper = Some(Box::new(move |_, _, message| {
        match &message {
            Message::Submit(submission) => into.lock().unwrap().0 = Some(submission.clone()),
            Message::HandlerReceipted(receipt) => into.lock().unwrap().1 = Some(receipt.clone()),
            _ => {}
        }
        Some(message)
    }));
    world.connect_all();
    world.submit(0, 0, b"0", &[1]);
    world.run_for(60);
    let (Some(submission), Some(receipt)) = kept.lock().unwrap().clone() else {
        panic!("nothing was signed")
    };
    assert_eq!(in_custody(&world), 0);
    ask(&mut world, 0, &receipt, &submission);
    assert!(open(&world).is_empty() && world.suspected().is_empty());
    let obliged = |notice: &Notice| matches!(notice, Notice::Obliged { demand: "custody", .. });
    assert!(world.told(witness(0)).iter().any(obliged), "it was asked");
}

/// Posts that client `by` wants to know what became of a bundle.
fn ask(world: &mut World, by: usize, receipt: &Unverified<HandlerReceipt>, submission: &Submission) {
    let challenge = Challenge {
        challenger: me(by),
        number: 900,
        terms: Terms::default(),
        target: HANDLER,
        demand: Demand::Custody(receipt.cite()),
    };
    let challenge = Signed::sign(challenge, world.setup.trust.deployment, &client_key(by));
    let entrusted = Entrusted { receipt: receipt.clone(), submission: submission.clone() };
    let attachment = Attachment::Entrusted(Box::new(entrusted));
    let posting = Posting { challenge: challenge.to_unverified(), attachment };
    world.turn(witness(0), vec![Input::Message(me(by), Message::Posted(Box::new(posting)))]);
    world.run_for(60);
}

#[test]
fn nobody_owes_what_its_own_receipt_does_not_say() {
    let mut world = world();
    world.connect_all();
    let submission = submission_of(&world, 0);
    let bundle = submission.bundle.cite();
    let receipt = HandlerReceipt { handler: 0, number: 7, terms: Terms::default(), bundle, incoming: 0 };
    let sign = |receipt: HandlerReceipt, key: &dyn server::protocol::crypto::Signer| {
        Signed::sign(receipt, world.setup.trust.deployment, key).to_unverified()
    };
    let forged = sign(receipt.clone(), &client_key(0));
    let elsewhere = sign(HandlerReceipt { incoming: 3, ..receipt.clone() }, &signer_of(HANDLER));
    let sound = sign(receipt, &signer_of(HANDLER));
    let other = submission_of(&world, 1);
    let hollow = Submission { content: other.content.clone(), ..submission.clone() };
    for (by, receipt, submission, why) in [
        (0, &forged, &submission, "another signed it"),
        (0, &elsewhere, &submission, "it names no incoming actor of this client"),
        (1, &sound, &submission, "it is somebody else's bundle"),
        (0, &sound, &other, "it is for another bundle"),
        (0, &sound, &hollow, "the content is another's"),
    ] {
        ask(&mut world, by, receipt, submission);
        let obliged = |notice: &Notice| matches!(notice, Notice::Obliged { demand: "custody", .. });
        assert!(!world.told(witness(0)).iter().any(obliged), "{why}");
    }
    ask(&mut world, 0, &sound, &submission);
    assert!(open(&world).is_empty(), "the incoming actor has answered: {:?}", open(&world));
}

/// What a client hands in first.
fn submission_of(world: &World, index: usize) -> Submission {
    let mut bench = Bench::client(index, &world.setup);
    let draught = support::draught(0, &[index as u8], &[client(0)]);
    let connected = [HANDLER].map(Input::Connected);
    let turn = bench.turn(world.now, connected.into_iter().chain([Input::Send(draught)]).collect());
    let submitted = |message| match message {
        Message::Submit(submission) => Some(submission),
        _ => None,
    };
    turn.sends.into_iter().find_map(|(_, message)| submitted(message)).unwrap()
}

/// An incoming actor says nothing to a bundle that is not signed, or is another than it says: whoever hands such a
/// one on must not have signed for it.
#[test]
fn a_handler_signs_for_nothing_that_may_never_be_answered() {
    let world = world();
    let sound = submission_of(&world, 0);
    let mut hollow = sound.clone();
    hollow.content = hollow.content.with_payload([hollow.content.payload(), &[0]].concat());
    let stolen = Submission { bundle: world_forged(&sound), content: sound.content.clone() };
    for (submission, signs) in [(sound, 1), (hollow, 0), (stolen, 0)] {
        let mut bench = Bench::custodian(Custody::Taken, &world.setup);
        let inputs = [Input::Connected(incoming(0)), Input::Message(me(0), Message::Submit(submission))];
        let turn = bench.turn(world.now, inputs.into());
        assert_eq!(bench.signed.len(), signs);
        let on = turn.sends.iter().filter(|(to, message)| is_submission(HANDLER, *to, message));
        assert_eq!(on.count(), 1, "it is handed on all the same");
    }
}

/// Told to try again at once it would try for ever in one step.
#[test]
fn a_handler_without_patience_comes_to_the_end_of_a_step() {
    let mut hasty = world().setup.clone();
    hasty.timing.retry_ns = 0;
    let mut bench = Bench::custodian(Custody::Taken, &hasty);
    let submission = Message::Submit(submission_of(&world(), 0));
    let mut inputs = vec![Input::Connected(incoming(0)), Input::Message(me(0), submission)];
    for now in 1..4 {
        let turn = bench.turn(Time(now), std::mem::take(&mut inputs));
        let on = turn.sends.iter().filter(|(to, message)| is_submission(HANDLER, *to, message));
        assert!(on.count() <= 2);
    }
}

fn world_forged(submission: &Submission) -> Unverified<server::protocol::bundle::Bundle> {
    use server::protocol::codec::{Decode, Encode};
    let mut bytes = submission.bundle.to_bytes();
    let last = bytes.len() - 2; // behind the signature stands that it is of no run
    bytes[last] ^= 1;
    Unverified::from_bytes(&bytes).unwrap()
}

#[test]
fn one_slot_holds_one_receipt_over_crashes_and_receipts_that_are_done_with_are_given_up() {
    let mut world = world();
    world.connect_all();
    for token in 0..5 {
        world.submit(0, token, b"0", &[1]);
        world.run_for(20);
        let bench = world.benches.get_mut(&HANDLER).unwrap();
        bench.restart();
        let of_kind = |key: &&Vec<u8>| key.starts_with(&[0, Kind::HandlerReceipt as u8]);
        assert_eq!(bench.rows.keys().filter(of_kind).count(), 1, "the last one guards its slot");
        world.disconnect(HANDLER);
        world.reconnect(HANDLER);
        world.run_for(5);
    }
    assert_eq!((handler_receipts(&world), receipts(&world, 0)), (5, 5));
}

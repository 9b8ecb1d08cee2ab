//! What others sign, and in which order it comes, frames nobody and lets nobody off: an ack of somebody else's attestation, a start
//! before one's own ack, a refusal that a copy draws away, a demand that hides in another, a wait without end, an ack sent again.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::Input,
    protocol::{
        ack::Ack,
        attestation::Attestation,
        board::{Answered, Attachment, Exhibit, Posting, Promised, Taken},
        bundle::{Bundle, Submission},
        challenge::{Answer, Challenge, Demand, Response},
        cut::Cut,
        digest::Digest,
        id::{ActorId, BatchNumber, BundleNumber, Count, Epoch, Generation, Position, Role},
        message::{Introduction, Message},
        receipt::Receipted,
        refusal::Refusal,
        seal::Seal,
        seal_ack::SealAck,
        statement::{Citation, Signed, Statement, Terms, Unverified},
    },
};
use support::{SEQUENCER, World, caught, client, client_key, incoming, mailbox, signer_of, witness};

/// What passed, of the kinds that tests need.
#[derive(Default)]
struct Seen {
    attested: BTreeMap<(ActorId, u64), Unverified<Attestation>>,
    starts: Vec<Introduction>,
    cuts: BTreeMap<u64, Unverified<Cut>>,
    seals: BTreeMap<u64, Unverified<Seal>>,
    submitted: Vec<Submission>,
    receipts: Vec<Receipted>,
    refused: Vec<(ActorId, Unverified<Refusal>)>,
}

/// Sees what passes, and lets through what may.
fn watch(
    world: &mut World,
    mut may: impl FnMut(ActorId, ActorId, &Message) -> bool + 'static,
) -> Arc<Mutex<Seen>> {
    let seen = Arc::<Mutex<Seen>>::default();
    let into = seen.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        let mut seen = into.lock().unwrap();
        match &message {
            Message::Attested(attestation) => {
                seen.attested.insert((from, attestation.claimed_slot()), attestation.clone());
            }
            Message::Delivery(delivery) if to == ActorId::Client(client(0)) => {
                seen.starts.extend(delivery.leaves());
            }
            Message::Ordered(cut) => {
                seen.cuts.insert(cut.claimed_slot(), cut.clone());
            }
            Message::Sealed(seal) if from == incoming(0) => {
                seen.seals.insert(seal.claimed_slot(), seal.clone());
            }
            Message::Submit(submission) => seen.submitted.push(submission.clone()),
            Message::Receipted(receipted) => seen.receipts.push(receipted.clone()),
            Message::Refused(refusal, _) => seen.refused.push((to, refusal.clone())),
            _ => {}
        }
        may(from, to, &message).then_some(message)
    }));
    seen
}

fn by_server<T: Statement>(world: &World, who: ActorId, body: T) -> Signed<T> {
    Signed::sign(body, world.setup.trust.deployment, &signer_of(who))
}

fn by_client<T: Statement>(world: &World, index: usize, body: T) -> Signed<T> {
    Signed::sign(body, world.setup.trust.deployment, &client_key(index))
}

#[test]
fn an_ack_of_anothers_attestation_is_none() {
    let mut world = World::watched(1, 2, 2);
    let seen = watch(&mut world, |_, _, _| true);
    world.connect_all();
    world.exchange(3);
    let own = ActorId::Server(Role::Mailbox, world.setup.trust.roster.mailbox_of(&client(3)));
    let other = if own == mailbox(0) { mailbox(1) } else { mailbox(0) };
    let cited = |actor: ActorId| -> Citation {
        let seen = seen.lock().unwrap();
        let (_, newest) = seen.attested.iter().rev().find(|((from, _), _)| *from == actor).unwrap();
        newest.cite()
    };
    let mut ack = |attestation: Citation, clock| {
        let ack = Ack {
            client: client(3),
            clock,
            terms: Terms::default(),
            generation: Generation(0),
            count: Count(0),
            head: Digest::ZERO,
            attestation,
        };
        let ack = by_client(&world, 3, ack).to_unverified();
        world.turn(own, vec![Input::Message(ActorId::Client(client(3)), Message::Acknowledged(ack))]);
    };
    // of another actor, and of itself with another content
    ack(cited(other), 0);
    ack(Citation { digest: Digest::of(&[b"no such"]), ..cited(own) }, 1);
    let epoch = Epoch(cited(other).slot.min(cited(own).slot));
    let demand = Demand::Deliver { client: client(3), held: Count(0), epoch };
    world.post(ActorId::Client(client(3)), own, demand, Attachment::None);
    assert_eq!((world.open(), world.suspected()), (BTreeMap::new(), vec![]));
}

#[test]
fn a_mailbox_is_owed_from_ones_own_ack_on() {
    let mut world = World::watched(1, 1, 2);
    // the other client is slow: for its sake what is old is kept
    let (slow, own) = (ActorId::Client(client(1)), ActorId::Client(client(0)));
    let mute = Arc::new(Mutex::new(false));
    let is_mute = mute.clone();
    let seen = watch(&mut world, move |from, _, message| {
        let silent = from == slow || (from == own && *is_mute.lock().unwrap());
        !silent || !matches!(message, Message::Acknowledged(_))
    });
    world.connect_all();
    world.exchange(6);
    let start = seen.lock().unwrap().starts.first().unwrap().clone();
    // what it acknowledged is given up, and of what comes now it acknowledges nothing
    *mute.lock().unwrap() = true;
    world.exchange(2);
    let newest = seen.lock().unwrap().attested.keys().map(|(_, epoch)| *epoch).max().unwrap();
    let demand = Demand::Deliver { client: client(0), held: Count(0), epoch: Epoch(newest) };
    world.post(own, mailbox(0), demand, Attachment::Start(Box::new(start)));
    world.run_for(100);
    assert_eq!((world.open(), world.suspected()), (BTreeMap::new(), vec![]));
}

#[test]
fn a_witness_hears_what_is_said_of_a_bundle_whoever_hands_it_in_after_it() {
    let mut world = World::watched(1, 1, 2);
    let seen = watch(&mut world, |_, _, _| true);
    world.connect_all();
    world.exchange(2);
    let first = seen.lock().unwrap().submitted[0].clone();
    let index = (0..2).find(|index| ActorId::Client(client(*index)) == first.bundle.claimed_actor()).unwrap();
    let early = Bundle {
        number: BundleNumber(20),
        ..(*first.bundle.clone().verify(&world.setup.trust).unwrap()).clone()
    };
    let bundle = by_client(&world, index, early);
    let demand = Demand::Admit { client: client(index), number: BundleNumber(20), bundle: bundle.digest() };
    let submission = Submission { bundle: bundle.to_unverified(), content: first.content };
    let challenger = ActorId::Client(client(index));
    let challenge =
        Challenge { challenger, number: 900, terms: Terms::default(), target: incoming(0), demand };
    let challenge = by_client(&world, index, challenge).to_unverified();
    let attachment = Attachment::Submission(Box::new(submission.clone()));
    let posted = Message::Posted(Box::new(Posting { challenge, attachment }));
    let handler = ActorId::Server(Role::Handler, 0);
    seen.lock().unwrap().refused.clear();
    world.turn(
        incoming(0),
        vec![Input::Message(witness(0), posted), Input::Message(handler, Message::Submit(submission))],
    );
    let bundle_of =
        |refusal: &Unverified<Refusal>| refusal.clone().verify(&world.setup.trust).unwrap().bundle;
    let refused: Vec<_> =
        seen.lock().unwrap().refused.iter().map(|(to, refusal)| (*to, bundle_of(refusal))).collect();
    assert!(refused.contains(&(witness(0), bundle.digest())), "{refused:?}");
    assert!(refused.contains(&(handler, bundle.digest())), "{refused:?}");
}

#[test]
fn a_demand_to_place_hides_in_no_other() {
    let mut world = World::watched(1, 1, 2);
    let seen =
        watch(&mut world, |_, to, message| to != incoming(0) || !matches!(message, Message::Posted(_)));
    world.connect_all();
    world.exchange(3);
    let receipted = seen.lock().unwrap().receipts[0].clone();
    let sent = |submission: &&Submission| {
        submission.bundle.claimed_actor() == ActorId::Client(receipted.client)
            && submission.bundle.claimed_slot() == receipted.number.0
    };
    let bundle = seen.lock().unwrap().submitted.iter().find(sent).unwrap().bundle.cite();
    let (index, _) = receipted.opening.leaves()[0];
    let demand = Demand::Place {
        receipt: receipted.receipt.cite(),
        position: Position(receipted.receipt.claimed_slot() + index),
    };
    for recipients in [vec![], vec![client(0), client(1)]] {
        let promised = Promised {
            receipted: receipted.clone(),
            bundle: bundle.clone(),
            recipients: recipients.into_iter().collect(),
        };
        let by = ActorId::Client(client(0));
        world.post(by, incoming(0), demand.clone(), Attachment::Promised(Box::new(promised)));
    }
    let open: Vec<_> = world.open().into_values().filter(|(target, _)| *target == incoming(0)).collect();
    assert_eq!(open, [(incoming(0), "place"), (incoming(0), "place")]);
}

/// A mailbox actor that answers nothing, and says again and again that it waits for what it has been given.
#[test]
fn nobody_waits_for_the_same_again_and_again() {
    let mut world = World::watched(1, 1, 2);
    let challenges = Arc::new(Mutex::new(Vec::new()));
    let into = challenges.clone();
    let seen = watch(&mut world, move |_, to, message| {
        if let Message::Posted(posting) = message {
            into.lock().unwrap().push((to, posting.challenge.cite()));
        }
        // it shows nothing, and attests to nobody
        to != mailbox(0) || !matches!(message, Message::Posted(_))
    });
    world.connect_all();
    world.exchange(3);
    let newest = *seen.lock().unwrap().cuts.keys().last().unwrap();
    let demand = Demand::Deliver { client: client(3), held: Count(0), epoch: Epoch(newest) };
    world.turn(
        witness(0),
        vec![Input::Message(ActorId::Client(client(3)), Message::Posted(Box::new(posting(&world, demand))))],
    );
    let owed = challenges.lock().unwrap().iter().find(|(to, _)| *to == mailbox(0)).unwrap().1.clone();
    for number in 0..40 {
        let (batch, taken) = a_run(&world, &seen.lock().unwrap());
        let challenge = Challenge {
            challenger: mailbox(0),
            number: 900 + number,
            terms: Terms::default(),
            target: incoming(0),
            demand: batch,
        };
        let challenge = by_server(&world, mailbox(0), challenge);
        let on = challenge.cite();
        let attachment = Attachment::Taken(Box::new(taken));
        let posted = Posting { challenge: challenge.to_unverified(), attachment };
        let response = Response {
            target: mailbox(0),
            number: 900 + number,
            terms: Terms::default(),
            challenge: owed.clone(),
            answer: Answer::Blocked(on),
        };
        let response = by_server(&world, mailbox(0), response).to_unverified();
        let blocked = Answered { response, exhibit: Exhibit::Nothing };
        let said = [Message::Posted(Box::new(posted)), Message::Answered(Box::new(blocked))];
        world.turn(witness(0), said.map(|message| Input::Message(mailbox(0), message)).into());
        world.run_for(5);
    }
    assert!(world.suspected().contains(&(mailbox(0), "deliver")), "{:?}", world.suspected());
    assert!(world.suspected().iter().all(|(target, _)| *target == mailbox(0)), "{:?}", world.suspected());
}

fn posting(world: &World, demand: Demand) -> Posting {
    let challenger = ActorId::Client(client(3));
    let challenge =
        Challenge { challenger, number: 900, terms: Terms::default(), target: mailbox(0), demand };
    Posting { challenge: by_client(world, 3, challenge).to_unverified(), attachment: Attachment::None }
}

/// A demand for a run that a cut takes, with the cuts that show it.
fn a_run(world: &World, seen: &Seen) -> (Demand, Taken) {
    let reached =
        |epoch: u64| seen.cuts[&epoch].clone().verify(&world.setup.trust).unwrap().reached[0].clone();
    let epoch = (2..).find(|epoch| reached(*epoch).end > reached(epoch - 1).end).unwrap();
    let seal = reached(epoch).seal.unwrap();
    let taken = Taken { before: Some(seen.cuts[&(epoch - 1)].clone()), cut: seen.cuts[&epoch].clone() };
    (Demand::Batch { seal: seal.clone(), batch: BatchNumber(seal.slot), mailbox: 0 }, taken)
}

/// The sequencer acknowledges a seal that its cuts then leave out. It acknowledges an older one after it, or says nothing before the
/// cut.
#[test]
fn an_ack_sent_again_or_late_takes_no_word_back() {
    for late in [false, true] {
        let mut world = World::watched(1, 1, 2);
        let kept_back = Arc::new(Mutex::new(false));
        let keeps = kept_back.clone();
        let seen = watch(&mut world, move |_, to, message| {
            let sealed = matches!(message, Message::Sealed(_) | Message::Posted(_));
            to != SEQUENCER || !sealed || !*keeps.lock().unwrap()
        });
        world.connect_all();
        world.exchange(2);
        *kept_back.lock().unwrap() = true;
        world.submit(0, 50, b"more", &[1]);
        world.run_for(20);
        let after = Epoch(*seen.lock().unwrap().cuts.keys().last().unwrap());
        let seals: Vec<Citation> = seen.lock().unwrap().seals.values().map(Unverified::cite).collect();
        let ack = |number, seal: &Citation| {
            let ack = SealAck { number, terms: Terms::default(), after, seals: vec![seal.clone()] };
            let ack = by_server(&world, SEQUENCER, ack).to_unverified();
            Input::Message(SEQUENCER, Message::SealsHeld(ack))
        };
        let [.., older, newest] = &seals[..] else { panic!("two seals") };
        let acks = vec![ack(9000, newest), ack(9001, older)];
        if late {
            world.run_for(60);
            world.turn(incoming(0), acks);
        } else {
            world.turn(incoming(0), acks);
            world.run_for(60);
        }
        let found = caught(world.told(incoming(0)));
        assert!(found.iter().any(|evidence| evidence.predicate() == "sackbroken"), "late: {late}");
    }
}

/// The sequencer signs one cut of a far epoch, for whoever sees it first, and cuts as usual otherwise.
#[test]
fn a_cut_of_a_far_epoch_leads_nobody_away() {
    for to in [incoming(0), witness(0)] {
        let mut world = World::watched(1, 1, 2);
        let seen = watch(&mut world, |_, _, _| true);
        world.connect_all();
        world.exchange(2);
        let last = seen.lock().unwrap().cuts.values().last().unwrap().clone();
        let last = last.verify(&world.setup.trust).unwrap();
        let far = Cut { epoch: Epoch(1_000_000_000), previous: Digest::of(&[b"none"]), ..(*last).clone() };
        let far = by_server(&world, SEQUENCER, far).to_unverified();
        world.turn(to, vec![Input::Message(SEQUENCER, Message::Ordered(far))]);
        let before = world.delivered(0).len();
        world.exchange(3);
        world.run_for(200);
        assert_eq!(world.delivered(0).len(), before + 6, "{to}: all goes on");
        assert_eq!((world.open(), world.suspected()), (BTreeMap::new(), vec![]), "{to}");
    }
}

/// The sequencer signs one cut of a far epoch for the witness, and says nothing more to anybody.
#[test]
fn nor_does_it_excuse_silence() {
    let mut world = World::watched(1, 1, 2);
    let silent = Arc::new(Mutex::new(false));
    let is_silent = silent.clone();
    let seen = watch(&mut world, move |from, _, _| from != SEQUENCER || !*is_silent.lock().unwrap());
    world.connect_all();
    world.exchange(2);
    *silent.lock().unwrap() = true;
    let last = seen.lock().unwrap().cuts.values().last().unwrap().clone();
    let last = last.verify(&world.setup.trust).unwrap();
    let far = Cut { epoch: Epoch(1_000_000_000), ..(*last).clone() };
    let far = by_server(&world, SEQUENCER, far).to_unverified();
    world.turn(witness(0), vec![Input::Message(SEQUENCER, Message::Ordered(far))]);
    world.run_for(300);
    assert!(world.suspected().contains(&(SEQUENCER, "cut")), "{:?}", world.suspected());
    assert!(world.suspected().iter().all(|(who, _)| *who == SEQUENCER), "{:?}", world.suspected());
}

/// What it missed while it was away is not kept any more: it goes on from what a mailbox actor has attested.
#[test]
fn a_witness_goes_on_after_a_gap_that_nothing_fills() {
    let mut world = World::watched(1, 1, 2);
    let kept_from = Arc::new(Mutex::new(0));
    let from = kept_from.clone();
    let seen = watch(&mut world, move |_, to, message| {
        let Message::Ordered(cut) = message else { return true };
        to != witness(0) || cut.claimed_slot() >= *from.lock().unwrap()
    });
    world.connect_all();
    world.exchange(2);
    world.disconnect(witness(0));
    // without a witness nothing is delivered, and yet it is cut
    world.submit(0, 9, b"0", &[1]);
    world.run_for(200);
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (4, 4));
    *kept_from.lock().unwrap() = *seen.lock().unwrap().cuts.keys().last().unwrap();
    world.reconnect(witness(0));
    world.exchange(6);
    world.run_for(200);
    assert_eq!((world.delivered(0).len(), world.delivered(1).len()), (16, 17));
    assert_eq!(world.open(), BTreeMap::new());
}

/// A witness that was away asks for what was sealed so long ago that it is not kept any more.
#[test]
fn what_is_not_kept_any_more_is_opened_by_what_came_after_it() {
    let mut world = World::watched(1, 1, 2);
    let seen = watch(&mut world, |_, _, _| true);
    world.connect_all();
    world.exchange(2);
    let seal = seen.lock().unwrap().seals.values().nth(1).unwrap().cite();
    world.run_until("more is sealed than is kept", 60_000, |_| {
        seen.lock().unwrap().seals.keys().last().is_some_and(|last| *last > seal.slot + 1100)
    });
    world.post(witness(0), incoming(0), Demand::Open(seal), Attachment::None);
    assert_eq!((world.open(), world.suspected()), (BTreeMap::new(), vec![]));
}

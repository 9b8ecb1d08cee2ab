//! What somebody can use up at an honest actor: it goes on doing for others what it owes them.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::collections::BTreeSet;

use server::{
    actor::{Input, Setup, handler::Custody},
    port::Time,
    protocol::{
        batch::{Ledger, Placement},
        board::{Attachment, Posting, Promised},
        bundle::{Bundle, Content, Envelope, Submission},
        challenge::{Challenge, Demand},
        codec::Encode as _,
        cut::{Cut, Reached},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BatchNumber, BundleNumber, Epoch, Position, SequenceId},
        map::Map,
        merkle::Tree,
        message::Message,
        predicate::equivocation::Equivocation,
        receipt::{Receipt, Receipted, bundle_leaf},
        refusal::Reason,
        seal::{Positions, Seal},
        statement::{Citation, Signed, Terms, Unverified},
    },
};
use support::{
    Bench, HANDLER, SEQUENCER, Turn, caught, client, client_key, draught, incoming, setup, signer_of,
    watched_setup, witness,
};

const T: Time = Time(1_000_000_000);

fn me(index: usize) -> ActorId {
    ActorId::Client(client(index))
}

/// The first bundle of a client, with this content.
fn submission(setup: &Setup, from: usize, content: &Content, seen: Option<Citation>) -> Submission {
    let bundle = Bundle {
        client: client(from),
        number: BundleNumber(0),
        terms: Terms::default(),
        previous: Digest::ZERO,
        commitment: content.commitment(),
        expiry: Epoch(1000),
        seen,
    };
    let signed = Signed::sign(bundle, setup.trust.deployment, &client_key(from));
    Submission { bundle: signed.to_unverified(), content: content.clone() }
}

fn small() -> Content {
    let envelope = Envelope { recipient: client(0), salt: [7; 16], ciphertext: vec![1] };
    Content::new(vec![1], vec![envelope])
}

fn demands(setup: &Setup, turn: &Turn) -> Vec<Challenge> {
    let challenge = |(_, message): &(ActorId, Message)| match message {
        Message::Posted(posting) => Some((*posting.challenge.clone().verify(&setup.trust).unwrap()).clone()),
        _ => None,
    };
    turn.sends.iter().filter_map(challenge).collect()
}

/// Whoever is asked in public about an incoming actor asks that one, however many bundles another one holds up.
#[test]
fn a_handler_asks_every_incoming_actor_that_is_silent() {
    let setup = watched_setup(2, 1, 1);
    let mut handler = Bench::custodian(Custody::Taken, &setup);
    handler.turn(T, [witness(0), incoming(0), incoming(1)].map(Input::Connected).to_vec());
    let hand_in = |from| Input::Message(me(from), Message::Submit(submission(&setup, from, &small(), None)));
    // even clients belong to one incoming actor, odd ones to the other
    handler.turn(T, (0..140).map(|index| hand_in(2 * index)).collect());
    handler.turn(T.after(1), vec![hand_in(1)]);
    let mut asked = Vec::new();
    for wait in 0..200 {
        let now = T.after(2 + wait * setup.challenge_ns() / 50);
        asked.extend(demands(&setup, &handler.turn(now, vec![Input::Wake])));
    }
    let of = |index| asked.iter().filter(|challenge| challenge.target == incoming(index)).count();
    let (crowded, other) =
        (setup.trust.roster.incoming_of(&client(0)), setup.trust.roster.incoming_of(&client(1)));
    assert_ne!(crowded, other);
    assert_eq!((of(crowded), of(other)), (128, 1));
}

/// An incoming actor that gives receipts and shows no place: the demands come as fast as a witness takes them, and all of them in
/// the end.
#[test]
fn a_client_demands_no_more_than_a_witness_takes_and_then_the_rest() {
    const ALL: u64 = 300;
    let setup = watched_setup(1, 1, 1);
    let own = client(0);
    let mut sender = Bench::client(0, &setup);
    sender.turn(T, vec![Input::Connected(HANDLER), Input::Connected(witness(0))]);
    let (mut leaves, mut bundles) = (Vec::new(), Vec::new());
    for number in 0..ALL {
        let turn = sender.turn(T, vec![Input::Send(draught(number, b"x", &[own]))]);
        let submitted = turn.sends.iter().find_map(|(_, message)| match message {
            Message::Submit(submission) => Some(submission.bundle.clone()),
            _ => None,
        });
        let bundle = submitted.unwrap();
        let leaf = bundle_leaf(&bundle.cite());
        let receipt = Receipt {
            incoming: 0,
            first: Position(number),
            terms: Terms::default(),
            count: 1,
            leaves: leaf,
            chain: Digest::ZERO,
        };
        let signed = Signed::sign(receipt, setup.trust.deployment, &signer_of(incoming(0)));
        let opening = Tree::new(vec![leaf]).open(&[0]);
        let receipted = Receipted::new(&signed, own, BundleNumber(number), opening);
        sender.turn(T, vec![Input::Message(HANDLER, Message::Receipted(receipted))]);
        leaves.push(leaf);
        bundles.push(bundle);
    }
    let late = T.after(2 * setup.challenge_ns());
    let first = demands(&setup, &sender.turn(late, vec![Input::Wake]));
    assert_eq!(first.len(), 128);
    assert!(
        sender.actor.deadline().is_none_or(|due| due > late),
        "it does not wake for what it may not demand"
    );
    // a hundred of them are shown
    let tree = Tree::new(leaves[..100].to_vec());
    let mut manifest = Map::default();
    manifest.insert(own, Positions((0..100).map(Position).collect()));
    let seal = Seal {
        incoming: 0,
        batch: BatchNumber(0),
        terms: Terms::default(),
        start: Position(0),
        end: Position(100),
        chain: Digest::ZERO,
        previous: Digest::ZERO,
        leaves: tree.root(),
        manifest: manifest.root(),
        content_bytes: 0,
        seen: None,
    };
    let seal = Signed::sign(seal, setup.trust.deployment, &signer_of(incoming(0))).to_unverified();
    let leaves = tree.open(&(0..100).collect::<Vec<_>>());
    let placement = Placement { client: own, seal, leaves, manifest: manifest.prune_to(&own) };
    let shown = Input::Message(HANDLER, Message::Placed(Box::new(placement)));
    let mut then = demands(&setup, &sender.turn(late.after(1), vec![shown]));
    then.extend(demands(&setup, &sender.turn(late.after(2), vec![Input::Wake])));
    assert_eq!(then.len(), 100, "as many as were shown");
    let positions = first.iter().chain(&then).map(|challenge| match challenge.demand {
        Demand::Place { position, .. } => position,
        _ => panic!("no place"),
    });
    assert_eq!(positions.collect::<BTreeSet<_>>().len(), 228, "none twice");
}

/// Bundles that cite a cut which this actor has not seen are held; but not more of them than it has room for.
#[test]
fn bundles_that_wait_for_a_cut_are_held_as_far_as_there_is_room() {
    let setup = setup(1, 1);
    let mut queue = Bench::incoming(0, &setup);
    let cut = Cut {
        epoch: Epoch(1),
        terms: Terms::default(),
        previous: Digest::ZERO,
        base: SequenceId(0),
        total: SequenceId(0),
        reached: vec![Reached::default()],
    };
    let cut = Signed::sign(cut, setup.trust.deployment, &signer_of(SEQUENCER));
    // of 15 MiB each, which is seldom and allowed
    let mut recipients: Vec<_> = (0..240).map(client).collect();
    recipients.sort_unstable();
    let envelope = |recipient| Envelope { recipient, salt: [7; 16], ciphertext: vec![1; 1 << 16] };
    let content = Content::new(vec![1], recipients.into_iter().map(envelope).collect());
    assert!(content.is_well_formed());
    let mut refused = Vec::new();
    for from in 0..20 {
        let submission = submission(&setup, from, &content, Some(cut.cite()));
        let turn = queue.turn(T, vec![Input::Message(HANDLER, Message::Submit(submission))]);
        refused.extend(turn.sends.into_iter().filter_map(|(_, message)| match message {
            Message::Refused(refusal, _) => Some(refusal.verify(&setup.trust).unwrap().reason.clone()),
            _ => None,
        }));
    }
    assert_eq!(refused.len(), 4, "17 of them are more than 256 MiB");
    assert!(refused.iter().all(|reason| matches!(reason, Reason::QueueFull { .. })));
    // what waits for nothing is admitted all the same, and when the cut is there so is what was held
    let turn =
        queue.turn(T, vec![Input::Message(HANDLER, Message::Submit(submission(&setup, 30, &small(), None)))]);
    assert!(turn.sends.iter().any(|(_, message)| matches!(message, Message::Receipted(_))));
    let turn = queue.turn(T, vec![Input::Message(SEQUENCER, Message::Ordered(cut.to_unverified()))]);
    let receipts = turn.sends.iter().filter(|(_, message)| matches!(message, Message::Receipted(_))).count();
    assert_eq!(receipts, 16);
}

/// Keys are free, and so is evidence against one's own: a witness remembers so many, and none of what convicts them.
#[test]
fn a_witness_keeps_little_of_clients_that_expose_themselves() {
    let setup = watched_setup(1, 1, 1);
    let mut watching = Bench::witness(0, &setup);
    let other = |index: usize| {
        let [first, second] = [1u8, 2].map(|payload| {
            let content = Content::new(vec![payload], small().envelopes().to_vec());
            submission(&setup, index, &content, None).bundle.cite()
        });
        Message::Exposed(Box::new(Evidence::from(Equivocation { first, second })))
    };
    for index in 0..40 {
        let turn = watching.turn(T, vec![Input::Message(me(9), other(index))]);
        assert_eq!(caught(&turn.notices).len(), 1);
    }
    let again = watching.turn(T, vec![Input::Message(me(9), other(3))]);
    assert_eq!(caught(&again.notices).len(), 0, "it is known");
    let bytes: usize =
        watching.rows.iter().filter(|(key, _)| key[0] == 5).map(|(k, v)| k.len() + v.len()).sum();
    assert!(bytes <= 40 * 40, "{bytes} bytes are kept of 40 clients");
    // an earlier build kept the evidence
    let Message::Exposed(evidence) = other(50) else { unreachable!() };
    watching.rows.insert([&[3][..], &[7; 32]].concat(), evidence.to_bytes());
    watching.restart();
    let known = watching.turn(T, vec![Input::Message(me(9), other(50))]);
    assert_eq!(caught(&known.notices).len(), 0, "which says as much");
    let again = watching.turn(T, vec![Input::Message(me(9), other(3))]);
    assert_eq!(caught(&again.notices).len(), 0, "and it is remembered");
}

/// Of each incoming actor a witness remembers what stands where: another's runs do not displace that.
#[test]
fn a_witness_sees_a_broken_promise_of_one_incoming_actor_after_thousands_of_runs_of_another() {
    let setup = watched_setup(2, 1, 1);
    let deployment = setup.trust.deployment;
    let mut watching = Bench::witness(0, &setup);
    let from = (0..).find(|index| setup.trust.roster.incoming_of(&client(*index)) == 0).unwrap();
    let sealed = submission(&setup, from, &small(), None).bundle;
    let promised =
        submission(&setup, from, &Content::new(vec![2], small().envelopes().to_vec()), None).bundle;
    let run = |index: u32, batch: u64, previous: Digest, bundles: Vec<Unverified<Bundle>>| {
        let leaves: Vec<Digest> = bundles.iter().map(|bundle| bundle_leaf(&bundle.cite())).collect();
        let seal = Seal {
            incoming: index,
            batch: BatchNumber(batch),
            terms: Terms::default(),
            start: Position(0),
            end: Position(leaves.len() as u64),
            chain: leaves.iter().fold(Digest::ZERO, |chain, leaf| chain.append(*leaf)),
            previous,
            leaves: Tree::new(leaves).root(),
            manifest: Digest::ZERO,
            content_bytes: 0,
            seen: None,
        };
        let seal = Signed::sign(seal, deployment, &signer_of(incoming(index)));
        (seal.digest(), Ledger { seal: seal.to_unverified(), bundles })
    };
    let show = |ledger: Ledger, index| Input::Message(incoming(index), Message::Ledger(Box::new(ledger)));
    watching.turn(T, vec![show(run(0, 0, Digest::ZERO, vec![sealed]).1, 0)]);
    let (mut previous, mut shown) = (Digest::ZERO, Vec::new());
    for batch in 0..4100 {
        let (digest, ledger) = run(1, batch, previous, Vec::new());
        previous = digest;
        shown.push(show(ledger, 1));
    }
    assert_eq!(caught(&watching.turn(T, shown).notices).len(), 0);
    let leaf = bundle_leaf(&promised.cite());
    let (first, count, chain) = (Position(0), 1, Digest::ZERO);
    let receipt = Receipt { incoming: 0, first, terms: Terms::default(), count, leaves: leaf, chain };
    let receipt = Signed::sign(receipt, deployment, &signer_of(incoming(0)));
    let opening = Tree::new(vec![leaf]).open(&[0]);
    let attachment = Promised {
        receipted: Receipted::new(&receipt, client(from), BundleNumber(0), opening),
        bundle: promised.cite(),
        recipients: BTreeSet::from([client(0)]),
    };
    let challenge = Challenge {
        challenger: me(from),
        number: 0,
        terms: Terms::default(),
        target: incoming(0),
        demand: Demand::Place { receipt: receipt.cite(), position: first },
    };
    let challenge = Signed::sign(challenge, deployment, &client_key(from)).to_unverified();
    let posting = Posting { challenge, attachment: Attachment::Promised(Box::new(attachment)) };
    let turn = watching.turn(T, vec![Input::Message(me(from), Message::Posted(Box::new(posting)))]);
    let accused: Vec<ActorId> = caught(&turn.notices).iter().map(Evidence::accused).collect();
    assert_eq!(accused, [incoming(0)]);
}

/// Anybody may post a receipt to a witness; nobody is told of it but by whom it is from.
#[test]
fn what_anybody_posts_comes_to_nobody_as_an_answer() {
    let setup = watched_setup(1, 1, 1);
    let bundle = submission(&setup, 0, &small(), None).bundle;
    let leaf = bundle_leaf(&bundle.cite());
    let receipt = Receipt {
        incoming: 0,
        first: Position(0),
        terms: Terms::default(),
        count: 1,
        leaves: leaf,
        chain: Digest::ZERO,
    };
    let signed = Signed::sign(receipt, setup.trust.deployment, &signer_of(incoming(0)));
    let receipted = Receipted::new(&signed, client(0), BundleNumber(0), Tree::new(vec![leaf]).open(&[0]));
    let told = |from| {
        let mut bench = Bench::witness(0, &setup);
        let turn = bench.turn(T, vec![Input::Message(from, Message::Receipted(receipted.clone()))]);
        turn.sends.iter().filter(|(to, _)| *to == me(0)).count()
    };
    assert_eq!((told(me(1)), told(incoming(0))), (0, 1));
}

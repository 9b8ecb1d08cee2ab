//! Hostile peers: what they say crashes nobody, convicts no honest actor, and cannot stop the rest.
//!
//! Every test here was written against a weakness found by reading the code; those still open are ignored with
//! the number of the finding.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use server::{
    actor::{Input, Notice, step::STATEMENTS},
    port::Time,
    protocol::{
        attestation::Attestation,
        batch::Batch,
        bundle::{Bundle, Commitment, Content, Envelope, PAYLOAD_MAX, Parcel, Submission},
        codec::{Decode, Encode},
        cut::{Cut, Reached},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BatchNumber, BundleNumber, ClientId, Count, Epoch, Position, Role, SequenceId},
        judge::{Verdict, judge},
        map::Pruned,
        merkle::Tree,
        message::Message,
        predicate::attestation::BadAttestation,
        receipt::{Receipt, Receipted, bundle_leaf},
        seal::{Positions, Seal},
        statement::{Citation, Kind, Signed, Statement, Terms},
    },
};
use support::{
    Bench, HANDLER, SEQUENCER, caught, client, client_key, custody, draught, incoming, mailbox, setup,
    signer_of,
};

const T: Time = Time(1_000_000_000);
/// Most bytes of a frame, as `node::link` has it.
const FRAME_MAX: usize = 64 << 20;

fn sign<T: Statement>(body: T, incoming: u32, mailboxes: u32) -> Signed<T> {
    let deployment = setup(incoming, mailboxes).trust.deployment;
    match body.actor() {
        ActorId::Client(id) => {
            let index = (0..9).find(|index| client(*index) == id).unwrap();
            Signed::sign(body, deployment, &client_key(index))
        }
        server => Signed::sign(body, deployment, &signer_of(server)),
    }
}

fn seal(index: u32, start: u64, end: u64, leaves: Digest, manifest: Digest) -> Seal {
    Seal {
        incoming: index,
        batch: BatchNumber(0),
        terms: Terms::default(),
        start: Position(start),
        end: Position(end),
        chain: Digest::ZERO,
        previous: Digest::ZERO,
        leaves,
        manifest,
        content_bytes: 0,
        seen: None,
    }
}

fn content_for(recipient: ClientId, payload: Vec<u8>) -> Content {
    Content::new(payload, vec![Envelope { recipient, salt: [1; 16], ciphertext: vec![2] }])
}

fn bundle(from: usize, number: u64, previous: Digest, commitment: Commitment) -> Bundle {
    let number = BundleNumber(number);
    Bundle {
        client: client(from),
        number,
        terms: Terms::default(),
        previous,
        commitment,
        expiry: Epoch(9),
        seen: None,
    }
}

/// A manifest in which an entry of this client stands one bit beside its place, 65 bits below the root: `range`
/// must not find what `get` does not.
fn misplaced(client: ClientId, positions: Positions) -> Pruned<Positions> {
    let bit = |depth: usize| client.bytes()[depth / 8] & (0x80 >> (depth % 8)) != 0;
    let fork = |depth: usize, own: bool, node: Vec<u8>| {
        let sides = if bit(depth) == own { [vec![1], node] } else { [node, vec![1]] };
        [&[3][..], &sides.concat()].concat()
    };
    let entry = [&[2][..], client.bytes(), &positions.to_bytes()].concat();
    let bytes = (0..64).rev().fold(fork(64, false, entry), |node, depth| fork(depth, true, node));
    Pruned::from_bytes(&bytes).unwrap()
}

/// I1, I5: a cheating incoming actor seals a manifest that two readers read differently.
#[test]
fn a_misplaced_manifest_entry_does_not_convict_the_mailbox_actor() {
    let reader = client(1);
    let content = content_for(reader, vec![1]);
    let bundle = sign(bundle(0, 0, Digest::ZERO, content.commitment()), 1, 1);
    let tree = Tree::new(vec![bundle_leaf(&bundle.cite())]);
    let manifest = misplaced(reader, Positions(vec![Position(0)]));
    let seal = sign(seal(0, 0, 1, tree.root(), manifest.root()), 1, 1);
    let envelopes = vec![(content.envelopes()[0].clone(), content.tree().open(&[0]))];
    let parcel =
        Parcel { position: Position(0), bundle: bundle.to_unverified(), payload: vec![1], envelopes };
    let batch =
        Batch { seal: seal.to_unverified(), manifest, leaves: tree.open(&[0]), parcels: vec![parcel] };
    let cut = Cut {
        epoch: Epoch(1),
        terms: Terms::default(),
        previous: Digest::ZERO,
        base: SequenceId(0),
        total: SequenceId(1),
        reached: vec![Reached { seal: Some(seal.cite()), end: Position(1) }],
    };
    let cut = sign(cut, 1, 1);
    let mut honest = Bench::mailbox(0, &setup(1, 1));
    let turn = honest.turn(
        T,
        vec![
            Input::Message(ActorId::Client(reader), Message::Read { held: Count(0), epoch: Epoch(0) }),
            Input::Message(incoming(0), Message::Batch(Box::new(batch))),
            Input::Message(SEQUENCER, Message::Ordered(cut.to_unverified())),
        ],
    );
    for (_, message) in turn.sends {
        let Message::Delivery(delivery) = message else { continue };
        let evidence = Evidence::from(BadAttestation {
            client: reader,
            derivation: Box::new(delivery.derivation(None)),
        });
        assert_eq!(
            judge(&evidence, &setup(1, 1).trust),
            Verdict::NotProven("the attestation is what follows".into())
        );
    }
}

#[test]
fn seals_over_absurd_runs_do_not_stop_the_sequencer() {
    let mut sequencer = Bench::sequencer(&setup(2, 2));
    sequencer.turn(T, vec![Input::Message(mailbox(0), Message::Subscribe(1))]);
    let absurd = sign(seal(0, 0, u64::MAX, Digest::ZERO, Digest::ZERO), 2, 2);
    let honest = sign(seal(1, 0, 5, Digest::ZERO, Digest::ZERO), 2, 2);
    let inputs = [&absurd, &honest].map(|seal| {
        // over the wire, where the codec may refuse it
        let bytes = Message::Sealed(seal.to_unverified()).to_bytes();
        let message = Decode::from_bytes(&bytes).ok();
        message.map(|message| Input::Message(incoming(seal.incoming), message))
    });
    let turn = sequencer.turn(T, inputs.into_iter().flatten().collect());
    let cut = turn.sends.iter().find_map(|(_, message)| match message {
        Message::Ordered(cut) => Some(cut.clone().verify(&setup(2, 2).trust).unwrap()),
        _ => None,
    });
    assert_eq!(cut.unwrap().total, SequenceId(5), "the honest one is ordered, the absurd one is not");
}

#[test]
fn a_mailbox_actor_that_the_roster_does_not_know_gets_nothing_and_stops_nothing() {
    let mut queue = Bench::incoming(0, &setup(1, 1));
    let content = content_for(client(1), vec![1]);
    let bundle = sign(bundle(0, 0, Digest::ZERO, content.commitment()), 1, 1);
    let submission = Submission { bundle: bundle.to_unverified(), content };
    queue.turn(T, vec![Input::Message(HANDLER, Message::Submit(submission))]);
    for stranger in
        [mailbox(99), mailbox(u32::MAX), ActorId::Server(Role::Witness, 3), ActorId::Client(client(3))]
    {
        let turn =
            queue.turn(T, vec![Input::Connected(stranger), Input::Message(stranger, Message::Subscribe(0))]);
        assert!(turn.sends.is_empty(), "{stranger}");
    }
    assert!(queue.rows.keys().any(|key| key[0] == 1), "an unsigned word moves no custody");
    queue.turn(T, custody(&setup(1, 1), |actor| Box::new(signer_of(actor)), 1));
    assert!(queue.rows.keys().all(|key| key[0] != 1), "the log is given up when those of the roster have it");
}

#[test]
fn a_client_submits_through_its_own_handler_alone() {
    let mut sender = Bench::client(0, &setup(1, 1));
    let stranger = ActorId::Client(client(3));
    sender.turn(T, vec![Input::Connected(HANDLER), Input::Connected(stranger)]);
    let turn = sender.turn(T, vec![Input::Send(draught(1, b"x", &[client(1)]))]);
    assert!(turn.sends.iter().all(|(to, _)| *to == HANDLER) && !turn.sends.is_empty());
    sender.turn(T, vec![Input::Disconnected(stranger)]);
    let turn = sender.turn(T, vec![Input::Send(draught(2, b"y", &[client(1)]))]);
    assert!(!turn.sends.is_empty(), "the handler is still there");
}

#[test]
fn a_receipt_at_the_end_of_the_number_space_does_not_stop_the_client() {
    let mut sender = Bench::client(0, &setup(1, 1));
    sender.turn(T, vec![Input::Connected(HANDLER)]);
    let turn = sender.turn(T, vec![Input::Send(draught(1, b"x", &[client(1)]))]);
    let Message::Submit(submission) = &turn.sends[0].1 else { panic!("no submission") };
    let tree = Tree::new(vec![Digest::ZERO, bundle_leaf(&submission.bundle.cite())]);
    let (first, count, leaves, chain) = (Position(u64::MAX), 2, tree.root(), Digest::ZERO);
    let receipt = sign(Receipt { incoming: 0, first, terms: Terms::default(), count, leaves, chain }, 1, 1);
    let receipted = Receipted::new(&receipt, client(0), BundleNumber(0), tree.open(&[1]));
    let turn = sender.turn(T, vec![Input::Message(HANDLER, Message::Receipted(receipted))]);
    assert!(turn.notices.iter().all(|notice| !matches!(notice, Notice::Receipted { .. })));
}

/// A mailbox actor that is away while the sequencer restarts finds the cuts it lacks when it comes back.
#[test]
fn the_sequencer_keeps_cuts_for_a_mailbox_actor_that_is_away() {
    let mut sequencer = Bench::sequencer(&setup(1, 2));
    let mut now = T;
    let heartbeat = |batch: u64, previous| {
        sign(Seal { batch: BatchNumber(batch), previous, ..seal(0, 0, 0, Digest::ZERO, Digest::ZERO) }, 1, 2)
    };
    let (first, second) = (heartbeat(0, Digest::ZERO), heartbeat(1, heartbeat(0, Digest::ZERO).digest()));
    sequencer.turn(now, vec![Input::Message(incoming(0), Message::Sealed(first.to_unverified()))]);
    sequencer.restart();
    sequencer.turn(now, vec![Input::Message(incoming(0), Message::Sealed(second.to_unverified()))]);
    let cut = Citation { kind: Kind::Cut, actor: SEQUENCER, slot: 4199, ..first.cite() };
    let attested = |mailbox: u32, epoch: u64, signer: ActorId| {
        let attestation = Attestation {
            mailbox,
            epoch: Epoch(epoch),
            terms: Terms::default(),
            cut: cut.clone(),
            previous: Digest::ZERO,
            mailboxes: 0,
            root: Digest::ZERO,
        };
        let deployment = setup(1, 2).trust.deployment;
        let signed = Signed::sign(attestation, deployment, &signer_of(signer));
        Input::Message(ActorId::Server(Role::Mailbox, mailbox), Message::Attested(signed.to_unverified()))
    };
    for epoch in 1..4200 {
        now = now.after(10_000_000);
        sequencer.turn(now, vec![Input::Wake, attested(0, epoch, mailbox(0))]);
    }
    // somebody who says that it is the mailbox actor, and the incoming actor with it
    sequencer.turn(now, vec![attested(1, u64::MAX, mailbox(0))]);
    let third = Seal { seen: Some(cut.clone()), ..(*heartbeat(2, second.digest())).clone() };
    let forged = Signed::sign(third.clone(), setup(1, 2).trust.deployment, &signer_of(mailbox(0)));
    sequencer.turn(now, vec![Input::Message(incoming(0), Message::Sealed(forged.to_unverified()))]);
    let turn = sequencer.turn(now, vec![Input::Message(mailbox(1), Message::Subscribe(1))]);
    let Some((_, Message::Ordered(first))) = turn.sends.first() else { panic!("no cut") };
    assert_eq!(first.claimed_slot(), 1);
    // once all have them, those of before the last 4,096 are given up, in memory and on disk
    let third = Input::Message(incoming(0), Message::Sealed(sign(third, 1, 2).to_unverified()));
    let both = [0, 1].map(|index| attested(index, 4199, mailbox(index)));
    sequencer.turn(now.after(10_000_000), [third].into_iter().chain(both).collect());
    sequencer.turn(now.after(20_000_000), vec![Input::Wake]);
    let kept = sequencer.rows.keys().filter(|key| key[..2] == [STATEMENTS, Kind::Cut as u8]).count();
    assert!((4096..=4098).contains(&kept), "{kept} cuts are kept");
    let turn = sequencer.turn(now.after(30_000_000), vec![Input::Message(mailbox(1), Message::Subscribe(1))]);
    let Some((_, Message::Ordered(first))) = turn.sends.first() else { panic!("no cut") };
    assert!(first.claimed_slot() > 100, "the first that is left is {}", first.claimed_slot());
}

/// What honest clients may submit must fit through every link: a frame that is too long is refused for ever.
#[test]
fn no_batch_is_longer_than_a_frame() {
    let mut queue = Bench::incoming(0, &setup(1, 1));
    let mut previous = Digest::ZERO;
    let content = content_for(client(1), vec![0; PAYLOAD_MAX]);
    let commitment = content.commitment();
    let mut inputs = Vec::new();
    for from in [0, 2] {
        for number in 0..33 {
            let bundle = sign(bundle(from, number, previous, commitment), 1, 1);
            previous = bundle.digest();
            let submission = Submission { bundle: bundle.to_unverified(), content: content.clone() };
            inputs.push(Input::Message(HANDLER, Message::Submit(submission)));
        }
        previous = Digest::ZERO;
    }
    queue.turn(T, inputs);
    for wait in 1..5 {
        queue.turn(T.after(wait * 2_000_000), vec![Input::Wake]);
    }
    let turn = queue.turn(T.after(9_000_000), vec![Input::Message(mailbox(0), Message::Subscribe(0))]);
    assert!(turn.sends.iter().all(|(_, message)| message.to_bytes().len() <= FRAME_MAX));
}

/// A07, C01: the fork is in the hands of the one who sees it, with both signatures.
#[test]
fn whoever_holds_both_sides_of_a_fork_of_the_sequencer_shows_it() {
    let cut = |total: u64| {
        let reached = vec![Reached { seal: None, end: Position(total) }];
        let (epoch, base, total) = (Epoch(1), SequenceId(0), SequenceId(total));
        sign(Cut { epoch, terms: Terms::default(), previous: Digest::ZERO, base, total, reached }, 1, 1)
    };
    let content = content_for(client(1), vec![1]);
    let citing = Bundle { seen: Some(cut(2).cite()), ..bundle(0, 0, Digest::ZERO, content.commitment()) };
    let submission = Submission { bundle: sign(citing, 1, 1).to_unverified(), content };
    let mut queue = Bench::incoming(0, &setup(1, 1));
    queue.turn(T, vec![Input::Message(SEQUENCER, Message::Ordered(cut(1).to_unverified()))]);
    let turn = queue.turn(T, vec![Input::Message(HANDLER, Message::Submit(submission))]);
    let verdict = judge(&caught(&turn.notices)[0], &setup(1, 1).trust);
    assert!(matches!(verdict, Verdict::Exposed { actor: SEQUENCER, .. }));
}

/// A mailbox actor's lies about the count are caught, and harm nothing else of the client.
#[test]
fn a_garbled_delivery_is_unusable_and_no_more() {
    let mut history = support::history::history(None);
    let (owner, mut delivery) = history.deliveries.remove(0);
    let index = (0..4).find(|index| client(*index) == owner).unwrap();
    let mut reader = Bench::client(index, &setup(2, 2));
    delivery.parcels.clear();
    let from = mailbox(setup(2, 2).trust.roster.mailbox_of(&owner));
    let turn = reader.turn(T, vec![Input::Message(from, Message::Delivery(Box::new(delivery)))]);
    let complains = matches!(&turn.notices[..], [Notice::Unusable { .. }, Notice::Complained { .. }]);
    assert!(complains, "{:?}", turn.notices);
    let acknowledges = |message: &Message| matches!(message, Message::Acknowledged(_));
    assert!(!turn.sends.iter().any(|(_, message)| acknowledges(message)), "nothing is acknowledged");
}

/// O8: an ack that was lost with its connection is given again, or the mailbox actor keeps everything for ever.
#[test]
fn a_lost_ack_is_given_again_when_the_connection_is_back() {
    let mut world = support::World::new(1, 1, 2);
    let reader = ActorId::Client(client(1));
    world.tamper = Some(Box::new(|_, _, message| match message {
        Message::Acknowledged(_) => None,
        other => Some(other),
    }));
    world.connect_all();
    world.submit(0, 0, b"x", &[1]);
    world.run_until("delivered", 500, |world| world.delivered(1).len() == 1);
    world.disconnect(reader);
    world.tamper = None;
    world.run_for(5);
    world.reconnect(reader);
    world.run_for(100);
    let kept = world.benches[&mailbox(0)].rows.keys().filter(|key| key[0] == 4).count();
    assert_eq!(kept, 0, "what the client holds need not be kept");
}

//! What each actor does, one behaviour a test: admission, cuts, attestation, the client's window and acks.
//!
//! Single actors are driven by hand with statements signed by the keys of their peers; what needs the whole
//! pipeline runs in a [`World`].

mod support;

use server::{
    actor::{Input, Notice},
    port::Time,
    protocol::{
        bundle::{Bundle, Content, Envelope, Submission},
        crypto::Signer,
        cut::{Cut, Reached},
        digest::Digest,
        id::{ActorId, BatchNumber, BundleNumber, ClientId, Count, Epoch, Position, SequenceId},
        judge::{Verdict, judge},
        message::Message,
        receipt::Receipted,
        refusal::{Reason, Refusal},
        seal::Seal,
        statement::{Citation, Signed, Terms, Unverified},
    },
};
use support::{Bench, HANDLER, Modelled, SEQUENCER, World, caught, client, client_key, incoming, mailbox, setup, signer_of};

const T: Time = Time(1_000_000_000);

fn content(to: usize, payload: &[u8]) -> Content {
    let envelope = Envelope { recipient: client(to), salt: [7; 16], ciphertext: vec![1, 2, 3] };
    Content { payload: payload.to_vec(), envelopes: vec![envelope] }
}

/// A bundle of client `from`, as its client would sign it.
fn bundle(from: usize, number: u64, previous: Digest, payload: &[u8], seen: Option<Citation>) -> Signed<Bundle> {
    let body = Bundle {
        client: client(from),
        number: BundleNumber(number),
        terms: Terms::default(),
        previous,
        commitment: content(0, payload).commitment(),
        expiry: Epoch(1000),
        seen,
    };
    Signed::sign(body, setup(2, 2).trust.deployment, &client_key(from))
}

fn submit(bundle: &Signed<Bundle>, payload: &[u8]) -> Input {
    let submission = Submission { bundle: bundle.to_unverified(), content: content(0, payload) };
    Input::Message(HANDLER, Message::Submit(submission))
}

fn receipts(sends: &[(ActorId, Message)]) -> Vec<Receipted> {
    let receipt = |(_, message): &(ActorId, Message)| match message {
        Message::Receipted(receipted) => Some(receipted.clone()),
        _ => None,
    };
    sends.iter().filter_map(receipt).collect()
}

fn refusals(sends: &[(ActorId, Message)]) -> Vec<Refusal> {
    let trust = setup(2, 2).trust;
    let refusal = |(_, message): &(ActorId, Message)| match message {
        Message::Refused(refusal, _) => Some((*refusal.clone().verify(&trust).unwrap()).clone()),
        _ => None,
    };
    sends.iter().filter_map(refusal).collect()
}

fn numbers(notices: &[Notice]) -> Vec<u64> {
    let number = |notice: &Notice| match notice {
        Notice::Appended { number, .. } => Some(number.0),
        _ => None,
    };
    notices.iter().filter_map(number).collect()
}

fn cut_by(seal: Option<(Citation, u64)>, epoch: u64, previous: Digest, base: u64, secret: ActorId) -> Signed<Cut> {
    let mut reached = vec![Reached::default(); 2];
    if let Some((seal, end)) = seal {
        reached[0] = Reached { seal: Some(seal), end: Position(end) };
    }
    let total = SequenceId(reached[0].end.0);
    let body = Cut {
        epoch: Epoch(epoch),
        terms: Terms::default(),
        previous,
        base: SequenceId(base),
        total,
        reached,
    };
    Signed::sign(body, setup(2, 2).trust.deployment, &signer_of(secret))
}

fn ordered(cut: &Signed<Cut>) -> Input {
    Input::Message(SEQUENCER, Message::Ordered(cut.to_unverified()))
}

fn queue() -> Bench {
    Bench::incoming(0, &setup(2, 2))
}

#[test]
fn incoming_holds_a_bundle_for_the_one_before_it() {
    let mut queue = queue();
    let first = bundle(0, 0, Digest::ZERO, b"a", None);
    let second = bundle(0, 1, first.digest(), b"b", None);
    let turn = queue.turn(T, vec![submit(&second, b"b")]);
    assert_eq!((numbers(&turn.notices), receipts(&turn.sends).len()), (vec![], 0));
    let turn = queue.turn(T, vec![submit(&first, b"a")]);
    assert_eq!((numbers(&turn.notices), receipts(&turn.sends).len()), (vec![0, 1], 2));
}

#[test]
fn incoming_gives_a_resubmission_the_same_receipt() {
    let mut queue = queue();
    let first = bundle(0, 0, Digest::ZERO, b"a", None);
    let given = receipts(&queue.turn(T, vec![submit(&first, b"a")]).sends);
    let again = queue.turn(T, vec![submit(&first, b"a")]);
    assert_eq!((numbers(&again.notices), receipts(&again.sends)), (vec![], given.clone()));
    queue.restart();
    let after = queue.turn(T, vec![submit(&first, b"a")]);
    assert_eq!(receipts(&after.sends), given, "and after a restart");
    let position = given[0].receipt.clone().verify(&setup(2, 2).trust).unwrap().position_of(&first.cite(), &given[0].opening);
    assert_eq!(position, Some(Position(0)));
}

#[test]
fn incoming_refuses_and_catches_an_equivocating_client() {
    for (restarted, at_once) in [(false, false), (true, false), (false, true)] {
        let mut queue = queue();
        let (one, two) = (bundle(0, 0, Digest::ZERO, b"a", None), bundle(0, 0, Digest::ZERO, b"b", None));
        let mut inputs = vec![submit(&one, b"a")];
        if !at_once {
            queue.turn(T, std::mem::take(&mut inputs));
        }
        if restarted {
            queue.restart();
        }
        inputs.push(submit(&two, b"b"));
        let turn = queue.turn(T, inputs);
        assert_eq!(refusals(&turn.sends)[0].reason, Reason::Equivocation { other: one.cite() });
        let evidence = caught(&turn.notices);
        let verdict = judge(&evidence[0], &setup(2, 2).trust);
        assert!(matches!(verdict, Verdict::Exposed { actor, .. } if actor == ActorId::Client(client(0))));
    }
}

/// Rule R10.
#[test]
fn incoming_holds_a_bundle_until_the_cut_that_it_cites_has_come() {
    let mut queue = queue();
    let cut = cut_by(None, 1, Digest::ZERO, 0, SEQUENCER);
    let citing = bundle(0, 0, Digest::ZERO, b"a", Some(cut.cite()));
    let turn = queue.turn(T, vec![submit(&citing, b"a")]);
    assert!(numbers(&turn.notices).is_empty() && receipts(&turn.sends).is_empty() && refusals(&turn.sends).is_empty());
    let turn = queue.turn(T.after(2_000_000), vec![ordered(&cut)]);
    assert_eq!((numbers(&turn.notices), receipts(&turn.sends).len()), (vec![0], 1));
    queue.turn(T, vec![Input::Message(SEQUENCER, Message::Subscribe(0))]);
    let seals: Vec<Seal> = seals(&mut queue, T.after(9_000_000));
    assert_eq!(seals.last().unwrap().seen, Some(cut.cite()), "the seal that takes it cites the cut");
}

/// All that a fresh subscriber gets.
fn seals(queue: &mut Bench, now: Time) -> Vec<Seal> {
    let turn = queue.turn(now, vec![Input::Message(SEQUENCER, Message::Subscribe(0))]);
    let trust = setup(2, 2).trust;
    let seal = |(_, message): &(ActorId, Message)| match message {
        Message::Sealed(seal) => Some((*seal.clone().verify(&trust).unwrap()).clone()),
        _ => None,
    };
    turn.sends.iter().filter_map(seal).collect()
}

#[test]
fn incoming_refuses_what_cites_another_or_a_forged_cut() {
    let mut queue = queue();
    let (known, forked) = (cut_by(None, 1, Digest::ZERO, 0, SEQUENCER), cut_by(None, 1, Digest::of(&[b"x"]), 0, SEQUENCER));
    queue.turn(T, vec![ordered(&known)]);
    let citing = bundle(0, 0, Digest::ZERO, b"a", Some(forked.cite()));
    let turn = queue.turn(T, vec![submit(&citing, b"a")]);
    assert_eq!(refusals(&turn.sends)[0].reason, Reason::ForkedCut { known: known.cite() });
    let forged = cut_by(None, 1, Digest::of(&[b"y"]), 0, mailbox(0));
    let citing = bundle(2, 0, Digest::ZERO, b"a", Some(forged.cite()));
    assert_eq!(refusals(&queue.turn(T, vec![submit(&citing, b"a")]).sends)[0].reason, Reason::Malformed);
}

#[test]
fn incoming_refuses_misrouted_malformed_gaping_and_expired_bundles() {
    let mut queue = queue();
    let mut reason = |bundle: &Signed<Bundle>, payload: &[u8]| {
        refusals(&queue.turn(T, vec![submit(bundle, payload)]).sends).pop().map(|refusal| refusal.reason)
    };
    assert_eq!(reason(&bundle(1, 0, Digest::ZERO, b"a", None), b"a"), Some(Reason::Misrouted));
    assert_eq!(reason(&bundle(0, 0, Digest::ZERO, b"a", None), b"b"), Some(Reason::Malformed));
    assert_eq!(reason(&bundle(0, 0, Digest::of(&[b"x"]), b"a", None), b"a"), Some(Reason::Malformed));
    let gap = Reason::Gap { next: BundleNumber(0) };
    assert_eq!(reason(&bundle(0, 64, Digest::ZERO, b"a", None), b"a"), Some(gap));
    let late = cut_by(None, 1001, Digest::ZERO, 0, SEQUENCER);
    queue.turn(T, vec![ordered(&late)]);
    let turn = queue.turn(T, vec![submit(&bundle(0, 0, Digest::ZERO, b"a", None), b"a")]);
    assert_eq!(refusals(&turn.sends)[0].reason, Reason::Expired { cut: late.cite() });
}

#[test]
fn incoming_takes_nothing_without_the_clients_signature() {
    let mut queue = queue();
    let body = (*bundle(0, 0, Digest::ZERO, b"a", None)).clone();
    let forged = Signed::sign(body, setup(2, 2).trust.deployment, &client_key(2));
    let turn = queue.turn(T, vec![submit(&forged, b"a"), submit(&bundle(2, 0, Digest::ZERO, b"b", None), b"b")]);
    assert_eq!(receipts(&turn.sends).len(), 1, "the other one of the batch is not harmed");
    assert!(turn.notices.iter().any(|notice| matches!(notice, Notice::Suspicious { .. })));
}

#[test]
fn incoming_with_a_full_queue_refuses_and_later_admits() {
    let client_signer = |from: usize| Modelled(client_key(from).public());
    let mut setup = setup(2, 2);
    setup.trust.verifier = std::sync::Arc::new(client_signer(0));
    let mut queue = Bench::incoming(0, &setup);
    let template = (*bundle(0, 0, Digest::ZERO, b"", None)).clone();
    let keys = [0, 2].map(client_signer);
    let sign = |from: usize, number, previous| {
        let client = ClientId(keys[from / 2].public());
        let body = Bundle { client, number: BundleNumber(number), previous, ..template.clone() };
        Signed::sign(body, setup.trust.deployment, &keys[from / 2])
    };
    let empty = content(0, b"");
    let (mut previous, mut numbers) = (Digest::ZERO, 0..server::actor::incoming::QUEUE_MAX as u64);
    let mut now = T;
    while !numbers.is_empty() {
        let turn: Vec<u64> = numbers.by_ref().take(64).collect();
        let inputs = turn.into_iter().map(|number| {
            let next = sign(0, number, previous);
            previous = next.digest();
            let submission = Submission { bundle: next.to_unverified(), content: empty.clone() };
            Input::Message(HANDLER, Message::Submit(submission))
        });
        now = now.after(2_000_000);
        queue.turn(now, inputs.collect());
    }
    let late = submit(&sign(2, 0, Digest::ZERO), b"");
    let refused = |sends: &[(ActorId, Message)]| {
        sends.iter().filter(|(_, message)| matches!(message, Message::Refused(..))).count()
    };
    let turn = queue.turn(now, vec![late.clone()]);
    assert_eq!((receipts(&turn.sends).len(), refused(&turn.sends)), (0, 1), "a refusal, signed");
    queue.turn(now, (0..2).map(|k| Input::Message(mailbox(k), Message::Have(500))).collect());
    let turn = queue.turn(now, vec![late]);
    assert_eq!((receipts(&turn.sends).len(), refused(&turn.sends)), (1, 0));
}

fn seal_of(index: u32, batch: u64, start: u64, end: u64, previous: Digest) -> Signed<Seal> {
    let body = Seal {
        incoming: index,
        batch: BatchNumber(batch),
        terms: Terms::default(),
        start: Position(start),
        end: Position(end),
        chain: Digest::ZERO,
        previous,
        leaves: Digest::ZERO,
        manifest: Digest::ZERO,
        content_bytes: 0,
        seen: None,
    };
    Signed::sign(body, setup(2, 2).trust.deployment, &signer_of(incoming(index)))
}

fn sealed(seal: &Signed<Seal>) -> Input {
    Input::Message(incoming(seal.incoming), Message::Sealed(seal.to_unverified()))
}

/// The cuts that a turn pushes to mailbox actor 0.
fn cuts(bench: &mut Bench, now: Time, inputs: Vec<Input>) -> Vec<Cut> {
    let turn = bench.turn(now, inputs);
    let cut = |(to, message): &(ActorId, Message)| match message {
        Message::Ordered(cut) if *to == mailbox(0) => Some((*cut.clone().verify(&setup(2, 2).trust).unwrap()).clone()),
        _ => None,
    };
    turn.sends.iter().filter_map(cut).collect()
}

fn sequencer() -> Bench {
    let mut bench = Bench::sequencer(&setup(2, 2));
    bench.turn(T, vec![Input::Message(mailbox(0), Message::Subscribe(1))]);
    bench
}

#[test]
fn a_late_incoming_actor_misses_a_cut_and_the_next_takes_all() {
    let mut bench = sequencer();
    let (a0, b0) = (seal_of(0, 0, 0, 3, Digest::ZERO), seal_of(1, 0, 0, 2, Digest::ZERO));
    let b1 = seal_of(1, 1, 2, 7, b0.digest());
    let first = cuts(&mut bench, T, vec![sealed(&a0)]).remove(0);
    assert_eq!((first.epoch, first.total, first.reached[1].seal), (Epoch(1), SequenceId(3), None));
    assert!(cuts(&mut bench, T, vec![sealed(&b0)]).is_empty(), "an epoch has its length");
    let second = cuts(&mut bench, T.after(1_000_000), vec![sealed(&b1)]).remove(0);
    assert_eq!((second.base, second.total), (SequenceId(3), SequenceId(10)));
    assert_eq!(second.reached[0].seal, Some(a0.cite()), "unchanged is explicit");
    assert_eq!(second.reached[1].seal, Some(b1.cite()));
}

#[test]
fn a_seal_that_does_not_extend_is_ignored() {
    let mut bench = sequencer();
    let a0 = seal_of(0, 0, 0, 3, Digest::ZERO);
    cuts(&mut bench, T, vec![sealed(&a0)]);
    let wrong = [
        seal_of(0, 2, 3, 4, a0.digest()),
        seal_of(0, 1, 4, 5, a0.digest()),
        seal_of(0, 1, 3, 4, Digest::ZERO),
        seal_of(0, 0, 0, 9, Digest::ZERO),
    ];
    let mut inputs: Vec<Input> = wrong.iter().map(sealed).collect();
    inputs.push(Input::Message(incoming(1), Message::Sealed(seal_of(0, 1, 3, 4, a0.digest()).to_unverified())));
    let next = cuts(&mut bench, T.after(10_000_000), inputs).remove(0);
    assert_eq!((next.reached[0].seal, next.total), (Some(a0.cite()), SequenceId(3)), "a heartbeat, without news");
}

#[test]
fn a_silent_deployment_still_has_cuts_and_attestations() {
    let mut world = World::new(2, 2, 1);
    world.connect_all();
    world.run_for(100);
    let attested = |world: &World| world.benches[&mailbox(1)].signed.keys().map(|(_, slot)| *slot).max().unwrap();
    assert!((5..40).contains(&attested(&world)), "{}", attested(&world));
}

#[test]
fn a_client_has_a_bounded_window_and_everything_arrives_in_order() {
    let mut world = World::new(1, 1, 2);
    let most = std::sync::Arc::new(std::sync::Mutex::new((0u64, 0u64)));
    let seen = most.clone();
    world.tamper = Some(Box::new(move |_, to, message| {
        let mut seen = seen.lock().unwrap();
        match &message {
            Message::Submit(submission) if to == HANDLER => {
                let ahead = submission.bundle.claimed_slot() + 1 - seen.1;
                seen.0 = seen.0.max(ahead);
            }
            Message::Receipted(receipted) if to != HANDLER => seen.1 = seen.1.max(receipted.number.0 + 1),
            _ => {}
        }
        Some(message)
    }));
    world.connect_all();
    (0..300).for_each(|token| world.submit(0, token, &token.to_be_bytes(), &[1]));
    world.run_until("300 deliveries", 2000, |world| world.delivered(1).len() == 300);
    assert_eq!(most.lock().unwrap().0, server::actor::incoming::IN_FLIGHT_MAX);
    let numbers: Vec<u64> = world.delivered(1).values().map(|(_, _, number)| *number).collect();
    assert!(numbers.iter().copied().eq(0..300), "FIFO, gap-free, exactly once");
}

#[test]
fn an_ack_lets_the_mailbox_actor_delete_only_so_far() {
    let mut world = World::new(1, 1, 2);
    let reader = ActorId::Client(client(1));
    world.tamper = Some(Box::new(|_, _, message| match message {
        Message::Acknowledged(_) => None,
        other => Some(other),
    }));
    world.connect_all();
    for token in 0..3 {
        world.submit(0, token, b"x", &[1]);
        world.run_until("delivered", 500, |world| world.delivered(1).len() as u64 == token + 1);
    }
    let kept = |world: &World| world.benches[&mailbox(0)].rows.keys().filter(|key| key[0] == 4).count();
    assert_eq!(kept(&world), 3, "nothing is acknowledged");
    // the second ack arrives, the third never does
    let acks: Vec<Vec<u8>> = world.benches[&reader].signed.iter().filter(|((kind, _), _)| kind.name() == "ack").map(|(_, bytes)| bytes.clone()).collect();
    let (body, signature) = acks[1].split_at(acks[1].len() - 64);
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend([body, signature].concat());
    let ack: Unverified<server::protocol::ack::Ack> = server::protocol::codec::Decode::from_bytes(&bytes).unwrap();
    world.turn(mailbox(0), vec![Input::Message(reader, Message::Acknowledged(ack.clone()))]);
    assert_eq!(kept(&world), 1);
    world.turn(mailbox(0), vec![Input::Message(reader, Message::Acknowledged(ack))]);
    assert_eq!(kept(&world), 1, "and once is as good as twice");
    world.disconnect(reader);
    world.benches.get_mut(&mailbox(0)).unwrap().restart();
    assert_eq!(kept(&world), 1);
    assert_eq!(world.delivered(1).keys().copied().max(), Some(Count(3)));
}

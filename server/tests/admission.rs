//! Admission: what an incoming actor takes into its queue, holds for its turn, or refuses, one behaviour a test.
//!
//! The actor is driven by hand, with bundles and cuts signed by the keys of its peers.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use server::{
    actor::{Input, Notice},
    port::Time,
    protocol::{
        bundle::{Bundle, Content, Envelope, Submission},
        crypto::Signer,
        cut::{Cut, Reached},
        digest::Digest,
        id::{ActorId, BundleNumber, ClientId, Epoch, Position, SequenceId},
        judge::{Verdict, judge},
        message::Message,
        receipt::Receipted,
        refusal::{Reason, Refusal},
        seal::Seal,
        statement::{Citation, Signed, Terms},
    },
};
use support::{
    Bench, HANDLER, Modelled, SEQUENCER, caught, client, client_key, custody, mailbox, setup, signer_of,
};

const T: Time = Time(1_000_000_000);

fn content(to: usize, payload: &[u8]) -> Content {
    let envelope = Envelope { recipient: client(to), salt: [7; 16], ciphertext: vec![1, 2, 3] };
    Content::new(payload.to_vec(), vec![envelope])
}

/// A bundle of client `from`, as its client would sign it.
fn bundle(
    from: usize,
    number: u64,
    previous: Digest,
    payload: &[u8],
    seen: Option<Citation>,
) -> Signed<Bundle> {
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

fn cut_by(
    seal: Option<(Citation, u64)>,
    epoch: u64,
    previous: Digest,
    base: u64,
    secret: ActorId,
) -> Signed<Cut> {
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
    let position = given[0]
        .receipt
        .clone()
        .verify(&setup(2, 2).trust)
        .unwrap()
        .position_of(&first.cite(), &given[0].opening);
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
    assert!(
        numbers(&turn.notices).is_empty()
            && receipts(&turn.sends).is_empty()
            && refusals(&turn.sends).is_empty()
    );
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
    let (known, forked) =
        (cut_by(None, 1, Digest::ZERO, 0, SEQUENCER), cut_by(None, 1, Digest::of(&[b"x"]), 0, SEQUENCER));
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
    // what was mangled on the way is no word of the client's: it is dropped, and its bundle is not refused
    assert_eq!(reason(&bundle(0, 0, Digest::ZERO, b"a", None), b"b"), None);
    assert_eq!(reason(&bundle(0, 0, Digest::of(&[b"x"]), b"a", None), b"a"), Some(Reason::Malformed));
    let gap = Reason::Gap { next: BundleNumber(0) };
    assert_eq!(reason(&bundle(0, 64, Digest::ZERO, b"a", None), b"a"), Some(gap));
    // a cut that follows none that it knows tells it nothing
    queue.turn(T, vec![ordered(&cut_by(None, 1001, Digest::ZERO, 0, SEQUENCER))]);
    let mut late = cut_by(None, 1, Digest::ZERO, 0, SEQUENCER);
    queue.turn(T, vec![ordered(&late)]);
    for epoch in 2..=1001 {
        late = cut_by(None, epoch, late.digest(), 0, SEQUENCER);
        queue.turn(T, vec![ordered(&late)]);
    }
    let turn = queue.turn(T, vec![submit(&bundle(0, 0, Digest::ZERO, b"a", None), b"a")]);
    assert_eq!(refusals(&turn.sends)[0].reason, Reason::Expired { cut: late.cite() });
}

#[test]
fn incoming_takes_nothing_without_the_clients_signature() {
    let mut queue = queue();
    let body = (*bundle(0, 0, Digest::ZERO, b"a", None)).clone();
    let forged = Signed::sign(body, setup(2, 2).trust.deployment, &client_key(2));
    let turn =
        queue.turn(T, vec![submit(&forged, b"a"), submit(&bundle(2, 0, Digest::ZERO, b"b", None), b"b")]);
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
    let modelled = |actor: ActorId| Box::new(Modelled(signer_of(actor).public())) as Box<dyn Signer>;
    queue.turn(now, custody(&setup, modelled, 500));
    let turn = queue.turn(now, vec![late]);
    assert_eq!((receipts(&turn.sends).len(), refused(&turn.sends)), (1, 0));
}

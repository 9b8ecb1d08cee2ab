//! The rest of the pipeline, one behaviour a test: cuts, heartbeats, the client's window, acknowledgements.
//!
//! The sequencer is driven by hand with signed seals; what needs all actors runs in a [`World`].

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use server::{
    actor::Input,
    port::Time,
    protocol::{
        cut::Cut,
        digest::Digest,
        id::{ActorId, BatchNumber, Count, Epoch, Position, SequenceId},
        message::Message,
        seal::Seal,
        statement::{Signed, Terms, Unverified},
    },
};
use support::{Bench, HANDLER, World, client, incoming, mailbox, setup, signer_of};

const T: Time = Time(1_000_000_000);

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
        Message::Ordered(cut) if *to == mailbox(0) => {
            Some((*cut.clone().verify(&setup(2, 2).trust).unwrap()).clone())
        }
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
    assert_eq!((first.epoch, first.total, first.reached[1].seal.clone()), (Epoch(1), SequenceId(3), None));
    assert!(cuts(&mut bench, T, vec![sealed(&b0)]).is_empty(), "an epoch has its length");
    let second = cuts(&mut bench, T.after(1_000_000), vec![sealed(&b1)]).remove(0);
    assert_eq!((second.base, second.total), (SequenceId(3), SequenceId(10)));
    assert_eq!(second.reached[0].seal, Some(a0.cite()), "unchanged is explicit");
    assert_eq!(second.reached[1].seal, Some(b1.cite()));
}

#[test]
fn a_cut_waits_for_nobody_once_all_have_sealed() {
    let mut bench = sequencer();
    let (a0, b0) = (seal_of(0, 0, 0, 3, Digest::ZERO), seal_of(1, 0, 0, 2, Digest::ZERO));
    let (a1, b1) = (seal_of(0, 1, 3, 4, a0.digest()), seal_of(1, 1, 2, 7, b0.digest()));
    assert_eq!(cuts(&mut bench, T, vec![sealed(&a0), sealed(&b0)]).len(), 1);
    assert!(cuts(&mut bench, T.after(600_000), vec![sealed(&a1)]).is_empty(), "one is missing");
    let next = cuts(&mut bench, T.after(700_000), vec![sealed(&b1)]).remove(0);
    assert_eq!((next.base, next.total), (SequenceId(5), SequenceId(11)));
    let (a2, b2) = (seal_of(0, 2, 4, 5, a1.digest()), seal_of(1, 2, 7, 8, b1.digest()));
    let early = cuts(&mut bench, T.after(1_100_000), vec![sealed(&a2), sealed(&b2)]);
    assert!(early.is_empty(), "half an epoch is the least: who seals all the time makes no more cuts");
    assert_eq!(cuts(&mut bench, T.after(1_200_000), Vec::new()).len(), 1);
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
    inputs
        .push(Input::Message(incoming(1), Message::Sealed(seal_of(0, 1, 3, 4, a0.digest()).to_unverified())));
    let next = cuts(&mut bench, T.after(10_000_000), inputs).remove(0);
    assert_eq!(
        (next.reached[0].seal.clone(), next.total),
        (Some(a0.cite()), SequenceId(3)),
        "a heartbeat, without news"
    );
}

#[test]
fn a_silent_deployment_still_has_cuts_and_attestations() {
    let mut world = World::new(2, 2, 1);
    world.connect_all();
    world.run_for(100);
    let attested =
        |world: &World| world.benches[&mailbox(1)].signed.keys().map(|(_, slot)| *slot).max().unwrap();
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
    let acks: Vec<Vec<u8>> = world.benches[&reader]
        .signed
        .iter()
        .filter(|((kind, _), _)| kind.name() == "ack")
        .map(|(_, bytes)| bytes.clone())
        .collect();
    let ack: Unverified<server::protocol::ack::Ack> =
        server::protocol::codec::Decode::from_bytes(&acks[1]).unwrap();
    world.turn(mailbox(0), vec![Input::Message(reader, Message::Acknowledged(ack.clone()))]);
    assert_eq!(kept(&world), 1);
    world.turn(mailbox(0), vec![Input::Message(reader, Message::Acknowledged(ack))]);
    assert_eq!(kept(&world), 1, "and once is as good as twice");
    world.disconnect(reader);
    world.benches.get_mut(&mailbox(0)).unwrap().restart();
    assert_eq!(kept(&world), 1);
    assert_eq!(world.delivered(1).keys().copied().max(), Some(Count(3)));
}

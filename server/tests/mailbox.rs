//! The mailbox actor: attests only with every cited batch in hand, and only batches that open to their seals.
//!
//! What a mailbox actor gets in an honest run is recorded; a fresh one is then given the same with one thing
//! changed, missing or in another order.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::sync::{Arc, Mutex};

use server::{
    actor::Input,
    port::Time,
    protocol::{
        batch::Batch,
        codec::{Decode, Encode},
        digest::Digest,
        id::{ActorId, Count, Epoch, Role},
        merkle::Opening,
        message::{Delivery, Message},
        statement::Kind,
    },
};
use support::{Bench, SEQUENCER, World, client, incoming, mailbox, setup};

/// What mailbox actor 0 got in a run of several epochs, and the attestations that it signed.
struct Recording {
    inputs: Vec<(ActorId, Message)>,
    attestations: Vec<Digest>,
}

/// The digests of its attestations, by epoch.
fn attestations(bench: &Bench) -> Vec<Digest> {
    let attested = bench.signed.iter().filter(|((kind, _), _)| *kind == Kind::Attestation);
    attested.map(|(_, bytes)| Digest::of(&[bytes])).collect()
}

fn recording() -> Recording {
    recorded(&mut |world| {
        for round in 0..4 {
            (0..4).for_each(|from| world.submit(from, round, &[from as u8], &[0, 1, 2]));
            world.run_for(3);
        }
    })
}

/// The same of a run in which client 0 is sent so many bundles with this payload, one an epoch.
fn recording_of(bundles: u64, payload: &[u8]) -> Recording {
    recorded(&mut |world| {
        for token in 0..bundles {
            world.submit(1, token, payload, &[0]);
            world.run_for(3);
        }
    })
}

fn recorded(run: &mut dyn FnMut(&mut World)) -> Recording {
    let mut world = World::new(2, 2, 4);
    let inputs = Arc::new(Mutex::new(Vec::new()));
    let kept = inputs.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        if to == mailbox(0) && matches!(message, Message::Batch(_) | Message::Ordered(_)) {
            kept.lock().unwrap().push((from, message.clone()));
        }
        // what is acknowledged is attested too, and would have to be replayed at its time
        (!matches!(message, Message::Acknowledged(_))).then_some(message)
    }));
    world.connect_all();
    run(&mut world);
    let inputs = std::mem::take(&mut *inputs.lock().unwrap());
    Recording { inputs, attestations: attestations(&world.benches[&mailbox(0)]) }
}

/// Gives a fresh mailbox actor these inputs, one a turn.
fn replay<'a>(inputs: impl IntoIterator<Item = &'a (ActorId, Message)>) -> Bench {
    let mut bench = Bench::mailbox(0, &setup(2, 2));
    for (from, message) in inputs {
        bench.turn(Time(1), vec![Input::Message(*from, message.clone())]);
    }
    bench
}

/// The recorded batch that has the most in it, and its place.
fn richest(recording: &Recording) -> (usize, Batch) {
    let batches = recording.inputs.iter().enumerate().filter_map(|(at, (_, message))| match message {
        Message::Batch(batch) => Some((at, (**batch).clone())),
        _ => None,
    });
    batches.max_by_key(|(at, batch)| (batch.parcels.len(), *at)).unwrap()
}

#[test]
fn a_mailbox_is_a_pure_function_of_cuts_and_batches_in_any_interleaving() {
    let recording = recording();
    assert!(recording.attestations.len() > 5);
    assert_eq!(attestations(&replay(&recording.inputs)), recording.attestations);
    let of = |who: ActorId| recording.inputs.iter().filter(move |(from, _)| *from == who);
    let orders = [
        [SEQUENCER, incoming(0), incoming(1)],
        [incoming(1), SEQUENCER, incoming(0)],
        [incoming(0), incoming(1), SEQUENCER],
    ];
    for order in orders {
        let inputs = order.into_iter().flat_map(of);
        assert_eq!(attestations(&replay(inputs)), recording.attestations, "{order:?}");
    }
    // all in one turn
    let mut bench = Bench::mailbox(0, &setup(2, 2));
    bench.turn(
        Time(1),
        recording.inputs.iter().map(|(from, message)| Input::Message(*from, message.clone())).collect(),
    );
    assert_eq!(attestations(&bench), recording.attestations);
}

/// Whether the last recorded cut takes a batch.
fn taken(recording: &Recording, from: ActorId, batch: &Batch) -> bool {
    let cuts = recording.inputs.iter().rev().filter_map(|(_, message)| match message {
        Message::Ordered(cut) => cut.clone().verify(&setup(2, 2).trust).ok(),
        _ => None,
    });
    let reached =
        &cuts.max_by_key(|cut| cut.epoch).unwrap().reached[from.index_of(Role::Incoming).unwrap() as usize];
    reached.seal.as_ref().is_some_and(|seal| seal.slot >= batch.seal.claimed_slot())
}

/// Rule R10.
#[test]
fn mailbox_waits_for_every_cited_seal() {
    let recording = recording();
    for (missing, (from, message)) in recording.inputs.iter().enumerate() {
        let Message::Batch(batch) = message else { continue };
        if !taken(&recording, *from, batch) {
            continue;
        }
        let others =
            recording.inputs.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, input)| input);
        let attested = attestations(&replay(others));
        assert!(
            attested.len() < recording.attestations.len() && recording.attestations.starts_with(&attested)
        );
        // the sender is asked for it when the connection comes up again, and then the rest follows
        let mut bench = replay(recording.inputs[..missing].iter());
        let asked = bench.turn(Time(1), vec![Input::Connected(*from)]).sends;
        assert_eq!(asked, [(*from, Message::Subscribe(batch.seal.claimed_slot()))]);
        recording.inputs[missing..].iter().for_each(|(from, message)| {
            bench.turn(Time(1), vec![Input::Message(*from, message.clone())]);
        });
        assert_eq!(attestations(&bench), recording.attestations);
    }
}

#[test]
fn a_batch_with_any_changed_byte_is_not_attested() {
    let recording = recording();
    let (at, batch) = richest(&recording);
    let full = replay(&recording.inputs[..]);
    assert!(batch.parcels.len() >= 2 && attestations(&full) == recording.attestations);
    let from = recording.inputs[at].0;
    let honest = attestations(&replay(
        recording.inputs.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, input)| input),
    ));
    let bytes = batch.to_bytes();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        let Ok(changed) = Batch::from_bytes(&changed) else { continue };
        let mut inputs = recording.inputs.clone();
        inputs[at] = (from, Message::Batch(Box::new(changed)));
        assert_eq!(attestations(&replay(&inputs)), honest, "byte {place} of {}", bytes.len());
    }
}

/// The same tree, with nothing opened: `size(8) ‖ no leaves ‖ one node`.
fn hidden(leaves: &Opening) -> Opening {
    let root = leaves.root().unwrap();
    let bytes = [&leaves.size().to_be_bytes()[..], &[0; 4], &[0, 0, 0, 1], &root.0].concat();
    Opening::from_bytes(&bytes).unwrap()
}

#[test]
fn a_batch_with_any_part_missing_or_exchanged_is_not_attested() {
    let recording = recording();
    let (at, batch) = richest(&recording);
    let other = recording.inputs.iter().find_map(|(from, message)| match message {
        Message::Batch(other)
            if *from == recording.inputs[at].0 && other.seal != batch.seal && !other.parcels.is_empty() =>
        {
            Some((**other).clone())
        }
        _ => None,
    });
    let other = other.expect("the incoming actor sealed several runs");
    let without = attestations(&replay(
        recording.inputs.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, input)| input),
    ));
    let change = |what: &str, change: &dyn Fn(&mut Batch)| {
        let mut changed = batch.clone();
        change(&mut changed);
        let mut inputs = recording.inputs.clone();
        inputs[at].1 = Message::Batch(Box::new(changed));
        assert_eq!(attestations(&replay(&inputs)), without, "{what}");
    };
    change("seal of another batch", &|batch| batch.seal = other.seal.clone());
    change("manifest of another batch", &|batch| batch.manifest = other.manifest.clone());
    change("leaves of another batch", &|batch| batch.leaves = other.leaves.clone());
    change("parcels of another batch", &|batch| batch.parcels = other.parcels.clone());
    change("no parcels", &|batch| batch.parcels.clear());
    change("hidden manifest", &|batch| {
        batch.manifest = server::protocol::map::Pruned::Hidden(batch.manifest.root())
    });
    change("hidden leaves", &|batch| batch.leaves = hidden(&batch.leaves));
    for i in 0..batch.parcels.len() {
        change("a parcel less", &|batch| drop(batch.parcels.remove(i)));
        change("another payload", &|batch| batch.parcels[i].payload.push(0));
        change("no envelope", &|batch| drop(batch.parcels[i].envelopes.remove(0)));
        change("an envelope of another", &|batch| {
            let j = (i + 1) % batch.parcels.len();
            batch.parcels[i].envelopes = batch.parcels[j].envelopes.clone();
        });
        change("positions exchanged", &|batch| {
            let j = (i + 1) % batch.parcels.len();
            let (a, b) = (batch.parcels[i].position, batch.parcels[j].position);
            (batch.parcels[i].position, batch.parcels[j].position) = (b, a);
        });
    }
    let mut inputs = recording.inputs.clone();
    inputs[at].0 = incoming(1 - inputs[at].0.index_of(Role::Incoming).unwrap());
    assert_eq!(attestations(&replay(&inputs)), without, "from another actor");
}

/// What a fresh mailbox actor with this recording tells client 0, who says so many times in one step that it holds nothing.
fn told(recording: &Recording, reads: usize) -> Vec<Delivery> {
    let mut bench = replay(&recording.inputs);
    let reader = ActorId::Client(client(0));
    let read = || Input::Message(reader, Message::Read { held: Count(0), epoch: Epoch(0) });
    let turn = bench.turn(Time(2), (0..reads).map(|_| read()).collect());
    let to_reader = turn.sends.into_iter().filter(|(to, _)| *to == reader);
    let delivery =
        |(_, message)| if let Message::Delivery(delivery) = message { Some(*delivery) } else { None };
    to_reader.filter_map(delivery).collect()
}

#[test]
fn of_many_reads_in_one_step_one_is_answered() {
    let recording = recording();
    let once = told(&recording, 1);
    assert!(once.len() > 2);
    assert_eq!(told(&recording, 10), once);
}

/// Ten bundles of a MiB wait for a client: it is not sent all of them before it holds some.
#[test]
fn no_more_than_some_bytes_are_on_the_way_to_a_client() {
    let recording = recording_of(10, &[7; 1 << 20]);
    let sent = told(&recording, 1);
    let bundles: usize = sent.iter().map(|delivery| delivery.parcels.len()).sum();
    assert_eq!(bundles, 8);
    // it goes on from there
    let mut bench = replay(&recording.inputs);
    let held = sent.last().unwrap().attestation.claimed_slot();
    let reader = ActorId::Client(client(0));
    let read = Message::Read { held: Count(8), epoch: Epoch(held) };
    let turn = bench.turn(Time(2), vec![Input::Message(reader, read)]);
    let left = turn.sends.iter().map(|(_, message)| match message {
        Message::Delivery(delivery) => delivery.parcels.len(),
        _ => 0,
    });
    assert_eq!(left.sum::<usize>(), 2);
}

//! A deployment that goes on after a key was revoked: what its thief does with it, and has done, harms nobody else.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::{Actor, Setup, incoming::Incoming, mailbox::Mailbox, step::row},
    protocol::{
        batch::Batch,
        board::Exhibit,
        codec::Encode,
        crypto::Signer as _,
        cut::Reached,
        digest::Digest,
        id::{ActorId, BatchNumber, Position, Role},
        map::Map,
        merkle::Tree,
        message::Message,
        roster::{keys::Bounds, succession::Change},
        seal::{Manifest, Seal},
        statement::{Citation, Kind, Signed, Terms, Trust, preimage},
    },
};
use support::{Bench, SEQUENCER, World, incoming, mailbox, signer, signer_of, witness};

/// Two clients; the first key of this actor is revoked, with all that it has signed.
fn world(owner: ActorId) -> World {
    let mut world = World::watched(1, 1, 2);
    let next = signer("again");
    let bounds = Bounds { cosigned: vec![0], ..Bounds::default() };
    let changes = [
        Change::Rotate { actor: owner, key: next.public() },
        Change::Revoke { actor: owner, number: 0, bounds },
    ];
    let Trust { roster, verifier, deployment, .. } = world.setup.trust.clone();
    let trust = Trust::new(roster.successor(changes).unwrap(), verifier);
    let setup = Setup { trust, ..world.setup.clone() };
    world.setup = setup.clone();
    let rest = [Bench::handler(&setup), Bench::sequencer(&setup), Bench::witness(0, &setup)];
    let clients = [0, 1].map(|index| Bench::client(index, &setup));
    let others = [Bench::incoming(0, &setup), Bench::mailbox(0, &setup)];
    rest.into_iter().chain(clients).chain(others).for_each(|bench| world.replace(bench));
    let build = move |recovered| -> Box<dyn Actor> {
        match owner.role() {
            Role::Incoming => Box::new(Incoming::recover(0, setup.clone(), recovered).unwrap()),
            _ => Box::new(Mailbox::recover(0, setup.clone(), recovered).unwrap()),
        }
    };
    world.replace(Bench::new(owner, next, deployment, Box::new(build)));
    world
}

/// An empty run of incoming actor 0, signed with the stolen key.
fn stolen(trust: &Trust, batch: u64, end: Position, previous: Digest) -> Signed<Seal> {
    let seal = Seal {
        incoming: 0,
        batch: BatchNumber(batch),
        terms: Terms::default(),
        start: end,
        end,
        chain: Digest::ZERO,
        previous,
        leaves: Tree::new(Vec::new()).root(),
        manifest: Manifest::default().root(),
        content_bytes: 0,
        seen: None,
    };
    let seal = Signed::sign(seal, trust.deployment, &signer_of(incoming(0)));
    assert!(seal.to_unverified().verify(trust).is_err(), "its key is revoked");
    seal
}

fn write(world: &mut World) {
    for token in 0..5 {
        world.submit(0, token, b"0", &[0, 1]);
        world.run_for(12);
    }
    world.run_for(600);
}

#[test]
fn what_a_thief_attested_does_not_hide_that_a_run_is_withheld() {
    for theft in [false, true] {
        let mut world = world(mailbox(0));
        if theft {
            // the witness had seen it before the revocation
            let (kind, slot, digest) = (Kind::Attestation, 12, Digest::of(&[b"the thief's"]));
            let text = preimage(world.setup.trust.deployment, kind, mailbox(0), slot, digest);
            let signature = signer_of(mailbox(0)).sign(&text);
            let head = Citation { kind, actor: mailbox(0), slot, digest, endorsement: signature.into() };
            assert!(!head.verify(&world.setup.trust));
            let key = [&[kind as u8][..], &mailbox(0).to_bytes(), &slot.to_be_bytes()].concat();
            let bench = world.benches.get_mut(&witness(0)).unwrap();
            bench.rows.insert(row(1, &key), head.to_bytes());
            bench.restart();
        }
        let mut newest = 0;
        world.tamper = Some(Box::new(move |from, to, message| {
            if let Message::Ordered(cut) = &message {
                newest = newest.max(cut.claimed_slot());
            }
            let withheld = (from, to) == (incoming(0), mailbox(0)) && newest >= 4;
            let silent = (from, to) == (incoming(0), witness(0)) && matches!(message, Message::Answered(_));
            (!withheld && !silent).then_some(message)
        }));
        world.connect_all();
        write(&mut world);
        let suspected = world.suspected();
        assert!(suspected.contains(&(incoming(0), "batch")), "theft {theft}: {suspected:?}");
        assert!(!suspected.contains(&(mailbox(0), "attest")), "theft {theft}: {suspected:?}");
    }
}

#[test]
fn a_thief_and_a_lying_witness_do_not_stop_a_mailbox_actor() {
    let mut world = world(incoming(0));
    let trust = world.setup.trust.clone();
    let cut_off = Arc::new(Mutex::new(false));
    let (off, attested, fooled) =
        (cut_off.clone(), Arc::new(Mutex::new((0, 0))), Arc::new(Mutex::new(false)));
    let (told, done, mut seals) = (attested.clone(), fooled.clone(), BTreeMap::new());
    world.tamper = Some(Box::new(move |from, to, message| match message {
        Message::Sealed(seal) => {
            seals.insert(seal.claimed_slot(), seal.clone());
            Some(Message::Sealed(seal))
        }
        Message::Attested(attestation) => {
            told.lock().unwrap().0 = attestation.claimed_slot();
            Some(Message::Attested(attestation))
        }
        Message::Ordered(cut) => {
            told.lock().unwrap().1 = cut.claimed_slot();
            Some(Message::Ordered(cut))
        }
        Message::Batch(_) if (from, to) == (incoming(0), mailbox(0)) && *off.lock().unwrap() => None,
        Message::Answered(mut answered) if to == mailbox(0) && !*done.lock().unwrap() => {
            if let Exhibit::Batch(honest) = &answered.exhibit {
                *done.lock().unwrap() = true;
                let slot = honest.seal.claimed_slot();
                let before = seals[&(slot - 1)].clone().verify(&trust).unwrap();
                let mut manifest: Manifest = Map::default();
                answered.exhibit = Exhibit::Batch(Batch {
                    seal: stolen(&trust, slot, before.end, before.digest()).to_unverified(),
                    manifest: manifest.prune_to_range(trust.roster.hosted_by(0)),
                    leaves: Tree::new(Vec::new()).open(&[]),
                    parcels: Vec::new(),
                });
            }
            Some(Message::Answered(answered))
        }
        other => Some(other),
    }));
    world.connect_all();
    world.submit(0, 0, b"0", &[0, 1]);
    world.run_for(60);
    *cut_off.lock().unwrap() = true;
    world.disconnect(SEQUENCER);
    for token in 1..4 {
        world.submit(0, token, b"0", &[0, 1]);
        world.run_for(12);
    }
    world.reconnect(SEQUENCER);
    world.run_for(6);
    *cut_off.lock().unwrap() = false;
    world.run_for(600);
    assert!(*fooled.lock().unwrap(), "the thief's run was handed over");
    let (attested, cut) = *attested.lock().unwrap();
    assert!(
        attested + 3 > cut,
        "{attested} of {cut} epochs are attested; suspected: {:?}",
        world.suspected()
    );
    assert!(!world.open().values().any(|(target, _)| *target == mailbox(0)), "{:?}", world.open());
}

/// It stays ordered: whoever lacks it waits for it in public, and it is the owner of the key who owes it.
#[test]
fn a_run_of_a_thief_that_was_ordered_is_owed_by_the_owner_of_the_key() {
    let mut world = world(incoming(0));
    let seal = stolen(&world.setup.trust, 0, Position(0), Digest::ZERO);
    let reached = Reached { seal: Some(seal.cite()), end: Position(0) };
    let sequencer = world.benches.get_mut(&SEQUENCER).unwrap();
    sequencer.rows.insert(row(1, &0u32.to_be_bytes()), reached.to_bytes());
    sequencer.restart();
    world.connect_all();
    write(&mut world);
    let suspected = world.suspected();
    assert!(suspected.contains(&(incoming(0), "batch")), "{suspected:?}");
    assert!(suspected.iter().all(|(target, _)| *target != mailbox(0)), "{suspected:?}");
}

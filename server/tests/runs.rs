//! Runs: bundles that a client hands in together and signs once. Each is as good as one that is signed alone.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::Input,
    protocol::{
        bundle::{Bundle, Content, Envelope},
        codec::{Decode, Encode},
        crypto::Signer,
        digest::Digest,
        endorsement::RUN_MAX,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Epoch},
        judge::{Verdict, judge},
        message::Message,
        predicate::equivocation::Equivocation,
        statement::{Citation, Kind, Signed, Terms, Trust, Unverified},
    },
};
use support::{Boundary, HANDLER, World, client, client_key, draught, trust};

fn bundle(number: u64, text: &[u8]) -> Bundle {
    let envelope = Envelope { recipient: client(1), salt: [1; 16], ciphertext: text.to_vec() };
    let content = Content::new(Vec::new(), vec![envelope]);
    Bundle {
        client: client(0),
        number: BundleNumber(number),
        terms: Terms::default(),
        previous: Digest::of(&[&number.to_be_bytes()]),
        commitment: content.commitment(),
        expiry: Epoch(u64::MAX),
        seen: None,
    }
}

/// Signs bundles together; and how many signatures that took.
fn run(bundles: Vec<Bundle>, signer: &dyn Signer, trust: &Trust) -> (Vec<Signed<Bundle>>, u64) {
    let signed = Signed::sign_together(bundles, trust.deployment, signer);
    let mut signatures: Vec<_> = signed.iter().map(|one| one.cite().endorsement.signature().0).collect();
    signatures.dedup();
    (signed, signatures.len() as u64)
}

fn numbered(numbers: std::ops::Range<u64>, text: &[u8]) -> Vec<Bundle> {
    numbers.map(|number| bundle(number, text)).collect()
}

fn exposed(first: &Citation, second: &Citation, trust: &Trust) -> Option<ActorId> {
    let evidence = Equivocation { first: first.clone(), second: second.clone() };
    let bytes = Evidence::from(evidence).to_bytes();
    match judge(&Evidence::from_bytes(&bytes).unwrap(), trust) {
        Verdict::Exposed { actor, .. } => Some(actor),
        Verdict::NotProven(_) => None,
    }
}

#[test]
fn each_bundle_of_a_run_is_believed_without_the_others() {
    let trust = trust(1, 1);
    for size in [1, 2, 3, 7, 8, 100, RUN_MAX as u64, RUN_MAX as u64 + 5] {
        let (signed, signatures) = run(numbered(0..size, b"x"), &client_key(0), &trust);
        assert_eq!(signatures, size.div_ceil(RUN_MAX as u64), "{size}");
        let read = |one: &Signed<Bundle>| Unverified::from_bytes(&one.to_unverified().to_bytes()).unwrap();
        let unverified: Vec<Unverified<Bundle>> = signed.iter().map(read).collect();
        assert_eq!(Unverified::signatures(unverified.iter()), signatures);
        for (one, signed) in unverified.iter().zip(&signed) {
            assert_eq!(one.clone().verify(&trust).as_ref(), Ok(signed));
            let cited = Citation::from_bytes(&signed.cite().to_bytes()).unwrap();
            assert!(cited == signed.cite() && cited.verify(&trust));
        }
        assert!(Unverified::verify_all(unverified, &trust).iter().all(Result::is_ok));
    }
}

#[test]
fn a_run_says_nothing_about_what_is_not_in_it() {
    let trust = trust(1, 1);
    let (signed, _) = run(numbered(0..5, b"x"), &client_key(0), &trust);
    let (others, _) = run(numbered(0..5, b"y"), &client_key(0), &trust);
    let alone = Signed::sign(bundle(2, b"x"), trust.deployment, &client_key(0)).cite();
    let (two, three) = (signed[2].cite(), signed[3].cite());
    for forged in [
        // the way of another bundle of the run, of another run, and none
        Citation { endorsement: three.endorsement.clone(), ..two.clone() },
        Citation { endorsement: others[2].cite().endorsement, ..two.clone() },
        Citation { endorsement: two.endorsement.signature().into(), ..two.clone() },
        Citation { endorsement: two.endorsement.clone(), ..alone.clone() }.with_slot(3),
        Citation { digest: three.digest, ..two.clone() },
        Citation { actor: ActorId::Client(client(1)), ..two.clone() },
    ] {
        assert!(!forged.verify(&trust), "{forged:?}");
        assert_eq!(exposed(&forged, &others[2].cite(), &trust), None);
    }
    let (thief, _) = run(numbered(0..5, b"x"), &client_key(1), &trust);
    assert!(thief.iter().all(|one| !one.cite().verify(&trust)));
}

/// The same statement about another slot.
trait WithSlot {
    fn with_slot(self, slot: u64) -> Self;
}

impl WithSlot for Citation {
    fn with_slot(self, slot: u64) -> Self {
        Citation { slot, ..self }
    }
}

#[test]
fn one_false_bundle_of_a_run_costs_the_others_nothing() {
    let trust = trust(1, 1);
    let (signed, _) = run(numbered(0..6, b"x"), &client_key(0), &trust);
    let mut all: Vec<_> = signed.iter().map(Signed::to_unverified).collect();
    let mut bytes = all[4].to_bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1; // of its path
    all[4] = Unverified::from_bytes(&bytes).unwrap();
    let valid: Vec<bool> = Unverified::verify_all(all, &trust).iter().map(Result::is_ok).collect();
    assert_eq!(valid, [true, true, true, true, false, true]);
}

#[test]
fn two_bundles_of_one_number_convict_however_they_are_signed() {
    let trust = trust(1, 1);
    let cheat = Some(ActorId::Client(client(0)));
    let (one, _) = run(numbered(3..9, b"x"), &client_key(0), &trust);
    let (other, _) = run(numbered(5..8, b"y"), &client_key(0), &trust);
    let alone = |text| Signed::sign(bundle(6, text), trust.deployment, &client_key(0)).cite();
    let (inner, again) = (one[3].cite(), other[1].cite());
    assert_eq!(exposed(&inner, &again, &trust), cheat, "at an inner number of two runs");
    assert_eq!(exposed(&inner, &alone(b"y"), &trust), cheat, "in a run and alone");
    assert_eq!(exposed(&inner, &alone(b"x"), &trust), None, "the same bundle, signed twice");
    let (both, _) = run(vec![bundle(6, b"x"), bundle(6, b"y")], &client_key(0), &trust);
    assert_eq!(exposed(&both[0].cite(), &both[1].cite(), &trust), cheat, "in one run");
    assert_eq!(exposed(&one[3].cite(), &one[4].cite(), &trust), None);
}

#[test]
fn a_changed_byte_of_a_bundle_of_a_run_is_noticed() {
    let trust = trust(1, 1);
    let (signed, _) = run(numbered(0..5, b"x"), &client_key(0), &trust);
    let bytes = signed[4].cite().to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let valid = Citation::from_bytes(&changed).is_ok_and(|citation| citation.verify(&trust));
            assert!(!valid, "byte {at}, bit {bit}");
        }
    }
}

/// What a client sends for its bundles, by number: all bytes that ever left it.
type Sent = Arc<Mutex<BTreeMap<u64, Vec<Vec<u8>>>>>;

/// A client hands in five bundles in one turn, and one alone, and crashes in this turn, if it gets there.
fn handed_in(crash: Option<(usize, Boundary)>) -> (World, Sent) {
    let mut world = World::new(2, 2, 3);
    let me = ActorId::Client(client(0));
    world.benches.get_mut(&me).unwrap().crash = crash;
    let sent = Sent::default();
    let seen = sent.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        if let (true, HANDLER, Message::Submit(submission)) = (from == me, to, &message) {
            let number = submission.bundle.claimed_slot();
            seen.lock().unwrap().entry(number).or_default().push(submission.bundle.to_bytes());
        }
        Some(message)
    }));
    world.connect_all();
    let send = |token: u64| {
        let to: Vec<ClientId> = (0..3).map(client).collect();
        Input::Send(draught(token, &[token as u8], &to))
    };
    world.turn(me, (0..5).map(send).collect());
    world.run_for(3);
    world.turn(me, vec![send(5)]);
    (world, sent)
}

#[test]
fn what_is_handed_in_together_is_signed_once_and_delivered() {
    let (mut world, sent) = handed_in(None);
    world.run_until("all is delivered", 3000, |world| (0..3).all(|index| world.delivered(index).len() == 6));
    let sent = sent.lock().unwrap();
    let first = |number: u64| Unverified::<Bundle>::from_bytes(&sent[&number][0]).unwrap().cite();
    let signatures: Vec<_> = (0..6).map(|number| first(number).endorsement.signature()).collect();
    assert!(signatures[..5].iter().all(|one| *one == signatures[0]));
    assert_ne!(signatures[5], signatures[0]);
}

#[test]
fn a_client_that_crashes_hands_in_the_same_bytes_again() {
    let mut again = 0;
    for turn in 0..12 {
        for boundary in [Boundary::BeforeCommit, Boundary::AfterCommit, Boundary::AmidSends] {
            let (mut world, sent) = handed_in(Some((turn, boundary)));
            let me = ActorId::Client(client(0));
            let taken = world.benches[&me].signed.keys().filter(|(kind, _)| *kind == Kind::Bundle).count();
            let what = format!("{boundary:?} of turn {turn}");
            world.run_until(&what, 3000, |world| (0..3).all(|i| world.delivered(i).len() >= taken));
            for (number, bytes) in &*sent.lock().unwrap() {
                assert!(bytes.iter().all(|one| *one == bytes[0]), "{what}: bundle {number}");
                again += bytes.len() - 1;
            }
        }
    }
    assert!(again >= 5, "no bundle was handed in twice, so nothing was tried: {again}");
}

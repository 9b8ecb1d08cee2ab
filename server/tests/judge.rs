//! The judge: whoever lies is exposed by its own client, and no evidence, however mutated, exposes an honest actor.
//!
//! Accuracy (I1) is checked on all evidence that honest and lying histories yield, and on mutations of it: every
//! byte of the file, random bytes, and the pieces of a derivation exchanged for those of other clients, epochs
//! and actors.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use server::protocol::{
    codec::{Decode, Encode},
    derivation::Derivation,
    evidence::Evidence,
    id::{ActorId, ClientId},
    judge::{Verdict, judge},
    predicate::attestation::BadAttestation,
    statement::Trust,
};
use support::{
    history::{History, Lie, Random, history, omit, parted_history, renumber, repeat, swap},
    mailbox,
};

fn exposed(evidence: &Evidence, trust: &Trust) -> Option<ActorId> {
    match judge(evidence, trust) {
        Verdict::Exposed { actor, .. } => Some(actor),
        Verdict::NotProven(_) => None,
    }
}

fn bad(client: ClientId, derivation: &Derivation) -> Evidence {
    BadAttestation { client, derivation: Box::new(derivation.clone()) }.into()
}

/// The history of a lie, with the evidence that the client holds of it.
fn lying(lie: Lie) -> (History, Evidence) {
    let history = history(Some(lie));
    let evidence = history.caught.first().expect("the client catches the lie").clone();
    (history, evidence)
}

#[test]
fn an_honest_history_gives_no_evidence() {
    let history = history(None);
    assert!(history.derivations.len() > 20 && history.caught.is_empty());
    for (client, derivation) in &history.derivations {
        let derived = derivation.check(client, &history.trust).unwrap();
        assert!(derived.holds());
        assert_eq!(exposed(&bad(*client, derivation), &history.trust), None);
    }
}

#[test]
fn a_mailbox_actor_that_swaps_two_deliveries_is_exposed() {
    exposes_mailbox_0(swap);
}

#[test]
fn a_mailbox_actor_that_delivers_twice_is_exposed() {
    exposes_mailbox_0(repeat);
}

#[test]
fn a_mailbox_actor_that_renumbers_is_exposed() {
    exposes_mailbox_0(renumber);
}

/// D01: the client is shown that more was due, and must not wait for the missing bundle before it says so.
#[test]
fn a_mailbox_actor_that_omits_a_delivery_is_exposed() {
    exposes_mailbox_0(omit);
}

fn exposes_mailbox_0(lie: Lie) {
    let (history, evidence) = lying(lie);
    assert!(history.caught.iter().all(|evidence| exposed(evidence, &history.trust) == Some(mailbox(0))));
    assert_eq!(history.caught.len(), 1, "one lie is one offence");
    assert_eq!(Evidence::from_bytes(&evidence.to_bytes()).unwrap(), evidence);
    let json = evidence.to_json(history.trust.deployment);
    assert_eq!(Evidence::from_json(&json, history.trust.deployment).unwrap(), evidence);
    // nothing else of that history convicts anyone
    let others = history.derivations.iter().map(|(client, derivation)| bad(*client, derivation));
    assert!(others.filter(|other| *other != evidence).all(|other| exposed(&other, &history.trust).is_none()));
}

#[test]
fn every_changed_byte_of_the_file_is_noticed() {
    let history = history(Some(swap));
    notices_every_changed_byte(&history);
}

#[test]
fn every_changed_byte_is_noticed_though_a_seal_has_nothing_for_the_client() {
    let history = parted_history(Some(swap));
    notices_every_changed_byte(&history);
}

fn notices_every_changed_byte(history: &History) {
    let evidence = history.caught.first().expect("the client catches the lie");
    let json = evidence.to_json(history.trust.deployment).into_bytes();
    let mut unnoticed = Vec::new();
    for at in 0..json.len() {
        for replacement in [json[at] ^ 1, b'0', b'f', b'"'] {
            if replacement != json[at] && file_verdict(&json, at, replacement, &history.trust).is_some() {
                unnoticed.push(at);
            }
        }
    }
    assert!(unnoticed.is_empty(), "{} of {} positions: {unnoticed:?}", unnoticed.len(), json.len());
}

#[test]
fn no_changed_byte_of_the_file_exposes_anyone_else() {
    let (history, evidence) = lying(swap);
    let json = evidence.to_json(history.trust.deployment).into_bytes();
    for at in 0..json.len() {
        for replacement in [json[at] ^ 1, json[at] ^ 2, b'0', b'9', b'a', b' ', 0xff] {
            let verdict = file_verdict(&json, at, replacement, &history.trust);
            assert!(
                verdict.is_none_or(|actor| actor == mailbox(0)),
                "byte {at} -> {replacement}: {verdict:?}"
            );
        }
    }
}

/// Whom a file exposes after one byte of it was changed.
fn file_verdict(json: &[u8], at: usize, replacement: u8, trust: &Trust) -> Option<ActorId> {
    let mut changed = json.to_vec();
    changed[at] = replacement;
    let text = String::from_utf8(changed).ok()?;
    let evidence = Evidence::from_json(&text, trust.deployment).ok()?;
    exposed(&evidence, trust)
}

#[test]
fn random_bytes_of_evidence_expose_no_honest_actor() {
    let (lied, evidence) = lying(swap);
    let honest = history(None);
    let pool: Vec<Evidence> = honest.derivations.iter().map(|(client, d)| bad(*client, d)).collect();
    let mut random = Random(1);
    for round in 0..20_000 {
        let original = if round % 2 == 0 { &evidence } else { &pool[random.below(pool.len())] };
        let mut bytes = original.to_bytes();
        for _ in 0..1 + random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        let Ok(mutated) = Evidence::from_bytes(&bytes) else { continue };
        let verdict = exposed(&mutated, &lied.trust);
        let may = (round % 2 == 0).then_some(mailbox(0));
        assert!(verdict.is_none() || verdict == may, "{verdict:?} by {}", hex::encode(bytes));
    }
}

/// Flips, moves, repeats or cuts out bytes.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let (at, length) = (random.below(bytes.len()), 1 + random.below(64));
    let end = (at + length).min(bytes.len());
    match random.below(8) {
        0..=3 => bytes[at] ^= 1 << random.below(8),
        4 => bytes[at] = random.draw() as u8,
        5 => drop(bytes.drain(at..end)),
        6 => {
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len() - piece.len() + 1);
            bytes[to..to + piece.len()].copy_from_slice(&piece);
        }
        _ => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

#[test]
fn exchanged_pieces_expose_no_honest_actor() {
    let honest = history(None);
    let mut random = Random(2);
    check_exchanges(&honest, &mut random, None);
    let (lied, _) = lying(swap);
    check_exchanges(&lied, &mut random, Some(mailbox(0)));
    let (lied, _) = lying(renumber);
    check_exchanges(&lied, &mut random, Some(mailbox(0)));
}

fn check_exchanges(history: &History, random: &mut Random, may: Option<ActorId>) {
    let pool = &history.derivations;
    let check = |client: ClientId, derivation: &Derivation, what: &str| {
        let verdict = exposed(&bad(client, derivation), &history.trust);
        assert!(verdict.is_none() || verdict == may, "{what}: {verdict:?}");
    };
    for (client, derivation) in pool {
        for index in 0..4 {
            check(support::client(index), derivation, "another client");
        }
        for (what, changed) in rearranged(derivation) {
            check(*client, &changed, what);
        }
    }
    for _ in 0..6_000 {
        let (owner, mut derivation) = pool[random.below(pool.len())].clone();
        let mut what = String::new();
        for _ in 0..1 + random.below(3) {
            let (_, donor) = &pool[random.below(pool.len())];
            what += exchange(&mut derivation, donor, random.below(12), random);
        }
        let client = if random.below(4) == 0 { support::client(random.below(4)) } else { owner };
        check(client, &derivation, &what);
    }
}

/// A derivation with its own pieces moved about.
fn rearranged(derivation: &Derivation) -> Vec<(&'static str, Derivation)> {
    let mut all = Vec::new();
    let mut add = |what, change: &dyn Fn(&mut Derivation)| {
        let mut changed = derivation.clone();
        change(&mut changed);
        all.push((what, changed));
    };
    add("without previous", &|d| d.previous = None);
    add("without before", &|d| d.before = None);
    add("without either", &|d| (d.previous, d.before) = (None, None));
    add("base and after exchanged", &|d| std::mem::swap(&mut d.base, &mut d.after));
    add("base as after", &|d| d.after = d.base.clone());
    add("after as base", &|d| d.base = d.after.clone());
    add("attestation as its own previous", &|d| d.previous = Some(d.attestation.clone()));
    add("cut as the one before", &|d| d.before = d.cuts.last().cloned());
    add("no cuts", &|d| d.cuts.clear());
    add("cuts reversed", &|d| d.cuts.reverse());
    for i in 0..derivation.cuts.len() {
        add("cut dropped", &|d| drop(d.cuts.remove(i)));
        add("cut twice", &|d| d.cuts.insert(i, d.cuts[i].clone()));
    }
    add("no seals", &|d| d.seals.clear());
    add("seals reversed", &|d| d.seals.reverse());
    for i in 0..derivation.seals.len() {
        add("seal dropped", &|d| drop(d.seals.remove(i)));
        add("seal twice", &|d| d.seals.insert(i, d.seals[i].clone()));
        for j in 0..i {
            add("seals swapped", &|d| d.seals.swap(i, j));
            add("manifest of another seal", &|d| d.seals[i].manifest = d.seals[j].manifest.clone());
            add("leaves of another seal", &|d| d.seals[i].leaves = d.seals[j].leaves.clone());
        }
    }
    all
}

/// Takes a piece from another derivation.
fn exchange(to: &mut Derivation, from: &Derivation, piece: usize, random: &mut Random) -> &'static str {
    let part = || (!from.seals.is_empty()).then(|| from.seals[from.seals.len() - 1].clone());
    match piece {
        0 => to.attestation = from.attestation.clone(),
        1 => to.previous = from.previous.clone(),
        2 => to.previous = Some(from.attestation.clone()),
        3 => to.cuts = from.cuts.clone(),
        4 => to.before = from.before.clone(),
        5 => to.before = from.cuts.last().cloned(),
        6 => to.base = from.base.clone(),
        7 => to.base = from.after.clone(),
        8 => to.after = from.after.clone(),
        9 => to.seals = from.seals.clone(),
        10 => to.seals.extend(part()),
        _ => {
            let at = random.below(to.seals.len());
            if let (Some(own), Some(part)) = (to.seals.get_mut(at), part()) {
                *own = part;
            }
        }
    }
    [
        "attestation ",
        "previous ",
        "previous from attestation ",
        "cut ",
        "before ",
        "before from cut ",
        "base ",
        "base from after ",
        "after ",
        "seals ",
        "one more seal ",
        "one other seal ",
    ][piece]
}

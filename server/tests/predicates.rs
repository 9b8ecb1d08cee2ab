//! The predicates: every lie convicts who told it, and the honest statements closest to it convict nobody.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use scene::{Case, Pen, Scene, cases};
use server::protocol::{
    bundle::Submission,
    codec::{Decode, Encode},
    evidence::Evidence,
    id::ActorId,
    judge::{Verdict, judge},
    message::Message,
    refusal::Refusal,
    statement::{Trust, Unverified},
};
use support::{
    HANDLER, World,
    history::{history, swap},
    incoming,
};

fn exposed(evidence: &Evidence, trust: &Trust) -> Option<ActorId> {
    judge(evidence, trust).exposed()
}

fn all(pen: Pen) -> (Trust, Vec<Case>) {
    let scene = Scene::new(pen);
    (scene.pen.trust.clone(), cases(&scene))
}

#[test]
fn every_lie_exposes_who_told_it() {
    for pen in [Pen::modelled(), Pen::real()] {
        let (trust, cases) = all(pen);
        for Case { name, accused, guilty, .. } in &cases {
            let read = Evidence::from_bytes(&guilty.to_bytes()).unwrap();
            assert_eq!(read, *guilty, "{name}");
            match judge(&read, &trust) {
                Verdict::Exposed { actor, .. } => assert_eq!(actor, *accused, "{name}"),
                Verdict::NotProven(why) => panic!("{name}: {why}"),
            }
        }
    }
}

#[test]
fn honest_statements_close_to_a_lie_expose_nobody() {
    for pen in [Pen::modelled(), Pen::real()] {
        let (trust, cases) = all(pen);
        for Case { name, honest, .. } in &cases {
            for (index, evidence) in honest.iter().enumerate() {
                assert_eq!(Evidence::from_bytes(&evidence.to_bytes()).as_ref(), Ok(evidence), "{name}");
                let verdict = judge(evidence, &trust);
                assert_eq!(verdict.exposed(), None, "{name}, {index}: {verdict}");
            }
        }
    }
}

#[test]
fn every_predicate_has_a_case() {
    let (_, cases) = all(Pen::modelled());
    let tags: Vec<u8> = cases.iter().map(|case| case.guilty.to_bytes()[0]).collect();
    for tag in (1..=Evidence::PREDICATES.len() as u8).filter(|tag| ![2, 16].contains(tag)) {
        assert!(
            tags.contains(&tag),
            "predicate {tag}; judge.rs has those of predicate 2, keys.rs those of predicate 16"
        );
    }
}

/// No byte of evidence is free: change one, and it is malformed or proves nothing.
#[test]
fn every_changed_byte_of_a_lie_is_noticed() {
    let (trust, cases) = all(Pen::modelled());
    let mut unnoticed = BTreeMap::new();
    for case in &cases {
        let bytes = case.guilty.to_bytes();
        for at in 0..bytes.len() {
            for bit in [1, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                let Ok(evidence) = Evidence::from_bytes(&changed) else { continue };
                if exposed(&evidence, &trust).is_some() {
                    unnoticed.entry(case.name).or_insert_with(Vec::new).push(at);
                }
            }
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

/// A deployment's statements are worth nothing in another.
#[test]
fn evidence_proves_nothing_elsewhere() {
    let (_, cases) = all(Pen::real());
    let elsewhere = support::trust(2, 2);
    for Case { name, guilty, .. } in &cases {
        assert_eq!(exposed(guilty, &elsewhere), None, "{name}");
    }
}

#[test]
fn evidence_files_are_read_back() {
    let (trust, cases) = all(Pen::real());
    for Case { name, guilty, .. } in &cases {
        let json = guilty.to_json(trust.deployment);
        assert_eq!(Evidence::from_json(&json, trust.deployment).unwrap(), *guilty, "{name}");
    }
}

/// A handler mangles the content on the way: the incoming actor refuses the bundle as malformed, and its client, who
/// has the right content, must not be able to convict it (a refusal names the bundle, not what came with it).
#[test]
fn content_mangled_on_the_way_is_no_ground_to_refuse_a_bundle() {
    let mut world = World::new(1, 1, 1);
    type Seen = (Option<Submission>, Option<Unverified<Refusal>>);
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let kept = seen.clone();
    world.tamper = Some(Box::new(move |from, to, message| {
        let mut kept = kept.lock().unwrap();
        match message {
            Message::Submit(mut submission) if (from, to) == (HANDLER, incoming(0)) && kept.0.is_none() => {
                kept.0 = Some(submission.clone());
                let payload = submission.content.payload().iter().map(|byte| byte ^ 1);
                submission.content = submission.content.with_payload(payload.collect());
                Some(Message::Submit(submission))
            }
            Message::Refused(refusal, client) => {
                kept.1 = Some(refusal.clone());
                Some(Message::Refused(refusal, client))
            }
            other => Some(other),
        }
    }));
    world.connect_all();
    world.submit(0, 1, b"text", &[0]);
    world.run_for(10);
    let (submission, refusal) = std::mem::take(&mut *seen.lock().unwrap());
    assert!(submission.is_some(), "one was mangled");
    // a signed refusal would be contradicted by whoever holds the right content, and convict an honest actor
    assert_eq!(refusal, None);
}

/// `cargo test -p server --test predicates table -- --nocapture`
#[test]
fn table_of_sizes() {
    let (trust, mut cases) = all(Pen::real());
    let lied = history(Some(swap));
    let guilty = lied.caught[0].clone();
    let accused = guilty.accused();
    cases.push(Case { name: "badattestation: derivation", accused, guilty, honest: Vec::new() });
    println!("| predicate: fault | exposes | statements | bytes |");
    println!("|---|---|---:|---:|");
    for Case { name, accused, guilty, .. } in &cases {
        let (statements, bytes) = (guilty.statements().len(), guilty.to_bytes().len());
        println!("| {name} | {} | {statements} | {bytes} |", accused.role());
        assert!(statements > 0 && bytes < 8192, "{name}: evidence is small");
    }
    assert_eq!(exposed(&cases[0].guilty, &trust), Some(cases[0].accused));
}

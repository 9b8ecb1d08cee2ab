//! Keys that are replaced and revoked: what they go on to prove, and what they prove no more.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use scene::{Case, Pen, Scene, TERMS, cases, complaint, cut, seal};
use server::protocol::{
    codec::{Decode, Encode},
    complaint::Charge,
    cosignature::Cosignature,
    crypto::{Ed25519Signer, PublicKey, Signer},
    digest::Digest,
    evidence::Evidence,
    file::FileError,
    id::{ActorId, Role},
    judge::{Verdict, judge},
    predicate::{
        accusation::{Accusation, FalseAccusation},
        cut::{BadCut, CutFault},
        equivocation::Equivocation,
    },
    recovery::Fence,
    roster::{Member, Roster, RosterError, Rules, keys::Bounds, succession::Change},
    roster_file,
    seal::Seal,
    signing::Signing,
    statement::{BODY_MAX, Citation, Kind, SignatureError, Signed, Statement, Terms, Trust},
};
use support::{SEQUENCER, client, incoming, signer, witness};

/// The second key of incoming actor 0.
fn next_key() -> Ed25519Signer {
    signer("incoming/0 again")
}

/// Under what incoming actor 0 signs then.
const NEXT: Terms = Terms { roster: 1, key: 1 };

fn rotate() -> Change {
    Change::Rotate { actor: incoming(0), key: next_key().public() }
}

/// Revokes the first key of an actor: all of these kinds counts below the slot, and `cosigned` cosignatures of each witness.
fn revoke(actor: ActorId, below: u64, cosigned: u64) -> Change {
    let fences = [Kind::Receipt, Kind::Seal, Kind::Cosignature].map(|kind| Fence { kind, next: below });
    let bounds = Bounds { fences: fences.to_vec(), cosigned: vec![cosigned; 2] };
    Change::Revoke { actor, number: 0, bounds }
}

/// Trust in the roster after these changes.
fn changed(trust: &Trust, changes: impl IntoIterator<Item = Change>) -> Trust {
    Trust::new(trust.roster.successor(changes).unwrap(), trust.verifier.clone())
}

fn again(scene: &Scene, change: impl FnOnce(&mut Seal)) -> Signed<Seal> {
    let mut seal = (*scene.seals[1]).clone();
    seal.terms = NEXT;
    change(&mut seal);
    Signed::sign(seal, scene.pen.trust.deployment, &next_key())
}

fn why(evidence: &Evidence, trust: &Trust) -> String {
    match judge(evidence, trust) {
        Verdict::Exposed { actor, .. } => panic!("{actor} is exposed"),
        Verdict::NotProven(why) => why,
    }
}

/// A cosignature of all that this actor signed in a piece of evidence.
fn cosign(scene: &Scene, number: u64, evidence: &Evidence, actor: ActorId) -> Signed<Cosignature> {
    let heads = evidence.statements().into_iter().filter(|statement| statement.actor == actor).collect();
    scene.sign(Cosignature { witness: 0, number, terms: TERMS, heads })
}

/// The lies of incoming actor 0 that rest on seals alone: those are heads of a log, which witnesses cosign.
fn lies_in_seals(scene: &Scene) -> Vec<Case> {
    let sealed = |case: &Case| {
        let own = case.guilty.statements().into_iter().filter(|one| one.actor == incoming(0));
        case.accused == incoming(0) && own.clone().all(|one| one.kind == Kind::Seal)
    };
    cases(scene).into_iter().filter(sealed).collect()
}

#[test]
fn a_replaced_key_goes_on_to_count_and_the_next_one_does_from_its_roster_on() {
    let scene = Scene::new(Pen::real());
    let (old, new) = (&scene.pen.trust, changed(&scene.pen.trust, [rotate()]));
    assert_eq!((old.deployment, new.roster.terms_of(&incoming(0))), (new.deployment, NEXT));
    let (before, after) = (scene.seals[1].to_unverified(), again(&scene, |_| {}).to_unverified());
    assert!(before.clone().verify(&new).is_ok() && before.cite().verify(&new));
    assert!(after.clone().verify(&new).is_ok() && after.cite().verify(&new));
    let later = SignatureError::Later { kind: Kind::Seal, actor: incoming(0), slot: 1, roster: 1 };
    assert_eq!(after.clone().verify(old), Err(later));
    assert!(!after.cite().verify(old));
    // the key is that which the terms name
    for terms in
        [TERMS, Terms { roster: 1, key: 0 }, Terms { roster: 1, key: 2 }, Terms { roster: 2, key: 1 }]
    {
        assert!(again(&scene, |seal| seal.terms = terms).to_unverified().verify(&new).is_err(), "{terms:?}");
    }
    // and one that the roster lists that they name
    assert!(
        again(&scene, |seal| seal.terms = Terms { roster: 0, key: 1 }).to_unverified().verify(&new).is_err()
    );
    let outlived = scene.seal_with(|seal| seal.terms = Terms { roster: 1, key: 0 }).to_unverified();
    assert!(outlived.clone().verify(&new).is_err() && outlived.cite().verify(&new));
}

#[test]
fn a_slot_signed_with_two_keys_is_signed_twice() {
    let scene = Scene::new(Pen::real());
    let (first, second) = (scene.seals[1].cite(), again(&scene, |seal| seal.content_bytes += 1).cite());
    let new = changed(&scene.pen.trust, [rotate()]);
    for (first, second) in [(first.clone(), second.clone()), (second, first)] {
        let evidence = Evidence::from(Equivocation { first, second });
        assert_eq!(judge(&evidence, &new).exposed(), Some(incoming(0)));
        assert_eq!(why(&evidence, &scene.pen.trust), "a signature is not that of its signer");
    }
}

#[test]
fn in_the_work_that_goes_on_a_revoked_key_counts_below_its_fence() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate(), revoke(incoming(0), 1, 0)]);
    let counts = |seal: &Signed<Seal>| {
        let verified = seal.to_unverified().verify(&new).is_ok();
        assert_eq!(seal.cite().verify(&new), verified);
        verified
    };
    assert!(counts(&scene.seals[0]) && !counts(&scene.seals[1]) && counts(&again(&scene, |_| {})));
}

#[test]
fn what_a_revoked_key_signed_convicts_nobody_unless_it_was_cosigned_before() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate(), revoke(incoming(0), 99, 7)]);
    let lies = lies_in_seals(&scene);
    assert!(lies.len() > 12, "{}", lies.len());
    for Case { name, guilty, .. } in lies {
        why(&guilty, &new);
        let anchored = |number| {
            let anchor = cosign(&scene, number, &guilty, incoming(0)).to_unverified();
            let evidence = guilty.clone().anchored_in(&[anchor]);
            Evidence::from_bytes(&evidence.to_bytes()).unwrap()
        };
        assert_eq!(judge(&anchored(6), &new).exposed(), Some(incoming(0)), "{name}");
        assert_eq!(why(&anchored(7), &new), why(&guilty, &new), "{name}");
        // with the roster of before it is proven, and needs no anchor
        assert_eq!(judge(&guilty, &new.as_of(0)).exposed(), Some(incoming(0)), "{name}");
        assert_eq!(
            why(&anchored(6), &new.as_of(0)),
            "the evidence does not need what was cosigned",
            "{name}"
        );
    }
}

#[test]
fn an_anchor_is_a_cosignature_that_is_needed_and_is_the_witness_s_own() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate(), revoke(incoming(0), 99, 7)]);
    let Case { guilty, .. } = lies_in_seals(&scene).into_iter().next().unwrap();
    let (one, two) = (cosign(&scene, 1, &guilty, incoming(0)), cosign(&scene, 2, &guilty, incoming(0)));
    let both = guilty.clone().anchored_in(&[one.to_unverified(), two.to_unverified()]);
    assert_eq!(why(&both, &new), "the evidence does not need what was cosigned");
    let none = guilty.clone().anchored_in(&[]);
    assert_eq!(why(&none, &new), why(&guilty, &new));
    // of what it does not cover nothing is taken
    let other =
        scene.sign(Cosignature { witness: 0, number: 3, terms: TERMS, heads: vec![scene.cuts[0].cite()] });
    assert_eq!(guilty.clone().anchored_in(&[other.to_unverified()]), none);
    let key = signer("witness again").public();
    let stolen = [
        rotate(),
        revoke(incoming(0), 99, 7),
        Change::Rotate { actor: witness(0), key },
        revoke(witness(0), 99, 7),
    ];
    let evidence = guilty.clone().anchored_in(&[one.to_unverified()]);
    let doubt = "what a witness signed with a revoked key anchors nothing";
    assert_eq!(why(&evidence, &changed(&scene.pen.trust, stolen)), doubt);
    let nested = evidence.anchored_in(&[two.to_unverified()]).to_bytes();
    assert!(Evidence::from_bytes(&nested).is_err());
}

#[test]
fn every_changed_byte_of_anchored_evidence_is_noticed() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate(), revoke(incoming(0), 99, 7)]);
    let Case { guilty, .. } = lies_in_seals(&scene).into_iter().next().unwrap();
    let bytes =
        guilty.clone().anchored_in(&[cosign(&scene, 1, &guilty, incoming(0)).to_unverified()]).to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = Evidence::from_bytes(&changed).ok();
        assert_eq!(read.and_then(|evidence| judge(&evidence, &new).exposed()), None, "byte {at}");
    }
}

#[test]
fn whoever_cited_a_key_that_was_revoked_later_is_judged_as_before() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate(), revoke(incoming(0), 0, 0)]);
    for Case { name, accused, guilty, honest } in cases(&scene) {
        for evidence in honest {
            assert_eq!(judge(&evidence, &new).exposed(), None, "{name}");
        }
        if accused != incoming(0) {
            assert_eq!(judge(&guilty, &new), judge(&guilty, &scene.pen.trust), "{name}");
        }
    }
}

/// Who cites a key before its roster is there cites what it cannot have checked; whoever has said so stays right.
#[test]
fn a_citation_under_a_key_of_later_was_false_and_stays_so() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate()]);
    let late = again(&scene, |_| {});
    let alone = |terms| {
        let body = cut(Some(&scene.cuts[0]), &[Some(&late), Some(&scene.other_seal)]);
        let cut = scene.sign(server::protocol::cut::Cut { terms, ..body }).to_unverified();
        Evidence::from(BadCut { cut, fault: CutFault::Alone })
    };
    for trust in [&scene.pen.trust, &new] {
        assert_eq!(judge(&alone(TERMS), trust).exposed(), Some(SEQUENCER));
    }
    // who has the roster cites it rightly
    assert_eq!(why(&alone(Terms { roster: 1, key: 0 }), &new), "the cut is sound in itself");
    let early = why(&alone(Terms { roster: 1, key: 0 }), &scene.pen.trust);
    assert_eq!(early, "it is of the time of roster 1, and this is roster 0");
}

#[test]
fn an_accusation_is_judged_with_the_roster_of_its_day() {
    let scene = Scene::new(Pen::real());
    let new = changed(&scene.pen.trust, [rotate(), revoke(incoming(0), 99, 0)]);
    let Case { guilty, .. } = lies_in_seals(&scene).into_iter().next().unwrap();
    let (by, evidence) = (ActorId::Client(client(0)), guilty.to_bytes());
    let accusation = |terms| {
        let charge = Charge::Proven(Digest::of(&[&evidence]));
        let complaint = scene.sign(server::protocol::complaint::Complaint {
            terms,
            ..complaint(by, 0, incoming(0), 0, charge)
        });
        let statement = Accusation::Complaint(complaint.to_unverified());
        Evidence::from(FalseAccusation { statement, evidence: evidence.clone() })
    };
    // it was proven when the client said so
    for trust in [&scene.pen.trust, &new] {
        assert_eq!(why(&accusation(TERMS), trust), "the evidence proves the accusation");
    }
    // who knows of the revocation and accuses nevertheless has not looked
    assert_eq!(judge(&accusation(Terms { roster: 1, key: 0 }), &new).exposed(), Some(by));
}

#[test]
fn a_roster_looks_back() {
    let scene = Scene::new(Pen::real());
    let first = &*scene.pen.trust.roster;
    let second = first.successor([rotate()]).unwrap();
    let third = second.successor([revoke(incoming(0), 5, 5)]).unwrap();
    let key = signer("incoming/0 a third time").public();
    let fourth = third.successor([Change::Rotate { actor: incoming(0), key }]).unwrap();
    for (version, then) in [first, &second, &third, &fourth].into_iter().enumerate() {
        let back = fourth.as_of(version as u32);
        for number in 0..3 {
            assert_eq!(back.numbered(&incoming(0), number), then.numbered(&incoming(0), number), "{version}");
        }
        assert_eq!(back.members(), then.members());
        assert_eq!(Roster::from_body(&then.body()).as_ref(), Ok(then));
    }
    let terms = [first, &second, &third, &fourth].map(|roster| roster.present_terms_of(&incoming(0)));
    assert_eq!(terms, [(0, 0), (1, 1), (1, 1), (3, 2)].map(|(roster, key)| Terms { roster, key }));
    assert!(second.follows(first) && third.follows(&second) && fourth.follows(&third));
    assert!(!third.follows(first) && !first.follows(first) && !second.follows(&second));
}

#[test]
fn a_change_must_be_of_what_is_there() {
    let scene = Scene::new(Pen::real());
    let roster = &scene.pen.trust.roster;
    let nobody = ActorId::Server(Role::Incoming, 7);
    let change = |changes: Vec<Change>| roster.successor(changes).unwrap_err();
    let key = next_key().public();
    assert_eq!(change(vec![Change::Rotate { actor: nobody, key }]), RosterError::NotListed(nobody));
    let client = ActorId::Client(client(0));
    assert_eq!(change(vec![Change::Rotate { actor: client, key }]), RosterError::NotListed(client));
    let not_former = RosterError::NotFormer { actor: incoming(0), number: 0 };
    assert_eq!(change(vec![revoke(incoming(0), 1, 1)]), not_former);
    assert_eq!(change(vec![rotate(), revoke(incoming(0), 1, 1), revoke(incoming(0), 2, 2)]), not_former);
    let short = Bounds { fences: Vec::new(), cosigned: vec![1] };
    let short = Change::Revoke { actor: incoming(0), number: 0, bounds: short };
    assert_eq!(change(vec![rotate(), short]), RosterError::History(incoming(0)));
    // two keys between one roster and the next: the first of them never signed
    assert_eq!(change(vec![rotate(), rotate()]), RosterError::History(incoming(0)));
    // a key that the actor has or had: once revoked it would count again
    let first = roster.key_of(&incoming(0)).unwrap();
    let back = Change::Rotate { actor: incoming(0), key: first };
    assert_eq!(change(vec![back.clone()]), RosterError::History(incoming(0)));
    let second = roster.successor([rotate()]).unwrap();
    for again in [back, rotate()] {
        assert_eq!(second.successor([again]), Err(RosterError::History(incoming(0))));
    }
}

#[test]
fn a_roster_that_lets_nobody_answer_is_not_made() {
    let members = Scene::new(Pen::modelled()).pen.trust.roster.members().to_vec();
    let make = |challenge_bound| {
        let rules = Rules { challenge_bound, quorum: 0 };
        Roster::first(rules, vec![signer("operator").public()], members.clone())
    };
    assert_eq!(make(0), Err(RosterError::NoBound));
    assert!(make(1).is_ok());
}

#[test]
fn a_roster_that_could_not_be_read_is_not_made() {
    let key = |number: u32| {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        PublicKey(key)
    };
    let member = |role, index| Member { actor: ActorId::Server(role, index), operator: 0, key: key(index) };
    let one = |role| std::iter::once(member(role, 0));
    let incoming = (0..16_000).map(|index| member(Role::Incoming, index));
    let members = one(Role::Handler).chain(incoming).chain(one(Role::Sequencer)).chain(one(Role::Mailbox));
    let rules = Rules { challenge_bound: 1, quorum: 0 };
    let roster = Roster::first(rules, vec![key(0)], members.collect()).unwrap();
    assert!(roster.body().len() < BODY_MAX);
    let changes =
        (0..16_000).map(|index| Change::Rotate { actor: support::incoming(index), key: key(20_000 + index) });
    let Err(RosterError::TooLong { length }) = roster.successor(changes) else { panic!("it was made") };
    assert!(length > BODY_MAX);
}

#[test]
fn a_file_holds_the_whole_succession() {
    let scene = Scene::new(Pen::real());
    let (operator, deployment) = (signer("operator"), scene.pen.trust.deployment);
    let sign = |roster: &Roster| Signed::sign(roster.clone(), deployment, &operator);
    let first = (*scene.pen.trust.roster).clone();
    let second = first.successor([rotate()]).unwrap();
    let third = second.successor([revoke(incoming(0), 5, 5)]).unwrap();
    let rosters = [&first, &second, &third].map(sign);
    let text = roster_file::to_json(&rosters);
    assert_eq!(roster_file::rosters_of(Signing::Ed25519, &text).unwrap(), rosters);
    let trust = roster_file::from_json(&text).unwrap();
    assert_eq!((trust.deployment, &*trust.roster), (deployment, &third));
    assert!(text.contains("\"revoked_by_version\": 2"));

    let refused = |rosters: &[Signed<Roster>]| roster_file::from_json(&roster_file::to_json(rosters)).err();
    let [first, second, third] = rosters;
    assert!(matches!(refused(&[second.clone(), third.clone()]), Some(FileError::Succession)));
    assert!(matches!(refused(&[first.clone(), third.clone()]), Some(FileError::Succession)));
    assert!(matches!(refused(&[second.clone(), first.clone()]), Some(FileError::Succession)));
    let thief = Signed::sign((*second).clone(), deployment, &signer("thief"));
    assert!(matches!(refused(&[first, thief]), Some(FileError::Signature)));
    let altered = text.replace("\"revoked_by_version\": 2", "\"revoked_by_version\": 1");
    assert!(matches!(roster_file::from_json(&altered), Err(FileError::Altered)));
    let cited: Vec<Citation> = vec![third.cite()];
    assert!(cited[0].verify(&trust));
}

#[test]
fn a_seal_of_the_scene_is_what_the_next_key_signs_again() {
    // the helper above departs from the scene in terms and key alone
    let scene = Scene::new(Pen::real());
    let same = seal(0, Some(&scene.seals[0]), &scene.bundles[1], Some(&scene.cuts[0]));
    assert_eq!(Seal { terms: TERMS, ..(*again(&scene, |_| {})).clone() }, same);
}

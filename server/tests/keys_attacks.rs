//! Attacks with keys: rosters and evidence that a stranger brings, and actors that name another roster than they have.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use scene::{Parcelled, Pen, Scene, TERMS, attestation, complaint, cut, mailboxes, manifest, tree};
use server::actor::{Step, mailbox::Intake};
use server::port::Time;
use server::protocol::{
    batch::Batch,
    board::{Attachment, Taken},
    bundle::Parcel,
    challenge::{Challenge, Demand},
    codec::{Decode, Encode},
    complaint::Charge,
    cosignature::Cosignature,
    crypto::{Claim, Ed25519, Signer, Verifier},
    cut::Cut,
    derivation::{Derivation, SealPart},
    digest::Digest,
    evidence::Evidence,
    id::{ActorId, BatchNumber, ClientId, Epoch, Position},
    judge::judge,
    map::Pruned,
    message::Message,
    obligation::is_founded,
    predicate::{
        accusation::{Accusation, FalseAccusation},
        anchored::Anchored,
        attestation::BadAttestation,
        cut::{BadCut, CutFault},
        equivocation::Equivocation,
        seal::{BadSeal, SealFault},
    },
    roster::{
        Roster,
        keys::{Bounds, Former},
        succession::Change,
    },
    roster_file,
    seal::Seal,
    statement::{Citation, Kind, Signed, Statement, Terms, Trust},
};
use support::{SEQUENCER, client, incoming, mailbox, signer};

/// Body of a roster without former keys, with these in their place.
fn with_formers(roster: &Roster, version: u32, formers: &[Former]) -> Vec<u8> {
    let mut body = roster.body();
    assert_eq!(body.split_off(body.len() - 4), [0; 4]);
    body.extend((formers.len() as u32).to_be_bytes());
    formers.iter().for_each(|former| body.extend(former.to_bytes()));
    // kind, actor, slot, terms
    let at = 1 + ActorId::SEQUENCER.to_bytes().len();
    body[at..at + 8].copy_from_slice(&u64::from(version).to_be_bytes());
    body[at + 8..at + 12].copy_from_slice(&version.to_be_bytes());
    body
}

#[test]
fn a_roster_gives_a_client_no_other_key() {
    let scene = Scene::new(Pen::real());
    let (operator, deployment) = (signer("operator"), scene.pen.trust.deployment);
    let first = (*scene.pen.trust.roster).clone();
    let victim = ActorId::Client(client(0));
    let framer = signer("framer");
    let second = first.successor([]).unwrap();
    let former = Former { actor: victim, key: framer.public(), since: 0, until: 1, revoked: None };
    let Ok(second) = Roster::from_body(&with_formers(&second, 1, &[former])) else { return };
    let sign = |roster: &Roster| Signed::sign(roster.clone(), deployment, &operator);
    let text = roster_file::to_json(&[sign(&first), sign(&second)]);
    let Ok(trust) = roster_file::from_json(&text) else { return };
    let cite = |digest: &[u8]| {
        let digest = Digest::of(&[digest]);
        let text = server::protocol::statement::preimage(deployment, Kind::Bundle, victim, 7, digest);
        Citation {
            kind: Kind::Bundle,
            actor: victim,
            slot: 7,
            digest,
            endorsement: framer.sign(&text).into(),
        }
    };
    let evidence = Evidence::from(Equivocation { first: cite(b"a"), second: cite(b"b") });
    assert_eq!(judge(&evidence, &trust).exposed(), None, "an honest client");
}

#[test]
fn a_roster_of_the_last_version_is_read_without_a_fault() {
    let scene = Scene::new(Pen::real());
    let second = scene.pen.trust.roster.successor([]).unwrap();
    let key = signer("x").public();
    let former = |since, until| Former { actor: incoming(0), key, since, until, revoked: None };
    let body = with_formers(&second, u32::MAX, &[former(0, u32::MAX), former(u32::MAX, u32::MAX)]);
    assert!(Roster::from_body(&body).is_err());
}

/// Evidence in which every layer asks twice for the one inside of it.
fn nested(scene: &Scene, depth: u32) -> Evidence {
    let by = ActorId::Client(client(0));
    let mut bytes = Vec::new();
    let mut evidence = None;
    for number in 0..depth {
        let charge = Charge::Proven(Digest::of(&[&bytes]));
        let complaint = scene.sign(server::protocol::complaint::Complaint {
            terms: TERMS,
            ..complaint(by, u64::from(number), incoming(0), 0, charge)
        });
        let statement = Accusation::Complaint(complaint.to_unverified());
        let lie = Evidence::from(FalseAccusation { statement, evidence: bytes });
        let anchored = Evidence::from(Anchored { anchors: Vec::new(), evidence: Box::new(lie) });
        bytes = anchored.to_bytes();
        evidence = Some(anchored);
    }
    evidence.unwrap()
}

/// Counts what it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Verifier for Counting {
    fn verify(&self, claim: Claim<'_>) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ed25519.verify(claim)
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        claims.iter().all(|claim| self.verify(*claim))
    }
}

#[test]
fn evidence_inside_of_evidence_costs_no_more_than_its_bytes() {
    let scene = Scene::new(Pen::real());
    for depth in [2, 6, 12] {
        let counting = Arc::new(Counting::default());
        let trust = scene.pen.trust.clone().checked_by(counting.clone());
        let evidence = Evidence::from_bytes(&nested(&scene, depth).to_bytes()).unwrap();
        assert_eq!(judge(&evidence, &trust).exposed(), None);
        let asked = counting.0.load(Ordering::Relaxed);
        assert!(asked <= depth as usize, "{asked} signatures in {depth} layers");
    }
}

/// What mailbox actor 0 has attested for client 0 in epoch 1, wrongly; cut and attestation sign under these terms.
fn attested(scene: &Scene, cut_terms: Terms, terms: Terms) -> (ClientId, Derivation) {
    let client = client(0);
    let cut = cut(None, &[Some(&scene.seals[0]), Some(&scene.other_seal)]);
    let cut = scene.sign(Cut { terms: cut_terms, ..cut });
    let mut held = mailboxes(&[0, 2]);
    let attestation = attestation(0, None, &cut, &mut held);
    let attestation = scene.sign(server::protocol::attestation::Attestation { terms, ..attestation });
    let part = |seal: &Signed<Seal>, bundles: &[Parcelled]| SealPart {
        seal: seal.to_unverified(),
        manifest: manifest(seal.start, bundles).prune_to(&client),
        leaves: tree(bundles).open(&(0..bundles.len() as u64).collect::<Vec<_>>()),
    };
    let derivation = Derivation {
        attestation: attestation.to_unverified(),
        previous: None,
        before: None,
        cuts: vec![cut.to_unverified()],
        base: Pruned::Empty,
        after: held.prune_to(&client),
        seals: vec![part(&scene.seals[0], &scene.bundles[0]), part(&scene.other_seal, &scene.others)],
    };
    (client, derivation)
}

const LATER: Terms = Terms { roster: 1, key: 0 };

/// The roster after one in which somebody else gets another key.
fn later(scene: &Scene) -> Trust {
    let key = signer("again").public();
    let roster = scene.pen.trust.roster.successor([Change::Rotate { actor: incoming(1), key }]).unwrap();
    Trust::new(roster, scene.pen.trust.verifier.clone())
}

#[test]
fn whoever_names_an_earlier_roster_than_what_it_cites_does_not_escape() {
    let scene = Scene::new(Pen::real());
    let new = later(&scene);
    for (cut_terms, terms) in [(TERMS, TERMS), (LATER, LATER), (TERMS, LATER), (LATER, TERMS)] {
        let (client, derivation) = attested(&scene, cut_terms, terms);
        // the client takes it for a lie
        assert!(!derivation.check(&client, &new).unwrap().holds());
        let actor = derivation.mailbox();
        let evidence = Evidence::from(BadAttestation { client, derivation: Box::new(derivation) });
        let verdict = judge(&evidence, &new);
        assert_eq!(verdict.exposed(), Some(actor), "cut {cut_terms:?}, attestation {terms:?}");
    }
}

#[test]
fn a_client_that_complains_of_a_lie_is_not_convicted_of_it() {
    let scene = Scene::new(Pen::real());
    let new = later(&scene);
    let (client, derivation) = attested(&scene, LATER, TERMS);
    assert!(!derivation.check(&client, &new).unwrap().holds());
    // what `Inbox::take` hands to `Grievances::prove`
    let against = derivation.mailbox();
    let evidence = Evidence::from(BadAttestation { client, derivation: Box::new(derivation) }).to_bytes();
    let by = ActorId::Client(client);
    let charge = Charge::Proven(Digest::of(&[&evidence]));
    let complaint = scene.sign(server::protocol::complaint::Complaint {
        terms: LATER,
        ..complaint(by, 0, against, 0, charge)
    });
    let statement = Accusation::Complaint(complaint.to_unverified());
    let verdict = judge(&Evidence::from(FalseAccusation { statement, evidence }), &new);
    assert_eq!(verdict.exposed(), None, "an honest client");
}

#[test]
fn a_false_end_of_a_seal_of_a_later_roster_is_proven() {
    let scene = Scene::new(Pen::real());
    let new = later(&scene);
    let seal = scene.seal_with(|seal| seal.terms = LATER);
    let mut body = cut(Some(&scene.cuts[0]), &[Some(&seal), Some(&scene.other_seal)]);
    body.reached[0].end.0 += 1;
    body.total.0 += 1;
    let cut = scene.sign(body).to_unverified();
    let evidence = Evidence::from(BadCut { cut, fault: CutFault::End { seal: seal.to_unverified() } });
    assert_eq!(judge(&evidence, &new).exposed(), Some(ActorId::SEQUENCER), "{}", judge(&evidence, &new));
}

/// The witness may have had a later roster than the actor whose seals it cosigned.
#[test]
fn an_anchor_may_name_a_later_roster_than_what_it_anchors() {
    let scene = Scene::new(Pen::real());
    let seal = scene.sign(Seal { start: Position(1), ..(*scene.seals[0]).clone() });
    let head = seal.cite();
    let evidence = Evidence::from(BadSeal { seal: seal.to_unverified(), fault: SealFault::First });
    let key = signer("incoming/0 again").public();
    let bounds = Bounds { fences: Vec::new(), cosigned: vec![7; 2] };
    let changes = [
        Change::Rotate { actor: incoming(0), key },
        Change::Revoke { actor: incoming(0), number: 0, bounds },
    ];
    let roster = later(&scene).roster.successor(changes).unwrap();
    let new = Trust::new(roster, scene.pen.trust.verifier.clone());
    assert_eq!(judge(&evidence, &new).exposed(), None);
    for terms in [TERMS, LATER] {
        let anchor = scene.sign(Cosignature { witness: 0, number: 3, terms, heads: vec![head.clone()] });
        let anchored = evidence.clone().anchored_in(&[anchor.to_unverified()]);
        assert_eq!(judge(&anchored, &new).exposed(), Some(incoming(0)), "{terms:?}");
    }
}

/// The roster in which nothing counts that incoming actor 0 has signed with its first key.
fn void(scene: &Scene) -> Trust {
    let (actor, key) = (incoming(0), signer("again").public());
    let bounds = Bounds { cosigned: vec![0; 2], ..Bounds::default() };
    let changes = [Change::Rotate { actor, key }, Change::Revoke { actor, number: 0, bounds }];
    let trust =
        Trust::new(scene.pen.trust.roster.successor(changes).unwrap(), scene.pen.trust.verifier.clone());
    assert!(scene.seals.iter().all(|seal| seal.to_unverified().verify(&trust).is_err()));
    trust
}

#[test]
fn a_client_follows_a_cut_that_takes_what_a_revoked_key_has_signed() {
    let scene = Scene::new(Pen::real());
    let (client, derivation) = attested(&scene, TERMS, TERMS);
    let known = derivation.check(&client, &scene.pen.trust).unwrap().expected;
    assert_eq!(derivation.check(&client, &void(&scene)).unwrap().expected, known);
    // to a seal of the same key that no cut takes nothing leads
    let mut other = derivation;
    other.seals[0].seal = scene.seal_with(|seal| seal.content_bytes += 1).to_unverified();
    assert!(other.check(&client, &void(&scene)).is_err());
}

#[test]
fn a_run_is_owed_that_a_cut_takes_and_no_other() {
    let scene = Scene::new(Pen::real());
    let taken = |before: Option<&Signed<Cut>>, cut: &Signed<Cut>| Taken {
        before: before.map(Signed::to_unverified),
        cut: cut.to_unverified(),
    };
    let [first, second] = &scene.cuts;
    let forged = scene.pen.forge((**second).clone());
    let owed = |seal: &Signed<Seal>, batch: u64, taken: &Taken, trust: &Trust| {
        let demand = Demand::Batch { seal: seal.cite(), batch: BatchNumber(batch), mailbox: 0 };
        let (challenger, target) = (mailbox(0), incoming(0));
        let challenge = Challenge { challenger, number: 0, terms: TERMS, target, demand };
        is_founded(&challenge, &Attachment::Taken(Box::new(taken.clone())), trust)
    };
    let [seal_0, seal_1] = &scene.seals;
    for trust in [&scene.pen.trust, &void(&scene)] {
        assert!(owed(seal_0, 0, &taken(None, first), trust));
        assert!(owed(seal_1, 1, &taken(Some(first), second), trust));
        assert!(!owed(seal_1, 0, &taken(Some(first), second), trust), "the cut before takes it");
        assert!(!owed(seal_1, 2, &taken(Some(first), second), trust), "no cut takes it");
        assert!(!owed(seal_0, 0, &taken(Some(first), second), trust), "another cut takes it");
        assert!(!owed(seal_1, 1, &taken(None, second), trust), "what came before it is not shown");
        assert!(!owed(seal_1, 1, &taken(Some(second), second), trust), "it does not follow");
        assert!(!owed(seal_1, 1, &taken(Some(first), &forged), trust), "it is no cut");
    }
}

/// What mailbox actor 0 gets of a run.
fn batch(scene: &Scene, seal: &Signed<Seal>, bundles: &[Parcelled]) -> Batch {
    let roster = &scene.pen.trust.roster;
    let parcel = |(index, parcelled): (usize, &Parcelled)| {
        let (tree, envelopes) = (parcelled.content.tree(), parcelled.content.envelopes().iter().enumerate());
        let hosted = envelopes.filter(|(_, envelope)| roster.mailbox_of(&envelope.recipient) == 0);
        Parcel {
            position: Position(seal.start.0 + index as u64),
            bundle: parcelled.bundle.to_unverified(),
            payload: parcelled.content.payload().to_vec(),
            envelopes: hosted.map(|(i, envelope)| (envelope.clone(), tree.open(&[i as u64]))).collect(),
        }
    };
    Batch {
        seal: seal.to_unverified(),
        manifest: manifest(seal.start, bundles).prune_to_range(roster.hosted_by(0)),
        leaves: tree(bundles).open(&(0..bundles.len() as u64).collect::<Vec<_>>()),
        parcels: bundles.iter().enumerate().map(parcel).collect(),
    }
}

#[test]
fn a_mailbox_actor_takes_what_a_revoked_key_has_signed_if_a_cut_does() {
    let scene = Scene::new(Pen::real());
    let mut intake = Intake::new(0, void(&scene));
    let step = &mut Step::at(Time(0));
    let own = batch(&scene, &scene.seals[0], &scene.bundles[0]);
    intake.take_batch(incoming(1), batch(&scene, &scene.other_seal, &scene.others), step);
    intake.take_batch(incoming(0), own.clone(), step);
    assert_eq!((intake.next_batch(0), intake.next_batch(1)), (BatchNumber(0), BatchNumber(1)));
    intake.take_cut(SEQUENCER, scene.cuts[0].to_unverified(), step);
    assert!(
        matches!(&step.sends[..], [(to, Message::Subscribe(0))] if *to == incoming(0)),
        "{:?}",
        step.sends
    );
    // another one of that key's is not what the cut takes
    let other = Seal { content_bytes: 1, ..(*scene.seals[0]).clone() };
    intake.take_batch(incoming(0), batch(&scene, &scene.sign(other), &scene.bundles[0]), step);
    assert_eq!(intake.next_batch(0), BatchNumber(0));
    intake.take_batch(incoming(0), own, step);
    assert_eq!(intake.ready(step).map(|cut| cut.epoch), Some(Epoch(1)));
    // what the cut does not take does not count
    intake.take_batch(incoming(0), batch(&scene, &scene.seals[1], &scene.bundles[1]), step);
    assert_eq!(intake.next_batch(0), BatchNumber(1));
}

/// The seals of one actor come before those of the other.
#[test]
fn a_mailbox_actor_that_catches_up_takes_the_runs_of_every_cut_that_it_has() {
    let scene = Scene::new(Pen::real());
    let mut intake = Intake::new(0, void(&scene));
    let step = &mut Step::at(Time(0));
    for cut in &scene.cuts {
        intake.take_cut(SEQUENCER, cut.to_unverified(), step);
    }
    intake.take_batch(incoming(0), batch(&scene, &scene.seals[0], &scene.bundles[0]), step);
    intake.take_batch(incoming(0), batch(&scene, &scene.seals[1], &scene.bundles[1]), step);
    intake.take_batch(incoming(1), batch(&scene, &scene.other_seal, &scene.others), step);
    let cut = intake.ready(step).unwrap();
    intake.pass(cut);
    assert!(intake.missing().is_empty(), "{:?}", intake.missing());
}

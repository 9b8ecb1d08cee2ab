//! Mutated evidence: whatever accusers do with the bytes that honest actors signed, no honest actor is exposed (I1).
//!
//! In the scene of [`scene`] one actor after the other is the honest victim of all the others' lies: pieces of evidences are
//! exchanged, dropped, repeated and permuted, lists cut otherwise, tags and bytes changed.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use scene::{Pen, Scene, cases};
use server::protocol::{
    ack::Ack,
    agency::Agency,
    attestation::Attestation,
    bundle::Bundle,
    codec::{Decode, Encode, Reader},
    complaint::{Complaint, Defence},
    cosignature::Cosignature,
    crypto::PublicKey,
    cut::Cut,
    digest::Digest,
    evidence::Evidence,
    handler_receipt::HandlerReceipt,
    id::{ActorId, Role},
    judge::judge,
    merkle::Opening,
    receipt::Receipt,
    recovery::Fence,
    refusal::Refusal,
    roster::{keys::Bounds, succession::Change},
    seal::Seal,
    seal_ack::SealAck,
    statement::{Citation, Kind, Signed, Statement, Trust, Unverified},
};
use support::{HANDLER, client, history::Random, incoming, mailbox};

/// What a piece of evidence is: pieces of one sort can stand for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Statement(Kind),
    Citation(Kind),
    Opening,
}

#[derive(Clone, Copy)]
struct Piece {
    sort: Sort,
    start: usize,
    end: usize,
}

struct Specimen {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Specimen {
    fn new(bytes: Vec<u8>) -> Self {
        Specimen { pieces: pieces(&bytes), bytes }
    }
}

/// A statement at the start of these bytes: its length with signature.
fn statement_at<T: Statement>(bytes: &[u8]) -> Option<(usize, Citation)> {
    let mut rest = Reader::new(bytes);
    let statement = Unverified::<T>::decode(&mut rest).ok()?;
    Some((bytes.len() - rest.left().len(), statement.cite()))
}

fn any_statement_at(bytes: &[u8]) -> Option<(usize, Citation)> {
    if bytes.len() < 68 || bytes[0] != 0 || bytes[1] != 0 {
        return None; // none here is longer than 64 KiB
    }
    let read = match Kind::from_byte(bytes[4])? {
        Kind::Bundle => statement_at::<Bundle>,
        Kind::Receipt => statement_at::<Receipt>,
        Kind::Refusal => statement_at::<Refusal>,
        Kind::Seal => statement_at::<Seal>,
        Kind::SealAck => statement_at::<SealAck>,
        Kind::Cut => statement_at::<Cut>,
        Kind::Attestation => statement_at::<Attestation>,
        Kind::Ack => statement_at::<Ack>,
        Kind::Complaint => statement_at::<Complaint>,
        Kind::Defence => statement_at::<Defence>,
        Kind::Cosignature => statement_at::<Cosignature>,
        Kind::HandlerReceipt => statement_at::<HandlerReceipt>,
        Kind::Agency => statement_at::<Agency>,
        _ => return None,
    };
    read(bytes)
}

fn citation_at(bytes: &[u8]) -> Option<(usize, Citation)> {
    let mut rest = Reader::new(bytes);
    let cited = Citation::decode(&mut rest).ok()?;
    let length = bytes.len() - rest.left().len();
    // the head of a body looks like one: its terms would be the digest
    (cited.slot < 1 << 16 && cited.digest.0[..4] != [0; 4]).then_some((length, cited))
}

fn opening_at(bytes: &[u8]) -> Option<usize> {
    let mut rest = Reader::new(bytes);
    let opening = Opening::decode(&mut rest).ok()?;
    let plausible = (1..=64).contains(&opening.size()) && !opening.leaves().is_empty();
    (plausible && opening.root().is_some()).then(|| bytes.len() - rest.left().len())
}

fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut all = Vec::new();
    for start in 0..bytes.len() {
        let rest = &bytes[start..];
        let mut add = |sort, length: usize| all.push(Piece { sort, start, end: start + length });
        if let Some((length, cited)) = any_statement_at(rest) {
            add(Sort::Statement(cited.kind), length);
        }
        if let Some((length, cited)) = citation_at(rest) {
            add(Sort::Citation(cited.kind), length);
        }
        if let Some(length) = opening_at(rest) {
            add(Sort::Opening, length);
        }
    }
    all
}

/// All that is signed in these bytes, whoever signed it.
fn signed_in(specimen: &Specimen) -> Vec<Citation> {
    let read = |piece: &Piece| match piece.sort {
        Sort::Statement(_) => any_statement_at(&specimen.bytes[piece.start..]).map(|(_, cited)| cited),
        Sort::Citation(_) => citation_at(&specimen.bytes[piece.start..]).map(|(_, cited)| cited),
        Sort::Opening => None,
    };
    specimen.pieces.iter().filter_map(read).collect()
}

/// One slot, one digest: what the victim has signed in the scene, and what of its complaints comes first.
struct Signatures {
    victim: ActorId,
    table: BTreeMap<(Kind, u64), Digest>,
}

impl Signatures {
    fn of(victim: ActorId, scene: &Scene) -> Self {
        let Scene { seals, other_seal, receipts, cuts, attestations, other_attestations, .. } = scene;
        let mut all: Vec<Citation> = Vec::new();
        all.extend(scene.bundles.iter().flatten().chain(&scene.others).map(|p| p.bundle.cite()));
        all.extend(seals.iter().chain([other_seal]).map(Signed::cite));
        all.extend(receipts.iter().map(Signed::cite));
        all.extend(cuts.iter().map(Signed::cite));
        all.extend(attestations.iter().chain(other_attestations).map(Signed::cite));
        all.extend(scene.cosignatures.iter().map(Signed::cite));
        all.extend(scene.handler_receipts.iter().map(Signed::cite));
        all.extend([scene.ack.cite(), scene.seal_ack.cite()]);
        let own = all.into_iter().filter(|cited| cited.actor == victim);
        Signatures { victim, table: own.map(|cited| ((cited.kind, cited.slot), cited.digest)).collect() }
    }

    /// Whether the victim can have signed all this and be honest.
    fn admits(&mut self, specimen: &Specimen, trust: &Trust) -> bool {
        let own = signed_in(specimen).into_iter().filter(|cited| cited.actor == self.victim);
        let own: Vec<Citation> =
            own.filter(|cited| cited.verify(trust) && cited.kind != Kind::Refusal).collect();
        let late = |kind| matches!(kind, Kind::Complaint | Kind::Defence);
        let fits = |cited: &Citation| match self.table.get(&(cited.kind, cited.slot)) {
            Some(digest) => *digest == cited.digest,
            None => late(cited.kind),
        };
        let admitted = own.iter().all(fits);
        if admitted {
            self.table.extend(own.into_iter().map(|cited| ((cited.kind, cited.slot), cited.digest)));
        }
        admitted
    }
}

/// What accusers can get hold of if the victim is honest, and all others are not.
fn specimens(victim: ActorId, scene: &Scene) -> Vec<Specimen> {
    let mut signatures = Signatures::of(victim, scene);
    let cases = cases(scene);
    let honest = cases.iter().flat_map(|case| &case.honest);
    let guilty = cases.iter().filter(|case| case.accused != victim).map(|case| &case.guilty);
    let all = honest.chain(guilty).map(|evidence| Specimen::new(evidence.to_bytes()));
    all.filter(|specimen| signatures.admits(specimen, &scene.pen.trust)).collect()
}

fn mutate(pool: &[Specimen], by_sort: &BTreeMap<Sort, Vec<Vec<u8>>>, random: &mut Random) -> Vec<u8> {
    let mut bytes = pool[random.below(pool.len())].bytes.clone();
    for _ in 0..1 + random.below(3) {
        let pieces = pieces_near(&bytes, pool, random);
        let piece = (!pieces.is_empty()).then(|| pieces[random.below(pieces.len())]);
        match (random.below(10), piece) {
            (0..=4, Some(Piece { sort, start, end })) => {
                let sorts: Vec<Sort> = by_sort.keys().copied().collect();
                let other = if random.below(8) == 0 { sorts[random.below(sorts.len())] } else { sort };
                let Some(others) = by_sort.get(&other) else { continue };
                bytes.splice(start..end, others[random.below(others.len())].iter().copied());
            }
            (5, Some(Piece { start, end, .. })) => {
                // drop it, with the option tag or the count before it
                bytes.drain(start..end);
                if let Some(tag) = start.checked_sub(1).and_then(|at| bytes.get_mut(at)) {
                    *tag = tag.wrapping_sub(1);
                }
            }
            (6, Some(Piece { start, end, .. })) => {
                let again = bytes[start..end].to_vec();
                bytes.splice(start..start, again);
                if let Some(tag) = start.checked_sub(1).and_then(|at| bytes.get_mut(at)) {
                    *tag = tag.wrapping_add(1);
                }
            }
            (7, Some(one)) => {
                // permute two of a sort
                let same = pieces.iter().filter(|other| other.sort == one.sort && other.start >= one.end);
                if let Some(other) = same.copied().next() {
                    let (left, right) =
                        (bytes[one.start..one.end].to_vec(), bytes[other.start..other.end].to_vec());
                    bytes.splice(other.start..other.end, left);
                    bytes.splice(one.start..one.end, right);
                }
            }
            (8, _) => bytes[0] = 1 + random.below(Evidence::PREDICATES.len()) as u8,
            _ => {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// The pieces of these bytes; searched for anew, since the bytes may have been changed already.
fn pieces_near(bytes: &[u8], pool: &[Specimen], random: &mut Random) -> Vec<Piece> {
    let known = pool.iter().find(|specimen| specimen.bytes == bytes);
    match known {
        Some(specimen) => specimen.pieces.clone(),
        None if random.below(2) == 0 => pieces(bytes),
        None => Vec::new(),
    }
}

#[test]
fn a_hundred_thousand_mutations_expose_no_honest_actor() {
    let scene = Scene::new(Pen::modelled());
    let trust = scene.pen.trust.clone();
    let victims = [
        ActorId::Client(client(0)),
        ActorId::Client(client(1)),
        incoming(0),
        incoming(1),
        ActorId::SEQUENCER,
        mailbox(0),
        mailbox(1),
        ActorId::Server(Role::Witness, 0),
        HANDLER,
    ];
    let (mut total, mut read, mut exposed) = (0, 0, 0);
    for (seed, victim) in (0..).zip(victims) {
        let pool = specimens(victim, &scene);
        assert!(pool.len() > 60, "{victim}: {} specimens", pool.len());
        let mut by_sort: BTreeMap<Sort, Vec<Vec<u8>>> = BTreeMap::new();
        for specimen in &pool {
            for piece in &specimen.pieces {
                by_sort.entry(piece.sort).or_default().push(specimen.bytes[piece.start..piece.end].to_vec());
            }
        }
        let mut random = Random(seed);
        let mut others = BTreeSet::new();
        for _ in 0..12_500 {
            let bytes = mutate(&pool, &by_sort, &mut random);
            total += 1;
            let Ok(evidence) = Evidence::from_bytes(&bytes) else { continue };
            read += 1;
            let verdict = judge(&evidence, &trust);
            assert_ne!(verdict.exposed(), Some(victim), "{verdict} {}", hex::encode(&bytes));
            others.extend(verdict.exposed());
            exposed += usize::from(verdict.exposed().is_some());
        }
        assert!(others.len() > 2, "{victim}: the lies of others still show: {others:?}");
    }
    println!("{total} mutated evidences: {read} could be read, {exposed} exposed a liar, 0 an honest actor");
    assert!(total == 112_500 && read > 20_000 && exposed > 1_000);
}

/// Whoever has stolen a key that is revoked since can sign as its owner whatever he likes, and has what witnesses cosigned.
#[test]
fn fifty_thousand_mutations_with_a_stolen_key_do_not_expose_its_owner() {
    let scene = Scene::new(Pen::modelled());
    let trust = &scene.pen.trust;
    let anchors = scene.cosignatures.each_ref().map(Signed::to_unverified);
    let lies: Vec<Evidence> = cases(&scene)
        .into_iter()
        .flat_map(|case| case.honest.into_iter().chain([case.guilty]))
        .flat_map(|evidence| [evidence.clone(), evidence.anchored_in(&anchors)])
        .collect();
    let pool: Vec<Specimen> = lies.iter().map(|evidence| Specimen::new(evidence.to_bytes())).collect();
    let mut by_sort: BTreeMap<Sort, Vec<Vec<u8>>> = BTreeMap::new();
    for specimen in &pool {
        for piece in &specimen.pieces {
            by_sort.entry(piece.sort).or_default().push(specimen.bytes[piece.start..piece.end].to_vec());
        }
    }
    let (mut read, mut exposed) = (0, 0);
    for (seed, victim) in (100..).zip([incoming(0), ActorId::SEQUENCER, mailbox(0), HANDLER]) {
        let fences = Kind::ALL.map(|kind| Fence { kind, next: 1000 });
        let bounds = Bounds { fences: fences.to_vec(), cosigned: vec![1000; 2] };
        let changes = [
            Change::Rotate { actor: victim, key: PublicKey([7; 32]) },
            Change::Revoke { actor: victim, number: 0, bounds },
        ];
        let stolen = Trust::new(trust.roster.successor(changes).unwrap(), trust.verifier.clone());
        let mut random = Random(seed);
        for _ in 0..12_500 {
            let bytes = mutate(&pool, &by_sort, &mut random);
            let Ok(evidence) = Evidence::from_bytes(&bytes) else { continue };
            read += 1;
            let verdict = judge(&evidence, &stolen);
            assert_ne!(verdict.exposed(), Some(victim), "{verdict} {}", hex::encode(&bytes));
            // before the key was revoked the same was enough
            exposed += usize::from(judge(&evidence, trust).exposed() == Some(victim));
        }
    }
    println!("{read} could be read, {exposed} would expose the owner if the key were not revoked");
    assert!(read > 10_000 && exposed > 100);
}

#[test]
fn pieces_are_found() {
    let scene = Scene::new(Pen::modelled());
    let seal = Specimen::new(scene.seals[1].to_unverified().to_bytes());
    assert_eq!(signed_in(&seal), [scene.seals[1].cite(), scene.cuts[0].cite()]);
}

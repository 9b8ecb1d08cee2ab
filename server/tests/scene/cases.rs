//! For every predicate and fault: a lie, and the honest statements that come closest.

use server::protocol::{
    attestation::Attestation,
    bundle::Bundle,
    codec::Encode,
    complaint::{Charge, Complaint, Ground},
    cosignature::Cosignature,
    cut::{Cut, Reached},
    digest::Digest,
    evidence::Evidence,
    handler_receipt::HandlerReceipt,
    id::{ActorId, BatchNumber, BundleNumber, Count, Epoch, Position, SequenceId},
    map::{KeyRange, Pruned},
    merkle::Opening,
    predicate::{
        accusation::{Accusation, FalseAccusation},
        attestation::{BadCitation, BadHosting},
        chain::{BrokenChain, Linked},
        cosignature::{SplitView, View},
        cut::{BadCut, CutFault},
        denial::Denial,
        equivocation::Equivocation,
        promise::{BrokenPromise, PromiseProof},
        receipt::{Placed, TwoPlaces},
        refusal::BadRefusal,
        seal::{BadSeal, SealFault},
        seal_ack::BrokenSealAck,
        seals::{CrossSeal, SealedBundle},
    },
    receipt::Receipt,
    refusal::Reason,
    seal::{Manifest, Positions, Seal},
    statement::{Citation, Kind, Signed},
};

use super::{
    Parcelled, Scene, TERMS, attestation, cited, complaint, content, cut, defence, draft, mailboxes,
    manifest, receipt, refusal, seal, tree,
};
use crate::support::{HANDLER, SEQUENCER, client, incoming, mailbox};

/// A lie, and what is closest to it and honest.
pub struct Case {
    pub name: &'static str,
    /// Who lied.
    pub accused: ActorId,
    pub guilty: Evidence,
    /// The same shape, made of honest statements.
    pub honest: Vec<Evidence>,
}

pub fn cases(scene: &Scene) -> Vec<Case> {
    let mut all = Vec::new();
    equivocations(scene, &mut all);
    chains(scene, &mut all);
    promises(scene, &mut all);
    places(scene, &mut all);
    seals(scene, &mut all);
    manifests(scene, &mut all);
    cross_seals(scene, &mut all);
    cuts(scene, &mut all);
    walks(scene, &mut all);
    seal_acks(scene, &mut all);
    attestations(scene, &mut all);
    refusals(scene, &mut all);
    complaints(scene, &mut all);
    cosignatures(scene, &mut all);
    all
}

fn add(
    all: &mut Vec<Case>,
    name: &'static str,
    accused: ActorId,
    guilty: impl Into<Evidence>,
    honest: Vec<Evidence>,
) {
    all.push(Case { name, accused, guilty: guilty.into(), honest });
}

fn equivocations(scene: &Scene, all: &mut Vec<Case>) {
    let other = scene.cut_with(|cut| cut.total = SequenceId(9)).cite();
    let honest = Equivocation { first: scene.cuts[1].cite(), second: scene.cuts[1].cite() };
    let pair = Equivocation { first: scene.cuts[1].cite(), second: other };
    add(all, "equiv", SEQUENCER, pair, vec![honest.into()]);
    let [first, second] = &scene.handler_receipts;
    let again = scene.sign(HandlerReceipt { number: first.number, ..(**second).clone() });
    let honest = Equivocation { first: first.cite(), second: second.cite() };
    let pair = Equivocation { first: first.cite(), second: again.cite() };
    add(all, "equiv: handler receipt", HANDLER, pair, vec![honest.into()]);
}

fn chains(scene: &Scene, all: &mut Vec<Case>) {
    let loose = Digest::of(&[b"loose"]);
    let link = |earlier: Option<Citation>, later: Linked| Evidence::from(BrokenChain { earlier, later });
    let Scene { bundles, seals, cuts, attestations, .. } = scene;

    let first = scene.sign(Bundle { previous: loose, ..(*bundles[0][0].bundle).clone() });
    let honest = link(None, Linked::Bundle(bundles[0][0].bundle.to_unverified()));
    let me = ActorId::Client(client(0));
    add(all, "chain: first bundle", me, link(None, Linked::Bundle(first.to_unverified())), vec![honest]);
    let second = scene.sign(Bundle { previous: loose, ..(*bundles[0][1].bundle).clone() });
    let before = Some(bundles[0][0].bundle.cite());
    let honest = vec![
        link(before, Linked::Bundle(bundles[0][1].bundle.to_unverified())),
        link(before, Linked::Bundle(bundles[1][0].bundle.to_unverified())), // not neighbours
        link(before, Linked::Bundle(bundles[1][1].bundle.to_unverified())), // not of one client
        link(None, Linked::Bundle(bundles[0][1].bundle.to_unverified())),
    ];
    add(all, "chain: bundle", me, link(before, Linked::Bundle(second.to_unverified())), honest);

    let false_seal = scene.seal_with(|seal| seal.previous = loose);
    let before = Some(seals[0].cite());
    let honest = vec![
        link(before, Linked::Seal(seals[1].to_unverified())),
        link(Some(scene.other_seal.cite()), Linked::Seal(seals[1].to_unverified())),
        link(None, Linked::Seal(seals[1].to_unverified())),
        link(None, Linked::Seal(seals[0].to_unverified())),
    ];
    add(all, "chain: seal", incoming(0), link(before, Linked::Seal(false_seal.to_unverified())), honest);

    let false_cut = scene.cut_with(|cut| cut.previous = loose);
    let before = Some(cuts[0].cite());
    let honest = vec![
        link(before, Linked::Cut(cuts[1].to_unverified())),
        link(None, Linked::Cut(cuts[0].to_unverified())),
        link(None, Linked::Cut(cuts[1].to_unverified())),
    ];
    add(all, "chain: cut", SEQUENCER, link(before, Linked::Cut(false_cut.to_unverified())), honest);

    let false_one = scene.sign(Attestation { previous: loose, ..(*attestations[1]).clone() });
    let later = scene.sign(Attestation { epoch: Epoch(3), ..(*attestations[1]).clone() });
    let before = Some(attestations[0].cite());
    let honest = vec![
        link(before, Linked::Attestation(attestations[1].to_unverified())),
        link(Some(scene.other_attestations[0].cite()), Linked::Attestation(attestations[1].to_unverified())),
        link(before, Linked::Attestation(later.to_unverified())), // an epoch between them
        link(None, Linked::Attestation(attestations[0].to_unverified())),
    ];
    let guilty = link(before, Linked::Attestation(false_one.to_unverified()));
    add(all, "chain: attestation", mailbox(0), guilty, honest);
}

fn promise(receipt: &Signed<Receipt>, seal: &Signed<Seal>, proof: PromiseProof) -> Evidence {
    BrokenPromise { receipt: receipt.to_unverified(), seal: seal.to_unverified(), proof }.into()
}

fn leaves(bundles: &[Parcelled]) -> Vec<Digest> {
    bundles.iter().map(Parcelled::leaf).collect()
}

fn promises(scene: &Scene, all: &mut Vec<Case>) {
    let [early, late] = &scene.bundles;
    // reordered after the receipt
    let swapped: Vec<Parcelled> = late.iter().rev().cloned().collect();
    let resealed = scene.reseal(&swapped);
    let place = |position: u64, at: u64, bundles: &[Parcelled]| PromiseProof::Place {
        position: Position(position),
        promised: tree(late).open(&[at]),
        sealed: tree(bundles).open(&[at]),
    };
    let receipts = &scene.receipts;
    let crossed = PromiseProof::Place {
        position: Position(2),
        promised: tree(late).open(&[0]),
        sealed: tree(late).open(&[1]),
    };
    let elsewhere = PromiseProof::Place {
        position: Position(0),
        promised: tree(late).open(&[0]),
        sealed: tree(early).open(&[0]),
    };
    let honest = vec![
        promise(&receipts[1], &scene.seals[1], place(2, 0, late)),
        promise(&receipts[1], &scene.seals[1], place(3, 1, late)),
        promise(&receipts[1], &scene.seals[1], crossed),
        promise(&receipts[1], &scene.seals[0], elsewhere),
    ];
    add(all, "promise: place", incoming(0), promise(&receipts[1], &resealed, place(2, 0, &swapped)), honest);

    let queue = |before: Option<&Signed<Seal>>, bundles: &[Parcelled]| PromiseProof::Chain {
        before: before.map(Signed::to_unverified),
        leaves: leaves(bundles),
    };
    // a receipt over three bundles, of which the second is the last that this seal closes
    let split = scene.sign(receipt(0, 0, Digest::ZERO, &[early.clone(), vec![late[0].clone()]].concat()));
    let honest = vec![
        promise(&receipts[1], &scene.seals[1], queue(Some(&scene.seals[0]), late)),
        promise(&receipts[0], &scene.seals[0], queue(None, early)),
        promise(&receipts[0], &scene.seals[1], queue(Some(&scene.seals[0]), late)),
        promise(&split, &scene.seals[0], queue(None, early)),
        promise(&split, &scene.seals[1], queue(Some(&scene.seals[0]), late)),
        promise(&receipts[1], &scene.seals[1], queue(Some(&scene.seals[0]), early)),
        promise(&receipts[1], &scene.seals[1], queue(None, late)),
        promise(&receipts[1], &scene.seals[1], queue(Some(&scene.other_seal), late)),
    ];
    let guilty = promise(&receipts[1], &resealed, queue(Some(&scene.seals[0]), &swapped));
    add(all, "promise: chain", incoming(0), guilty, honest);
    let first = scene.sign(seal(0, None, &late[1..], None));
    let short = scene.sign(receipt(0, 0, Digest::ZERO, &early[..1]));
    let honest = vec![promise(&short, &scene.seals[0], queue(None, early))];
    let guilty = promise(&short, &first, queue(None, &late[1..]));
    add(all, "promise: first chain", incoming(0), guilty, honest);
}

fn places(scene: &Scene, all: &mut Vec<Case>) {
    let [early, late] = &scene.bundles;
    let placed = |receipt: &Signed<Receipt>, bundle: &Parcelled, opening: Opening| Placed {
        receipt: receipt.to_unverified(),
        bundle: bundle.bundle.cite(),
        opening,
    };
    let again = [late[1].clone(), early[1].clone()];
    let twice = scene.sign(receipt(0, 4, scene.seals[1].chain, &again));
    let elsewhere = scene.sign(receipt(1, 4, Digest::ZERO, &again));
    let here = placed(&scene.receipts[0], &early[1], tree(early).open(&[1]));
    let pair = |second: Placed| Evidence::from(TwoPlaces { first: here.clone(), second });
    let honest = vec![
        pair(here.clone()),
        pair(placed(&scene.receipts[0], &early[0], tree(early).open(&[0]))),
        pair(placed(&scene.receipts[1], &late[0], tree(late).open(&[0]))),
        pair(placed(&scene.receipts[1], &early[1], tree(late).open(&[0]))),
        pair(placed(&elsewhere, &early[1], tree(&again).open(&[1]))),
    ];
    let guilty = pair(placed(&twice, &early[1], tree(&again).open(&[1])));
    add(all, "receipt2", incoming(0), guilty, honest);
}

fn bad_seal(seal: &Signed<Seal>, fault: SealFault) -> Evidence {
    BadSeal { seal: seal.to_unverified(), fault }.into()
}

fn seals(scene: &Scene, all: &mut Vec<Case>) {
    let [early, late] = &scene.bundles;
    let [first, second] = &scene.seals;
    let me = incoming(0);
    let start = |before: &Signed<Seal>| SealFault::Start { before: before.to_unverified() };
    let guilty = scene.seal_with(|seal| (seal.start, seal.end) = (Position(3), Position(5)));
    let honest = vec![
        bad_seal(second, start(first)),
        bad_seal(second, start(&scene.other_seal)),
        bad_seal(first, start(second)),
    ];
    add(all, "badseal: start", me, bad_seal(&guilty, start(first)), honest);
    let guilty = scene.sign(Seal { start: Position(1), end: Position(3), ..(**first).clone() });
    let honest = vec![bad_seal(first, SealFault::First), bad_seal(second, SealFault::First)];
    add(all, "badseal: first", me, bad_seal(&guilty, SealFault::First), honest);

    let count = |bundles: &[Parcelled]| SealFault::Count { bundles: cited(bundles) };
    let guilty = scene.seal_with(|seal| seal.end = Position(5));
    let honest = vec![
        bad_seal(second, count(late)),
        bad_seal(second, count(&late[..1])),
        bad_seal(second, count(&[])),
    ];
    add(all, "badseal: count", me, bad_seal(&guilty, count(late)), honest);

    let chain = |before: Option<&Signed<Seal>>, bundles: &[Parcelled]| SealFault::Chain {
        before: before.map(Signed::to_unverified),
        bundles: cited(bundles),
    };
    let guilty = scene.seal_with(|seal| seal.chain = first.chain);
    let honest = vec![
        bad_seal(second, chain(Some(first), late)),
        bad_seal(first, chain(None, early)),
        bad_seal(second, chain(None, late)),
        bad_seal(second, chain(Some(&scene.other_seal), late)),
    ];
    add(all, "badseal: chain", me, bad_seal(&guilty, chain(Some(first), late)), honest);

    let regress = |before: &Signed<Seal>| SealFault::Regress { before: before.to_unverified() };
    let third = scene.sign(seal(0, Some(second), &[], Some(&scene.cuts[1])));
    let blind = scene.sign(seal(0, Some(second), &[], None));
    let honest = vec![
        bad_seal(second, regress(first)),
        bad_seal(&third, regress(second)),
        bad_seal(first, regress(second)), // an older seal has seen less
    ];
    add(all, "badseal: regress to none", me, bad_seal(&blind, regress(second)), honest);
    let back = scene.sign(seal(0, Some(&third), &[], Some(&scene.cuts[0])));
    add(
        all,
        "badseal: regress",
        me,
        bad_seal(&back, regress(&third)),
        vec![bad_seal(&back, regress(second))],
    );

    let mut forged = scene.cuts[0].cite();
    forged.signature = scene.cuts[1].cite().signature;
    let guilty = scene.seal_with(|seal| seal.seen = Some(forged));
    let honest = vec![bad_seal(second, SealFault::Seen), bad_seal(first, SealFault::Seen)];
    add(all, "badseal: seen", me, bad_seal(&guilty, SealFault::Seen), honest);
}

fn leaf_fault(bundle: Citation, bundles: &[Parcelled], at: u64) -> SealFault {
    SealFault::Leaf { bundle, opening: tree(bundles).open(&[at]) }
}

fn leaves_of(scene: &Scene, parcelled: Parcelled) -> (Vec<Parcelled>, Signed<Seal>) {
    let bundles = scene.late_with(parcelled);
    let seal = scene.reseal(&bundles);
    (bundles, seal)
}

fn leaf_cases(scene: &Scene, all: &mut Vec<Case>) {
    let late = &scene.bundles[1];
    let me = incoming(0);
    let own = (*late[0].bundle).clone();
    let forged = Parcelled { bundle: scene.pen.forge(own), content: late[0].content.clone() };
    let (bundles, seal) = leaves_of(scene, forged.clone());
    let honest = vec![
        bad_seal(&scene.seals[1], leaf_fault(late[0].bundle.cite(), late, 0)),
        bad_seal(&scene.seals[1], leaf_fault(late[1].bundle.cite(), late, 1)),
        // the accuser exchanges the signature in the opening (control 1)
        bad_seal(&scene.seals[1], leaf_fault(forged.bundle.cite(), late, 0)),
        bad_seal(&scene.seals[1], leaf_fault(late[1].bundle.cite(), late, 0)),
    ];
    let guilty = bad_seal(&seal, leaf_fault(forged.bundle.cite(), &bundles, 0));
    add(all, "badseal: leaf forged", me, guilty, honest);
    let (bundles, seal) = leaves_of(scene, scene.others[0].clone());
    let guilty = bad_seal(&seal, leaf_fault(scene.others[0].bundle.cite(), &bundles, 0));
    let at_home = leaf_fault(scene.others[0].bundle.cite(), &scene.others, 0);
    add(all, "badseal: leaf misrouted", me, guilty, vec![bad_seal(&scene.other_seal, at_home)]);
    let cut = scene.cuts[0].cite();
    let leaf = server::protocol::receipt::bundle_leaf(&cut);
    let odd = server::protocol::merkle::Tree::new(vec![leaf, late[1].leaf()]);
    let seal = scene.seal_with(|seal| seal.leaves = odd.root());
    let guilty = bad_seal(&seal, SealFault::Leaf { bundle: cut, opening: odd.open(&[0]) });
    add(all, "badseal: leaf no bundle", me, guilty, Vec::new());

    let ahead = |parcelled: &Parcelled, bundles: &[Parcelled], at: u64| SealFault::Ahead {
        bundle: parcelled.bundle.to_unverified(),
        opening: tree(bundles).open(&[at]),
    };
    let early = scene.write(0, Some(&scene.bundles[0][1]), Some(scene.cuts[1].cite()));
    let (bundles, seal) = leaves_of(scene, early.clone());
    let honest = vec![
        bad_seal(&scene.seals[1], ahead(&late[0], late, 0)),
        bad_seal(&scene.seals[1], ahead(&late[1], late, 1)),
        bad_seal(&scene.seals[1], ahead(&early, late, 0)),
    ];
    add(all, "badseal: ahead", me, bad_seal(&seal, ahead(&early, &bundles, 0)), honest);
    let blind = scene.sign(Seal { seen: None, ..(*seal).clone() });
    add(all, "badseal: ahead of none", me, bad_seal(&blind, ahead(&early, &bundles, 0)), Vec::new());
    let fake = Citation { digest: Digest::ZERO, ..scene.cuts[0].cite() };
    let fake = scene.write(0, Some(&scene.bundles[0][1]), Some(fake));
    let (bundles, seal) = leaves_of(scene, fake.clone());
    add(all, "badseal: ahead of no cut", me, bad_seal(&seal, ahead(&fake, &bundles, 0)), Vec::new());
}

fn leaves_fifo(scene: &Scene, all: &mut Vec<Case>) {
    let [early, late] = &scene.bundles;
    let me = incoming(0);
    let fifo = |first: &Parcelled, second: &Parcelled, opening: Opening| SealFault::Fifo {
        first: first.bundle.cite(),
        second: second.bundle.cite(),
        opening,
    };
    let swapped = [early[1].clone(), early[0].clone()];
    let guilty = scene.sign(seal(0, None, &swapped, None));
    let both = |bundles: &[Parcelled]| tree(bundles).open(&[0, 1]);
    let honest = vec![
        bad_seal(&scene.seals[0], fifo(&early[0], &early[1], both(early))),
        bad_seal(&scene.seals[0], fifo(&early[1], &early[0], both(early))),
        bad_seal(&scene.seals[0], fifo(&early[0], &early[0], tree(early).open(&[0]))),
        bad_seal(&scene.seals[1], fifo(&late[0], &late[1], both(late))),
    ];
    let fault = fifo(&swapped[0], &swapped[1], both(&swapped));
    add(all, "badseal: fifo", me, bad_seal(&guilty, fault), honest);
    let twice = [early[0].clone(), early[0].clone()];
    let guilty = scene.sign(seal(0, None, &twice, None));
    let fault = fifo(&twice[0], &twice[1], both(&twice));
    add(all, "badseal: fifo twice", me, bad_seal(&guilty, fault), Vec::new());
}

/// Two recipients named at the position, one of whom is the bundle's.
fn omission(
    of: &Parcelled,
    bundles: &[Parcelled],
    at: u64,
    who: usize,
    manifest: Pruned<Positions>,
) -> SealFault {
    let envelopes = &of.content.envelopes;
    let index = envelopes.iter().position(|envelope| envelope.recipient == client(who)).unwrap_or(0);
    SealFault::Omitted {
        bundle: of.bundle.to_unverified(),
        opening: tree(bundles).open(&[at]),
        recipient: client(who),
        salt: envelopes[index].salt,
        ciphertext: Digest::of(&[&envelopes[index].ciphertext]),
        envelope: of.content.tree().open(&[index as u64]),
        manifest,
    }
}

fn manifests(scene: &Scene, all: &mut Vec<Case>) {
    leaf_cases(scene, all);
    leaves_fifo(scene, all);
    let late = &scene.bundles[1];
    let me = incoming(0);
    let whole = || manifest(Position(2), late);
    let shown = |who: usize| whole().prune_to(&client(who));
    // bundle 0 of the seal goes to client 2, bundle 1 to clients 0 and 3
    let without = |who: usize| {
        let mut less = Manifest::default();
        let all = whole();
        all.iter()
            .filter(|(key, _)| **key != client(who))
            .for_each(|(key, at)| less.insert(*key, at.clone()));
        less
    };
    let mut less = without(3);
    let guilty = scene.seal_with(|seal| seal.manifest = less.root());
    let fault = omission(&late[1], late, 1, 3, less.prune_to(&client(3)));
    let honest = vec![
        bad_seal(&scene.seals[1], omission(&late[1], late, 1, 3, shown(3))),
        bad_seal(&scene.seals[1], omission(&late[0], late, 0, 2, shown(2))),
        bad_seal(&scene.seals[1], omission(&late[0], late, 0, 3, shown(3))), // no recipient of that one
        bad_seal(&scene.seals[1], omission(&late[1], late, 1, 3, less.prune_to(&client(3)))),
        bad_seal(&scene.seals[1], omission(&late[1], late, 1, 3, Pruned::Hidden(whole().root()))),
    ];
    add(all, "badseal: omitted", me, bad_seal(&guilty, fault), honest);
    let mut moved = without(3);
    moved.insert(client(3), Positions(vec![Position(2)]));
    let guilty = scene.seal_with(|seal| seal.manifest = moved.root());
    let fault = omission(&late[1], late, 1, 3, moved.prune_to(&client(3)));
    add(all, "badseal: omitted here", me, bad_seal(&guilty, fault), Vec::new());

    let padded = |of: &Parcelled, at: u64, manifest: Pruned<Positions>| SealFault::Padded {
        bundle: of.bundle.to_unverified(),
        opening: tree(late).open(&[at]),
        manifest,
    };
    let everything = |mut map: Manifest| map.prune_to_range(KeyRange::of(0, 1));
    let mut more = whole();
    more.insert(client(1), Positions(vec![Position(2)]));
    let guilty = scene.seal_with(|seal| seal.manifest = more.root());
    let honest = vec![
        bad_seal(&scene.seals[1], padded(&late[0], 0, everything(whole()))),
        bad_seal(&scene.seals[1], padded(&late[1], 1, everything(whole()))),
        bad_seal(&scene.seals[1], padded(&late[1], 1, shown(3))),
        bad_seal(&scene.seals[1], padded(&late[0], 0, everything(more.clone()))),
        bad_seal(&scene.seals[1], padded(&late[1], 0, everything(whole()))),
    ];
    add(all, "badseal: padded", me, bad_seal(&guilty, padded(&late[0], 0, everything(more))), honest);

    let entry = |who: usize, manifest: Pruned<Positions>| SealFault::Entry { client: client(who), manifest };
    let odd = [
        ("badseal: entry outside", vec![2, 4]),
        ("badseal: entry twice", vec![2, 2]),
        ("badseal: entry unsorted", vec![3, 2]),
    ];
    for (name, positions) in odd {
        let mut map = whole();
        map.insert(client(2), Positions(positions.into_iter().map(Position).collect()));
        let guilty = scene.seal_with(|seal| seal.manifest = map.root());
        let fault = entry(2, map.prune_to(&client(2)));
        let honest = vec![
            bad_seal(&scene.seals[1], entry(2, shown(2))),
            bad_seal(&scene.seals[1], entry(1, shown(1))),
            bad_seal(&scene.seals[1], fault.clone()),
        ];
        add(all, name, me, bad_seal(&guilty, fault), honest);
    }
}

fn cross_seals(scene: &Scene, all: &mut Vec<Case>) {
    let [early, late] = &scene.bundles;
    let sealed = |seal: &Signed<Seal>, bundles: &[Parcelled], at: u64| SealedBundle {
        seal: seal.to_unverified(),
        bundle: bundles[at as usize].bundle.cite(),
        opening: tree(bundles).open(&[at]),
    };
    let pair = |earlier: SealedBundle, later: SealedBundle| Evidence::from(CrossSeal { earlier, later });
    let again = scene.late_with(early[1].clone());
    let guilty = scene.reseal(&again);
    let [first, second] = &scene.seals;
    let honest = vec![
        pair(sealed(first, early, 1), sealed(second, late, 0)),
        pair(sealed(second, late, 0), sealed(first, early, 1)),
        pair(sealed(first, early, 1), sealed(first, early, 0)),
        pair(sealed(first, early, 1), sealed(second, late, 1)), // of two clients
        pair(sealed(&scene.other_seal, &scene.others, 0), sealed(second, late, 0)),
    ];
    let guilty = pair(sealed(first, early, 1), sealed(&guilty, &again, 0));
    add(all, "xseal", incoming(0), guilty, honest);
}

fn bad_cut(cut: &Signed<Cut>, fault: CutFault) -> Evidence {
    BadCut { cut: cut.to_unverified(), fault }.into()
}

fn cuts(scene: &Scene, all: &mut Vec<Case>) {
    let [first, second] = &scene.cuts;
    let alone = |cut: &Signed<Cut>| bad_cut(cut, CutFault::Alone);
    let honest = || vec![alone(first), alone(second)];
    let missing = scene.cut_with(|cut| cut.reached.truncate(1));
    add(all, "badcut: actor missing", SEQUENCER, alone(&missing), honest());
    let phantom = scene.cut_with(|cut| {
        let forged = Citation { digest: Digest::ZERO, ..scene.other_seal.cite() };
        cut.reached[1].seal = Some(forged);
    });
    add(all, "badcut: phantom seal", SEQUENCER, alone(&phantom), honest());
    let crossed = scene.cut_with(|cut| cut.reached[1].seal = Some(scene.seals[0].cite()));
    add(all, "badcut: seal of another", SEQUENCER, alone(&crossed), honest());
    let bare = scene.cut_with(|cut| cut.reached[1].seal = None);
    add(all, "badcut: end without seal", SEQUENCER, alone(&bare), honest());
    let total = scene.cut_with(|cut| cut.total = SequenceId(6));
    add(all, "badcut: total", SEQUENCER, alone(&total), honest());
    let overflow = scene.cut_with(|cut| cut.reached[0].end = Position(u64::MAX));
    add(all, "badcut: total overflows", SEQUENCER, alone(&overflow), Vec::new());
    let based = scene.sign(Cut { base: SequenceId(1), ..(**first).clone() });
    add(all, "badcut: first base", SEQUENCER, alone(&based), honest());

    let follows = |before: &Signed<Cut>| CutFault::Follows { before: before.to_unverified() };
    let honest = || {
        vec![
            bad_cut(second, follows(first)),
            bad_cut(first, follows(second)),
            bad_cut(second, follows(second)),
        ]
    };
    let based = scene.cut_with(|cut| cut.base = SequenceId(2));
    add(all, "badcut: base", SEQUENCER, bad_cut(&based, follows(first)), honest());
    let gone = scene.cut_with(|cut| cut.reached[1] = Reached::default());
    add(all, "badcut: reached nothing", SEQUENCER, bad_cut(&gone, follows(first)), honest());
    let ends = scene.cut_with(|cut| cut.reached[1].end = Position(0));
    add(all, "badcut: end goes back", SEQUENCER, bad_cut(&ends, follows(first)), honest());
    let changed = scene.sign(Seal { content_bytes: 0, ..(*scene.other_seal).clone() });
    let changed = scene.cut_with(|cut| cut.reached[1].seal = Some(changed.cite()));
    add(all, "badcut: changed seal", SEQUENCER, bad_cut(&changed, follows(first)), honest());
    let third = scene.sign(cut(Some(second), &[Some(&scene.seals[0]), Some(&scene.other_seal)]));
    let honest = vec![bad_cut(&third, follows(first))]; // not neighbours
    add(all, "badcut: slot goes back", SEQUENCER, bad_cut(&third, follows(second)), honest);

    let end = |seal: &Signed<Seal>| CutFault::End { seal: seal.to_unverified() };
    let short = scene.cut_with(|cut| cut.reached[0].end = Position(3));
    let honest = vec![
        bad_cut(second, end(&scene.seals[1])),
        bad_cut(second, end(&scene.seals[0])),
        bad_cut(first, end(&scene.seals[0])),
        bad_cut(second, end(&scene.other_seal)),
    ];
    add(all, "badcut: end", SEQUENCER, bad_cut(&short, end(&scene.seals[1])), honest);
}

fn walks(scene: &Scene, all: &mut Vec<Case>) {
    let [first, second] = &scene.cuts;
    let [seal_0, seal_1] = &scene.seals;
    let extends = |before: Option<&Signed<Cut>>, seals: &[&Signed<Seal>]| CutFault::Extends {
        before: before.map(Signed::to_unverified),
        seals: seals.iter().map(|seal| seal.to_unverified()).collect(),
    };
    let late = &scene.bundles[1];
    let honest = || {
        vec![
            bad_cut(second, extends(Some(first), &[seal_1])),
            bad_cut(second, extends(Some(first), &[seal_1, seal_0])),
            bad_cut(second, extends(Some(first), &[])),
            bad_cut(second, extends(None, &[seal_1, seal_0])),
            bad_cut(first, extends(None, &[seal_0])),
            bad_cut(first, extends(None, &[&scene.other_seal])),
            bad_cut(second, extends(Some(first), &[seal_0])),
        ]
    };
    // incoming actor 0 forks its queue, and the sequencer plays along
    let fork = scene.sign(Seal { content_bytes: 0, ..(**seal_0).clone() });
    let on_fork = scene.sign(seal(0, Some(&fork), late, Some(first)));
    let guilty = scene.sign(cut(Some(first), &[Some(&on_fork), Some(&scene.other_seal)]));
    let fault = extends(Some(first), &[&on_fork]);
    add(all, "badcut: extends a fork", SEQUENCER, bad_cut(&guilty, fault), honest());
    let third = scene.sign(seal(0, Some(&on_fork), &[], Some(first)));
    let guilty = scene.sign(cut(Some(first), &[Some(&third), Some(&scene.other_seal)]));
    let fault = extends(Some(first), &[&third, &on_fork]);
    add(all, "badcut: extends a fork, two seals", SEQUENCER, bad_cut(&guilty, fault), honest());
    let gap = scene.sign(Seal { batch: BatchNumber(3), ..(**seal_1).clone() });
    let guilty = scene.sign(cut(Some(first), &[Some(&gap), Some(&scene.other_seal)]));
    let fault = extends(Some(first), &[&gap, seal_0]);
    add(all, "badcut: extends over a gap", SEQUENCER, bad_cut(&guilty, fault), honest());
    let guilty = scene.sign(cut(None, &[Some(seal_1), None]));
    let fault = extends(None, &[seal_1, seal_0]);
    // a first cut may take two seals at once
    all.last_mut().unwrap().honest.push(bad_cut(&guilty, fault));
    let loose = scene.sign(Seal { start: Position(1), end: Position(3), ..(**seal_0).clone() });
    let guilty = scene.sign(cut(None, &[Some(&loose), None]));
    add(all, "badcut: extends nothing", SEQUENCER, bad_cut(&guilty, extends(None, &[&loose])), honest());
}

fn seal_acks(scene: &Scene, all: &mut Vec<Case>) {
    let broken = |cut: &Signed<Cut>, incoming: u32| {
        Evidence::from(BrokenSealAck {
            ack: scene.seal_ack.to_unverified(),
            cut: cut.to_unverified(),
            incoming,
        })
    };
    let less = scene.sign(cut(Some(&scene.cuts[0]), &[Some(&scene.seals[0]), Some(&scene.other_seal)]));
    let honest = vec![
        broken(&scene.cuts[1], 0),
        broken(&scene.cuts[1], 1),
        broken(&scene.cuts[0], 0), // not after the promise
        broken(&less, 1),
        broken(&scene.cuts[1], 7),
    ];
    add(all, "sackbroken", SEQUENCER, broken(&less, 0), honest);
    let none = scene.sign(cut(Some(&scene.cuts[0]), &[None, Some(&scene.other_seal)]));
    add(all, "sackbroken: none", SEQUENCER, broken(&none, 0), Vec::new());
    let fork = scene.seal_with(|seal| seal.content_bytes = 0);
    let fork = scene.sign(cut(Some(&scene.cuts[0]), &[Some(&fork), Some(&scene.other_seal)]));
    add(all, "sackbroken: fork", SEQUENCER, broken(&fork, 0), Vec::new());
}

fn attestations(scene: &Scene, all: &mut Vec<Case>) {
    let [first, second] = &scene.attestations;
    let hosting = |attestation: &Signed<Attestation>, who: usize, mailboxes| {
        let attestation = attestation.to_unverified();
        Evidence::from(BadHosting { attestation, client: client(who), mailboxes })
    };
    let mut held = mailboxes(&[0, 2]);
    let mut more = mailboxes(&[0, 1, 2]);
    let guilty = scene.sign(attestation(0, Some(first), &scene.cuts[1], &mut more));
    let honest = vec![
        hosting(second, 0, held.prune_to(&client(0))),
        hosting(second, 1, held.prune_to(&client(1))),
        hosting(second, 1, more.prune_to(&client(1))),
        hosting(second, 1, Pruned::Hidden(held.root())),
    ];
    let guilty = hosting(&guilty, 1, more.prune_to(&client(1)));
    add(all, "badattestation: hosting", mailbox(0), guilty, honest);

    let citation = |attestation: &Signed<Attestation>,
                    previous: Option<&Signed<Attestation>>,
                    cut: Option<&Signed<Cut>>| {
        Evidence::from(BadCitation {
            attestation: attestation.to_unverified(),
            previous: previous.map(Signed::to_unverified),
            cut: cut.map(Signed::to_unverified),
        })
    };
    let honest = || {
        vec![
            citation(second, None, None),
            citation(second, Some(first), Some(&scene.cuts[1])),
            citation(first, None, Some(&scene.cuts[0])),
            citation(second, None, Some(&scene.cuts[1])),
            citation(second, Some(&scene.other_attestations[0]), Some(&scene.cuts[1])),
            citation(second, Some(first), Some(&scene.cuts[0])),
            citation(second, Some(first), None),
        ]
    };
    let stale = scene.sign(Attestation { cut: scene.cuts[0].cite(), ..(**second).clone() });
    add(all, "badattestation: other epoch", mailbox(0), citation(&stale, None, None), honest());
    let forged = Citation { digest: Digest::ZERO, ..scene.cuts[1].cite() };
    let forged = scene.sign(Attestation { cut: forged, ..(**second).clone() });
    add(all, "badattestation: forged cut", mailbox(0), citation(&forged, None, None), honest());
    let branch = scene.cut_with(|cut| cut.previous = Digest::of(&[b"branch"]));
    let crossed = scene.sign(Attestation { cut: branch.cite(), ..(**second).clone() });
    let guilty = citation(&crossed, Some(first), Some(&branch));
    add(all, "badattestation: other branch", mailbox(0), guilty, honest());
    let rooted = scene.sign(Cut { previous: Digest::of(&[b"root"]), ..(*scene.cuts[0]).clone() });
    let begun = scene.sign(Attestation { cut: rooted.cite(), ..(**first).clone() });
    add(all, "badattestation: other root", mailbox(0), citation(&begun, None, Some(&rooted)), honest());
    let skipped = scene.sign(Attestation { epoch: Epoch(3), ..(*crossed).clone() });
    all.last_mut().unwrap().honest.push(citation(&skipped, Some(first), Some(&branch)));
}

fn refusals(scene: &Scene, all: &mut Vec<Case>) {
    let [early, late] = &scene.bundles;
    let me = incoming(0);
    let refused = |index: u32, of: &Parcelled, reason: Reason, shown: bool| {
        let refusal = scene.sign(refusal(index, of, reason)).to_unverified();
        Evidence::from(BadRefusal { refusal, submission: shown.then(|| of.submission()) })
    };
    let stranger = &scene.others[0];
    let honest =
        vec![refused(0, stranger, Reason::Misrouted, false), refused(0, stranger, Reason::Misrouted, true)];
    add(all, "badref: misrouted", me, refused(0, &late[0], Reason::Misrouted, false), honest);
    let gap = |next: u64| Reason::Gap { next: BundleNumber(next) };
    let honest = vec![refused(0, &late[0], gap(0), false), refused(0, &late[0], gap(1), true)];
    add(all, "badref: gap", me, refused(0, &late[0], gap(3), false), honest);
    let other = |other: &Parcelled| Reason::Equivocation { other: other.bundle.cite() };
    let fork = scene.write(0, Some(&early[0]), None);
    let honest = || {
        vec![
            refused(0, &fork, other(&early[1]), false), // a second bundle 1
            refused(0, &fork, other(&early[1]), true),
            refused(0, &late[0], other(&fork), true), // stands after the other bundle 1
            refused(0, &late[0], other(&fork), false),
            refused(0, &late[0], Reason::Malformed, true),
            refused(0, &late[0], Reason::QueueFull { retry_after_ms: 5 }, true),
        ]
    };
    add(all, "badref: the same bundle", me, refused(0, &late[0], other(&late[0]), false), honest());
    add(all, "badref: bundle of another", me, refused(0, &late[0], other(&late[1]), false), honest());
    let forged = scene.pen.forge((*early[1].bundle).clone()).cite();
    let forged = Reason::Equivocation { other: forged };
    add(all, "badref: forged bundle", me, refused(0, &late[0], forged, false), honest());
    add(all, "badref: it follows", me, refused(0, &late[0], other(&early[1]), true), honest());

    let known = |cut: &Signed<Cut>| Reason::ForkedCut { known: cut.cite() };
    let another = scene.sign(Cut { total: SequenceId(8), ..(*scene.cuts[0]).clone() });
    let honest =
        || vec![refused(0, &late[0], known(&another), true), refused(0, &late[0], known(&another), false)];
    add(all, "badref: the same cut", me, refused(0, &late[0], known(&scene.cuts[0]), true), honest());
    add(all, "badref: another epoch", me, refused(0, &late[0], known(&scene.cuts[1]), true), honest());
    add(all, "badref: cites no cut", me, refused(0, &late[1], known(&scene.cuts[0]), true), honest());
    let forged = Citation { digest: Digest::ZERO, ..scene.cuts[0].cite() };
    let guilty = refused(0, &late[0], Reason::ForkedCut { known: forged }, false);
    add(all, "badref: forged cut", me, guilty, honest());
    let expired = |cut: Citation| Reason::Expired { cut };
    let text = content(b"soon", &[0]);
    let soon = Bundle { expiry: Epoch(1), ..draft(0, Some(&early[1]), &text, None) };
    let soon = Parcelled { bundle: scene.sign(soon), content: text };
    let honest = || vec![refused(0, &soon, expired(scene.cuts[1].cite()), true)];
    add(all, "badref: not expired", me, refused(0, &soon, expired(scene.cuts[0].cite()), true), honest());
    add(all, "badref: expired by no cut", me, refused(0, &soon, expired(forged), false), honest());
}

fn complaints(scene: &Scene, all: &mut Vec<Case>) {
    let me = ActorId::Client(client(0));
    let missing = |acks: u64, upto: u64| complaint(me, 0, mailbox(0), acks, Charge::NotReceived(Count(upto)));
    let denial = |body: Complaint| {
        let complaint = scene.sign(body).to_unverified();
        Evidence::from(Denial { complaint, ack: scene.ack.to_unverified() })
    };
    let other = ActorId::Client(client(1));
    let honest = vec![
        denial(missing(4, 6)), // more than was acknowledged
        denial(missing(3, 5)), // said before the ack
        denial(complaint(other, 0, mailbox(0), 9, Charge::NotReceived(Count(1)))),
        denial(complaint(me, 0, mailbox(0), 4, Charge::Proven(Digest::ZERO))),
    ];
    add(all, "denial", me, denial(missing(4, 5)), honest);

    let proven = Evidence::from(Equivocation {
        first: scene.cuts[1].cite(),
        second: scene.cut_with(|cut| cut.total = SequenceId(9)).cite(),
    });
    let unproven = Evidence::from(Equivocation { first: scene.cuts[1].cite(), second: scene.cuts[1].cite() });
    let charge = |evidence: &[u8]| Charge::Proven(Digest::of(&[evidence]));
    let accuse = |against: ActorId, named: &[u8], shown: &[u8]| {
        let complaint = scene.sign(complaint(me, 1, against, 4, charge(named))).to_unverified();
        Evidence::from(FalseAccusation {
            statement: Accusation::Complaint(complaint),
            evidence: shown.to_vec(),
        })
    };
    let (sound, empty) = (proven.to_bytes(), unproven.to_bytes());
    let not_proven = accuse(SEQUENCER, &empty, &empty);
    let honest = || {
        vec![
            accuse(SEQUENCER, &sound, &sound),
            accuse(SEQUENCER, &sound, &empty), // the accuser rests on other bytes
            accuse(SEQUENCER, &sound, b"no evidence"),
        ]
    };
    add(all, "falseacc: not proven", me, not_proven.clone(), honest());
    add(all, "falseacc: another", me, accuse(mailbox(0), &sound, &sound), honest());
    add(all, "falseacc: malformed", me, accuse(SEQUENCER, b"noise", b"noise"), honest());
    let nested = not_proven.to_bytes();
    add(all, "falseacc: nested", me, accuse(me, &nested, &nested), honest());

    let against = scene.sign(complaint(me, 2, mailbox(0), 4, charge(&empty))).cite();
    let defend = |ground: Ground, shown: &[u8]| {
        let defence = scene.sign(defence(mailbox(0), against, ground)).to_unverified();
        Evidence::from(FalseAccusation { statement: Accusation::Defence(defence), evidence: shown.to_vec() })
    };
    let ground = |evidence: &[u8]| Ground::Evidence(Digest::of(&[evidence]));
    let honest = vec![
        defend(ground(&sound), &sound),
        defend(Ground::Unfounded, &empty),
        defend(ground(&sound), &empty),
    ];
    add(all, "falseacc: defence", mailbox(0), defend(ground(&empty), &empty), honest);
}

fn cosignatures(scene: &Scene, all: &mut Vec<Case>) {
    let witness = |index: u32| ActorId::Server(server::protocol::id::Role::Witness, index);
    let heads = |index: u32, number: u64, heads: Vec<Citation>| {
        scene.sign(Cosignature { witness: index, number, terms: TERMS, heads })
    };
    let pair = |first: &Signed<Cosignature>, second: &Signed<Cosignature>| {
        Evidence::from(SplitView {
            first: View::of(first.to_unverified()),
            second: View::of(second.to_unverified()),
        })
    };
    let fork = scene.cut_with(|cut| cut.total = SequenceId(9)).cite();
    let split = heads(0, 2, vec![fork]);
    let other = heads(1, 2, vec![fork]);
    let refusals = [Reason::Misrouted, Reason::Malformed].map(|reason| {
        let refusal = scene.sign(refusal(0, &scene.bundles[0][0], reason)).cite();
        assert_eq!(refusal.kind, Kind::Refusal);
        heads(0, 3, vec![refusal])
    });
    let [first, second] = &scene.cosignatures;
    let honest = vec![
        pair(first, second),
        pair(second, second),
        pair(second, &other), // two witnesses may have seen two sides of a fork
        pair(&refusals[0], &refusals[1]),
    ];
    add(all, "splitview", witness(0), pair(second, &split), honest);
    let both = heads(0, 4, vec![scene.cuts[1].cite(), fork]);
    add(all, "splitview: in one", witness(0), pair(&both, &both), Vec::new());

    let through = |cosignature: &Signed<Cosignature>, attestation: &Signed<Attestation>| View {
        cosignature: cosignature.to_unverified(),
        attestation: Some(attestation.to_unverified()),
    };
    let split = |first: View, second: View| Evidence::from(SplitView { first, second });
    let [_, followed] = &scene.attestations;
    let [earlier, agreed] = &scene.other_attestations;
    let forked = scene.sign(Attestation { cut: fork, ..(**agreed).clone() });
    let over = |index: u32, number: u64, attestation: &Signed<Attestation>| {
        heads(index, number, vec![attestation.cite()])
    };
    let [main, branch] = [over(0, 5, followed), over(0, 6, &forked)];
    let honest = vec![
        split(through(&main, followed), through(&over(0, 6, agreed), agreed)),
        split(through(&main, followed), through(&over(0, 6, earlier), earlier)),
        split(through(&main, followed), through(&over(1, 6, &forked), &forked)),
        split(through(&main, followed), through(&main, &forked)), // it never saw the fork
        split(through(&main, followed), View::of(branch.to_unverified())),
    ];
    let guilty = split(through(&main, followed), through(&branch, &forked));
    add(all, "splitview: two attested cuts", witness(0), guilty, honest);
    let cut = View::of(heads(0, 7, vec![scene.cuts[1].cite()]).to_unverified());
    add(
        all,
        "splitview: a cut and an attestation",
        witness(0),
        split(cut, through(&branch, &forked)),
        Vec::new(),
    );
}

//! What incoming actors promise, seal and refuse.

use super::*;

fn promise(receipt: &Signed<Receipt>, seal: &Signed<Seal>, proof: PromiseProof) -> Evidence {
    BrokenPromise { receipt: receipt.to_unverified(), seal: seal.to_unverified(), proof }.into()
}

fn leaves(bundles: &[Parcelled]) -> Vec<Digest> {
    bundles.iter().map(Parcelled::leaf).collect()
}

pub fn promises(scene: &Scene, all: &mut Vec<Case>) {
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

pub fn places(scene: &Scene, all: &mut Vec<Case>) {
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

pub fn seals(scene: &Scene, all: &mut Vec<Case>) {
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
    forged.endorsement = scene.cuts[1].cite().endorsement;
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
    let envelopes = &of.content.envelopes();
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

pub fn manifests(scene: &Scene, all: &mut Vec<Case>) {
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

pub fn cross_seals(scene: &Scene, all: &mut Vec<Case>) {
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

pub fn refusals(scene: &Scene, all: &mut Vec<Case>) {
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
    let guilty = refused(0, &late[0], Reason::ForkedCut { known: forged.clone() }, false);
    add(all, "badref: forged cut", me, guilty, honest());
    let expired = |cut: Citation| Reason::Expired { cut };
    let text = content(b"soon", &[0]);
    let soon = Bundle { expiry: Epoch(1), ..draft(0, Some(&early[1]), &text, None) };
    let soon = Parcelled { bundle: scene.sign(soon), content: text };
    let honest = || vec![refused(0, &soon, expired(scene.cuts[1].cite()), true)];
    add(all, "badref: not expired", me, refused(0, &soon, expired(scene.cuts[0].cite()), true), honest());
    add(all, "badref: expired by no cut", me, refused(0, &soon, expired(forged), false), honest());
}

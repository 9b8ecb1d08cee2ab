//! What the sequencer orders, and what it had acknowledged.

use super::*;

fn bad_cut(cut: &Signed<Cut>, fault: CutFault) -> Evidence {
    BadCut { cut: cut.to_unverified(), fault }.into()
}

pub fn cuts(scene: &Scene, all: &mut Vec<Case>) {
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

pub fn walks(scene: &Scene, all: &mut Vec<Case>) {
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

pub fn seal_acks(scene: &Scene, all: &mut Vec<Case>) {
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

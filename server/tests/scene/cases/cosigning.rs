//! What witnesses cosign.

use super::*;

pub fn cosignatures(scene: &Scene, all: &mut Vec<Case>) {
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
    let split = heads(0, 2, vec![fork.clone()]);
    let other = heads(1, 2, vec![fork.clone()]);
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
    let both = heads(0, 4, vec![scene.cuts[1].cite(), fork.clone()]);
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

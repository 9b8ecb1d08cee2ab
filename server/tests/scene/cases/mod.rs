//! For every predicate and fault: a lie, and the honest statements that come closest.

mod accusation;
mod cosigning;
mod delivery;
mod order;
mod queue;

use server::protocol::{
    agency::{Agency, device_digest},
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
        agent::Represented,
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
    queue::promises(scene, &mut all);
    queue::places(scene, &mut all);
    queue::seals(scene, &mut all);
    queue::manifests(scene, &mut all);
    queue::cross_seals(scene, &mut all);
    order::cuts(scene, &mut all);
    order::walks(scene, &mut all);
    order::seal_acks(scene, &mut all);
    delivery::attestations(scene, &mut all);
    queue::refusals(scene, &mut all);
    accusation::complaints(scene, &mut all);
    accusation::agencies(scene, &mut all);
    cosigning::cosignatures(scene, &mut all);
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
        link(before.clone(), Linked::Bundle(bundles[0][1].bundle.to_unverified())),
        link(before.clone(), Linked::Bundle(bundles[1][0].bundle.to_unverified())), // not neighbours
        link(before.clone(), Linked::Bundle(bundles[1][1].bundle.to_unverified())), // not of one client
        link(None, Linked::Bundle(bundles[0][1].bundle.to_unverified())),
    ];
    add(all, "chain: bundle", me, link(before, Linked::Bundle(second.to_unverified())), honest);

    let false_seal = scene.seal_with(|seal| seal.previous = loose);
    let before = Some(seals[0].cite());
    let honest = vec![
        link(before.clone(), Linked::Seal(seals[1].to_unverified())),
        link(Some(scene.other_seal.cite()), Linked::Seal(seals[1].to_unverified())),
        link(None, Linked::Seal(seals[1].to_unverified())),
        link(None, Linked::Seal(seals[0].to_unverified())),
    ];
    add(all, "chain: seal", incoming(0), link(before, Linked::Seal(false_seal.to_unverified())), honest);

    let false_cut = scene.cut_with(|cut| cut.previous = loose);
    let before = Some(cuts[0].cite());
    let honest = vec![
        link(before.clone(), Linked::Cut(cuts[1].to_unverified())),
        link(None, Linked::Cut(cuts[0].to_unverified())),
        link(None, Linked::Cut(cuts[1].to_unverified())),
    ];
    add(all, "chain: cut", SEQUENCER, link(before, Linked::Cut(false_cut.to_unverified())), honest);

    let false_one = scene.sign(Attestation { previous: loose, ..(*attestations[1]).clone() });
    let later = scene.sign(Attestation { epoch: Epoch(3), ..(*attestations[1]).clone() });
    let before = Some(attestations[0].cite());
    let honest = vec![
        link(before.clone(), Linked::Attestation(attestations[1].to_unverified())),
        link(Some(scene.other_attestations[0].cite()), Linked::Attestation(attestations[1].to_unverified())),
        link(before.clone(), Linked::Attestation(later.to_unverified())), // an epoch between them
        link(None, Linked::Attestation(attestations[0].to_unverified())),
    ];
    let guilty = link(before, Linked::Attestation(false_one.to_unverified()));
    add(all, "chain: attestation", mailbox(0), guilty, honest);
}

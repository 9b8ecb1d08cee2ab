//! I7: evidence holds nothing superfluous: less any one of its parts it proves nothing.
//!
//! A part is what a list or an option of the evidence holds; what has a field of its own cannot be left out.

use std::collections::BTreeMap;

use server::protocol::{
    evidence::Evidence,
    judge::{Verdict, judge},
    predicate::{
        attestation::{BadAttestation, BadCitation},
        chain::BrokenChain,
        cosignature::{SplitView, View},
        cut::{BadCut, CutFault},
        promise::{BrokenPromise, PromiseProof},
        refusal::BadRefusal,
        seal::{BadSeal, SealFault},
    },
};

use super::Case;
use crate::{history::Caught, scenario::ActorName};

/// Against so many actors a piece of evidence of each predicate is tried per run: each part costs a verdict.
const ACTORS_MAX: usize = 3;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let Some(trust) = &case.trust else { return Ok("nobody to judge".to_owned()) };
    // of each predicate and actor the first piece: what an actor repeats is alike
    let mut chosen: BTreeMap<&str, BTreeMap<ActorName, usize>> = BTreeMap::new();
    for judged in case.judged {
        let Some(actor) = judged.exposed else { continue };
        let predicate = case.record.caught[judged.evidence].evidence.predicate();
        let of_predicate = chosen.entry(predicate).or_default();
        if of_predicate.len() < ACTORS_MAX {
            of_predicate.entry(actor).or_insert(judged.evidence);
        }
    }
    let mut tried = 0;
    for index in chosen.into_values().flat_map(BTreeMap::into_values) {
        let Caught { evidence, roster, .. } = &case.record.caught[index];
        let trust = trust.as_of(*roster);
        for (what, smaller) in without(evidence) {
            tried += 1;
            if matches!(judge(&smaller, &trust), Verdict::Exposed { .. }) {
                let predicate = evidence.predicate();
                return Err(format!("evidence {index} ({predicate}) proves the same without {what}"));
            }
        }
    }
    Ok(format!("{tried} pieces left out"))
}

/// The evidence less each one of its parts.
fn without(evidence: &Evidence) -> Vec<(String, Evidence)> {
    match evidence {
        Evidence::BadAttestation(bad) => derivation(bad),
        Evidence::Anchored(anchored) => (0..anchored.anchors.len())
            .map(|index| {
                let mut fewer = anchored.clone();
                fewer.anchors.remove(index);
                part("a cosignature", fewer)
            })
            .collect(),
        Evidence::BadCitation(bad) => [
            bad.previous
                .as_ref()
                .map(|_| part("the attestation before", BadCitation { previous: None, ..bad.clone() })),
            bad.cut.as_ref().map(|_| part("the cut", BadCitation { cut: None, ..bad.clone() })),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Evidence::BrokenChain(broken) if broken.earlier.is_some() => {
            vec![part("the statement before", BrokenChain { earlier: None, ..broken.clone() })]
        }
        Evidence::BrokenPromise(broken) => promise(broken),
        Evidence::BadSeal(bad) => seal(bad),
        Evidence::BadCut(bad) => cut(bad),
        Evidence::BadRefusal(bad) if bad.submission.is_some() => {
            vec![part("the submission", BadRefusal { submission: None, ..bad.clone() })]
        }
        Evidence::SplitView(split) => split_view(split),
        _ => Vec::new(),
    }
}

fn part(what: impl Into<String>, smaller: impl Into<Evidence>) -> (String, Evidence) {
    (what.into(), smaller.into())
}

/// A list less each one of its items.
fn shorter<T: Clone>(list: &[T]) -> impl Iterator<Item = (usize, Vec<T>)> {
    (0..list.len()).map(|index| {
        let mut list = list.to_vec();
        list.remove(index);
        (index, list)
    })
}

fn derivation(bad: &BadAttestation) -> Vec<(String, Evidence)> {
    let mut all = Vec::new();
    let mut leave_out = |what: String, change: &dyn Fn(&mut BadAttestation)| {
        let mut smaller = bad.clone();
        change(&mut smaller);
        all.push(part(what, smaller));
    };
    for (index, seals) in shorter(&bad.derivation.seals) {
        leave_out(format!("seal {index}"), &|bad| bad.derivation.seals.clone_from(&seals));
    }
    for (index, cuts) in shorter(&bad.derivation.cuts) {
        leave_out(format!("cut {index}"), &|bad| bad.derivation.cuts.clone_from(&cuts));
    }
    if bad.derivation.previous.is_some() {
        leave_out("the attestation before".to_owned(), &|bad| bad.derivation.previous = None);
    }
    if bad.derivation.before.is_some() {
        leave_out("the cut before".to_owned(), &|bad| bad.derivation.before = None);
    }
    all
}

fn promise(broken: &BrokenPromise) -> Vec<(String, Evidence)> {
    let PromiseProof::Chain { before, leaves } = &broken.proof else { return Vec::new() };
    let with = |proof| BrokenPromise { proof, ..broken.clone() };
    let mut all: Vec<_> = shorter(leaves)
        .map(|(index, leaves)| {
            part(format!("leaf {index}"), with(PromiseProof::Chain { before: before.clone(), leaves }))
        })
        .collect();
    if before.is_some() {
        let proof = PromiseProof::Chain { before: None, leaves: leaves.clone() };
        all.push(part("the seal before", with(proof)));
    }
    all
}

fn seal(bad: &BadSeal) -> Vec<(String, Evidence)> {
    let with = |fault| BadSeal { fault, ..bad.clone() };
    let bundle = |index: usize| format!("bundle {index}");
    match &bad.fault {
        SealFault::Count { bundles } => shorter(bundles)
            .map(|(index, bundles)| part(bundle(index), with(SealFault::Count { bundles })))
            .collect(),
        SealFault::Chain { before, bundles } => {
            let fault = |bundles| SealFault::Chain { before: before.clone(), bundles };
            let mut all: Vec<_> =
                shorter(bundles).map(|(index, bundles)| part(bundle(index), with(fault(bundles)))).collect();
            if before.is_some() {
                let fault = SealFault::Chain { before: None, bundles: bundles.clone() };
                all.push(part("the seal before", with(fault)));
            }
            all
        }
        _ => Vec::new(),
    }
}

fn cut(bad: &BadCut) -> Vec<(String, Evidence)> {
    let CutFault::Extends { before, seals } = &bad.fault else { return Vec::new() };
    let with = |fault| BadCut { fault, ..bad.clone() };
    let mut all: Vec<_> = shorter(seals)
        .map(|(index, seals)| {
            part(format!("seal {index}"), with(CutFault::Extends { before: before.clone(), seals }))
        })
        .collect();
    if before.is_some() {
        all.push(part("the cut before", with(CutFault::Extends { before: None, seals: seals.clone() })));
    }
    all
}

fn split_view(split: &SplitView) -> Vec<(String, Evidence)> {
    let bare = |view: &View| View::of(view.cosignature.clone());
    let mut all = Vec::new();
    if split.first.attestation.is_some() {
        all.push(part("the first attestation", SplitView { first: bare(&split.first), ..split.clone() }));
    }
    if split.second.attestation.is_some() {
        all.push(part("the second attestation", SplitView { second: bare(&split.second), ..split.clone() }));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use server::protocol::{
        attestation::Attestation,
        cosignature::Cosignature,
        crypto::{Ed25519, Ed25519Signer, Signer as _},
        digest::Digest,
        id::{ActorId, Epoch, Role},
        judge::judge,
        roster::{Member, Roster, Rules},
        statement::{Citation, Kind, Signed, Terms, Trust},
    };

    use super::{
        super::specimen::{Specimen, digest},
        *,
    };

    fn key() -> Ed25519Signer {
        Ed25519Signer::from_secret(&[3; 32])
    }

    fn trust() -> Trust {
        let roles = [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox];
        let actors = roles.map(|role| (role, 0)).into_iter().chain([(Role::Mailbox, 1), (Role::Witness, 0)]);
        let key = key().public();
        let member = |(role, index)| Member { actor: ActorId::Server(role, index), operator: 0, key };
        let rules = Rules { challenge_bound: 10, quorum: 0 };
        let roster = Roster::first(rules, vec![key], actors.map(member).collect()).unwrap();
        Trust::new(roster, Arc::new(Ed25519))
    }

    /// What the witness says of the cut of an epoch: through the attestation of a mailbox actor, and perhaps outright.
    fn view(trust: &Trust, mailbox: u32, cut: Digest, outright: bool) -> View {
        let sign =
            |kind, actor| Citation { kind, actor, slot: 1, digest: cut, endorsement: key().sign(b"").into() };
        let cut = sign(Kind::Cut, ActorId::SEQUENCER);
        let attestation = Attestation {
            mailbox,
            epoch: Epoch(1),
            terms: Terms::default(),
            cut: cut.clone(),
            previous: Digest::ZERO,
            mailboxes: 0,
            root: Digest::ZERO,
        };
        let attestation = Signed::sign(attestation, trust.deployment, &key());
        let mut heads = vec![attestation.cite()];
        heads.extend(outright.then_some(cut));
        let cosignature =
            Cosignature { witness: 0, number: u64::from(mailbox), terms: Terms::default(), heads };
        let cosignature = Signed::sign(cosignature, trust.deployment, &key()).to_unverified();
        View { cosignature, attestation: Some(attestation.to_unverified()) }
    }

    /// What the check says of pieces of evidence against actors of these roles, which have a part too many or not.
    fn fails(pieces: &[(Role, bool)]) -> Option<String> {
        let trust = trust();
        let mut specimen = Specimen::honest();
        for (role, outright) in pieces {
            let [first, second] =
                [0, 1].map(|mailbox| view(&trust, mailbox, digest(u64::from(mailbox)), *outright));
            let evidence = Evidence::from(SplitView { first, second });
            assert!(judge(&evidence, &trust).exposed().is_some());
            specimen.expose(ActorName::new(*role, 0), 1);
            specimen.record.caught.last_mut().unwrap().evidence = evidence;
        }
        specimen.trust = Some(trust);
        specimen.fails("minimal")
    }

    #[test]
    fn no_evidence_is_minimal() {
        assert_eq!(Specimen::honest().fails("minimal"), None);
    }

    #[test]
    fn evidence_with_a_part_too_many_is_found() {
        assert_eq!(fails(&[(Role::Witness, false)]), None);
        assert!(fails(&[(Role::Witness, true)]).unwrap().contains("without the first attestation"));
    }

    #[test]
    fn the_first_piece_against_each_of_a_few_actors_is_tried() {
        let sound = |role| (role, false);
        let [one, other, third] = [Role::Witness, Role::Mailbox, Role::Incoming].map(sound);
        assert!(fails(&[one, (Role::Mailbox, true)]).unwrap().starts_with("evidence 1 "));
        assert!(fails(&[one, other, (Role::Incoming, true)]).unwrap().starts_with("evidence 2 "));
        assert_eq!(fails(&[one, (Role::Witness, true)]), None, "it is like the first");
        assert_eq!(fails(&[one, other, third, (Role::Handler, true)]), None, "that would be one too many");
    }
}

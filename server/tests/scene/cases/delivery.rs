//! What mailbox actors attest.

use super::*;

pub fn attestations(scene: &Scene, all: &mut Vec<Case>) {
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

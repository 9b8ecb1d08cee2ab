//! Equivocation: two statements of one slot convict their signer, and two honest statements never do.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::collections::BTreeMap;

use server::protocol::{
    ack::Ack,
    attestation::Attestation,
    bundle::Bundle,
    codec::Decode as _,
    crypto::Signer,
    cut::Cut,
    digest::Digest,
    evidence::Evidence,
    id::{ActorId, Epoch, SequenceId},
    judge::{Verdict, judge},
    predicate::equivocation::Equivocation,
    receipt::Receipt,
    seal::Seal,
    statement::{Citation, Kind, Signed, Statement, Terms, Trust, Unverified},
};
use support::{SEQUENCER, history::history, signer, signer_of, trust};

fn exposed(first: Citation, second: Citation, trust: &Trust) -> Option<ActorId> {
    match judge(&Evidence::from(Equivocation { first, second }), trust) {
        Verdict::Exposed { actor, .. } => Some(actor),
        Verdict::NotProven(_) => None,
    }
}

fn citation<T: Statement>(signed: &[u8]) -> Citation {
    Unverified::<T>::from_bytes(signed).unwrap().cite()
}

fn cited(kind: Kind, signed: &[u8]) -> Option<Citation> {
    let read = match kind {
        Kind::Bundle => citation::<Bundle>,
        Kind::Receipt => citation::<Receipt>,
        Kind::Seal => citation::<Seal>,
        Kind::Cut => citation::<Cut>,
        Kind::Attestation => citation::<Attestation>,
        Kind::Ack => citation::<Ack>,
        // not signed in a calm run, or not exclusive
        _ => return None,
    };
    Some(read(signed))
}

/// All that a whole honest history signed, over every actor, kind and slot.
#[test]
fn two_honest_statements_never_convict() {
    let history = history(None);
    let benches = &history.world.benches;
    let all: Vec<Citation> = benches
        .values()
        .flat_map(|bench| bench.signed.iter().filter_map(|((kind, _), signed)| cited(*kind, signed)))
        .collect();
    let kinds: BTreeMap<Kind, usize> = all.iter().fold(BTreeMap::new(), |mut kinds, citation| {
        *kinds.entry(citation.kind).or_default() += 1;
        kinds
    });
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    assert!(all.iter().all(|citation| citation.verify(&history.trust)));
    for first in &all {
        for second in &all {
            assert_eq!(exposed(first.clone(), second.clone(), &history.trust), None, "{first:?} {second:?}");
        }
    }
}

fn cut(total: u64) -> Cut {
    Cut {
        epoch: Epoch(7),
        terms: Terms::default(),
        previous: Digest::ZERO,
        base: SequenceId(0),
        total: SequenceId(total),
        reached: Vec::new(),
    }
}

#[test]
fn two_cuts_of_one_epoch_convict_whatever_their_terms() {
    let trust = trust(1, 1);
    let sign = |cut: Cut| Signed::sign(cut, trust.deployment, &signer_of(SEQUENCER)).cite();
    let (first, second) = (sign(cut(1)), sign(cut(2)));
    assert_eq!(exposed(first.clone(), second, &trust), Some(SEQUENCER));
    let rotated = sign(Cut { terms: Terms { roster: 1, key: 3 }, ..cut(1) });
    assert_eq!(
        exposed(first.clone(), rotated, &trust),
        Some(SEQUENCER),
        "rotating a key licenses nothing (R3)"
    );
    assert_eq!(exposed(first.clone(), first, &trust), None);
}

#[test]
fn each_signature_counts() {
    let trust = trust(1, 1);
    let sign = |cut: Cut| Signed::sign(cut, trust.deployment, &signer_of(SEQUENCER)).cite();
    let (first, second) = (sign(cut(1)), sign(cut(2)));
    let foreign = Signed::sign(cut(2), trust.deployment, &signer("thief")).cite();
    let elsewhere = Signed::sign(cut(2), support::trust(2, 2).deployment, &signer_of(SEQUENCER)).cite();
    for forged in [
        foreign,
        elsewhere,
        Citation { endorsement: first.endorsement.clone(), ..second.clone() },
        Citation { digest: Digest::ZERO, ..second.clone() },
        Citation { kind: Kind::Seal, ..second.clone() },
        Citation { slot: 8, ..second.clone() },
        Citation { actor: support::incoming(0), ..second.clone() },
        Citation { actor: support::incoming(9), ..second },
    ] {
        assert_eq!(exposed(first.clone(), forged.clone(), &trust), None);
        assert_eq!(exposed(forged, first.clone(), &trust), None);
    }
    assert_eq!(signer_of(SEQUENCER).public(), trust.roster.key_of(&SEQUENCER).unwrap());
}

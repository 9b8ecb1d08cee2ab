//! *splitview*: a witness that cosigned two histories of one log.
//!
//! A witness keeps the last head of every log durably before it signs, and cosigns what extends it and nothing else;
//! a head that it cosigns again has the digest that it had. So an honest witness cosigns one digest for every slot
//! of a log, whatever the signer of the log does. And it cosigns an attestation only if the cut that the attestation
//! cites is the one in its own log: two cosigned attestations of one epoch cite one cut.

use std::collections::BTreeMap;

use super::{Finding, Predicate, doubt, need, newest, verified};
use crate::protocol::{
    attestation::Attestation,
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cosignature::Cosignature,
    digest::Digest,
    id::ActorId,
    statement::{Citation, Kind, Trust, Unverified},
};

/// Two cosignatures of one witness that claim two digests for one slot of a log. It may be one cosignature twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitView {
    /// One.
    pub first: View,
    /// The other.
    pub second: View,
}

/// What a witness has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its word.
    pub cosignature: Unverified<Cosignature>,
    /// An attestation that it covers, if the cut that this one cites matters.
    pub attestation: Option<Unverified<Attestation>>,
}

/// A slot of a log: of what kind, and whose.
type Place = (Kind, ActorId, u64);

impl View {
    /// The heads that are cosigned, and nothing besides.
    pub fn of(cosignature: Unverified<Cosignature>) -> Self {
        View { cosignature, attestation: None }
    }

    /// The ways to say that this contradicts another view, those with fewer parts first.
    pub fn against(&self, other: &View) -> [SplitView; 4] {
        let [one, two] = [self, other].map(|view| View::of(view.cosignature.clone()));
        let split = |first: &View, second: &View| SplitView { first: first.clone(), second: second.clone() };
        [split(&one, &two), split(self, &two), split(&one, other), split(self, other)]
    }

    fn statements(&self) -> impl Iterator<Item = Citation> {
        let attestation = self.attestation.as_ref().map(Unverified::cite);
        std::iter::once(self.cosignature.cite()).chain(attestation)
    }

    /// Whose it is, and which digests it claims.
    fn claims(&self, trust: &Trust) -> Result<(u32, BTreeMap<Place, Vec<Digest>>), String> {
        let cosignature = verified(&self.cosignature, trust)?;
        let mut claims: BTreeMap<Place, Vec<Digest>> = BTreeMap::new();
        for head in cosignature.heads.iter().filter(|head| is_log(head.kind)) {
            claims.entry((head.kind, head.actor, head.slot)).or_default().push(head.digest);
        }
        if let Some(attestation) = &self.attestation {
            let head = attestation.cite();
            let covered = cosignature.covers(head.kind, head.actor, head.slot, head.digest);
            need(covered, "the attestation is not cosigned")?;
            let attestation = verified(attestation, trust)?;
            let place = (Kind::Cut, ActorId::SEQUENCER, attestation.epoch.0);
            claims.entry(place).or_default().push(attestation.cut.digest);
        }
        Ok((cosignature.witness, claims))
    }
}

impl Predicate for SplitView {
    const NAME: &'static str = "splitview";

    fn accused(&self) -> ActorId {
        self.first.cosignature.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        self.first.statements().chain(self.second.statements()).collect()
    }

    fn roster(&self) -> Option<u32> {
        newest(&[Some(&self.first.cosignature), Some(&self.second.cosignature)])
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let ((one, first), (other, second)) = (self.first.claims(trust)?, self.second.claims(trust)?);
        need(one == other, "the cosignatures are not of one witness")?;
        for (place, digests) in second {
            let before = first.get(&place).into_iter().flatten();
            let pair = before.flat_map(|before| digests.iter().map(move |digest| (before, digest)));
            if let Some((before, digest)) = pair.into_iter().find(|(before, digest)| before != digest) {
                let (kind, actor, slot) = place;
                let kind = kind.name();
                return Ok(format!("cosigned {kind} {slot} of {actor} as {before:?} and as {digest:?}"));
            }
        }
        doubt("the cosignatures do not contradict each other")
    }
}

/// The kinds whose heads are cosigned.
fn is_log(kind: Kind) -> bool {
    matches!(kind, Kind::Seal | Kind::Cut | Kind::Attestation)
}

coded!(struct SplitView { first, second });

coded!(struct View { cosignature, attestation });

//! *falseacc*: an accusation with evidence that does not prove it.
//!
//! Who complains, or defends itself with evidence, signs the digest of the evidence. An honest accuser first asks
//! [`exposed_by`] about the very bytes, and signs only what that confirms; it is a pure function, so it gives the
//! judge the same answer.
//!
//! Evidence does not nest: a false accusation is not itself ground for a complaint or a defence (the answer to one is
//! [`Ground::Unfounded`]), and counts as proving nothing there. So the judge looks into evidence once, and no chain
//! of accusations hides a lie behind its depth.

use super::{Finding, Predicate, doubt, need, verified};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    complaint::{Charge, Complaint, Defence, Ground},
    digest::Digest,
    evidence::Evidence,
    id::ActorId,
    statement::{Citation, Trust, Unverified},
};

/// Most bytes of evidence that an accusation may rest on: what a frame can carry, twice.
pub const EVIDENCE_MAX: usize = 64 << 20;

/// An accusation, and the evidence that does not prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FalseAccusation {
    /// The accusation.
    pub statement: Accusation,
    /// The bytes whose digest it names.
    pub evidence: Vec<u8>,
}

/// A statement that rests on evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "rare, and never in bulk")]
pub enum Accusation {
    /// The evidence must expose whom the complaint is against.
    Complaint(Unverified<Complaint>),
    /// The evidence must expose someone.
    Defence(Unverified<Defence>),
}

/// Whom the evidence in these bytes exposes, for an accusation that would rest on it. To be asked before one is
/// signed. Anybody may send them, so maps in them have no more forks than [`crate::protocol::codec::forks_max`].
pub fn exposed_by(evidence: &[u8], trust: &Trust) -> Option<ActorId> {
    let mut input = Reader::of_anybody(evidence);
    let evidence = Evidence::decode(&mut input).ok().filter(|evidence| !evidence.rests_on_accusation())?;
    input.end().ok()?;
    evidence.judge(trust).exposed()
}

impl Evidence {
    /// Whether it is a false accusation, whatever is wrapped around it.
    pub(super) fn rests_on_accusation(&self) -> bool {
        match self {
            Evidence::FalseAccusation(_) => true,
            Evidence::Anchored(anchored) => anchored.evidence.rests_on_accusation(),
            Evidence::Represented(represented) => represented.evidence.rests_on_accusation(),
            _ => false,
        }
    }
}

impl Predicate for FalseAccusation {
    const NAME: &'static str = "falseacc";

    fn accused(&self) -> ActorId {
        match &self.statement {
            Accusation::Complaint(complaint) => complaint.claimed_actor(),
            Accusation::Defence(defence) => defence.claimed_actor(),
        }
    }

    fn statements(&self) -> Vec<Citation> {
        vec![match &self.statement {
            Accusation::Complaint(complaint) => complaint.cite(),
            Accusation::Defence(defence) => defence.cite(),
        }]
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let (named, against, roster) = match &self.statement {
            Accusation::Complaint(complaint) => {
                let complaint = verified(complaint, trust)?;
                let Charge::Proven(digest) = complaint.charge else {
                    return doubt("the complaint rests on no evidence");
                };
                (digest, Some(complaint.against), complaint.terms.roster)
            }
            Accusation::Defence(defence) => {
                let defence = verified(defence, trust)?;
                let Ground::Evidence(digest) = defence.ground else {
                    return doubt("the defence rests on no evidence");
                };
                (digest, None, defence.terms.roster)
            }
        };
        need(Digest::of(&[&self.evidence]) == named, "the accusation rests on other evidence")?;
        // it was to be judged before it was signed: with the roster of that day
        let exposed = exposed_by(&self.evidence, &trust.as_of(roster));
        let holds = exposed.is_some_and(|exposed| against.is_none_or(|against| against == exposed));
        need(!holds, "the evidence proves the accusation")?;
        let found = exposed.map_or("nothing".to_owned(), |exposed| format!("something of {exposed} alone"));
        let whom = against.map_or("someone else".to_owned(), |against| against.to_string());
        Ok(format!("accused {whom} with evidence that proves {found}"))
    }
}

coded!(struct FalseAccusation { statement, evidence: string("evidence", EVIDENCE_MAX) });

coded!(enum Accusation "accusation" { 1 Complaint(complaint), 2 Defence(defence) });

//! The judge: evidence and roster in, verdict out.
//!
//! A pure, total function: no clock, no network, no trust in whoever presents the evidence. It fails closed and
//! says which way: what cannot be read is *malformed* (see [`super::file::FileError`]), what can be read
//! and does not convict is *not proven*, with the reason.
//!
//! # Invariants
//! - An actor is exposed through statements that it signed itself, and by nothing an honest one could have signed,
//!   whatever everyone else signs.

use std::fmt;

use super::{
    derivation::Derivation,
    evidence::Evidence,
    id::{ActorId, ClientId, Epoch},
    statement::{Citation, Trust},
};

/// What the judge finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "rare, and never in bulk")]
pub enum Verdict {
    /// The actor broke its promise.
    Exposed {
        /// Who.
        actor: ActorId,
        /// How, in plain words.
        offence: Offence,
    },
    /// The evidence convicts nobody.
    NotProven(String),
}

/// What an exposed actor did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Signed two statements for one slot.
    Equivocated {
        /// One.
        first: Citation,
        /// The other.
        second: Citation,
    },
    /// Attested deliveries that do not follow from the cut.
    AttestedFalsely {
        /// In which epoch.
        epoch: Epoch,
        /// Whose mailbox.
        client: ClientId,
        /// The count and head that follow.
        expected: String,
        /// The count and head attested.
        attested: String,
    },
}

/// Judges evidence.
pub fn judge(evidence: &Evidence, trust: &Trust) -> Verdict {
    match evidence {
        Evidence::Equivocation { first, second } => judge_equivocation(first, second, trust),
        Evidence::BadAttestation { client, derivation } => judge_attestation(client, derivation, trust),
    }
}

fn judge_equivocation(first: &Citation, second: &Citation, trust: &Trust) -> Verdict {
    let not_proven = |why: &str| Verdict::NotProven(why.to_owned());
    if !second.is_of(first.kind, first.actor, first.slot) {
        return not_proven("the two statements are not of one slot");
    }
    if !first.kind.exclusive() {
        return not_proven("statements of this kind may differ");
    }
    if first.digest == second.digest {
        return not_proven("the two statements say the same");
    }
    if !first.verify(trust) || !second.verify(trust) {
        return not_proven("a signature is not that of its signer");
    }
    let offence = Offence::Equivocated { first: *first, second: *second };
    Verdict::Exposed { actor: first.actor, offence }
}

fn judge_attestation(client: &ClientId, derivation: &Derivation, trust: &Trust) -> Verdict {
    match derivation.check(client, trust) {
        Err(flaw) => Verdict::NotProven(flaw.to_string()),
        Ok(derived) if derived.holds() => Verdict::NotProven("the attestation is what follows".to_owned()),
        Ok(derived) => {
            let show = |head: &super::attestation::MailboxHead| {
                format!("{} deliveries, head {:?}", head.count, head.head)
            };
            let offence = Offence::AttestedFalsely {
                epoch: derived.attestation.epoch,
                client: *client,
                expected: show(&derived.expected),
                attested: show(&derived.attested),
            };
            Verdict::Exposed { actor: derivation.mailbox(), offence }
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Offence::Equivocated { first, second } => write!(
                f,
                "signed two statements for {} {}: {} and {}",
                first.kind.name(),
                first.slot,
                first.digest,
                second.digest
            ),
            Offence::AttestedFalsely { epoch, client, expected, attested } => write!(
                f,
                "attested in epoch {epoch} for the mailbox of {} {attested}, but cut and seals give {expected}",
                ActorId::Client(*client)
            ),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Exposed { actor, offence } => write!(f, "exposed: {actor} {offence}"),
            Verdict::NotProven(why) => write!(f, "not proven: {why}"),
        }
    }
}

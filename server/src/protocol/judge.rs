//! The judge: evidence and roster in, verdict out.
//!
//! A pure, total function: no clock, no network, no trust in whoever presents the evidence. It fails closed and
//! says which way: what cannot be read is *malformed* (see [`super::file::FileError`]), what can be read
//! and does not convict is *not proven*, with the reason. The rules stand in [`super::predicate`].
//!
//! # Invariants
//! - An actor is exposed through statements that it signed itself, and by nothing an honest one could have signed,
//!   whatever everyone else signs.

use std::fmt;

use super::{evidence::Evidence, id::ActorId, statement::Trust};

/// What the judge finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The actor broke its promise.
    Exposed {
        /// Who.
        actor: ActorId,
        /// Which rule it broke.
        predicate: &'static str,
        /// How, in plain words.
        offence: String,
    },
    /// The evidence convicts nobody.
    NotProven(String),
}

impl Verdict {
    /// Who is exposed, if anyone.
    pub fn exposed(&self) -> Option<ActorId> {
        match self {
            Verdict::Exposed { actor, .. } => Some(*actor),
            Verdict::NotProven(_) => None,
        }
    }
}

/// Judges evidence.
pub fn judge(evidence: &Evidence, trust: &Trust) -> Verdict {
    evidence.judge(trust)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Exposed { actor, offence, .. } => write!(f, "exposed: {actor} {offence}"),
            Verdict::NotProven(why) => write!(f, "not proven: {why}"),
        }
    }
}

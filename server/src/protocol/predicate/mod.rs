//! Predicates: the closed list of what can be proven, one file each.
//!
//! A predicate is a set of signed bytes and the rule by which they convict. The rule may use statements that the
//! accused signed itself and nothing else of weight (rule R1), knows no clock (R9), and must be one that an honest
//! actor cannot satisfy whatever everyone else signs; each file says why it cannot.
//!
//! # Invariants
//! - A judgement is a pure, total function of the predicate's bytes and the roster.
//! - Adding a predicate is adding a file, and a line in [`super::evidence`].

pub mod attestation;
pub mod equivocation;

use super::{
    codec::{Decode, Encode},
    id::ActorId,
    statement::{Citation, Statement, Trust, Unverified},
};

/// What is put before the judge.
pub trait Predicate: Encode + Decode {
    /// The predicate's name in evidence and reports.
    const NAME: &'static str;
    /// Whom it accuses.
    fn accused(&self) -> ActorId;
    /// The statements in it, for a reader.
    fn statements(&self) -> Vec<Citation>;
    /// What the accused did, in plain words; or why this proves nothing.
    fn judge(&self, trust: &Trust) -> Finding;
}

/// What a judgement comes to: the offence, or the doubt.
pub type Finding = Result<String, String>;

/// A doubt, for `ok_or_else` and `return`.
pub(super) fn doubt<T>(why: impl Into<String>) -> Result<T, String> {
    Err(why.into())
}

/// Demands a condition.
pub(super) fn need(condition: bool, why: &str) -> Result<(), String> {
    if condition { Ok(()) } else { doubt(why) }
}

/// The statement, if its signature is its signer's.
pub(super) fn verified<T: Statement>(
    statement: &Unverified<T>,
    trust: &Trust,
) -> Result<super::statement::Signed<T>, String> {
    statement.clone().verify(trust).map_err(|error| error.to_string())
}

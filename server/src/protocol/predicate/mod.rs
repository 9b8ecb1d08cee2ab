//! Predicates: the closed list of what can be proven, one file each.
//!
//! A predicate is a set of signed bytes and the rule by which they convict. The rule may use statements that the
//! accused signed itself and nothing else of weight (rule R1), knows no clock (R9), and must be one that an honest
//! actor cannot satisfy whatever everyone else signs; each file says why it cannot.
//!
//! Where a rule speaks of a statement and *the one before it*, the later one must name the earlier by number and
//! digest: a lie is judged against what the accused itself says it stands on, so that no two statements of an
//! honest actor can be put together into one.
//!
//! # Bytes
//! A predicate is its fields in the order in which they are declared; a choice is one byte, from 1 in that order,
//! and the fields of what was chosen.
//!
//! # Invariants
//! - A judgement is a pure, total function of the predicate's bytes and the roster.
//! - No byte is free: what does not carry the conviction has no place in the evidence.
//! - Adding a predicate is adding a file, and a line in [`super::evidence`].

pub mod accusation;
pub mod agent;
pub mod anchored;
pub mod attestation;
pub mod chain;
pub mod cosignature;
pub mod cut;
pub mod denial;
pub mod equivocation;
pub mod promise;
pub mod receipt;
pub mod refusal;
pub mod seal;
pub mod seal_ack;
pub mod seals;

use super::{
    codec::{Decode, Encode},
    digest::Digest,
    id::{ActorId, ClientId},
    map::{Lookup, Pruned},
    merkle::Opening,
    seal::Seal,
    statement::{Citation, Kind, Signed, Statement, Trust, Unverified},
};

/// What is put before the judge.
pub trait Predicate: Encode + Decode {
    /// The predicate's name in evidence and reports.
    const NAME: &'static str;
    /// Whom it accuses.
    fn accused(&self) -> ActorId;
    /// The statements in it, for a reader.
    fn statements(&self) -> Vec<Citation>;
    /// The newest roster that the accused names in what it is judged for: under it, or an earlier one, it had checked what it cites.
    /// None, of a predicate that asks nothing of what others signed.
    fn roster(&self) -> Option<u32> {
        None
    }
    /// What the accused did, in plain words; or why this proves nothing.
    fn judge(&self, trust: &Trust) -> Finding;
}

/// What a judgement comes to: the offence, or the doubt.
pub type Finding = Result<String, String>;

/// A doubt, for `ok_or_else` and `return`.
fn doubt<T>(why: impl Into<String>) -> Result<T, String> {
    Err(why.into())
}

/// Demands a condition.
fn need(condition: bool, why: &str) -> Result<(), String> {
    if condition { Ok(()) } else { doubt(why) }
}

/// The newest roster that one of these statements names.
fn newest<T: Statement>(statements: &[Option<&Unverified<T>>]) -> Option<u32> {
    statements.iter().flatten().map(|statement| statement.claimed_terms().roster).max()
}

/// The statement, if its signature is its signer's.
fn verified<T: Statement>(statement: &Unverified<T>, trust: &Trust) -> Result<Signed<T>, String> {
    statement.clone().verify(trust).map_err(|error| error.to_string())
}

/// The one that may be missing, verified if it is there.
fn verified_if_any<T: Statement>(
    statement: Option<&Unverified<T>>,
    trust: &Trust,
) -> Result<Option<Signed<T>>, String> {
    statement.map(|statement| verified(statement, trust)).transpose()
}

/// Whether one number comes right after another.
fn is_next(earlier: u64, later: u64) -> bool {
    earlier.checked_add(1) == Some(later)
}

/// Whether a citation is one of a cut that the sequencer signed.
fn cites_a_cut(citation: &Citation, trust: &Trust) -> bool {
    citation.is_of(Kind::Cut, ActorId::SEQUENCER, citation.slot) && citation.verify(trust)
}

/// Index and leaf of an opening that shows one leaf of the tree with this root and size, and nothing else.
fn single_leaf(opening: &Opening, size: u64, root: Digest) -> Result<(u64, Digest), String> {
    need(opening.size() == size && opening.root() == Some(root), "an opening does not open what was signed")?;
    match opening.leaves() {
        [only] => Ok(*only),
        _ => doubt("an opening must show one leaf"),
    }
}

/// What a map with this root says of a client.
fn entry_of<'a, V: Encode>(
    map: &'a Pruned<V>,
    root: Digest,
    client: &ClientId,
) -> Result<Option<&'a V>, String> {
    need(map.root() == root, "a map is not the one that was signed")?;
    match map.get(client) {
        Lookup::Present(value) => Ok(Some(value)),
        Lookup::Absent => Ok(None),
        Lookup::Hidden => doubt("the map does not show the client"),
    }
}

/// Demands that a seal names this one as the one before it; with none, that it is the first.
fn follows(before: Option<&Signed<Seal>>, seal: &Seal) -> Result<(), String> {
    let linked = match before {
        None => (seal.batch.0, seal.previous) == (0, Digest::ZERO),
        Some(before) => {
            before.incoming == seal.incoming
                && is_next(before.batch.0, seal.batch.0)
                && before.digest() == seal.previous
        }
    };
    need(linked, "the seal before it does not come before it")
}

//! What an actor has signed so far, as its storage tells: where the fences of a key stand that is revoked now.

use std::collections::BTreeMap;

use crate::{
    actor::{Draft, RecoverError, step::STATEMENTS},
    port::Rows,
    protocol::{codec::DecodeError, digest::Digest, id::ActorId, recovery::Fence, statement::Kind},
};

/// The statements in storage, and the digests of their bodies.
pub(super) fn statements(rows: &Rows) -> impl Iterator<Item = Result<(Draft, Digest), RecoverError>> {
    let unreadable = RecoverError::of("statement");
    rows.iter().filter(|(key, _)| key.first() == Some(&STATEMENTS)).map(move |(key, value)| {
        let kind = key.get(1).and_then(|byte| Kind::from_byte(*byte));
        let kind = kind.ok_or_else(|| unreadable(DecodeError::Invalid("kind of a stored statement")))?;
        let draft = Draft::from_body(kind, value).map_err(&unreadable)?;
        Ok((draft, Digest::of(&[value])))
    })
}

/// Of each kind the first slot that the actor has not signed. A kind of which nothing is kept has none.
///
/// # Errors
/// What is stored are no statements.
pub fn fences(rows: &Rows, actor: ActorId) -> Result<Vec<Fence>, RecoverError> {
    let mut next: BTreeMap<Kind, u64> = BTreeMap::new();
    for statement in statements(rows) {
        let (draft, _) = statement?;
        if draft.actor() == actor {
            let slot = next.entry(draft.kind()).or_default();
            *slot = draft.slot().saturating_add(1).max(*slot);
        }
    }
    Ok(next.into_iter().map(|(kind, next)| Fence { kind, next }).collect())
}

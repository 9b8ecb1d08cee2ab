//! A promise: a statement that is durable before it is signed, and how it will be signed.
//!
//! A row of storage holds the statement's body; of a bundle, before it, its path to the root of the run in which it is signed, if it
//! is: so it is signed in the same way again after a restart, though the others of its run may be gone by then.
//!
//! # Invariants
//! - What is signed after a restart are the bytes that were signed before.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    actor::{Draft, RecoverError, step::STATEMENTS},
    port::Rows,
    protocol::{
        codec::{DecodeError, Reader, Writer},
        digest::Digest,
        endorsement::{decode_path, paths_of},
        id::{ActorId, Deployment},
        merkle::Path,
        statement::{Kind, preimage},
    },
};

/// A statement to be signed.
pub struct Promise {
    /// The statement.
    pub draft: Draft,
    /// The digest of its body.
    pub digest: Digest,
    /// From it to the root of its run, if it is signed in one.
    pub path: Option<Arc<Path>>,
    body: Vec<u8>,
}

impl Promise {
    /// What a step promises: bundles of one client are signed together.
    pub fn all(drafts: Vec<Draft>, deployment: Deployment) -> Vec<Promise> {
        let promise = |draft: Draft| {
            let body = draft.body();
            Promise { digest: Digest::of(&[&body]), path: None, body, draft }
        };
        let mut promises: Vec<Promise> = drafts.into_iter().map(promise).collect();
        let mut runs: BTreeMap<(ActorId, u32), Vec<usize>> = BTreeMap::new();
        for (index, Promise { draft, .. }) in promises.iter().enumerate() {
            if draft.kind().is_signed_in_runs() {
                runs.entry((draft.actor(), draft.terms().key)).or_default().push(index);
            }
        }
        for run in runs.into_values() {
            let preimages: Vec<_> = run.iter().map(|index| promises[*index].preimage(deployment)).collect();
            for (index, path) in run.into_iter().zip(paths_of(&preimages)) {
                promises[index].path = path;
            }
        }
        promises
    }

    fn preimage(&self, deployment: Deployment) -> Vec<u8> {
        preimage(deployment, self.draft.kind(), self.draft.actor(), self.draft.slot(), self.digest)
    }

    /// The row's value.
    pub fn stored(&self) -> Vec<u8> {
        if !self.draft.kind().is_signed_in_runs() {
            return self.body.clone();
        }
        let mut out = Writer::default();
        out.option(self.path.as_deref());
        out.bytes(&self.body);
        out.into_bytes()
    }

    /// Reads a row's value.
    pub fn read(kind: Kind, value: &[u8]) -> Result<Promise, DecodeError> {
        let mut input = Reader::new(value);
        let path = if kind.is_signed_in_runs() { decode_path(&mut input)? } else { None };
        let body = input.left().to_vec();
        Ok(Promise { draft: Draft::from_body(kind, &body)?, digest: Digest::of(&[&body]), path, body })
    }
}

/// The statements in storage.
pub fn promised(rows: &Rows) -> impl Iterator<Item = Result<Promise, RecoverError>> {
    let unreadable = RecoverError::of("statement");
    rows.iter().filter(|(key, _)| key.first() == Some(&STATEMENTS)).map(move |(key, value)| {
        let kind = key.get(1).and_then(|byte| Kind::from_byte(*byte));
        let kind = kind.ok_or_else(|| unreadable(DecodeError::Invalid("kind of a stored statement")))?;
        Promise::read(kind, value).map_err(&unreadable)
    })
}

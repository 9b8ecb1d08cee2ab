//! What an actor has signed so far, as its storage tells: where the fences of a key stand that is revoked now.

use std::collections::BTreeMap;

use super::promise::{Promise, promised};
use crate::{
    actor::RecoverError,
    port::Rows,
    protocol::{id::ActorId, recovery::Fence, statement::Kind},
};

/// Of each kind the first slot that the actor has not signed with this key, or one before it: the first that it has signed with a
/// later one, if it has. A kind of which nothing is kept has none, and of what is not kept any more it is not known which key signed it.
///
/// # Errors
/// What is stored are no statements.
pub fn fences(rows: &Rows, actor: ActorId, key: u32) -> Result<Vec<Fence>, RecoverError> {
    let (mut ends, mut later) = (BTreeMap::<Kind, u64>::new(), BTreeMap::<Kind, u64>::new());
    for promise in promised(rows) {
        let Promise { draft, .. } = promise?;
        if draft.actor() != actor {
            continue;
        }
        let (kind, slot) = (draft.kind(), draft.slot());
        if draft.terms().key > key {
            later.entry(kind).and_modify(|first| *first = slot.min(*first)).or_insert(slot);
        } else {
            let end = ends.entry(kind).or_default();
            *end = slot.saturating_add(1).max(*end);
        }
    }
    ends.extend(later);
    Ok(ends.into_iter().map(|(kind, next)| Fence { kind, next }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::step::statement_row,
        protocol::{
            id::{Epoch, Role},
            seal_ack::SealAck,
            statement::{Statement as _, Terms},
        },
    };

    #[test]
    fn a_key_ends_where_the_next_begins() {
        let keys = [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)];
        let row = |(number, key): (u64, u32)| {
            let terms = Terms { roster: key, key };
            let ack = SealAck { number, terms, after: Epoch(0), seals: Vec::new() };
            (statement_row(Kind::SealAck, number), ack.body())
        };
        let fence = |kept: &[(u64, u32)], key| {
            let rows = kept.iter().copied().map(row).collect();
            fences(&rows, ActorId::SEQUENCER, key).unwrap().first().map(|fence| fence.next)
        };
        assert_eq!([0, 1, 2, 7].map(|key| fence(&keys, key)), [2, 4, 5, 5].map(Some));
        assert_eq!(fence(&keys[3..], 0), Some(3), "of what is not kept nothing is known");
        assert_eq!(fence(&[], 0), None);
        let rows = keys.into_iter().map(row).collect();
        let elsewhere = fences(&rows, ActorId::Server(Role::Mailbox, 0), 0).unwrap();
        assert!(elsewhere.is_empty());
    }
}

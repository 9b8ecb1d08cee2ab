//! The logs that a witness follows: what it has seen of each, durable before it is cosigned.
//!
//! # Invariants
//! - One slot of a log has one digest.

use std::collections::BTreeMap;

use crate::{
    actor::{Step, step::row},
    protocol::{
        codec::{Decode, DecodeError, Encode},
        digest::Digest,
        id::ActorId,
        statement::{Citation, Kind},
    },
};

/// Rows: kind ‖ actor ‖ slot → head.
pub const LOG: u8 = 1;
/// How many heads of a log are remembered; an older one is not cosigned again.
const REMEMBERED: usize = 512;

/// Heads by log and slot.
#[derive(Default)]
pub struct Logs(BTreeMap<(Kind, ActorId), BTreeMap<u64, Citation>>);

impl Logs {
    /// Puts back a row.
    pub fn recover(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        let head = Citation::from_bytes(value)?;
        self.0.entry((head.kind, head.actor)).or_default().insert(head.slot, head);
        Ok(())
    }

    /// The newest slot of a log.
    pub fn last(&self, kind: Kind, actor: ActorId) -> Option<u64> {
        self.0.get(&(kind, actor))?.last_key_value().map(|(slot, _)| *slot)
    }

    /// What was seen in a slot.
    pub fn digest(&self, kind: Kind, actor: ActorId, slot: u64) -> Option<Digest> {
        self.0.get(&(kind, actor))?.get(&slot).map(|head| head.digest)
    }

    /// What was seen in a head's slot, if it is another than this.
    pub fn other_than(&self, head: &Citation) -> Option<Citation> {
        let known = self.0.get(&(head.kind, head.actor))?.get(&head.slot)?;
        Some(known.clone()).filter(|known| known.digest != head.digest)
    }

    /// Takes a head: whether it may be cosigned, and whether it is new.
    pub fn take(&mut self, head: Citation, step: &mut Step) -> (bool, bool) {
        let log = self.0.entry((head.kind, head.actor)).or_default();
        let newest = log.last_key_value().map(|(slot, _)| *slot);
        match log.get(&head.slot) {
            Some(known) => return (known.digest == head.digest, false),
            None if newest.is_some_and(|newest| newest > head.slot) => return (false, false),
            None => {}
        }
        step.put(log_row(&head), head.to_bytes());
        log.insert(head.slot, head);
        while log.len() > REMEMBERED {
            if let Some((_, old)) = log.pop_first() {
                step.delete(log_row(&old));
            }
        }
        (true, true)
    }
}

fn log_row(head: &Citation) -> Vec<u8> {
    row(LOG, &[&[head.kind as u8][..], &head.actor.to_bytes(), &head.slot.to_be_bytes()].concat())
}

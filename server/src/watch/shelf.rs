//! The shelf: the newest public statements of the actors of this process, for whoever wants to check them.
//!
//! Cuts, seals and attestations (and the recovery of who is retired) are what an auditor or a client compares with what others were shown. The shelf hands
//! them out as they were signed; it is no source of truth, and a reader checks the signatures.
//!
//! # Invariants
//! - Of each actor and kind the newest [`KEPT`] are here, by slot.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    actor::Issued,
    protocol::{id::ActorId, statement::Kind},
};

/// How many statements of each actor and kind are kept.
const KEPT: usize = 4096;

type Series = BTreeMap<u64, Vec<u8>>;

/// The newest public statements.
#[derive(Default)]
pub struct Shelf(Mutex<BTreeMap<(ActorId, Kind), Series>>);

impl Shelf {
    /// Keeps a statement, if it is one that concerns everybody.
    pub fn put(&self, issued: &Issued) {
        if !matches!(issued.kind(), Kind::Cut | Kind::Seal | Kind::Attestation | Kind::Recovery) {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry((issued.actor(), issued.kind())).or_default();
        series.insert(issued.slot(), issued.to_bytes());
        if series.len() > KEPT {
            series.pop_first();
        }
    }

    /// Up to `limit` statements of an actor from a slot on, with their slots. None if it has made none here.
    pub fn from(&self, actor: ActorId, kind: Kind, slot: u64, limit: usize) -> Option<Vec<(u64, Vec<u8>)>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.get(&(actor, kind))?;
        Some(series.range(slot..).take(limit).map(|(slot, bytes)| (*slot, bytes.clone())).collect())
    }

    /// The newest slot of an actor.
    pub fn newest(&self, actor: ActorId, kind: Kind) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(actor, kind))?.last_key_value().map(|(slot, _)| *slot)
    }
}

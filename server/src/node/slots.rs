//! The slot table: which digest each slot of this actor holds.
//!
//! # Invariants
//! - Slots of a kind are taken in ascending order; one below the highest may only be taken again with its digest.

use std::collections::BTreeMap;

use super::NodeError;
use crate::protocol::{digest::Digest, id::ActorId, statement::Kind};

/// Whose statements of which kind: a node may hold several actors, each with slots of its own.
pub type Series = (ActorId, Kind);

/// How many slots of each kind are remembered by digest; older ones are simply taken.
const REMEMBERED: usize = 64;

/// Slot → digest, by series.
#[derive(Default)]
pub struct Slots(BTreeMap<Series, BTreeMap<u64, Digest>>);

impl Slots {
    /// Puts back what was stored.
    pub fn restore(&mut self, series: Series, slot: u64, digest: Digest) {
        self.0.entry(series).or_default().insert(slot, digest);
    }

    /// Whether a slot of this kind is taken.
    pub fn holds(&self, kind: Kind) -> bool {
        self.0.keys().any(|(_, known)| *known == kind)
    }

    /// Takes a slot for a digest.
    pub fn take(&mut self, series: Series, slot: u64, digest: Digest) -> Result<(), NodeError> {
        let taken = self.0.entry(series).or_default();
        let free = match taken.last_key_value() {
            Some((highest, _)) if slot <= *highest => taken.get(&slot) == Some(&digest),
            _ => true,
        };
        if !free {
            return Err(NodeError::Equivocation { kind: series.1, slot });
        }
        taken.insert(slot, digest);
        while taken.len() > REMEMBERED {
            taken.pop_first();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALS: Series = (ActorId::SEQUENCER, Kind::Seal);
    const CUTS: Series = (ActorId::SEQUENCER, Kind::Cut);

    #[test]
    fn a_slot_holds_one_digest() {
        let mut slots = Slots::default();
        let (one, two) = (Digest::of(&[b"1"]), Digest::of(&[b"2"]));
        assert!(slots.take(SEALS, 4, one).is_ok());
        assert!(slots.take(SEALS, 4, one).is_ok());
        assert!(slots.take(SEALS, 4, two).is_err());
        assert!(slots.take(SEALS, 3, two).is_err());
        assert!(slots.take(CUTS, 3, two).is_ok());
    }

    #[test]
    fn slots_stay_taken_over_a_restart() {
        let mut slots = Slots::default();
        slots.restore(SEALS, 9, Digest::of(&[b"1"]));
        assert!(slots.take(SEALS, 9, Digest::of(&[b"2"])).is_err());
        assert!(slots.take(SEALS, 8, Digest::of(&[b"2"])).is_err());
    }
}

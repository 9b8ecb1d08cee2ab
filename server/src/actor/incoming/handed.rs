//! What mailbox actors have signed for: with it an incoming actor shows that it need not have a run any more.
//!
//! # Invariants
//! - What shows that a run was handed over is stored with the step that gives the run up.
//! - Of a mailbox actor the newest is kept, and never an older one again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    actor::{Step, step::row},
    protocol::{
        attestation::Attestation,
        board::HandedOver,
        codec::{Decode, DecodeError, Encode},
        cut::Cut,
        id::Epoch,
        statement::{Signed, Statement as _, Unverified},
    },
};

/// Rows: mailbox actor → its attestation.
pub const ATTESTED: u8 = 5;
/// Rows: epoch → the cut that one of those cites.
pub const CUT: u8 = 6;

/// The newest attestations of the mailbox actors, with the cuts that they cite.
#[derive(Default)]
pub struct Handed {
    attestations: BTreeMap<u32, Unverified<Attestation>>,
    cuts: BTreeMap<Epoch, Arc<Unverified<Cut>>>,
    /// Of what is stored: mailbox actor → epoch.
    stored: BTreeMap<u32, Epoch>,
}

impl Handed {
    /// Puts back a row.
    pub fn recover(&mut self, table: u8, key: &[u8], value: &[u8]) -> Result<(), DecodeError> {
        if table == CUT {
            self.cuts.insert(Epoch::from_bytes(key)?, Arc::new(Unverified::from_bytes(value)?));
            return Ok(());
        }
        let attestation = Unverified::<Attestation>::from_bytes(value)?;
        let mailbox = u32::from_bytes(key)?;
        self.stored.insert(mailbox, Epoch(attestation.claimed_slot()));
        self.attestations.insert(mailbox, attestation);
        Ok(())
    }

    /// A mailbox actor has attested this cut.
    pub fn take(&mut self, attestation: &Signed<Attestation>, cut: Arc<Unverified<Cut>>) {
        let last = self.attestations.get(&attestation.mailbox).map(Unverified::claimed_slot);
        if last.is_none_or(|last| last < attestation.slot()) {
            self.cuts.insert(attestation.epoch, cut);
            self.attestations.insert(attestation.mailbox, attestation.to_unverified());
            if let Some(last) = last.map(Epoch)
                && !self.epochs().chain(self.stored.values().copied()).any(|cited| cited == last)
            {
                self.cuts.remove(&last);
            }
        }
    }

    /// The epoch that all of so many mailbox actors have attested, or gone beyond.
    pub fn attested_by_all(&self, mailboxes: u32) -> Option<Epoch> {
        self.epochs().min().filter(|_| self.attestations.len() == mailboxes as usize)
    }

    fn epochs(&self) -> impl Iterator<Item = Epoch> {
        self.attestations.values().map(|attestation| Epoch(attestation.claimed_slot()))
    }

    /// Stores what is not stored yet, and gives up the cuts that nothing cites any more.
    pub fn store(&mut self, step: &mut Step) {
        let before: BTreeSet<Epoch> = self.stored.values().copied().collect();
        for (mailbox, attestation) in &self.attestations {
            let epoch = Epoch(attestation.claimed_slot());
            if self.stored.insert(*mailbox, epoch) != Some(epoch) {
                step.put(row(ATTESTED, &mailbox.to_bytes()), attestation.to_bytes());
            }
        }
        let after: BTreeSet<Epoch> = self.stored.values().copied().collect();
        for epoch in after.difference(&before) {
            if let Some(cut) = self.cuts.get(epoch) {
                step.put(row(CUT, &epoch.to_bytes()), cut.to_bytes());
            }
        }
        for epoch in before.difference(&after) {
            step.delete(row(CUT, &epoch.to_bytes()));
        }
        self.cuts.retain(|epoch, _| after.contains(epoch));
    }

    /// What shows that a mailbox actor has, or had, all that a cut reaches.
    pub fn show(&self, mailbox: u32) -> Option<HandedOver> {
        let attestation = self.attestations.get(&mailbox)?.clone();
        let cut = self.cuts.get(&Epoch(attestation.claimed_slot()))?;
        Some(HandedOver { attestation, cut: Unverified::clone(cut) })
    }
}

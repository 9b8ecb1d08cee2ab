//! Custody: a run is kept until every mailbox actor has signed for it.
//!
//! # Invariants
//! - What a mailbox actor attests of another version of a cut moves nothing.

use super::{Incoming, LOG};
use crate::{
    actor::{
        Step,
        docket::accuse,
        step::{Notice, row},
    },
    protocol::{
        attestation::Attestation,
        codec::Encode,
        id::{ActorId, Position, Role},
        predicate::{
            chain::{BrokenChain, Linked},
            equivocation::Equivocation,
        },
        statement::{Kind, Signed, Unverified},
    },
};

impl Incoming {
    /// A mailbox actor has signed for what a cut reaches: custody of that is its own now.
    pub(super) fn hand_over(&mut self, from: ActorId, attestation: Unverified<Attestation>, step: &mut Step) {
        step.work.verified += 1;
        let attestation = match attestation.verify(&self.setup.trust) {
            Ok(attestation) => attestation,
            Err(error) => return step.disbelieve(from, &error),
        };
        self.compare(&attestation, step);
        // of a cut that has not been seen yet, or not lately, nothing is known; a later attestation will cover it
        let Some((cut, next)) = self.ordered.get(&attestation.epoch).cloned() else { return };
        if cut.digest() == attestation.cut.digest {
            self.handed.take(&attestation, cut);
            if let Some(epoch) = self.handed.attested_by_all(self.setup.trust.roster.mailboxes()) {
                self.ordered = self.ordered.split_off(&epoch);
            }
            self.sending.have(ActorId::Server(Role::Mailbox, attestation.mailbox), next);
            self.retire(step);
        } else {
            self.meet_branch(&attestation, step);
        }
    }

    /// Two versions of the log of a mailbox actor would show here.
    fn compare(&mut self, attestation: &Signed<Attestation>, step: &mut Step) {
        let own = attestation.to_unverified();
        if let Some(last) =
            self.attested.get(&attestation.mailbox).filter(|last| last.digest() != own.digest())
        {
            if last.claimed_slot().checked_add(1) == Some(attestation.epoch.0)
                && last.digest() != attestation.previous
            {
                let later = Linked::Attestation(own.clone());
                accuse(BrokenChain { earlier: Some(last.cite()), later }, &self.setup.trust, step);
            } else if last.claimed_slot() == attestation.epoch.0 {
                let equivocation = Equivocation { first: last.cite(), second: attestation.cite() };
                accuse(equivocation, &self.setup.trust, step);
            }
        }
        let last = self.attested.entry(attestation.mailbox).or_insert_with(|| own.clone());
        if last.claimed_slot() < own.claimed_slot() {
            *last = own;
        }
    }

    /// A mailbox actor follows another cut of an epoch than the one seen here: the sequencer has forked, and a
    /// witness that stands by both has lied with it.
    fn meet_branch(&mut self, attestation: &Signed<Attestation>, step: &mut Step) {
        let Some(seen) = self.admission.cut(attestation.epoch) else { return };
        let fork = Equivocation { first: seen, second: attestation.cut.clone() };
        if !self.views.is_forked(attestation.epoch) && accuse(fork, &self.setup.trust, step) {
            step.notice(Notice::Reached("an incoming actor met a branch and asked who vouches for it"));
            self.views.forked(attestation.epoch, &self.setup.trust, step);
        }
    }

    /// Gives up what every mailbox actor has attested, and stores what shows that.
    fn retire(&mut self, step: &mut Step) {
        let retired = self.sending.retire();
        if !retired.is_empty() {
            self.handed.store(step);
        }
        for (batch, start, end) in retired {
            (start.0..end.0).for_each(|position| step.delete(row(LOG, &Position(position).to_bytes())));
            // the newest seal guards its slot and stays, until a newer one does
            if let Some(guard) = self.guard.replace(batch) {
                step.forget(Kind::Seal, guard.0);
            }
        }
    }
}

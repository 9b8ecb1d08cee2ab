//! Views: which witnesses stand by which version of a cut.
//!
//! Two attestations that cite two cuts of one epoch expose the sequencer. Whoever accepted either did so because
//! witnesses had cosigned it; a witness that stands by both has lied as well. The incoming actors are where the
//! branches of a fork meet: all mailbox actors attest to them. So they ask who vouches for each.
//!
//! # Invariants
//! - It asks only about epochs of which it has seen two cuts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    actor::{Step, docket::accuse},
    protocol::{
        digest::Digest,
        id::{ActorId, Epoch, Role},
        message::{Message, Vouched},
        predicate::cosignature::View,
        statement::{Kind, Trust},
    },
};

/// How many forked epochs are kept in mind: a witness's word takes a while to reach a mailbox actor.
const FORKED_MAX: usize = 4;

/// What was said of the newest epochs that are forked.
#[derive(Default)]
pub struct Views {
    forked: BTreeMap<Epoch, BTreeMap<u32, (Digest, View)>>,
    /// Witnesses that are exposed.
    liars: BTreeSet<u32>,
}

impl Views {
    /// Whether two cuts of an epoch were seen.
    pub fn is_forked(&self, epoch: Epoch) -> bool {
        self.forked.contains_key(&epoch)
    }

    /// Two cuts of an epoch were seen: asks every mailbox actor which witnesses stand by the one that it follows, and
    /// once more about the epochs before.
    pub fn forked(&mut self, epoch: Epoch, trust: &Trust, step: &mut Step) {
        self.forked.entry(epoch).or_default();
        while self.forked.len() > FORKED_MAX {
            self.forked.pop_first();
        }
        for k in 0..trust.roster.mailboxes() {
            for epoch in self.forked.keys() {
                step.send(ActorId::Server(Role::Mailbox, k), Message::Vouch(*epoch));
            }
        }
    }

    /// A mailbox actor says who stands by its attestation.
    pub fn vouched(&mut self, vouched: &Vouched, trust: &Trust, step: &mut Step) {
        step.work.verified += 1;
        let Ok(attestation) = vouched.attestation.clone().verify(trust) else { return };
        let Some(views) = self.forked.get_mut(&attestation.epoch) else { return };
        let head = attestation.cite();
        for cosignature in &vouched.cosignatures {
            step.work.verified += 1;
            let Ok(signed) = cosignature.clone().verify(trust) else { continue };
            let covered = signed.covers(Kind::Attestation, head.actor, head.slot, head.digest);
            if !covered || self.liars.contains(&signed.witness) {
                continue;
            }
            let (cut, attestation) = (attestation.cut.digest, Some(vouched.attestation.clone()));
            let view = View { cosignature: cosignature.clone(), attestation };
            let (other, first) = views.entry(signed.witness).or_insert((cut, view.clone()));
            if *other != cut && first.against(&view).into_iter().any(|split| accuse(split, trust, step)) {
                self.liars.insert(signed.witness);
            }
        }
    }
}

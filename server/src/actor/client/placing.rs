//! Bundles that have a receipt and are not yet seen to stand where it says.
//!
//! A receipt is a promise; the incoming actor shows with a placement that it kept it. One that does not come is demanded
//! on the board, and one that shows something else proves the broken promise.
//!
//! # Invariants
//! - What is needed to prove a broken promise is durable until the promise is kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    actor::{
        Setup, Step,
        docket::{Docket, accuse},
        step::Notice,
    },
    port::Time,
    protocol::{
        batch::Placement,
        board::{Attachment, Promised},
        bundle::{Bundle, Content},
        challenge::Demand,
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Position},
        predicate::{
            promise::{BrokenPromise, PromiseProof},
            seal::{BadSeal, SealFault},
        },
        receipt::{Receipted, bundle_leaf},
        statement::{Signed, Statement as _},
    },
};

/// A bundle with its receipt.
pub struct Placing {
    /// The bundle.
    pub bundle: Signed<Bundle>,
    /// What it carries.
    pub content: Content,
    /// Its receipt.
    pub receipted: Receipted,
    /// Since when it waits; from the next step on, after a crash.
    pub since: Time,
}

impl Placing {
    fn recipients(&self) -> BTreeSet<ClientId> {
        self.content.envelopes.iter().map(|envelope| envelope.recipient).collect()
    }
}

/// What waits for its placement, by position.
#[derive(Default)]
pub struct Places(BTreeMap<Position, Placing>);

impl Places {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A bundle has a receipt for a position.
    pub fn add(&mut self, position: Position, placing: Placing) {
        self.0.insert(position, placing);
    }

    /// Takes a placement: gives the bundles that are where they should be, and the evidence if one is not.
    pub fn take(
        &mut self,
        placement: &Placement,
        setup: &Setup,
        step: &mut Step,
    ) -> (Vec<BundleNumber>, Vec<Evidence>) {
        let (mut kept, mut proofs) = (Vec::new(), Vec::new());
        step.work.verified += 1;
        let Ok(seal) = placement.seal.clone().verify(&setup.trust) else { return (kept, proofs) };
        if !placement.opens(&seal) {
            return (kept, proofs);
        }
        let covered: Vec<Position> =
            self.0.range(seal.start..seal.end).map(|(position, _)| *position).collect();
        for position in covered {
            let placing = &self.0[&position];
            let own = placing.receipted.receipt.claimed_actor() == seal.actor();
            let Some(leaf) = placement.leaves.leaf(position.0 - seal.start.0).filter(|_| own) else {
                continue;
            };
            let proof = match leaf == bundle_leaf(&placing.bundle.cite()) {
                false => Some(broken(placing, position, placement)),
                true if !placement.shows(&placing.recipients()) => continue,
                true => omitted(placing, position, placement),
            };
            match proof {
                Some(evidence) if accuse(evidence.clone(), &setup.trust, step) => proofs.push(evidence),
                Some(_) => continue,
                None => step.notice(Notice::Reached("a sender saw its bundle where the receipt said")),
            }
            kept.push(placing.bundle.number);
            self.0.remove(&position);
        }
        (kept, proofs)
    }

    /// Waits that began before a crash begin anew.
    pub fn settle(&mut self, now: Time) {
        self.0
            .values_mut()
            .filter(|placing| placing.since == Time(0))
            .for_each(|placing| placing.since = now);
    }

    /// When the oldest one has waited for too long.
    pub fn due(&self, docket: &Docket, setup: &Setup) -> Option<Time> {
        let undemanded = self.0.iter().filter(|(position, placing)| {
            let (target, demand) = demand(**position, placing);
            !docket.demands(target, &demand)
        });
        undemanded.map(|(_, placing)| placing.since.after(setup.challenge_ns())).min()
    }

    /// Makes public which placements do not come.
    pub fn demand(&self, docket: &mut Docket, setup: &Setup, step: &mut Step) {
        for (position, placing) in &self.0 {
            if placing.since.after(setup.challenge_ns()) > step.now {
                continue;
            }
            let (target, demand) = demand(*position, placing);
            if docket.demands(target, &demand) {
                continue;
            }
            let promised = Promised {
                receipted: placing.receipted.clone(),
                bundle: placing.bundle.cite(),
                recipients: placing.recipients(),
            };
            step.notice(Notice::Reached("a sender challenged an incoming actor to show a placement"));
            docket.demand(target, demand, Attachment::Promised(Box::new(promised)), step);
        }
    }

    /// What is not worth demanding any more.
    pub fn satisfied(&self, docket: &mut Docket, setup: &Setup) {
        let waits = |demand: &Demand| match demand {
            Demand::Place { position, .. } => self.0.contains_key(position),
            _ => true,
        };
        docket.retain(|challenge| waits(&challenge.demand), &setup.trust);
    }
}

fn demand(position: Position, placing: &Placing) -> (ActorId, Demand) {
    let receipt = placing.receipted.receipt.cite();
    (receipt.actor, Demand::Place { receipt, position })
}

fn broken(placing: &Placing, position: Position, placement: &Placement) -> Evidence {
    let promised = placing.receipted.opening.clone();
    let proof = PromiseProof::Place { position, promised, sealed: placement.leaves.clone() };
    let (receipt, seal) = (placing.receipted.receipt.clone(), placement.seal.clone());
    BrokenPromise { receipt, seal, proof }.into()
}

fn omitted(placing: &Placing, position: Position, placement: &Placement) -> Option<Evidence> {
    let recipient = placement.omits(&placing.recipients(), position)?;
    let index = placing.content.envelopes.iter().position(|envelope| envelope.recipient == recipient)?;
    let envelope = &placing.content.envelopes[index];
    let fault = SealFault::Omitted {
        bundle: placing.bundle.to_unverified(),
        opening: placement.leaves.clone(),
        recipient,
        salt: envelope.salt,
        ciphertext: Digest::of(&[&envelope.ciphertext]),
        envelope: placing.content.tree().open(&[index as u64]),
        manifest: placement.manifest.clone(),
    };
    Some(BadSeal { seal: placement.seal.clone(), fault }.into())
}

//! Bundles that have a receipt and are not yet seen to stand where it says.
//!
//! A receipt is a promise; the incoming actor shows with a placement that it kept it. One that does not come may be lost
//! with a connection, so the actor is asked for it; then it is demanded on the board. One that shows something else proves the
//! broken promise.
//!
//! # Invariants
//! - What is needed to prove a broken promise is durable until the promise is kept; but where there is no witness, of no more
//!   than [`UNWATCHED_MAX`] promises.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};

use super::submissions::BACKOFF_MAX;
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
        merkle::Opening,
        message::Message,
        predicate::{
            promise::{BrokenPromise, PromiseProof},
            seal::{BadSeal, SealFault},
        },
        receipt::{Receipted, bundle_leaf},
        seal::Seal,
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
    /// A seal covers its position and does not show it.
    pub overdue: bool,
}

impl Placing {
    /// When it has waited for too long. A placement follows the receipt within few epochs, so it is asked for earlier
    /// than what is owed under load: a witness that has the ledger answers at once.
    fn due(&self, setup: &Setup) -> Time {
        if self.overdue { self.since } else { self.since.after(setup.challenge_ns() / 4) }
    }

    /// When it is asked for again: before it is demanded.
    fn ask_due(&self, setup: &Setup) -> Time {
        if self.overdue { self.since } else { self.since.after(setup.challenge_ns() / 8) }
    }

    fn recipients(&self) -> BTreeSet<ClientId> {
        self.content.envelopes.iter().map(|envelope| envelope.recipient).collect()
    }
}

/// Placements that are kept though nothing waits for them: as many as may overtake their receipts.
const EARLY_MAX: usize = 16;
/// Most receipts whose placements are asked for at once.
const ASKED_MAX: usize = 64;
/// Placements without which a client goes on where there is no witness to demand them from.
const UNWATCHED_MAX: usize = 2048;

/// What waits for its placement, by position; who lies may have promised one to several.
#[derive(Default)]
pub struct Places {
    waiting: BTreeMap<(Position, BundleNumber), Placing>,
    /// Placements that came before the receipts of what they show, with the run that they are of. Over HTTP they come
    /// another way than receipts do.
    early: VecDeque<(Range<Position>, Placement)>,
    /// Not before this time are placements asked for again.
    ask_again_at: Option<Time>,
    asked: u32,
}

impl Places {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A bundle has a receipt for a position: the placements of it that have come already.
    #[must_use]
    pub fn add(&mut self, position: Position, placing: Placing) -> Vec<Placement> {
        self.waiting.insert((position, placing.bundle.number), placing);
        let (shown, early) = self.early.drain(..).partition(|(run, _)| run.contains(&position));
        self.early = early;
        let shown: VecDeque<(Range<Position>, Placement)> = shown;
        shown.into_iter().map(|(_, placement)| placement).collect()
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
        let run = (seal.start, BundleNumber(0))..(seal.end, BundleNumber(0));
        let covered: Vec<(Position, BundleNumber)> =
            self.waiting.range(run).map(|(place, _)| *place).collect();
        if covered.is_empty() {
            self.early.push_back((seal.start..seal.end, placement.clone()));
            self.early.drain(..self.early.len().saturating_sub(EARLY_MAX));
        }
        for place in covered {
            let (placing, position) = (&self.waiting[&place], place.0);
            if placing.receipted.receipt.claimed_actor() != seal.actor() {
                continue;
            }
            let proof = match look(placing, position, placement, &seal) {
                Seen::Nothing => {
                    // covered and not shown: that is demanded at once
                    self.waiting.entry(place).and_modify(|placing| placing.overdue = true);
                    continue;
                }
                Seen::Kept => None,
                Seen::Broken(evidence) => Some(*evidence),
            };
            match proof {
                Some(evidence) if accuse(evidence.clone(), &setup.trust, step) => proofs.push(evidence),
                Some(_) => continue,
                None => step.notice(Notice::Reached("a sender saw its bundle where the receipt said")),
            }
            kept.push(placing.bundle.number);
            self.waiting.remove(&place);
            self.asked = 0;
        }
        (kept, proofs)
    }

    /// Waits that began before a crash begin anew.
    pub fn settle(&mut self, now: Time) {
        self.waiting
            .values_mut()
            .filter(|placing| placing.since == Time(0))
            .for_each(|placing| placing.since = now);
    }

    /// A handler is there that can ask.
    pub fn connected(&mut self) {
        (self.ask_again_at, self.asked) = (None, 0);
    }

    /// When placements are to be asked for.
    pub fn ask_due(&self, setup: &Setup) -> Option<Time> {
        let first = self.waiting.values().map(|placing| placing.ask_due(setup)).min()?;
        Some(self.ask_again_at.map_or(first, |again| again.max(first)))
    }

    /// Asks for the placements that do not come: one that comes shows all bundles of its run.
    pub fn ask(&mut self, handler: ActorId, setup: &Setup, step: &mut Step) {
        if self.ask_due(setup).is_none_or(|due| due > step.now) {
            return;
        }
        let due = self.waiting.values().filter(|placing| placing.ask_due(setup) <= step.now);
        let by_receipt: BTreeMap<u64, &Receipted> =
            due.map(|placing| (placing.receipted.receipt.claimed_slot(), &placing.receipted)).collect();
        for receipted in by_receipt.into_values().take(ASKED_MAX) {
            step.send(handler, Message::Unplaced(receipted.clone()));
        }
        let wait = setup.timing.retry_ns << self.asked.min(BACKOFF_MAX);
        (self.ask_again_at, self.asked) = (Some(step.now.after(wait)), self.asked + 1);
    }

    /// Gives up the oldest ones if there are too many and nobody to demand them from.
    pub fn give_up(&mut self, setup: &Setup, step: &mut Step) -> Vec<BundleNumber> {
        let mut given_up = Vec::new();
        while setup.trust.roster.witnesses() == 0 && self.waiting.len() > UNWATCHED_MAX {
            let Some((_, placing)) = self.waiting.pop_first() else { break };
            let (from, number) = (placing.receipted.receipt.claimed_actor(), placing.bundle.number);
            step.notice(Notice::Suspicious {
                from,
                why: format!("does not show where bundle {number} stands"),
            });
            given_up.push(number);
        }
        given_up
    }

    /// When the oldest one has waited for too long.
    pub fn due(&self, docket: &Docket, setup: &Setup) -> Option<Time> {
        if setup.trust.roster.witnesses() == 0 {
            return None; // there is no board
        }
        let undemanded = self.waiting.iter().filter(|((position, _), placing)| {
            let (target, demand) = demand(*position, placing);
            !docket.demands(target, &demand)
        });
        undemanded.map(|(_, placing)| placing.due(setup)).min()
    }

    /// Makes public which placements do not come.
    pub fn demand(&self, docket: &mut Docket, setup: &Setup, step: &mut Step) {
        if setup.trust.roster.witnesses() == 0 {
            return;
        }
        for ((position, _), placing) in &self.waiting {
            if placing.due(setup) > step.now {
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
            Demand::Place { position, .. } => {
                let there = (*position, BundleNumber(0))..=(*position, BundleNumber(u64::MAX));
                self.waiting.range(there).next().is_some()
            }
            _ => true,
        };
        docket.retain(|challenge| waits(&challenge.demand), &setup.trust);
    }
}

fn demand(position: Position, placing: &Placing) -> (ActorId, Demand) {
    let receipt = placing.receipted.receipt.cite();
    (receipt.actor, Demand::Place { receipt, position })
}

/// What a placement says of a bundle.
enum Seen {
    Nothing,
    Kept,
    Broken(Box<Evidence>),
}

fn look(placing: &Placing, position: Position, placement: &Placement, seal: &Seal) -> Seen {
    let Some(nodes) = placement.leaves.nodes() else { return Seen::Nothing };
    let own = bundle_leaf(&placing.bundle.cite());
    let at = |index: u64| nodes.open(&[index]);
    let promised = placing.receipted.opening.clone();
    let (receipt, sealed_by) = (placing.receipted.receipt.clone(), placement.seal.clone());
    let broken = |proof| {
        let evidence = BrokenPromise { receipt: receipt.clone(), seal: sealed_by.clone(), proof };
        Seen::Broken(Box::new(evidence.into()))
    };
    let index = position.0 - seal.start.0;
    let shown = placement.leaves.leaf(index);
    match (shown, at(index)) {
        (Some(leaf), Some(_)) if leaf == own => match placement.shows(&placing.recipients()) {
            true => omitted(placing, position, placement, at(index)),
            false => Seen::Nothing,
        },
        (Some(_), Some(sealed)) => broken(PromiseProof::Place { position, promised, sealed }),
        _ => {
            let elsewhere = placement.leaves.leaves().iter().find(|(_, leaf)| *leaf == own);
            let found = elsewhere.and_then(|(index, _)| Some((*index, at(*index)?)));
            let Some((index, sealed)) = found else { return Seen::Nothing };
            let place = Position(seal.start.0 + index);
            broken(PromiseProof::Elsewhere { position, promised, place, sealed })
        }
    }
}

/// A recipient may be missing from the manifest.
fn omitted(placing: &Placing, position: Position, placement: &Placement, opening: Option<Opening>) -> Seen {
    let Some(recipient) = placement.omits(&placing.recipients(), position) else { return Seen::Kept };
    let envelopes = &placing.content.envelopes;
    let index = envelopes.iter().position(|envelope| envelope.recipient == recipient);
    let (Some(index), Some(opening)) = (index, opening) else { return Seen::Nothing };
    let fault = SealFault::Omitted {
        bundle: placing.bundle.to_unverified(),
        opening,
        recipient,
        salt: envelopes[index].salt,
        ciphertext: Digest::of(&[&envelopes[index].ciphertext]),
        envelope: placing.content.tree().open(&[index as u64]),
        manifest: placement.manifest.pruned_to(&recipient),
    };
    Seen::Broken(Box::new(BadSeal { seal: placement.seal.clone(), fault }.into()))
}

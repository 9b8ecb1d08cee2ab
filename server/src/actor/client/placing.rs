//! Bundles that have a receipt and are not yet seen to stand where it says.
//!
//! A receipt is a promise; the incoming actor shows with a placement that it kept it. One that does not come may be lost
//! with a connection, so the actor is asked for it; then it is demanded on the board. One that shows something else proves the
//! broken promise.
//!
//! # Invariants
//! - What is needed to prove a broken promise is durable until the promise is kept; but where there is no witness, of no more
//!   than [`UNWATCHED_MAX`] promises that it was asked to show again and again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};

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
    /// How often it was asked for, and when it will be again.
    pub asked: (u32, Option<Time>),
    /// It is demanded on the board.
    pub demanded: bool,
}

impl Placing {
    /// When it has waited for too long. A placement follows the receipt within few epochs, so it is asked for earlier
    /// than what is owed under load: a witness that has the ledger answers at once.
    fn due(&self, setup: &Setup) -> Time {
        if self.overdue { self.since } else { self.since.after(setup.challenge_ns() / 4) }
    }

    /// When it is asked for again: before it is demanded, but not before it can have come.
    fn ask_due(&self, setup: &Setup) -> Time {
        let wait = (setup.challenge_ns() / 8).max(setup.timing.epoch_ns.saturating_mul(4));
        self.asked.1.unwrap_or(if self.overdue { self.since } else { self.since.after(wait) })
    }

    fn receipt(&self) -> u64 {
        self.receipted.receipt.claimed_slot()
    }

    fn recipients(&self) -> BTreeSet<ClientId> {
        self.content.envelopes().iter().map(|envelope| envelope.recipient).collect()
    }
}

/// Placements that are kept though nothing waits for them: as many as may overtake their receipts.
const EARLY_MAX: usize = 16;
/// Most receipts whose placements are asked for at once: one placement shows all of its run.
const ASKED_MAX: usize = 8;
/// Most placements that are demanded at a time: a witness takes 256 challenges of one challenger.
const DEMANDED_MAX: usize = 128;
/// The waiting time doubles with each asking up to this many times: what is gone for good is asked for every few minutes.
const BACKOFF_MAX: u32 = 12;
/// Placements without which a client goes on where there is no witness to demand them from, if they were asked for [`IN_VAIN`] times.
const UNWATCHED_MAX: usize = 2048;
/// So often is one asked for before it may be given up.
const IN_VAIN: u32 = 8;

/// What waits for its placement, by position; who lies may have promised one to several.
#[derive(Default)]
pub struct Places {
    waiting: BTreeMap<(Position, BundleNumber), Placing>,
    /// Placements that came before the receipts of what they show, with the run that they are of. Over HTTP they come
    /// another way than receipts do.
    early: VecDeque<(Range<Position>, Placement)>,
    /// Nothing is asked for before this time, or before something comes.
    rests_until: Option<Time>,
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

    /// Takes a placement: gives the bundles that are where they should be, and the evidence if one is not. One of which nothing waits
    /// is kept if it shows a bundle that awaits its receipt.
    pub fn take(
        &mut self,
        placement: &Placement,
        awaits: impl FnOnce() -> bool,
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
        if covered.is_empty() && awaits() {
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
            self.rests_until = None;
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

    /// A handler is there that can ask: what was asked of another may be lost.
    pub fn connected(&mut self) {
        self.rests_until = None;
        self.waiting.values_mut().for_each(|placing| placing.asked.1 = None);
    }

    /// When placements are to be asked for.
    pub fn ask_due(&self, setup: &Setup) -> Option<Time> {
        let first = self.waiting.values().map(|placing| placing.ask_due(setup)).min()?;
        Some(self.rests_until.map_or(first, |rests| rests.max(first)))
    }

    /// Asks for placements that do not come, those first that were asked for least.
    pub fn ask(&mut self, handler: ActorId, setup: &Setup, step: &mut Step) {
        if self.ask_due(setup).is_none_or(|due| due > step.now) {
            return;
        }
        let due = self.waiting.values().filter(|placing| placing.ask_due(setup) <= step.now);
        let mut receipts: Vec<(u32, u64)> = due.map(|placing| (placing.asked.0, placing.receipt())).collect();
        receipts.sort_unstable();
        receipts.dedup_by_key(|(_, receipt)| *receipt);
        receipts.truncate(ASKED_MAX);
        let retry_ns = setup.timing.retry_ns;
        for (_, receipt) in receipts {
            let mut first = true;
            for placing in self.waiting.values_mut().filter(|placing| placing.receipt() == receipt) {
                if std::mem::take(&mut first) {
                    step.send(handler, Message::Unplaced(placing.receipted.clone()));
                }
                let times = placing.asked.0.saturating_add(1);
                placing.asked = (times, Some(step.now.after(retry_ns << times.min(BACKOFF_MAX))));
            }
        }
        self.rests_until = Some(step.now.after(retry_ns));
    }

    /// Gives up what was asked for in vain the longest, if it is too much and nobody is there to demand it from.
    pub fn give_up(&mut self, setup: &Setup, step: &mut Step) -> Vec<BundleNumber> {
        let mut given_up = Vec::new();
        while setup.trust.roster.witnesses() == 0 && self.waiting.len() > UNWATCHED_MAX {
            let in_vain = self.waiting.iter().filter(|(_, placing)| placing.asked.0 >= IN_VAIN);
            let Some(place) = in_vain.min_by_key(|(_, placing)| placing.since).map(|(place, _)| *place)
            else {
                break;
            };
            let Some(placing) = self.waiting.remove(&place) else { break };
            let (from, number) = (placing.receipted.receipt.claimed_actor(), placing.bundle.number);
            let why = format!("does not show where bundle {number} stands");
            step.notice(Notice::Suspicious { from, why });
            given_up.push(number);
        }
        given_up
    }

    /// When the oldest one has waited for too long, if there is a board and more may be demanded on it.
    pub fn due(&self, setup: &Setup) -> Option<Time> {
        if self.demandable(setup) == 0 {
            return None;
        }
        self.waiting.values().filter(|placing| !placing.demanded).map(|placing| placing.due(setup)).min()
    }

    /// How many more may be demanded.
    fn demandable(&self, setup: &Setup) -> usize {
        if setup.trust.roster.witnesses() == 0 {
            return 0; // there is no board
        }
        DEMANDED_MAX.saturating_sub(self.waiting.values().filter(|placing| placing.demanded).count())
    }

    /// Makes public which placements do not come.
    pub fn demand(&mut self, docket: &mut Docket, setup: &Setup, step: &mut Step) {
        let more = self.demandable(setup);
        let overdue = |placing: &Placing| !placing.demanded && placing.due(setup) <= step.now;
        let places = self.waiting.iter().filter(|(_, placing)| overdue(placing)).map(|(place, _)| *place);
        for place in places.take(more).collect::<Vec<_>>() {
            let Some(placing) = self.waiting.get_mut(&place) else { continue };
            placing.demanded = true;
            let (target, demand) = demand(place.0, placing);
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
    let envelopes = &placing.content.envelopes();
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

//! The intake: cuts and batches, verified, until an epoch can be attested.
//!
//! # Invariants
//! - A batch in here opens to its seal: manifest over all hosted clients, every leaf, every parcel.
//! - A cut is handed on only if it follows the one before it and leads to seals that are in here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    actor::{Step, step::Notice},
    protocol::{
        batch::{Batch, OpenBatch},
        board::Taken,
        cut::{Cut, Reached, spans},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BatchNumber, Epoch, Position, Role},
        message::Message,
        predicate::{
            chain::{BrokenChain, Linked},
            cut::{BadCut, CutFault},
            equivocation::Equivocation,
        },
        seal::Seal,
        statement::{Citation, SignatureError, Signed, Trust, Unverified},
    },
};

/// What has arrived and is not attested yet.
pub struct Intake {
    index: u32,
    trust: Trust,
    /// The last cut attested.
    at: Option<Signed<Cut>>,
    cuts: BTreeMap<Epoch, Signed<Cut>>,
    /// The incoming actors of which a run was refused because its key is revoked.
    refused: BTreeSet<u32>,
    /// By incoming actor. Boxed: a node of a map has room for eleven, and mostly there is one or none.
    batches: Vec<BTreeMap<BatchNumber, Box<OpenBatch>>>,
}

impl Intake {
    /// Empty, for mailbox actor `index`.
    pub fn new(index: u32, trust: Trust) -> Self {
        let batches = (0..trust.roster.incoming()).map(|_| BTreeMap::new()).collect();
        Intake { index, trust, at: None, cuts: BTreeMap::new(), refused: BTreeSet::new(), batches }
    }

    /// The last cut attested.
    pub fn at(&self) -> Option<&Cut> {
        self.at.as_deref()
    }

    /// Goes on after this cut, if it is later than the one at hand.
    pub fn resume_at(&mut self, cut: Signed<Cut>) {
        if self.at.as_ref().is_none_or(|at| at.epoch < cut.epoch) {
            self.at = Some(cut);
        }
    }

    /// The next cut to ask for.
    pub fn next_cut(&self) -> Epoch {
        let newest = self.cuts.last_key_value().map(|(epoch, _)| *epoch);
        newest.or(self.at.as_ref().map(|at| at.epoch)).unwrap_or_default().next()
    }

    /// The next batch to ask an incoming actor for.
    pub fn next_batch(&self, incoming: u32) -> BatchNumber {
        let attested = || self.reached(incoming).map_or(BatchNumber(0), |(slot, _)| BatchNumber(slot + 1));
        let newest = self.batches.get(incoming as usize).and_then(|batches| batches.last_key_value());
        newest.map_or_else(attested, |(batch, _)| batch.next())
    }

    /// The last attested seal of an incoming actor: slot and digest.
    fn reached(&self, incoming: u32) -> Option<(u64, Digest)> {
        let seal = self.at.as_ref()?.reached.get(incoming as usize)?.seal.clone()?;
        Some((seal.slot, seal.digest))
    }

    /// Takes a cut from the sequencer.
    pub fn take_cut(&mut self, from: ActorId, cut: Unverified<Cut>, step: &mut Step) {
        if Epoch(cut.claimed_slot()) != self.next_cut() {
            return; // one that it has, or one after a gap: it subscribes anew when the connection does
        }
        step.work.verified += 1;
        match cut.verify(&self.trust) {
            Err(error) => step.disbelieve(from, &error),
            Ok(cut) => {
                step.notice(Notice::SawCut { epoch: cut.epoch, digest: cut.digest() });
                self.ask_again(&cut, step);
                self.cuts.insert(cut.epoch, cut);
            }
        }
    }

    /// Asks for the runs that were refused and that this cut takes.
    fn ask_again(&mut self, cut: &Cut, step: &mut Step) {
        for incoming in std::mem::take(&mut self.refused) {
            let reached = cut.reached.get(incoming as usize).and_then(|reached| reached.seal.clone());
            let BatchNumber(next) = self.next_batch(incoming);
            match reached.is_some_and(|reached| next <= reached.slot) {
                true => step.send(ActorId::Server(Role::Incoming, incoming), Message::Subscribe(next)),
                false => _ = self.refused.insert(incoming),
            }
        }
    }

    /// Takes a batch from an incoming actor.
    pub fn take_batch(&mut self, from: ActorId, batch: Batch, step: &mut Step) {
        let Some(incoming) = from.index_of(Role::Incoming) else { return };
        if batch.seal.claimed_actor() != from
            || BatchNumber(batch.seal.claimed_slot()) != self.next_batch(incoming)
        {
            return;
        }
        step.work.verified += 1;
        step.work.hashed_bytes +=
            batch.parcels.iter().map(|parcel| parcel.payload.len() as u64 + 500).sum::<u64>();
        let seal = match self.believe(&batch.seal) {
            Ok(seal) => seal,
            Err(error) => {
                // once a cut takes it, it counts
                if batch.seal.clone().verify(&self.trust.of_ordered_seals()).is_ok() {
                    self.refused.insert(incoming);
                }
                return step.disbelieve(from, &error);
            }
        };
        match batch.opened(seal, self.index, &self.trust) {
            Err(why) => step.notice(Notice::Suspicious { from, why }),
            Ok(held) => {
                if let Some(batches) = self.batches.get_mut(incoming as usize) {
                    batches.insert(held.seal.batch, Box::new(held));
                }
            }
        }
    }

    /// A seal counts if its signature does, or if a cut leads to it: if that cites just this one, or cites one of the same key, which has
    /// to be linked to it.
    fn believe(&self, seal: &Unverified<Seal>) -> Result<Signed<Seal>, SignatureError> {
        let cited = seal.claimed_actor().index_of(Role::Incoming).and_then(|j| {
            let reached = self.cuts.values().filter_map(|cut| cut.reached.get(j as usize)?.seal.clone());
            reached.into_iter().find(|cited| cited.slot >= seal.claimed_slot())
        });
        let leads = |cited: Citation| match cited.slot == seal.claimed_slot() {
            true => cited.digest == seal.digest(),
            false => !cited.verify(&self.trust),
        };
        seal.clone().verify(&self.trust).or_else(|error| match cited.is_some_and(leads) {
            true => seal.clone().verify(&self.trust.of_ordered_seals()),
            false => Err(error),
        })
    }

    /// The cut that comes next with the last one attested: what shows which runs it takes.
    pub fn taken(&self) -> Option<Taken> {
        let cut = self.pending()?.to_unverified();
        Some(Taken { before: self.at.as_ref().map(Signed::to_unverified), cut })
    }

    /// The cut that comes next, ready or not.
    pub fn pending(&self) -> Option<&Signed<Cut>> {
        self.cuts.first_key_value().map(|(_, cut)| cut)
    }

    /// The runs that the next cut takes and that are not here: incoming actor, number, and the seal that the cut cites.
    pub fn missing(&self) -> Vec<(u32, BatchNumber, Citation)> {
        let Some(cut) = self.pending() else { return Vec::new() };
        let missing = |(j, reached): (usize, &Reached)| {
            let (seal, next) = (reached.seal.clone()?, self.next_batch(j as u32));
            (next.0 <= seal.slot).then_some((j as u32, next, seal))
        };
        cut.reached.iter().take(self.batches.len()).enumerate().filter_map(missing).collect()
    }

    /// Drops the runs that are not the ones that the next cut takes; gives what shows it, by incoming actor.
    pub fn drop_forked(&mut self) -> Vec<(u32, Evidence)> {
        let Some(cut) = self.cuts.first_key_value().map(|(_, cut)| cut.clone()) else { return Vec::new() };
        let mut forked = Vec::new();
        for (j, reached) in cut.reached.iter().enumerate().take(self.batches.len()) {
            let Some(cited) = &reached.seal else { continue };
            if let Some(fork) = self.fork_of(j, cited.clone()) {
                forked.push((j as u32, fork));
                self.batches[j].clear();
            }
        }
        forked
    }

    /// Two versions of one incoming actor's log: a run that is not the cited one, or that the next one does not extend.
    fn fork_of(&self, incoming: usize, cited: Citation) -> Option<Evidence> {
        let held = self.batches[incoming].get(&BatchNumber(cited.slot));
        if let Some(held) = held.filter(|held| held.seal.digest() != cited.digest) {
            return Some(Equivocation { first: cited, second: held.seal.cite() }.into());
        }
        let mut earlier = self.at.as_ref().and_then(|at| at.reached.get(incoming)?.seal.clone());
        for (_, held) in self.batches[incoming].range(..=BatchNumber(cited.slot)) {
            let linked = earlier.as_ref().map_or(Digest::ZERO, |earlier| earlier.digest);
            if held.seal.previous != linked {
                let later = Linked::Seal(held.seal.to_unverified());
                return Some(BrokenChain { earlier, later }.into());
            }
            earlier = Some(held.seal.cite());
        }
        None
    }

    /// What may be proved of whoever is to blame that the next cut is not ready. The judge decides.
    pub fn doubts(&self) -> Vec<Evidence> {
        let Some(cut) = self.pending() else { return Vec::new() };
        let own = || cut.to_unverified();
        let before = self.at.as_ref().map(Signed::to_unverified);
        let mut doubts: Vec<Evidence> = vec![BadCut { cut: own(), fault: CutFault::Alone }.into()];
        let earlier = self.at.as_ref().map(Signed::cite);
        doubts.push(BrokenChain { earlier, later: Linked::Cut(own()) }.into());
        if let Some(before) = before.clone() {
            doubts.push(BadCut { cut: own(), fault: CutFault::Follows { before } }.into());
        }
        for (reached, batches) in cut.reached.iter().zip(&self.batches) {
            let Some(cited) = &reached.seal else { continue };
            let Some(held) = batches.get(&BatchNumber(cited.slot)) else { continue };
            let seal = held.seal.to_unverified();
            doubts.push(Equivocation { first: cited.clone(), second: held.seal.cite() }.into());
            doubts.push(BadCut { cut: own(), fault: CutFault::End { seal } }.into());
            let upto = batches.range(..=BatchNumber(cited.slot)).rev();
            let seals = upto.map(|(_, held)| held.seal.to_unverified()).collect();
            let fault = CutFault::Extends { before: before.clone(), seals };
            doubts.push(BadCut { cut: own(), fault }.into());
        }
        doubts
    }

    /// The next cut, if it follows and every batch that it takes is here.
    pub fn ready(&mut self, step: &mut Step) -> Option<Signed<Cut>> {
        let cut = self.cuts.first_key_value()?.1;
        let previous = self.at.as_ref().map_or(Digest::ZERO, Signed::digest);
        let follows = cut.previous == previous
            && cut.reached.len() == self.batches.len()
            && spans(self.at.as_deref(), cut).is_some();
        if !follows {
            step.notice(Notice::Reached("a cut that does not follow stops the mailbox actor"));
            return None;
        }
        if (0..self.batches.len()).all(|j| self.leads_to(j, cut)) {
            return Some(cut.clone());
        }
        step.notice(Notice::Reached("a mailbox actor waited for a cited batch"));
        None
    }

    /// Whether the batches of one actor lead, link by link, to what the cut reaches.
    fn leads_to(&self, incoming: usize, cut: &Cut) -> bool {
        let mut tip = self.reached(incoming as u32);
        let mut end = self.at.as_ref().map_or(Position(0), |at| at.reached[incoming].end);
        for held in self.batches_from(incoming as u32, cut) {
            let (slot, previous) = tip.map_or((0, Digest::ZERO), |(slot, digest)| (slot + 1, digest));
            if (held.seal.batch.0, held.seal.previous, held.seal.start) != (slot, previous, end) {
                return false;
            }
            (tip, end) = (Some((slot, held.seal.digest())), held.seal.end);
        }
        let reached = &cut.reached[incoming];
        (tip, end) == (reached.seal.as_ref().map(|seal| (seal.slot, seal.digest)), reached.end)
    }

    /// The batches of one incoming actor that a cut takes.
    pub fn batches_from<'a>(
        &'a self,
        incoming: u32,
        cut: &Cut,
    ) -> impl Iterator<Item = &'a OpenBatch> + use<'a> {
        let from = self.reached(incoming).map_or(BatchNumber(0), |(slot, _)| BatchNumber(slot + 1));
        let incoming = incoming as usize;
        let last = cut.reached[incoming].seal.as_ref().map(|seal| BatchNumber(seal.slot));
        let range = last.filter(|last| *last >= from).map(|last| from..=last);
        range.into_iter().flat_map(move |range| self.batches[incoming].range(range).map(|(_, held)| &**held))
    }

    /// The batches that a cut takes, by incoming actor and number.
    pub fn batches_of<'a>(&'a self, cut: &Cut) -> impl Iterator<Item = &'a OpenBatch> + use<'a> {
        let each: Vec<_> = (0..self.batches.len()).map(|j| self.batches_from(j as u32, cut)).collect();
        each.into_iter().flatten()
    }

    /// The cut is attested: it and its batches are done with.
    pub fn pass(&mut self, cut: Signed<Cut>) {
        self.cuts.remove(&cut.epoch);
        for (batches, reached) in self.batches.iter_mut().zip(&cut.reached) {
            if let Some(seal) = &reached.seal {
                *batches = batches.split_off(&BatchNumber(seal.slot + 1));
            }
        }
        self.at = Some(cut);
    }
}

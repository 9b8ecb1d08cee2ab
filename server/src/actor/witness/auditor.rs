//! The auditor: cross-checks what it is shown and says what might be proved.
//!
//! It re-derives every statement from the statements that it stands on, and compares every citation with the statement
//! of that slot. What it says are doubts: the judge decides, and whoever makes one known has asked the judge before.
//!
//! # Invariants
//! - What two honest parties hold never raises a doubt that the judge upholds.

use std::collections::{BTreeMap, VecDeque};

use super::last::LastBundles;
use crate::protocol::{
    attestation::Attestation,
    batch::Ledger,
    board::Promised,
    bundle::Bundle,
    cut::{Cut, Reached, spans},
    digest::Digest,
    evidence::Evidence,
    id::{ActorId, BatchNumber, BundleNumber, ClientId, Epoch, Position, Role},
    merkle::Tree,
    predicate::{
        attestation::BadCitation,
        chain::{BrokenChain, Linked},
        cut::{BadCut, CutFault},
        equivocation::Equivocation,
        promise::{BrokenPromise, PromiseProof},
        seal::{BadSeal, SealFault},
        seals::{CrossSeal, SealedBundle},
    },
    receipt::bundle_leaf,
    seal::Seal,
    statement::{Citation, Kind, Signed, Trust, Unverified},
};

/// How many citations are remembered, over all logs.
const KNOWN_MAX: usize = 1 << 16;
/// How many seals of each incoming actor, and how many cuts.
const KEPT_MAX: usize = 1 << 12;
/// What stands where, in so many runs over all incoming actors.
const TREES_MAX: usize = 1 << 12;

/// What an auditor remembers.
pub struct Auditor {
    trust: Trust,
    known: BTreeMap<(Kind, ActorId, u64), Citation>,
    order: VecDeque<(Kind, ActorId, u64)>,
    seals: BTreeMap<(u32, BatchNumber), Unverified<Seal>>,
    cuts: BTreeMap<Epoch, Unverified<Cut>>,
    /// What the newest of them takes of each incoming actor.
    reached: Vec<Reached>,
    attestations: BTreeMap<u32, Unverified<Attestation>>,
    bundles: LastBundles,
    /// What stands where, of the last runs of each incoming actor.
    trees: BTreeMap<u32, BTreeMap<BatchNumber, (Position, Tree)>>,
}

impl Auditor {
    /// One that has seen nothing.
    pub fn new(trust: Trust) -> Self {
        Auditor {
            trust,
            known: BTreeMap::new(),
            order: VecDeque::new(),
            seals: BTreeMap::new(),
            cuts: BTreeMap::new(),
            reached: Vec::new(),
            attestations: BTreeMap::new(),
            bundles: LastBundles::default(),
            trees: BTreeMap::new(),
        }
    }

    /// The seal of an incoming actor that it has not seen yet.
    pub fn next_seal(&self, incoming: u32) -> u64 {
        let own = (incoming, BatchNumber(0))..=(incoming, BatchNumber(u64::MAX));
        self.seals.range(own).next_back().map_or(0, |((_, batch), _)| batch.0.saturating_add(1))
    }

    /// Whether it has seen a cut.
    pub fn has_cuts(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// Whether it has seen a seal.
    pub fn has_seal(&self, incoming: u32, batch: BatchNumber) -> bool {
        self.seals.contains_key(&(incoming, batch))
    }

    /// The seals of an incoming actor from a number up to another, if all were seen.
    pub fn seals_between(&self, incoming: u32, from: u64, upto: u64) -> Option<Vec<Unverified<Seal>>> {
        let range = (incoming, BatchNumber(from))..=(incoming, BatchNumber(upto));
        if from > upto {
            return Some(Vec::new());
        }
        let due = (upto - from).checked_add(1)?;
        let seals: Vec<_> = self.seals.range(range).map(|(_, seal)| seal.clone()).collect();
        (seals.len() as u64 == due).then_some(seals)
    }

    /// The seals of an incoming actor that extend, link by link, what the last cut takes, as far as they were seen: nothing else
    /// can be ordered.
    fn extending(&self, incoming: u32) -> impl Iterator<Item = &Unverified<Seal>> {
        let reached = self.reached.get(incoming as usize).cloned().unwrap_or_default();
        let (next, last) = match reached.seal {
            Some(seal) => (seal.slot.saturating_add(1), seal.digest),
            None => (0, Digest::ZERO),
        };
        let mut link = (BatchNumber(next), last, reached.end);
        let seen = self.seals.range((incoming, BatchNumber(next))..=(incoming, BatchNumber(u64::MAX)));
        seen.map(|(_, seal)| seal).take_while(move |seal| {
            let body = seal.claimed();
            let extends = (body.batch, body.previous, body.start) == link;
            link = (BatchNumber(body.batch.0.saturating_add(1)), seal.digest(), body.end);
            extends
        })
    }

    /// Whether this seal of an incoming actor can be ordered, or is.
    pub fn can_be_ordered(&self, incoming: u32, slot: u64) -> bool {
        self.last_ordered(incoming) >= Some(slot)
            || self.extending(incoming).any(|seal| seal.claimed_slot() == slot)
    }

    /// The last seal of an incoming actor that can be ordered.
    pub fn last_orderable(&self, incoming: u32) -> Option<Citation> {
        self.extending(incoming).last().map(Unverified::cite)
    }

    /// The last seal of an incoming actor that a cut takes.
    pub fn last_ordered(&self, incoming: u32) -> Option<u64> {
        Some(self.reached.get(incoming as usize)?.seal.as_ref()?.slot)
    }

    /// The cuts that a mailbox actor has not attested, at most so many, as far as they were seen.
    pub fn cuts_unattested(&self, mailbox: u32, most: usize) -> impl Iterator<Item = &Unverified<Cut>> {
        self.cuts.range(Epoch(self.attested(mailbox)).next()..).take(most).map(|(_, cut)| cut)
    }

    /// The last epoch that a mailbox actor was seen to have attested; 0 if none was.
    pub fn attested(&self, mailbox: u32) -> u64 {
        self.attestations.get(&mailbox).map_or(0, Unverified::claimed_slot)
    }

    /// The cut of an epoch, as it was seen first.
    pub fn cut_of(&self, epoch: Epoch) -> Option<&Unverified<Cut>> {
        self.cuts.get(&epoch)
    }

    /// Compares a citation with what is known of its slot.
    fn note(&mut self, citation: Citation, doubts: &mut Vec<Evidence>) {
        let place = (citation.kind, citation.actor, citation.slot);
        match self.known.get(&place) {
            Some(known) if known.digest == citation.digest => {}
            Some(known) => doubts.push(Equivocation { first: known.clone(), second: citation }.into()),
            None if citation.verify(&self.trust) => {
                self.known.insert(place, citation);
                self.order.push_back(place);
                while self.order.len() > KNOWN_MAX {
                    self.order.pop_front().map(|old| self.known.remove(&old));
                }
            }
            None => {}
        }
    }

    /// Looks whether a promised bundle stands where it should.
    pub fn promise(&self, promised: &Promised, position: Position) -> Option<Evidence> {
        let receipt = promised.receipted.receipt.clone();
        let incoming = receipt.claimed_actor().index_of(Role::Incoming)?;
        let holds = |(start, tree): &(Position, Tree)| {
            position.0.checked_sub(start.0).is_some_and(|index| index < tree.size())
        };
        let (batch, (start, tree)) = self.trees.get(&incoming)?.iter().rev().find(|(_, run)| holds(run))?;
        let index = position.0 - start.0;
        if tree.leaf(index) == Some(bundle_leaf(&promised.bundle)) {
            return None;
        }
        let (promised, sealed) = (promised.receipted.opening.clone(), tree.open(&[index]));
        let proof = PromiseProof::Place { position, promised, sealed };
        Some(BrokenPromise { receipt, seal: self.seals.get(&(incoming, *batch))?.clone(), proof }.into())
    }

    /// Looks at a cut.
    pub fn cut(&mut self, cut: &Signed<Cut>) -> Vec<Evidence> {
        let mut doubts = Vec::new();
        self.note(cut.cite(), &mut doubts);
        let seals: Vec<Citation> = cut.reached.iter().filter_map(|reached| reached.seal.clone()).collect();
        seals.into_iter().for_each(|seal| self.note(seal, &mut doubts));
        let own = || cut.to_unverified();
        let before = self.cuts.get(&Epoch(cut.epoch.0.saturating_sub(1))).cloned();
        self.look_at_links(cut, before.clone(), &mut doubts);
        for (j, reached) in cut.reached.iter().enumerate() {
            let actor = ActorId::Server(Role::Incoming, j as u32);
            let Some(cited) = &reached.seal else { continue };
            if !cited.is_of(Kind::Seal, actor, cited.slot) || !cited.verify(&self.trust) {
                doubts.push(BadCut { cut: own(), fault: CutFault::Alone }.into());
                continue;
            }
            let Some(seal) = self.seals.get(&(j as u32, BatchNumber(cited.slot))) else { continue };
            if seal.clone().believed().end != reached.end {
                doubts.push(BadCut { cut: own(), fault: CutFault::End { seal: seal.clone() } }.into());
            }
            let last = before.as_ref().map(|before| before.clone().believed());
            let from = last
                .and_then(|last| last.reached.get(j)?.seal.clone())
                .map_or(0, |seal| seal.slot.saturating_add(1));
            if let Some(mut seals) = self.seals_between(j as u32, from, cited.slot).filter(|s| !s.is_empty())
            {
                seals.reverse();
                let fault = CutFault::Extends { before: before.clone(), seals };
                if !self.leads(&fault, cut, j) {
                    doubts.push(BadCut { cut: own(), fault }.into());
                }
            }
        }
        if self.cuts.last_key_value().is_none_or(|(newest, _)| *newest < cut.epoch) {
            self.reached = cut.reached.clone();
        }
        self.cuts.entry(cut.epoch).or_insert_with(own);
        while self.cuts.len() > KEPT_MAX {
            self.cuts.pop_first();
        }
        doubts
    }

    /// Whether these seals lead, link by link, from what the cut before reached.
    fn leads(&self, fault: &CutFault, cut: &Signed<Cut>, j: usize) -> bool {
        let CutFault::Extends { before, seals } = fault else { return true };
        let before = before.as_ref().map(|before| before.clone().believed());
        if before.is_none() && cut.epoch > Epoch(1) {
            return true; // nothing to measure by
        }
        let from = before.and_then(|before| before.reached.get(j).cloned()).unwrap_or_default();
        let mut previous = from.seal.map_or(Digest::ZERO, |seal| seal.digest);
        let mut end = from.end;
        seals.iter().rev().all(|seal| {
            let body = seal.clone().believed();
            let fits = (body.previous, body.start) == (previous, end);
            (previous, end) = (seal.digest(), body.end);
            fits
        })
    }

    fn look_at_links(&self, cut: &Signed<Cut>, before: Option<Unverified<Cut>>, doubts: &mut Vec<Evidence>) {
        let own = || cut.to_unverified();
        let earlier = before.as_ref().map(Unverified::cite);
        let linked = earlier.as_ref().map_or(Digest::ZERO, |earlier| earlier.digest);
        if (before.is_some() || cut.epoch == Epoch(1)) && cut.previous != linked {
            doubts.push(BrokenChain { earlier, later: Linked::Cut(own()) }.into());
        }
        let last = before.clone().map(Unverified::believed);
        let ordered = spans(last.as_deref(), cut).is_some()
            && cut.reached.len() == self.trust.roster.incoming() as usize;
        let measurable = before.is_some() || cut.epoch == Epoch(1);
        if !ordered && measurable {
            doubts.push(BadCut { cut: own(), fault: CutFault::Alone }.into());
        }
        if let (Some(before), Some(last)) = (before, last) {
            let regress = cut.reached.iter().zip(&last.reached).any(|(new, old)| {
                let slot = |reached: &Reached| reached.seal.as_ref().map(|seal| seal.slot);
                slot(new) < slot(old)
                    || (slot(new) == slot(old)
                        && (new.end != old.end
                            || new.seal.as_ref().map(|seal| seal.digest)
                                != old.seal.as_ref().map(|seal| seal.digest)))
            });
            if !ordered || regress {
                doubts.push(BadCut { cut: own(), fault: CutFault::Follows { before } }.into());
            }
        }
    }

    /// Looks at a seal whose ledger is not there.
    pub fn seal(&mut self, seal: &Signed<Seal>) -> Vec<Evidence> {
        let mut doubts = Vec::new();
        self.note(seal.cite(), &mut doubts);
        doubts
    }

    /// Looks at an attestation.
    pub fn attestation(&mut self, attestation: &Signed<Attestation>) -> Vec<Evidence> {
        let mut doubts = Vec::new();
        self.note(attestation.cite(), &mut doubts);
        self.note(attestation.cut.clone(), &mut doubts);
        let own = || attestation.to_unverified();
        let last = self.attestations.get(&attestation.mailbox).cloned();
        let previous = last.filter(|last| last.claimed_slot().checked_add(1) == Some(attestation.epoch.0));
        if let Some(previous) = &previous
            && attestation.previous != previous.digest()
        {
            let earlier = Some(previous.cite());
            doubts.push(BrokenChain { earlier, later: Linked::Attestation(own()) }.into());
        }
        let cited = &attestation.cut;
        let misplaced = !cited.is_of(Kind::Cut, ActorId::SEQUENCER, attestation.epoch.0);
        if misplaced || !cited.verify(&self.trust) {
            doubts.push(BadCitation { attestation: own(), previous: None, cut: None }.into());
        }
        let cut = self.cuts.get(&attestation.epoch).filter(|cut| cut.digest() == cited.digest).cloned();
        if let (Some(previous), Some(cut)) = (previous, cut)
            && cut.clone().believed().previous != previous.clone().believed().cut.digest
        {
            let (previous, cut) = (Some(previous), Some(cut));
            doubts.push(BadCitation { attestation: own(), previous, cut }.into());
        }
        let newest = self.attestations.get(&attestation.mailbox).map(Unverified::claimed_slot);
        if newest.is_none_or(|newest| newest < attestation.epoch.0) {
            self.attestations.insert(attestation.mailbox, own());
        }
        doubts
    }

    /// Looks at a sealed run: whether the ledger opens to its seal, and what may be proved.
    pub fn ledger(&mut self, seal: &Signed<Seal>, ledger: &Ledger) -> (bool, Vec<Evidence>) {
        let mut doubts = Vec::new();
        self.note(seal.cite(), &mut doubts);
        seal.seen.clone().into_iter().for_each(|seen| self.note(seen, &mut doubts));
        let before = seal.batch.0.checked_sub(1);
        let before = before.and_then(|last| self.seals.get(&(seal.incoming, BatchNumber(last))).cloned());
        self.look_at_seal(seal, before.clone(), &mut doubts);
        let citations = ledger.citations();
        let tree = ledger.tree();
        let opens = tree.root() == seal.leaves;
        if opens {
            self.look_at_bundles(seal, ledger, &citations, &tree, &mut doubts);
            let most = (TREES_MAX / self.trust.roster.incoming().max(1) as usize).max(1);
            let trees = self.trees.entry(seal.incoming).or_default();
            trees.insert(seal.batch, (seal.start, tree.clone()));
            while trees.len() > most {
                trees.pop_first();
            }
            let known = before.is_some() || seal.batch == BatchNumber(0);
            if citations.len() as u64 != seal.count() {
                doubts.push(bad(seal, SealFault::Count { bundles: citations }));
            } else if known {
                let start = before.clone().map_or(Digest::ZERO, |before| before.believed().chain);
                let chain = citations.iter().fold(start, |chain, cited| chain.append(bundle_leaf(cited)));
                if chain != seal.chain {
                    doubts.push(bad(seal, SealFault::Chain { before, bundles: citations }));
                }
            }
        }
        self.seals.entry((seal.incoming, seal.batch)).or_insert_with(|| seal.to_unverified());
        self.forget_seals(seal.incoming);
        (opens, doubts)
    }

    /// Of too many seals the oldest go; but what is to be ordered yet stays, and the newest go.
    fn forget_seals(&mut self, incoming: u32) {
        let own = (incoming, BatchNumber(0))..=(incoming, BatchNumber(u64::MAX));
        let ordered = self.last_ordered(incoming);
        for _ in KEPT_MAX..self.seals.range(own.clone()).count() {
            let mut seals = self.seals.range(own.clone()).map(|(place, _)| *place);
            let oldest = seals.next().filter(|(_, batch)| Some(batch.0) <= ordered);
            if let Some(place) = oldest.or_else(|| seals.next_back()) {
                self.seals.remove(&place);
            }
        }
    }

    fn look_at_seal(
        &self,
        seal: &Signed<Seal>,
        before: Option<Unverified<Seal>>,
        doubts: &mut Vec<Evidence>,
    ) {
        if let Some(seen) = &seal.seen
            && (!seen.is_of(Kind::Cut, ActorId::SEQUENCER, seen.slot) || !seen.verify(&self.trust))
        {
            doubts.push(bad(seal, SealFault::Seen));
        }
        let later = || Linked::Seal(seal.to_unverified());
        let Some(before) = before else {
            if seal.batch == BatchNumber(0) && seal.previous != Digest::ZERO {
                doubts.push(BrokenChain { earlier: None, later: later() }.into());
            }
            if seal.batch == BatchNumber(0) && seal.start != Position(0) {
                doubts.push(bad(seal, SealFault::First));
            }
            return;
        };
        let last = before.clone().believed();
        if seal.previous != before.digest() {
            doubts.push(BrokenChain { earlier: Some(before.cite()), later: later() }.into());
            return;
        }
        if seal.start != last.end {
            doubts.push(bad(seal, SealFault::Start { before: before.clone() }));
        }
        let slot = |seen: Option<Citation>| seen.map(|seen| seen.slot);
        if slot(seal.seen.clone()) < slot(last.seen.clone()) {
            doubts.push(bad(seal, SealFault::Regress { before }));
        }
    }

    fn look_at_bundles(
        &mut self,
        seal: &Signed<Seal>,
        ledger: &Ledger,
        citations: &[Citation],
        tree: &Tree,
        doubts: &mut Vec<Evidence>,
    ) {
        let valid = Unverified::verify_all(ledger.bundles.clone(), &self.trust);
        let mut here: BTreeMap<ClientId, (usize, BundleNumber)> = BTreeMap::new();
        for (index, (bundle, valid)) in ledger.bundles.iter().zip(valid).enumerate() {
            let cited = &citations[index];
            let opening = tree.open(&[index as u64]);
            let Some(client) = cited.actor.client() else { continue };
            if valid.is_err() || self.trust.roster.incoming_of(&client) != seal.incoming {
                doubts.push(bad(seal, SealFault::Leaf { bundle: cited.clone(), opening: opening.clone() }));
            }
            if self.is_ahead(bundle, seal, doubts) {
                let bundle = bundle.clone();
                doubts.push(bad(seal, SealFault::Ahead { bundle, opening: opening.clone() }));
            }
            let number = BundleNumber(cited.slot);
            if let Some((first, last)) = here.insert(client, (index, number))
                && number <= last
            {
                let opening = tree.open(&[first as u64, index as u64]);
                let (first, second) = (citations[first].clone(), cited);
                doubts.push(bad(seal, SealFault::Fifo { first, second: second.clone(), opening }));
            }
            let later = SealedBundle { seal: seal.to_unverified(), bundle: cited.clone(), opening };
            self.look_across(client, number, later, doubts);
        }
    }

    /// Whether a bundle cites what its seal could not have seen.
    fn is_ahead(
        &mut self,
        bundle: &Unverified<Bundle>,
        seal: &Signed<Seal>,
        doubts: &mut Vec<Evidence>,
    ) -> bool {
        let body = bundle.clone().believed();
        let Some(seen) = &body.seen else { return false };
        self.note(seen.clone(), doubts);
        let newest = seal.seen.as_ref().map_or(0, |seen| seen.slot);
        let cut = seen.is_of(Kind::Cut, ActorId::SEQUENCER, seen.slot);
        seen.slot > newest || !cut || !seen.verify(&self.trust)
    }

    fn look_across(
        &mut self,
        client: ClientId,
        number: BundleNumber,
        later: SealedBundle,
        doubts: &mut Vec<Evidence>,
    ) {
        let slot = later.seal.claimed_slot();
        let last = self.bundles.get(&client);
        if let Some((last, earlier)) = last
            && earlier.seal.claimed_slot() < slot
            && earlier.seal.claimed_actor() == later.seal.claimed_actor()
            && number <= last
        {
            doubts.push(CrossSeal { earlier: earlier.clone(), later: later.clone() }.into());
        }
        if last.is_none_or(|(last, _)| number > last) {
            self.bundles.insert(client, number, later);
        }
    }
}

fn bad(seal: &Signed<Seal>, fault: SealFault) -> Evidence {
    BadSeal { seal: seal.to_unverified(), fault }.into()
}

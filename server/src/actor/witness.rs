//! The witness: cosigns what it sees, keeps the board, and audits.
//!
//! It follows the logs of all actors (seals of incoming actors, cuts, attestations), cosigns each new head that is
//! consistent with all it saw before, relays challenges to whom they are for, and publishes which obligations are
//! open. What it sees it checks with the eyes of an [`Auditor`]; what it cannot see in time it demands itself.
//!
//! Anyone can be a witness. It is trusted with nothing: a cosignature of its own that contradicts another exposes it, a
//! suspicion is only what it says, and evidence convinces without it.
//!
//! # Invariants
//! - The head of a log is durable before it is cosigned, and one slot of a log is cosigned with one digest only.
//! - A suspicion ends when the actor answers, or when it turns out to be due to an exposed one.

mod ahead;
mod auditor;
mod board;
mod last;
mod logs;
mod obligation;
mod overdue;

use std::collections::{BTreeMap, BTreeSet};

use ahead::Ahead;
use auditor::Auditor;
use board::Board;
use logs::{LOG, Logs};

use super::{
    Actor, Input, Issued, RecoverError, Recovered, Setup, Step,
    docket::accuse,
    numbers::Numbers,
    step::{Notice, row},
};
use crate::{
    port::Time,
    protocol::{
        attestation::Attestation,
        batch::Ledger,
        board::{Answered, Attachment, Exhibit, HandedOver, Posting},
        challenge::Demand,
        codec::{Decode, Encode},
        cosignature::{Cosignature, HEADS_MAX},
        cut::Cut,
        evidence::Evidence,
        id::{ActorId, BatchNumber, Epoch, Role},
        judge::judge,
        message::Message,
        predicate::equivocation::Equivocation,
        recovery::Recovery,
        seal::Seal,
        statement::{Citation, Kind, Statement as _, Unverified},
    },
};

/// Rows: obligation → posting.
const OBLIGATION: u8 = 2;
/// Row: the number of the next obligation.
const NEXT: u8 = 4;
/// Rows: actor → that it is exposed. The evidence is told, and whoever sees it keeps it.
const EXPOSED: u8 = 5;
/// Rows of earlier builds, which are read and not written: digest → the evidence.
const EVIDENCE: u8 = 3;
/// Of how many clients it is remembered that they are exposed: keys are free, and so is evidence against one's own.
const CLIENTS_MAX: usize = 4096;
/// Most attestations that wait for their cut.
const WAITING_MAX: usize = 4096;

/// The witness.
pub struct Witness {
    index: u32,
    setup: Setup,
    logs: Logs,
    auditor: Auditor,
    board: Board,
    cosignatures: Numbers,
    /// Heads to cosign in this step.
    fresh: Vec<Citation>,
    /// Cuts after a gap.
    ahead: Ahead,
    /// Attestations whose cut has not been seen.
    waiting: BTreeMap<(Epoch, u32), Unverified<Attestation>>,
    /// When each actor was last heard of.
    heard: BTreeMap<ActorId, Time>,
    /// Seals that a cut cites and whose ledger has not come, since when.
    unopened: BTreeMap<u32, (Citation, Time)>,
    /// Of each incoming actor a seal that can be ordered, since when it is waited for.
    unordered: BTreeMap<u32, (Citation, Time)>,
    /// Epochs that a mailbox actor has not attested, since when.
    unattested: BTreeMap<u32, (Epoch, Time)>,
    exposed: BTreeSet<ActorId>,
    /// Who has admitted to have lost state.
    retired: BTreeSet<ActorId>,
}

impl Witness {
    /// Witness `index`, with what it had stored.
    pub fn recover(index: u32, setup: Setup, recovered: Recovered) -> Result<Self, RecoverError> {
        let me = ActorId::Server(Role::Witness, index);
        let mut witness = Witness {
            index,
            logs: Logs::default(),
            auditor: Auditor::new(setup.trust.clone()),
            board: Board::new(me, setup.clone()),
            cosignatures: Numbers::default(),
            fresh: Vec::new(),
            ahead: Ahead::default(),
            waiting: BTreeMap::new(),
            heard: BTreeMap::new(),
            unopened: BTreeMap::new(),
            unordered: BTreeMap::new(),
            unattested: BTreeMap::new(),
            exposed: BTreeSet::new(),
            retired: BTreeSet::new(),
            setup,
        };
        for issued in recovered.statements {
            witness.board.recover(&issued);
            if let Issued::Cosignature(cosignature) = issued {
                witness.cosignatures.recover(cosignature.number);
            }
        }
        for (key, value) in &recovered.rows {
            let (table, key) = key.split_first().unwrap_or((&0, &[]));
            match *table {
                LOG => witness.logs.recover(value).map_err(RecoverError::of("head"))?,
                OBLIGATION => {
                    let id = u64::from_bytes(key).map_err(RecoverError::of("obligation"))?;
                    let posting = Posting::from_bytes(value).map_err(RecoverError::of("obligation"))?;
                    witness.board.recover_obligation(id, posting);
                }
                NEXT => {
                    let next = u64::from_bytes(value).map_err(RecoverError::of("number of an obligation"))?;
                    witness.board.recover_next(next);
                }
                EXPOSED => {
                    let actor = ActorId::from_bytes(key).map_err(RecoverError::of("exposed actor"))?;
                    witness.exposed.insert(actor);
                }
                EVIDENCE => {
                    let evidence = Evidence::from_bytes(value).map_err(RecoverError::of("evidence"))?;
                    witness.exposed.insert(evidence.accused());
                }
                _ => {}
            }
        }
        Ok(witness)
    }

    fn sequencer_heard(&mut self, cut: Unverified<Cut>, step: &mut Step) {
        step.work.verified += 1;
        let Ok(signed) = cut.clone().verify(&self.setup.trust) else { return };
        step.notice(Notice::SawCut { epoch: signed.epoch, digest: signed.digest() });
        self.heard.insert(ActorId::SEQUENCER, step.now);
        match self.is_ahead(signed.epoch) {
            true => self.hold(cut, step),
            false => self.follow(cut, step),
        }
    }

    /// A cut that follows what was seen, or is believed to.
    fn follow(&mut self, cut: Unverified<Cut>, step: &mut Step) {
        let signed = cut.clone().believed();
        let doubts = self.auditor.cut(&signed);
        self.pursue(doubts, step);
        let new = self.take_head(signed.cite(), step);
        if new {
            for (j, reached) in signed.reached.iter().enumerate() {
                // what it did not sign, nobody can open
                let actor = ActorId::Server(Role::Incoming, j as u32);
                let unknown = |seal: &Citation| {
                    !self.auditor.has_seal(j as u32, BatchNumber(seal.slot))
                        && seal.is_of(Kind::Seal, actor, seal.slot)
                        && seal.verify(&self.setup.trust)
                };
                let Some(seal) = reached.seal.clone().filter(unknown) else { continue };
                self.unopened.entry(j as u32).or_insert((seal, step.now));
            }
            for k in 0..self.setup.trust.roster.mailboxes() {
                let attested = self.logs.last(Kind::Attestation, ActorId::Server(Role::Mailbox, k));
                if attested.is_none_or(|slot| slot < signed.epoch.0) {
                    self.unattested.entry(k).or_insert((signed.epoch, step.now));
                }
            }
        }
        (0..self.setup.trust.roster.incoming()).for_each(|j| self.await_order(j, step.now));
        self.board.observe(ActorId::SEQUENCER, &Exhibit::Cut(cut), step);
        let ready: Vec<_> = self.waiting.range(..=(signed.epoch, u32::MAX)).map(|(key, _)| *key).collect();
        for key in ready {
            if let Some(attestation) = self.waiting.remove(&key) {
                self.mailbox_heard(attestation, step);
            }
        }
        if new {
            self.follow_on(step);
        }
    }

    fn ledger_heard(&mut self, ledger: Ledger, step: &mut Step) {
        step.work.verified_batched += 1 + Unverified::signatures(ledger.bundles.iter());
        let Ok(seal) = ledger.seal.clone().verify(&self.setup.trust) else { return };
        let actor = seal.actor();
        let (opens, doubts) = self.auditor.ledger(&seal, &ledger);
        self.pursue(doubts, step);
        self.heard.insert(actor, step.now);
        self.board.observe(actor, &Exhibit::Seal(ledger.seal.clone()), step);
        if opens {
            self.take_head(seal.cite(), step);
            if self.unopened.get(&seal.incoming).is_some_and(|(cited, _)| cited.slot <= seal.batch.0) {
                self.unopened.remove(&seal.incoming);
            }
            if !self.unordered.contains_key(&seal.incoming) {
                self.await_order(seal.incoming, step.now);
            }
            self.board.observe(actor, &Exhibit::Ledger(ledger), step);
        }
    }

    /// A seal without its ledger, which is to be opened: else nobody but its actor knows that there is something to order.
    fn seal_shown(&mut self, seal: Unverified<Seal>, step: &mut Step) {
        step.work.verified += 1;
        let Ok(seal) = seal.verify(&self.setup.trust) else { return };
        if self.auditor.has_seal(seal.incoming, seal.batch) {
            return;
        }
        if self.logs.last(Kind::Seal, seal.actor()) < Some(seal.batch.0) {
            self.heard.insert(seal.actor(), step.now);
        }
        let doubts = self.auditor.seal(&seal);
        self.pursue(doubts, step);
        self.unopened.entry(seal.incoming).or_insert((seal.cite(), step.now));
    }

    /// What an incoming actor has sealed so far is to be ordered, whether it cares or not. What it seals meanwhile comes after that,
    /// or whoever orders one seal at a time would never be late.
    fn await_order(&mut self, incoming: u32, now: Time) {
        let stands = self.unordered.get(&incoming).is_some_and(|(seal, _)| {
            let ordered = self.auditor.last_ordered(incoming);
            ordered < Some(seal.slot) && self.auditor.can_be_ordered(incoming, seal.slot)
        });
        if stands {
            return;
        }
        match self.auditor.last_orderable(incoming) {
            Some(seal) => self.unordered.insert(incoming, (seal, now)),
            None => self.unordered.remove(&incoming),
        };
    }

    fn mailbox_heard(&mut self, attestation: Unverified<Attestation>, step: &mut Step) {
        step.work.verified += 1;
        let Ok(signed) = attestation.clone().verify(&self.setup.trust) else { return };
        let actor = signed.actor();
        self.heard.insert(actor, step.now);
        if self.is_unknown(signed.epoch) {
            self.await_cut((signed.epoch, signed.mailbox), attestation, step);
            return;
        }
        if let Some((epoch, _)) = self.unattested.get(&signed.mailbox)
            && *epoch <= signed.epoch
        {
            self.unattested.remove(&signed.mailbox);
            let newest = self.followed();
            if newest > signed.epoch {
                self.unattested.insert(signed.mailbox, (newest, step.now));
            }
        }
        let doubts = self.auditor.attestation(&signed);
        self.pursue(doubts, step);
        let agreed = self.logs.digest(Kind::Cut, ActorId::SEQUENCER, signed.epoch.0);
        // of a cut that it does not know it says nothing: it might be a branch
        if agreed == Some(signed.cut.digest) {
            self.take_head(signed.cite(), step);
        }
        if self.board.waits_for_a_run(actor)
            && let Some(cut) = self.auditor.cut_of(signed.epoch).cloned()
        {
            let handed = HandedOver { attestation: attestation.clone(), cut };
            self.board.handed_over(actor, handed, step);
        }
        self.board.observe(actor, &Exhibit::Attestation(attestation), step);
    }

    /// Takes a head that is consistent with its log, to be cosigned. Whether it is new.
    fn take_head(&mut self, head: Citation, step: &mut Step) -> bool {
        // the auditor forgets in a crash what it has seen; the log does not
        if !self.exposed.contains(&head.actor)
            && let Some(first) = self.logs.other_than(&head)
        {
            self.pursue(vec![Equivocation { first, second: head.clone() }.into()], step);
        }
        let (taken, new) = self.logs.take(head.clone(), step);
        if taken && self.fresh.len() < HEADS_MAX {
            self.fresh.push(head);
        }
        new
    }

    /// Makes known what can be proved.
    fn pursue(&mut self, doubts: Vec<Evidence>, step: &mut Step) {
        for evidence in doubts {
            if accuse(evidence.clone(), &self.setup.trust, step) {
                self.convict(&evidence, step);
            }
        }
    }

    fn convict(&mut self, evidence: &Evidence, step: &mut Step) {
        let accused = evidence.accused();
        let room = accused.client().is_none() || self.exposed.len() < CLIENTS_MAX;
        if room && self.exposed.insert(accused) {
            step.put(row(EXPOSED, &accused.to_bytes()), Vec::new());
        }
    }

    /// Somebody shows evidence.
    fn shown_evidence(&mut self, evidence: &Evidence, step: &mut Step) {
        if !self.exposed.contains(&evidence.accused())
            && judge(evidence, &self.setup.trust).exposed().is_some()
        {
            step.notice(Notice::Caught(Box::new(evidence.clone())));
            self.convict(evidence, step);
        }
    }

    /// An actor admits that it lost state: nothing can be expected of it, nor of whoever waits for it.
    fn retired(&mut self, recovery: Unverified<Recovery>, step: &mut Step) {
        step.work.verified += 1;
        let Ok(recovery) = recovery.verify(&self.setup.trust) else { return };
        if recovery.retires() && self.retired.insert(recovery.actor) {
            step.notice(Notice::Retired { actor: recovery.actor });
        }
    }

    /// Whether nothing can be expected of an actor any more.
    fn is_out(&self, actor: ActorId) -> bool {
        self.exposed.contains(&actor) || self.retired.contains(&actor)
    }

    /// Somebody posts a challenge. What the witness can see to be a broken promise need not be asked.
    fn posted(&mut self, posting: Posting, step: &mut Step) {
        if let Attachment::Promised(promised) = &posting.attachment
            && let Ok(challenge) = posting.challenge.clone().verify(&self.setup.trust)
            && let Demand::Place { position, .. } = challenge.demand
        {
            let doubt = self.auditor.promise(promised, position);
            self.pursue(doubt.into_iter().collect(), step);
        }
        self.board.post(posting, step);
    }

    /// A target answers; what it shows is news like any other.
    fn answered(&mut self, from: ActorId, answered: Answered, step: &mut Step) {
        let mut follows = true;
        match answered.exhibit.clone() {
            Exhibit::Ledger(ledger) => self.ledger_heard(ledger, step),
            Exhibit::Cut(cut) => {
                follows = !self.is_ahead(Epoch(cut.claimed_slot()));
                self.sequencer_heard(cut, step);
            }
            // it shows nothing until its cut has come
            Exhibit::Attestation(attestation) if self.is_unknown(Epoch(attestation.claimed_slot())) => {
                return self.mailbox_heard(attestation, step);
            }
            Exhibit::Attestation(attestation) => self.mailbox_heard(attestation, step),
            Exhibit::Seal(seal) => self.seal_shown(seal, step),
            Exhibit::Placement(placement) => self.seal_shown(placement.seal, step),
            _ => {}
        }
        self.board.answered(from, answered, follows, step);
    }

    fn cosign(&mut self, step: &mut Step) {
        let heads = std::mem::take(&mut self.fresh);
        if heads.is_empty() {
            return;
        }
        let number = self.cosignatures.take(Kind::Cosignature, step);
        let (witness, terms) = (self.index, self.setup.terms_of(self.me()));
        step.promise(Cosignature { witness, number, terms, heads });
    }

    fn meet(&mut self, peer: ActorId, step: &mut Step) {
        let next = |kind| self.logs.last(kind, peer).map(|slot| slot.saturating_add(1));
        match peer {
            // what it had seen before a crash it must see again, to check what follows from it
            ActorId::Server(Role::Incoming, j) => {
                step.send(peer, Message::Subscribe(self.auditor.next_seal(j)));
            }
            ActorId::SEQUENCER => {
                let known = self.logs.last(Kind::Cut, peer).filter(|_| self.auditor.has_cuts());
                let from = known.map(|slot| slot + 1).or_else(|| self.logs.last(Kind::Cut, peer));
                step.send(peer, Message::Subscribe(from.unwrap_or(1)));
            }
            ActorId::Server(Role::Mailbox, _) => {
                // from the last one on, or from where a quorum is still lacking: it knows that itself
                step.send(peer, Message::Subscribe(next(Kind::Attestation).unwrap_or(1)));
            }
            _ => {}
        }
        self.board.connected(peer, step);
    }
}

impl Actor for Witness {
    fn me(&self) -> ActorId {
        ActorId::Server(Role::Witness, self.index)
    }

    fn dials(&self) -> Vec<ActorId> {
        self.watched()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) => self.meet(peer, step),
            Input::Disconnected(peer) => self.board.disconnected(peer),
            Input::Message(ActorId::SEQUENCER, Message::Ordered(cut)) => self.sequencer_heard(cut, step),
            Input::Message(_, Message::Ledger(ledger)) => self.ledger_heard(*ledger, step),
            Input::Message(_, Message::Attested(attestation)) => self.mailbox_heard(attestation, step),
            Input::Message(_, Message::Retired(recovery)) => self.retired(recovery, step),
            Input::Message(_, Message::Exposed(evidence)) => self.shown_evidence(&evidence, step),
            Input::Message(_, Message::Posted(posting)) => self.posted(*posting, step),
            Input::Message(from, Message::Answered(answered)) => self.answered(from, *answered, step),
            Input::Message(from, Message::Receipted(receipted)) => {
                self.board.observe(from, &Exhibit::Receipted(receipted.clone()), step);
                // what anybody posts is no answer to anybody else
                if from.role() == Role::Incoming {
                    step.send(ActorId::Client(receipted.client), Message::Receipted(receipted));
                }
            }
            Input::Message(from, Message::Refused(refusal, client)) if from.role() == Role::Incoming => {
                self.board.observe(from, &Exhibit::Refused(refusal.clone()), step);
                step.send(ActorId::Client(client), Message::Refused(refusal, client));
            }
            Input::Message(from, Message::Placed(placement)) if from.role() == Role::Incoming => {
                step.send(ActorId::Client(placement.client), Message::Placed(placement));
            }
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        self.demand_overdue(step);
        let newest = self.followed();
        let out = self.exposed.union(&self.retired).copied().collect();
        self.board.settle((newest, self.ahead.is_gap()), out, &self.auditor, step);
        self.cosign(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.board.release(&issued);
        let Issued::Cosignature(cosignature) = issued else { return };
        self.cosignatures.signed(cosignature.number);
        let mailboxes: BTreeSet<ActorId> = cosignature
            .heads
            .iter()
            .filter(|head| head.kind == Kind::Attestation)
            .map(|head| head.actor)
            .collect();
        for mailbox in mailboxes {
            step.send(mailbox, Message::Cosigned(cosignature.to_unverified()));
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.overdue().into_iter().map(|(due, ..)| due).chain(self.board.deadline()).min()
    }
}

//! Disputes: what an incoming actor demands in public, what it answers there, and what it shows its senders.
//!
//! # Invariants
//! - What it owes it can show for as long as it keeps ledgers, whoever asks.

use std::collections::BTreeSet;

use super::Incoming;
use crate::{
    actor::{Actor as _, Step, docket::accuse, step::Notice},
    port::Time,
    protocol::{
        board::{Attachment, Exhibit, Posting},
        challenge::Demand,
        cut::Cut,
        id::{ActorId, BatchNumber, Position},
        message::Message,
        predicate::{
            cut::{BadCut, CutFault},
            seal_ack::BrokenSealAck,
        },
        receipt::Receipted,
        seal_ack::SealAck,
        statement::{Citation, Kind, Signed, Statement as _, Unverified},
    },
};

impl Incoming {
    /// Whether the sequencer may have said this of this actor's queue.
    pub(super) fn examine(&mut self, cut: &Signed<Cut>, step: &mut Step) {
        let (own, trust) = (cut.to_unverified(), &self.setup.trust);
        let reached = cut.reached.get(self.index as usize).and_then(|reached| reached.seal.clone());
        let unknown = reached.as_ref().is_some_and(|seal| {
            let known = self.ledgers.ledger(BatchNumber(seal.slot));
            known.is_none_or(|ledger| ledger.seal.digest() != seal.digest)
        });
        if unknown || cut.reached.len() != trust.roster.incoming() as usize {
            accuse(BadCut { cut: own.clone(), fault: CutFault::Alone }, trust, step);
        }
        self.keeps_word(&own, step);
    }

    /// Whether the sequencer has acknowledged a later seal than this.
    pub(super) fn is_held_after(&self, seal: Citation) -> bool {
        self.held.as_ref().is_some_and(|ack| {
            let ack = ack.clone().believed();
            ack.newest_of(self.index).is_some_and(|newest| newest.slot > seal.slot)
        })
    }

    /// The sequencer holds seals of this actor.
    pub(super) fn take_ack(&mut self, from: ActorId, ack: Unverified<SealAck>, step: &mut Step) {
        step.work.verified += 1;
        let signed = match ack.clone().verify(&self.setup.trust) {
            Ok(signed) => signed,
            Err(error) => return step.disbelieve(from, &error),
        };
        // one sent again, or of others' seals, takes nothing back
        let Some(seal) = signed.newest_of(self.index).cloned() else { return };
        if self.is_held_after(seal) {
            return;
        }
        self.held = Some(ack);
        // the cut that breaks it may have come before it
        let newest = self.ordered.last_key_value().filter(|(epoch, _)| **epoch > signed.after);
        if let Some((_, (cut, _))) = newest {
            let cut = (**cut).clone();
            self.keeps_word(&cut, step);
        }
    }

    /// Whether a cut takes what the sequencer has acknowledged before it: else that is evidence.
    fn keeps_word(&self, cut: &Unverified<Cut>, step: &mut Step) {
        let reached =
            cut.clone().believed().reached.get(self.index as usize).and_then(|reached| reached.seal.clone());
        let broken = self.held.as_ref().filter(|_| reached.is_none_or(|seal| self.is_held_after(seal)));
        if let Some(ack) = broken {
            let evidence = BrokenSealAck { ack: ack.clone(), cut: cut.clone(), incoming: self.index };
            accuse(evidence, &self.setup.trust, step);
        }
    }

    /// Nothing before this batch waits for a cut any more.
    pub(super) fn withdraw(&mut self, next: BatchNumber) {
        let waits = |demand: &Demand| match demand {
            Demand::Order(seal) => seal.slot >= next.0,
            _ => true,
        };
        self.docket.retain(|challenge| waits(&challenge.demand), &self.setup.trust);
    }

    /// When the oldest seal without a cut has waited for too long.
    pub(super) fn order_due(&self) -> Option<Time> {
        let (seal, since) = self.unordered.values().next()?;
        let demanded = self.docket.demands(ActorId::SEQUENCER, &Demand::Order(seal.cite()));
        (!demanded).then(|| since.after(self.setup.challenge_ns()))
    }

    /// Makes public that no cut takes what was sealed.
    pub(super) fn demand_order(&mut self, step: &mut Step) {
        for (_, since) in self.unordered.values_mut().filter(|(_, since)| *since == Time(0)) {
            *since = step.now;
        }
        if self.order_due().is_none_or(|due| due > step.now) {
            return;
        }
        let Some((seal, _)) = self.unordered.values().next() else { return };
        let (demand, attachment) = (Demand::Order(seal.cite()), Attachment::Seal(seal.to_unverified()));
        step.notice(Notice::Reached("an incoming actor challenged the sequencer to order a seal"));
        self.docket.demand(ActorId::SEQUENCER, demand, attachment, step);
    }

    /// A witness relays a challenge: it is answered if it can be.
    pub(super) fn challenged(&mut self, witness: ActorId, posting: Posting, step: &mut Step) {
        let Ok(challenge) = posting.challenge.verify(&self.setup.trust) else { return };
        if challenge.target != self.me() {
            return;
        }
        let exhibit = match (challenge.demand.clone(), posting.attachment) {
            (Demand::Admit { .. }, Attachment::Submission(submission)) => {
                // what comes of it goes where the submission came from
                match self.admission.twin(&submission.bundle.cite()) {
                    Some(twin) => Some(Exhibit::Twin(Box::new(twin))),
                    None => self.admission.arrive(witness, *submission, step).map(Exhibit::Receipted),
                }
            }
            (Demand::Place { position, .. }, Attachment::Promised(promised)) => {
                let batch = self.ledgers.run_at(position);
                let client = promised.receipted.client;
                let asked = &promised.recipients;
                batch.and_then(|batch| self.ledgers.placement(batch, client, asked)).map(Exhibit::Placement)
            }
            (Demand::Seal(_), _) => {
                let newest = self.ledgers.newest();
                newest.map(|ledger| Exhibit::Seal(ledger.seal.clone()))
            }
            (Demand::Open(seal), _) => {
                // or the oldest that is kept after it
                let mut ledgers = self.ledgers.from(BatchNumber(seal.slot));
                ledgers.next().map(|(_, ledger)| Exhibit::Ledger(ledger.clone()))
            }
            (Demand::Batch { batch, mailbox, .. }, _) if mailbox < self.setup.trust.roster.mailboxes() => {
                // whoever has attested it holds it, or has given it up: its own word shows that
                let handed = || self.handed.show(mailbox).map(|handed| Exhibit::HandedOver(Box::new(handed)));
                self.sending.part(batch, mailbox).map(Exhibit::Batch).or_else(handed)
            }
            _ => None,
        };
        if let Some(exhibit) = exhibit {
            self.docket.answer(witness, challenge.cite(), exhibit, step);
        }
    }

    /// Shows the senders of a sealed run where their bundles stand.
    pub(super) fn place(&mut self, batch: BatchNumber, step: &mut Step) {
        for placement in self.ledgers.placements(batch) {
            if let Some(handler) = self.admission.handler_of(&placement.client) {
                step.send(handler, Message::Placed(Box::new(placement)));
            }
        }
    }

    /// Somebody has the receipt of a bundle and asks where it stands, as a client does whose placement was lost with a connection.
    pub(super) fn ask_again(&mut self, from: ActorId, receipted: Receipted, step: &mut Step) {
        let Receipted { client, number, receipt, opening } = receipted;
        step.work.verified += 1;
        let Ok(receipt) = receipt.verify(&self.setup.trust) else { return };
        let index = opening.leaves().first().map(|(index, _)| *index);
        let position = index.and_then(|index| receipt.first.0.checked_add(index)).map(Position);
        let Some(position) = position.filter(|_| receipt.actor() == self.me()) else { return };
        let Some((batch, bundle)) = self.ledgers.bundle_at(position) else { return };
        // whoever has the receipt of a bundle may know what becomes of it, and nothing of anybody else's
        let own = bundle.is_of(Kind::Bundle, ActorId::Client(client), number.0)
            && receipt.position_of(&bundle, &opening) == Some(position);
        if own {
            self.asked_again.insert((from, batch, client));
        }
    }

    /// Shows what was asked for again: of one run all that it says to a client, once.
    pub(super) fn place_again(&mut self, step: &mut Step) {
        for (from, batch, client) in std::mem::take(&mut self.asked_again) {
            if let Some(placement) = self.ledgers.placement(batch, client, &BTreeSet::new()) {
                step.notice(Notice::Reached("a sender was shown once more where its bundle stands"));
                step.send(from, Message::Placed(Box::new(placement)));
            }
        }
    }
}

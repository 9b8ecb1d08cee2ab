//! Disputes: what a mailbox actor demands in public, what it answers there, and whose complaints it hears.
//!
//! # Invariants
//! - Whoever is asked for what waits for another says so, with its own challenge.

use std::collections::BTreeSet;

use super::{Mailbox, outbox::delivery, redress::Service};
use crate::{
    actor::{Actor as _, Step, docket::accuse, step::Notice},
    port::Time,
    protocol::{
        board::{Attachment, Complained, Exhibit, Posting, Resumption},
        challenge::{Challenge, Demand},
        cosignature::Cosignature,
        derivation::RETAINED,
        id::{ActorId, ClientId, Count, Epoch, Role},
        message::{Delivery, Introduction, Message, Vouched},
        statement::{Citation, Kind, Unverified},
    },
};

/// A cut that is not ready.
pub(super) struct Stalled {
    epoch: Epoch,
    /// Since when it waits, or since it dropped what it had waited for.
    since: Time,
    /// The incoming actors of which a run was dropped since, and that were asked for the right one.
    asked: BTreeSet<u32>,
}

impl Stalled {
    fn at(epoch: Epoch, since: Time) -> Self {
        Stalled { epoch, since, asked: BTreeSet::new() }
    }
}

/// Most challenges that are remembered until there is something to say.
const UNANSWERED_MAX: usize = 64;

impl Mailbox {
    /// Makes public what it waits for: a cut that does not follow is proved to be bad, a run that does not come is
    /// demanded on the board.
    pub(super) fn demand_missing(&mut self, step: &mut Step) {
        let Some(epoch) = self.intake.pending().map(|cut| cut.epoch) else {
            self.stalled = None;
            return;
        };
        if self.stalled.as_ref().is_none_or(|stalled| stalled.epoch != epoch) {
            self.stalled = Some(Stalled::at(epoch, step.now));
            self.docket
                .retain(|challenge| !matches!(challenge.demand, Demand::Batch { .. }), &self.setup.trust);
            for doubt in self.intake.doubts() {
                accuse(doubt, &self.setup.trust, step);
            }
        }
        self.drop_forked(step);
        if self.stalled_until().is_none_or(|due| due > step.now) {
            return;
        }
        self.demand_runs(step);
    }

    /// A run that is not the one that the cut takes is no run: the right one is asked for, in public if it was or does not come; once a
    /// challenge bound, or the two would go back and forth for ever.
    fn drop_forked(&mut self, step: &mut Step) {
        let forked = self.intake.drop_forked();
        let (now, due) = (step.now, self.stalled_until());
        let Some(stalled) = self.stalled.as_mut().filter(|_| !forked.is_empty()) else { return };
        if due.is_some_and(|due| due <= now) {
            *stalled = Stalled::at(stalled.epoch, now);
        }
        for (incoming, fork) in forked {
            let target = ActorId::Server(Role::Incoming, incoming);
            accuse(fork, &self.setup.trust, step);
            let other = |demanded: &Challenge| {
                demanded.target != target || !matches!(demanded.demand, Demand::Batch { .. })
            };
            self.docket.retain(other, &self.setup.trust);
            if stalled.asked.insert(incoming) {
                step.send(target, Message::Subscribe(self.intake.next_batch(incoming).0));
            }
        }
    }

    pub(super) fn demand_runs(&mut self, step: &mut Step) {
        let Some(taken) = self.intake.taken() else { return };
        for (incoming, batch, seal) in self.intake.missing() {
            let (target, mailbox) = (ActorId::Server(Role::Incoming, incoming), self.index);
            let demand = Demand::Batch { seal, batch, mailbox };
            if !self.docket.demands(target, &demand) {
                step.notice(Notice::Reached(
                    "a mailbox actor challenged an incoming actor to hand over a run",
                ));
                self.docket.demand(target, demand, Attachment::Taken(Box::new(taken.clone())), step);
            }
        }
    }

    /// When it has waited for too long.
    pub(super) fn stalled_until(&self) -> Option<Time> {
        self.stalled.as_ref().map(|stalled| stalled.since.after(self.setup.challenge_ns()))
    }

    /// Whether everything that is missing has been demanded.
    pub(super) fn demanded(&self) -> bool {
        let mailbox = self.index;
        self.intake.missing().into_iter().all(|(incoming, batch, seal)| {
            let target = ActorId::Server(Role::Incoming, incoming);
            self.docket.demands(target, &Demand::Batch { seal, batch, mailbox })
        })
    }

    /// What it waits for, publicly.
    pub(super) fn blocked_on(&self) -> Option<Citation> {
        let mailbox = self.index;
        self.intake.missing().into_iter().find_map(|(incoming, batch, seal)| {
            let target = ActorId::Server(Role::Incoming, incoming);
            self.docket.challenge_of(target, &Demand::Batch { seal, batch, mailbox })
        })
    }

    /// A witness relays a challenge: it is answered if it can be.
    pub(super) fn challenged(&mut self, witness: ActorId, posting: Posting, step: &mut Step) {
        let relayed = posting.clone();
        let Ok(challenge) = posting.challenge.verify(&self.setup.trust) else { return };
        if challenge.target != self.me() {
            return;
        }
        let newest = self.archive.newest();
        let exhibit = match (challenge.demand.clone(), posting.attachment) {
            (Demand::Attest(epoch), _) => {
                let newest = newest.filter(|newest| newest.epoch >= epoch);
                newest.map(|newest| Exhibit::Attestation(newest.to_unverified()))
            }
            (Demand::Deliver { client, epoch, .. }, attachment) => {
                let ack = self.acks.get(&client);
                let held = ack.filter(|ack| (*ack).clone().believed().attestation.slot >= epoch.0).cloned();
                let from = match attachment {
                    Attachment::Start(start) => Epoch(start.attestation.claimed_slot()),
                    _ => Epoch(0),
                };
                let due = newest.is_some_and(|newest| newest.epoch >= epoch);
                // what lies before its own ack is not kept for it, though the cuts may be
                let passed = ack.is_some_and(|ack| ack.clone().believed().attestation.slot > from.0);
                match held {
                    Some(ack) => Some(Exhibit::Ack(ack)),
                    None if !due => None,
                    None => {
                        let whole = if passed { None } else { self.whole_mailbox(client, from) };
                        whole
                            .map(Exhibit::Delivery)
                            .or_else(|| self.resumption(client).map(Box::new).map(Exhibit::Resumption))
                    }
                }
            }
            (Demand::Answer(complaint), Attachment::Complaint(complained)) => {
                let known = self.redress.answer_to(&complaint).cloned();
                if known.is_none() {
                    self.complained(complained, step);
                }
                known
            }
            _ => None,
        };
        if exhibit.is_none() {
            // whoever is asked for what waits for another says so, and does not let the other's time run on its own
            self.demand_runs(step);
        }
        match (exhibit, self.blocked_on()) {
            (Some(exhibit), _) => self.docket.answer(witness, challenge.cite(), exhibit, step),
            (None, Some(on)) => self.docket.blocked(witness, challenge.cite(), on, step),
            // in a moment perhaps, and not only when it is asked again
            (None, None) => {
                let known = |(_, other): &(ActorId, Posting)| other.challenge.digest() == challenge.digest();
                if self.unanswered.len() < UNANSWERED_MAX && !self.unanswered.iter().any(known) {
                    self.unanswered.push((witness, relayed));
                }
            }
        }
    }

    /// Everything that a client has not got since an epoch, in one delivery.
    pub(super) fn whole_mailbox(&mut self, client: ClientId, from: Epoch) -> Option<Delivery> {
        let newest = self.archive.newest()?.epoch;
        if self.last.is_none_or(|(last, _)| last != newest) {
            return None; // the map is ahead of what is signed
        }
        let out = self.archive.is_out(newest);
        if (!out || newest.0.saturating_sub(from.0) > RETAINED)
            && let Some(first) = self.outbox.first_after(&client, from)
        {
            // more than fits, or than witnesses have seen: the first piece, the next when that is acknowledged
            let (after, parcels) = (first.after.clone(), first.parcels.clone());
            let first = Some(first.epoch).filter(|epoch| self.archive.is_out(*epoch))?;
            return delivery(client, from, first, after, parcels, &self.archive);
        }
        if !out {
            return None;
        }
        let parcels = self.outbox.parcels_after(&client, from);
        let mailbox = self.mailboxes.prune_to(&client);
        delivery(client, from, newest, mailbox, parcels, &self.archive)
    }

    /// The mailbox of a client that asks from where nothing is kept, or from where it is not any more.
    pub(super) fn resumption(&mut self, client: ClientId) -> Option<Resumption> {
        let newest = self.archive.newest()?.epoch;
        if self.last.is_none_or(|(last, _)| last != newest) {
            return None;
        }
        let first = self.outbox.first_after(&client, Epoch(0));
        let first = first.map(|first| (Epoch(first.epoch.0.saturating_sub(1)), first.base.clone()));
        let due = first.is_some();
        let (epoch, mailbox) = first.unwrap_or_else(|| (newest, self.mailboxes.prune_to(&client)));
        let start = Introduction {
            attestation: self.archive.attestation(epoch)?.to_unverified(),
            cut: self.archive.cut(epoch)?.to_unverified(),
            mailbox,
        };
        let delivery = if due { Some(self.whole_mailbox(client, epoch)?) } else { None };
        Some(Resumption { ack: self.acks.get(&client).cloned(), start, delivery })
    }

    pub(super) fn complained(&mut self, complained: Complained, step: &mut Step) {
        step.work.verified += 1;
        let Ok(complaint) = complained.complaint.clone().verify(&self.setup.trust) else { return };
        let Some(client) = complaint.complainer.client() else { return };
        if self.setup.trust.roster.mailbox_of(&client) != self.index {
            return;
        }
        let service = Service {
            ack: self.acks.get(&client).cloned(),
            count: self.mailboxes.get(&client).map_or(Count(0), |head| head.count),
            attestation: self.archive.newest().cloned(),
            blocked: self.blocked_on(),
        };
        self.redress.hear(&complained, complaint, service, &self.setup.trust, step);
    }

    /// A witness has seen attestations.
    pub(super) fn cosigned(&mut self, from: ActorId, cosignature: Unverified<Cosignature>, step: &mut Step) {
        step.work.verified += 1;
        let signed = match cosignature.clone().verify(&self.setup.trust) {
            Ok(signed) => signed,
            Err(error) => return step.disbelieve(from, &error),
        };
        let me = self.me();
        for head in signed.heads.iter().filter(|head| head.kind == Kind::Attestation && head.actor == me) {
            let epoch = Epoch(head.slot);
            let own = self.archive.attestation(epoch).is_some_and(|own| own.digest() == head.digest);
            if !own || !self.archive.cosigned(epoch, signed.witness, cosignature.clone()) {
                continue;
            }
            for client in self.outbox.clients_of(epoch) {
                self.outbox.push(client, &self.archive, step);
            }
            if self.last.is_some_and(|(last, _)| last == epoch) {
                self.push_quiet(epoch, step);
            }
        }
    }

    /// An incoming actor that has seen two versions of a cut asks who stands by the one that was followed here.
    pub(super) fn vouch(&self, from: ActorId, epoch: Epoch, step: &mut Step) {
        let cosignatures = self.archive.cosignatures(epoch);
        let attestation = self.archive.attestation(epoch).filter(|_| !cosignatures.is_empty());
        if let (Role::Incoming, Some(attestation)) = (from.role(), attestation) {
            let vouched = Vouched { attestation: attestation.to_unverified(), cosignatures };
            step.send(from, Message::Vouched(Box::new(vouched)));
        }
    }

    /// A witness wants the attestations from an epoch on.
    pub(super) fn watched(&self, witness: ActorId, from: Epoch, step: &mut Step) {
        for attestation in self.archive.attestations_from(from) {
            step.send(witness, Message::Attested(attestation.to_unverified()));
        }
    }
}

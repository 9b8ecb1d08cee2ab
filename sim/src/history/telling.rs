//! What the history makes of what it is told.

use std::collections::BTreeSet;

use server::{
    actor::Notice,
    protocol::{
        digest::Digest,
        id::{ActorId, BundleNumber, ClientId, Count, Position, Role},
    },
};

use super::{Appended, Caught, Delivered, Moment, Record, Reply, Submitted, points};
use crate::{scenario::ActorName, workload::Desk};

impl Record {
    /// An actor is gone for good. What a client was handed and had not made durable is lost; what a witness has on its
    /// board binds nobody.
    pub(super) fn leave(&mut self, at_ns: u64, who: ActorName) {
        match who.role {
            Role::Client => {
                self.lost_with_crash += self.handed.remove(&who.index).unwrap_or(0);
                self.desks.get(&who.index).into_iter().for_each(Desk::close);
            }
            Role::Witness => self.blame.restarted(self.moment(at_ns), who),
            _ => {}
        }
    }

    fn take_over(
        &mut self,
        now: u64,
        client: u32,
        token: u64,
        number: BundleNumber,
        to: &[ClientId],
        payload: Digest,
    ) {
        let recipients: Vec<u32> = to.iter().filter_map(|id| self.client(id)).collect();
        let wanted_ns = self.wanted.get(&token).copied().unwrap_or(now);
        let missing = recipients.len() as u64;
        let fresh = Submitted {
            wanted_ns,
            made_ns: now,
            recipients,
            payload,
            receipt: None,
            delivered_ns: None,
            holders: BTreeSet::new(),
        };
        match self.submitted.get(&(client, number)) {
            None => {
                (self.missing, self.unreceipted) = (self.missing + missing, self.unreceipted + 1);
                *self.open.entry(client).or_default() += 1;
                let handed = self.handed.entry(client).or_default();
                *handed = handed.saturating_sub(1);
                self.flow.wants(wanted_ns);
                self.submitted.insert((client, number), fresh);
            }
            Some(known) if (&known.recipients, known.payload) != (&fresh.recipients, payload) => {
                let why = format!("client/{client} made bundle {number} twice, differently");
                self.contradictions.push((ActorName::new(Role::Client, client), why));
            }
            Some(_) => {}
        }
    }

    fn receipt(&mut self, now: u64, client: u32, number: BundleNumber, incoming: u32, position: Position) {
        let Some(bundle) = self.submitted.get_mut(&(client, number)) else {
            let why = format!("client/{client} has a receipt for {number}, never submitted");
            return self.contradictions.push((ActorName::new(Role::Client, client), why));
        };
        match bundle.receipt {
            None => {
                bundle.receipt = Some((now, incoming, position));
                if self.flow.measures(bundle.wanted_ns) {
                    self.receipt.record(now.saturating_sub(bundle.wanted_ns));
                }
                self.flow.accepts(now);
                (self.unreceipted, self.progress_ns) = (self.unreceipted - 1, now);
                *self.open.entry(client).or_default() -= 1;
                self.desks.get(&client).into_iter().for_each(Desk::moved);
            }
            Some((_, _, known)) if known != position => {
                let why = format!("client/{client} has receipts for {number} at {known} and {position}");
                self.contradictions.push((ActorName::new(Role::Client, client), why));
            }
            Some(_) => {}
        }
    }

    fn deliver(&mut self, now: u64, client: u32, count: Count, delivered: Delivered) {
        let mailbox = self.delivered.entry(client).or_default();
        if let Some(known) = mailbox.get(&count) {
            if *known != delivered {
                let why = format!("client/{client} was told two things at count {count}");
                self.contradictions.push((ActorName::new(Role::Client, client), why));
            }
            return;
        }
        let mut reached = None;
        let bundle = delivered.bundle.and_then(|key| self.submitted.get_mut(&key));
        let bundle = bundle.filter(|bundle| bundle.recipients.contains(&client));
        if let Some(bundle) = bundle.filter(|bundle| !bundle.holders.contains(&client)) {
            bundle.holders.insert(client);
            reached = delivered.bundle;
            if self.flow.measures(bundle.wanted_ns) {
                self.delivery.record(now.saturating_sub(bundle.wanted_ns));
                self.trend.note(bundle.wanted_ns, now.saturating_sub(bundle.wanted_ns));
            }
            (self.missing, self.progress_ns) = (self.missing - 1, now);
            if bundle.holders.len() == bundle.recipients.len() {
                bundle.delivered_ns = Some(now);
                self.flow.delivers(bundle.wanted_ns, now);
            }
        }
        mailbox.insert(count, delivered);
        if let Some(key) = reached {
            let points = points::of_delivery(&self.submitted[&key], key.0, self);
            points.into_iter().for_each(|point| self.cover(point));
        }
        self.delivered_ns.insert((client, count), now);
    }

    fn append(&mut self, incoming: u32, position: Position, appended: Appended) {
        let queue = self.queues.entry(incoming).or_default();
        if queue.get(&position).is_some_and(|known| *known != appended) {
            let why = format!("incoming/{incoming} appended two bundles at {position}");
            self.contradictions.push((ActorName::new(Role::Incoming, incoming), why));
        }
        queue.insert(position, appended);
    }

    pub(super) fn take(&mut self, now: u64, who: ActorName, notice: Notice) {
        points::of_notice(&notice, who, self).into_iter().for_each(|point| self.cover(point));
        match notice {
            Notice::Submitted { token, number, recipients, payload } => {
                self.take_over(now, who.index, token, number, &recipients, payload);
            }
            Notice::Overloaded { .. } => {
                self.overloaded += 1;
                let handed = self.handed.entry(who.index).or_default();
                *handed = handed.saturating_sub(1);
            }
            Notice::Receipted { number, incoming, position } => {
                self.receipt(now, who.index, number, incoming, position);
            }
            Notice::Delivered { count, entry, sender, number, payload, .. } => {
                let bundle = self.client(&sender).map(|sender| (sender, number));
                self.deliver(now, who.index, count, Delivered { entry, bundle, payload: Some(payload) });
            }
            Notice::Dropped { count, entry, .. } => {
                self.deliver(now, who.index, count, Delivered { entry, bundle: None, payload: None });
            }
            Notice::Appended { position, client, number, leaf, recipients } => {
                let recipients = recipients.iter().filter_map(|id| self.client(id)).collect();
                let Some(client) = self.client(&client) else {
                    let crowd = self.crowd.as_mut();
                    return crowd.into_iter().for_each(|crowd| crowd.stands(who.index, position));
                };
                self.append(who.index, position, Appended { bundle: (client, number), leaf, recipients });
            }
            Notice::SawCut { epoch, digest } => {
                self.seen_cuts.entry(epoch).or_default().entry(digest).or_insert(who);
            }
            Notice::Unusable { why } => self.complaints.push(format!("{who}: {why}")),
            Notice::Suspicious { from, why } => self.complaints.push(format!("{who} about {from}: {why}")),
            Notice::Refused { .. } | Notice::Retired { .. } => {}
            Notice::Acknowledged { .. } => {}
            Notice::Reached(point) => self.cover(point),
            notice @ (Notice::Complained { .. }
            | Notice::ComplaintAnswered { .. }
            | Notice::Obliged { .. }
            | Notice::Idle { .. }
            | Notice::Discharged { .. }
            | Notice::Suspected { .. }
            | Notice::Pair { .. }
            | Notice::Unserved { .. }) => self.take_blame(now, who, notice),
            Notice::Caught(evidence) => {
                let epoch = self.epoch();
                let known = self.caught.iter().any(|caught| caught.evidence == *evidence);
                if !known {
                    self.caught.push(Caught {
                        at_ns: now,
                        by: who,
                        epoch,
                        roster: self.roster_of(who),
                        evidence: *evidence,
                    });
                }
            }
        }
    }

    /// The version of the roster that an actor has.
    fn roster_of(&self, who: ActorName) -> u32 {
        self.rosters.get(&who).copied().unwrap_or_default()
    }

    /// The name of whoever has this id, if it takes part.
    fn name_of(&self, id: &ActorId) -> Option<ActorName> {
        match id {
            ActorId::Client(client) => Some(ActorName::new(Role::Client, self.client(client)?)),
            ActorId::Server(role, index) => Some(ActorName::new(*role, *index)),
        }
    }

    /// What somebody says of somebody else.
    fn take_blame(&mut self, at_ns: u64, who: ActorName, notice: Notice) {
        let now = Moment { at_ns, epoch: self.epoch() };
        match notice {
            Notice::Complained { number, against, .. } => {
                let Some(against) = self.name_of(&against) else { return };
                self.blame.complain(now, who, number, against);
            }
            Notice::ComplaintAnswered { number, how, .. } => {
                let reply = if how == "admission" { Reply::Admission } else { Reply::Defence };
                if reply == Reply::Admission {
                    self.cover("a complaint was admitted");
                }
                self.blame.reply(who, number, reply);
            }
            Notice::Obliged { id, target, demand, .. } => {
                let Some(target) = self.name_of(&target) else { return };
                self.blame.open(now, who, target, id, demand);
            }
            Notice::Suspected { id, target, demand } => {
                let Some(target) = self.name_of(&target) else { return };
                self.blame.suspect(now, who, target, id, demand);
            }
            Notice::Idle { id } => self.blame.idle(who, id),
            Notice::Discharged { id, .. } => self.blame.clear(now, who, id),
            Notice::Pair { one, other, .. } => {
                let (Some(one), Some(other)) = (self.name_of(&one), self.name_of(&other)) else { return };
                self.blame.pair(now, who, one, other);
            }
            Notice::Unserved { .. } => self.blame.unserved(now, who),
            _ => {}
        }
    }
}

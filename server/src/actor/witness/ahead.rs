//! Cuts after a gap: the sequencer numbers its cuts one by one, and nothing can be said of one that does not follow.
//!
//! A witness that was away for long finds that what it missed is not kept any more. But a sequencer may also sign one cut of some far
//! epoch: whoever took it for the newest would follow no other from then on, and demand of mailbox actors what nobody can attest. So
//! what comes after a gap is held, and asked for again from the gap on. It is taken only if for a whole bound nothing has come that
//! follows, and a mailbox actor has attested it: that has every cut before it.

use std::collections::BTreeMap;

use super::{WAITING_MAX, Witness};
use crate::{
    actor::Step,
    port::Time,
    protocol::{
        attestation::Attestation,
        cut::Cut,
        id::{ActorId, Epoch},
        message::Message,
        predicate::equivocation::Equivocation,
        statement::{Citation, Kind, Unverified},
    },
};

/// Most cuts that are held: the newest.
const HELD_MAX: usize = 256;

/// What came after a gap.
#[derive(Default)]
pub struct Ahead {
    cuts: BTreeMap<Epoch, Unverified<Cut>>,
    /// Since when nothing has come that follows.
    since: Option<Time>,
}

impl Ahead {
    /// Whether something is held, and nothing has come that follows since.
    pub fn is_gap(&self) -> bool {
        self.since.is_some()
    }

    /// Another cut of the same epoch that is held.
    fn other_than(&self, cut: &Unverified<Cut>) -> Option<Citation> {
        let held = self.cuts.get(&Epoch(cut.claimed_slot()))?;
        (held.digest() != cut.digest()).then(|| held.cite())
    }

    /// Holds a cut; whether it is the first after the gap.
    fn hold(&mut self, cut: Unverified<Cut>, now: Time) -> bool {
        self.cuts.entry(Epoch(cut.claimed_slot())).or_insert(cut);
        while self.cuts.len() > HELD_MAX {
            self.cuts.pop_first();
        }
        let first = self.since.is_none();
        self.since.get_or_insert(now);
        first
    }

    /// Something came that follows.
    pub fn close(&mut self) {
        self.since = None;
    }

    /// The first that is attested, once nothing has followed for so long.
    fn leap(
        &mut self,
        now: Time,
        wait: u64,
        attested: impl Fn(Epoch, &Unverified<Cut>) -> bool,
    ) -> Option<Unverified<Cut>> {
        self.since.filter(|since| since.after(wait) <= now)?;
        let (epoch, _) = self.cuts.iter().find(|(epoch, cut)| attested(**epoch, cut))?;
        let epoch = *epoch;
        self.next(epoch)
    }

    /// The one of an epoch, and none before it is held any more.
    fn next(&mut self, epoch: Epoch) -> Option<Unverified<Cut>> {
        self.cuts = self.cuts.split_off(&epoch);
        self.cuts.remove(&epoch)
    }
}

impl Witness {
    /// The last epoch that it follows.
    pub(super) fn followed(&self) -> Epoch {
        self.logs.last(Kind::Cut, ActorId::SEQUENCER).map_or(Epoch(0), Epoch)
    }

    /// Whether a cut of this epoch comes after a gap.
    pub(super) fn is_ahead(&self, epoch: Epoch) -> bool {
        epoch > self.followed().next()
    }

    /// Holds a cut that comes after a gap, and asks for what is missing.
    pub(super) fn hold(&mut self, cut: Unverified<Cut>, step: &mut Step) {
        if let Some(first) = self.ahead.other_than(&cut) {
            self.pursue(vec![Equivocation { first, second: cut.cite() }.into()], step);
        }
        if self.ahead.hold(cut, step.now) {
            step.send(ActorId::SEQUENCER, Message::Subscribe(self.followed().next().0));
        }
        self.leap(step);
    }

    /// Whether nothing is known of the cut of this epoch.
    pub(super) fn is_unknown(&self, epoch: Epoch) -> bool {
        self.auditor.cut_of(epoch).is_none() && self.followed() < epoch
    }

    /// Keeps an attestation until its cut comes: of each mailbox actor the newest, for the newest cuts are held.
    pub(super) fn await_cut(
        &mut self,
        (epoch, mailbox): (Epoch, u32),
        attestation: Unverified<Attestation>,
        step: &mut Step,
    ) {
        self.waiting.insert((epoch, mailbox), attestation);
        let mut own = self.waiting.keys().filter(|(_, other)| *other == mailbox);
        let (oldest, count) = (own.next().copied(), own.count() + 1);
        if count > WAITING_MAX / self.setup.trust.roster.mailboxes().max(1) as usize {
            oldest.map(|oldest| self.waiting.remove(&oldest));
        }
        self.leap(step);
    }

    /// Goes on after the gap, if what is before it will not come.
    pub(super) fn leap(&mut self, step: &mut Step) {
        let waiting = &self.waiting;
        let attested = |epoch: Epoch, cut: &Unverified<Cut>| {
            let mut those = waiting.range((epoch, 0)..=(epoch, u32::MAX)).map(|(_, attestation)| attestation);
            those.any(|attestation| attestation.clone().believed().cut.digest == cut.digest())
        };
        let Some(cut) = self.ahead.leap(step.now, self.setup.challenge_ns(), attested) else { return };
        self.follow(cut, step);
    }

    /// What was held and follows now.
    pub(super) fn follow_on(&mut self, step: &mut Step) {
        self.ahead.close();
        if let Some(next) = self.ahead.next(self.followed().next()) {
            self.follow(next, step);
        }
    }
}

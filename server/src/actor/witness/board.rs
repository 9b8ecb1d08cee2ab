//! The board: open obligations, relayed to whom they are for, and what becomes of them.
//!
//! # Invariants
//! - Only what its target owes is relayed ([`is_founded`]), and one obligation stands once, whoever demands it.
//! - Nobody is suspected while waiting for another who is challenged, exposed or retired. One waits for what one needs to answer,
//!   and for nothing twice: the time of who waits again and again for what it was shown goes on.
//! - What is on the board survives a crash; its time then begins anew.

use std::collections::{BTreeMap, BTreeSet};

use super::{NEXT, OBLIGATION, auditor::Auditor, obligation::Obligation};
use crate::{
    actor::{
        Issued, Setup, Step,
        numbers::Numbers,
        step::{Notice, row},
    },
    port::Time,
    protocol::{
        board::{Answered, Attachment, Exhibit, HandedOver, Posting},
        challenge::{Answer, Challenge, Demand},
        codec::Encode,
        id::{ActorId, Epoch, Role},
        message::Message,
        obligation::{discharges, is_founded},
        statement::{Kind, Signed},
    },
};

/// Most open obligations that one challenger may have on the board.
const OPEN_MAX: usize = 256;
/// Most cuts that go with a challenge to attest.
const HANDED_ON_MAX: usize = 64;
/// A target is asked so many times before it is suspected.
const ASKED: u64 = 4;

/// The board of a witness.
pub struct Board {
    me: ActorId,
    setup: Setup,
    challenges: Numbers,
    next: u64,
    open: BTreeMap<u64, Obligation>,
    /// The demands of this witness itself that are on their way to their signature.
    promised: BTreeSet<Vec<u8>>,
    /// Obligations to store with the next step.
    fresh: Vec<u64>,
    connected: BTreeSet<ActorId>,
    /// The exposed and the retired: nothing can be expected of them.
    out: BTreeSet<ActorId>,
    /// The newest epoch that was cut.
    newest: Epoch,
}

impl Board {
    /// Empty.
    pub fn new(me: ActorId, setup: Setup) -> Self {
        Board {
            me,
            setup,
            challenges: Numbers::default(),
            next: 0,
            open: BTreeMap::new(),
            promised: BTreeSet::new(),
            fresh: Vec::new(),
            connected: BTreeSet::new(),
            out: BTreeSet::new(),
            newest: Epoch(0),
        }
    }

    /// Puts back the count of what was signed.
    pub fn recover(&mut self, issued: &Issued) {
        if let Issued::Challenge(challenge) = issued {
            self.challenges.recover(challenge.number);
        }
    }

    /// Puts back the number of the next obligation: a number means one obligation for ever.
    pub fn recover_next(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Puts back an obligation.
    pub fn recover_obligation(&mut self, id: u64, posting: Posting) {
        self.next = self.next.max(id + 1);
        if let Ok(challenge) = posting.challenge.verify(&self.setup.trust) {
            self.open.insert(id, Obligation::new(challenge, posting.attachment));
            self.fresh.push(id); // said again: whoever listens may have missed what became of it
        }
    }

    /// Whether a demand is on the board.
    pub fn has(&self, target: ActorId, demand: &Demand) -> bool {
        self.promised.contains(&demand.key(target))
            || self.open.values().any(|open| open.is_of(target, demand))
    }

    /// The witness demands something itself.
    pub fn demand(&mut self, target: ActorId, demand: Demand, step: &mut Step) {
        if !self.promised.insert(demand.key(target)) {
            return;
        }
        let number = self.challenges.take(Kind::Challenge, step);
        step.promise(Challenge {
            challenger: self.me,
            number,
            terms: self.setup.terms_of(self.me),
            target,
            demand,
        });
    }

    /// A challenge of the witness itself is signed: it goes on the board.
    pub fn release(&mut self, issued: &Issued) {
        let Issued::Challenge(challenge) = issued else { return };
        self.challenges.signed(challenge.number);
        self.promised.remove(&challenge.demand.key(challenge.target));
        self.put_up(challenge.clone(), Attachment::None);
    }

    /// Somebody posts a challenge.
    pub fn post(&mut self, posting: Posting, step: &mut Step) {
        step.work.verified += 1;
        let Ok(challenge) = posting.challenge.verify(&self.setup.trust) else { return };
        let challenger = challenge.challenger;
        let own = self.open.values().filter(|open| open.challengers.contains(&challenger)).count();
        let same = |open: &&mut Obligation| {
            open.is_of(challenge.target, &challenge.demand) && open.is_about(&posting.attachment)
        };
        let known = self.open.values_mut().find(same);
        let full = known.as_ref().map_or(own >= OPEN_MAX, |open| open.is_full_for(&challenge));
        if full || !is_founded(&challenge, &posting.attachment, &self.setup.trust) {
            return step.notice(Notice::Reached("a witness relayed no challenge that demands too much"));
        }
        if let Some(open) = known {
            open.challengers.insert(challenger);
            open.versions.insert(challenge.digest());
            return;
        }
        self.put_up(challenge, posting.attachment);
    }

    fn put_up(&mut self, challenge: Signed<Challenge>, attachment: Attachment) {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, Obligation::new(challenge, attachment));
        self.fresh.push(id);
    }

    /// A peer is there: it is asked what it owes.
    pub fn connected(&mut self, peer: ActorId, step: &mut Step) {
        self.connected.insert(peer);
        for open in self.open.values_mut().filter(|open| open.challenge.target == peer) {
            open.loses();
            open.asked_at = Some(step.now);
            open.ask(step);
        }
    }

    /// A peer is gone.
    pub fn disconnected(&mut self, peer: ActorId) {
        self.connected.remove(&peer);
    }

    /// Something of an actor was seen that may discharge what it owes.
    pub fn observe(&mut self, target: ActorId, exhibit: &Exhibit, step: &mut Step) {
        self.close_shown(|open| open.challenge.target == target || open.custody().is_some(), exhibit, step);
    }

    /// Whether a mailbox actor waits for a run.
    pub fn waits_for_a_run(&self, mailbox: ActorId) -> bool {
        self.open.values().any(|open| open.is_for(mailbox))
    }

    /// A mailbox actor was seen to have what a cut reaches: what it has asked for came by another way.
    pub fn handed_over(&mut self, mailbox: ActorId, handed: HandedOver, step: &mut Step) {
        let exhibit = Exhibit::HandedOver(Box::new(handed));
        self.close_shown(|open| open.is_for(mailbox), &exhibit, step);
    }

    /// Closes the obligations among these that an exhibit discharges.
    fn close_shown(&mut self, among: impl Fn(&Obligation) -> bool, exhibit: &Exhibit, step: &mut Step) {
        let shown = |open: &Obligation| {
            among(open) && discharges(&open.challenge, &open.attachment, exhibit, &self.setup.trust)
        };
        let done: Vec<u64> = self.open.iter().filter(|(_, open)| shown(open)).map(|(id, _)| *id).collect();
        let how = if matches!(exhibit, Exhibit::Refused(_)) { "refused" } else { "shown" };
        for id in done {
            self.tell_handlers(id, exhibit, step);
            self.close(id, how, step);
        }
    }

    /// What an incoming actor says to a bundle is for its client; a handler that has demanded it has to know, too.
    fn tell_handlers(&self, id: u64, exhibit: &Exhibit, step: &mut Step) {
        let Some(open) = self.open.get(&id) else { return };
        for handler in open.challengers.iter().filter(|challenger| challenger.role() == Role::Handler) {
            match exhibit {
                Exhibit::Receipted(receipted) => step.send(*handler, Message::Receipted(receipted.clone())),
                Exhibit::Refused(refusal) => {
                    let Demand::Admit { client, .. } = open.challenge.demand else { continue };
                    step.send(*handler, Message::Refused(refusal.clone(), client));
                }
                _ => {}
            }
        }
    }

    /// A target answers; with a cut that may follow nothing, if it `follows` not: that shows that one is made, and not what is ordered.
    pub fn answered(&mut self, from: ActorId, answered: Answered, follows: bool, step: &mut Step) {
        step.work.verified += 1;
        let Ok(response) = answered.response.clone().verify(&self.setup.trust) else { return };
        let cited = response.challenge.digest;
        let Some((id, open)) = self.open.iter_mut().find(|(_, open)| open.versions.contains(&cited)) else {
            return;
        };
        if response.target != open.challenge.target || response.target != from {
            return;
        }
        if !follows && matches!(open.challenge.demand, Demand::Order(_)) {
            return;
        }
        let id = *id;
        match &response.answer {
            Answer::Blocked(on) => {
                open.blocked = Some(on.digest);
                step.notice(Notice::Reached("a target is blocked on another that it has challenged"));
            }
            Answer::Shown(digest) => {
                let shown = *digest == answered.exhibit.digest();
                if shown
                    && discharges(&open.challenge, &open.attachment, &answered.exhibit, &self.setup.trust)
                {
                    for challenger in open.challengers.clone() {
                        step.send(challenger, Message::Answered(Box::new(answered.clone())));
                    }
                    self.close(id, "shown", step);
                    // the word of an incoming actor clears its handler, too
                    self.close_shown(|open| open.custody().is_some(), &answered.exhibit, step);
                }
            }
        }
    }

    fn close(&mut self, id: u64, how: &'static str, step: &mut Step) {
        if let Some(closed) = self.open.remove(&id) {
            let waits = |open: &&mut Obligation| open.blocked.is_some_and(|on| closed.versions.contains(&on));
            for open in self.open.values_mut().filter(waits) {
                // who is not there is given nothing
                if self.connected.contains(&open.challenge.target) {
                    open.is_given(&closed);
                }
                // what it says now is wanted at once, not when its turn to be asked comes
                open.asked_at = None;
            }
            step.delete(row(OBLIGATION, &id.to_bytes()));
            step.notice(Notice::Discharged { id, how });
        }
    }

    /// Whether an obligation binds nobody any more: towards or of an actor that is out, or through such a sequencer.
    fn is_void(&self, open: &Obligation) -> bool {
        let Challenge { target, demand, .. } = &*open.challenge;
        if open.custody().is_some_and(|entrusted| self.out.contains(&entrusted.receipt.claimed().target())) {
            return true;
        }
        if matches!(demand, Demand::Order(seal) if self.out.contains(&seal.actor)) {
            return true;
        }
        let through_sequencer =
            matches!(demand, Demand::Attest(_) | Demand::Deliver { .. } | Demand::Order(_));
        self.out.contains(target)
            || open.challengers.iter().all(|challenger| self.out.contains(challenger))
            || (through_sequencer && self.out.contains(&ActorId::SEQUENCER))
    }

    /// Whether its target can be expected to answer already.
    fn is_due(&self, open: &Obligation, auditor: &Auditor, gap: bool) -> bool {
        match &open.challenge.demand {
            // what it shows is not known to follow from anything before the gap is closed
            Demand::Attest(_) if gap => false,
            Demand::Deliver { epoch, .. } => *epoch <= self.newest,
            Demand::Order(seal) => {
                let incoming = seal.actor.index_of(Role::Incoming);
                incoming.is_some_and(|j| auditor.can_be_ordered(j, seal.slot))
            }
            _ => true,
        }
    }

    /// Whether its target waits for another: one that is challenged, or out.
    fn is_blocked(&self, open: &Obligation, auditor: &Auditor) -> bool {
        let Some(on) = open.blocked else { return false };
        let target = open.challenge.target;
        let mut on = self.open.values().filter(|other| other.versions.contains(&on) && open.lacks(other));
        match open.custody() {
            Some(entrusted) => {
                let incoming = entrusted.receipt.claimed().target();
                on.any(|other| other.is_asked_by(target, incoming))
            }
            None => {
                on.any(|other| other.is_for(target) && other.is_needed_by(open, auditor))
                    || self.out.iter().any(|out| out.role() == Role::Incoming)
            }
        }
    }

    /// Lets time do its work: asks again, suspects, clears.
    pub fn settle(
        &mut self,
        (newest, gap): (Epoch, bool),
        out: BTreeSet<ActorId>,
        auditor: &Auditor,
        step: &mut Step,
    ) {
        (self.newest, self.out) = (newest, out);
        self.store_fresh(step);
        let void = |open: &Obligation| self.is_void(open);
        let void: Vec<u64> = self.open.iter().filter(|(_, open)| void(open)).map(|(id, _)| *id).collect();
        void.into_iter().for_each(|id| self.close(id, "void", step));
        let idle = |open: &Obligation| self.is_blocked(open, auditor) || !self.is_due(open, auditor, gap);
        let idle: BTreeSet<u64> =
            self.open.iter().filter(|(_, open)| idle(open)).map(|(id, _)| *id).collect();
        let (wait, ask) = self.pace();
        for (id, open) in &mut self.open {
            open.rest(*id, idle.contains(id), step);
            if open.asked_at.is_none_or(|asked| asked.after(ask) <= step.now) {
                open.asked_at = Some(step.now);
                if self.connected.contains(&open.challenge.target) {
                    hand_on_seals(open, auditor, step);
                    hand_on_cuts(open, auditor, step);
                    open.ask(step);
                }
            }
            open.suspect(*id, wait, step);
        }
    }

    /// What has come onto the board is kept, and said.
    fn store_fresh(&mut self, step: &mut Step) {
        if !self.fresh.is_empty() || !self.promised.is_empty() {
            // those that are on their way to their signature get their numbers after this step is durable
            step.put(row(NEXT, &[]), (self.next + self.promised.len() as u64).to_bytes());
        }
        for id in std::mem::take(&mut self.fresh) {
            if let Some(open) = self.open.get(&id) {
                step.put(row(OBLIGATION, &id.to_bytes()), open.posting().to_bytes());
                step.notice(open.notice(id));
            }
        }
    }

    /// How long a target may take, and how often it is asked.
    fn pace(&self) -> (u64, u64) {
        let wait = self.setup.challenge_ns();
        (wait, wait / ASKED)
    }

    /// When time has something to do.
    pub fn deadline(&self) -> Option<Time> {
        let (wait, ask) = self.pace();
        let of = |open: &Obligation| {
            let again = open.asked_at.map_or(Time(0), |asked| asked.after(ask));
            let suspect = open.due(wait);
            suspect.map_or(again, |suspect| suspect.min(again))
        };
        self.open.values().map(of).min()
    }
}

/// What the sequencer is to order it must have: the seals up to the one in question go with the challenge.
fn hand_on_seals(open: &Obligation, auditor: &Auditor, step: &mut Step) {
    let Demand::Order(seal) = &open.challenge.demand else { return };
    let Some(incoming) = seal.actor.index_of(Role::Incoming) else { return };
    let last = auditor.last_ordered(incoming).map_or(0, |slot| slot.saturating_add(1));
    for seal in auditor.seals_between(incoming, last, seal.slot).into_iter().flatten() {
        step.send(open.challenge.target, Message::Sealed(seal));
    }
}

/// The same of what a mailbox actor is to attest: the sequencer may have kept the cuts from it.
fn hand_on_cuts(open: &Obligation, auditor: &Auditor, step: &mut Step) {
    let Demand::Attest(_) = &open.challenge.demand else { return };
    let Some(mailbox) = open.challenge.target.index_of(Role::Mailbox) else { return };
    for cut in auditor.cuts_unattested(mailbox, HANDED_ON_MAX) {
        step.send(open.challenge.target, Message::Ordered(cut.clone()));
    }
}

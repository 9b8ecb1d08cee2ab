//! One obligation: what is demanded of whom, for how long it could be expected, and what its target may wait for meanwhile.

use std::collections::BTreeSet;

use super::auditor::Auditor;
use crate::{
    actor::{Step, step::Notice},
    port::Time,
    protocol::{
        board::{Attachment, Entrusted, Posting},
        challenge::{Challenge, Demand},
        digest::Digest,
        id::{ActorId, BatchNumber, BundleNumber, ClientId, Role},
        message::Message,
        statement::Signed,
    },
};

/// Most challenges that make one demand: of each challenger one, and one for each time that it had crashed before it was signed.
const VERSIONS_MAX: usize = 64;
/// Most things that a target may wait for, one after the other: a run is seldom one of more.
const GIVEN_MAX: usize = 4096;
/// How often what a target was given is taken for lost with its connection, or in a crash.
const LOST_MAX: u32 = 8;

/// An obligation on the board of a witness.
pub struct Obligation {
    /// The challenge that came first.
    pub challenge: Signed<Challenge>,
    /// What was posted with it.
    pub attachment: Attachment,
    /// Who demands it.
    pub challengers: BTreeSet<ActorId>,
    /// The digests of all challenges that make this demand: one may be made again after a crash.
    pub versions: BTreeSet<Digest>,
    /// Since when its target can be expected to answer, since it waited last.
    since: Option<Time>,
    /// For how long it could be expected before, in nanoseconds.
    before_ns: u64,
    /// What its target has waited for, and was given.
    given: BTreeSet<Awaited>,
    /// How often that may have been lost.
    lost: u32,
    /// When its target was asked last.
    pub asked_at: Option<Time>,
    /// The challenge that its target waits for.
    pub blocked: Option<Digest>,
    /// Its target waits.
    idle: bool,
    suspected: bool,
}

/// What a target may wait for before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Awaited {
    /// A mailbox actor for a run: of which incoming actor, and which.
    Run(u32, BatchNumber),
    /// A handler for an answer to a bundle.
    Bundle(ClientId, BundleNumber),
}

impl Obligation {
    /// One that was just posted.
    pub fn new(challenge: Signed<Challenge>, attachment: Attachment) -> Self {
        Obligation {
            challengers: BTreeSet::from([challenge.challenger]),
            versions: BTreeSet::from([challenge.digest()]),
            challenge,
            attachment,
            since: None,
            before_ns: 0,
            given: BTreeSet::new(),
            lost: 0,
            asked_at: None,
            blocked: None,
            idle: false,
            suspected: false,
        }
    }

    /// What is told of it.
    pub fn notice(&self, id: u64) -> Notice {
        let Challenge { target, challenger, demand, .. } = &*self.challenge;
        Notice::Obliged { id, target: *target, demand: demand.name(), challenger: *challenger }
    }

    /// Whether it is this demand of this target.
    pub fn is_of(&self, target: ActorId, demand: &Demand) -> bool {
        self.challenge.target == target && self.challenge.demand == *demand
    }

    /// Whether an answer to it answers who posted this with the same demand, too: a receipt is for a bundle as it is signed there.
    pub fn is_about(&self, attachment: &Attachment) -> bool {
        match (&self.attachment, attachment) {
            // a placement that shows one of them less is none for who wants to see that one
            (Attachment::Promised(one), Attachment::Promised(other)) => one.recipients == other.recipients,
            (Attachment::Submission(one), Attachment::Submission(other)) => {
                one.bundle.cite() == other.bundle.cite()
            }
            _ => true,
        }
    }

    /// Whether it is demanded too often already to keep this version too.
    pub fn is_full_for(&self, challenge: &Signed<Challenge>) -> bool {
        self.versions.len() >= VERSIONS_MAX && !self.versions.contains(&challenge.digest())
    }

    /// Whether it is a run that this mailbox actor lacks: the one thing that one may wait for.
    pub fn is_for(&self, actor: ActorId) -> bool {
        matches!(self.challenge.demand, Demand::Batch { mailbox, .. } if actor == ActorId::Server(Role::Mailbox, mailbox))
    }

    /// Whether a handler demands here that an incoming actor admit a bundle. It need not be the one that the handler is asked for: an
    /// incoming actor that does not answer is not asked for all of them.
    pub fn is_asked_by(&self, handler: ActorId, incoming: ActorId) -> bool {
        self.challenge.target == incoming
            && matches!(self.challenge.demand, Demand::Admit { .. })
            && self.challengers.contains(&handler)
    }

    /// Whether the run that is demanded here was taken by a cut after those that the mailbox actor has attested, and up to the
    /// epoch that is demanded there.
    pub fn is_needed_by(&self, other: &Obligation, auditor: &Auditor) -> bool {
        let Attachment::Taken(taken) = &self.attachment else { return false };
        let mailbox = other.challenge.target.index_of(Role::Mailbox);
        let (taken, attested) =
            (taken.cut.claimed_slot(), mailbox.map_or(0, |mailbox| auditor.attested(mailbox)));
        match &other.challenge.demand {
            Demand::Attest(epoch) | Demand::Deliver { epoch, .. } => attested < taken && taken <= epoch.0,
            _ => attested < taken,
        }
    }

    /// What whoever waits for this waits for.
    fn awaited(&self) -> Option<Awaited> {
        match &self.challenge.demand {
            Demand::Batch { seal, batch, .. } => {
                Some(Awaited::Run(seal.actor.index_of(Role::Incoming)?, *batch))
            }
            Demand::Admit { client, number, .. } => Some(Awaited::Bundle(*client, *number)),
            _ => None,
        }
    }

    /// Whether its target may wait for this, which it was not given yet.
    pub fn lacks(&self, other: &Obligation) -> bool {
        self.given.len() < GIVEN_MAX && other.awaited().is_none_or(|what| !self.given.contains(&what))
    }

    /// What was demanded there is shown, and its target, which waited for that, has it.
    pub fn is_given(&mut self, other: &Obligation) {
        self.given.extend(other.awaited());
    }

    /// Its target may have lost what it was given.
    pub fn loses(&mut self) {
        if !self.given.is_empty() && self.lost < LOST_MAX {
            self.lost += 1;
            self.given.clear();
        }
    }

    /// As it is relayed.
    pub fn posting(&self) -> Posting {
        Posting { challenge: self.challenge.to_unverified(), attachment: self.attachment.clone() }
    }

    /// The bundle of which a handler is asked what became of it, with the receipt that it gave.
    pub fn custody(&self) -> Option<&Entrusted> {
        match (&self.challenge.demand, &self.attachment) {
            (Demand::Custody(_), Attachment::Entrusted(entrusted)) => Some(entrusted),
            _ => None,
        }
    }

    /// Asks its target.
    pub fn ask(&self, step: &mut Step) {
        step.send(self.challenge.target, Message::Posted(Box::new(self.posting())));
    }

    /// Its time stands still while nothing can be expected of its target, and then goes on.
    pub fn rest(&mut self, id: u64, idle: bool, step: &mut Step) {
        let changed = std::mem::replace(&mut self.idle, idle) != idle;
        if idle {
            self.before_ns += self.since.take().map_or(0, |since| step.now.0.saturating_sub(since.0));
            self.suspected = false;
        } else {
            self.since.get_or_insert(step.now);
        }
        if changed {
            step.notice(if idle { Notice::Idle { id } } else { self.notice(id) });
        }
    }

    /// When its target has taken so long, unless it is suspected already.
    pub fn due(&self, wait: u64) -> Option<Time> {
        Some(self.since.filter(|_| !self.suspected)?.after(wait.saturating_sub(self.before_ns)))
    }

    /// Its target is suspected, if it has taken so long.
    pub fn suspect(&mut self, id: u64, wait: u64, step: &mut Step) {
        if self.due(wait).is_some_and(|due| due <= step.now) {
            self.suspected = true;
            let Challenge { target, demand, .. } = &*self.challenge;
            step.notice(Notice::Suspected { id, target: *target, demand: demand.name() });
        }
    }
}

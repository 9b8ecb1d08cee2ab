//! Checks: what must hold of a run, read off its history alone.
//!
//! One file an invariant of the protocol (I for accountability, O for order, numbered as in ARCHITECTURE.md). A
//! check re-derives what should be from the whole history, it does not trust a counter of the code under test; and
//! each has a test in which it fails.

mod accuracy;
mod admission;
mod catch_up;
mod causal;
mod crowd;
mod emptiness;
mod evidence;
mod excuse;
pub mod expectation;
mod fifo;
mod fired;
mod invention;
mod loss;
mod minimal;
mod obligation;
mod once;
mod order;
mod slots;
mod sound;
#[cfg(test)]
mod specimen;
mod storage;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use server::protocol::{
    id::ActorId,
    judge::{Verdict, judge},
    roster::Roster,
    statement::Trust,
};

use crate::{
    history::Record,
    scenario::{ActorName, Drawn, DrawnFault},
    world::Run,
};

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The check's name.
    pub name: &'static str,
    /// Whether it held.
    pub held: bool,
    /// What broke it, or what it covered.
    pub why: String,
}

/// A verdict on a piece of evidence.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which evidence, by its place in the record.
    pub evidence: usize,
    /// Who is exposed, if anyone.
    pub exposed: Option<ActorName>,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in plain words, with the names of the run.
    pub text: String,
}

/// What a check sees.
pub struct Case<'a> {
    /// What was drawn.
    pub drawn: &'a Drawn,
    /// What happened.
    pub record: &'a Record,
    /// The verdicts on all evidence.
    pub judged: &'a [Judged],
    /// The roster, for a stranger.
    pub roster: Option<Roster>,
    /// What checks signatures of the run.
    pub trust: Option<Trust>,
}

impl Case<'_> {
    /// Whether an actor was not told to cheat, nor put back by its operator to what it was before; nor one that lives in the
    /// same process, for that has its key.
    pub fn is_honest(&self, name: ActorName) -> bool {
        let restored = |fault: &DrawnFault| fault.kind.name == "restore" && self.hits(fault, name);
        !self.drawn.adversaries.iter().any(|adversary| self.are_one(adversary.actor, name))
            && !self.drawn.faults.iter().any(restored)
    }

    /// Whether a fault is of this actor, or of one that lives in the same process.
    pub fn hits(&self, fault: &DrawnFault, name: ActorName) -> bool {
        fault.actor("actor").is_some_and(|actor| self.are_one(actor, name))
    }

    /// Whether two actors are one, or live in one process.
    pub fn are_one(&self, one: ActorName, other: ActorName) -> bool {
        let process_of = |name| self.drawn.architecture.process_of(name);
        process_of(one) == process_of(other)
    }

    /// Whether an actor is gone for good, dead or retired: nothing can be expected of it.
    pub fn is_gone(&self, name: ActorName) -> bool {
        self.record.dead.contains(&name) || self.record.retired.contains(&name)
    }

    /// The honest clients.
    pub fn honest_clients(&self) -> impl Iterator<Item = u32> {
        (0..self.drawn.topology.clients)
            .filter(|client| self.is_honest(ActorName::new(server::protocol::id::Role::Client, *client)))
    }

    /// Who is exposed.
    pub fn exposed(&self) -> BTreeSet<ActorName> {
        self.judged.iter().filter_map(|judged| judged.exposed).collect()
    }
}

/// A check: its name, what it demands in a line, and the function that finds the first violation. `Ok` says what it
/// covered.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it demands.
    pub line: &'static str,
    find: fn(&Case<'_>) -> Result<String, String>,
}

/// Every check.
pub const CHECKS: &[Kind] = &[
    Kind {
        name: "one-order",
        line: "O1, O2: one total order, of which every mailbox is a projection",
        find: order::find,
    },
    Kind {
        name: "causal",
        line: "O3: mailboxes agree on what they share, and what a sender had seen stands before what it sent",
        find: causal::find,
    },
    Kind {
        name: "sender-fifo",
        line: "O4: the bundles of a client are in its order, without holes",
        find: fifo::find,
    },
    Kind {
        name: "exactly-once",
        line: "O5: each bundle once in a queue and once in each mailbox",
        find: once::find,
    },
    Kind {
        name: "no-invention",
        line: "O6: every delivery was submitted, to that recipient, with that payload",
        find: invention::find,
    },
    Kind {
        name: "no-loss",
        line: "O7: what a client has a receipt for reaches every recipient",
        find: loss::find,
    },
    Kind {
        name: "catch-up",
        line: "O8: after healing everything submitted is received and delivered in time",
        find: catch_up::find,
    },
    Kind {
        name: "one-digest",
        line: "O10: an honest actor's slot holds one digest over all its restarts",
        find: slots::find,
    },
    Kind {
        name: "admission",
        line: "who lost state admits it and signs nothing else, and nobody else does",
        find: admission::find,
    },
    Kind {
        name: "sound",
        line: "no honest node stops by itself, no account contradicts another, no honest traffic is suspicious",
        find: sound::find,
    },
    Kind { name: "accuracy", line: "I1: no honest actor is exposed", find: accuracy::find },
    Kind {
        name: "cleared",
        line: "I2: no honest actor is left suspected at the end",
        find: obligation::cleared,
    },
    Kind {
        name: "expected",
        line: "I3: those whom the scenario names are exposed, suspected, of a pair or unserved, in time, and no others",
        find: expectation::find,
    },
    Kind {
        name: "omission",
        line: "I4: who withholds is suspected, or gives what it withheld",
        find: obligation::omission,
    },
    Kind {
        name: "only-signers",
        line: "I5: only actors that cheated are exposed, never those who handled their lies",
        find: evidence::signers,
    },
    Kind {
        name: "transfer",
        line: "I6: evidence convinces a stranger who has it as a file, and the roster",
        find: transfer::find,
    },
    Kind {
        name: "minimal",
        line: "I7: evidence holds nothing without which it would prove the same",
        find: minimal::find,
    },
    Kind {
        name: "own-statement",
        line: "I8: every exposure stands on a statement that the exposed actor signed",
        find: evidence::own_statement,
    },
    Kind {
        name: "sound-evidence",
        line: "I9: evidence of an honest actor proves what it says",
        find: evidence::sound,
    },
    Kind {
        name: "obligations",
        line: "I10: every obligation ends in a discharge, suspicion or exposure",
        find: obligation::ended,
    },
    Kind {
        name: "storage",
        line: "I11: what an actor stores is bounded by what is unfinished",
        find: storage::find,
    },
    Kind {
        name: "emptiness",
        line: "O11: each mailbox actor attests each epoch, or someone owes it something",
        find: emptiness::find,
    },
    Kind { name: "fired", line: "every fault and attack of the scenario took place", find: fired::find },
];

/// Judges all evidence of a run.
pub fn judge_all(run: &Run) -> Vec<Judged> {
    let verdict = |(index, caught): (usize, &crate::history::Caught)| {
        let verdict = judge(&caught.evidence, &run.trust.as_of(caught.roster));
        let exposed = match &verdict {
            Verdict::Exposed { actor, .. } => run.names.get(actor).copied(),
            Verdict::NotProven(_) => None,
        };
        Judged { evidence: index, exposed, text: readable(&verdict.to_string(), &run.names), verdict }
    };
    run.record.caught.iter().enumerate().map(verdict).collect()
}

/// Puts the names of clients where their keys stand.
fn readable(text: &str, names: &BTreeMap<ActorId, ActorName>) -> String {
    let clients = names.iter().filter(|(id, _)| id.client().is_some());
    clients.fold(text.to_owned(), |text, (id, name)| text.replace(&id.to_string(), &name.to_string()))
}

/// Runs every check.
pub fn check_all(case: &Case<'_>) -> Vec<Check> {
    CHECKS
        .iter()
        .map(|kind| {
            let found = (kind.find)(case);
            Check { name: kind.name, held: found.is_ok(), why: found.unwrap_or_else(|why| why) }
        })
        .collect()
}

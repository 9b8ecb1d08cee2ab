//! Negative controls: the testbed must fail when what it relies on is switched off.
//!
//! A check that never fails says nothing. Each control breaks one thing, in the world, in the judge or in the history,
//! and runs an honest scenario until some check fails. A control that no seed catches is a hole in the testbed, and
//! `cargo sim controls` says so.

mod judges;
mod tampering;

use serde::Serialize;
use server::protocol::{evidence::Evidence, id::ActorId, judge::Verdict};

use crate::{
    check::Judged,
    command::{InputError, Stopwatch},
    history::Caught,
    outcome::Outcome,
    scenario::{ActorName, Scenario},
    world::{self, Run},
};

/// What of the world is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weakness {
    /// Nothing.
    #[default]
    None,
    /// The storage port says that a commit is durable before it is: statements are signed before they are kept.
    EarlyDurable,
    /// Disks lose one commit of many, though they have synced it.
    LostSyncs,
    /// The sequencer runs twice, with one key.
    Twin,
    /// Storage takes longer by what this clock of the world outside shows: no control, a plant.
    WallClock(u64),
}

/// How a control breaks something.
enum Break {
    /// The world of the run.
    World(Weakness),
    /// What happened, after the run.
    History(fn(&mut Run) -> Option<()>),
    /// The judge: the verdicts of a wrong one on evidence that an adversary makes of honest statements.
    Judge(fn(&Run) -> Vec<(Evidence, ActorId)>),
}

/// A negative control.
pub struct Control {
    /// Its name.
    pub name: &'static str,
    /// What is replaced by what.
    pub line: &'static str,
    /// A check that must see it.
    pub seen_by: &'static str,
    how: Break,
}

/// Every control.
pub const CONTROLS: &[Control] = &[
    Control {
        name: "sign-before-persist",
        line: "the storage port reports a commit as durable before it is",
        seen_by: "one-digest",
        how: Break::World(Weakness::EarlyDurable),
    },
    Control {
        name: "lost-synced-writes",
        line: "disks lose one synced commit of many",
        seen_by: "one-digest",
        how: Break::World(Weakness::LostSyncs),
    },
    Control {
        name: "two-instances",
        line: "a second sequencer runs with the key of the first",
        seen_by: "one-digest",
        how: Break::World(Weakness::Twin),
    },
    Control {
        name: "unsigned-citation",
        line: "the judge takes a citation whose signature it has not checked",
        seen_by: "accuracy",
        how: Break::Judge(judges::unsigned_citation),
    },
    Control {
        name: "slot-ignored",
        line: "the judge takes two seals of different numbers for an equivocation",
        seen_by: "accuracy",
        how: Break::Judge(judges::slot_ignored),
    },
    Control {
        name: "receipt-bound-to-epoch",
        line: "the judge blames an incoming actor that misses a cut",
        seen_by: "accuracy",
        how: Break::Judge(judges::receipt_bound_to_epoch),
    },
    Control {
        name: "clock-in-predicate",
        line: "the judge blames a mailbox actor that delivers later than it thinks right",
        seen_by: "accuracy",
        how: Break::Judge(judges::clock_in_predicate),
    },
    Control {
        name: "swapped-deliveries",
        line: "two deliveries of a history change places",
        seen_by: "one-order",
        how: Break::History(tampering::swap_deliveries),
    },
    Control {
        name: "lost-delivery",
        line: "the last delivery of a client is taken out of a history",
        seen_by: "no-loss",
        how: Break::History(tampering::lose_delivery),
    },
    Control {
        name: "invented-delivery",
        line: "a delivery of a history gets another payload",
        seen_by: "no-invention",
        how: Break::History(tampering::invent_delivery),
    },
    Control {
        name: "duplicated-bundle",
        line: "a bundle of a history stands twice in its queue",
        seen_by: "exactly-once",
        how: Break::History(tampering::duplicate_bundle),
    },
    Control {
        name: "moved-receipt",
        line: "a receipt of a history promises another place",
        seen_by: "no-loss",
        how: Break::History(tampering::move_receipt),
    },
    Control {
        name: "forgotten-attestation",
        line: "a mailbox actor of a history has not attested an epoch",
        seen_by: "emptiness",
        how: Break::History(tampering::forget_attestation),
    },
    Control {
        name: "framed-actor",
        line: "an honest witness of a history keeps an honest actor suspected",
        seen_by: "cleared",
        how: Break::History(tampering::frame),
    },
];

/// An honest run, with crashes that make what is lost matter.
const HONEST: &str = "# Nobody cheats, and everyone crashes sometimes.
chaos = true
[topology]
clients = \"6..10\"
[workload]
bundles = \"150..250\"
rate = \"300/s..500/s\"
[[fault]]
at = \"100ms..400ms\"
kind = \"crash\"
actor = \"incoming/*\"
for = \"10ms..100ms\"
[[fault]]
at = \"100ms..400ms\"
kind = \"crash\"
actor = \"sequencer\"
for = \"10ms..100ms\"
[[fault]]
at = \"100ms..400ms\"
kind = \"crash\"
actor = \"mailbox/*\"
for = \"10ms..100ms\"
";

/// What became of a control.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The control.
    pub name: &'static str,
    /// What it replaces.
    pub replaces: &'static str,
    /// Seeds tried until the first failure; none if no seed failed.
    pub seeds: Option<u64>,
    /// The checks that failed at that seed.
    pub caught_by: Vec<&'static str>,
    /// What the first of them said.
    pub why: String,
}

impl Control {
    /// What it breaks of the world, if that is what it breaks.
    pub fn weakness(&self) -> Option<Weakness> {
        match self.how {
            Break::World(weakness) => Some(weakness),
            Break::History(_) | Break::Judge(_) => None,
        }
    }

    /// Tries seeds until a check fails; the check that must see it has to be among those.
    ///
    /// # Errors
    /// What is wrong with the scenario: never, it is built in.
    pub fn run(&self, seeds: u64) -> Result<Found, InputError> {
        let scenario = Scenario::parse("controls", HONEST, &[])?;
        let mut found = Found {
            name: self.name,
            replaces: self.line,
            seeds: None,
            caught_by: Vec::new(),
            why: String::new(),
        };
        for seed in 0..seeds {
            let outcome = self.attempt(&scenario, seed)?;
            let failed: Vec<_> = outcome.checks.iter().filter(|check| !check.held).collect();
            if let Some(seen) = failed.iter().find(|check| check.name == self.seen_by) {
                found.seeds = Some(seed + 1);
                found.caught_by = failed.iter().map(|check| check.name).collect();
                found.why = seen.why.clone();
                return Ok(found);
            }
        }
        Ok(found)
    }

    fn attempt(&self, scenario: &Scenario, seed: u64) -> Result<Outcome, InputError> {
        let drawn = scenario.draw(seed);
        let weakness = if let Break::World(weakness) = self.how { weakness } else { Weakness::None };
        let stopwatch = Stopwatch::start();
        let mut run = world::run_weak(&drawn, seed, false, weakness)?;
        let mut accused = Vec::new();
        match self.how {
            Break::World(_) => {}
            Break::History(tamper) => {
                let _ = tamper(&mut run);
            }
            Break::Judge(judge) => accused = judge(&run),
        }
        let before = run.record.caught.len();
        let wrong = accused.into_iter().enumerate().map(|(index, (evidence, actor))| {
            let (at_ns, epoch) = (run.virtual_ns, run.record.epoch());
            let by = ActorName::new(server::protocol::id::Role::Client, 0);
            run.record.caught.push(Caught { at_ns, by, epoch, evidence });
            let offence = "did what a wrong judge blames".to_owned();
            Judged {
                evidence: before + index,
                exposed: run.names.get(&actor).copied(),
                verdict: Verdict::Exposed { actor, predicate: self.name, offence },
                text: format!("exposed by a wrong judge: {actor}"),
            }
        });
        let wrong: Vec<Judged> = wrong.collect();
        Ok(Outcome::judged_by("controls".to_owned(), seed, drawn, run, stopwatch.elapsed(), wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CHECKS;

    #[test]
    fn every_control_is_seen_by_a_check_that_exists() {
        for control in CONTROLS {
            assert!(CHECKS.iter().any(|check| check.name == control.seen_by), "{}", control.name);
        }
    }

    #[test]
    fn an_unbroken_world_passes() {
        let control = Control { name: "nothing", line: "", seen_by: "", how: Break::World(Weakness::None) };
        let scenario = Scenario::parse("controls", HONEST, &[]).unwrap();
        for seed in 0..2 {
            let outcome = control.attempt(&scenario, seed).unwrap();
            let failed: Vec<_> = outcome.checks.iter().filter(|check| !check.held).collect();
            assert!(failed.is_empty(), "seed {seed}: {failed:?}");
        }
    }

    #[test]
    fn controls_of_history_and_judge_are_caught() {
        for control in CONTROLS.iter().filter(|control| !matches!(control.how, Break::World(_))) {
            let found = control.run(3).unwrap();
            assert!(found.seeds.is_some(), "{}", control.name);
        }
    }
}

//! Negative controls: the testbed must fail when what it relies on is switched off.
//!
//! A check that never fails says nothing. Each control breaks one thing, in the world, in the judge or in the history,
//! and runs a scenario until the check fails that should see it; the same seed unbroken must hold. A control that no
//! seed catches is a hole in the testbed, and `cargo sim controls` says so.
//!
//! # Invariants
//! - A control is no part of what runs in production: it replaces a simulated part, wraps an honest actor, or comes after
//!   the run. An unbroken run does not notice that there are controls.
//! - Whoever a control breaks counts as honest.

pub mod flaw;
mod judges;
mod table;
mod tampering;
mod weakness;

use serde::Serialize;
use server::protocol::{
    evidence::Evidence,
    id::Role,
    judge::{Verdict, judge},
};

pub use table::CONTROLS;
pub use weakness::Weakness;

use crate::{
    check::{Judged, judge_all},
    command::{InputError, Stopwatch},
    history::Caught,
    outcome::Outcome,
    random::Streams,
    scenario::{ActorName, Drawn, Scenario},
    world::{self, Circumstances, Run},
};
use judges::{Conviction, Trial};

/// How a control breaks something.
enum Break {
    /// The world of the run.
    World(Weakness),
    /// What happened, after the run.
    History(fn(&mut Run) -> Option<()>),
    /// The judge: it convicts for evidence that an accuser makes of honest statements, of which the right one says this.
    Harsh(fn(&Trial<'_>) -> Option<Conviction>, &'static str),
    /// The judge: it cannot judge such evidence.
    Blind(fn(&Evidence) -> bool),
}

/// A negative control.
pub struct Control {
    /// Its name.
    pub name: &'static str,
    /// What is replaced by what.
    pub line: &'static str,
    /// Which rule that breaks, and what comes of it.
    pub why: &'static str,
    /// The check that must see it.
    pub seen_by: &'static str,
    /// The scenario that it runs, as a file would say it.
    scenario: &'static str,
    how: Break,
}

/// What became of a control.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The control.
    pub name: &'static str,
    /// What it replaces.
    pub replaces: &'static str,
    /// Why that matters.
    pub matters: &'static str,
    /// The check that must see it.
    pub seen_by: &'static str,
    /// Seeds tried until it did; none if no seed made it.
    pub seeds: Option<u64>,
    /// The checks that failed at that seed, that one first.
    pub caught_by: Vec<&'static str>,
    /// What the one that must see it said.
    pub why: String,
}

impl Control {
    /// What it breaks of the world, if that is what it breaks.
    pub fn weakness(&self) -> Option<Weakness> {
        match self.how {
            Break::World(weakness) => Some(weakness),
            Break::History(_) | Break::Harsh(..) | Break::Blind(_) => None,
        }
    }

    /// Tries seeds until the check that must see it fails, of a run that holds unbroken.
    ///
    /// # Errors
    /// What is wrong with the scenario: never, it is built in.
    pub fn run(&self, seeds: u64) -> Result<Found, InputError> {
        let scenario = Scenario::parse("controls", self.scenario, &[])?;
        let mut found = Found {
            name: self.name,
            replaces: self.line,
            matters: self.why,
            seen_by: self.seen_by,
            seeds: None,
            caught_by: Vec::new(),
            why: String::new(),
        };
        for seed in 0..seeds {
            let outcome = self.attempt(&scenario, seed)?;
            let failed: Vec<_> = outcome.checks.iter().filter(|check| !check.held).collect();
            let Some(seen) = failed.iter().find(|check| check.name == self.seen_by) else { continue };
            if unbroken(&scenario, seed)?.held() {
                found.seeds = Some(seed + 1);
                found.caught_by = failed.iter().map(|check| check.name).collect();
                found.caught_by.sort_by_key(|name| *name != self.seen_by);
                found.why = seen.why.clone();
                break;
            }
        }
        Ok(found)
    }

    fn attempt(&self, scenario: &Scenario, seed: u64) -> Result<Outcome, InputError> {
        let drawn = scenario.draw(seed);
        let weakness = if let Break::World(weakness) = self.how { weakness } else { Weakness::None };
        let circumstances = Circumstances { letters: true, weakness, ..Circumstances::default() };
        let stopwatch = Stopwatch::start();
        let mut run = world::run_in(&drawn, seed, circumstances)?;
        if let Break::History(tamper) = self.how {
            let _ = tamper(&mut run);
        }
        let judged = self.judge(&mut run, &drawn, seed);
        Ok(Outcome::judged("controls".to_owned(), seed, drawn, run, stopwatch.elapsed(), judged))
    }

    /// The verdicts of the judge, or of the wrong one.
    fn judge(&self, run: &mut Run, drawn: &Drawn, seed: u64) -> Vec<Judged> {
        let mut judged = judge_all(run);
        match self.how {
            Break::Harsh(accuse, guard) => {
                let conviction = accuse(&Trial { run, drawn, streams: Streams::new(seed) });
                let lacks_the_guard = |(evidence, _): &Conviction| {
                    judge(evidence, &run.trust) == Verdict::NotProven(guard.to_owned())
                };
                if let Some(conviction) = conviction.filter(lacks_the_guard) {
                    judged.push(self.convict(run, conviction));
                }
            }
            Break::Blind(cannot) => {
                for one in judged.iter_mut().filter(|one| cannot(&run.record.caught[one.evidence].evidence)) {
                    let verdict = Verdict::NotProven("the statements lack what it rests on".to_owned());
                    (one.exposed, one.text, one.verdict) = (None, verdict.to_string(), verdict);
                }
            }
            Break::World(_) | Break::History(_) => {}
        }
        judged
    }

    fn convict(&self, run: &mut Run, (evidence, actor): Conviction) -> Judged {
        let (at_ns, epoch, by) = (run.virtual_ns, run.record.epoch(), ActorName::new(Role::Client, 0));
        let roster = run.trust.roster.version();
        run.record.caught.push(Caught { at_ns, by, epoch, roster, evidence });
        let offence = "did what a wrong judge blames".to_owned();
        Judged {
            evidence: run.record.caught.len() - 1,
            exposed: run.names.get(&actor).copied(),
            verdict: Verdict::Exposed { actor, predicate: self.name, offence },
            text: format!("exposed by a wrong judge: {actor}"),
        }
    }
}

/// The same run with nothing broken.
fn unbroken(scenario: &Scenario, seed: u64) -> Result<Outcome, InputError> {
    let drawn = scenario.draw(seed);
    let stopwatch = Stopwatch::start();
    let run = world::run(&drawn, seed, false)?;
    Ok(Outcome::of("controls".to_owned(), seed, drawn, run, stopwatch.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CHECKS;

    #[test]
    fn every_control_says_what_it_breaks_and_which_check_sees_it() {
        for (index, control) in CONTROLS.iter().enumerate() {
            assert!(CHECKS.iter().any(|check| check.name == control.seen_by), "{}", control.name);
            assert!(!CONTROLS[..index].iter().any(|other| other.name == control.name), "{}", control.name);
            assert!(control.why.ends_with('.') && !control.line.ends_with('.'), "{}", control.name);
        }
    }

    /// Whoever tests a shrinker plants these: they show in any scenario in which actors crash.
    #[test]
    fn planted_bugs_fail_in_chaos() {
        const CHAOS: &str = include_str!("../../../scenarios/faults/chaos.toml");
        let fast = ["topology.crypto=modelled", "topology.storage=modelled"].map(str::to_owned);
        let scenario = Scenario::parse("chaos", CHAOS, &fast).unwrap();
        for weakness in [Weakness::UnsyncedWrites, Weakness::MisorderedMerge, Weakness::DoubleRelease] {
            let fails = |seed: &u64| {
                let drawn = scenario.draw(*seed);
                let run = world::run_weak(&drawn, *seed, false, weakness).unwrap();
                let outcome =
                    Outcome::of("chaos".to_owned(), *seed, drawn, run, Stopwatch::start().elapsed());
                !outcome.held()
            };
            assert!((0..20).any(|seed| fails(&seed)), "{weakness:?}");
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

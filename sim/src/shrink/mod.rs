//! Shrinking: from a seed that fails to the smallest scenario that fails the same way.
//!
//! ```text
//! a failing run → what was drawn, as a plain scenario → candidates, each a smaller one → the first that fails → again
//! ```
//!
//! Delta debugging (Zeller and Hildebrandt, 2002) over the written-out scenario: faults and adversaries are taken away
//! in ever smaller pieces, then counts and quantities made smaller, round after round until a round finds nothing.
//! A failure often hangs on who was quicker, so where no smaller scenario fails, the same ones are tried at a few other
//! rates of sending and times of faults. Every candidate is a scenario that anyone can run, with the seed that failed; it is read from its
//! text, so what the parser refuses is no candidate. What is expected is never touched: a scenario that expects less would fail for another reason.
//!
//! # Invariants
//! - The result does not depend on the number of threads: of candidates tried together the first in order counts.
//! - At any time there is a best scenario so far, and it fails.

mod moves;
mod number;
mod plain;
mod search;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

pub use plain::{Plain, Size};
use search::Search;

use crate::{
    command::{InputError, Stopwatch},
    plant::Plant,
    scenario::{ActorName, Drawn, Scenario},
    trial::{Broken, NONDETERMINISM, PANIC, Times, Trial},
};

/// The check that every fault took place: a scenario that names an idle one is no smaller one.
const FIRED: &str = "fired";

/// What is to be shrunk, and for how long.
pub struct Shrink<'a> {
    /// The scenario file.
    pub path: &'a str,
    /// What it says.
    pub scenario: &'a Scenario,
    /// The seed that fails.
    pub seed: u64,
    /// The check that must go on failing; the first that fails if not given.
    pub check: Option<&'a str>,
    /// The bug planted.
    pub plant: Plant,
    /// Threads.
    pub jobs: usize,
    /// Candidates tried at most.
    pub runs: u64,
    /// Time taken at most.
    pub time: Option<Duration>,
    /// Set when somebody wants it to end.
    pub stop: &'a AtomicBool,
}

/// The smallest scenario found.
pub struct Shrunk {
    /// It.
    pub plain: Plain,
    /// What it breaks.
    pub broken: Broken,
    /// What the original broke.
    pub original: Broken,
    /// How large the original was.
    pub before: Size,
    /// How many candidates were tried.
    pub runs: u64,
    /// Whether nothing smaller was left to try.
    pub finished: bool,
}

/// Why there is nothing to shrink.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// A file of the scenario.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The check that was named held.
    #[error("the run does not violate {check}, but {signature}: name one of these with --check")]
    Held {
        /// The check.
        check: String,
        /// Those that it violates.
        signature: String,
    },
}

impl Shrink<'_> {
    /// Shrinks; calls `progress` with every scenario that is smaller than the best before, and how many were tried.
    /// Nothing if the run holds.
    ///
    /// # Errors
    /// Files of the scenario that cannot be read, or a check that the run does not violate.
    pub fn run(&self, progress: &mut dyn FnMut(&Plain, &Broken, u64)) -> Result<Option<Shrunk>, ShrinkError> {
        let trial = Trial {
            path: self.path,
            scenario: self.scenario,
            seed: self.seed,
            plant: self.plant,
            times: Times::Twice,
        };
        let Some(original) = trial.run()?.broken else { return Ok(None) };
        let check = self.check.or_else(|| original.signature.split('+').next()).unwrap_or_default();
        if !violates(&original, check) {
            let (check, signature) = (check.to_owned(), original.signature.clone());
            return Err(ShrinkError::Held { check, signature });
        }
        let plain = Plain::of(&self.scenario.draw(self.seed));
        let before = plain.size();
        let stopwatch = Stopwatch::start();
        let over = || {
            let late = self.time.is_some_and(|time| stopwatch.elapsed() >= time);
            late || self.stop.load(Ordering::Relaxed)
        };
        let fails = |candidate: &Plain| self.fails(candidate, &original, check);
        let mut search = Search {
            fails: &fails,
            over: &over,
            jobs: self.jobs,
            most: self.runs,
            best: (plain, original.clone()),
            tried: BTreeSet::new(),
            runs: 0,
            progress,
        };
        let finished = moves::all(&mut search);
        let Search { best: (plain, broken), runs, .. } = search;
        Ok(Some(Shrunk { plain, broken, original, before, runs, finished }))
    }

    /// What a candidate breaks, if it fails as the original did.
    fn fails(&self, candidate: &Plain, original: &Broken, check: &str) -> Option<Broken> {
        let scenario = Scenario::parse("candidate", &candidate.text(), &[]).ok()?;
        let unfounded = groundless(&scenario.draw(self.seed));
        if !unfounded.is_subset(&groundless(&self.scenario.draw(self.seed))) {
            return None; // nobody can be found out who was not told to cheat
        }
        let times = if original.signature == NONDETERMINISM { Times::Twice } else { Times::Once };
        let trial =
            Trial { path: "candidate", scenario: &scenario, seed: self.seed, plant: self.plant, times };
        let broken = trial.run().ok()?.broken?;
        is_same(original, &broken, check).then_some(broken)
    }
}

/// Whom a scenario expects to be blamed though nobody cheats, or is cheated, under that name.
fn groundless(drawn: &Drawn) -> BTreeSet<ActorName> {
    let expected = drawn.expect.exposed.iter().chain(&drawn.expect.suspected);
    let grounds = |name: &ActorName| {
        drawn.adversaries.iter().any(|one| one.actor == *name || one.victim == Some(*name))
    };
    expected.copied().filter(|name| !grounds(name)).collect()
}

/// Checks that fail for unlike reasons: the same one must be given.
const OF_SEVERAL_REASONS: [&str; 2] = ["expected", "catch-up"];

/// Whether a failure is the same one: that check still fails, and every fault takes place. Which others fail beside it
/// changes with the size of a scenario.
fn is_same(original: &Broken, broken: &Broken, check: &str) -> bool {
    if original.signature == PANIC {
        return broken.signature == PANIC && wording(&original.why) == wording(&broken.why);
    }
    let reason = |broken: &Broken| {
        let reason = broken.why.strip_prefix(check).and_then(|why| why.strip_prefix(": ")).map(wording);
        reason.filter(|_| OF_SEVERAL_REASONS.contains(&check))
    };
    // only of the first check that failed the reason is known
    let alike = reason(original).zip(reason(broken)).is_none_or(|(one, other)| one == other);
    alike && violates(broken, check) && (violates(original, FIRED) || !violates(broken, FIRED))
}

fn violates(broken: &Broken, check: &str) -> bool {
    broken.signature.split('+').any(|failed| failed == check)
}

/// A text without its numbers.
fn wording(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_that_is_late_is_not_one_that_does_not_come() {
        let why = |why| broken("expected", why);
        let late = why("expected: mailbox/0 is exposed 12 epochs after it cheated");
        let later = why("expected: mailbox/0 is exposed 30 epochs after it cheated");
        let never = why("expected: mailbox/0 is not exposed");
        assert!(is_same(&late, &later, "expected") && !is_same(&late, &never, "expected"));
        let order = |why| broken("one-order", why);
        assert!(is_same(&order("one-order: the order says so"), &order("one-order: no more"), "one-order"));
    }

    #[test]
    fn whoever_is_to_be_blamed_must_have_a_reason() {
        let drawn = |adversaries: &str| {
            let text = format!(
                "# A claim.\n[topology]\nclients = 2\n[workload]\nbundles = 3\n{adversaries}\n[expect]\nblame = \"exact\"\nexposed = [\"mailbox/0\"]\n"
            );
            Scenario::parse("x.toml", &text, &[]).unwrap().draw(1)
        };
        let cheats = "[[adversary]]\nactor = \"mailbox/0\"\nattack = \"swap-deliveries\"";
        assert_eq!(groundless(&drawn(cheats)).len(), 0);
        assert_eq!(groundless(&drawn("")).len(), 1);
    }

    fn broken(signature: &str, why: &str) -> Broken {
        Broken { signature: signature.to_owned(), why: why.to_owned() }
    }

    #[test]
    fn a_failure_is_the_same_if_its_check_fails_and_every_fault_fires() {
        let original = broken("one-order+no-loss", "");
        for (signature, same) in [
            ("one-order+no-loss", true),
            ("one-order", true),
            ("no-loss", false),
            ("one-order+sound", true),
            ("one-order+fired", false),
            ("no-loss+sound", false),
            ("panic", false),
        ] {
            assert_eq!(is_same(&original, &broken(signature, ""), "one-order"), same, "{signature}");
        }
    }

    #[test]
    fn a_panic_is_the_same_if_it_says_the_same_but_for_numbers() {
        let original = broken(PANIC, "index 7 of 5");
        assert!(is_same(&original, &broken(PANIC, "index 12 of 3"), PANIC));
        assert!(!is_same(&original, &broken(PANIC, "out of memory"), PANIC));
    }
}

//! One run of a scenario whatever comes of it: held, violated, a panic, or two runs that should be one.
//!
//! Sweeps and shrinking judge a run here and nowhere else, so that what one finds the other sees again.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::{Deserialize, Serialize};

use crate::{
    command::{self, InputError},
    difference,
    outcome::Outcome,
    plant::Plant,
    scenario::Scenario,
};

/// The signature of a run that panicked.
pub const PANIC: &str = "panic";
/// The signature of a run that came out in two ways.
pub const NONDETERMINISM: &str = "nondeterminism";

/// What is tried.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// The scenario file.
    pub path: &'a str,
    /// What it says.
    pub scenario: &'a Scenario,
    /// The seed.
    pub seed: u64,
    /// The bug planted.
    pub plant: Plant,
    /// How often it runs.
    pub times: Times,
}

/// How often a trial runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Once,
    /// Twice, and both runs must be the same.
    Twice,
}

/// What a run broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// What like failures share: the names of the violated checks.
    pub signature: String,
    /// The first violation in words.
    pub why: String,
}

/// What came of a trial.
pub struct Tried {
    /// The run; none if it panicked.
    pub outcome: Option<Outcome>,
    /// What it broke; nothing if it held.
    pub broken: Option<Broken>,
}

impl Trial<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// Files of the scenario that cannot be read.
    pub fn run(&self) -> Result<Tried, InputError> {
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.attempt())) {
            Ok(outcome) => outcome?,
            Err(panic) => {
                let broken = Broken { signature: PANIC.to_owned(), why: panic_text(&*panic) };
                return Ok(Tried { outcome: None, broken: Some(broken) });
            }
        };
        let violated = outcome.checks.iter().find(|check| !check.held);
        let mut broken = violated.map(|check| Broken {
            signature: outcome.signature(),
            why: format!("{}: {}", check.name, check.why),
        });
        if broken.is_none() && self.times == Times::Twice {
            broken = self.compare(&outcome)?;
        }
        Ok(Tried { outcome: Some(outcome), broken })
    }

    fn attempt(&self) -> Result<Outcome, InputError> {
        let trace = self.times == Times::Twice;
        command::run_planted(self.path, self.scenario, self.seed, trace, self.plant)
    }

    /// Runs it again: whether both are the same, and if not, where they part.
    fn compare(&self, once: &Outcome) -> Result<Option<Broken>, InputError> {
        let again = self.attempt()?;
        if again.fingerprint() == once.fingerprint() {
            return Ok(None);
        }
        let where_they_part = difference::first(&once.run, &again.run)
            .map_or("their traces are the same".to_owned(), |difference| difference.to_string());
        let why =
            format!("fingerprints {} and {}; {where_they_part}", once.fingerprint(), again.fingerprint());
        Ok(Some(Broken { signature: NONDETERMINISM.to_owned(), why }))
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic".to_owned())
}

//! What the commands of `cargo sim` do, short of printing.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    model::costs::ProfileError,
    outcome::Outcome,
    plant::Plant,
    scenario::{Scenario, ScenarioError},
    world,
};

/// Bad input: exit status 2.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A cost profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// An override of what an experiment compares.
    #[error(
        "--set {set}: {whose} of the experiment sets that itself, and would be the same as the others: change the file instead"
    )]
    Apart {
        /// The override.
        set: String,
        /// What it would undo.
        whose: String,
    },
}

/// A clock of the world outside.
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "measures how long a run takes here, outside of any run")]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long ago that was.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Reads a scenario file with its overrides.
pub fn read(path: &Path, sets: &[String]) -> Result<Scenario, InputError> {
    Ok(Scenario::read(path, sets)?)
}

/// The overrides as they are given, and chaos among them.
pub fn overrides(sets: &[String], chaos: bool) -> Vec<String> {
    let chaos = chaos.then(|| "chaos=true".to_owned());
    sets.iter().cloned().chain(chaos).collect()
}

/// The command that shows a run again.
pub fn replay(path: &str, seed: u64, sets: &[String], plant: Plant) -> String {
    let mut command = format!("cargo sim replay {path} --seed {seed}");
    for set in sets {
        match set.as_str() {
            "chaos=true" => command.push_str(" --chaos"),
            set => command.push_str(&format!(" --set '{set}'")),
        }
    }
    if let Some(name) = plant.name() {
        command.push_str(&format!(" --plant {name}"));
    }
    command
}

/// One run.
pub fn run(path: &str, scenario: &Scenario, seed: u64, trace: bool) -> Result<Outcome, InputError> {
    run_planted(path, scenario, seed, trace, Plant::Nothing)
}

/// One run with a planted bug.
pub fn run_planted(
    path: &str,
    scenario: &Scenario,
    seed: u64,
    trace: bool,
    plant: Plant,
) -> Result<Outcome, InputError> {
    let drawn = scenario.draw(seed);
    let stopwatch = Stopwatch::start();
    let run = world::run_weak(&drawn, seed, trace, plant.weakness())?;
    let outcome = Outcome::of(path.to_owned(), seed, drawn, run, stopwatch.elapsed());
    Ok(Outcome { plant, wall: stopwatch.elapsed(), ..outcome })
}

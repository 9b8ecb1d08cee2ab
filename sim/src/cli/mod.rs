//! What each command of `cargo sim` takes from the command line and prints: one file a command.
//!
//! Results go to standard output; progress and complaints go to standard error.

pub mod calibrate;
pub mod controls;
pub mod interrupt;
pub mod list;
pub mod merge;
pub mod replay;
pub mod run;
pub mod scale;
pub mod shrink;
pub mod sweep;
pub mod validate;

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};
use sim::{
    command,
    outcome::WriteError,
    plant::{NoSuchPlant, Plant},
    real::cores,
    scale::ExperimentError,
    scenario::Scenario,
};

/// Which run a command is about.
#[derive(clap::Args)]
pub struct Which {
    /// The scenario file.
    scenario: String,
    /// The seed that decides everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Override a value of the scenario, such as workload.bundles=50.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Lay the standard set of drawn faults over the scenario.
    #[arg(long)]
    chaos: bool,
    /// Plant a bug: a negative control that breaks the world, or wall-clock.
    #[arg(long, value_name = "NAME", default_value = "nothing", hide_default_value = true, value_parser = plant)]
    plant: Plant,
}

/// Reads what to plant.
fn plant(text: &str) -> Result<Plant, NoSuchPlant> {
    if text == "nothing" { Ok(Plant::Nothing) } else { text.parse() }
}

/// Threads of a command at most: more than any machine has cores.
const JOBS_MAX: usize = 4096;

/// Reads how many threads.
fn jobs(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text:?} is no number of threads: write 1 to {JOBS_MAX}, or none for all cores");
    text.parse::<usize>().ok().filter(|jobs| (1..=JOBS_MAX).contains(jobs)).ok_or_else(wrong)
}

impl Which {
    fn overrides(&self) -> Vec<String> {
        command::overrides(&self.sets, self.chaos)
    }

    fn read(&self) -> Result<Scenario, Failed> {
        Ok(command::read(self.scenario.as_ref(), &self.overrides())?)
    }
}

/// Why a command did nothing: exit status 2.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Input(#[from] command::InputError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Taken(#[from] sim::place::Taken),
    #[error(transparent)]
    Calibrate(#[from] sim::calibrate::CalibrateError),
    #[error(transparent)]
    Validate(#[from] sim::validate::ValidateError),
    #[error(transparent)]
    Profile(#[from] sim::model::costs::ProfileError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error(transparent)]
    Run(#[from] sim::scale::RunError),
    #[error(transparent)]
    Page(#[from] reports::page::PageError),
    #[error(transparent)]
    Gallery(#[from] reports::gallery::GalleryError),
    #[error(transparent)]
    Chart(#[from] reports::chart::ChartError),
    #[error(transparent)]
    Record(#[from] reports::record::RecordError),
    #[error(transparent)]
    Sweep(#[from] sim::sweep::SweepError),
    #[error(transparent)]
    Journal(#[from] sim::journal::JournalError),
    #[error(transparent)]
    Shrink(#[from] sim::shrink::ShrinkError),
    #[error(transparent)]
    Merge(#[from] sim::sweep::MergeError),
    #[error("{0}\n--partial puts together what there is")]
    Missing(String),
    #[error("{0}")]
    Arguments(String),
}

/// Whether something that was to be printed could not be.
static UNSAID: AtomicBool = AtomicBool::new(false);

/// Prints. A reader that has gone away, as `head` does, is no reason to fail; what cannot be written for another reason fails the
/// command in the end, when all files are written ([`is_said`]).
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    let failed = said.err().filter(|why| why.kind() != ErrorKind::BrokenPipe);
    if let Some(why) = failed
        && !UNSAID.swap(true, Ordering::Relaxed)
    {
        eprintln!("standard output: {why}");
    }
}

/// Whether everything that was to be printed is, as far as anybody reads it.
pub fn is_said() -> bool {
    !UNSAID.load(Ordering::Relaxed)
}

fn say_json(object: &impl serde::Serialize) {
    say(&format!("{}\n", serde_json::to_string_pretty(object).expect("maps with string keys serialize")));
}

/// One object of several, on a line of its own (JSON lines).
fn say_json_line(object: &impl serde::Serialize) {
    say(&format!("{}\n", serde_json::to_string(object).expect("maps with string keys serialize")));
}

/// Makes the directory that results go to, before there are any that could be lost.
fn writable(directory: Option<&Path>) -> Result<(), Failed> {
    let Some(directory) = directory else { return Ok(()) };
    let made = std::fs::create_dir_all(directory);
    Ok(made.map_err(|why| WriteError::File { path: directory.to_owned(), why })?)
}

/// Whether a file can be written, before what is to stand there could be lost. None is left that was not there.
fn writable_file(path: &Path) -> Result<(), Failed> {
    writable(path.parent().filter(|parent| !parent.as_os_str().is_empty()))?;
    let was_there = path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let tried = opened.and_then(|_| if was_there { Ok(()) } else { std::fs::remove_file(path) });
    Ok(tried.map_err(|why| WriteError::File { path: path.to_owned(), why })?)
}

fn progress_bar(runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {per_sec}, {eta} left");
    ProgressBar::new(runs).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

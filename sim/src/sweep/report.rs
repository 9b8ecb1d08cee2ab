//! A sweep on the screen, as JSON and as files.
//!
//! All of it but the speed is decided by the plan: one run, a run that was interrupted, and shards put together print
//! and write the same bytes.

use std::{collections::BTreeMap, fs::File, path::Path};

use reports::record::{RUN_FILE, SPEED_FILE, SpeedRecord, write_runs, write_speed};
use serde::Serialize;

use super::{Failure, Speed, Swept, junit};
use crate::{
    coverage::{self, POINTS},
    outcome::{WriteError, write},
};

/// Name of the file with the result.
pub const RESULT_FILE: &str = "sweep.json";
/// Name of the file for continuous integration.
const JUNIT_FILE: &str = "junit.xml";
/// All that a sweep writes to its directory, but its journal.
pub const FILES: [&str; 4] = [RUN_FILE, SPEED_FILE, RESULT_FILE, JUNIT_FILE];
/// Seeds shown of each kind of failure: the cheapest ones.
const SHOWN_MAX: usize = 5;

/// The result as JSON.
#[derive(Serialize)]
struct Json {
    runs: usize,
    planned: usize,
    held: usize,
    violated: usize,
    failures: Vec<Failure>,
    signatures: BTreeMap<String, u64>,
    faults_fired: BTreeMap<String, u64>,
    coverage: BTreeMap<String, u64>,
    unreached: Vec<&'static str>,
    exposed: BTreeMap<String, u64>,
    suspected: BTreeMap<String, u64>,
    exposures: u64,
}

/// The object that `--json` prints: the result, and how fast it came.
#[derive(Serialize)]
struct WithSpeed {
    #[serde(flatten)]
    result: Json,
    #[serde(flatten)]
    speed: Speed,
}

impl Swept {
    fn result(&self) -> Json {
        let failures = self.failures();
        Json {
            runs: self.rows.len(),
            planned: self.planned(),
            held: self.rows.len() - failures.len(),
            violated: failures.len(),
            failures,
            signatures: self.signatures(),
            faults_fired: self.faults(),
            coverage: self.coverage(),
            unreached: coverage::unreached(&self.coverage()),
            exposed: self.exposed(),
            suspected: self.suspected(),
            exposures: self.exposed().values().sum(),
        }
    }

    /// The object that `--json` prints.
    pub fn json(&self) -> impl Serialize {
        WithSpeed { result: self.result(), speed: Speed::of(self) }
    }

    /// As a person reads it.
    pub fn screen(&self) -> String {
        let (runs, planned, failures) = (self.rows.len(), self.planned(), self.failures());
        let of = if runs < planned { format!(" of {planned}") } else { String::new() };
        let held = runs - failures.len();
        let mut out = format!("{runs}{of} runs, {held} held, {} violated\n", failures.len());
        let exposures: u64 = self.exposed().values().sum();
        let suspicions: u64 = self.suspected().values().sum();
        out.push_str(&format!("{exposures} exposures, {suspicions} suspicions at the end\n"));
        for (name, runs) in self.exposed() {
            out.push_str(&format!("exposed: {name} in {runs} runs\n"));
        }
        for (name, runs) in self.suspected() {
            out.push_str(&format!("suspected: {name} in {runs} runs\n"));
        }
        let unreached = coverage::unreached(&self.coverage()).len();
        out.push_str(&format!("points reached: {} of {}\n", POINTS.len() - unreached, POINTS.len()));
        failures.chunk_by(|a, b| a.signature == b.signature).for_each(|alike| out.push_str(&group(alike)));
        out
    }
}

/// Failures with one signature.
fn group(alike: &[Failure]) -> String {
    let Failure { signature, why, .. } = &alike[0];
    let mut out = format!("\n{signature}, {} runs\n  {why}\n", alike.len());
    for failure in alike.iter().take(SHOWN_MAX) {
        out.push_str(&format!("  {}\n", failure.replay));
    }
    if alike.len() > SHOWN_MAX {
        out.push_str(&format!("  and {} more\n", alike.len() - SHOWN_MAX));
    }
    out
}

/// Writes the result to a directory: `run.csv`, `sweep.json`, `junit.xml`, and apart from them `speed.csv`.
///
/// # Errors
/// A file that cannot be written.
pub fn write_results(swept: &Swept, directory: &Path) -> Result<(), WriteError> {
    let records: Vec<_> = swept.rows.values().map(|row| row.record.clone()).collect();
    write_runs(directory, &records)?;
    let speed = swept.rows.values().map(|row| SpeedRecord {
        scenario: row.record.scenario.clone(),
        seed: row.record.seed,
        wall_s: row.wall_s,
    });
    write_speed(directory, &speed.collect::<Vec<_>>())?;
    let json = serde_json::to_string_pretty(&swept.result()).expect("maps with string keys serialize");
    write(directory.join(RESULT_FILE), &format!("{json}\n"))?;
    write_junit(swept, &directory.join(JUNIT_FILE))
}

/// Writes the result for continuous integration to a file.
///
/// # Errors
/// The file cannot be written.
pub fn write_junit(swept: &Swept, path: &Path) -> Result<(), WriteError> {
    let written = File::create(path).and_then(|file| junit(swept, std::io::BufWriter::new(file)));
    written.map_err(|why| WriteError::File { path: path.to_owned(), why })
}

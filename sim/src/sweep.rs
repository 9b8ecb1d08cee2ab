//! The sweep: many seeds of many scenarios over all cores.
//!
//! A sample of the seeds is run twice and the fingerprints compared. Results do not depend on how many threads there
//! are or which was faster: they are sorted by scenario and seed.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use reports::record::RunRecord;
use serde::Serialize;

use crate::{
    command::{self, InputError, Stopwatch},
    scenario::Scenario,
};

/// Of so many seeds one is run twice.
const SAMPLE: u64 = 50;

/// What a sweep runs.
pub struct Sweep {
    /// Scenario files, with their paths.
    pub scenarios: Vec<(String, Scenario)>,
    /// The seeds of each.
    pub seeds: std::ops::Range<u64>,
    /// Threads.
    pub jobs: usize,
    /// Overrides, to be repeated by whoever replays.
    pub sets: Vec<String>,
}

/// One run of a sweep.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its measurements.
    pub record: RunRecord,
    /// What failed, if anything did.
    pub failure: Option<Failure>,
    /// Points reached.
    pub coverage: BTreeMap<&'static str, u64>,
}

/// A run that did not hold.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// What like failures share: the names of the violated checks.
    pub signature: String,
    /// The scenario file.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The command that shows it again.
    pub replay: String,
    /// The first violation in words.
    pub why: String,
}

/// The object that `--json` prints.
#[derive(Serialize)]
pub struct Json {
    runs: usize,
    held: usize,
    violated: usize,
    seeds_per_s: f64,
    failures: Vec<Failure>,
    coverage: BTreeMap<&'static str, u64>,
    exposed: BTreeMap<String, u64>,
    suspected: BTreeMap<String, u64>,
    exposures: u64,
}

/// The result of a sweep.
pub struct Swept {
    /// All runs, by scenario and seed.
    pub rows: Vec<Row>,
    /// Seconds it took.
    pub wall_s: f64,
}

impl Sweep {
    /// Runs everything; calls `progress` after each run with whether it held.
    pub fn run(&self, progress: &(dyn Fn(bool) + Sync)) -> Result<Swept, InputError> {
        let stopwatch = Stopwatch::start();
        let work: Vec<(usize, u64)> = (0..self.scenarios.len())
            .flat_map(|index| self.seeds.clone().map(move |seed| (index, seed)))
            .collect();
        let next = AtomicUsize::new(0);
        let rows = Mutex::new(BTreeMap::new());
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while let Some((index, seed)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.one(*index, *seed) {
                            Ok(row) => {
                                progress(row.failure.is_none());
                                lock(&rows).insert((*index, *seed), row);
                            }
                            Err(error) => {
                                next.store(work.len(), Ordering::Relaxed);
                                *lock(&failed) = Some(error);
                            }
                        }
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => {
                let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(Swept { rows: rows.into_values().collect(), wall_s: stopwatch.elapsed().as_secs_f64() })
            }
        }
    }

    fn one(&self, index: usize, seed: u64) -> Result<Row, InputError> {
        let (path, scenario) = &self.scenarios[index];
        let attempt = || command::run(path, scenario, seed, false);
        let fail = |signature: String, why: String| Failure {
            signature,
            scenario: path.clone(),
            seed,
            replay: self.replay(path, seed),
            why,
        };
        let outcome = match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(outcome) => outcome?,
            Err(panic) => {
                let text = panic_text(&*panic);
                let record = RunRecord { scenario: path.clone(), seed, ..RunRecord::default() };
                let failure = Some(fail("panic".to_owned(), text));
                return Ok(Row { record, failure, coverage: BTreeMap::new() });
            }
        };
        let violated = outcome.checks.iter().find(|check| !check.held);
        let mut failure =
            violated.map(|check| fail(outcome.signature(), format!("{}: {}", check.name, check.why)));
        if (seed - self.seeds.start).is_multiple_of(SAMPLE) && failure.is_none() {
            let again = command::run(path, scenario, seed, false)?;
            if again.fingerprint() != outcome.fingerprint() {
                let why = format!("fingerprints {} and {}", outcome.fingerprint(), again.fingerprint());
                failure = Some(fail("nondeterminism".to_owned(), why));
            }
        }
        Ok(Row { record: outcome.row(), failure, coverage: outcome.record().coverage.clone() })
    }

    fn replay(&self, path: &str, seed: u64) -> String {
        command::replay(path, seed, &self.sets)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic".to_owned())
}

impl Swept {
    /// The runs that did not hold, like ones together, the cheapest of them first.
    pub fn failures(&self) -> Vec<Failure> {
        let mut failed: Vec<&Row> = self.rows.iter().filter(|row| row.failure.is_some()).collect();
        failed.sort_by(|a, b| a.record.virtual_s.total_cmp(&b.record.virtual_s));
        let mut groups: BTreeMap<String, Vec<Failure>> = BTreeMap::new();
        for failure in failed.iter().filter_map(|row| row.failure.clone()) {
            groups.entry(failure.signature.clone()).or_default().push(failure);
        }
        groups.into_values().flatten().collect()
    }

    /// How often each point was reached.
    pub fn coverage(&self) -> BTreeMap<&'static str, u64> {
        let mut coverage = BTreeMap::new();
        for (point, count) in self.rows.iter().flat_map(|row| &row.coverage) {
            *coverage.entry(*point).or_default() += count;
        }
        coverage
    }

    /// In how many runs each actor was exposed.
    pub fn exposed(&self) -> BTreeMap<String, u64> {
        self.count(|record| &record.exposed)
    }

    /// In how many runs each actor was suspected at the end.
    pub fn suspected(&self) -> BTreeMap<String, u64> {
        self.count(|record| &record.suspected)
    }

    fn count(&self, names: impl Fn(&RunRecord) -> &Vec<String>) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for name in self.rows.iter().flat_map(|row| names(&row.record)) {
            *counts.entry(name.clone()).or_default() += 1;
        }
        counts
    }

    /// The object that `--json` prints.
    pub fn json(&self) -> Json {
        let failures = self.failures();
        Json {
            runs: self.rows.len(),
            held: self.rows.len() - failures.len(),
            violated: failures.len(),
            seeds_per_s: self.rows.len() as f64 / self.wall_s.max(1e-9),
            failures,
            coverage: self.coverage(),
            exposed: self.exposed(),
            suspected: self.suspected(),
            exposures: self.exposed().values().sum(),
        }
    }

    /// As a person reads it.
    pub fn screen(&self) -> String {
        let failures = self.failures();
        let mut out = format!(
            "{} runs, {} held, {} violated, {:.1} seeds/s\n",
            self.rows.len(),
            self.rows.len() - failures.len(),
            failures.len(),
            self.rows.len() as f64 / self.wall_s.max(1e-9),
        );
        let exposures: u64 = self.exposed().values().sum();
        let suspicions: u64 = self.suspected().values().sum();
        out.push_str(&format!("{exposures} exposures, {suspicions} suspicions at the end\n"));
        for (name, runs) in self.exposed() {
            out.push_str(&format!("exposed: {name} in {runs} runs\n"));
        }
        for (name, runs) in self.suspected() {
            out.push_str(&format!("suspected: {name} in {runs} runs\n"));
        }
        let mut last = String::new();
        for failure in failures {
            if failure.signature != last {
                out.push_str(&format!("\n{}\n  {}\n", failure.signature, failure.why));
                last = failure.signature;
            }
            out.push_str(&format!("  {}\n", failure.replay));
        }
        out
    }
}

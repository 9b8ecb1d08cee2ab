//! What a sweep found: its runs, and what can be counted over them.

use std::collections::BTreeMap;

use reports::record::RunRecord;
use serde::{Deserialize, Serialize};

use super::{Key, Plan};
use crate::{
    command,
    trial::{Broken, Tried},
};

/// One run of a sweep: a line of its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its measurements.
    pub record: RunRecord,
    /// Faults that had an effect, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Points reached, and how often.
    pub coverage: BTreeMap<String, u64>,
    /// What it broke, if anything.
    pub broken: Option<Broken>,
    /// Seconds that it took here.
    pub wall_s: f64,
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

/// The result of a sweep, or of a part of it.
#[derive(Clone, Debug)]
pub struct Swept {
    /// What it consists of.
    pub plan: Plan,
    /// The runs that are done, by scenario and seed.
    pub rows: BTreeMap<Key, Row>,
    /// How many of them were done by this process.
    pub fresh: usize,
    /// Seconds that these took.
    pub wall_s: f64,
}

impl Row {
    /// What is kept of a run.
    pub fn of(path: &str, seed: u64, tried: &Tried) -> Row {
        let owned = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let broken = tried.broken.clone();
        match &tried.outcome {
            Some(outcome) => Row {
                record: RunRecord { held: broken.is_none(), ..outcome.row() },
                faults: owned(&outcome.record().faults),
                coverage: owned(&outcome.record().coverage),
                broken,
                wall_s: outcome.wall.as_secs_f64(),
            },
            None => Row {
                record: RunRecord { scenario: path.to_owned(), seed, ..RunRecord::default() },
                faults: BTreeMap::new(),
                coverage: BTreeMap::new(),
                broken,
                wall_s: 0.0,
            },
        }
    }
}

impl Swept {
    /// How many runs there will be.
    pub fn planned(&self) -> usize {
        self.plan.keys().count()
    }

    /// The runs that did not hold, like ones together, the cheapest of them first: the shortest in its own world.
    pub fn failures(&self) -> Vec<Failure> {
        let mut failed: Vec<(&Row, &Broken)> =
            self.rows.values().filter_map(|row| Some((row, row.broken.as_ref()?))).collect();
        failed.sort_by(|(a, _), (b, _)| a.record.virtual_s.total_cmp(&b.record.virtual_s));
        failed.sort_by_key(|(_, broken)| &broken.signature);
        failed.into_iter().map(|(row, broken)| self.failure(row, broken)).collect()
    }

    fn failure(&self, row: &Row, broken: &Broken) -> Failure {
        let (path, seed) = (&row.record.scenario, row.record.seed);
        Failure {
            signature: broken.signature.clone(),
            scenario: path.clone(),
            seed,
            replay: command::replay(path, seed, &self.plan.sets, self.plan.plant()),
            why: broken.why.clone(),
        }
    }

    /// How many runs have failed with each signature.
    pub fn signatures(&self) -> BTreeMap<String, u64> {
        count(self.rows.values().filter_map(|row| Some((row.broken.as_ref()?.signature.as_str(), 1))))
    }

    /// How often each point was reached.
    pub fn coverage(&self) -> BTreeMap<String, u64> {
        self.sum(|row| &row.coverage)
    }

    /// How often each kind of fault had an effect.
    pub fn faults(&self) -> BTreeMap<String, u64> {
        self.sum(|row| &row.faults)
    }

    fn sum(&self, counts: impl Fn(&Row) -> &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        let all = self.rows.values().flat_map(counts);
        count(all.map(|(name, count)| (name.as_str(), *count)))
    }

    /// In how many runs each actor was exposed.
    pub fn exposed(&self) -> BTreeMap<String, u64> {
        count(self.rows.values().flat_map(|row| &row.record.exposed).map(|name| (name.as_str(), 1)))
    }

    /// In how many runs each actor was suspected at the end.
    pub fn suspected(&self) -> BTreeMap<String, u64> {
        count(self.rows.values().flat_map(|row| &row.record.suspected).map(|name| (name.as_str(), 1)))
    }
}

fn count<'a>(named: impl Iterator<Item = (&'a str, u64)>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (name, more) in named {
        *counts.entry(name.to_owned()).or_default() += more;
    }
    counts
}

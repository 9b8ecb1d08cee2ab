//! The runs of a blame matrix: one finding a row and seed, on all cores, kept in a journal.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use reports::blame::{BlameRow, Verdict};
use serde::{Deserialize, Serialize};

use super::Matrix;
use crate::{
    check::{Case, expectation},
    command::{self, InputError},
    journal::{Journal, Limits, Planned},
    model::costs::Profile,
    outcome::Outcome,
    scale::RunError,
    scenario::{ActorName, Blame, Ending, Scenario},
    sweep::{BUILD, digest},
};

/// Which run: row of the matrix, seed.
pub type Key = (usize, u64);

/// A row of the matrix that is to be filled: an attack, calm or in chaos.
pub struct Attack {
    path: PathBuf,
    scenario: Scenario,
    row: BlameRow,
}

impl Attack {
    /// Which profile the costs of its runs are of.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn profile(&self) -> Result<String, InputError> {
        Ok(Profile::named(&self.scenario.topology.costs)?)
    }
}

/// What a matrix consists of, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The sources of the program.
    pub build: String,
    /// Its rows, in order.
    pub attacks: Vec<Pinned>,
    /// Seeds of each.
    pub seeds: u64,
}

/// A row of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Number and name of the attack.
    pub name: String,
    /// Whether faults are laid over its runs.
    pub chaos: bool,
    /// The digest of the scenario.
    pub digest: String,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Whether the attack took place.
    pub fired: bool,
    /// The gravest that was said of anyone.
    pub verdict: Verdict,
    /// Whether that is what the scenario demands.
    pub right: bool,
    /// From the cheat to the verdict that is expected, if it came.
    pub epochs: Option<u64>,
}

impl Planned for Plan {
    const NAME: &'static str = "experiment";
    type Key = Key;
    type Row = Finding;

    fn has(&self, (row, seed): Key) -> bool {
        row < self.attacks.len() && seed < self.seeds
    }

    fn difference(&self, other: &Self) -> Option<String> {
        // of many rows the first that differs
        let rows = self.attacks.len().max(other.attacks.len());
        let attacks = (0..rows).map(|row| [self, other].map(|plan| plan.attacks.get(row)));
        let named =
            |attack: Option<&Pinned>| attack.map_or("none".to_owned(), |attack| format!("{attack:?}"));
        let differs = attacks.into_iter().find(|[here, there]| here != there);
        let [here, there] = differs.unwrap_or_default().map(named);
        let rows = [
            ("build", self.build.clone(), other.build.clone()),
            ("scenario", here, there),
            ("seeds", self.seeds.to_string(), other.seeds.to_string()),
        ];
        let different = rows.into_iter().find(|(_, here, there)| here != there);
        different.map(|(what, here, there)| format!("{what} {here}, not {there}"))
    }
}

impl Matrix {
    /// Its rows, with these overrides besides: the scenarios in which somebody is told to cheat.
    ///
    /// # Errors
    /// The first mistake in a scenario.
    pub fn attacks(&self, sets: &[String]) -> Result<Vec<Attack>, InputError> {
        let mut attacks = Vec::new();
        for path in &self.scenarios {
            for chaos in [false, true] {
                let scenario = command::read(path, &command::overrides(sets, chaos))?;
                if scenario.swarm.is_none() && !scenario.adversaries.is_empty() {
                    let row = empty(path, &scenario, chaos);
                    attacks.push(Attack { path: path.clone(), scenario, row });
                }
            }
        }
        Ok(attacks)
    }

    /// Pins what is run.
    pub fn plan(&self, attacks: &[Attack]) -> Plan {
        let pinned = attacks.iter().map(|attack| Pinned {
            name: stem(&attack.path),
            chaos: attack.row.chaos,
            digest: digest(&attack.scenario),
        });
        Plan { build: BUILD.to_owned(), attacks: pinned.collect(), seeds: self.seeds }
    }
}

/// Runs what the journal does not hold yet; calls `progress` with each finding.
///
/// # Errors
/// A scenario or a file. What was done is in the journal.
pub fn run(
    matrix: &Matrix,
    attacks: &[Attack],
    journal: &mut Journal<Plan>,
    jobs: usize,
    limits: Limits<'_>,
    progress: &(dyn Fn(&Finding) + Sync),
) -> Result<(), RunError> {
    // seed by seed, so that one that is interrupted has something of every attack
    let keys = (0..matrix.seeds).flat_map(|seed| (0..attacks.len()).map(move |row| (row, seed)));
    let one = |(row, seed): Key| {
        let Attack { path, scenario, .. } = &attacks[row];
        let outcome = command::run(&path.display().to_string(), scenario, seed, false)?;
        Ok::<Finding, RunError>(finding(&outcome))
    };
    journal.complete(keys, jobs, limits, one, progress)?;
    Ok(())
}

/// The matrix, from what was found.
pub fn rows(attacks: &[Attack], findings: &BTreeMap<Key, Finding>) -> Vec<BlameRow> {
    let row = |(index, attack): (usize, &Attack)| {
        let of_row = findings.range((index, 0)..=(index, u64::MAX)).map(|(_, finding)| finding);
        fill(attack.row.clone(), of_row)
    };
    attacks.iter().enumerate().map(row).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn empty(path: &Path, scenario: &Scenario, chaos: bool) -> BlameRow {
    let name = stem(path);
    let (id, name) = name.split_once('-').unwrap_or((&name, ""));
    let expect = &scenario.expect;
    let expected = match () {
        () if !expect.exposed.is_empty() => Verdict::Exposed,
        () if !expect.suspected.is_empty() => Verdict::Suspected,
        () if !expect.pairs.is_empty() => Verdict::Pair,
        () => Verdict::Nobody,
    };
    let by_design = scenario.adversaries.iter().all(|one| one.attack.ending == Ending::ByDesign);
    BlameRow { id: id.to_owned(), attack: name.to_owned(), chaos, expected, by_design, ..BlameRow::default() }
}

fn finding(outcome: &Outcome) -> Finding {
    let case = outcome.case();
    let adversaries = &outcome.drawn.adversaries;
    let fired = !adversaries.is_empty() && adversaries.iter().all(|one| case.cheated(one.actor));
    let verdict = verdict(&case);
    let right = outcome.checks.iter().all(|check| check.name != "expected" || check.held);
    let blamed = &outcome.drawn.expect;
    let exposed = blamed.exposed.iter().filter_map(|name| {
        Some(
            expectation::first_caught(&case, *name)?
                .0
                .saturating_sub(expectation::first_cheat(&case, *name)?.0),
        )
    });
    let suspected = case.record.blame.suspected();
    let suspected = blamed.suspected.iter().filter_map(|name| {
        Some(suspected.get(name)?.epoch.0.saturating_sub(expectation::first_cheat(&case, *name)?.0))
    });
    let pairs = blamed.pairs.iter().filter_map(|pair| {
        let since = case.record.blame.pairs.get(pair)?.epoch;
        let cheated = pair.iter().filter_map(|name| expectation::first_cheat(&case, *name)).min()?;
        Some(since.0.saturating_sub(cheated.0))
    });
    Finding { fired, verdict, right, epochs: exposed.chain(suspected).chain(pairs).max() }
}

/// The gravest that was said of anyone.
fn verdict(case: &Case<'_>) -> Verdict {
    debug_assert!(case.drawn.expect.blame == Blame::Exact);
    let (exposed, suspected) = (case.exposed(), case.record.blame.suspected());
    let pairs = &case.record.blame.pairs;
    let innocent = |name: &ActorName| !case.cheated(*name);
    // where links and machines fail, a dispute on a link need be nobody's fault
    let calm = case.drawn.faults.is_empty();
    let wrong_pair = |pair: &[ActorName; 2]| calm && pair.iter().all(innocent);
    if exposed.iter().any(innocent) || suspected.keys().any(innocent) || pairs.keys().any(wrong_pair) {
        return Verdict::Innocent;
    }
    match () {
        () if !exposed.is_empty() => Verdict::Exposed,
        () if !suspected.is_empty() => Verdict::Suspected,
        () if !pairs.is_empty() => Verdict::Pair,
        () => Verdict::Nobody,
    }
}

fn fill<'a>(mut row: BlameRow, findings: impl Iterator<Item = &'a Finding>) -> BlameRow {
    let mut epochs = Vec::new();
    for finding in findings {
        row.runs += 1;
        if !finding.fired {
            continue;
        }
        row.fired += 1;
        row.right += u64::from(finding.right);
        *row.count_mut(finding.verdict) += 1;
        epochs.extend(finding.epochs);
    }
    epochs.sort_unstable();
    // an epoch that was reached, and none between two
    row.epochs_median = epochs.get(epochs.len().saturating_sub(1) / 2).copied();
    row.epochs_max = epochs.last().copied();
    row
}

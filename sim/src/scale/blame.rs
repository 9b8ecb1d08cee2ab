//! The blame matrix: for each attack, calm and in chaos, who is named, and how many epochs after the cheat.
//!
//! Each run has one verdict, the gravest: an innocent actor named, a cheater exposed, suspected, of a pair, nobody. A
//! run in which the attack never took place counts for nothing.

use std::path::{Path, PathBuf};

use reports::{
    blame::{BlameRow, Verdict},
    chart::{self, ChartError, Heading},
    page::{Cell, Column, Page, Plot, Reproduce, Section, Table},
};
use serde::Deserialize;

use super::file::Mistake;
use crate::{
    check::{Case, expectation},
    command::{self, InputError},
    outcome::Outcome,
    pool::each,
    scenario::{Blame, Ending, Scenario},
};

/// What its file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlameTable {
    #[serde(rename = "kind")]
    _kind: String,
    scenarios: PathBuf,
    seeds: u64,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// The scenarios, each once calm and once in chaos.
    pub scenarios: Vec<PathBuf>,
    /// Seeds of each.
    pub seeds: u64,
}

impl Matrix {
    pub(super) fn of(table: BlameTable) -> Result<Matrix, Mistake> {
        let directory = std::fs::read_dir(&table.scenarios).map_err(|source| {
            let named = table.scenarios.display();
            let such = "write the directory of the attacks, as seen from the working directory";
            Mistake::at("scenarios", format!("{named}: cannot read: {source}: {such}"))
        })?;
        let mut scenarios: Vec<PathBuf> = directory.flatten().map(|entry| entry.path()).collect();
        scenarios.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        scenarios.sort();
        Ok(Matrix { scenarios, seeds: table.seeds })
    }
}

/// What the page does not show.
const LIMITS: [&str; 3] = [
    "A pair is a dispute on a link: one of the two says what the other denies, and nothing tells which. In chaos links fail, so \
     that two honest actors may be a pair; that counts as right, and is no blame. Calm, it does not.",
    "Detection is counted in epochs. Where a cheat keeps the sequencer from cutting no epochs pass, and it counts as 0.",
    "Attacks whose expected verdict is nobody, by design, change nothing that anybody has signed.",
];

/// One cell of the work.
struct Work {
    row: usize,
    seed: u64,
}

/// What came of a run.
struct Finding {
    row: usize,
    fired: bool,
    verdict: Verdict,
    right: bool,
    epochs: Option<u64>,
}

/// Runs the matrix; calls `progress` after each run.
///
/// # Errors
/// What is wrong with a scenario.
pub fn run(
    matrix: &Matrix,
    sets: &[String],
    jobs: usize,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<BlameRow>, InputError> {
    let mut rows: Vec<(PathBuf, Scenario, BlameRow)> = Vec::new();
    for path in &matrix.scenarios {
        for chaos in [false, true] {
            let scenario = command::read(path, &command::overrides(sets, chaos))?;
            if scenario.swarm.is_none() && !scenario.adversaries.is_empty() {
                let row = empty(path, &scenario, chaos);
                rows.push((path.clone(), scenario, row));
            }
        }
    }
    let work: Vec<Work> =
        (0..rows.len()).flat_map(|row| (0..matrix.seeds).map(move |seed| Work { row, seed })).collect();
    let findings = each(&work, jobs, |work| {
        let (path, scenario, _) = &rows[work.row];
        let outcome = command::run(&path.display().to_string(), scenario, work.seed, false)?;
        progress();
        Ok(finding(work.row, &outcome))
    });
    let findings = findings.into_iter().collect::<Result<Vec<Finding>, InputError>>()?;
    for (index, (_, _, row)) in rows.iter_mut().enumerate() {
        fill(row, findings.iter().filter(|finding| finding.row == index));
    }
    Ok(rows.into_iter().map(|(_, _, row)| row).collect())
}

fn empty(path: &std::path::Path, scenario: &Scenario, chaos: bool) -> BlameRow {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
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

fn finding(row: usize, outcome: &Outcome) -> Finding {
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
    Finding { row, fired, verdict, right, epochs: exposed.chain(suspected).chain(pairs).max() }
}

/// The gravest that was said of anyone.
fn verdict(case: &Case<'_>) -> Verdict {
    debug_assert!(case.drawn.expect.blame == Blame::Exact);
    let (exposed, suspected) = (case.exposed(), case.record.blame.suspected());
    let pairs = &case.record.blame.pairs;
    let innocent = |name: &crate::scenario::ActorName| !case.cheated(*name);
    // where links and machines fail, a dispute on a link need be nobody's fault
    let calm = case.drawn.faults.is_empty();
    let wrong_pair = |pair: &[crate::scenario::ActorName; 2]| calm && pair.iter().all(innocent);
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

fn fill<'a>(row: &mut BlameRow, findings: impl Iterator<Item = &'a Finding>) {
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
}

/// The page of the matrix.
///
/// # Errors
/// The drawing library refuses.
pub fn page(
    question: &str,
    path: &Path,
    rows: &[BlameRow],
    reproduce: Reproduce,
) -> Result<Page, ChartError> {
    let caption = format!("seeds {}; {}", reproduce.seeds, path.display());
    let heading = Heading { title: question.to_owned(), caption };
    let plot = Plot {
        file: "blame".to_owned(),
        caption: "Of all runs in which the attack took place, the share that ended in each verdict."
            .to_owned(),
        svg: chart::blame(&heading, rows)?,
    };
    let section = Section {
        title: "Attack and verdict".to_owned(),
        text: "Each attack runs calm, and in drawn faults that heal. Detection counts in epochs from the first cheat to the \
               verdict."
            .to_owned(),
        plots: vec![plot],
        tables: vec![table(rows)],
    };
    Ok(Page {
        question: question.to_owned(),
        answer: answer(rows),
        sections: vec![section],
        reproduce,
        limits: LIMITS.map(str::to_owned).to_vec(),
    })
}

fn answer(rows: &[BlameRow]) -> String {
    let sum = |of: fn(&BlameRow) -> u64| rows.iter().map(of).sum::<u64>();
    let (fired, right) = (sum(|row| row.fired), sum(|row| row.right));
    let innocent = rows.iter().map(|row| row.count(Verdict::Innocent)).sum::<u64>();
    let median = rows.iter().filter_map(|row| row.epochs_median).max();
    let longest = rows.iter().filter_map(|row| row.epochs_max).max();
    let when = median.zip(longest).map_or(String::new(), |(median, longest)| {
        format!(
            " Of the slowest attack the median verdict came {median} epochs after the cheat, the latest of all {longest} epochs \
             after it."
        )
    });
    format!(
        "The attack took place in {fired} of {} runs, and {right} of these ended in the verdict that its scenario demands; an \
         innocent actor was named in {innocent}.{when}",
        sum(|row| row.runs)
    )
}

fn table(rows: &[BlameRow]) -> Table {
    let heads = ["id", "attack", "faults", "expected", "runs", "fired", "right"];
    let mut columns: Vec<Column> = heads.map(|head| Column::new(head, "")).into();
    columns.extend(Verdict::ALL.map(|verdict| Column::new(verdict.name(), "")));
    columns.extend(["median", "longest"].map(|head| Column::new(head, "epochs")));
    let epochs = |epochs: Option<u64>| epochs.map_or(Cell::Missing, Cell::Count);
    let cells = |row: &BlameRow| {
        let by_design = if row.by_design { "nobody, by design" } else { row.expected.name() };
        let faults = if row.chaos { "chaos" } else { "calm" };
        let words = [&row.id, &row.attack, faults, by_design].map(|word: &str| Cell::Text(word.to_owned()));
        let mut cells = Vec::from(words);
        cells.extend([row.runs, row.fired, row.right].map(Cell::Count));
        cells.extend(Verdict::ALL.map(|verdict| Cell::Count(row.count(verdict))));
        cells.extend([epochs(row.epochs_median), epochs(row.epochs_max)]);
        cells
    };
    Table {
        file: "attacks".to_owned(),
        caption: "Each attack, calm and in chaos.".to_owned(),
        columns,
        rows: rows.iter().map(cells).collect(),
    }
}

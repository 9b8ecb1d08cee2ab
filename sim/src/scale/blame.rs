//! The blame matrix: for each attack, calm and in chaos, who is named, and how many epochs after the cheat.
//!
//! Each run has one verdict, the gravest: an innocent actor named, a cheater exposed, suspected, of a pair, nobody. A
//! run in which the attack never took place counts for nothing.

mod run;

use std::path::{Path, PathBuf};

use reports::{
    blame::{BlameRow, Verdict},
    chart::{self, ChartError, Heading},
    page::{Cell, Column, Page, Plot, Reproduce, Section, Table},
};
use serde::Deserialize;

pub use run::{Attack, Finding, Key, Plan, rows, run};

use super::{file::Mistake, words};

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
        caption: "Of all runs in which the attack took place, the share that ended in each verdict, the darker the more; the one that is expected is framed. Epochs from the cheat to the verdict: the median and the longest."
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
        sections: vec![section, words::section()],
        reproduce,
        limits: LIMITS.map(str::to_owned).to_vec(),
    })
}

fn answer(rows: &[BlameRow]) -> String {
    let sum = |of: fn(&BlameRow) -> u64| rows.iter().map(of).sum::<u64>();
    let (fired, right) = (sum(|row| row.fired), sum(|row| row.right));
    let ended = |verdict: Verdict| rows.iter().map(|row| row.count(verdict)).sum::<u64>();
    let innocent = ended(Verdict::Innocent);
    let others = Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Innocent);
    let others = others.map(|verdict| format!("{} in {}", verdict.name(), ended(verdict)));
    let others = others.collect::<Vec<_>>().join(", ");
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
         innocent actor was named in {innocent}. By the gravest that was said of a cheater: {others}.{when}",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_how_many_runs_ended_in_each_verdict() {
        let none = BlameRow::default;
        let calm = BlameRow { runs: 9, fired: 8, right: 7, exposed: 6, pair: 1, innocent: 1, ..none() };
        let chaos = BlameRow { runs: 9, fired: 9, right: 9, exposed: 4, suspected: 3, nobody: 2, ..none() };
        let said = answer(&[calm, chaos]);
        assert!(said.contains("in 17 of 18 runs, and 16 of these"), "{said}");
        assert!(said.contains("an innocent actor was named in 1."), "{said}");
        assert!(said.contains(": exposed in 10, suspected in 3, pair in 1, nobody in 2."), "{said}");
    }
}

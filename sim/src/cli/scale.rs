//! `cargo sim scale`: experiments.

use std::path::PathBuf;

use reports::{
    blame::{BlameRow, Verdict, write_blame},
    chart::{self, Heading},
    text::Table,
};
use sim::scale::{Experiment, blame};

use super::{Failed, cores, progress_bar, say, say_json};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment file, such as scenarios/questions/blame.toml.
    experiment: PathBuf,
    /// Seeds of each scenario, instead of what the file says.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Threads; all cores if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Override a value of every scenario, such as topology.crypto=modelled.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Write CSV and plot to this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// The blame matrix: whether every attack that took place ended as the catalogue says.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let Arguments { experiment: path, seeds, jobs, sets, out, json } = arguments;
    let mut experiment = Experiment::read(&path)?;
    experiment.seeds = seeds.unwrap_or(experiment.seeds);
    let bar = progress_bar(2 * experiment.scenarios.len() as u64 * experiment.seeds);
    let rows = blame::run(&experiment, &sets, jobs.unwrap_or_else(cores), &|| bar.inc(1))?;
    bar.finish_and_clear();
    if json {
        say_json(
            &serde_json::json!({ "question": experiment.question, "seeds": experiment.seeds, "rows": rows }),
        );
    } else {
        say(&format!("{}\n\n{}", experiment.question, blame_table(&rows)));
    }
    if let Some(directory) = out {
        write_blame(&directory, &rows)?;
        let sets: String = sets.iter().map(|set| format!(", {set}")).collect();
        let caption = format!("{} seeds each; {}{sets}", experiment.seeds, path.display());
        let heading = Heading { title: experiment.question, caption };
        chart::write_svg(&directory, chart::BLAME_FILE, &chart::blame(&heading, &rows)?)?;
    }
    Ok(rows.iter().all(|row| row.fired > 0 && row.right == row.fired))
}

fn blame_table(rows: &[BlameRow]) -> String {
    let heads = ["id", "attack", "faults", "expected", "runs", "fired", "right"];
    let verdicts = Verdict::ALL.map(Verdict::name);
    let mut table = Table::new(heads.into_iter().chain(verdicts).chain(["epochs (median / max)"]));
    for row in rows {
        let by_design = if row.by_design { "nobody, by design" } else { row.expected.name() };
        let faults = if row.chaos { "chaos" } else { "calm" };
        let mut cells = vec![row.id.clone(), row.attack.clone(), faults.to_owned(), by_design.to_owned()];
        cells.extend([row.runs, row.fired, row.right].map(|count| count.to_string()));
        cells.extend(Verdict::ALL.map(|verdict| row.count(verdict).to_string()));
        cells.push(row.epochs());
        table.row(cells);
    }
    table.to_string()
}

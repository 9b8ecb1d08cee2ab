//! `cargo sim sweep`: scenarios over many seeds, on all cores.

use std::{
    ops::Range,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use reports::record::write_runs;
use sim::{
    command,
    sweep::{Sweep, Swept},
};

use super::{Failed, cores, progress_bar, say, say_json};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// Scenario files.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// The seeds: from A up to, not including, B.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Range<u64>,
    /// Threads; all cores if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Override a value of the scenario, such as workload.bundles=50.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Lay the standard set of drawn faults over every scenario.
    #[arg(long)]
    chaos: bool,
    /// Write run.csv to this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds: write 0..200");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let range = from.parse().map_err(|_| wrong())?..to.parse().map_err(|_| wrong())?;
    if range.is_empty() {
        Err(format!("{text:?} holds no seed: the first must be below the second"))
    } else {
        Ok(range)
    }
}

/// Does it.
pub fn act(Arguments { scenarios, seeds, jobs, sets, chaos, out, json }: Arguments) -> Result<bool, Failed> {
    let sets = command::overrides(&sets, chaos);
    let read = |path: String| Ok((path.clone(), command::read(path.as_ref(), &sets)?));
    let scenarios = scenarios.into_iter().map(read).collect::<Result<Vec<_>, Failed>>()?;
    let runs = scenarios.len() as u64 * (seeds.end - seeds.start);
    let bar = progress_bar(runs);
    let sweep = Sweep { scenarios, seeds, jobs: jobs.unwrap_or_else(cores), sets };
    let violated = AtomicU64::new(0);
    let swept: Swept = sweep.run(&|held| {
        let before = violated.fetch_add(u64::from(!held), Ordering::Relaxed);
        bar.set_message(format!("{} violated", before + u64::from(!held)));
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    if json {
        say_json(&swept.json());
    } else {
        say(&swept.screen());
    }
    if let Some(directory) = out {
        let records: Vec<_> = swept.rows.iter().map(|row| row.record.clone()).collect();
        write_runs(&directory, &records)?;
    }
    Ok(swept.failures().is_empty())
}

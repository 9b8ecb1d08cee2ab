//! `cargo sim sweep`: scenarios over many seeds, on all cores.

use std::{
    ops::Range,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use sim::{
    command, coverage,
    journal::{Journal, Limits},
    place,
    plant::Plant,
    sweep::{Plan, Row, Shard, Speed, Sweep, Swept, write_junit, write_results},
};

use super::{Failed, cores, interrupt, progress_bar, say, say_json, writable, writable_file};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// Scenario files.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// The seeds: from A up to, not including, B.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Range<u64>,
    /// Run the i-th of n parts only; `cargo sim merge` puts them together.
    #[arg(long, value_name = "I/N", default_value = "1/1", conflicts_with = "require_coverage")]
    shard: Shard,
    /// Threads; all cores if not given.
    #[arg(long, value_parser = super::jobs)]
    jobs: Option<usize>,
    /// Start no run after so long, such as 10min.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    time: Option<Duration>,
    /// Override a value of the scenario, such as workload.bundles=50.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Lay the standard set of drawn faults over every scenario.
    #[arg(long)]
    chaos: bool,
    /// Plant a bug in every run: a negative control that breaks the world, or wall-clock.
    #[arg(long, value_name = "NAME", default_value = "nothing", hide_default_value = true, value_parser = super::plant)]
    plant: Plant,
    #[command(flatten)]
    report: Report,
}

/// What becomes of the result, of a sweep or of merged ones.
#[derive(clap::Args)]
pub struct Report {
    /// Write run.csv, sweep.json, junit.xml and speed.csv to this directory; a sweep keeps its journal there, and goes
    /// on with one that is there.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write JUnit XML to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail if a point that a sweep must reach was never reached (`cargo sim list points`).
    #[arg(long)]
    require_coverage: bool,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Seeds of a sweep at most: the rows of all are kept in memory.
const SEEDS_MAX: u64 = 1_000_000;

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds: write 0..200");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let range: Range<u64> = from.parse().map_err(|_| wrong())?..to.parse().map_err(|_| wrong())?;
    match range.end.saturating_sub(range.start) {
        0 => Err(format!("{text:?} holds no seed: the first must be below the second")),
        1..=SEEDS_MAX => Ok(range),
        _ => Err(format!("{text:?} holds more than {SEEDS_MAX} seeds: sweep them range by range")),
    }
}

/// Does it.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let Arguments { scenarios, seeds, shard, jobs, time, sets, chaos, plant, report } = arguments;
    let sets = command::overrides(&sets, chaos);
    let (plan, scenarios) = Plan::read(&scenarios, sets, seeds, shard, plant)?;
    report.out.as_deref().map_or(Ok(()), place::of_sweep)?;
    report.has_place()?;
    let mut journal = match &report.out {
        Some(directory) => Journal::open(directory, &plan)?,
        None => Journal::unwritten(),
    };
    let bar = progress_bar(plan.keys().count() as u64);
    bar.set_position(journal.rows().len() as u64);
    bar.reset_eta();
    let sweep = Sweep { plan, scenarios, plant, jobs: jobs.unwrap_or_else(cores) };
    let violated = AtomicU64::new(journal.rows().values().filter(|row| row.broken.is_some()).count() as u64);
    let progress = |row: &Row| {
        let more = u64::from(row.broken.is_some());
        let before = violated.fetch_add(more, Ordering::Relaxed);
        bar.set_message(format!("{} violated", before + more));
        bar.inc(1);
    };
    let limits = Limits { time, stop: interrupt::stop() };
    let swept = sweep.run(&mut journal, limits, &progress)?;
    bar.finish_and_clear();
    let is_whole = swept.rows.len() == swept.planned();
    if !is_whole {
        let further =
            if report.out.is_some() { "the same command goes on" } else { "--out DIR would have kept them" };
        eprintln!("stopped after {} of {} runs; {further}", swept.rows.len(), swept.planned());
    }
    // one that its own time ends has done what was asked, one that is interrupted has not
    let interrupted = !is_whole && limits.stop.load(Ordering::Relaxed);
    Ok(report.make(&swept)? && !interrupted)
}

impl Report {
    /// Refuses files that could not be written, before anything is done that would be lost.
    pub fn has_place(&self) -> Result<(), Failed> {
        writable(self.out.as_deref())?;
        self.junit.as_deref().map_or(Ok(()), writable_file)
    }

    /// Prints and writes a result: whether everything held.
    pub fn make(&self, swept: &Swept) -> Result<bool, Failed> {
        if self.json {
            say_json(&swept.json());
        } else {
            say(&swept.screen());
        }
        eprintln!("{}", Speed::of(swept).line());
        if let Some(directory) = &self.out {
            write_results(swept, directory)?;
        }
        if let Some(file) = &self.junit {
            write_junit(swept, file)?;
        }
        Ok(self.is_covered(swept) && swept.failures().is_empty())
    }

    /// Whether everything was reached that must be.
    fn is_covered(&self, swept: &Swept) -> bool {
        let unreached =
            if self.require_coverage { coverage::unreached(&swept.coverage()) } else { Vec::new() };
        unreached.iter().for_each(|point| eprintln!("never reached: {point}"));
        unreached.is_empty()
    }
}

//! `cargo sim`: the testbed's command line. Exit status: 0 held, 1 something violated, 2 bad input.

use std::{io::Write, ops::Range, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use reports::{
    blame::{BlameRow, Verdict, write_blame},
    chart::{self, Heading},
    record::write_runs,
    text::Table,
};
use sim::{
    check::CHECKS,
    command,
    control::CONTROLS,
    outcome::line,
    scale::{self, Experiment, ExperimentError, blame},
    scenario::{ATTACKS, FAULTS, Scenario},
    sweep::{Sweep, Swept},
};

/// A run allocates and frees small pieces all the time, on a thread of its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A deterministic testbed for a server whose honesty can be checked.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario once: what was drawn, checks, verdicts, throughput and latency.
    Run {
        #[command(flatten)]
        which: Which,
        /// Write CSV, plots, evidence, roster and trace to this directory.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Print one JSON object instead.
        #[arg(long)]
        json: bool,
    },
    /// Run scenarios over many seeds, on all cores.
    Sweep {
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
    },
    /// Run a scenario twice, print its history event by event, and compare the fingerprints.
    Replay {
        #[command(flatten)]
        which: Which,
    },
    /// Run an experiment: a table of runs that answers a question.
    Scale {
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
    },
    /// Break what the testbed relies on, one thing at a time: every negative control must be caught.
    Controls {
        /// Seeds to try at most, each.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// Print one JSON object instead.
        #[arg(long)]
        json: bool,
    },
    /// What there is, a line each.
    List {
        /// Of what.
        what: Listed,
    },
}

#[derive(clap::Args)]
struct Which {
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
}

impl Which {
    fn read(&self) -> Result<Scenario, Failed> {
        Ok(command::read(self.scenario.as_ref(), &command::overrides(&self.sets, self.chaos))?)
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Listed {
    Attacks,
    Faults,
    Checks,
    Scenarios,
}

/// Why a command did nothing.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Input(#[from] command::InputError),
    #[error(transparent)]
    Write(#[from] sim::outcome::WriteError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error(transparent)]
    Chart(#[from] reports::chart::ChartError),
    #[error(transparent)]
    Record(#[from] reports::record::RecordError),
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

fn main() -> ExitCode {
    let held = match Arguments::parse().command {
        Command::Run { which, out, json } => run(&which, out, json),
        Command::Sweep { scenarios, seeds, jobs, sets, chaos, out, json } => {
            sweep(scenarios, seeds, jobs, command::overrides(&sets, chaos), out, json)
        }
        Command::Replay { which } => replay(&which),
        Command::Scale { experiment, seeds, jobs, sets, out, json } => {
            scale(&experiment, seeds, jobs, &sets, out, json)
        }
        Command::Controls { seeds, json } => controls(seeds, json),
        Command::List { what } => {
            list(what);
            Ok(true)
        }
    };
    match held {
        Ok(held) => ExitCode::from(u8::from(!held)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Prints. A reader that has gone away, as `head` does, is no reason to fail.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn say_json(object: &impl serde::Serialize) {
    say(&format!("{}\n", serde_json::to_string_pretty(object).expect("maps with string keys serialize")));
}

fn run(which: &Which, out: Option<PathBuf>, json: bool) -> Result<bool, Failed> {
    let mut outcome = command::run(&which.scenario, &which.read()?, which.seed, out.is_some())?;
    outcome.sets = command::overrides(&which.sets, which.chaos);
    if json {
        say_json(&outcome.json());
    } else {
        say(&outcome.screen());
    }
    if let Some(directory) = out {
        outcome.write(&directory)?;
        if !json {
            say(&format!("\nwritten to {}\n", directory.display()));
        }
    }
    Ok(outcome.held())
}

fn sweep(
    paths: Vec<String>,
    seeds: Range<u64>,
    jobs: Option<usize>,
    sets: Vec<String>,
    out: Option<PathBuf>,
    json: bool,
) -> Result<bool, Failed> {
    let read = |path: String| Ok((path.clone(), command::read(path.as_ref(), &sets)?));
    let scenarios = paths.into_iter().map(read).collect::<Result<Vec<_>, Failed>>()?;
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let runs = scenarios.len() as u64 * (seeds.end - seeds.start);
    let bar = progress_bar(runs);
    let sweep = Sweep { scenarios, seeds, jobs, sets };
    let violated = std::sync::atomic::AtomicU64::new(0);
    let swept: Swept = sweep.run(&|held| {
        let before = violated.fetch_add(u64::from(!held), std::sync::atomic::Ordering::Relaxed);
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

/// Runs every negative control: whether each was caught.
fn controls(seeds: u64, json: bool) -> Result<bool, Failed> {
    let found = scale::each(CONTROLS, cores(), |control| control.run(seeds));
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    let held = found.iter().all(|one| one.seeds.is_some());
    if json {
        say_json(&serde_json::json!({ "held": held, "seeds": seeds, "controls": found }));
        return Ok(held);
    }
    let mut table = Table::new(["control", "what it replaces", "seeds to the first failure", "caught by"]);
    for one in &found {
        let seeds = one.seeds.map_or(format!("NOT CAUGHT in {seeds}"), |seeds| seeds.to_string());
        table.row([one.name, one.replaces, &seeds, &one.caught_by.join(", ")]);
    }
    say(&table.to_string());
    Ok(held)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The blame matrix: whether every attack that took place ended as the catalogue says.
fn scale(
    path: &std::path::Path,
    seeds: Option<u64>,
    jobs: Option<usize>,
    sets: &[String],
    out: Option<PathBuf>,
    json: bool,
) -> Result<bool, Failed> {
    let mut experiment = Experiment::read(path)?;
    experiment.seeds = seeds.unwrap_or(experiment.seeds);
    let bar = progress_bar(2 * experiment.scenarios.len() as u64 * experiment.seeds);
    let rows = blame::run(&experiment, sets, jobs.unwrap_or_else(cores), &|| bar.inc(1))?;
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

fn progress_bar(runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {per_sec}, {eta} left");
    ProgressBar::new(runs).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn replay(which: &Which) -> Result<bool, Failed> {
    let scenario = which.read()?;
    let first = command::run(&which.scenario, &scenario, which.seed, true)?;
    for event in first.record().trace.iter().flatten() {
        say(&line(event));
    }
    let second = command::run(&which.scenario, &scenario, which.seed, true)?;
    let same = first.fingerprint() == second.fingerprint();
    for check in first.checks.iter().filter(|check| !check.held) {
        say(&format!("VIOLATED {}: {}\n", check.name, check.why));
    }
    if same {
        say(&format!("fingerprint {}, twice\n", first.fingerprint()));
    } else {
        say(&format!(
            "NOT DETERMINISTIC: fingerprints {} and {}\n",
            first.fingerprint(),
            second.fingerprint()
        ));
        let events = first.record().trace.iter().flatten().zip(second.record().trace.iter().flatten());
        if let Some((one, two)) = events.map(|(a, b)| (line(a), line(b))).find(|(one, two)| one != two) {
            say(&format!("first difference:\n  {one}  {two}"));
        }
    }
    Ok(same && first.held())
}

fn list(what: Listed) {
    if matches!(what, Listed::Attacks) {
        return list_attacks();
    }
    let mut table = Table::new(["name", "what it is"]);
    match what {
        Listed::Attacks => {}
        Listed::Faults => FAULTS.iter().for_each(|fault| table.row([fault.name, fault.line])),
        Listed::Checks => CHECKS.iter().for_each(|check| table.row([check.name, check.line])),
        Listed::Scenarios => scenario_files("scenarios".into()).iter().for_each(|(path, claim)| {
            table.row([path, claim]);
        }),
    }
    say(&table.to_string());
}

fn list_attacks() {
    let mut table = Table::new(["id", "name", "verdict", "what the adversary does"]);
    for attack in ATTACKS {
        table.row([attack.id, attack.name, attack.ending.name(), attack.line]);
    }
    say(&table.to_string());
}

/// The scenario files below a directory, with their claims; what is wrong with one is said in its place.
fn scenario_files(directory: PathBuf) -> Vec<(String, String)> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(scenario_files(path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            let question = || scale::question(&std::fs::read_to_string(&path).unwrap_or_default());
            let claim = match command::read(&path, &[]) {
                Ok(scenario) => scenario.claim,
                Err(_) if directory.ends_with("questions") => question().unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            files.push((path.display().to_string(), claim));
        }
    }
    files
}

//! `cargo sim shrink`: the smallest scenario that fails as a seed does.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::ProgressBar;
use sim::{
    check::CHECKS,
    command,
    outcome::write,
    shrink::{Plain, Shrink, Shrunk},
    trial::{Broken, NONDETERMINISM, PANIC},
};

use super::{Failed, Which, cores, interrupt, say};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Write the scenario to this file, the best so far at any time; on standard output if not given.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The check that must go on failing; the first that fails if not given.
    #[arg(long, value_name = "NAME", value_parser = check)]
    check: Option<String>,
    /// Threads; all cores if not given. The result does not depend on it.
    #[arg(long, value_parser = super::jobs)]
    jobs: Option<usize>,
    /// Try so many candidates at most.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Try no candidate after so long, such as 1min.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    time: Option<Duration>,
}

/// Reads what may go on failing: a check, or what stands in the place of one.
fn check(text: &str) -> Result<String, String> {
    let known: Vec<&str> = CHECKS.iter().map(|check| check.name).chain([PANIC, NONDETERMINISM]).collect();
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no check; known: {}", known.join(", "))),
    }
}

/// Does it: whether the run held, and there was nothing to shrink.
pub fn act(Arguments { which, out, check, jobs, runs, time }: Arguments) -> Result<bool, Failed> {
    let scenario = which.read()?;
    let shrink = Shrink {
        path: &which.scenario,
        scenario: &scenario,
        seed: which.seed,
        check: check.as_deref(),
        plant: which.plant,
        jobs: jobs.unwrap_or_else(cores),
        runs,
        time,
        stop: interrupt::stop(),
    };
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut failed = None;
    let mut progress = |plain: &Plain, broken: &Broken, runs: u64| {
        bar.set_message(format!("{runs} runs; {}", plain.size()));
        if let Some(path) = &out {
            failed = write(path.clone(), &file(&which, path, plain, broken)).err().or(failed.take());
        }
    };
    let shrunk = shrink.run(&mut progress)?;
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(error.into());
    }
    let Some(shrunk) = shrunk else {
        say(&format!("{} with seed {} held: nothing to shrink\n", which.scenario, which.seed));
        return Ok(true);
    };
    let path = out.clone().unwrap_or_else(|| PathBuf::from("shrunk.toml"));
    let text = file(&which, &path, &shrunk.plain, &shrunk.broken);
    match out {
        Some(path) => {
            write(path.clone(), &text)?;
            say(&summary(&shrunk, &which, &path));
        }
        None => {
            eprint!("{}", summary(&shrunk, &which, &path));
            say(&text);
        }
    }
    Ok(false)
}

/// The command that shows a shrunk run.
fn replay(which: &Which, path: &Path) -> String {
    command::replay(&path.display().to_string(), which.seed, &[], which.plant)
}

/// The scenario as a file: its claim first, then where it comes from.
fn file(which: &Which, path: &Path, plain: &Plain, broken: &Broken) -> String {
    let text = plain.text();
    let (claim, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let origin = command::replay(&which.scenario, which.seed, &which.overrides(), which.plant);
    let (signature, why) = (&broken.signature, broken.why.replace('\n', " "));
    format!(
        "{claim}\n#\n# Shrunk from what this shows: {origin}\n# Violated: {signature}\n#   {why}\n# Replay: {}\n{rest}",
        replay(which, path)
    )
}

fn summary(shrunk: &Shrunk, which: &Which, path: &Path) -> String {
    let end = if shrunk.finished { "nothing smaller fails" } else { "stopped before everything was tried" };
    let lines = [
        ("violated", shrunk.original.signature.clone()),
        ("before", shrunk.before.to_string()),
        ("after", shrunk.plain.size().to_string()),
        ("still violated", shrunk.broken.signature.clone()),
        ("candidates", format!("{}; {end}", shrunk.runs)),
        ("replay", replay(which, path)),
    ];
    reports::text::lines(&lines)
}

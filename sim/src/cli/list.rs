//! `cargo sim list`: what there is, a line each.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use reports::text::Table;
use sim::{
    check::CHECKS,
    command,
    coverage::POINTS,
    scale::{self, Experiment, METRICS},
    scenario::{ATTACKS, FAULTS, fault::Parameter},
};

use super::{Failed, say};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// Of what.
    what: Listed,
}

#[derive(Clone, Copy, ValueEnum)]
enum Listed {
    Attacks,
    Faults,
    Checks,
    Points,
    Metrics,
    Scenarios,
}

/// Does it.
pub fn act(Arguments { what }: Arguments) -> Result<bool, Failed> {
    match what {
        Listed::Attacks => list_attacks(),
        Listed::Faults => list_faults(),
        Listed::Scenarios => list_scenarios(Path::new("scenarios"))?,
        Listed::Checks | Listed::Points | Listed::Metrics => list_lines(what),
    }
    Ok(true)
}

fn list_lines(what: Listed) {
    let mut table = Table::new(["name", "what it is"]);
    match what {
        Listed::Attacks | Listed::Faults | Listed::Scenarios => {}
        Listed::Checks => CHECKS.iter().for_each(|check| table.row([check.name, check.line])),
        Listed::Points => POINTS.iter().for_each(|point| table.row([point.name, point.line])),
        Listed::Metrics => METRICS.iter().for_each(|metric| table.row([metric.name, &metric.axis()])),
    }
    say(&table.to_string());
}

fn list_scenarios(directory: &Path) -> Result<(), Failed> {
    if let Err(why) = std::fs::read_dir(directory) {
        let such = "run this where the directory of the scenarios is: in that of the project";
        return Err(Failed::Arguments(format!("{}: cannot read: {why}: {such}", directory.display())));
    }
    let mut table = Table::new(["name", "what it is"]);
    scenario_files(directory.to_owned()).iter().for_each(|(path, claim)| table.row([path, claim]));
    say(&table.to_string());
    Ok(())
}

fn list_attacks() {
    let mut table = Table::new(["id", "name", "verdict", "what the adversary does"]);
    for attack in ATTACKS {
        table.row([attack.id, attack.name, attack.ending.name(), attack.line]);
    }
    say(&table.to_string());
}

fn list_faults() {
    let mut table = Table::new(["name", "family", "takes (? if it may be left out)", "what happens"]);
    for fault in FAULTS {
        let key = |parameter: &Parameter| match parameter.needed {
            true => parameter.key.to_owned(),
            false => format!("{}?", parameter.key),
        };
        let takes: Vec<String> = fault.takes.iter().map(key).collect();
        table.row([fault.name, fault.family.name(), &takes.join(", "), fault.line]);
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
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let claim = match scale::is_experiment(&text) {
                true => Experiment::read(&path)
                    .map(|experiment| experiment.question)
                    .map_err(|error| error.to_string()),
                false => command::read(&path, &[])
                    .map(|scenario| scenario.claim)
                    .map_err(|error| error.to_string()),
            };
            let claim = claim.unwrap_or_else(|error| error);
            files.push((path.display().to_string(), claim));
        }
    }
    files
}

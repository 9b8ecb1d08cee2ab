//! What a scenario file may say, what it may not, and what is said about it.

mod drawing;
mod mistakes;
mod mutations;
mod nemesis;
mod overrides;
mod reading;

use std::path::{Path, PathBuf};

use super::*;

/// One fault, for scenarios that need one.
const FAULT: &str = "[[fault]]\nat = \"1s\"\nkind = \"crash\"\nactor = \"incoming/0\"\nfor = \"200ms\"\n";

/// The directory of the project's scenario files.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter(|path| !crate::scale::is_experiment(&std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// The message about a scenario with a claim and this text, which begins in line 2.
fn wrong(text: &str) -> String {
    wrong_with(text, &[])
}

fn wrong_with(text: &str, sets: &[&str]) -> String {
    match parse(text, sets) {
        Ok(_) => panic!("accepted:\n{text}\n{sets:?}"),
        Err(error) => error.to_string(),
    }
}

fn parse(text: &str, sets: &[&str]) -> Result<Scenario, ScenarioError> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Scenario::parse("x.toml", &format!("# A claim.\n{text}"), &sets)
}

fn drawn(text: &str, sets: &[&str]) -> Drawn {
    parse(text, sets).unwrap_or_else(|error| panic!("{error}")).draw(1)
}

//! Shrinking as a person uses it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;

use sim::scenario::Scenario;
use support::{sim, text};

/// Every seed fails: two sequencers run with one key.
const FAILS: [&str; 10] = [
    "shrink",
    "scenarios/faults/chaos.toml",
    "--seed",
    "5",
    "--plant",
    "two-instances",
    "--set",
    "topology.crypto=modelled",
    "--set",
    "topology.storage=modelled",
];

#[test]
fn a_planted_bug_is_shrunk_to_a_few_clients_and_the_file_fails_the_same_way() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let small = ["--set", "workload.bundles=60"];
    let shrink = |name: &str, jobs: &str| {
        let output = sim(&[&FAILS[..], &small, &["--jobs", jobs, "-o", &file(name)]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        fs::read_to_string(file(name)).unwrap().replace(&file(name), "FILE")
    };
    let shrunk = shrink("one.toml", "1");
    assert_eq!(shrink("two.toml", "3"), shrunk, "the number of threads shows");
    let drawn = Scenario::parse("one.toml", &shrunk, &[]).unwrap().draw(5);
    assert!(drawn.faults.len() <= 3 && drawn.topology.clients <= 3, "{shrunk}");
    assert!(
        shrunk.lines().next().unwrap().starts_with("# Through crashes"),
        "the claim stays the first line"
    );
    assert!(
        shrunk
            .contains("# Shrunk from what this shows: cargo sim replay scenarios/faults/chaos.toml --seed 5")
    );
    assert!(shrunk.contains("# Replay: cargo sim replay FILE --seed 5 --plant two-instances"));
    let replayed = sim(&["replay", &file("one.toml"), "--seed", "5", "--plant", "two-instances"]);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(text(&replayed.stdout).contains("VIOLATED one-order"));
    let sound = sim(&["run", &file("one.toml"), "--seed", "5"]);
    assert!(text(&sound.stdout).contains("held      one-order"), "without the bug it holds");
}

#[test]
fn a_budget_ends_shrinking_with_the_best_so_far() {
    let output = sim(&[&FAILS[..], &["--runs", "3"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("3; stopped before everything was tried"), "{said}");
    assert!(Scenario::parse("x", &text(&output.stdout), &[]).is_ok());
}

#[test]
fn a_check_that_holds_cannot_be_what_is_shrunk() {
    let output = sim(&[&FAILS[..], &["--check", "no-loss"]].concat());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(
        text(&output.stderr).contains("does not violate no-loss, but one-order"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_run_that_holds_is_not_shrunk() {
    let output =
        sim(&["shrink", "scenarios/quickstart.toml", "--seed", "7", "--set", "topology.crypto=modelled"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("held: nothing to shrink"));
}

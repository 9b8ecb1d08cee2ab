//! The catalogue: every attack has a scenario that says its verdict, takes place in it, and blames no honest actor.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use server::protocol::id::Role;
use sim::{
    command,
    scenario::{ATTACKS, ActorName, Blame, Ending, Scenario},
};

/// What must hold of every attack, whatever becomes of the cheater.
const ALWAYS: &[&str] = &[
    "fired",
    "accuracy",
    "cleared",
    "only-signers",
    "own-statement",
    "sound-evidence",
    "one-digest",
    "obligations",
];

fn files() -> Vec<PathBuf> {
    files_of("attacks")
}

fn files_of(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(directory);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(path: &Path, sets: &[&str]) -> Scenario {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    Scenario::read(path, &sets).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_always(path: &Path, sets: &[&str], seed: u64) {
    let name = path.display().to_string();
    let outcome = command::run(&name, &read(path, sets), seed, false).unwrap();
    for check in outcome.checks.iter().filter(|check| ALWAYS.contains(&check.name)) {
        assert!(check.held, "{name} with seed {seed}: {}: {}", check.name, check.why);
    }
}

#[test]
fn every_attack_has_a_scenario_of_its_verdict() {
    let scenarios: Vec<(String, Scenario)> = files()
        .iter()
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read(path, &[])))
        .collect();
    for attack in ATTACKS {
        let file = format!("{}-{}", attack.id, attack.name);
        let (_, scenario) = scenarios.iter().find(|(name, _)| *name == file).expect(&file);
        let expect = &scenario.expect;
        let said = match () {
            () if !expect.exposed.is_empty() => Ending::Exposed,
            () if !expect.suspected.is_empty() => Ending::Suspected,
            () if !expect.pairs.is_empty() => Ending::Pair,
            () if !expect.unserved.is_empty() => Ending::Unserved,
            () => Ending::ByDesign,
        };
        assert_eq!(said.blames(), attack.ending.blames(), "{file}");
        assert!(!said.blames() || said == attack.ending, "{file} says {}", said.name());
        let undetectable = scenario.claim.starts_with("Undetectable by design");
        assert_eq!(undetectable, attack.ending == Ending::ByDesign, "{file}");
        assert_eq!(expect.blame, Blame::Exact);
    }
}

#[test]
fn every_attack_takes_place_and_blames_no_honest_actor() {
    let modelled = ["topology.crypto=modelled", "topology.storage=modelled"];
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                let files = files().into_iter().filter(|path| !path.ends_with("swarm.toml"));
                for path in files.skip(half).step_by(2) {
                    assert_always(&path, &modelled, 0);
                }
            });
        }
    });
}

#[test]
fn a_swarm_in_chaos_blames_no_honest_actor() {
    let path = files().into_iter().find(|path| path.ends_with("swarm.toml")).unwrap();
    for seed in 0..6 {
        assert_always(&path, &["topology.crypto=modelled"], seed);
    }
}

/// One server, one key: it is named in the role in which it cheats, though the rest of it keeps quiet about that.
#[test]
fn a_server_of_all_roles_that_cheats_in_one_is_named_in_it() {
    let architectures = ["architecture=central", "architecture=multithreaded"];
    std::thread::scope(|scope| {
        for architecture in architectures {
            scope.spawn(move || {
                let sets = [architecture, "topology.crypto=modelled", "topology.storage=modelled"];
                for path in files_of("monolith") {
                    assert_always(&path, &sets, 0);
                    let outcome =
                        command::run(&path.display().to_string(), &read(&path, &sets), 1, false).unwrap();
                    let violated: Vec<_> = outcome.checks.iter().filter(|check| !check.held).collect();
                    assert!(violated.is_empty(), "{} {architecture}: {violated:?}", path.display());
                }
            });
        }
    });
}

/// A13: what its catalogue row says beyond the pair. While nobody shows a receipt, a handler that lost what it signed
/// for is suspected, and one that kept it is not, whatever the incoming actor does.
#[test]
fn a_handler_is_suspected_for_what_it_signed_for_and_lost_and_for_nothing_else() {
    let handler = ActorName::new(Role::Handler, 0);
    for (file, guilty) in [("A13-lose-custody.toml", true), ("B01a-censor-custodian.toml", false)] {
        let path = files().into_iter().find(|path| path.ends_with(file)).unwrap();
        let scenario = read(&path, &["topology.crypto=modelled", "topology.storage=modelled"]);
        for seed in 0..3 {
            let outcome = command::run(file, &scenario, seed, false).unwrap();
            let case = outcome.case();
            let asked: Vec<_> = case.record.blame.of(handler).collect();
            assert!(
                asked.iter().any(|one| one.demand == "custody"),
                "{file} with seed {seed}: it was not asked"
            );
            let suspected = asked.iter().any(|one| one.suspected.is_some());
            assert_eq!(suspected, guilty, "{file} with seed {seed}");
        }
    }
}

/// Bundles outlive crashes in the custody of a handler: the run must have had such, or it says nothing.
#[test]
fn what_a_handler_signed_for_is_there_after_a_crash() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/faults/crash-custodian.toml");
    let sets = ["topology.crypto=modelled", "topology.storage=modelled"];
    let mut outlived = 0;
    for seed in 0..12 {
        let outcome = command::run("crash-custodian", &read(&path, &sets), seed, false).unwrap();
        let violated: Vec<_> = outcome.checks.iter().filter(|check| !check.held).collect();
        assert!(violated.is_empty(), "seed {seed}: {violated:?}");
        let point = "a handler had in custody after a crash what it had before";
        outlived += outcome.case().record.coverage.get(point).copied().unwrap_or(0);
    }
    assert!(outlived > 0, "no handler crashed while it had something in custody");
}

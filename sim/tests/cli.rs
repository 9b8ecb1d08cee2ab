//! The command line as scripts use it: exit statuses, JSON, files, and errors that say where and what would be right.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::{root, sim, text};

/// Runs a scenario text and gives exit status and complaint.
fn complaint(scenario: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.toml");
    std::fs::write(&path, scenario).unwrap();
    let output = sim(&["run", path.to_str().unwrap()]);
    assert!(output.stdout.is_empty(), "complaints go to standard error");
    let said = text(&output.stderr).replace(&format!("{}/", directory.path().display()), "");
    (output.status.code(), said)
}

#[test]
fn json_is_one_object_with_the_keys_of_the_contract() {
    let output =
        sim(&["run", "scenarios/quickstart.toml", "--seed", "7", "--set", "workload.bundles=300", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = [
        "scenario",
        "seed",
        "held",
        "checks",
        "exposed",
        "suspected",
        "fingerprint",
        "throughput_per_s",
        "receipt_us",
        "delivery_us",
        "bundles",
        "faults_fired",
        "attacks_fired",
        "coverage",
    ];
    keys.iter().for_each(|key| assert!(json.get(key).is_some(), "{key}"));
    assert_eq!(json["exposed"], serde_json::json!(["mailbox/0"]));
    for key in ["p50", "p90", "p99", "max"] {
        assert!(json["receipt_us"][key].as_f64().unwrap() > 0.0);
        assert!(json["delivery_us"][key].as_f64().unwrap() > 0.0);
    }
    assert!(json["bundles"]["accepted"].as_u64().unwrap() > 0);
}

#[test]
fn a_violation_exits_with_one_and_says_how_to_replay() {
    let output =
        sim(&["run", "scenarios/quickstart.toml", "--set", "adversary=[]", "--set", "workload.bundles=60"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("cargo sim replay scenarios/quickstart.toml --seed 0"));
}

#[test]
fn a_directory_gets_csv_plots_evidence_roster_and_trace() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let output = sim(&["run", "scenarios/quickstart.toml", "--set", "workload.bundles=300", "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    for file in [
        "run.csv",
        "speed.csv",
        "timeline.csv",
        "latency.csv",
        "latency.svg",
        "throughput.svg",
        "roster.json",
        "trace.txt",
    ] {
        assert!(std::fs::metadata(directory.path().join(file)).unwrap().len() > 50, "{file}");
    }
    let evidence = directory.path().join("evidence/mailbox-0-badattestation-0.json");
    assert!(text(&std::fs::read(evidence).unwrap()).contains("\"accused\": \"mailbox/0\""));
}

#[test]
fn a_sweep_reports_every_seed() {
    let arguments =
        ["sweep", "scenarios/quickstart.toml", "--seeds", "0..4", "--set", "workload.bundles=300", "--json"];
    let output = sim(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (json["runs"].as_u64(), json["held"].as_u64(), json["violated"].as_u64()),
        (Some(4), Some(4), Some(0))
    );
}

#[test]
fn a_sweep_of_a_false_claim_groups_its_failures() {
    let arguments = ["sweep", "scenarios/quickstart.toml", "--seeds", "0..2", "--set", "workload.bundles=60"];
    let output = sim(&[&arguments[..], &["--set", "adversary=[]", "--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["failures"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["failures"][0]["signature"], "expected");
    assert!(json["failures"][0]["replay"].as_str().unwrap().contains("--seed 0 --set"));
}

#[test]
fn a_replay_prints_the_history_and_one_fingerprint() {
    let output =
        sim(&["replay", "scenarios/quickstart.toml", "--seed", "1", "--set", "workload.bundles=300"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let says =
        |event: &str, detail: &str| said.lines().any(|line| line.contains(event) && line.contains(detail));
    assert!(
        says("promises ", " cut 1 ") && says("killed", "incoming/") && says("attack ", " swap-deliveries ")
    );
    assert!(said.trim_end().ends_with(", twice"));
}

#[test]
fn bad_scenarios_exit_with_two_and_say_where_and_what_would_be_right() {
    let cases = [
        ("# A claim.\n[topology]\nincomming = 2\n", "x.toml:3:1: "),
        ("# A claim.\n[topology]\nepoch = \"5 parsec\"\n", "x.toml:3:9: "),
        ("# A claim.\n[workload]\nbundles = \"9..3\"\n", "x.toml:3:11: "),
        ("# A claim.\n[network]\nloss = 1.5\n", "x.toml:3:8: "),
        ("# A claim.\n[[adversary]]\nactor = \"mailbox/9\"\nattack = \"swap-deliveries\"\n", "x.toml:3:9: "),
        ("# A claim.\n[topology\n", "x.toml:2:"),
    ];
    for (scenario, place) in cases {
        let (status, said) = complaint(scenario);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.starts_with(place), "{said}");
        assert!(said.trim_end().len() > place.len() + 20, "{said}");
    }
}

#[test]
fn an_unreadable_file_exits_with_two() {
    let output = sim(&["run", "scenarios/none.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("scenarios/none.toml: cannot read"));
}

#[test]
fn a_range_of_seeds_without_a_seed_is_refused() {
    let output = sim(&["sweep", "scenarios/quickstart.toml", "--seeds", "5..5"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("holds no seed"));
}

#[test]
fn everything_listed_exists() {
    for (what, name) in [
        ("attacks", "swap-deliveries"),
        ("attacks", "nobody, by design"),
        ("faults", "partition"),
        ("checks", "no-loss"),
        ("scenarios", "scenarios/quickstart.toml"),
    ] {
        let output = sim(&["list", what]);
        assert!(output.status.success() && text(&output.stdout).contains(name), "{what}");
    }
}

#[test]
fn chaos_is_laid_over_a_scenario_and_named_in_the_replay() {
    let arguments = ["sweep", "scenarios/quickstart.toml", "--seeds", "0..1", "--chaos", "--json"];
    let output = sim(&[&arguments[..], &["--set", "adversary=[]", "--set", "workload.bundles=60"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let replay = json["failures"][0]["replay"].as_str().unwrap();
    assert!(replay.ends_with("--set 'workload.bundles=60' --chaos"), "{replay}");
    let output = sim(&["run", "scenarios/honest/bare-latency.toml", "--chaos"]);
    assert!(text(&output.stdout).contains("fault.0.optional"));
}

#[test]
fn controls_are_all_caught() {
    let output = sim(&["controls", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let controls = json["controls"].as_array().unwrap();
    assert!(controls.len() >= 25);
    assert!(controls.iter().all(|one| one["caught_by"][0] == one["seen_by"]), "{controls:?}");
    let output = sim(&["controls", "--seeds", "0"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_blame_matrix_has_a_row_for_calm_and_one_for_chaos() {
    let directory = tempfile::tempdir().unwrap();
    let attacks = directory.path().join("attacks");
    std::fs::create_dir(&attacks).unwrap();
    let file = "D03-swap-deliveries.toml";
    std::fs::copy(root().join("scenarios/attacks").join(file), attacks.join(file)).unwrap();
    let experiment = directory.path().join("blame.toml");
    let table = format!("kind = \"blame\"\nscenarios = {:?}\nseeds = 1\n", attacks.display().to_string());
    std::fs::write(&experiment, format!("# Who?\n[experiment]\n{table}")).unwrap();
    let out = directory.path().join("out");
    let output = sim(&["scale", experiment.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["chaos"].as_bool()).collect::<Vec<_>>(), [Some(false), Some(true)]);
    assert!(rows.iter().all(|row| row["exposed"] == 1 && row["right"] == 1), "{rows:?}");
    assert!(text(&std::fs::read(out.join("blame.svg")).unwrap()).contains("swap-deliveries"));
    assert!(
        text(&std::fs::read(out.join("blame.csv")).unwrap()).contains("D03,swap-deliveries,true,exposed")
    );
}

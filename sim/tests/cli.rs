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
fn more_seeds_than_fit_in_memory_are_refused() {
    for arguments in [
        ["sweep", "scenarios/quickstart.toml", "--seeds", "0..18446744073709551615"],
        ["scale", "scenarios/questions/blame.toml", "--seeds", "99999999999"],
    ] {
        let output = sim(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("00000"), "{}", text(&output.stderr));
    }
}

#[test]
fn what_a_run_did_not_write_it_leaves_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let evidence = directory.path().join("evidence");
    std::fs::create_dir_all(evidence.join("mailbox-0-x-0.json")).unwrap();
    let foreign = ["notes.txt", "mailbox-0.json", "result-1.json"];
    let earlier = ["mailbox-0-badattestation-7.json", "sequencer-equiv-0.json"];
    foreign.iter().chain(&earlier).for_each(|name| std::fs::write(evidence.join(name), "precious").unwrap());
    let calm =
        ["--set", "adversary=[]", "--set", "fault=[]", "--set", "expect={}", "--set", "workload.bundles=30"];
    let out = directory.path().to_str().unwrap();
    let output = sim(&[&["run", "scenarios/honest/calm.toml", "--out", out], &calm[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    foreign.iter().for_each(|name| assert!(evidence.join(name).exists(), "{name}"));
    earlier.iter().for_each(|name| assert!(!evidence.join(name).exists(), "{name}"));
    assert!(evidence.join("mailbox-0-x-0.json").is_dir());
}

#[test]
fn a_run_replaces_what_a_run_wrote_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let run = || sim(&["run", "scenarios/honest/calm.toml", "--set", "workload.bundles=30", "--out", out]);
    let refused = |name: &str| {
        let output = run();
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains(&format!("{name}: a run would replace this, and no run wrote it")), "{said}");
    };
    for name in ["run.csv", "latency.csv", "throughput.svg", "scenario.toml"] {
        let path = directory.path().join(name);
        std::fs::write(&path, "scenario,seed,mine\na,1,2\n").unwrap();
        refused(name);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "scenario,seed,mine\na,1,2\n");
        std::fs::remove_file(path).unwrap();
    }
    for _ in 0..2 {
        let output = run();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    // the row of a sweep of one seed looks like a run's
    std::fs::write(directory.path().join("sweep.json"), "{}").unwrap();
    refused("run.csv");
}

#[test]
fn what_no_validation_and_no_calibration_wrote_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("profile.toml");
    std::fs::write(&file, "precious").unwrap();
    let (out, path) = (directory.path().to_str().unwrap(), file.to_str().unwrap());
    for (command, to, what) in [("validate", out, "validation"), ("calibrate", path, "calibration")] {
        let output = sim(&[command, "--out", to]);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains(&format!("profile.toml: a {what} would replace this")), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }
}

#[test]
fn results_that_have_no_place_are_refused_before_the_run() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = file.path().to_str().unwrap();
    for command in [&["run", "scenarios/quickstart.toml"][..], &["validate"]] {
        let output = sim(&[command, &["--out", out]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(
            output.stdout.is_empty() && text(&output.stderr).contains("cannot write"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_printed_fails_a_command() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = support::command(&["list", "checks"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn what_was_not_measured_is_no_base_of_a_comparison() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("measured.json");
    std::fs::write(&file, "{\"rest\": 7}").unwrap();
    for (path, said) in [(file.to_str().unwrap(), "no measurements, as"), ("none.json", "cannot read")] {
        let output = sim(&["validate", "--measured", path]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn two_experiments_of_one_name_have_no_place_in_a_gallery() {
    let directory = tempfile::tempdir().unwrap();
    let again = directory.path().join("detection.toml");
    std::fs::copy(root().join("scenarios/questions/detection.toml"), &again).unwrap();
    let gallery = directory.path().join("gallery");
    let output = sim(&[
        "scale",
        "scenarios/questions/detection.toml",
        again.to_str().unwrap(),
        "--gallery",
        gallery.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("would both be detection"), "{}", text(&output.stderr));
    assert!(!gallery.exists());
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
fn what_there_is_not_is_refused_with_what_there_is() {
    let small = ["--set", "workload.bundles=30", "--set", "topology.incoming=2"];
    for (arguments, said) in [
        (&["shrink", "scenarios/quickstart.toml", "--check", "nope"][..], "is no check; known: one-order, "),
        (&["sweep", "scenarios/quickstart.toml", "--seeds", "0..1", "--jobs", "0"], "no number of threads"),
        (&["scale", "scenarios/questions/blame.toml", "--jobs", "0"], "no number of threads"),
        (&["shrink", "scenarios/quickstart.toml", "--jobs", "0"], "no number of threads"),
        (&["replay", "scenarios/quickstart.toml", "--node", "incoming/7"], "it has incoming/0 to incoming/1"),
        (&["replay", "scenarios/quickstart.toml", "--bundle", "client/99:0"], "no client/99 in this run"),
    ] {
        let more = if arguments[0] == "replay" { &small[..] } else { &[] };
        let output = sim(&[arguments, more].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let listed = support::command(&["list", "scenarios"]).current_dir(elsewhere.path()).output().unwrap();
    assert_eq!((listed.status.code(), listed.stdout.len()), (Some(2), 0));
    assert!(text(&listed.stderr).starts_with("scenarios: cannot read"), "{}", text(&listed.stderr));
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
    let twice = [experiment.to_str().unwrap(); 2];
    let output = sim(&["scale", twice[0], twice[1], "--json"]);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() == 2 && lines.iter().all(|json| json["question"] == "Who?"), "{lines:?}");
    let output = sim(&["scale", experiment.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json, lines[0], "the same, alone");
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["chaos"].as_bool()).collect::<Vec<_>>(), [Some(false), Some(true)]);
    assert!(rows.iter().all(|row| row["exposed"] == 1 && row["right"] == 1), "{rows:?}");
    assert!(text(&std::fs::read(out.join("blame.svg")).unwrap()).contains("swap-deliveries"));
    assert!(
        text(&std::fs::read(out.join("blame.csv")).unwrap()).contains("D03,swap-deliveries,true,exposed")
    );
}

#[test]
fn a_blame_matrix_in_which_nobody_cheats_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let experiment = directory.path().join("blame.toml");
    let honest = root().join("scenarios/honest").display().to_string();
    let table = format!("kind = \"blame\"\nscenarios = {honest:?}\nseeds = 1\n");
    std::fs::write(&experiment, format!("# Who?\n[experiment]\n{table}")).unwrap();
    let output = sim(&["scale", experiment.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let said = text(&output.stderr);
    assert!(said.contains("blame.toml:4:13: no scenario of this directory has an [[adversary]]"), "{said}");
}

/// Of a row of a curve that looks for a peak: the peak is the highest rate that most trials sustained, each by its own numbers.
fn peak_by_its_trials(row: &serde_json::Value, bound_ms: f64) -> f64 {
    let mut votes: std::collections::BTreeMap<u64, i32> = std::collections::BTreeMap::new();
    for trial in row["result"]["trials"].as_array().unwrap() {
        let number = |name: &str| trial[name].as_f64().unwrap();
        let within = number("p99_ms") <= bound_ms && number("lag") <= 0.04;
        let sustained = trial["sustained"].as_bool().unwrap();
        assert_eq!(sustained, within, "{trial}");
        assert!(number("p50_ms") > 0.0 && number("p50_ms") <= number("p99_ms"), "{trial}");
        *votes.entry(number("offered_per_s").round() as u64).or_default() += if sustained { 1 } else { -1 };
    }
    let (sustained, not): (Vec<_>, Vec<_>) = votes.into_iter().partition(|(_, votes)| *votes > 0);
    let (peak, beyond) = (sustained.last().unwrap().0, not.first().unwrap().0);
    assert!(peak < beyond && beyond as f64 <= 1.1 * peak as f64, "{peak} is, and {beyond} is not");
    peak as f64
}

#[test]
fn a_curve_says_on_page_in_table_and_answer_what_its_runs_measured() {
    let directory = tempfile::tempdir().unwrap();
    let (experiment, out) = (directory.path().join("curve.toml"), directory.path().join("out"));
    let base = root().join("scenarios/scaling/base.toml");
    let at = |n: u32| {
        let sets = ["handlers", "incoming", "mailboxes"].map(|role| format!("\"topology.{role}={n}\""));
        format!("{{ at = {n}, set = [{}] }}", sets.join(", "))
    };
    let experiment_text = format!(
        "# How many?\n[experiment]\nkind = \"curve\"\nbase = {base:?}\nseeds = 1\nfind = \"peak\"\nbound = \"60ms\"\n\
         length = \"300ms\"\nstart = 4000\nshow = [\"throughput\", \"deliveries\", \"server-bytes\"]\n\
         set = [\"topology.crowd=100\", \"workload.recipients=1\"]\n\
         [experiment.x]\nname = \"actors\"\nscale = \"log2\"\npoints = [{}, {}]\n[[experiment.series]]\nname = \"these\"\n",
        at(1),
        at(2)
    );
    std::fs::write(&experiment, experiment_text).unwrap();
    let output = sim(&["scale", experiment.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["at"].as_f64()).collect::<Vec<_>>(), [Some(1.0), Some(2.0)]);

    let mut table = csv::Reader::from_path(out.join("points.csv")).unwrap();
    let headers = table.headers().unwrap().clone();
    let points: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(points.len(), 2);
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    for (row, point) in rows.iter().zip(&points) {
        let column = |name: &str| -> f64 {
            point[headers.iter().position(|header| header == name).unwrap()].parse().unwrap()
        };
        let metric = |name: &str| row["result"]["metrics"][name].as_f64().unwrap();
        let peak = peak_by_its_trials(row, 60.0);
        assert!((metric("peak") - peak).abs() <= 0.5, "{row}");
        // all that was offered at that rate has arrived, each bundle once
        assert!((0.5 * peak..=1.05 * peak).contains(&metric("throughput")), "{row}");
        assert!((metric("deliveries") / metric("throughput") - 1.0).abs() < 1e-9, "{row}");
        for (name, told) in [
            ("peak", "highest_rate_sustained_bundles_per_s"),
            ("throughput", "throughput_bundles_per_s"),
            ("server-bytes", "bytes_that_the_server_sends_b_per_bundle"),
        ] {
            assert_eq!(column(told), metric(name), "{name}");
        }
        let said = reports::text::number(metric("peak"));
        assert!(json["answer"].as_str().unwrap().contains(&said), "{said}: {}", json["answer"]);
        assert!(page.contains(&said), "{said} is not on the page");
    }
    let plotted = std::fs::read_to_string(out.join("peak.svg")).unwrap();
    assert!(plotted.contains("actors") && plotted.contains("bundles/s") && plotted.contains("these"));
}

#[test]
fn a_sweep_that_is_interrupted_does_not_exit_with_zero() {
    let arguments = ["sweep", "scenarios/quickstart.toml", "--seeds", "0..100000", "--jobs", "1"];
    let directory = tempfile::tempdir().unwrap();
    let out = ["--out", directory.path().to_str().unwrap()];
    let mut child = support::command(&[&arguments[..], &out].concat())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // by then a run is done
    let journal = || std::fs::read_to_string(directory.path().join("journal.jsonl")).unwrap_or_default();
    while journal().lines().count() < 3 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stderr).contains("stopped after"), "{}", text(&output.stderr));
    // what its own time ends has held as far as it came
    let bounded = sim(&[&arguments[..], &["--for", "1s"]].concat());
    assert_eq!(bounded.status.code(), Some(0), "{}", text(&bounded.stderr));
    assert!(text(&bounded.stderr).contains("stopped after"), "{}", text(&bounded.stderr));
}

#[test]
fn a_run_that_is_interrupted_exits_as_a_sweep_does() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let long = ["run", "scenarios/honest/calm.toml", "--set", "workload.bundles=100000", "--out"];
    let mut child = support::command(&[&long[..], &[out.to_str().unwrap()]].concat()).spawn().unwrap();
    // it is made right before the run
    while !out.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

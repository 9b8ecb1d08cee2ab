//! Experiments and validations as scripts use them: interrupted, gone on with, told apart, and made again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use support::{root, sim, text};

/// Files of a blame matrix of one attack, that are gone after the test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        let directory = tempfile::tempdir().unwrap();
        let attacks = directory.path().join("attacks");
        fs::create_dir(&attacks).unwrap();
        let file = "D03-swap-deliveries.toml";
        fs::copy(root().join("scenarios/attacks").join(file), attacks.join(file)).unwrap();
        let table = format!("kind = \"blame\"\nscenarios = {:?}\nseeds = 2\n", attacks.display().to_string());
        fs::write(directory.path().join("blame.toml"), format!("# Who?\n[experiment]\n{table}")).unwrap();
        Scratch(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the experiment into a directory of this name.
    fn scale_to(&self, out: &str, more: &[&str]) -> Output {
        let (experiment, out) = (self.path("blame.toml"), self.path(out));
        let sets = ["--set", "topology.crypto=modelled", "--set", "topology.storage=modelled"];
        let arguments = ["scale", experiment.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
        sim(&[&arguments[..], &sets, more].concat())
    }
}

fn journal(directory: &Path) -> String {
    fs::read_to_string(directory.join("journal.jsonl")).unwrap_or_default()
}

#[test]
fn a_blame_matrix_that_was_killed_goes_on_where_it_was() {
    let scratch = Scratch::new();
    let whole = scratch.scale_to("whole", &[]);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    let written = journal(&scratch.path("whole"));
    assert_eq!(written.lines().count(), 1 + 4, "the plan, and two seeds, calm and in chaos");

    // two runs are done, the third was being written
    let lines: Vec<&str> = written.lines().collect();
    let left = scratch.path("left");
    fs::create_dir(&left).unwrap();
    let half = format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2]);
    fs::write(left.join("journal.jsonl"), format!("{half}{}", &lines[3][..20])).unwrap();
    let resumed = scratch.scale_to("left", &[]);
    assert_eq!(text(&resumed.stdout), text(&whole.stdout), "{}", text(&resumed.stderr));
    assert!(journal(&left).starts_with(&half));
    assert_eq!(journal(&left).lines().count(), 1 + 4);
    let page = |directory: &str| fs::read_to_string(scratch.path(directory).join("blame.csv")).unwrap();
    assert_eq!(page("left"), page("whole"));

    // what stands in a journal is not run again: its word counts
    let kept = scratch.path("kept");
    fs::create_dir(&kept).unwrap();
    let (exposed, pair) = ("\"exposed\",\"right\":true", "\"pair\",\"right\":false");
    let other = written.replacen(exposed, pair, 1);
    assert_ne!(other, written);
    fs::write(kept.join("journal.jsonl"), &other).unwrap();
    let output = scratch.scale_to("kept", &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(journal(&kept), other);
}

#[test]
fn the_journal_of_another_experiment_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    scratch.scale_to("whole", &[]);
    let written = journal(&scratch.path("whole"));
    let left = scratch.path("left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("journal.jsonl"), &written).unwrap();
    let of_seeds = (["--seeds", "1"], "seeds 2, not 1");
    let of_scenarios = (["--set", "workload.bundles=401"], "D03-swap-deliveries");
    for (change, what) in [of_seeds, of_scenarios] {
        let output = scratch.scale_to("left", &change);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{change:?}");
        let said = text(&output.stderr);
        assert!(said.contains("journal of another experiment: it has ") && said.contains(what), "{said}");
        assert_eq!(journal(&left), written);
    }
    let output = scratch.scale_to("left", &["--seeds", "1", "--fresh"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(journal(&left).lines().count(), 1 + 2, "begun anew");
}

/// A curve of two points over the scenario of an attack, with so much more in its file.
fn curve(scratch: &Scratch, more: &str) -> PathBuf {
    let base = root().join("scenarios/attacks/D01-omit-delivery.toml");
    let sets = "[\"topology.crypto=modelled\", \"topology.storage=modelled\", \"workload.bundles=100\"]";
    let points = "x = { name = \"epoch (ms)\", points = [{ at = 5, set = [\"topology.epoch=5ms\"] }, { at = 10, set = [\"topology.epoch=10ms\"] }] }";
    let table = format!(
        "kind = \"curve\"\nbase = {:?}\nseeds = 2\nshow = [\"detection\"]\nset = {sets}\n{points}\n{more}",
        base.display().to_string()
    );
    let file = scratch.path("curve.toml");
    fs::write(&file, format!("# When is it found?\n[experiment]\n{table}")).unwrap();
    file
}

#[test]
fn a_curve_in_which_a_cheat_is_not_exposed_as_its_scenario_says_does_not_hold() {
    let scratch = Scratch::new();
    let right = curve(&scratch, "");
    let held = sim(&["scale", right.to_str().unwrap(), "--json"]);
    assert_eq!(held.status.code(), Some(0), "{}", text(&held.stderr));
    let wrong = curve(&scratch, "[[experiment.series]]\nname = \"nobody\"\nset = [\"expect.exposed=[]\"]\n");
    let violated = sim(&["scale", wrong.to_str().unwrap(), "--json"]);
    assert_eq!(violated.status.code(), Some(1), "{}", text(&violated.stderr));
    assert!(text(&violated.stdout).contains("\"broken\":\"expected"), "{}", text(&violated.stdout));
}

#[test]
fn a_curve_goes_on_where_it_was_killed_and_is_the_same_with_any_number_of_threads() {
    let scratch = Scratch::new();
    let file = curve(&scratch, "");
    let scale = |out: &str, jobs: &str| {
        let out = scratch.path(out);
        let done = sim(&["scale", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "--jobs", jobs]);
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        ["points.csv", "trials.csv"].map(|name| fs::read_to_string(out.join(name)).unwrap())
    };
    let whole = scale("whole", "1");
    assert_eq!(scale("threads", "4"), whole);
    let written = journal(&scratch.path("whole"));
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 1 + 4, "the plan, and two points with two seeds");
    let left = scratch.path("left");
    fs::create_dir(&left).unwrap();
    let kept = format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2]);
    fs::write(left.join("journal.jsonl"), format!("{kept}{}", &lines[3][..20])).unwrap();
    assert_eq!(scale("left", "2"), whole);
    assert!(journal(&left).starts_with(&kept), "what was done is not done again");
}

#[test]
fn a_validation_is_made_again_of_what_was_measured() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("validation");
    let kept = "reports/gallery/validation";
    let (measured, costs) = (format!("{kept}/measured.json"), format!("{kept}/profile.toml"));
    let arguments = ["validate", "--measured", &measured, "--costs", &costs, "--requests", "100", "--json"];
    let output = sim(&[&arguments[..], &["--gallery", directory.path().to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let index = fs::read_to_string(directory.path().join("index.html")).unwrap();
    assert!(index.contains("validation/index.html"), "{index}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = json["architectures"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|one| one["shares"].as_array().unwrap().len() == 4));
    for (file, count) in [("peaks.csv", 3), ("latencies.csv", 12)] {
        let mut table = csv::Reader::from_path(out.join(file)).unwrap();
        let headers = table.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), count);
        for row in &rows {
            let at = |name: &str| -> f64 {
                row[headers.iter().position(|head| head == name).unwrap()].parse().unwrap()
            };
            for head in headers.iter().filter(|head| head.ends_with("error_percent")) {
                let stem = head.strip_suffix("error_percent").unwrap();
                let unit = if stem.is_empty() { "requests_per_s" } else { "us" };
                let ratio = at(&format!("{stem}predicted_{unit}")) / at(&format!("{stem}measured_{unit}"));
                assert!((at(head) - (ratio - 1.0) * 100.0).abs() < 1e-6, "{head}: {row:?}");
            }
        }
    }
}

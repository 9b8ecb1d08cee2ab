//! Experiments as scripts use them: interrupted, gone on with, and told apart.

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

//! Sweeps as scripts use them: interrupted, divided, put together, and watched for what depends on more than the seed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use support::{command, sim, text};

/// Two scenarios, one of which fails on every seed, with runs as short as can be.
const SWEEP: [&str; 17] = [
    "sweep",
    "scenarios/quickstart.toml",
    "scenarios/honest/calm.toml",
    "--seeds",
    "3..9",
    "--jobs",
    "2",
    "--set",
    "adversary=[]",
    "--set",
    "workload.bundles=30",
    "--set",
    "topology.clients=6",
    "--set",
    "topology.crypto=modelled",
    "--set",
    "topology.storage=modelled",
];
const RUNS: usize = 12;

/// A directory that is gone after the test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn sweep_to(out: &str, more: &[&str]) -> Output {
    sim(&[&SWEEP[..], &["--out", out], more].concat())
}

/// What must be the same however a sweep was run: its screen and its result files.
fn results(output: &Output, directory: &Path) -> Vec<String> {
    let files = ["run.csv", "sweep.json", "junit.xml"];
    let files = files.iter().map(|file| fs::read_to_string(directory.join(file)).unwrap());
    files.chain([text(&output.stdout)]).collect()
}

fn journal(directory: &Path) -> String {
    fs::read_to_string(directory.join("journal.jsonl")).unwrap_or_default()
}

/// Starts a sweep and kills it when it is half through; then leaves a torn line behind, as a kill amid a write does.
fn sweep_half(out: &str) {
    let mut child = command(&[&SWEEP[..], &["--out", out]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while journal(out.as_ref()).lines().count() < 1 + RUNS / 2 {
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before it was half through");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let path = Path::new(out).join("journal.jsonl");
    let whole = journal(out.as_ref());
    let torn = &whole.lines().last().unwrap()[..40];
    fs::write(path, format!("{whole}{torn}")).unwrap();
}

#[test]
fn killed_half_way_and_resumed_or_as_four_shards_merged_a_sweep_gives_the_same_bytes() {
    let scratch = Scratch::new();
    let whole = sweep_to(&scratch.name("whole"), &[]);
    assert_eq!(whole.status.code(), Some(1), "{}", text(&whole.stderr));
    let expected = results(&whole, &scratch.path("whole"));
    assert!(expected[3].starts_with("12 runs, 6 held, 6 violated\n"), "{}", expected[3]);

    sweep_half(&scratch.name("resumed"));
    assert!(journal(&scratch.path("resumed")).lines().count() < 1 + RUNS);
    let resumed = sweep_to(&scratch.name("resumed"), &[]);
    assert_eq!(results(&resumed, &scratch.path("resumed")), expected);

    let shards: Vec<String> = (1..=4).map(|index| scratch.name(&format!("shard{index}"))).collect();
    for (index, shard) in shards.iter().enumerate() {
        sweep_to(shard, &["--shard", &format!("{}/4", index + 1)]);
    }
    let (merged, mut arguments) = (scratch.name("merged"), vec!["merge", "--out"]);
    arguments.push(&merged);
    arguments.extend(shards.iter().map(String::as_str));
    let output = sim(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(results(&output, &scratch.path("merged")), expected);
}

#[test]
fn a_journal_of_another_sweep_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    sweep_to(&scratch.name("out"), &["--for", "0s"]);
    let before = journal(&scratch.path("out"));
    let changes: [&[&str]; 4] =
        [&["--shard", "1/2"], &["--set", "workload.bundles=31"], &["--plant", "two-instances"], &["--chaos"]];
    for (change, what) in changes.iter().zip(["shard", "scenarios", "planted bug", "scenarios"]) {
        let output = sweep_to(&scratch.name("out"), change);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("journal of another sweep") && said.contains(what), "{said}");
        assert_eq!(journal(&scratch.path("out")), before);
    }
}

#[test]
fn results_of_others_are_neither_swept_nor_merged_over() {
    let scratch = Scratch::new();
    let refused = |output: Output, why: &str| {
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains(why), "{said}");
    };
    let (out, shard) = (scratch.name("out"), scratch.name("shard"));
    fs::create_dir(&out).unwrap();
    for name in ["run.csv", "junit.xml"] {
        fs::write(scratch.path("out").join(name), "precious").unwrap();
        refused(sweep_to(&out, &["--for", "0s"]), &format!("{name}: a sweep would replace this"));
        assert!(!scratch.path("out").join("journal.jsonl").exists());
        refused(sim(&["merge", "--out", &out, &shard]), &format!("{name}: a merge would replace this"));
        assert_eq!(fs::read_to_string(scratch.path("out").join(name)).unwrap(), "precious");
        fs::remove_file(scratch.path("out").join(name)).unwrap();
    }
    sweep_to(&shard, &["--for", "0s"]);
    refused(sim(&["merge", "--partial", "--out", &shard, &shard]), "run.csv: a merge would replace this");
    for _ in 0..2 {
        let output = sim(&["merge", "--partial", "--out", &out, &shard]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    refused(sweep_to(&out, &["--for", "0s"]), "run.csv: a sweep would replace this");
}

#[test]
fn a_journal_with_a_wrong_line_is_refused_with_its_place() {
    let scratch = Scratch::new();
    sweep_to(&scratch.name("out"), &["--for", "0s"]);
    let header = journal(&scratch.path("out"));
    for (line, why) in [("{\"key\":[0,0]}", "missing field"), ("garbage", "expected value")] {
        fs::write(scratch.path("out").join("journal.jsonl"), format!("{header}{line}\n")).unwrap();
        let output = sweep_to(&scratch.name("out"), &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("journal.jsonl:2: ") && said.contains(why), "{said}");
    }
}

#[test]
fn a_sweep_out_of_time_says_how_far_it_came_and_goes_on_later() {
    let scratch = Scratch::new();
    let output = sweep_to(&scratch.name("out"), &["--for", "0s"]);
    assert_eq!(output.status.code(), Some(0), "nothing was violated");
    assert!(text(&output.stderr).contains("stopped after 0 of 12 runs; the same command goes on"));
    assert!(text(&output.stdout).starts_with("0 of 12 runs, "));
    let output = sweep_to(&scratch.name("out"), &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["runs"].as_u64(), json["violated"].as_u64()), (Some(12), Some(6)));
    for speed in ["seeds_per_s", "seeds_per_minute_and_core", "virtual_s_per_wall_s"] {
        assert!(json[speed].as_f64().unwrap() > 0.0, "{speed}");
    }
    assert_eq!(json["signatures"], serde_json::json!({ "expected": 6 }));
    let virtual_s = |seed: u64| {
        let rows = fs::read_to_string(scratch.path("out").join("run.csv")).unwrap();
        let row =
            rows.lines().find(|row| row.starts_with(&format!("scenarios/quickstart.toml,{seed},"))).unwrap();
        row.rsplit(',').next().unwrap().parse::<f64>().unwrap()
    };
    let seeds: Vec<u64> =
        json["failures"].as_array().unwrap().iter().map(|one| one["seed"].as_u64().unwrap()).collect();
    assert!(seeds.is_sorted_by_key(|seed| virtual_s(*seed)), "the cheapest first: {seeds:?}");
}

#[test]
fn a_journal_torn_in_its_first_line_is_begun_again_and_another_file_is_left_as_it_is() {
    let scratch = Scratch::new();
    sweep_to(&scratch.name("out"), &["--for", "0s"]);
    let first = journal(&scratch.path("out"));
    let path = scratch.path("out").join("journal.jsonl");
    for torn in ["", &first[..1], &first[..40], &first[..first.len() - 1]] {
        fs::write(&path, torn).unwrap();
        let output = sweep_to(&scratch.name("out"), &["--for", "0s"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(journal(&scratch.path("out")), first);
    }
    fs::write(&path, "precious").unwrap();
    let output = sweep_to(&scratch.name("out"), &["--for", "0s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("journal.jsonl:1: not a line"), "{}", text(&output.stderr));
    assert_eq!(journal(&scratch.path("out")), "precious");
}

#[test]
fn junit_xml_that_has_no_place_is_refused_before_the_sweep() {
    let scratch = Scratch::new();
    let directory = scratch.0.path().display().to_string();
    let output = sim(&[&SWEEP[..], &["--junit", &directory]].concat());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).contains("cannot write"), "{}", text(&output.stderr));
    let output = sim(&[&SWEEP[..], &["--for", "0s", "--junit", &scratch.name("new/junit.xml")]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(scratch.path("new/junit.xml").is_file());
}

#[test]
fn shards_that_overlap_or_miss_are_refused() {
    let scratch = Scratch::new();
    let (one, two) = (scratch.name("one"), scratch.name("two"));
    sweep_to(&one, &["--shard", "1/2"]);
    sweep_to(&two, &["--shard", "2/2", "--for", "0s"]);
    let refused = |arguments: &[&str], why: &str| {
        let output = sim(&[&["merge"], arguments].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    };
    refused(&[&one, &one], "overlap: shards 1/2 and 1/2");
    refused(&[&one], "shard 2/2 is missing");
    refused(&[&one, &two], "shard 2/2 has 0 of 6 runs");
    let other = scratch.name("other");
    sim(&["sweep", SWEEP[1], SWEEP[2], "--seeds", "0..5", "--for", "0s", "--out", &other]);
    refused(&[&one, &other], "are not of one sweep: the second has ");
    let seeds = scratch.name("seeds");
    let overlapping = SWEEP.map(|word| if word == "3..9" { "5..11" } else { word });
    sim(&[&overlapping[..], &["--for", "0s", "--out", &seeds]].concat());
    refused(&[&one, &seeds], "the second has seeds \"5..11\", not \"3..9\"");
    refused(&[&scratch.name("nowhere")], "nowhere/journal.jsonl: cannot read");
    let partial = sim(&["merge", "--partial", &one]);
    assert!(text(&partial.stdout).starts_with("6 of 12 runs, "), "{}", text(&partial.stdout));
}

#[test]
fn a_point_that_is_never_reached_fails_a_sweep_that_requires_all() {
    let output = sim(&[&SWEEP[..], &["--require-coverage", "--for", "0s"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("never reached: a bundle was refused"));
    let output = sim(&[&SWEEP[..], &["--require-coverage", "--shard", "1/2"]].concat());
    assert_eq!(output.status.code(), Some(2), "a shard need not reach everything: merge asks");
}

#[test]
fn real_time_in_a_run_is_noticed_and_where_it_first_showed_is_named() {
    let once =
        ["sweep", "scenarios/honest/calm.toml", "--seeds", "0..1", "--json", "--set", "workload.bundles=30"];
    assert_eq!(sim(&once).status.code(), Some(0));
    let output = sim(&[&once[..], &["--plant", "wall-clock"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let failure = &json["failures"][0];
    assert_eq!(failure["signature"], "nondeterminism");
    let why = failure["why"].as_str().unwrap();
    assert!(why.contains("first difference ") && why.contains(" ms into the run, at "), "{why}");
    assert!(failure["replay"].as_str().unwrap().ends_with("--plant wall-clock"));
}

#[test]
fn an_unknown_plant_and_no_shard_are_refused_with_what_there_is() {
    for (arguments, said) in [(["--plant", "gremlin"], "lost-synced-writes"), (["--shard", "5/4"], "1/4")] {
        let output = sim(&[&SWEEP[..], &arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

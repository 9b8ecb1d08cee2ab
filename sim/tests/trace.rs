//! The history of a run, printed and exported: the formats are read back as their viewers do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{collections::BTreeMap, fs};

use sim::trace::{HEADER, shiviz::EXPRESSION};
use support::{sim, text};

const RUN: [&str; 8] = [
    "replay",
    "scenarios/quickstart.toml",
    "--seed",
    "7",
    "--set",
    "topology.crypto=modelled",
    "--set",
    "workload.bundles=300",
];

/// The lines of a replay that are events.
fn events(more: &[&str]) -> Vec<String> {
    let output = sim(&[&RUN[..], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let lines = said.strip_prefix(HEADER).unwrap().lines();
    lines.filter(|line| !line.starts_with("fingerprint")).map(str::to_owned).collect()
}

#[test]
fn a_history_has_fixed_columns_and_is_shown_by_node_client_and_bundle() {
    let node_at = HEADER.find("node").unwrap();
    let all = events(&[]);
    let at =
        |lines: &[String], node: &str| lines.iter().filter(|line| line[node_at..].starts_with(node)).count();
    assert!(at(&all, "world ") > 0 && at(&all, "sequencer ") > 0);
    let incoming = events(&["--node", "incoming/0"]);
    assert!(!incoming.is_empty() && at(&incoming, "incoming/0 ") == incoming.len());
    assert_eq!(incoming.len(), at(&all, "incoming/0 "));
    let two = events(&["--node", "sequencer", "--client", "client/3"]);
    assert_eq!(two.len(), at(&all, "sequencer ") + at(&all, "client/3 "));
    let bundle = events(&["--bundle", "client/3:0"]);
    for event in ["submits", "promises", "appends", "receipt", "delivery"] {
        assert!(bundle.iter().any(|line| line.contains(event)), "{event} in {bundle:#?}");
    }
}

#[test]
fn what_names_no_node_client_bundle_or_format_is_refused() {
    for wrong in
        [["--node", "somebody"], ["--client", "mailbox/0"], ["--bundle", "client/3"], ["--trace", "svg"]]
    {
        let output = sim(&[&RUN[..], &wrong].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{wrong:?}");
    }
}

#[test]
fn every_arrow_of_a_perfetto_trace_has_a_begin_and_an_end_on_slices() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.json");
    events(&["--trace", &format!("perfetto={}", file.display()), "--bundle", "client/0:0"]);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let entries = json["traceEvents"].as_array().unwrap();
    let of = |ph: &str| entries.iter().filter(|entry| entry["ph"] == ph).collect::<Vec<_>>();
    let track = |entry: &serde_json::Value| (entry["pid"].as_u64().unwrap(), entry["tid"].as_u64().unwrap());
    let place = |entry: &serde_json::Value| (track(entry), entry["ts"].as_f64().unwrap().to_bits());
    let slices: std::collections::BTreeSet<_> = of("X").into_iter().map(place).collect();
    let ends: BTreeMap<u64, _> = of("f").into_iter().map(|end| (end["id"].as_u64().unwrap(), end)).collect();
    let begins = of("s");
    assert!(begins.len() > 1000 && begins.len() == ends.len());
    for begin in begins {
        let end = ends[&begin["id"].as_u64().unwrap()];
        assert!(begin["ts"].as_f64() < end["ts"].as_f64(), "{begin} {end}");
        assert!(slices.contains(&place(begin)) && slices.contains(&place(end)), "{begin} {end}");
    }
    let names: Vec<&str> = of("M").into_iter().map(|entry| entry["args"]["name"].as_str().unwrap()).collect();
    assert!(["faults", "attacks", "client/11", "sequencer", "turns"].iter().all(|name| names.contains(name)));
    assert!(of("X").iter().any(|slice| slice["name"].as_str().unwrap().starts_with("crash ")));
    assert!(of("X").iter().any(|slice| slice["name"] == "turn") && !of("i").is_empty());
}

#[test]
fn the_vector_clocks_of_a_shiviz_log_grow_and_know_no_future() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace.log");
    events(&["--trace", &format!("shiviz={}", file.display()), "--bundle", "client/0:0"]);
    let log = fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[..2], [EXPRESSION, ""]);
    let mut clocks: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    let mut edges = 0;
    for pair in lines[2..].chunks(2) {
        let (host, clock) = pair[0].split_once(' ').unwrap();
        assert!(!pair[1].is_empty());
        let clock: BTreeMap<String, u64> = serde_json::from_str(clock).unwrap();
        let before = clocks.insert(host, clock.clone()).unwrap_or_default();
        assert_eq!(clock[host], before.get(host).unwrap_or(&0) + 1, "{host} counts its own events");
        assert!(before.iter().all(|(other, count)| clock[other] >= *count), "{host} forgets nothing");
        for (other, count) in clock.iter().filter(|(other, _)| *other != host) {
            let theirs = clocks.get(other.as_str()).map_or(0, |clock| clock[other]);
            assert!(*count <= theirs, "{host} knows {count} of {other}, who has done {theirs}");
            edges += usize::from(before.get(other).unwrap_or(&0) < count);
        }
    }
    assert!(edges > 1000, "{edges}");
}

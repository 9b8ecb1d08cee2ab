//! Values given on the command line.

use super::*;

/// Each override of a scenario with one fault, and what is said about it.
const WRONG: &[(&str, &str)] = &[
    ("workload.bundles", "this sets nothing: write --set key=value, such as --set workload.bundles=50"),
    ("=5", "this sets nothing: write --set key=value, such as --set workload.bundles=50"),
    ("a..b=5", "this sets nothing: write --set key=value, such as --set workload.bundles=50"),
    (
        "workload.bundles=abc",
        "bundles must be a whole number, not \"abc\": write a whole number such as 12, or a range such as \"3..9\"",
    ),
    (
        "workload.bundels=5",
        "unknown key \"bundels\" in [workload], did you mean \"bundles\"? known keys: bundles, rate, closed, \
         per_request, warm_up, recipients, payload",
    ),
    ("network.loss=2", "loss must lie in 0..=1"),
    ("topology.clients=9..3", "clients is a range upside down: write \"3..9\""),
    (
        "fault.0.actor=handler/1",
        "there is no handler/1: the smallest topology of this scenario has handler/0",
    ),
    (
        "fault.1.actor=handler/0",
        "there is no fault.1: the scenario has 1, counted from 0; to replace them all, set fault=[…]",
    ),
    (
        "adversary.0.actor=mailbox/0",
        "there is no adversary.0: the scenario has 0, counted from 0; to replace them all, set adversary=[…]",
    ),
    ("fault.0.at.x=1", "fault.0.at is no table, nothing can be set inside it: set fault.0.at itself"),
    (
        "adversary=[{ actor = \"mailbox/0\" }]",
        "an adversary needs the key \"attack\": write attack = \"swap-deliveries\"",
    ),
];

#[test]
fn every_mistake_in_an_override_names_the_override() {
    for (set, message) in WRONG {
        assert_eq!(wrong_with(FAULT, &[set]), format!("--set {set}: {message}"));
    }
}

#[test]
fn overrides_replace_values_of_the_file() {
    let file = format!("[workload]\nrate = \"5/s\"\n{FAULT}");
    let with = |sets| drawn(&file, sets);
    assert_eq!(with(&["workload.bundles=50"]).workload.bundles, 50);
    assert!((3..=9).contains(&with(&["topology.clients=3..9"]).topology.clients));
    assert!((3..=9).contains(&with(&["topology.clients=\"3..9\""]).topology.clients));
    assert_eq!(with(&["workload.closed=4"]).workload.pace, Pace::Closed { in_flight: 4 });
    assert_eq!(with(&["workload.per_request=8"]).workload.per_request, 8);
    assert_eq!(with(&["fault.0.actor=handler/0"]).faults[0].kind.name, "crash");
    assert_eq!(with(&["fault=[]", "adversary=[]"]).faults, []);
    let added =
        with(&["adversary=[{ actor = \"mailbox/1\", attack = \"swap-deliveries\" }]", "adversary.0.from=2s"]);
    assert_eq!(added.adversaries[0].from_ns, 2_000_000_000);
    let both = wrong_with("", &["workload.closed=4", "workload.rate=5/s"]);
    assert!(both.contains("exclude each other"), "{both}");
}

//! The API suite of the server, the same that runs over real sockets, over simulated ones.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it stands")]

#[path = "../../server/tests/api/person.rs"]
mod person;
#[path = "../../server/tests/api/suite.rs"]
mod suite;

use person::Way;
use sim::{model::SimTasks, scenario::Scenario, world};

/// Real signatures, because the suite signs for itself.
const SCENARIO: &str = "# The server answers whoever asks it by hand.
[topology]
clients = 1
crypto = \"ed25519\"
[workload]
bundles = 0
";

fn every_client_is_served(sets: &[&str]) {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = Scenario::parse("suite", SCENARIO, &sets).unwrap_or_else(|error| panic!("{error}"));
    for seed in 0..3 {
        let visit = || {
            let visit = async |network| suite::all(&Way { network, spawn: SimTasks }).await;
            world::host(&scenario.draw(seed), seed, visit).unwrap().1
        };
        assert_eq!(visit(), visit(), "one seed, one run");
    }
}

#[test]
fn central_serves_every_client() {
    every_client_is_served(&["architecture=central", "topology.witnesses=0"]);
}

#[test]
fn multithreaded_serves_every_client() {
    every_client_is_served(&["architecture=multithreaded", "topology.witnesses=0"]);
}

#[test]
fn parallel_serves_every_client() {
    every_client_is_served(&["topology.incoming=2", "topology.mailboxes=2", "topology.witnesses=1"]);
}

#[test]
fn links_that_lose_packets_change_nothing_for_the_suite() {
    every_client_is_served(&["network.loss=0.02", "topology.witnesses=1"]);
}

//! The API suites of the server, the same that run over real sockets, over simulated ones; and what becomes of clients that sign
//! nothing when power fails.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it stands")]

#[path = "../../server/tests/api/devices.rs"]
mod devices;
#[path = "../../server/tests/api/person.rs"]
mod person;
#[path = "../../server/tests/api/suite.rs"]
mod suite;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use devices::try_ask;
use futures_util::future::{join, join3};
use hyper::{Method, StatusCode};
use person::Way;
use serde_json::{Value, json};
use server::http::client::Answer;
use sim::{
    control::Weakness,
    model::{SimTasks, clock::VirtualTime, network::SimNetwork},
    random::Streams,
    scenario::Scenario,
    world::{self, Guest},
};

/// Real signatures, because the suites sign for themselves.
const SCENARIO: &str = "# The server answers whoever asks it by hand.
[topology]
clients = 1
crypto = \"ed25519\"
[workload]
bundles = 0
";

/// Whatever a guest does comes out the same with the same seed.
fn visited<T, F>(
    sets: &[&str],
    seed: u64,
    weakness: Weakness,
    visit: impl Fn(Guest) -> F + Clone + Send + 'static,
) -> T
where
    T: PartialEq + std::fmt::Debug + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = Scenario::parse("suite", SCENARIO, &sets).unwrap_or_else(|error| panic!("{error}"));
    let drawn = scenario.draw(seed);
    let [first, second] =
        [visit.clone(), visit].map(|visit| world::host(&drawn, seed, weakness, visit).unwrap());
    assert_eq!(first, second, "one seed, one run");
    first.0
}

fn every_client_is_served(sets: &[&str]) {
    for seed in 0..3 {
        visited(sets, seed, Weakness::None, async |Guest { network, .. }| {
            suite::all(&Way { network, spawn: SimTasks }).await;
        });
        visited(sets, seed, Weakness::None, async |Guest { network, .. }| {
            devices::all(&Way { network, spawn: SimTasks }).await;
        });
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
fn links_that_lose_packets_change_nothing_for_the_suites() {
    every_client_is_served(&["network.loss=0.02", "topology.witnesses=1"]);
}

const MILLISECOND_NS: u64 = 1_000_000;
/// Messages that a device sends, one after another.
const MESSAGES: usize = 40;
/// One-time keys that a device has.
const KEYS: usize = 40;
/// When somebody who waits for something gives up.
const GIVEN_UP_NS: u64 = 60_000 * MILLISECOND_NS;
/// How often power fails meanwhile.
const FAILURES: u64 = 12;

/// A device that asks until it is answered.
struct Stubborn {
    way: Way<SimNetwork, SimTasks>,
    time: VirtualTime,
}

impl Stubborn {
    async fn pause(&self, ms: u64) {
        self.time.sleep_until(self.time.now_ns() + ms * MILLISECOND_NS).await;
    }

    async fn until_answered(&self, device: &str, method: Method, path: &str, body: Value) -> Option<Answer> {
        while self.time.now_ns() < GIVEN_UP_NS {
            match try_ask(&self.way, device, method.clone(), path, body.clone()).await {
                Ok(answer) if answer.status != StatusCode::SERVICE_UNAVAILABLE => return Some(answer),
                _ => self.pause(5).await,
            }
        }
        None
    }

    /// How many were acknowledged.
    async fn send_all(&self) -> usize {
        for number in 0..MESSAGES {
            let batch = json!({ "batch": [{ "deviceId": "bob", "payload": number }] });
            let Some(sent) = self.until_answered("ann", Method::POST, "/message", batch).await else {
                return number;
            };
            assert_eq!(sent.status, StatusCode::OK, "{}", sent.told());
        }
        MESSAGES
    }

    /// Reads the first message and deletes it, until the last that was sent; what came, in order.
    async fn read_all(&self) -> Vec<(u64, usize)> {
        let mut had: Vec<(u64, usize)> = Vec::new();
        while had.last().is_none_or(|(_, text)| *text < MESSAGES - 1) {
            let held = self.until_answered("bob", Method::GET, "/self/messages", Value::Null).await;
            let Some(held) = held else { break };
            let Some(first) = devices::read(&held).as_array().unwrap().first().cloned() else {
                self.pause(3).await;
                continue;
            };
            let number = first["seqID"].as_u64().unwrap();
            had.push((number, first["encPayload"].as_u64().unwrap() as usize));
            let upto = json!({ "seqID": number });
            self.until_answered("bob", Method::DELETE, "/self/messages", upto).await;
        }
        had
    }

    /// Takes one-time keys until there are no more.
    async fn take_keys(&self) -> Vec<String> {
        let keys: Value = (0..KEYS).map(|key| (key.to_string(), json!(key.to_string()))).collect();
        self.until_answered("cid", Method::POST, "/self/otkeys", keys).await;
        let mut taken = Vec::new();
        loop {
            let path = "/devices/otkey?device_id=cid";
            let answer = self.until_answered("dan", Method::GET, path, Value::Null).await;
            let Some(answer) = answer.filter(|answer| answer.status == StatusCode::OK) else {
                return taken;
            };
            taken.push(devices::read(&answer)["otkey"].as_str().unwrap().to_owned());
            self.pause(20).await;
        }
    }
}

/// What devices had while power failed.
#[derive(Debug, PartialEq)]
struct Had {
    /// How many messages were acknowledged.
    sent: usize,
    /// Number and text of each message.
    messages: Vec<(u64, usize)>,
    keys: Vec<String>,
    failures: u64,
}

impl Had {
    /// What a device was told and is not so.
    fn broken_promise(&self) -> Option<String> {
        let Had { sent, messages, keys, failures } = self;
        // what is sent again after no answer may come twice, and nothing else
        let numbers: Vec<u64> = messages.iter().map(|(number, _)| *number).collect();
        let texts: BTreeSet<usize> = messages.iter().map(|(_, text)| *text).collect();
        let different: BTreeSet<&String> = keys.iter().collect();
        let promises = [
            (
                "a message comes back, or one is left out",
                numbers == (1..=numbers.len() as u64).collect::<Vec<_>>(),
            ),
            ("messages are out of order", messages.is_sorted_by_key(|(_, text)| *text)),
            ("an acknowledged message is lost", texts.is_superset(&(0..*sent).collect())),
            ("a key is handed out twice", different.len() == keys.len()),
            // one is lost where its answer is: at most as often as power fails
            ("a key is lost", keys.len() as u64 + failures >= KEYS as u64),
        ];
        promises.iter().find(|(_, kept)| !kept).map(|(broken, _)| format!("{broken}: {self:?}"))
    }
}

fn through_failures(seed: u64, weakness: Weakness) -> Had {
    let storage = ["topology.storage=redb", "topology.storage=modelled"][seed as usize % 2];
    let sets = ["topology.incoming=2", "topology.mailboxes=2", "topology.witnesses=1", storage];
    visited(&sets, seed, weakness, move |guest| use_and_fail(guest, seed))
}

/// Two devices and keys are used while power fails.
async fn use_and_fail(guest: Guest, seed: u64) -> Had {
    let Guest { network, time, mains } = guest;
    let device = Stubborn { way: Way { network, spawn: SimTasks }, time };
    let over = AtomicBool::new(false);
    let used = async {
        let used = join3(device.read_all(), device.send_all(), device.take_keys()).await;
        over.store(true, Ordering::Relaxed);
        used
    };
    let failing = async {
        let mut random = Streams::new(seed).stream("test");
        let mut failures = 0;
        while failures < FAILURES && !over.load(Ordering::Relaxed) {
            device.pause(random.within(10..=80)).await;
            mains.fail();
            failures += 1;
        }
        failures
    };
    let ((messages, sent, keys), failures) = join(used, failing).await;
    Had { sent, messages, keys, failures }
}

#[test]
fn what_devices_were_told_is_so_whenever_power_fails() {
    for seed in 0..8 {
        let had = through_failures(seed, Weakness::None);
        assert_eq!(had.broken_promise(), None);
        assert_eq!(
            (had.sent, had.failures),
            (MESSAGES, FAILURES),
            "all was sent, and power failed as often as it should"
        );
    }
}

#[test]
fn of_a_mailroom_that_is_not_synced_it_is_not() {
    let broken = |seed| through_failures(seed, Weakness::UnsyncedWrites).broken_promise().is_some();
    assert!((0..8).any(broken));
}

//! Cost profiles: how long each operation takes on a machine, as `cargo sim calibrate` measured it.
//!
//! A profile is a TOML file. Every cost is in nanoseconds, and is a distribution ([`Cost`]) where what was measured had
//! a spread worth drawing. What an actor's step costs is put together from what the step's ledger counts.
//!
//! # Invariants
//! - Every cost of a profile is finite and not below zero: no run can be stopped or turned back by one.

mod cost;
mod file;
mod pace;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use server::{actor::Ledger, protocol::id::Role};

pub use cost::{Cost, PARTS, significant};
pub use file::{Impossible, ProfileError};

use crate::random::Stream;

/// What each operation costs on some machine, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Where it was measured, and how.
    pub machine: String,
    /// At which pace of the processors: how long the yardstick took, one check of a signature. 0 if nothing takes any time.
    pub pace: f64,
    /// Signatures.
    pub crypto: Crypto,
    /// What is proportional to bytes.
    pub bytes: Bytes,
    /// Durable writes.
    pub disk: Disk,
    /// From what is said to somebody on the same machine, who sleeps, until that hears it: through sockets, and threads that must wake.
    pub wake: Cost,
    /// How late a timer rings.
    pub timer: Cost,
    /// When a core is not there: a rented machine is a part of a larger one, which gives its cores to others, too. None where they
    /// are there all the time, or where that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Pauses>,
    /// What the tasks of a connection's two ends do when what was said to a peer is written to it, and read.
    #[serde(default)]
    pub link: f64,
    /// The HTTP API.
    pub http: Http,
    /// What an actor computes besides, by role; of a role that is not listed as of `other`.
    pub role: BTreeMap<String, Handling>,
}

/// Signatures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Crypto {
    /// One signature.
    pub sign: Cost,
    /// Checking one signature alone.
    pub verify: Cost,
    /// Checking one signature of a batch: the size of the batch, and what a signature takes, from small to large.
    pub batch: Vec<(f64, Cost)>,
}

/// What is proportional to bytes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// Hashing one.
    pub hash: Cost,
    /// Encoding or decoding one, and moving it through the system.
    pub code: Cost,
}

/// Durable writes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// What the processor does for a transaction.
    pub commit: Cost,
    /// In how many turns: between two of them a thread sleeps, until another thread or the disk wakes it.
    pub turns: f64,
    /// Writing one byte.
    pub byte: f64,
    /// Syncing: the disk is busy, the processor is not.
    pub sync: Cost,
    /// When nothing is synced: a rented disk stands still from time to time. None where it does not, or where that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standstills: Option<Pauses>,
}

/// Something is not there from time to time, whether or not it is asked for anything.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pauses {
    /// How often a second.
    pub per_s: f64,
    /// For how long.
    pub ns: Cost,
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// What the server does for a request, from the socket to the actor and back.
    pub request: Cost,
    /// What the server does for each bundle that is handed in with it.
    #[serde(default)]
    pub bundle: f64,
    /// What the server does for an event, however long: to find its reader, wake it and write.
    pub event: Cost,
    /// What the server does for each byte of an event.
    pub event_byte: f64,
    /// What a client does for a request.
    pub ask: Cost,
    /// What a client does for each bundle that it hands in with it.
    #[serde(default)]
    pub hand_in: f64,
    /// What a client does for an event, however long.
    pub hear: Cost,
    /// What a client does for each byte of an event.
    pub hear_byte: f64,
    /// By which factor the server took more or less than all that.
    #[serde(default = "Cost::one", skip_serializing_if = "Cost::is_one")]
    pub spread: Cost,
    /// By which factor the clients did.
    #[serde(default = "Cost::one", skip_serializing_if = "Cost::is_one")]
    pub client_spread: Cost,
}

/// What an actor computes besides signatures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Handling {
    /// A step, whatever is in it: waking up, looking around.
    pub step: f64,
    /// Each input of a step.
    pub input: f64,
    /// Each message that a step sends.
    #[serde(default)]
    pub output: f64,
    /// Each byte that a step takes in or sends, and whoever serves clients beside it.
    pub byte: f64,
    /// Each byte of a step besides, where others share its caches and wait for what it sends.
    #[serde(default)]
    pub step_byte: f64,
    /// By which factor a step took more or less than that.
    pub spread: Cost,
}

/// The role whose handling stands for those not listed.
pub const OTHER: &str = "other";

/// Measured on a 2-core cloud machine; the file says which.
const DEFAULT: &str = include_str!("default.toml");

impl Profile {
    /// The profile that comes with the simulator.
    pub fn standard() -> Profile {
        Profile::parse(DEFAULT).expect("the profile that comes with the program is one: a test reads it")
    }

    /// Everything is free: what remains is the network.
    pub fn zero() -> Profile {
        let free = || Cost::always(0.0);
        let other = Handling { spread: Cost::one(), ..Handling::NOTHING };
        Profile {
            machine: "none: nothing takes any time".to_owned(),
            pace: 0.0,
            crypto: Crypto { sign: free(), verify: free(), batch: vec![(1.0, free())] },
            bytes: Bytes { hash: free(), code: free() },
            disk: Disk { commit: free(), turns: 1.0, byte: 0.0, sync: free(), standstills: None },
            wake: free(),
            timer: free(),
            withheld: None,
            link: 0.0,
            http: Http {
                request: free(),
                bundle: 0.0,
                event: free(),
                event_byte: 0.0,
                ask: free(),
                hand_in: 0.0,
                hear: free(),
                hear_byte: 0.0,
                spread: Cost::one(),
                client_spread: Cost::one(),
            },
            role: BTreeMap::from([(OTHER.to_owned(), other)]),
        }
    }

    /// The same machine, where signatures are free: what accountability costs is the difference.
    #[must_use]
    pub fn with_free_signatures(self) -> Profile {
        Profile { crypto: Profile::zero().crypto, ..self }
    }

    /// What actors of a role compute besides signatures.
    pub fn handling(&self, role: &str) -> &Handling {
        static NOTHING: Handling = Handling::NOTHING;
        self.role.get(role).or_else(|| self.role.get(OTHER)).unwrap_or(&NOTHING)
    }
}

impl Pauses {
    /// As they were seen in so much time; none if none was.
    pub fn of(pauses_ns: Vec<u64>, watched_ns: u64) -> Option<Pauses> {
        let per_s = significant(pauses_ns.len() as f64 * 1e9 / watched_ns as f64);
        let ns = Cost::of_samples(pauses_ns.into_iter().map(|ns| ns as f64).collect())?;
        Some(Pauses { per_s, ns })
    }

    /// The next one after a time: when it begins, and when it ends.
    pub fn next(&self, after_ns: u64, random: &mut Stream) -> (u64, u64) {
        if self.per_s <= 0.0 {
            return (u64::MAX, u64::MAX);
        }
        let pause_ns = random.exponential(1e9 / self.per_s);
        let begins_ns = after_ns.saturating_add(pause_ns as u64);
        (begins_ns, begins_ns.saturating_add(self.ns.draw(random) as u64))
    }
}

impl Handling {
    /// What somebody computes whose work takes no time.
    pub const NOTHING: Handling =
        Handling { step: 0.0, input: 0.0, output: 0.0, byte: 0.0, step_byte: 0.0, spread: Cost::NOTHING };
}

impl Disk {
    /// The turns of a processor that a transaction takes: one at least.
    pub fn whole_turns(&self) -> u64 {
        self.turns.round().max(1.0) as u64
    }
}

impl Crypto {
    /// What checking so many signatures as one batch takes on average.
    pub fn batch_mean_ns(&self, count: u64) -> f64 {
        self.batch_ns(count, Cost::mean)
    }

    /// Draws what it takes: whether a batch is a fast or a slow one does not depend on its size.
    pub fn draw_batch(&self, count: u64, random: &mut Stream) -> f64 {
        let varies = count > 0 && self.batch.iter().any(|(_, each)| each.varies());
        let share = if varies { random.unit() } else { 0.0 };
        self.batch_ns(count, |each| each.at(share))
    }

    /// By the measured sizes next to it, between them in proportion.
    fn batch_ns(&self, count: u64, of: impl Fn(&Cost) -> f64) -> f64 {
        let size = count as f64;
        let above = self.batch.iter().position(|(measured, _)| *measured >= size);
        let each = match (above, self.batch.last()) {
            (Some(0), _) => of(&self.batch[0].1),
            (Some(above), _) => {
                let ((low, slow), (high, fast)) = (&self.batch[above - 1], &self.batch[above]);
                let (slow, fast) = (of(slow), of(fast));
                slow + (fast - slow) * (size - low) / (high - low)
            }
            (None, last) => last.map_or(0.0, |(_, each)| of(each)),
        };
        size * each
    }
}

/// What a step costs: what one thread does, and what can be divided among cores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepCost {
    /// Nanoseconds of one core.
    pub alone_ns: f64,
    /// Nanoseconds of one core that others may take a share of: batches of signatures.
    pub shared_ns: f64,
}

impl Profile {
    /// Draws what a step of somebody of this role costs. Of transactions it is one turn.
    pub fn draw_step(&self, role: &str, ledger: &Ledger, random: &mut Stream) -> StepCost {
        let handling = self.handling(role);
        let step_bytes = if ledger.steps > 0 { ledger.coded_bytes } else { 0 };
        let handled = ledger.steps as f64 * handling.step
            + ledger.inputs as f64 * handling.input
            + ledger.outputs as f64 * handling.output
            + ledger.coded_bytes as f64 * handling.byte
            + step_bytes as f64 * handling.step_byte;
        let Http { request, bundle, event, event_byte, spread, .. } = &self.http;
        let Http { ask, hand_in, hear, hear_byte, client_spread, .. } = &self.http;
        let (request, bundle, event, event_byte, http_spread) = match role == Role::Client.name() {
            true => (ask, hand_in, hear, hear_byte, client_spread),
            false => (request, bundle, event, event_byte, spread),
        };
        let event_bytes = if ledger.events > 0 { ledger.coded_bytes } else { 0 };
        let spread = if handled > 0.0 { handling.spread.draw(random) } else { 1.0 };
        let asked = ledger.requests + ledger.bundles + ledger.events > 0;
        let http = if asked { http_spread.draw(random) } else { 1.0 };
        let alone_ns = handled * spread
            + self.crypto.sign.draw_sum(ledger.signed, random)
            + self.crypto.verify.draw_sum(ledger.verified, random)
            + self.disk.commit.draw_sum(ledger.commits, random) / self.disk.whole_turns() as f64
            + request.draw_sum(ledger.requests, random) * http
            + ledger.bundles as f64 * bundle * http
            + event.draw_sum(ledger.events, random) * http
            + event_bytes as f64 * event_byte * http
            + ledger.written as f64 * self.link
            + self.bytes.hash.draw_alike(ledger.hashed_bytes, random)
            + self.bytes.code.draw_alike(ledger.coded_bytes, random);
        StepCost { alone_ns, shared_ns: self.crypto.draw_batch(ledger.verified_batched, random) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::Streams;

    #[test]
    fn what_an_operation_costs_is_drawn_and_no_mean() {
        let mut profile = Profile::zero();
        profile.crypto.sign = Cost::of_samples(vec![1.0, 1000.0]).unwrap();
        let ledger = Ledger { signed: 1, ..Ledger::default() };
        let mut random = Streams::new(1).stream("cpu");
        let drawn: Vec<f64> =
            (0..100).map(|_| profile.draw_step("client", &ledger, &mut random).alone_ns).collect();
        assert!(drawn.contains(&1.0) && drawn.contains(&1000.0), "{drawn:?}");
        assert!(drawn.iter().all(|ns| [1.0, 1000.0].contains(ns)), "{drawn:?}");
    }

    #[test]
    fn a_batch_costs_what_was_measured_and_between_sizes_in_proportion() {
        let crypto = Crypto {
            sign: Cost::always(0.0),
            verify: Cost::always(0.0),
            batch: [(1.0, 40.0), (3.0, 20.0), (100.0, 10.0)]
                .map(|(size, ns)| (size, Cost::always(ns)))
                .to_vec(),
        };
        let [mut random, mut untouched] = [1, 1].map(|seed| Streams::new(seed).stream("cpu"));
        for (count, total) in [(0, 0.0), (1, 40.0), (2, 60.0), (3, 60.0), (100, 1000.0), (1000, 10_000.0)] {
            assert_eq!(crypto.batch_mean_ns(count), total, "{count}");
            assert_eq!(crypto.draw_batch(count, &mut random), total, "{count}");
        }
        assert_eq!(random.unit(), untouched.unit(), "where nothing varies nothing is drawn");
    }

    #[test]
    fn a_batch_is_a_fast_or_a_slow_one_of_any_size() {
        let each = |fast, slow| Cost::of_parts(vec![fast, slow]);
        let batch = vec![(1.0, each(40.0, 80.0)), (3.0, each(20.0, 60.0))];
        let crypto = Crypto { sign: Cost::always(0.0), verify: Cost::always(0.0), batch };
        let mut random = Streams::new(1).stream("cpu");
        let drawn: Vec<f64> = (0..100).map(|_| crypto.draw_batch(2, &mut random)).collect();
        assert!(drawn.contains(&60.0) && drawn.contains(&140.0), "{drawn:?}");
        assert!(drawn.iter().all(|ns| [60.0, 140.0].contains(ns)), "{drawn:?}");
        assert_eq!(crypto.batch_mean_ns(2), 100.0);
    }

    #[test]
    fn requests_and_bytes_take_more_or_less_as_they_were_measured() {
        let mut profile = Profile::zero();
        (profile.http.request, profile.http.ask) = (Cost::always(100.0), Cost::always(10.0));
        profile.http.spread = Cost::of_parts(vec![0.5, 1.5]);
        profile.bytes.code = Cost::of_parts(vec![1.0, 3.0]);
        let mut random = Streams::new(1).stream("cpu");
        let mut drawn = |role, ledger: Ledger| -> BTreeSet<u64> {
            (0..100).map(|_| profile.draw_step(role, &ledger, &mut random).alone_ns as u64).collect()
        };
        let (request, bytes) =
            (Ledger { requests: 2, ..Ledger::default() }, Ledger { coded_bytes: 10, ..Ledger::default() });
        assert_eq!(drawn("server", request), BTreeSet::from([100, 300]));
        assert_eq!(drawn("client", request), BTreeSet::from([20]), "clients have a spread of their own");
        assert_eq!(drawn("server", bytes), BTreeSet::from([10, 30]));
    }

    #[test]
    fn a_step_costs_what_its_ledger_counts() {
        let mut profile = Profile::zero();
        profile.crypto.sign = Cost::always(15.0);
        profile.crypto.verify = Cost::always(33.0);
        profile.crypto.batch = vec![(1.0, Cost::always(10.0))];
        profile.bytes = Bytes { hash: Cost::always(1.0), code: Cost::always(2.0) };
        let spread = Cost::always(2.0);
        let handling = Handling { step: 100.0, input: 10.0, output: 7.0, byte: 3.0, step_byte: 5.0, spread };
        profile.role.insert("mailbox".to_owned(), handling);
        profile.http.event = Cost::always(1000.0);
        profile.http.event_byte = 100.0;
        profile.link = 3000.0;
        profile.http.hear_byte = 500.0;
        let ledger = Ledger {
            steps: 1,
            events: 1,
            inputs: 4,
            outputs: 6,
            signed: 2,
            verified: 1,
            verified_batched: 5,
            hashed_bytes: 7,
            coded_bytes: 8,
            ..Ledger::default()
        };
        let cost = profile.draw_step("mailbox", &ledger, &mut Streams::new(1).stream("cpu"));
        assert_eq!(
            cost.alone_ns,
            2.0 * (100.0 + 40.0 + 42.0 + 24.0 + 40.0) + 30.0 + 33.0 + 7.0 + 16.0 + 1000.0 + 800.0
        );
        assert_eq!(cost.shared_ns, 50.0);
        let no_step = Ledger { coded_bytes: 8, ..Ledger::default() };
        let cost = profile.draw_step("mailbox", &no_step, &mut Streams::new(1).stream("cpu"));
        assert_eq!(cost.alone_ns, 2.0 * 24.0 + 16.0, "bytes of a step are none of others");
        let written = Ledger { written: 2, ..Ledger::default() };
        let cost = profile.draw_step("mailbox", &written, &mut Streams::new(1).stream("cpu"));
        assert_eq!(cost.alone_ns, 6000.0);
    }

    #[test]
    fn a_transaction_is_done_in_turns_that_come_to_all_of_it() {
        let mut profile = Profile::zero();
        (profile.disk.commit, profile.disk.turns) = (Cost::always(100.0), 4.6);
        let ledger = Ledger { commits: 1, ..Ledger::default() };
        let turn = profile.draw_step("server", &ledger, &mut Streams::new(1).stream("cpu"));
        assert_eq!((profile.disk.whole_turns(), turn.alone_ns), (5, 20.0));
        assert_eq!(Profile::zero().disk.whole_turns(), 1);
    }

    #[test]
    fn nothing_costs_anything_where_everything_is_free() {
        let zero = Profile::zero();
        let ledger =
            Ledger { inputs: 4, signed: 2, verified_batched: 9, coded_bytes: 8, ..Ledger::default() };
        let cost = zero.draw_step("client", &ledger, &mut Streams::new(1).stream("cpu"));
        assert_eq!(cost, StepCost::default());
    }
}

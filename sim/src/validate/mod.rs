//! Validation: the simulator against the real server, under the same loads on the same machine.
//!
//! For each architecture the real server's peak is measured, in a closed loop, and right after it shares of that peak, in an open
//! loop; so again and again, and the loads by which requests are calibrated in between, for a machine that has neighbours is another
//! one after some minutes: three quarters of a peak of then may be more than it can do. The twin in the simulator runs under the same loads, and
//! what it predicts is compared with what was measured.
//!
//! How fast the machine is at the moment is measured beside each load ([`crate::calibrate::pace`]), and the twin has that pace; what
//! was measured of the server stays as it is.

mod measurements;
mod page;

use reports::{stats, summary::Summary};
use serde::Serialize;

use measurements::Run;
pub use measurements::{Measurements, MeasurementsError};
pub use page::{files, page};

use crate::{
    calibrate::CalibrateError,
    model::costs::Profile,
    outcome::Outcome,
    real::{self, Load, Measured, RealError, twin},
    scenario::{Architecture, ScenarioError},
};

/// Connections, in the closed and the open loop.
pub const CONNECTIONS: u32 = 64;
/// Shares of the peak at which latency is compared, in per cent.
pub const SHARES: [u32; 4] = [25, 50, 75, 90];
/// A server that serves less of what it is offered is overloaded, in per cent: what waits grows while the load lasts.
const KEEPS_UP: f64 = 97.0;
/// Milliseconds of an epoch.
const EPOCH_MS: u32 = 5;
/// Bytes of each payload.
const PAYLOAD_BYTES: u32 = 64;
/// Architectures that are compared.
pub const ARCHITECTURES: [Architecture; 3] =
    [Architecture::Central, Architecture::Multithreaded, Architecture::Parallel];

/// The command, as the page says it.
pub const COMMAND: &str = "cargo sim validate";
/// Name of the file with what the twins' operations cost.
pub const PROFILE_FILE: &str = "profile.toml";
/// Name of the file with what was measured.
pub const MEASURED_FILE: &str = "measured.json";

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The real server.
    #[error(transparent)]
    Real(#[from] RealError),
    /// Its twin.
    #[error(transparent)]
    Twin(#[from] ScenarioError),
    /// The machine cannot be calibrated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// What was measured before.
    #[error(transparent)]
    Measurements(#[from] MeasurementsError),
}

/// What was predicted and what was measured of one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// By the simulator.
    pub predicted: f64,
    /// On the real server, each time.
    pub measured: Vec<f64>,
}

impl Pair {
    /// What counts of what was measured.
    pub fn median(&self) -> f64 {
        median(self.measured.iter().copied())
    }

    /// The least that was measured, the median, the most.
    pub fn range(&self) -> [f64; 3] {
        let middle = self.median();
        let ends = |pick: fn(f64, f64) -> f64| self.measured.iter().copied().fold(middle, pick);
        [ends(f64::min), middle, ends(f64::max)]
    }

    /// By how much the prediction is off, in per cent of the median.
    pub fn error_percent(&self) -> f64 {
        (self.predicted / self.median() - 1.0) * 100.0
    }

    /// By how much each measurement is off the median of the others: no prediction can be expected to be nearer. Not a number of a
    /// single one.
    pub fn apart_percent(&self) -> impl Iterator<Item = f64> {
        let others = |at: usize| {
            let others = self.measured.iter().enumerate().filter(move |(other, _)| *other != at);
            median(others.map(|(_, value)| *value))
        };
        self.measured.iter().enumerate().map(move |(at, one)| ((one / others(at) - 1.0) * 100.0).abs())
    }

    /// The same in the median.
    pub fn spread_percent(&self) -> f64 {
        median(self.apart_percent())
    }
}

/// Latencies at one load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtShare {
    /// Of the peak, in per cent.
    pub share_percent: u32,
    /// Requests a second: the median, for each time it is a share of the peak just before.
    pub offered_per_s: u32,
    /// How much of what it was offered each server served, in per cent.
    pub served_percent: Vec<f64>,
    /// Microseconds of processors that a request takes, of the server and the load generator; and of it of actors.
    pub processor_us: [Pair; 2],
    /// Nanoseconds that the yardstick took meanwhile.
    pub pace_ns: f64,
    /// Receipts, in microseconds: median and 99th percentile.
    pub receipt_us: [Pair; 2],
    /// Transactions for a request, and microseconds of one.
    pub commits: [Pair; 2],
    /// Deliveries, in microseconds: median and 99th percentile.
    pub delivery_us: [Pair; 2],
}

impl AtShare {
    /// Servers that did not keep up: their latencies are of how long the load lasted.
    pub fn overloaded(&self) -> usize {
        self.served_percent.iter().filter(|percent| **percent < KEEPS_UP).count()
    }

    /// Whether the real server kept up, in the median.
    pub fn is_sustained(&self) -> bool {
        median(self.served_percent.iter().copied()) >= KEEPS_UP
    }
}

/// One architecture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Which.
    pub architecture: &'static str,
    /// Requests a second in a closed loop.
    pub peak_per_s: Pair,
    /// Microseconds of processors that a request takes there, of the server and the load generator; and of it of actors.
    pub processor_us: [Pair; 2],
    /// Nanoseconds that the yardstick took meanwhile.
    pub pace_ns: f64,
    /// Latencies below it.
    pub shares: Vec<AtShare>,
}

/// Compares the twins of what was measured with it, each of so many requests at most; and says what they cost. `told` hears what is found.
///
/// # Errors
/// A twin fails.
pub fn compare(
    measurements: &Measurements,
    requests: u64,
    told: &dyn Fn(&str),
) -> Result<(Vec<Compared>, Profile), ValidateError> {
    let profile = measurements.profile(told)?;
    told("the twins");
    let compared =
        ARCHITECTURES.map(|architecture| compare_one(architecture, measurements, &profile, requests));
    Ok((compared.into_iter().collect::<Result<_, _>>()?, profile))
}

fn compare_one(
    architecture: Architecture,
    measurements: &Measurements,
    profile: &Profile,
    requests: u64,
) -> Result<Compared, ValidateError> {
    let peaks = Beside::twins(&measurements.peaks(architecture), profile, requests)?;
    let shares = SHARES.iter().enumerate().map(|(at, share_percent)| {
        let beside = Beside::twins(&measurements.shares(architecture, at), profile, requests)?;
        Ok(AtShare {
            share_percent: *share_percent,
            offered_per_s: beside.rate_per_s(),
            served_percent: beside.served_percent(),
            processor_us: beside.processor_us(),
            pace_ns: beside.pace_ns(),
            receipt_us: [0, 1].map(|at| beside.pair(|twin| twin.receipt_us[at], |real| real.receipt_us[at])),
            commits: [
                beside.pair(|twin| twin.commits, |real| real.commits.count / real.requests),
                beside.pair(|twin| twin.commit_us, |real| real.commits.mean_us()),
            ],
            delivery_us: [0, 1]
                .map(|at| beside.pair(|twin| twin.delivery_us[at], |real| real.delivery_us[at])),
        })
    });
    Ok(Compared {
        architecture: architecture.name(),
        peak_per_s: peaks.pair(|twin| twin.requests_per_s, |real| real.requests_per_s),
        processor_us: peaks.processor_us(),
        pace_ns: peaks.pace_ns(),
        shares: shares.collect::<Result<_, ValidateError>>()?,
    })
}

/// Runs of one load, and the twin of each: with a seed of its own, its rate, and the pace that the machine had meanwhile.
struct Beside<'a> {
    runs: Vec<&'a Run>,
    twins: Vec<Twin>,
}

impl<'a> Beside<'a> {
    fn twins(runs: &[&'a Run], profile: &Profile, requests: u64) -> Result<Beside<'a>, ScenarioError> {
        let twin = |(seed, run): (u64, &&Run)| {
            // in a longer run there would be more of what happens from time to time
            let requests = requests.min(run.measured.requests as u64);
            let outcome = twin::run(&run.load, requests, &profile.at_pace(run.measured.pace_ns), seed)?;
            Ok(Twin::of(&outcome))
        };
        let twins = (0..).zip(runs).map(twin).collect::<Result<_, ScenarioError>>()?;
        Ok(Beside { runs: runs.to_vec(), twins })
    }

    /// In a quantity the median of the twins, and what each run had: when an epoch's seal and cut fall together and when not is a
    /// matter of chance on both.
    fn pair(&self, of_twin: impl Fn(&Twin) -> f64, of_run: impl Fn(&Measured) -> f64) -> Pair {
        Pair {
            predicted: median(self.twins.iter().map(of_twin)),
            measured: self.runs.iter().map(|run| of_run(&run.measured)).collect(),
        }
    }

    /// What a request takes of processors, and of it of actors.
    fn processor_us(&self) -> [Pair; 2] {
        let all = |real: &Measured| (real.server_ns + real.generator_ns) as f64 / real.requests / 1e3;
        [
            self.pair(|twin| twin.processor_us[0], all),
            self.pair(|twin| twin.processor_us[1], |real| real.threads.ns() / real.requests / 1e3),
        ]
    }

    fn pace_ns(&self) -> f64 {
        median(self.runs.iter().map(|run| run.measured.pace_ns))
    }

    /// How much of what it was offered each server served.
    fn served_percent(&self) -> Vec<f64> {
        let served = |run: &&Run| Some(run.measured.requests_per_s / f64::from(run.load.rate_per_s?) * 100.0);
        self.runs.iter().filter_map(served).collect()
    }

    /// Requests that were offered a second.
    fn rate_per_s(&self) -> u32 {
        median(self.runs.iter().filter_map(|run| run.load.rate_per_s).map(f64::from)) as u32
    }
}

/// The median of some values: of an even number the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    stats::median(&values.collect::<Vec<_>>()).map_or(f64::NAN, |median| median.value)
}

fn load(architecture: Architecture, rate_per_s: Option<u32>, seconds: u32) -> Load {
    Load {
        architecture,
        connections: CONNECTIONS,
        rate_per_s,
        bundles: 1,
        readers: CONNECTIONS,
        recipients: 1,
        payload: PAYLOAD_BYTES,
        seconds,
        epoch_ms: EPOCH_MS,
        cores: real::cores(),
    }
}

/// What the simulator predicts of a load.
struct Twin {
    requests_per_s: f64,
    processor_us: [f64; 2],
    commits: f64,
    commit_us: f64,
    receipt_us: [f64; 2],
    delivery_us: [f64; 2],
}

impl Twin {
    fn of(run: &Outcome) -> Twin {
        let bundles = run.drawn.workload.bundles as f64;
        let percentiles = |summary: Option<Summary>| summary.map_or([f64::NAN; 2], |all| [all.p50, all.p99]);
        let actors_ns: u64 = run.run.load.actors.values().map(|done| done.ns).sum();
        let record = run.record();
        Twin {
            requests_per_s: run.served_per_s().unwrap_or_default(),
            processor_us: [run.run.load.busy_ns, actors_ns].map(|ns| ns as f64 / bundles / 1e3),
            commits: record.commits.count / bundles,
            commit_us: record.commits.mean_us(),
            receipt_us: percentiles(record.receipt.summary()),
            delivery_us: percentiles(record.delivery.summary()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(predicted: f64, measured: &[f64]) -> Pair {
        Pair { predicted, measured: measured.to_vec() }
    }

    #[test]
    fn an_error_is_of_the_median_of_what_was_measured() {
        assert!((pair(120.0, &[100.0, 1.0, 300.0]).error_percent() - 20.0).abs() < 1e-9);
        assert!((pair(50.0, &[100.0]).error_percent() + 50.0).abs() < 1e-9);
        assert!((pair(50.0, &[9.0, 60.0, 40.0, 99.0]).error_percent()).abs() < 1e-9);
    }

    #[test]
    fn what_was_measured_is_as_far_apart_as_it_is_whatever_was_predicted() {
        let pair = pair(7.0, &[80.0, 100.0, 110.0, 100.0, 300.0]);
        assert_eq!(pair.apart_percent().map(f64::round).collect::<Vec<_>>(), [24.0, 5.0, 10.0, 5.0, 200.0]);
        assert_eq!(pair.spread_percent().round(), 10.0);
        assert!(Pair { measured: vec![5.0], ..pair }.spread_percent().is_nan());
    }
}

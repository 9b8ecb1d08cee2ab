//! Validation: the simulator against the real server, under the same loads on the same machine.
//!
//! For each architecture the real server's peak is measured, in a closed loop; then both it and its twin in the simulator
//! run at shares of that peak, in an open loop, and what the twin predicts is compared with what was measured.
//!
//! How fast the machine is at the moment is measured beside each load ([`crate::calibrate::pace`]), and the twin has that pace; what
//! was measured of the server stays as it is.

mod page;

use std::path::Path;

use reports::summary::Summary;
use serde::Serialize;

pub use page::page;

use crate::{
    model::costs::Profile,
    outcome::Outcome,
    real::{Load, Measured, RealError, Server, twin},
    scenario::{Architecture, ScenarioError},
};

/// Connections, in the closed and the open loop.
pub const CONNECTIONS: u32 = 64;
/// Shares of the peak at which latency is compared, in per cent.
pub const SHARES: [u32; 4] = [25, 50, 75, 90];
/// Milliseconds of an epoch.
const EPOCH_MS: u32 = 5;
/// Bytes of each payload.
const PAYLOAD_BYTES: u32 = 64;
/// Architectures that are compared.
pub const ARCHITECTURES: [Architecture; 3] =
    [Architecture::Central, Architecture::Multithreaded, Architecture::Parallel];

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The real server.
    #[error(transparent)]
    Real(#[from] RealError),
    /// Its twin.
    #[error(transparent)]
    Twin(#[from] ScenarioError),
}

/// What was predicted and what was measured of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// By the simulator.
    pub predicted: f64,
    /// On the real server.
    pub measured: f64,
}

impl Pair {
    /// By how much the prediction is off, in per cent of what was measured.
    pub fn error_percent(self) -> f64 {
        (self.predicted / self.measured - 1.0) * 100.0
    }
}

/// Latencies at one load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AtShare {
    /// Of the peak, in per cent.
    pub share_percent: u32,
    /// Requests a second.
    pub offered_per_s: u32,
    /// Microseconds of processors that a request takes, of the server and the load generator.
    pub processor_us: Pair,
    /// Nanoseconds that the yardstick took meanwhile.
    pub pace_ns: f64,
    /// Receipts, in microseconds: median and 99th percentile.
    pub receipt_us: [Pair; 2],
    /// Transactions for a request, and microseconds of one.
    pub commits: [Pair; 2],
    /// Deliveries, in microseconds: median and 99th percentile.
    pub delivery_us: [Pair; 2],
}

/// One architecture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Which.
    pub architecture: &'static str,
    /// Requests a second in a closed loop.
    pub peak_per_s: Pair,
    /// Microseconds of processors that a request takes there, of the server and the load generator.
    pub processor_us: Pair,
    /// Nanoseconds that the yardstick took meanwhile.
    pub pace_ns: f64,
    /// Latencies below it.
    pub shares: Vec<AtShare>,
}

/// How long each load lasts.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Seconds on the real server.
    pub seconds: u32,
    /// How often on the real server, each time on a new one: of each quantity the median counts, for what else runs on
    /// the machine, or under it, comes and goes. Of so many seeds in the simulator, too.
    pub repeats: u32,
    /// Requests in the simulator.
    pub requests: u64,
}

/// Compares all architectures. `told` hears what is measured next.
///
/// # Errors
/// The server fails.
pub fn validate(
    profile: &Profile,
    directory: &Path,
    patience: Patience,
    told: &dyn Fn(&str),
) -> Result<Vec<Compared>, ValidateError> {
    let server = Server::beside_this()?;
    let bench = Bench { server, profile, directory, patience, told };
    ARCHITECTURES.into_iter().map(|architecture| bench.compare(architecture)).collect()
}

struct Bench<'a> {
    server: Server,
    profile: &'a Profile,
    directory: &'a Path,
    patience: Patience,
    told: &'a dyn Fn(&str),
}

impl Bench<'_> {
    fn compare(&self, architecture: Architecture) -> Result<Compared, ValidateError> {
        let (real, twin) = self.both(architecture, None)?;
        let shares = SHARES.into_iter().map(|share_percent| {
            let offered_per_s = (real.requests_per_s * f64::from(share_percent) / 100.0) as u32;
            let (real, twin) = self.both(architecture, Some(offered_per_s))?;
            Ok(AtShare {
                share_percent,
                offered_per_s,
                processor_us: self.processor_us(&real, &twin),
                pace_ns: real.pace_ns,
                receipt_us: pairs(twin.receipt_us, real.receipt_us),
                commits: [
                    Pair { predicted: twin.commits, measured: real.commits.count / self.answered(&real) },
                    Pair { predicted: twin.commit_us, measured: real.commits.mean_us() },
                ],
                delivery_us: pairs(twin.delivery_us, real.delivery_us),
            })
        });
        let shares = shares.collect::<Result<_, ValidateError>>()?;
        Ok(Compared {
            architecture: architecture.name(),
            peak_per_s: Pair { predicted: twin.requests_per_s, measured: real.requests_per_s },
            processor_us: self.processor_us(&real, &twin),
            pace_ns: real.pace_ns,
            shares,
        })
    }

    /// Requests in all.
    fn answered(&self, real: &Measured) -> f64 {
        real.requests_per_s * f64::from(self.patience.seconds)
    }

    /// What a request takes of processors.
    fn processor_us(&self, real: &Measured, twin: &Twin) -> Pair {
        let measured = (real.server_ns + real.generator_ns) as f64 / self.answered(real) / 1e3;
        Pair { predicted: twin.processor_us, measured }
    }

    /// The same load on the real server and in the simulator, the latter at the pace that the machine had meanwhile.
    fn both(&self, architecture: Architecture, rate: Option<u32>) -> Result<(Measured, Twin), ValidateError> {
        let load = Load {
            architecture,
            connections: CONNECTIONS,
            rate_per_s: rate,
            readers: CONNECTIONS,
            recipients: 1,
            payload: PAYLOAD_BYTES,
            seconds: self.patience.seconds,
            epoch_ms: EPOCH_MS,
        };
        let at = rate.map_or("its peak".to_owned(), |rate| format!("{rate} requests/s"));
        (self.told)(&format!("{}, {at}", architecture.name()));
        let Patience { repeats, requests, .. } = self.patience;
        let measured = (0..repeats).map(|_| self.server.measure(&load, self.directory));
        let real = Measured::median(&measured.collect::<Result<Vec<_>, _>>()?);
        let profile = self.profile.at_pace(real.pace_ns);
        let twins = (0..u64::from(repeats)).map(|seed| twin::run(&load, requests, &profile, seed));
        Ok((real, Twin::median(&twins.collect::<Result<Vec<_>, _>>()?)))
    }
}

/// What the simulator predicts of a load.
struct Twin {
    requests_per_s: f64,
    processor_us: f64,
    commits: f64,
    commit_us: f64,
    receipt_us: [f64; 2],
    delivery_us: [f64; 2],
}

impl Twin {
    /// Of several seeds, in each quantity the median, as of several servers: when an epoch's seal and cut fall together and
    /// when not is a matter of chance on both.
    fn median(runs: &[Outcome]) -> Twin {
        let of = |quantity: &dyn Fn(&Outcome) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(quantity).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let percentiles = |summary: Option<Summary>| summary.map_or([f64::NAN; 2], |all| [all.p50, all.p99]);
        let bundles = |run: &Outcome| run.drawn.workload.bundles as f64;
        Twin {
            requests_per_s: of(&Outcome::throughput_per_s),
            processor_us: of(&|run| run.run.load.busy_ns as f64 / bundles(run) / 1e3),
            commits: of(&|run| run.record().commits.count / bundles(run)),
            commit_us: of(&|run| run.record().commits.mean_us()),
            receipt_us: [0, 1].map(|at| of(&|run| percentiles(run.record().receipt.summary())[at])),
            delivery_us: [0, 1].map(|at| of(&|run| percentiles(run.record().delivery.summary())[at])),
        }
    }
}

fn pairs(predicted: [f64; 2], measured: [f64; 2]) -> [Pair; 2] {
    std::array::from_fn(|at| Pair { predicted: predicted[at], measured: measured[at] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_of_what_was_measured() {
        assert!((Pair { predicted: 120.0, measured: 100.0 }.error_percent() - 20.0).abs() < 1e-9);
        assert!((Pair { predicted: 50.0, measured: 100.0 }.error_percent() + 50.0).abs() < 1e-9);
    }
}

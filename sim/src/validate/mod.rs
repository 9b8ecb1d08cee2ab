//! Validation: the simulator against the real server, under the same loads on the same machine.
//!
//! For each architecture the real server's peak is measured, in a closed loop, and right after it shares of that peak, in an open
//! loop; so again and again, and the loads by which requests are calibrated in between, for a machine that has neighbours is another
//! one after some minutes: three quarters of a peak of then may be more than it can do. The twin in the simulator runs under the same loads, and
//! what it predicts is compared with what was measured.
//!
//! How fast the machine is at the moment is measured beside each load ([`crate::calibrate::pace`]), and the twin has that pace; what
//! was measured of the server stays as it is.

mod page;

use std::path::Path;

use reports::summary::Summary;
use serde::Serialize;

pub use page::page;

use crate::{
    calibrate::{self, CalibrateError, web},
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
    /// The machine cannot be calibrated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
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
    /// Requests a second: the median, for each time it is a share of the peak just before.
    pub offered_per_s: u32,
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

/// Compares all architectures, the twins with these costs; and which they were. If none are known the machine is calibrated in between:
/// the loads by which requests are measured take their turns with the others, so that what the machine does meanwhile is in both.
/// `told` hears what is measured next.
///
/// # Errors
/// The server fails, or the machine cannot be calibrated.
pub fn validate(
    known: Option<Profile>,
    directory: &Path,
    patience: Patience,
    told: &dyn Fn(&str),
) -> Result<(Vec<Compared>, Profile), ValidateError> {
    let server = Server::beside_this()?;
    let (rest, asking) = match known {
        Some(profile) => (profile, Vec::new()),
        None => (calibrate::all_but_http(directory, told)?, web::loads(patience.seconds)),
    };
    let mut asked = vec![Vec::new(); asking.len()];
    let mut turns = Vec::new();
    for turn in 1..=patience.repeats {
        for architecture in ARCHITECTURES {
            told(&format!("turn {turn} of {}, {}", patience.repeats, architecture.name()));
            turns.push(take_turn(&server, architecture, directory, patience)?);
        }
        for (load, runs) in asking.iter().zip(&mut asked) {
            runs.push(server.measure(load, directory)?);
        }
    }
    let profile = match asking.is_empty() {
        true => rest,
        false => web::profile(&asking, &asked, rest, told)?,
    };
    told("the twins");
    let compared = (0..ARCHITECTURES.len()).map(|index| {
        let of_one: Vec<&Turn> = turns.iter().skip(index).step_by(ARCHITECTURES.len()).collect();
        compare(ARCHITECTURES[index], &of_one, &profile, patience)
    });
    Ok((compared.collect::<Result<_, _>>()?, profile))
}

/// A load on the real server, and what came of it.
type Run = (Load, Measured);

/// What was measured of one architecture, one right after the other.
struct Turn {
    peak: Run,
    /// By [`SHARES`].
    shares: Vec<Run>,
}

fn take_turn(
    server: &Server,
    architecture: Architecture,
    directory: &Path,
    patience: Patience,
) -> Result<Turn, RealError> {
    let run = |rate_per_s| {
        let load = load(architecture, rate_per_s, patience);
        server.measure(&load, directory).map(|measured| (load, measured))
    };
    let peak = run(None)?;
    let rate = |percent: u32| (peak.1.requests_per_s * f64::from(percent) / 100.0) as u32;
    let shares = SHARES.map(|percent| run(Some(rate(percent))));
    Ok(Turn { peak, shares: shares.into_iter().collect::<Result<_, _>>()? })
}

fn compare(
    architecture: Architecture,
    turns: &[&Turn],
    profile: &Profile,
    patience: Patience,
) -> Result<Compared, ValidateError> {
    let peaks: Vec<Run> = turns.iter().map(|turn| turn.peak).collect();
    let (real, twin) = medians(&peaks, profile, patience)?;
    let shares = SHARES.iter().enumerate().map(|(index, share_percent)| {
        let runs: Vec<Run> = turns.iter().map(|turn| turn.shares[index]).collect();
        let (real, twin) = medians(&runs, profile, patience)?;
        let mut rates: Vec<u32> = runs.iter().filter_map(|(load, _)| load.rate_per_s).collect();
        rates.sort_unstable();
        let offered_per_s = rates.get(rates.len() / 2).copied().unwrap_or_default();
        Ok(at_share((*share_percent, offered_per_s), &real, &twin))
    });
    Ok(Compared {
        architecture: architecture.name(),
        peak_per_s: Pair { predicted: twin.requests_per_s, measured: real.requests_per_s },
        processor_us: processor_us(&real, &twin),
        pace_ns: real.pace_ns,
        shares: shares.collect::<Result<_, ValidateError>>()?,
    })
}

/// In each quantity the median of some runs, and of their twins, each with a seed of its own and at the pace that the machine had meanwhile.
fn medians(runs: &[Run], profile: &Profile, patience: Patience) -> Result<(Measured, Twin), ScenarioError> {
    let twin = |(seed, (load, real)): (u64, &Run)| {
        twin::run(load, patience.requests, &profile.at_pace(real.pace_ns), seed)
    };
    let twins = (0..).zip(runs).map(twin).collect::<Result<Vec<_>, _>>()?;
    let reals: Vec<Measured> = runs.iter().map(|(_, real)| *real).collect();
    Ok((Measured::median(&reals), Twin::median(&twins)))
}

fn load(architecture: Architecture, rate_per_s: Option<u32>, patience: Patience) -> Load {
    Load {
        architecture,
        connections: CONNECTIONS,
        rate_per_s,
        readers: CONNECTIONS,
        recipients: 1,
        payload: PAYLOAD_BYTES,
        seconds: patience.seconds,
        epoch_ms: EPOCH_MS,
    }
}

fn at_share((share_percent, offered_per_s): (u32, u32), real: &Measured, twin: &Twin) -> AtShare {
    AtShare {
        share_percent,
        offered_per_s,
        processor_us: processor_us(real, twin),
        pace_ns: real.pace_ns,
        receipt_us: pairs(twin.receipt_us, real.receipt_us),
        commits: [
            Pair { predicted: twin.commits, measured: real.commits.count / real.requests },
            Pair { predicted: twin.commit_us, measured: real.commits.mean_us() },
        ],
        delivery_us: pairs(twin.delivery_us, real.delivery_us),
    }
}

/// What a request takes of processors.
fn processor_us(real: &Measured, twin: &Twin) -> [Pair; 2] {
    let measured = (real.server_ns + real.generator_ns) as f64 / real.requests / 1e3;
    pairs(twin.processor_us, [measured, real.threads.ns() / real.requests / 1e3])
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
            processor_us: [
                of(&|run| run.run.load.busy_ns as f64 / bundles(run) / 1e3),
                of(&|run| {
                    run.run.load.actors.values().map(|done| done.ns).sum::<u64>() as f64 / bundles(run) / 1e3
                }),
            ],
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

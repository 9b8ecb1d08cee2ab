//! Validation: the simulator against the real server, under the same loads on the same machine.
//!
//! For each architecture the real server's peak is measured, in a closed loop; then both it and its twin in the simulator
//! run at shares of that peak, in an open loop, and what the twin predicts is compared with what was measured. All loads take turns, and
//! those by which requests are calibrated among them, for a machine that has neighbours is another one after some minutes.
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
    let measure = |loads: &[Load]| server.in_turn(loads, patience.repeats as usize, directory, told);
    let peaks = ARCHITECTURES.map(|architecture| load(architecture, None, patience));
    let mut at_peaks = measure(&[&peaks[..], &asking].concat())?;
    let mut asked = at_peaks.split_off(peaks.len());
    let at_peaks: Vec<Measured> = at_peaks.iter().map(|runs| Measured::median(runs)).collect();
    let below = ARCHITECTURES.into_iter().zip(&at_peaks).flat_map(|(architecture, peak)| {
        SHARES.map(|percent| {
            let rate = (peak.requests_per_s * f64::from(percent) / 100.0) as u32;
            load(architecture, Some(rate), patience)
        })
    });
    let below: Vec<Load> = below.collect();
    let mut at_shares = measure(&[&below[..], &asking].concat())?;
    let more = at_shares.split_off(below.len());
    asked.iter_mut().zip(more).for_each(|(all, more)| all.extend(more));
    let at_shares: Vec<Measured> = at_shares.iter().map(|runs| Measured::median(runs)).collect();
    let profile = match asking.is_empty() {
        true => rest,
        false => Profile { http: web::http(&asking, &asked, &rest, told)?, ..rest },
    };
    told("the twins");
    let shares = below.chunks(SHARES.len()).zip(at_shares.chunks(SHARES.len()));
    let compared = peaks.iter().zip(&at_peaks).zip(shares).map(|((load, real), (loads, reals))| {
        let twin = twin_of(load, real, &profile, patience)?;
        let shares = SHARES.iter().zip(loads.iter().zip(reals));
        let shares = shares.map(|(share_percent, (load, real))| {
            Ok(at_share(*share_percent, load, real, &twin_of(load, real, &profile, patience)?))
        });
        Ok(Compared {
            architecture: load.architecture.name(),
            peak_per_s: Pair { predicted: twin.requests_per_s, measured: real.requests_per_s },
            processor_us: processor_us(real, load, &twin),
            pace_ns: real.pace_ns,
            shares: shares.collect::<Result<_, ValidateError>>()?,
        })
    });
    Ok((compared.collect::<Result<_, ValidateError>>()?, profile))
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

/// The same load in the simulator, at the pace that the machine had meanwhile.
fn twin_of(
    load: &Load,
    real: &Measured,
    profile: &Profile,
    patience: Patience,
) -> Result<Twin, ValidateError> {
    let profile = profile.at_pace(real.pace_ns);
    let run = |seed| twin::run(load, patience.requests, &profile, seed);
    let twins = (0..u64::from(patience.repeats)).map(run).collect::<Result<Vec<_>, _>>()?;
    Ok(Twin::median(&twins))
}

fn at_share(share_percent: u32, load: &Load, real: &Measured, twin: &Twin) -> AtShare {
    AtShare {
        share_percent,
        offered_per_s: load.rate_per_s.unwrap_or_default(),
        processor_us: processor_us(real, load, twin),
        pace_ns: real.pace_ns,
        receipt_us: pairs(twin.receipt_us, real.receipt_us),
        commits: [
            Pair { predicted: twin.commits, measured: real.commits.count / answered(real, load) },
            Pair { predicted: twin.commit_us, measured: real.commits.mean_us() },
        ],
        delivery_us: pairs(twin.delivery_us, real.delivery_us),
    }
}

/// Requests in all.
fn answered(real: &Measured, load: &Load) -> f64 {
    real.requests_per_s * f64::from(load.seconds)
}

/// What a request takes of processors.
fn processor_us(real: &Measured, load: &Load, twin: &Twin) -> Pair {
    let measured = (real.server_ns + real.generator_ns) as f64 / answered(real, load) / 1e3;
    Pair { predicted: twin.processor_us, measured }
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

//! What was measured of the real server, and kept: the twins can be run again by it, with another model, on the same loads.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ARCHITECTURES, SHARES, ValidateError, load};
use crate::{
    calibrate::{self, web},
    model::costs::Profile,
    real::{Load, Measured, RealError, Server},
    scenario::Architecture,
};

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Measurements {
    /// What operations cost: all, or all but requests, events and the way to the server.
    rest: Profile,
    /// The loads by which these are found; none, if they were known.
    asking: Vec<Asking>,
    turns: Vec<Turn>,
}

/// A load by which the costs of requests are found, each time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    load: Load,
    runs: Vec<Measured>,
}

/// A load on the real server, and what came of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) load: Load,
    pub(super) measured: Measured,
}

/// What was measured of one architecture, one right after the other.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    architecture: Architecture,
    peak: Run,
    /// By [`SHARES`].
    shares: [Run; SHARES.len()],
}

/// Why a file holds no measurements.
#[derive(Debug, thiserror::Error)]
pub enum MeasurementsError {
    /// It cannot be read.
    #[error("{}: cannot read: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It holds something else.
    #[error("{}: no measurements, as `cargo sim validate --out DIR` leaves them in DIR/measured.json: {why}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
}

impl Measurements {
    /// Loads the real server again and again, so often and each load for so many seconds. If no costs are known the machine is calibrated in between:
    /// the loads by which requests are measured take their turns with the others, so that what the machine does meanwhile is in both.
    /// `told` hears what is measured next.
    ///
    /// # Errors
    /// The server fails, or the machine cannot be calibrated.
    pub fn take(
        known: Option<Profile>,
        directory: &Path,
        (repeats, seconds): (u32, u32),
        told: &dyn Fn(&str),
    ) -> Result<Measurements, ValidateError> {
        let server = Server::beside_this()?;
        let (rest, loads) = match known {
            Some(profile) => (profile, Vec::new()),
            None => (calibrate::all_but_http(directory, told)?, web::loads(seconds)),
        };
        let mut asking: Vec<Asking> =
            loads.into_iter().map(|load| Asking { load, runs: Vec::new() }).collect();
        let mut turns = Vec::new();
        for turn in 1..=repeats {
            for architecture in ARCHITECTURES {
                told(&format!("turn {turn} of {repeats}, {}", architecture.name()));
                turns.push(Turn::take(&server, architecture, directory, seconds)?);
            }
            for Asking { load, runs } in &mut asking {
                runs.push(server.measure(load, directory)?);
            }
        }
        Ok(Measurements { rest, asking, turns })
    }

    /// Reads what was measured before.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Measurements, MeasurementsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| MeasurementsError::Unreadable { path: path.to_owned(), why })?;
        Measurements::parse(&text).map_err(|why| MeasurementsError::Wrong { path: path.to_owned(), why })
    }

    fn parse(text: &str) -> Result<Measurements, String> {
        let read: Measurements = serde_json::from_str(text).map_err(|error| error.to_string())?;
        read.rest.check().map_err(|impossible| impossible.to_string())?;
        if let Some(missing) = ARCHITECTURES.into_iter().find(|one| read.peaks(*one).is_empty()) {
            return Err(format!("there is no turn of `{}`", missing.name()));
        }
        if read.asking.iter().any(|asking| asking.runs.is_empty()) {
            return Err("a load of `asking` has no runs".to_owned());
        }
        let runs = read.turns.iter().flat_map(|turn| std::iter::once(&turn.peak).chain(&turn.shares));
        let all = runs.map(|run| &run.measured).chain(read.asking.iter().flat_map(|asking| &asking.runs));
        match all.into_iter().all(Measured::is_sound) {
            true => Ok(read),
            false => Err("requests, their rate and the pace of a run must be above 0".to_owned()),
        }
    }

    /// The same as a file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("measurements are lists of numbers") + "\n"
    }

    /// How often each was measured.
    pub fn repeats(&self) -> usize {
        self.turns.len() / ARCHITECTURES.len()
    }

    /// With these costs instead.
    #[must_use]
    pub fn with_costs(self, costs: Profile) -> Measurements {
        Measurements { rest: costs, asking: Vec::new(), ..self }
    }

    /// All costs: those of requests by the loads that were for them.
    pub(super) fn profile(&self, told: &dyn Fn(&str)) -> Result<Profile, ValidateError> {
        let (loads, runs): (Vec<Load>, Vec<Vec<Measured>>) =
            self.asking.iter().map(|asking| (asking.load, asking.runs.clone())).unzip();
        match loads.is_empty() {
            true => Ok(self.rest.clone()),
            false => Ok(web::profile(&loads, &runs, self.rest.clone(), told)?),
        }
    }

    /// The peaks of an architecture.
    pub(super) fn peaks(&self, architecture: Architecture) -> Vec<&Run> {
        self.of(architecture).map(|turn| &turn.peak).collect()
    }

    /// What was measured of it at that one of [`SHARES`].
    pub(super) fn shares(&self, architecture: Architecture, at: usize) -> Vec<&Run> {
        self.of(architecture).map(|turn| &turn.shares[at]).collect()
    }

    fn of(&self, architecture: Architecture) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| turn.architecture == architecture)
    }
}

impl Turn {
    fn take(
        server: &Server,
        architecture: Architecture,
        directory: &Path,
        seconds: u32,
    ) -> Result<Turn, RealError> {
        let run = |rate_per_s| {
            let load = load(architecture, rate_per_s, seconds);
            server.measure(&load, directory).map(|measured| Run { load, measured })
        };
        let peak = run(None)?;
        let at = |percent: u32| run(Some((peak.measured.requests_per_s * f64::from(percent) / 100.0) as u32));
        let [quarter, half, most, nearly] = SHARES;
        let shares = [at(quarter)?, at(half)?, at(most)?, at(nearly)?];
        Ok(Turn { architecture, peak, shares })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(architecture: Architecture, rate_per_s: Option<u32>) -> Run {
        let measured = Measured {
            requests: 3500.0,
            requests_per_s: 1000.0,
            deliveries_per_s: 990.0,
            receipt_us: [300.0, 900.0],
            delivery_us: [7000.0, 9000.0],
            commits: crate::history::Commits { count: 70.0, seconds: 0.5 },
            server_ns: 5,
            threads: crate::real::threads::Threads::default(),
            generator_ns: 6,
            pace_ns: 40_000.0,
        };
        Run { load: load(architecture, rate_per_s, 3), measured }
    }

    fn measurements() -> Measurements {
        let turn = |architecture| Turn {
            architecture,
            peak: run(architecture, None),
            shares: SHARES.map(|share| run(architecture, Some(share * 10))),
        };
        let asking = vec![Asking {
            load: load(Architecture::Central, None, 3),
            runs: vec![run(Architecture::Central, None).measured],
        }];
        Measurements { rest: Profile::zero(), asking, turns: ARCHITECTURES.map(turn).to_vec() }
    }

    #[test]
    fn what_was_measured_is_the_same_when_it_is_read_again() {
        assert_eq!(Measurements::parse(&measurements().to_json()), Ok(measurements()));
        assert_eq!(measurements().repeats(), 1);
        assert_eq!(measurements().shares(Architecture::Parallel, 2)[0].load.rate_per_s, Some(750));
    }

    #[test]
    fn what_is_no_measurement_is_refused_with_the_place() {
        let good = measurements().to_json();
        for (from, to, said) in [
            ("\"pace_ns\":40000.0", "\"pace_ns\":0.0", "the pace of a run must be above 0"),
            ("\"requests\":3500.0", "\"requests\":null", "line 1 column"),
            ("\"turns\":[", "\"turns\":[7,", "line 1 column"),
            ("\"parallel\"", "\"central\"", "there is no turn of `parallel`"),
            ("\"pace\":0.0", "\"pace\":-1.0", "pace must be a number"),
            ("{\"rest\"", "{\"res\"", "unknown field `res`"),
        ] {
            assert!(good.contains(from), "{good}");
            let why = Measurements::parse(&good.replace(from, to)).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
        let none = Measurements {
            asking: vec![Asking { runs: Vec::new(), ..measurements().asking[0].clone() }],
            ..measurements()
        };
        assert!(Measurements::parse(&none.to_json()).unwrap_err().contains("has no runs"));
    }
}

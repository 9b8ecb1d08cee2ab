//! The runs of a curve: one row a point and seed, on all cores, kept in a journal.

use std::collections::BTreeMap;

use reports::record::{LatencyKind, LatencyPoint};
use serde::{Deserialize, Serialize};

use super::{Curve, Search, peak};
use crate::{
    command::{self, InputError},
    journal::{Journal, Limits, Planned},
    model::costs::Profile,
    outcome::Outcome,
    scale::{METRICS, RunError, metric},
    scenario::{Crypto, Scenario, Storage},
    speed::forget_peak,
    sweep::{BUILD, digest},
};

/// Which run: series, point, seed.
pub type Key = (usize, usize, u64);

/// Fewest deliveries of a run at some rate: fewer say nothing of a percentile.
pub const DELIVERIES_MIN: f64 = 300.0;
/// Fewest requests.
pub const REQUESTS_MIN: f64 = 200.0;
/// While bundles are sent deliveries may come later and later by this share of the time that passes.
pub const LAG_MAX: f64 = 0.04;
/// Checks that may fail where more is sent than can be served: of what is late, or owed for it.
const LATE: [&str; 7] = ["no-loss", "catch-up", "cleared", "expected", "obligations", "storage", "emptiness"];
/// A rate that is not sustained is tried with other seeds, so often in all; most decide.
const TRIES: u64 = 3;

/// What a curve consists of, pinned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The sources of the program.
    pub build: String,
    /// Of each series and point: the digest of the scenario.
    pub scenarios: BTreeMap<String, String>,
    /// How the peak is looked for.
    pub search: Option<Search>,
    /// Seeds of each point.
    pub seeds: u64,
}

/// What came of a point with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What was measured: of a peak, at the highest rate that was sustained.
    pub metrics: BTreeMap<String, f64>,
    /// What was busiest, and the share of its time.
    pub busiest: Option<(String, f64)>,
    /// The latency of delivery over percentiles.
    pub latency: Vec<LatencyPoint>,
    /// Each run, in order: of a peak one or more at each rate.
    pub trials: Vec<Trial>,
    /// Of a peak, the lowest rate that was not sustained.
    pub refused_per_s: Option<f64>,
    /// The seed of the run of which the metrics and the latency are.
    pub seed: u64,
}

/// A rate that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The seed of the run.
    pub seed: u64,
    /// Bundles a second.
    pub offered_per_s: f64,
    /// Whether everything arrived.
    pub complete: bool,
    /// Median of delivery, in milliseconds, if anything was delivered.
    pub p50_ms: Option<f64>,
    /// 99th percentile of delivery, in milliseconds.
    pub p99_ms: Option<f64>,
    /// By which part of the time that passed deliveries came later and later.
    pub lag: f64,
    /// Whether the rate was sustained.
    pub sustained: bool,
    /// Why it was not, if that was asked.
    pub refused: Option<Refused>,
    /// What was violated, if anything.
    pub broken: Option<String>,
}

/// Why a rate is not sustained: the first of these that is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// Something had not arrived when the run was over.
    Incomplete,
    /// One in a hundred deliveries took longer than the bound.
    Late,
    /// Deliveries came later and later.
    Later,
}

impl Refused {
    /// As in a sentence on what happens.
    pub fn words(self) -> &'static str {
        match self {
            Refused::Incomplete => "not everything arrives",
            Refused::Late => "latency leaves the bound",
            Refused::Later => "deliveries come later and later",
        }
    }

    fn why(complete: bool, p99_ms: Option<f64>, lag: f64, bound_ns: Option<u64>) -> Option<Refused> {
        if !complete {
            return Some(Refused::Incomplete);
        }
        let within = |bound_ns| p99_ms.is_some_and(|p99_ms| p99_ms <= bound_ns as f64 / 1e6);
        if bound_ns.is_some_and(|bound_ns: u64| !within(bound_ns)) {
            return Some(Refused::Late);
        }
        (lag > LAG_MAX).then_some(Refused::Later)
    }
}

impl Row {
    /// Whether what was sent was served: of a peak, at some rate.
    pub fn keeps_up(&self) -> bool {
        self.trials.iter().any(|trial| trial.sustained)
    }

    /// The runs in which something was violated.
    pub fn broken(&self) -> impl Iterator<Item = (&Trial, &str)> {
        self.trials.iter().filter_map(|trial| Some((trial, trial.broken.as_deref()?)))
    }
}

impl Planned for Plan {
    const NAME: &'static str = "experiment";
    type Key = Key;
    type Row = Row;

    fn has(&self, (series, point, seed): Key) -> bool {
        seed < self.seeds && self.scenarios.contains_key(&name(series, point))
    }

    fn difference(&self, other: &Self) -> Option<String> {
        let rows = [
            ("build", self.build.clone(), other.build.clone()),
            ("scenarios", format!("{:?}", self.scenarios), format!("{:?}", other.scenarios)),
            ("search", format!("{:?}", self.search), format!("{:?}", other.search)),
            ("seeds", self.seeds.to_string(), other.seeds.to_string()),
        ];
        let different = rows.into_iter().find(|(_, here, there)| here != there);
        different.map(|(what, here, there)| format!("{what} {here}, not {there}"))
    }
}

/// A point of a series in a plan.
fn name(series: usize, point: usize) -> String {
    format!("{series}/{point}")
}

impl Curve {
    /// The points that there are: series and place.
    pub fn keys(&self) -> impl Iterator<Item = (usize, usize)> {
        let lines = self.series.iter().enumerate();
        lines.flat_map(|(series, line)| line.points.iter().map(move |point| (series, *point)))
    }

    fn sets(&self, (series, point): (usize, usize), more: &[String]) -> Vec<String> {
        [&self.sets[..], &self.points[point].sets, &self.series[series].sets, more].concat()
    }

    /// Refuses an override of what tells series or points apart: they would all be the same.
    fn stay_apart(&self, more: &[String]) -> Result<(), InputError> {
        let key = |set: &str| set.split('=').next().unwrap_or_default().trim().to_owned();
        let of_series = self.series.iter().map(|line| (format!("series {:?}", line.name), &line.sets));
        let of_points = self.points.iter().map(|point| (format!("the point at {}", point.at), &point.sets));
        for (whose, sets) in of_series.chain(of_points) {
            let own: Vec<String> = sets.iter().map(|set| key(set)).collect();
            if let Some(set) = more.iter().find(|set| own.contains(&key(set))) {
                return Err(InputError::Apart { set: set.clone(), whose });
            }
        }
        Ok(())
    }

    /// Where an override stands in its file: a path in the table.
    pub(in crate::scale) fn place_of_set(&self, set: &str) -> Option<String> {
        let of_series = self.series.iter().enumerate();
        let of_series = of_series.map(|(index, line)| (format!("series.{index}.set"), &line.sets));
        let of_points = self.points.iter().enumerate();
        let of_points = of_points.map(|(index, point)| (format!("x.points.{index}.set"), &point.sets));
        let mut lists = [("set".to_owned(), &self.sets)].into_iter().chain(of_series).chain(of_points);
        lists.find_map(|(list, sets)| {
            let index = sets.iter().position(|own| own == set)?;
            Some(format!("{list}.{index}"))
        })
    }

    pub(super) fn scenario(&self, at: (usize, usize), more: &[String]) -> Result<Scenario, InputError> {
        command::read(&self.base, &self.sets(at, more))
    }

    /// Which profile the costs of its runs are of.
    ///
    /// # Errors
    /// A mistake in a scenario or its profile.
    pub fn profile(&self, more: &[String]) -> Result<String, InputError> {
        let Some(first) = self.keys().next() else { return Ok(String::new()) };
        Ok(Profile::named(&self.scenario(first, more)?.topology.costs)?)
    }

    /// Whether it shows what runs take here: then they must not run beside each other.
    pub fn is_of_this_machine(&self) -> bool {
        self.show.iter().any(|metric| metric.here)
    }

    /// What its runs model, for its page to say.
    ///
    /// # Errors
    /// A mistake in a scenario.
    pub fn models(&self, more: &[String]) -> Result<Option<String>, InputError> {
        let Some(first) = self.keys().next() else { return Ok(None) };
        let topology = self.scenario(first, more)?.topology;
        let crypto =
            (topology.crypto == Crypto::Modelled).then_some("signatures (nobody can forge one inside a run)");
        let storage = (topology.storage == Storage::Modelled)
            .then_some("storage (the same promises as the database's)");
        let modelled: Vec<&str> = crypto.into_iter().chain(storage).collect();
        let said = format!(
            "Modelled are {}: they take simulated time, and nothing is computed.",
            modelled.join(" and ")
        );
        Ok((!modelled.is_empty()).then_some(said))
    }

    /// The object that `--json` prints.
    pub fn json(&self, question: &str, answer: &str, rows: &BTreeMap<Key, Row>) -> serde_json::Value {
        let rows = rows.iter().map(|((series, point, seed), row)| {
            let (series, at) = (&self.series[*series].name, self.points[*point].at);
            serde_json::json!({ "series": series, "at": at, "seed": seed, "result": row })
        });
        let rows: Vec<serde_json::Value> = rows.collect();
        serde_json::json!({ "question": question, "answer": answer, "parameter": self.name, "rows": rows })
    }

    /// Pins what is run, with these overrides besides: a mistake in any of its scenarios shows now.
    ///
    /// # Errors
    /// The first mistake.
    pub fn plan(&self, more: &[String]) -> Result<Plan, InputError> {
        self.stay_apart(more)?;
        let pinned = self.keys().map(|at| Ok((name(at.0, at.1), digest(&self.scenario(at, more)?))));
        let scenarios = pinned.collect::<Result<_, InputError>>()?;
        Ok(Plan { build: BUILD.to_owned(), scenarios, search: self.search, seeds: self.seeds })
    }
}

/// Runs what the journal does not hold yet, with these overrides besides; calls `progress` with each row.
///
/// # Errors
/// A scenario or a file. What was done is in the journal.
pub fn run(
    curve: &Curve,
    more: &[String],
    journal: &mut Journal<Plan>,
    jobs: usize,
    limits: Limits<'_>,
    progress: &(dyn Fn(&Row) + Sync),
) -> Result<(), RunError> {
    // seed by seed, so that what is there when it is interrupted is a coarse picture and no half of one
    let seeds = 0..curve.seeds;
    let keys = seeds.flat_map(|seed| curve.keys().map(move |(series, point)| (series, point, seed)));
    let one = |(series, point, seed): Key| {
        let probe = Probe { curve, at: (series, point), more, seed };
        probe.row().map_err(RunError::from)
    };
    journal.complete(keys, jobs, limits, one, progress)?;
    Ok(())
}

/// Whether nothing was violated in any run, and of each peak that is looked for there is one.
pub fn held(curve: &Curve, rows: &BTreeMap<Key, Row>) -> bool {
    rows.values().all(|row| row.broken().next().is_none() && (curve.search.is_none() || row.keeps_up()))
}

/// One point with one seed.
struct Probe<'a> {
    curve: &'a Curve,
    at: (usize, usize),
    more: &'a [String],
    seed: u64,
}

impl Probe<'_> {
    fn row(&self) -> Result<Row, InputError> {
        match self.curve.search {
            None => {
                let outcome = self.run_with(self.seed, &[])?;
                Ok(Row { trials: vec![trial(&outcome, None, None)], ..self.curve.row(&outcome, None) })
            }
            Some(search) => self.peak(search),
        }
    }

    fn run_with(&self, seed: u64, sets: &[String]) -> Result<Outcome, InputError> {
        let scenario = self.curve.scenario(self.at, &[self.more, sets].concat())?;
        if self.curve.is_of_this_machine() {
            forget_peak();
        }
        command::run(&self.curve.base.display().to_string(), &scenario, seed, false)
    }

    fn peak(&self, search: Search) -> Result<Row, InputError> {
        let (mut trials, mut best) = (Vec::new(), None);
        let workload = self.curve.scenario(self.at, self.more)?.workload;
        let recipients = f64::from(workload.recipients.low.max(1));
        // requests come by chance: of few the rate is not what it should be
        let fewest = (DELIVERIES_MIN / recipients).max(REQUESTS_MIN * f64::from(workload.per_request.high));
        let [warm_up_s, length_s] = [search.warm_up_ns, search.length_ns].map(|ns| ns as f64 / 1e9);
        let found = peak::find(search.start_per_s, |rate| {
            let measured = (rate * length_s).max(fewest);
            let sets = [
                format!("workload.rate={rate}/s"),
                format!("workload.warm_up={}ns", search.warm_up_ns),
                format!("workload.bundles={}", (rate * warm_up_s + measured).round()),
            ];
            let mut row = None;
            let sustained = most(|further| {
                // other seeds of the same point, which no point has as its own
                let outcome = self.run_with(self.seed + (further << 32), &sets)?;
                let trial = trial(&outcome, Some(rate), Some(search.bound_ns));
                let sustained = trial.sustained;
                trials.push(trial);
                if sustained {
                    row = Some(self.curve.row(&outcome, Some(rate)));
                }
                Ok::<bool, InputError>(sustained)
            })?;
            if sustained {
                best = row;
            }
            Ok::<bool, InputError>(sustained)
        })?;
        let best = best.unwrap_or_else(|| Row {
            metrics: BTreeMap::from([(metric::PEAK.to_owned(), found.good_per_s)]),
            busiest: None,
            latency: Vec::new(),
            trials: Vec::new(),
            refused_per_s: None,
            seed: self.seed,
        });
        let refused_per_s = found.bad_per_s.is_finite().then_some(found.bad_per_s);
        Ok(Row { trials, refused_per_s, ..best })
    }
}

/// What most of [`TRIES`] say. One that is sustained at once is; near the knee chance decides, so that one failure does not.
fn most<E>(mut sustained: impl FnMut(u64) -> Result<bool, E>) -> Result<bool, E> {
    let (mut were, mut were_not) = (0, 0);
    for further in 0..TRIES {
        match sustained(further)? {
            true => were += 1,
            false => were_not += 1,
        }
        if were_not == 0 || were.max(were_not) > TRIES / 2 {
            break;
        }
    }
    Ok(were > were_not)
}

/// What a run says of a rate; of its own rate and without a bound, if none is given.
fn trial(outcome: &Outcome, offered_per_s: Option<f64>, bound_ns: Option<u64>) -> Trial {
    let summary = outcome.record().delivery.summary();
    let (p50_ms, p99_ms) = summary.map(|summary| (summary.p50 / 1e3, summary.p99 / 1e3)).unzip();
    // near a peak it is better to be strict; of a rate that is given an epoch proves nothing
    let lag = if bound_ns.is_some() { outcome.rise() } else { outcome.lag() };
    let bundles = outcome.drawn.workload.bundles;
    let complete = outcome.bundles().delivered == bundles;
    let refused = Refused::why(complete, p99_ms, lag, bound_ns);
    // what a cheat holds up or leaves out says nothing of what can be served
    let sustained = refused.is_none() || bound_ns.is_none() && outcome.has_cheats();
    let sending_s = outcome.flow().sending_ns() as f64 / 1e9;
    let wanted = outcome.flow().wanted as f64;
    let own_per_s = if sending_s > 0.0 { wanted / sending_s } else { 0.0 };
    Trial {
        seed: outcome.seed,
        offered_per_s: offered_per_s.unwrap_or(own_per_s),
        complete,
        p50_ms,
        p99_ms,
        lag,
        sustained,
        refused: refused.filter(|_| !sustained),
        broken: broken(outcome, sustained),
    }
}

/// What was violated. A server that is sent more than it can do owes something at the end, and may be suspected for it.
fn broken(outcome: &Outcome, sustained: bool) -> Option<String> {
    let failed = outcome.checks.iter().filter(|check| !check.held);
    let failed = failed.filter(|check| sustained || !LATE.contains(&check.name)).map(|check| check.name);
    let failed: Vec<&str> = failed.collect();
    (!failed.is_empty()).then(|| failed.join("+"))
}

impl Curve {
    /// What is kept of a run, and of a peak the rate that was sustained in it.
    fn row(&self, outcome: &Outcome, sustained_per_s: Option<f64>) -> Row {
        // of what was late nobody knows where it did not come at all; a cheat is another matter
        let all_came = outcome.bundles().delivered == outcome.drawn.workload.bundles || outcome.has_cheats();
        let wanted = METRICS.iter().filter(|metric| !metric.here || self.show.contains(metric));
        let wanted = wanted.filter(|metric| all_came || !metric.of_arrivals);
        let measured = wanted.filter_map(|metric| Some((metric.name.to_owned(), metric.of(outcome)?)));
        let mut metrics: BTreeMap<String, f64> = measured.collect();
        metrics.extend(sustained_per_s.map(|rate| (metric::PEAK.to_owned(), rate)));
        Row {
            metrics,
            busiest: outcome.run.load.busiest(),
            latency: match all_came {
                true => outcome.record().delivery.points(LatencyKind::Delivery),
                false => Vec::new(),
            },
            trials: Vec::new(),
            refused_per_s: None,
            seed: outcome.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_does_not_decide_and_two_do() {
        for (says, decides, asked) in [
            (&[true, false, false][..], true, 1),
            (&[false, true, true], true, 3),
            (&[false, true, false], false, 3),
            (&[false, false, true], false, 2),
        ] {
            let mut asked_for = Vec::new();
            let sustained = most(|further| {
                asked_for.push(further);
                Ok::<bool, ()>(says[further as usize])
            });
            assert_eq!((sustained, asked_for.len()), (Ok(decides), asked), "{says:?}");
            assert!(asked_for.iter().copied().eq(0..asked as u64), "each with a seed of its own");
        }
        assert_eq!(most(|_| Err("no")), Err("no"));
    }

    #[test]
    fn a_rate_is_sustained_up_to_its_bounds() {
        let bound = Some(50_000_000);
        for (why, (p99_ms, lag, bound)) in [
            (None, (50.0, 0.04, bound)),
            (None, (1e6, 0.0, None)),
            (Some(Refused::Late), (50.1, 0.5, bound)),
            (Some(Refused::Later), (20.0, 0.041, bound)),
            (Some(Refused::Later), (20.0, 0.041, None)),
        ] {
            assert_eq!(Refused::why(true, Some(p99_ms), lag, bound), why);
            assert_eq!(Refused::why(false, Some(p99_ms), lag, bound), Some(Refused::Incomplete));
        }
    }
}

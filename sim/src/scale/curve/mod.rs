//! Curves: runs over a parameter, for each of some series, several seeds a point.
//!
//! ```toml
//! # How does throughput grow with the number of actors?
//! [experiment]
//! kind = "curve"
//! base = "scenarios/scaling/base.toml"   # every run is this scenario, with overrides
//! seeds = 5
//! find = "peak"                          # the highest rate that is served within the bound; or "load": the base's own
//! bound = "100ms"                        # on the 99th percentile of delivery
//! warm_up = "500ms"                      # for how long they are sent before that, and not measured
//! length = "400ms"                       # for how long bundles are sent at each rate
//! show = ["throughput", "delivery-p99"]  # what is plotted (`cargo sim list metrics`)
//! answer = ["throughput"]                # what the answer tells; the first two of what is plotted unless given
//! stack = ["incoming-work", …]           # what is plotted as parts of one whole, a bar a point
//! heat = ["delivery-p99"]                # what is plotted over x and the series, as colours
//! x = { name = "actors", scale = "log2", points = [{ at = 1, set = ["topology.incoming=1"] }, …] }
//! [[experiment.series]]
//! name = "parallel"
//! set = ["architecture=parallel"]
//! points = [1, 2, 4]                     # some of x; all unless given
//! ideal = true                           # a line through its first point, in proportion to x, stands beside it
//! level = true                           # x changes nothing about it: its one point stands for all, as a level line
//! ```

mod answer;
mod page;
mod peak;
mod run;
mod trials;

use std::{collections::BTreeSet, path::PathBuf};

use reports::chart::Scale;
use serde::{Deserialize, Serialize};

pub use page::page;
pub use run::{CurveError, Key, Plan, Row, Trial, held, run};
pub use trials::write as write_trials;

use super::metric::{self, Metric};

/// The rate at which the search for a peak begins unless the file says another.
const START_PER_S: f64 = 500.0;
/// For how long bundles are sent at each rate unless the file says otherwise.
const LENGTH_NS: u64 = 400_000_000;
/// How many times as long as the bound bundles must be sent.
const LENGTH_MIN: u64 = 5;
/// The unit of what can be parts of one whole.
const PART_UNIT: &str = "µs per bundle";

/// What its file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CurveTable {
    base: PathBuf,
    seeds: u64,
    #[serde(default)]
    set: Vec<String>,
    #[serde(default)]
    find: Find,
    bound: Option<String>,
    warm_up: Option<String>,
    length: Option<String>,
    start: Option<f64>,
    show: Vec<String>,
    answer: Option<Vec<String>>,
    #[serde(default)]
    stack: Vec<String>,
    #[serde(default)]
    heat: Vec<String>,
    x: XTable,
    #[serde(default)]
    series: Vec<SeriesTable>,
    #[serde(default)]
    limits: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct XTable {
    name: String,
    #[serde(default)]
    scale: AxisScale,
    points: Vec<PointTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointTable {
    at: f64,
    #[serde(default)]
    set: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesTable {
    name: String,
    #[serde(default)]
    set: Vec<String>,
    points: Option<Vec<f64>>,
    #[serde(default)]
    ideal: bool,
    #[serde(default)]
    level: bool,
}

/// What is looked for at each point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Find {
    #[default]
    Load,
    Peak,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AxisScale {
    #[default]
    Linear,
    Log2,
    Log10,
}

/// How a peak is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The 99th percentile of delivery must not exceed this, in nanoseconds.
    pub bound_ns: u64,
    /// For how long bundles are sent before anything is measured.
    pub warm_up_ns: u64,
    /// For how long they are sent then.
    pub length_ns: u64,
    /// Where the search begins, in bundles a second.
    pub start_per_s: f64,
}

/// Runs over a parameter.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The scenario.
    pub base: PathBuf,
    /// Seeds of each point.
    pub seeds: u64,
    /// Overrides of every run.
    pub sets: Vec<String>,
    /// How the peak is looked for; at the scenario's own rate if it is not.
    pub search: Option<Search>,
    /// What is plotted.
    pub show: Vec<&'static Metric>,
    /// What the answer tells.
    pub answer: Vec<&'static Metric>,
    /// What is plotted as the parts of one whole, all in one unit.
    pub stack: Vec<&'static Metric>,
    /// What is plotted over the parameter and the series.
    pub heat: Vec<&'static Metric>,
    /// What the parameter is called.
    pub name: String,
    /// How its axis is divided.
    pub scale: Scale,
    /// Its values.
    pub points: Vec<At>,
    /// What is compared.
    pub series: Vec<Line>,
    /// What the experiment does not show.
    pub limits: Vec<String>,
}

/// A value of the parameter.
#[derive(Clone, Debug)]
pub struct At {
    /// Where it stands on the axis.
    pub at: f64,
    /// The overrides that it means.
    pub sets: Vec<String>,
}

/// One of what is compared.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// The overrides that it means.
    pub sets: Vec<String>,
    /// The points of the parameter that it has, by place.
    pub points: Vec<usize>,
    /// Whether a line in proportion to the parameter stands beside it.
    pub ideal: bool,
    /// Whether its one point stands for all: the parameter changes nothing about it.
    pub level: bool,
}

impl Curve {
    pub(super) fn of(table: CurveTable) -> Result<Curve, String> {
        let points: Vec<At> =
            table.x.points.into_iter().map(|point| At { at: point.at, sets: point.set }).collect();
        if points.is_empty() || !points.is_sorted_by(|one, next| one.at < next.at) {
            return Err("x.points must have a point or more, each with a higher `at`".to_owned());
        }
        let duration = |name: &str, text: &str| {
            let duration =
                humantime::parse_duration(text).map_err(|error| format!("{name} {text:?}: {error}"))?;
            u64::try_from(duration.as_nanos()).map_err(|_| format!("{name} {text:?} is too long"))
        };
        let warm_up_ns = table.warm_up.as_deref().map_or(Ok(0), |text| duration("warm_up", text))?;
        let length_ns = table.length.as_deref().map_or(Ok(LENGTH_NS), |text| duration("length", text))?;
        let start_per_s = table.start.unwrap_or(START_PER_S);
        if !(1.0..1e9).contains(&start_per_s) {
            return Err("start must be a rate from 1 bundle a second".to_owned());
        }
        let search = match (table.find, table.bound) {
            (Find::Load, None) if table.warm_up.is_some() => {
                return Err("a warm_up belongs to find = \"peak\": set workload.warm_up".to_owned());
            }
            (Find::Load, None) => None,
            (Find::Load, Some(_)) => return Err("a bound belongs to find = \"peak\"".to_owned()),
            (Find::Peak, None) => {
                return Err("find = \"peak\" needs a bound on the 99th percentile of delivery".to_owned());
            }
            (Find::Peak, Some(bound)) => {
                let bound_ns = duration("bound", &bound)?;
                if length_ns < LENGTH_MIN.saturating_mul(bound_ns) {
                    return Err(format!(
                        "length must be {LENGTH_MIN} times the bound or more: in a shorter run a queue that grows is not seen"
                    ));
                }
                Some(Search { bound_ns, warm_up_ns, length_ns, start_per_s })
            }
        };
        let metrics = |names: &[String]| {
            names.iter().map(|name| metric::find(name)).collect::<Result<Vec<_>, String>>()
        };
        let (show, stack, heat) = (metrics(&table.show)?, metrics(&table.stack)?, metrics(&table.heat)?);
        let answer = match &table.answer {
            Some(names) => metrics(names)?,
            None => {
                let peak = metric::find(metric::PEAK).into_iter().filter(|_| search.is_some());
                let others = show.iter().copied().filter(|metric| metric.name != metric::PEAK);
                peak.chain(others).take(2).collect()
            }
        };
        if let Some(other) =
            answer.iter().find(|metric| !show.contains(metric) && metric.name != metric::PEAK)
        {
            return Err(format!("answer names {:?}, which show does not", other.name));
        }
        if table.answer.as_ref().is_some_and(Vec::is_empty) {
            return Err("answer must name a metric or more of what show names".to_owned());
        }
        if show.is_empty() {
            return Err("show must name a metric or more (`cargo sim list metrics`)".to_owned());
        }
        for (key, metrics) in [("show", &show), ("answer", &answer), ("stack", &stack), ("heat", &heat)] {
            if let Some(twice) = twice(metrics.iter().map(|metric| metric.name)) {
                return Err(format!("{key} names {twice:?} twice"));
            }
            if search.is_none() && metrics.iter().any(|metric| metric.name == metric::PEAK) {
                return Err(format!("{key} names {:?}, which only find = \"peak\" measures", metric::PEAK));
            }
        }
        if let Some(other) = stack.iter().find(|metric| metric.unit != PART_UNIT) {
            let (name, unit) = (other.name, other.unit);
            return Err(format!(
                "stack: {name} is in {unit}, and no part of a bundle's processor time: it is for metrics in {PART_UNIT}"
            ));
        }
        let mut series = table.series;
        if series.is_empty() {
            series.push(SeriesTable {
                name: "all".to_owned(),
                set: Vec::new(),
                points: None,
                ideal: false,
                level: false,
            });
        }
        if let Some(twice) = twice(series.iter().map(|series| series.name.as_str())) {
            return Err(format!("two series are called {twice:?}"));
        }
        if table.x.scale != AxisScale::Linear && points[0].at <= 0.0 {
            return Err(format!(
                "x: {} has no place on a logarithmic scale: `at` must be above 0",
                points[0].at
            ));
        }
        let series = series.into_iter().map(|series| line(series, &points)).collect::<Result<_, String>>()?;
        let scale = match table.x.scale {
            AxisScale::Linear => Scale::Linear,
            AxisScale::Log2 => Scale::Log2,
            AxisScale::Log10 => Scale::Log10,
        };
        Ok(Curve {
            base: table.base,
            seeds: table.seeds,
            sets: table.set,
            search,
            show,
            answer,
            stack,
            heat,
            name: table.x.name,
            scale,
            points,
            series,
            limits: table.limits,
        })
    }
}

/// The first that is there twice.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn line(series: SeriesTable, all: &[At]) -> Result<Line, String> {
    let SeriesTable { name, set, points, ideal, level } = series;
    let place = |at: f64| {
        all.iter()
            .position(|point| point.at == at)
            .ok_or_else(|| format!("series {name:?}: x has no point at {at}"))
    };
    let points: Vec<usize> = match points {
        None => (0..all.len()).collect(),
        Some(points) => points.into_iter().map(place).collect::<Result<_, String>>()?,
    };
    if !points.is_sorted_by(|one, other| one < other) {
        return Err(format!("series {name:?}: its points must be those of x in their order, each once"));
    }
    if level && (ideal || points.len() != 1) {
        return Err(format!(
            "series {name:?}: a level line goes through one point, and is not in proportion"
        ));
    }
    Ok(Line { name, sets: set, points, ideal, level })
}

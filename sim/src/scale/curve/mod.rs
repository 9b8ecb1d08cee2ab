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
//! ```
//!
//! Of two overrides of one key that of the series counts, then that of the point, then that of all runs: so a series can keep
//! what the others have more of from point to point.

mod answer;
mod fixed;
mod knee;
mod page;
mod peak;
mod run;
mod trials;

use std::{collections::BTreeSet, path::PathBuf};

use reports::chart::Scale;
use serde::{Deserialize, Serialize};

pub use page::page;
pub use run::{Key, Plan, Row, Trial, held, run};
pub use trials::write as write_trials;

use super::{
    file::Mistake,
    metric::{self, Metric},
};

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
    #[serde(rename = "kind")]
    _kind: String,
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
#[serde(deny_unknown_fields, expecting = "a table such as { name = \"actors\", points = [{ at = 1 }] }")]
struct XTable {
    name: String,
    #[serde(default)]
    scale: AxisScale,
    points: Vec<PointTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a point such as { at = 1, set = [\"…\"] }")]
struct PointTable {
    at: f64,
    #[serde(default)]
    set: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a series such as { name = \"central\", set = [\"…\"] }")]
struct SeriesTable {
    name: String,
    #[serde(default)]
    set: Vec<String>,
    points: Option<Vec<f64>>,
    #[serde(default)]
    ideal: bool,
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
}

impl Curve {
    pub(super) fn of(table: CurveTable) -> Result<Curve, Mistake> {
        let points: Vec<At> =
            table.x.points.iter().map(|point| At { at: point.at, sets: point.set.clone() }).collect();
        let search = search(&table)?;
        let metrics = |key: &str, names: &[String]| {
            let find = |(index, name): (usize, &String)| {
                metric::find(name).map_err(|why| Mistake::at(format!("{key}.{index}"), why))
            };
            names.iter().enumerate().map(find).collect::<Result<Vec<_>, Mistake>>()
        };
        let show = metrics("show", &table.show)?;
        let (stack, heat) = (metrics("stack", &table.stack)?, metrics("heat", &table.heat)?);
        let answer = match &table.answer {
            Some(names) => metrics("answer", names)?,
            None => {
                let peak = metric::find(metric::PEAK).into_iter().filter(|_| search.is_some());
                let others = show.iter().copied().filter(|metric| metric.name != metric::PEAK);
                peak.chain(others).take(2).collect()
            }
        };
        let other = answer.iter().position(|metric| !show.contains(metric) && metric.name != metric::PEAK);
        if let Some(index) = other {
            let why = format!("answer names {:?}, which show does not: add it there", answer[index].name);
            return Err(Mistake::at(format!("answer.{index}"), why));
        }
        if table.answer.as_ref().is_some_and(Vec::is_empty) {
            return Err(Mistake::at("answer", "answer must name a metric or more of what show names"));
        }
        if show.is_empty() {
            return Err(Mistake::at("show", "show must name a metric or more (`cargo sim list metrics`)"));
        }
        for (key, metrics) in [("show", &show), ("answer", &answer), ("stack", &stack), ("heat", &heat)] {
            if let Some(twice) = twice(metrics.iter().map(|metric| metric.name)) {
                let why = format!("{key} names {:?} twice: once is enough", metrics[twice].name);
                return Err(Mistake::at(format!("{key}.{twice}"), why));
            }
            let peak = metrics.iter().position(|metric| metric.name == metric::PEAK);
            if let Some(index) = peak.filter(|_| search.is_none()) {
                let why = format!("{key} names {:?}, which only find = \"peak\" measures", metric::PEAK);
                return Err(Mistake::at(format!("{key}.{index}"), why));
            }
        }
        if let Some(index) = stack.iter().position(|metric| metric.unit != PART_UNIT) {
            let (name, unit) = (stack[index].name, stack[index].unit);
            let why = format!(
                "stack: {name} is in {unit}, and no part of a bundle's processor time: it is for metrics in {PART_UNIT}"
            );
            return Err(Mistake::at(format!("stack.{index}"), why));
        }
        let scale = axis(&table.x)?;
        let series = lines(table.series, &points)?;
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

/// How the peak is looked for, if it is.
fn search(table: &CurveTable) -> Result<Option<Search>, Mistake> {
    let warm_up_ns = table.warm_up.as_deref().map_or(Ok(0), |text| duration("warm_up", text))?;
    let length_ns = table.length.as_deref().map_or(Ok(LENGTH_NS), |text| duration("length", text))?;
    let start_per_s = table.start.unwrap_or(START_PER_S);
    if !(1.0..1e9).contains(&start_per_s) {
        return Err(Mistake::at("start", "start must be a rate from 1 bundle a second, such as start = 500"));
    }
    let bound_ns = table.bound.as_deref().map(|text| duration("bound", text)).transpose()?;
    match (table.find, bound_ns) {
        (Find::Load, None) if table.warm_up.is_some() => {
            Err(Mistake::at("warm_up", "a warm_up belongs to find = \"peak\": set workload.warm_up"))
        }
        (Find::Load, None) => Ok(None),
        (Find::Load, Some(_)) => Err(Mistake::at("bound", "a bound belongs to find = \"peak\": write both")),
        (Find::Peak, None) => {
            let why = "find = \"peak\" needs a bound on the 99th percentile of delivery, as bound = \"1s\"";
            Err(Mistake::at("find", why))
        }
        (Find::Peak, Some(bound_ns)) if length_ns < LENGTH_MIN.saturating_mul(bound_ns) => {
            let key = if table.length.is_some() { "length" } else { "bound" };
            let why = format!(
                "length must be {LENGTH_MIN} times the bound or more: in a shorter run a queue that grows is not seen"
            );
            Err(Mistake::at(key, why))
        }
        (Find::Peak, Some(bound_ns)) => Ok(Some(Search { bound_ns, warm_up_ns, length_ns, start_per_s })),
    }
}

fn duration(key: &str, text: &str) -> Result<u64, Mistake> {
    let wrong = |why: String| Mistake::at(key, format!("{key} {text:?}: {why}: write {key} = \"100ms\""));
    let duration = humantime::parse_duration(text).map_err(|error| wrong(error.to_string()))?;
    u64::try_from(duration.as_nanos()).map_err(|_| wrong("too long".to_owned()))
}

/// How the axis of the parameter is divided; all of its points must have a place there, one after another.
fn axis(x: &XTable) -> Result<Scale, Mistake> {
    if x.name.trim().is_empty() {
        return Err(Mistake::at("x.name", "the parameter must be called something: write name = \"actors\""));
    }
    let Some(first) = x.points.first() else {
        let why = "x.points must have a point or more, each with a higher `at`: write points = [{ at = 1 }]";
        return Err(Mistake::at("x.points", why));
    };
    if let Some(index) = x.points.iter().position(|point| !point.at.is_finite()) {
        let why = format!("{} is no place on an axis: write a number", x.points[index].at);
        return Err(Mistake::at(format!("x.points.{index}.at"), why));
    }
    if let Some(index) = x.points.windows(2).position(|pair| pair[0].at >= pair[1].at) {
        let why = "x.points must have a point or more, each with a higher `at`: this one has not";
        return Err(Mistake::at(format!("x.points.{}.at", index + 1), why));
    }
    if x.scale != AxisScale::Linear && first.at <= 0.0 {
        let why = format!("x: {} has no place on a logarithmic scale: `at` must be above 0", first.at);
        return Err(Mistake::at("x.points.0.at", why));
    }
    Ok(match x.scale {
        AxisScale::Linear => Scale::Linear,
        AxisScale::Log2 => Scale::Log2,
        AxisScale::Log10 => Scale::Log10,
    })
}

/// Where the first stands that is there before.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<usize> {
    let mut seen = BTreeSet::new();
    names.into_iter().position(|name| !seen.insert(name))
}

/// What is compared; one that has all points, if the file names none.
fn lines(series: Vec<SeriesTable>, points: &[At]) -> Result<Vec<Line>, Mistake> {
    if series.is_empty() {
        let (name, points) = ("all".to_owned(), (0..points.len()).collect());
        return Ok(vec![Line { name, sets: Vec::new(), points, ideal: false }]);
    }
    if let Some(index) = series.iter().position(|series| series.name.trim().is_empty()) {
        let why = "a series must be called something, for what is plotted names it: write name = \"central\"";
        return Err(Mistake::at(format!("series.{index}.name"), why));
    }
    if let Some(index) = twice(series.iter().map(|series| series.name.as_str())) {
        let why = format!("two series are called {:?}: write another name", series[index].name);
        return Err(Mistake::at(format!("series.{index}.name"), why));
    }
    series.into_iter().enumerate().map(|(index, series)| line(index, series, points)).collect()
}

fn line(index: usize, series: SeriesTable, all: &[At]) -> Result<Line, Mistake> {
    let SeriesTable { name, set, points, ideal } = series;
    let wrong = |key: &str, why: String| {
        Err(Mistake::at(format!("series.{index}.{key}"), format!("series {name:?}: {why}")))
    };
    let mut places: Vec<usize> = Vec::new();
    match points {
        None => places.extend(0..all.len()),
        Some(points) => {
            for (index, at) in points.into_iter().enumerate() {
                let key = format!("points.{index}");
                let Some(place) = all.iter().position(|point| point.at == at) else {
                    let there: Vec<String> = all.iter().map(|point| point.at.to_string()).collect();
                    return wrong(
                        &key,
                        format!("x has no point at {at}: write some of {}", there.join(", ")),
                    );
                };
                if places.last().is_some_and(|last| *last >= place) {
                    let why = "its points must be those of x in their order, each once";
                    return wrong(&key, why.to_owned());
                }
                places.push(place);
            }
        }
    }
    if places.is_empty() {
        return wrong("points", "it has no point: name some of x, or leave points out".to_owned());
    }
    Ok(Line { name, sets: set, points: places, ideal })
}

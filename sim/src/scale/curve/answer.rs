//! The answer to a curve's question, in words that are put together from its numbers.

use std::collections::BTreeMap;

use reports::{stats, text};

use super::{Curve, Line, run::Row};
use crate::scale::metric::{Metric, PEAK};

/// A series stops keeping up where a step of the parameter brings less than this share of what it would in proportion.
const KEEPS_UP: f64 = 0.7;

/// All rows of one point.
pub type OfPoint<'a> = dyn Fn(usize, usize) -> Vec<&'a Row> + 'a;

/// What came out: of each series and metric.
pub fn answer(curve: &Curve, of_point: &OfPoint<'_>) -> String {
    let sentence = |metric: &&Metric| {
        let lines = curve.series.iter().enumerate();
        let said = lines.map(|(series, line)| of_line(curve, metric, series, line, of_point));
        let said = said.collect::<Vec<_>>().join("; ");
        format!("{}, over {}: {said}.", metric.caption(), curve.name)
    };
    curve.answer.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

/// A point of a series with what was measured there.
struct Measured {
    at: f64,
    value: stats::Estimate,
    point: usize,
}

fn of_line(curve: &Curve, metric: &Metric, series: usize, line: &Line, of_point: &OfPoint<'_>) -> String {
    let served = |point: usize| keeps_up(&of_point(series, point));
    let measured = line.points.iter().filter_map(|point| {
        let value = estimate(metric, &of_point(series, *point))?;
        Some(Measured { at: curve.points[*point].at, value, point: *point })
    });
    let all: Vec<Measured> = measured.collect();
    let beyond: Vec<usize> = line.points.iter().copied().filter(|point| !served(*point)).collect();
    let places =
        beyond.iter().map(|point| text::shortest(curve.points[*point].at)).collect::<Vec<_>>().join(", ");
    let beyond = match (&beyond[..], curve.search) {
        ([], _) => String::new(),
        (_, Some(_)) => format!(", and no rate is sustained at {places}"),
        ([first, ..], None) if line.points.ends_with(&beyond) => {
            format!(
                ", and from {} on more is sent than it can serve",
                text::shortest(curve.points[*first].at)
            )
        }
        (_, None) => format!(", and at {places} more is sent than it can serve"),
    };
    // of what is sent more than it can serve no number is an answer, unless it is all that there is
    let within: Vec<&Measured> =
        all.iter().filter(|one| curve.search.is_some() || served(one.point)).collect();
    let values: Vec<&Measured> = if within.is_empty() { all.iter().collect() } else { within };
    let unit = metric.unit;
    let said =
        |one: &Measured| format!("{} {unit} at {}", text::number(one.value.value), text::shortest(one.at));
    let mut said = match &values[..] {
        [] => format!("{} at no point", line.name),
        [only] if line.points.len() == 1 => {
            format!("{} {} {unit}", line.name, text::number(only.value.value))
        }
        [only] => format!("{} {}, and at no other point", line.name, said(only)),
        [first, .., last] => format!("{} {} to {}", line.name, said(first), said(last)),
    };
    if line.ideal && metric.name == PEAK {
        said.push_str(&scaling(&values, of_point, series));
    }
    said.push_str(&beyond);
    said
}

/// How a series grows beside a proportional one, and what is busy where it stops.
fn scaling(values: &[&Measured], of_point: &OfPoint<'_>, series: usize) -> String {
    let [first, .., last] = values else { return String::new() };
    let times = last.value.value / first.value.value;
    let share = times / (last.at / first.at) * 100.0;
    let mut said =
        format!(", {} times as much, {} % of proportional", text::number(times), text::number(share));
    let bend = values.windows(2).find(|pair| falls_behind(pair[0], pair[1])).map(|pair| pair[1]);
    let at = bend.unwrap_or(last);
    let rows = of_point(series, at.point);
    if let Some((busiest, busy)) = busiest(&rows) {
        let busy = format!("{busiest} busy {} % of the time", text::number(busy * 100.0));
        match bend {
            Some(bend) => said.push_str(&format!("; it bends at {}, with {busy}", text::shortest(bend.at))),
            None => said.push_str(&format!("; it has not bent by then, with {busy}")),
        }
        said.push_str(&refused(&rows).map_or(String::new(), |why| format!(", and at a higher rate {why}")));
    }
    said
}

/// Whether a step brings less than a series that keeps up would, however the intervals of both are taken.
fn falls_behind(one: &Measured, next: &Measured) -> bool {
    let (gain, proportional) = (next.value.high / one.value.low - 1.0, next.at / one.at - 1.0);
    gain < KEEPS_UP * proportional
}

/// What decided most often where a rate was not sustained that is hardly higher than the peak.
pub fn refused(rows: &[&Row]) -> Option<&'static str> {
    let decided = rows.iter().filter_map(|row| {
        let lowest = row.refused_per_s?;
        row.trials.iter().filter(move |trial| trial.offered_per_s == lowest).find_map(|trial| trial.refused)
    });
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    decided.for_each(|refused| *counts.entry(refused.words()).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(words, _)| words)
}

/// The mean over seeds, and how far apart they are. A peak lies between the highest rate that was sustained and the lowest that
/// was not, so its interval reaches from the lowest of the ones to the highest of the others.
pub fn estimate(metric: &Metric, rows: &[&Row]) -> Option<stats::Estimate> {
    let values: Vec<f64> = rows.iter().filter_map(|row| row.metrics.get(metric.name).copied()).collect();
    let estimate = stats::over_seeds(&values)?;
    if metric.name != PEAK {
        // nothing that is measured can be below zero, whatever Student says of a few counts
        return Some(stats::Estimate { low: estimate.low.max(0.0), ..estimate });
    }
    let refused = rows.iter().filter_map(|row| row.refused_per_s);
    let (low, high) =
        (values.iter().copied().fold(estimate.value, f64::min), refused.fold(estimate.high, f64::max));
    Some(stats::Estimate { low, high, ..estimate })
}

/// Whether most seeds of a point serve what is sent.
pub fn keeps_up(rows: &[&Row]) -> bool {
    2 * rows.iter().filter(|row| row.keeps_up()).count() > rows.len()
}

/// What was busiest, of all seeds the one in which it was busiest of all.
pub fn busiest(rows: &[&Row]) -> Option<(String, f64)> {
    rows.iter().filter_map(|row| row.busiest.clone()).max_by(|one, other| one.1.total_cmp(&other.1))
}

#[cfg(test)]
mod tests {
    use super::{
        super::run::{Refused, Trial},
        *,
    };

    fn measured(at: f64, low: f64, high: f64) -> Measured {
        let value = stats::over_seeds(&[(low + high) / 2.0]).unwrap();
        Measured { at, value: stats::Estimate { low, high, ..value }, point: 0 }
    }

    #[test]
    fn a_series_bends_only_where_chance_cannot_be_the_reason() {
        let first = measured(1.0, 1000.0, 1060.0);
        assert!(!falls_behind(&first, &measured(2.0, 2000.0, 2100.0)));
        assert!(!falls_behind(&first, &measured(2.0, 1600.0, 1710.0)), "it may be seven tenths");
        assert!(falls_behind(&first, &measured(2.0, 1500.0, 1690.0)));
    }

    #[test]
    fn what_decided_is_that_of_the_lowest_rate_that_was_refused() {
        let trial = |offered_per_s, refused: Option<Refused>| Trial {
            seed: 0,
            offered_per_s,
            complete: true,
            p50_ms: 1.0,
            p99_ms: 1.0,
            lag: 0.0,
            sustained: refused.is_none(),
            refused,
            broken: None,
        };
        let row = |refused| Row {
            metrics: BTreeMap::new(),
            busiest: None,
            latency: Vec::new(),
            trials: vec![
                trial(800.0, Some(Refused::Incomplete)),
                trial(400.0, None),
                trial(450.0, Some(refused)),
            ],
            refused_per_s: Some(450.0),
            seed: 0,
        };
        let rows = [row(Refused::Late), row(Refused::Later), row(Refused::Later)];
        assert_eq!(refused(&rows.iter().collect::<Vec<_>>()), Some("deliveries come later and later"));
        assert_eq!(refused(&[]), None);
    }
}

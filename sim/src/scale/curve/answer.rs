//! The answer to a curve's question, in words that are put together from its numbers.

use std::collections::BTreeMap;

use reports::{stats, text};

use super::{Curve, Line, run::Row};
use crate::scale::metric::{Metric, PEAK};

/// A series stops keeping up where a step of the parameter brings less than this share of what it would in proportion.
const KEEPS_UP: f64 = 0.7;
/// What lies between two ends is told where it is higher or lower than both by this.
const OUTSIDE: f64 = 1.05;

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
    let of = |one: &Measured| quantity(one.value.value, metric.unit);
    let said = |one: &Measured| format!("{} at {}", of(one), text::shortest(one.at));
    let mut said = match &values[..] {
        [] => format!("{} at no point", line.name),
        [only] if line.points.len() == 1 => {
            format!("{} {}", line.name, of(only))
        }
        [only] => format!("{} {}, and at no other point", line.name, said(only)),
        [first, between @ .., last] => {
            let most = outside(first, between, last)
                .map_or(String::new(), |(word, one)| format!(", {word} {}", said(one)));
            let times = if metric.name == PEAK && line.ideal { String::new() } else { times(first, last) };
            format!("{} {} to {}{times}{}{most}", line.name, said(first), said(last), apart(first, last))
        }
    };
    if metric.name == PEAK {
        said.push_str(&match line.ideal {
            true => scaling(&values, of_point, series),
            false => values
                .last()
                .map_or(String::new(), |last| bottleneck(&of_point(series, last.point), ", with ")),
        });
    }
    said.push_str(&beyond);
    said
}

/// A value with its unit, of bytes by thousands.
fn quantity(value: f64, unit: &str) -> String {
    match unit.strip_prefix('B') {
        Some(per) if value >= 1e9 => format!("{} GB{per}", text::number(value / 1e9)),
        Some(per) if value >= 1e6 => format!("{} MB{per}", text::number(value / 1e6)),
        Some(per) if value >= 1e4 => format!("{} kB{per}", text::number(value / 1e3)),
        _ => format!("{} {unit}", text::number(value)),
    }
}

/// How many times the first the last is.
fn times(first: &Measured, last: &Measured) -> String {
    let (first, last) = (first.value.value, last.value.value);
    if first > 0.0 && last > 0.0 {
        format!(", {} times as much", text::number(last / first))
    } else {
        String::new()
    }
}

/// What is higher or lower in between than at both ends, by more than a little: of that the ends say nothing.
fn outside<'a>(
    first: &Measured,
    between: &[&'a Measured],
    last: &Measured,
) -> Option<(&'static str, &'a Measured)> {
    let ends = [first.value.value, last.value.value];
    let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let by_value = |one: &&&Measured, other: &&&Measured| one.value.value.total_cmp(&other.value.value);
    let most = between.iter().max_by(by_value).filter(|one| one.value.value > OUTSIDE * high);
    let least = between.iter().min_by(by_value).filter(|one| one.value.value * OUTSIDE < low);
    most.map(|one| ("highest", *one)).or(least.map(|one| ("lowest", *one)))
}

/// What must be said of two ends whose ranges meet: that they may be the same.
fn apart(first: &Measured, last: &Measured) -> String {
    let (one, other) = (first.value, last.value);
    if one.value == other.value
        || one.samples.min(other.samples) < 2
        || one.high < other.low
        || other.high < one.low
    {
        return String::new();
    }
    let range =
        |value: stats::Estimate| format!("{} to {}", text::number(value.low), text::number(value.high));
    format!(", which may be no change (seeds give {} and {})", range(one), range(other))
}

/// What was busiest at a point, after these words.
fn bottleneck(rows: &[&Row], words: &str) -> String {
    let Some((busiest, busy)) = busiest(rows) else { return String::new() };
    format!("{words}{busiest} busy {} % of the time", text::number(busy * 100.0))
}

/// How a series grows beside a proportional one, and what is busy where it stops and at its end.
fn scaling(values: &[&Measured], of_point: &OfPoint<'_>, series: usize) -> String {
    let [first, further @ ..] = values else { return String::new() };
    let Some(last) = further.last() else { return String::new() };
    let share = |one: &&Measured| {
        let share = one.value.value / first.value.value / (one.at / first.at) * 100.0;
        format!("{} % at {}", text::number(share), text::shortest(one.at))
    };
    let shares = further.iter().map(share).collect::<Vec<_>>().join(", ");
    let mut said = format!(
        ", {} times as much; in proportion to the first point that is {shares}",
        text::number(last.value.value / first.value.value)
    );
    let steps = values.windows(2).map(|pair| (pair[0], pair[1]));
    let bend = steps.into_iter().find(|(one, next)| falls_behind(one, next) || is_behind(first, next));
    let bend = bend.map(|(_, next)| next);
    let at = bend.unwrap_or(last);
    let rows = of_point(series, at.point);
    said.push_str(&match bend {
        Some(bend) => format!("; it bends at {}{}", text::shortest(bend.at), bottleneck(&rows, ", with ")),
        None => format!("; it has not bent by then{}", bottleneck(&rows, ", with ")),
    });
    said.push_str(&refused(&rows).map_or(String::new(), |why| format!(", and at a higher rate {why}")));
    if at.point != last.point {
        let words = format!("; at {} with ", text::shortest(last.at));
        said.push_str(&bottleneck(&of_point(series, last.point), &words));
    }
    said
}

/// Whether a step brings less than a series that keeps up would, however the intervals of both are taken.
fn falls_behind(one: &Measured, next: &Measured) -> bool {
    let (gain, proportional) = (next.value.high / one.value.low - 1.0, next.at / one.at - 1.0);
    gain < KEEPS_UP * proportional
}

/// Whether all steps up to this point have brought less together: each may lack a little.
fn is_behind(first: &Measured, one: &Measured) -> bool {
    one.value.high / first.value.low < KEEPS_UP * one.at / first.at
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
    fn a_series_bends_where_many_steps_lack_a_little() {
        let steps: Vec<Measured> = [1000.0, 1750.0, 3062.0, 5359.0]
            .into_iter()
            .zip([1.0, 2.0, 4.0, 8.0])
            .map(|(value, at)| measured(at, value, value))
            .collect();
        assert!(steps.windows(2).all(|pair| !falls_behind(&pair[0], &pair[1])));
        let behind: Vec<bool> = steps.iter().map(|one| is_behind(&steps[0], one)).collect();
        assert_eq!(behind, [false, false, false, true]);
    }

    #[test]
    fn bytes_are_told_by_thousands_and_growth_by_how_many_times() {
        let said = [
            (595_324_591.0, "B/s"),
            (24_406.0, "B per bundle"),
            (2e9, "B"),
            (7_060.0, "B per bundle"),
            (5e6, "bundles/s"),
        ];
        assert_eq!(
            said.map(|(value, unit)| quantity(value, unit)),
            ["595 MB/s", "24.4 kB per bundle", "2.00 GB", "7,060 B per bundle", "5,000,000 bundles/s"]
        );
        let grown = |from: f64, to: f64| times(&measured(1.0, from, from), &measured(4.0, to, to));
        assert_eq!([grown(10.0, 25.0), grown(0.0, 25.0), grown(5.0, 0.0)], [", 2.50 times as much", "", ""]);
    }

    #[test]
    fn what_the_ends_hide_is_told() {
        let [first, last] = [measured(1.0, 11_800.0, 11_800.0), measured(16.0, 34_900.0, 34_900.0)];
        let [top, low, same] = [45_300.0, 9_000.0, 35_000.0].map(|value| measured(4.0, value, value));
        let told = |between| outside(&first, &[between], &last).map(|(word, one)| (word, one.value.value));
        assert_eq!(told(&top), Some(("highest", 45_300.0)));
        assert_eq!(told(&low), Some(("lowest", 9_000.0)));
        assert_eq!(told(&same), None);
    }

    #[test]
    fn ends_whose_ranges_meet_may_be_the_same() {
        let of = |values: &[f64]| Measured { at: 1.0, value: stats::over_seeds(values).unwrap(), point: 0 };
        assert!(
            apart(&of(&[44.0, 204.0]), &of(&[97.0, 155.0]))
                .contains("(seeds give 44.0 to 204 and 97.0 to 155)")
        );
        for (one, other) in [(&[1.0, 2.0][..], &[3.0, 4.0][..]), (&[1.0], &[2.0]), (&[5.0, 5.0], &[5.0, 5.0])]
        {
            assert_eq!(apart(&of(one), &of(other)), "");
        }
    }

    #[test]
    fn what_decided_is_that_of_the_lowest_rate_that_was_refused() {
        let trial = |offered_per_s, refused: Option<Refused>| Trial {
            seed: 0,
            offered_per_s,
            complete: true,
            p50_ms: Some(1.0),
            p99_ms: Some(1.0),
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

//! The answer to a curve's question, in words that are put together from its numbers.

use reports::{stats, text};

use super::{Curve, Line, run::Row};
use crate::scale::metric::{Metric, PEAK};

/// A series stops keeping up where a step of the parameter brings less than this share of what it would in proportion.
const KEEPS_UP: f64 = 0.7;

/// All rows of one point.
pub type OfPoint<'a> = dyn Fn(usize, usize) -> Vec<&'a Row> + 'a;

/// What came out: of each series and metric.
pub fn answer(curve: &Curve, of_point: &OfPoint<'_>) -> String {
    let shown: Vec<&Metric> = curve.shown().collect();
    let sentence = |metric: &&Metric| {
        let lines = curve.series.iter().enumerate();
        let said = lines.map(|(series, line)| of_line(curve, metric, series, line, of_point));
        let said = said.collect::<Vec<_>>().join("; ");
        format!("{}, over {}: {said}.", metric.caption(), curve.name)
    };
    // the first metrics answer; the others are on the page
    shown.iter().take(2).map(sentence).collect::<Vec<_>>().join(" ")
}

fn of_line(curve: &Curve, metric: &Metric, series: usize, line: &Line, of_point: &OfPoint<'_>) -> String {
    let values = line.points.iter().filter_map(|point| {
        let value = estimate(metric, &of_point(series, *point))?;
        Some((curve.points[*point].at, value.value, *point))
    });
    let values: Vec<(f64, f64, usize)> = values.collect();
    let unit = metric.unit;
    let (first, last) = match &values[..] {
        [] => return format!("{} at no point", line.name),
        [(_, value, _)] if line.points.len() == 1 => {
            return format!("{} {} {unit}", line.name, text::number(*value));
        }
        [(at, value, _)] => {
            let (value, at) = (text::number(*value), text::shortest(*at));
            return format!("{} {value} {unit} at {at}, and at no other point", line.name);
        }
        [first, .., last] => (first, last),
    };
    let mut said = format!(
        "{} {} {unit} at {} to {} {unit} at {}",
        line.name,
        text::number(first.1),
        text::shortest(first.0),
        text::number(last.1),
        text::shortest(last.0),
    );
    if line.ideal && metric.name == PEAK {
        said.push_str(&scaling(&values, of_point, series));
    }
    if let Some((from, ..)) = values.iter().find(|(.., point)| !keeps_up(&of_point(series, *point))) {
        said.push_str(&format!(", where from {} on more is sent than it can serve", text::shortest(*from)));
    }
    said
}

/// How a series grows beside a proportional one, and what is busy where it stops.
fn scaling(values: &[(f64, f64, usize)], of_point: &OfPoint<'_>, series: usize) -> String {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return String::new() };
    let (times, share) = (last.1 / first.1, last.1 / first.1 / (last.0 / first.0) * 100.0);
    let mut said =
        format!(", {} times as much, {} % of proportional", text::number(times), text::number(share));
    let falls = |pair: &&[(f64, f64, usize)]| {
        let (gain, proportional) = (pair[1].1 / pair[0].1 - 1.0, pair[1].0 / pair[0].0 - 1.0);
        gain < KEEPS_UP * proportional
    };
    let bend = values.windows(2).find(falls).map(|pair| pair[1]);
    let at = bend.unwrap_or(*last);
    if let Some((busiest, busy)) = busiest(&of_point(series, at.2)) {
        let busy = format!("{busiest} busy {} % of the time", text::number(busy * 100.0));
        match bend {
            Some(bend) => said.push_str(&format!("; it bends at {}, with {busy}", text::shortest(bend.0))),
            None => said.push_str(&format!("; it has not bent by then, with {busy}")),
        }
    }
    said
}

/// The mean over seeds, and how far apart they are. A peak lies between the highest rate that was sustained and the lowest that
/// was not, so its interval reaches from the lowest of the ones to the highest of the others.
pub fn estimate(metric: &Metric, rows: &[&Row]) -> Option<stats::Estimate> {
    let values: Vec<f64> = rows.iter().filter_map(|row| row.metrics.get(metric.name).copied()).collect();
    let estimate = stats::over_seeds(&values)?;
    if metric.name != PEAK {
        return Some(estimate);
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

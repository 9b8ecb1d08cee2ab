//! Latency over load, at the last point of each series: where it leaves the bound.

use std::collections::BTreeMap;

use reports::{
    chart::{self, ChartError, Dimension, LinesPlot, Mark, Point, Series, Style},
    page::{Plot, Section},
    stats,
};

use super::{
    Row, Search,
    page::Draft,
    run::{DELIVERIES_MIN, LAG_MAX, REQUESTS_MIN},
};
use crate::scale::metric::PEAK;

/// How many times the bound the plot of latency over load reaches.
const HIGHEST_BOUNDS: f64 = 20.0;

impl Draft<'_> {
    /// The rates that were tried at the last point of each series: where latency leaves the bound.
    pub(super) fn over_load(&self, search: Search) -> Result<Section, ChartError> {
        let bound_ms = search.bound_ns as f64 / 1e6;
        let ends = self.curve.series.iter().enumerate();
        let mut series: Vec<Series> = Vec::new();
        let mut marks = Vec::new();
        for (index, line) in ends {
            let Some(last) = line.points.last() else { continue };
            // with another seed the bound is left elsewhere, and a line through the means of both would leave it nowhere
            let rows: Vec<&Row> = self.of_point(index, *last).into_iter().take(1).collect();
            let name = format!("{} at {}", line.name, reports::text::shortest(self.curve.points[*last].at));
            series.push(Series {
                name,
                points: hockey_stick(&rows, HIGHEST_BOUNDS * bound_ms),
                style: Style::Measured,
            });
            let peak = rows.iter().filter_map(|row| row.metrics.get(PEAK));
            marks.extend(peak.map(|peak| Mark { x: *peak, label: format!("peak of {}", line.name) }));
        }
        series.retain(|series| !series.points.is_empty());
        let all = || series.iter().flat_map(|series| &series.points).map(|point| point.x);
        let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
        let bound = vec![Point::exact(low, bound_ms), Point::exact(high, bound_ms)];
        series.push(Series { name: "bound".to_owned(), points: bound, style: Style::Bound });
        let plot = LinesPlot {
            x: Dimension::log10("offered load (bundles/s)"),
            y: Dimension::log10("delivery latency, 99th percentile (ms)"),
            series,
            marks,
        };
        let plot = Plot {
            file: "latency-over-load".to_owned(),
            caption: format!(
                "Each rate that was tried on the way to the peak, of the first seed: the median of its runs with the least and the most; more than {} times \
                 the bound, and where not everything arrived, stands at that. That seed's peak is marked; at a higher rate latency may be within the bound \
                 again by chance, or the rate was refused because deliveries came later and later.",
                reports::text::shortest(HIGHEST_BOUNDS),
            ),
            svg: chart::lines(&self.heading_of_first_seed("Latency over load"), &plot)?,
        };
        let text = format!(
            "The peak is the highest rate at which everything arrives, 99 of 100 deliveries take no longer than {} ms, and \
             deliveries do not come later and later by more than half an epoch and {} % of the time that passes: a queue that grows would do no \
             harm yet in so short a run. So a rate can be refused whose percentile is within the bound. It is found by doubling \
             and bisection to 6 %; bundles are sent for {} ms at each rate and until there are {} deliveries and {} requests, after {} ms that are not \
             measured; one run decides if it is sustained, else two of three do. What else is told of a peak is of a run that was sustained. \
             Each run stands in trials.csv.",
            reports::text::number(bound_ms),
            reports::text::number(LAG_MAX * 100.0),
            reports::text::number(search.length_ns as f64 / 1e6),
            reports::text::number(DELIVERIES_MIN),
            reports::text::number(REQUESTS_MIN),
            reports::text::number(search.warm_up_ns as f64 / 1e6),
        );
        Ok(Section {
            title: "Where latency leaves the bound".to_owned(),
            text,
            plots: vec![plot],
            tables: Vec::new(),
        })
    }
}

/// Latency over load: of all runs at a rate the median, with the least and the most, none above the highest.
fn hockey_stick(rows: &[&Row], highest_ms: f64) -> Vec<Point> {
    let mut by_rate: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for trial in rows.iter().flat_map(|row| &row.trials) {
        // of what did not arrive the latency is not known, and is long
        let p99_ms =
            trial.p99_ms.filter(|_| trial.complete).map_or(highest_ms, |p99_ms| p99_ms.min(highest_ms));
        by_rate.entry(trial.offered_per_s as u64).or_default().push(p99_ms);
    }
    let points = by_rate.into_iter().filter_map(|(rate, latencies)| {
        let median = stats::median(&latencies)?;
        let least = latencies.iter().copied().fold(median.value, f64::min);
        let most = latencies.iter().copied().fold(median.value, f64::max);
        Some(Point::estimate(rate as f64, stats::Estimate { low: least, high: most, ..median }))
    });
    // above a rate at which nothing arrives in time there is nothing more to see
    let mut points: Vec<Point> = points.collect();
    let beyond = points.iter().position(|point| point.low >= highest_ms);
    points.truncate(beyond.map_or(points.len(), |first| first + 1));
    points
}

#[cfg(test)]
mod tests {
    use super::{super::Trial, *};

    #[test]
    fn latency_over_load_has_all_runs_of_a_rate_up_to_where_nothing_is_in_time() {
        let trial = |offered_per_s, p99_ms, complete| Trial {
            seed: 0,
            offered_per_s,
            complete,
            p50_ms: Some(1.0),
            p99_ms: Some(p99_ms),
            lag: 0.0,
            sustained: true,
            refused: None,
            broken: None,
        };
        let row = Row {
            metrics: BTreeMap::new(),
            busiest: None,
            latency: Vec::new(),
            trials: vec![
                trial(800.0, 9000.0, true),
                trial(100.0, 20.0, true),
                trial(200.0, 30.0, true),
                trial(200.0, 50.0, true),
                trial(200.0, 40.0, false),
                trial(400.0, 1.0, false),
            ],
            refused_per_s: None,
            seed: 0,
        };
        let points = hockey_stick(&[&row], 2000.0);
        let drawn: Vec<[f64; 4]> =
            points.iter().map(|point| [point.x, point.low, point.y, point.high]).collect();
        let at_once = [100.0, 20.0, 20.0, 20.0];
        assert_eq!(drawn, [at_once, [200.0, 30.0, 50.0, 2000.0], [400.0, 2000.0, 2000.0, 2000.0]]);
    }
}

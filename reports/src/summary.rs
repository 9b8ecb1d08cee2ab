//! Latencies, collected one by one, told as four numbers or as a curve over percentiles.
//!
//! A run may see millions of latencies; a high-dynamic-range histogram keeps them in constant space with a
//! known error, where a list would grow and an average would hide the tail (Gil Tene, *How NOT to Measure
//! Latency*). Samples are nanoseconds, results microseconds, all of virtual time.
//!
//! *Invariants*: a percentile is at most 0.1 % above the sample it stands for; the maximum is exact, even
//! beyond the histogram's range; no percentile lies above the maximum; percentiles never fall.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::record::{LatencyKind, LatencyPoint};

/// The highest latency told apart: a day of virtual time. Longer ones count as a day, save in the maximum.
/// At three digits the histogram takes about 300 kB.
pub const LATENCY_NS_MAX: u64 = 24 * 60 * 60 * 1_000_000_000;

/// Significant decimal digits that the histogram keeps.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The shares of samples *above* each plotted percentile, within one power of ten, in thousandths.
const TAIL_STEPS: [u32; 14] = [1000, 900, 800, 700, 600, 500, 400, 350, 300, 250, 200, 175, 150, 125];

/// A percentile in hundred-thousandths of a percent, so that 99.99 % is a whole number.
const WHOLE: u32 = 10_000_000;

/// Powers of ten on the percentile axis: 90, 99, 99.9 and 99.99 %.
const DECADES: u32 = 4;

/// What is told of a set of latencies, in microseconds of virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Half of the samples took at most this.
    pub p50: f64,
    /// 90 % of the samples took at most this.
    pub p90: f64,
    /// 99 % of the samples took at most this.
    pub p99: f64,
    /// The longest sample, exact.
    pub max: f64,
}

/// A growing set of latencies.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    max_ns: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
            .expect("constant bounds and digits are within what the histogram allows");
        Self { histogram, max_ns: 0 }
    }

    /// Adds one latency of `nanoseconds`.
    pub fn record(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds);
        self.max_ns = self.max_ns.max(nanoseconds);
    }

    /// Adds every latency of `other`: sums over actors, clients or runs.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("both histograms have the same bounds");
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many latencies were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The four numbers; `None` of an empty set.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        (self.count() > 0).then(|| Summary {
            p50: self.microseconds_at(0.5),
            p90: self.microseconds_at(0.9),
            p99: self.microseconds_at(0.99),
            max: self.max_ns as f64 / 1e3,
        })
    }

    /// The curve for `latency.csv` and the latency plot: percentiles 0 to 99.99, ever denser towards the tail.
    ///
    /// It stops at the first percentile that only the longest sample lies above: there is nothing beyond it
    /// to tell. So ten samples go up to 90 %, and only 10,000 or more reach 99.99 %.
    #[must_use]
    pub fn points(&self, kind: LatencyKind) -> Vec<LatencyPoint> {
        plotted_percentiles()
            .take_while(|&percentile| self.tells_apart(percentile))
            .map(|percentile| {
                let latency_us = self.microseconds_at(f64::from(percentile) / f64::from(WHOLE));
                LatencyPoint {
                    kind,
                    percentile: f64::from(percentile) * 100.0 / f64::from(WHOLE),
                    latency_us,
                }
            })
            .collect()
    }

    /// Whether at least one whole sample lies above `percentile`.
    fn tells_apart(&self, percentile: u32) -> bool {
        u128::from(self.count()) * u128::from(WHOLE - percentile) >= u128::from(WHOLE)
    }

    fn microseconds_at(&self, quantile: f64) -> f64 {
        self.histogram.value_at_quantile(quantile).min(self.max_ns) as f64 / 1e3
    }
}

/// 0, 10, 20, … 87.5, 90, 91, … 99.99 %, each in parts of [`WHOLE`].
fn plotted_percentiles() -> impl Iterator<Item = u32> {
    let decades = (0..DECADES).map(|decade| WHOLE / 1000 / 10_u32.pow(decade));
    let before_last = decades.flat_map(|scale| TAIL_STEPS.map(|step| WHOLE - step * scale));
    before_last.chain([WHOLE - WHOLE / 10_u32.pow(DECADES)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(nanoseconds: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        nanoseconds.into_iter().for_each(|sample| latency.record(sample));
        latency
    }

    fn assert_near(told_us: f64, exact_us: f64) {
        assert!((told_us - exact_us).abs() <= exact_us * 1e-3, "{told_us} is not near {exact_us}");
    }

    #[test]
    fn summary_of_known_numbers() {
        let summary = collected((1..=1_000).map(|us| us * 1_000)).summary().unwrap();
        assert_near(summary.p50, 500.0);
        assert_near(summary.p90, 900.0);
        assert_near(summary.p99, 990.0);
        assert_eq!(summary.max, 1_000.0);
    }

    #[test]
    fn nothing_has_no_summary_and_no_curve() {
        assert_eq!(Latency::new().summary(), None);
        assert_eq!(Latency::new().points(LatencyKind::Receipt), []);
    }

    #[test]
    fn the_maximum_is_exact_and_no_percentile_lies_above_it() {
        let summary = collected([123_456_789]).summary().unwrap();
        let exact = 123_456.789;
        assert_eq!(summary, Summary { p50: exact, p90: exact, p99: exact, max: exact });
    }

    #[test]
    fn beyond_the_range_percentiles_saturate_and_the_maximum_does_not() {
        let summary = collected([0, u64::MAX]).summary().unwrap();
        assert_eq!(summary.p50, 0.0);
        assert_near(summary.p99, LATENCY_NS_MAX as f64 / 1e3);
        assert_eq!(summary.max, u64::MAX as f64 / 1e3);
    }

    #[test]
    fn merged_is_as_if_collected_together() {
        let mut merged = collected([1_000, 5_000_000]);
        merged.merge(&collected([70_000]));
        assert_eq!(merged.summary(), collected([1_000, 70_000, 5_000_000]).summary());
        assert_eq!(merged.count(), 3);
    }

    #[test]
    fn the_curve_never_falls_and_hits_the_labelled_percentiles() {
        let points = collected((1..=20_000).map(|us| us * 1_000)).points(LatencyKind::Delivery);
        assert!(
            points.is_sorted_by(
                |one, next| one.percentile < next.percentile && one.latency_us <= next.latency_us
            )
        );
        for percentile in [0.0, 50.0, 90.0, 99.0, 99.9, 99.99] {
            let point = points.iter().find(|point| point.percentile == percentile).unwrap();
            assert_near(point.latency_us, (percentile * 200.0).max(1.0));
        }
        assert_eq!(points.last().map(|point| point.percentile), Some(99.99));
    }

    #[test]
    fn the_curve_of_few_samples_stops_where_only_the_longest_is_left() {
        let last = |count: u64| {
            collected(1..=count).points(LatencyKind::Receipt).last().map(|point| point.percentile)
        };
        assert_eq!(last(1), Some(0.0));
        assert_eq!(last(10), Some(90.0));
        assert_eq!(last(100), Some(99.0));
    }
}

//! An axis: which share of its length a value lies at, and where it is ticked and with what words.
//!
//! The plots need four scales (linear, powers of ten, powers of two, percentile) and ticks at round numbers
//! whatever the data are. Both are decided here, in numbers alone, so that they can be tested without a picture.
//!
//! *Invariants*: a share lies in 0..=1 and is a number, for every value; ticks rise and lie on the axis;
//! labelled ticks are few enough not to touch.

mod powers;
mod round;

use std::ops::RangeInclusive;

use libm::{log2, log10};
use powers::{DECADES_ALL_LABELLED, DECADES_OF_SIZES_LABELLED, decades, or_steps, with_margin};
use round::{VALUE_MIN, doublings_label, linear_label, round_down, round_up, usable_maximum};

pub use round::VALUE_MAX;

use super::canvas::TEXT;
use crate::text;

/// An axis of values goes on above the highest one by this factor, so that a line is not drawn on the edge.
const HEADROOM: f64 = 1.04;
/// At most about so many labelled ticks on an axis from zero, which stands upright,
const VALUE_TICKS: f64 = 6.0;
/// and on an axis of time, which lies and is longer.
const TIME_TICKS: f64 = 8.0;
/// The percentiles that are labelled, as far as the data go.
const PERCENTILES: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, as a share of the axis.
    pub share: f64,
    /// What is written; nothing beside a minor mark.
    pub label: String,
}

/// One axis of a plot.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What is measured, with its unit.
    pub title: String,
    /// The marks, from low to high.
    pub ticks: Vec<Tick>,
    scale: Scale,
    low: f64,
    high: f64,
}

#[derive(Clone, Copy, Debug)]
enum Scale {
    Linear,
    Logarithmic,
    Doublings,
    Percentile,
}

impl Scale {
    /// The value on the scale where equal distances look equal.
    fn position(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => log10(value),
            Self::Doublings => log2(value),
            Self::Percentile => -log10(1.0 - value / 100.0),
        }
    }
}

impl Axis {
    /// From 0 to the tick above `maximum`.
    pub fn from_zero(title: &str, maximum: f64) -> Self {
        let step = round_up(usable_maximum(maximum) * HEADROOM / VALUE_TICKS);
        let high = step * (usable_maximum(maximum) * HEADROOM / step).ceil();
        Self::linear(title, high, step)
    }

    /// Like [`Axis::from_zero`] of a share in per cent: it ends at 100, for there is nothing above.
    pub fn of_share(title: &str, maximum: f64) -> Self {
        let axis = Self::from_zero(title, maximum);
        if axis.high > 100.0 { Self::linear(title, 100.0, 20.0) } else { axis }
    }

    /// From 0 to `maximum` itself: time ends where the run ends.
    pub fn up_to(title: &str, maximum: f64) -> Self {
        let high = usable_maximum(maximum);
        Self::linear(title, high, round_up(high / TIME_TICKS))
    }

    /// Like [`Axis::from_zero`], and from the tick below `minimum` where that is negative.
    pub fn spanning(title: &str, minimum: f64, maximum: f64) -> Self {
        if minimum.is_nan() || minimum >= 0.0 {
            return Self::from_zero(title, maximum);
        }
        Self::between(title, minimum, maximum.max(0.0))
    }

    /// From the tick below `minimum` to the one above `maximum`, wherever zero is.
    pub fn between(title: &str, minimum: f64, maximum: f64) -> Self {
        // `max` first: unlike `clamp` it replaces what is not a number.
        let low = minimum.max(-VALUE_MAX).clamp(-VALUE_MAX, VALUE_MAX);
        let high = maximum.max(low).min(VALUE_MAX);
        let extent = high.abs().max(low.abs());
        // beyond six digits, labels would no longer differ
        let (low, high) = match high - low {
            0.0 if extent == 0.0 => (0.0, 1.0),
            difference if difference <= extent * 1e-6 => (low - extent / 2.0, high + extent / 2.0),
            _ => (low, high),
        };
        let step = round_up(((high - low) * HEADROOM / VALUE_TICKS).max(VALUE_MIN * VALUE_MIN));
        let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
        let last = last.max(first + 1);
        let values = (first..=last).map(|index| {
            let value = index as f64 * step;
            let sign = if index < 0 { "−" } else { "" };
            (value, format!("{sign}{}", linear_label(value.abs(), step, extent)))
        });
        Self::with_ticks(title, Scale::Linear, first as f64 * step..=last as f64 * step, values)
    }

    fn linear(title: &str, high: f64, step: f64) -> Self {
        let count = (high / step + 1e-9).floor() as u64;
        let values =
            (0..=count).map(|index| (index as f64 * step, linear_label(index as f64 * step, step, high)));
        Self::with_ticks(title, Scale::Linear, 0.0..=high, values)
    }

    /// Powers of ten at equal distances, from the 1, 2 or 5 at or below `low` to the one at or above `high`.
    pub fn logarithmic(title: &str, low: f64, high: f64) -> Self {
        // `max` first: unlike `clamp` it replaces what is not a number.
        let low = round_down(low.max(VALUE_MIN).clamp(VALUE_MIN, VALUE_MAX));
        let high = round_up(high.max(low * 2.0).min(VALUE_MAX * 10.0));
        Self::with_ticks(title, Scale::Logarithmic, low..=high, decades(low, high, DECADES_ALL_LABELLED))
    }

    /// Powers of ten at equal distances, from a little below `low` to a little above `high`: an axis of sizes.
    pub fn sizes_by_ten(title: &str, low: f64, high: f64) -> Self {
        let (low, high) = with_margin(low, high);
        let ticks = or_steps(decades(low, high, DECADES_OF_SIZES_LABELLED).collect(), low, high);
        Self::with_ticks(title, Scale::Logarithmic, low..=high, ticks.into_iter())
    }

    /// Powers of two at equal distances, from a little below `low` to a little above `high`.
    pub fn doublings(title: &str, low: f64, high: f64) -> Self {
        let (low, high) = with_margin(low, high);
        let (first, last) = (log2(low).ceil() as i32, log2(high).floor() as i32);
        let powers = (first..=last).map(|power| (2_f64.powi(power), doublings_label(power)));
        let ticks = or_steps(powers.collect(), low, high);
        Self::with_ticks(title, Scale::Doublings, low..=high, ticks.into_iter())
    }

    /// Shares from 0 to 100 %, labelled as percent.
    pub fn hundred_percent(title: &str) -> Self {
        let values = (0..=5).map(|fifth| (f64::from(fifth) * 20.0, format!("{}%", fifth * 20)));
        Self::with_ticks(title, Scale::Linear, 0.0..=100.0, values)
    }

    /// Percentiles so that each further nine takes the same room, as HdrHistogram's plotter does:
    /// a percentile p lies at log₁₀ 1/(1 − p). It ends at the first labelled one at or above `highest`.
    pub fn percentile(title: &str, highest: f64) -> Self {
        let last = PERCENTILES[PERCENTILES.len() - 1];
        let reaches = |&percentile: &f64| percentile > 0.0 && percentile >= highest - 1e-9;
        let high = PERCENTILES.into_iter().find(reaches).unwrap_or(last);
        let ticks = PERCENTILES.into_iter().map(|percentile| (percentile, format!("{percentile}%")));
        Self::with_ticks(title, Scale::Percentile, 0.0..=high, ticks)
    }

    fn with_ticks(
        title: &str,
        scale: Scale,
        range: RangeInclusive<f64>,
        values: impl Iterator<Item = (f64, String)>,
    ) -> Self {
        let (low, high) = range.into_inner();
        let mut axis = Self { title: title.to_owned(), ticks: Vec::new(), scale, low, high };
        let slack = |end: f64| end.abs() * 1e-9;
        let inside = |value: f64| value >= low - slack(low) && value <= high + slack(high);
        axis.ticks = values
            .filter(|&(value, _)| inside(value))
            .map(|(value, label)| Tick { share: axis.share(value), label })
            .collect();
        axis
    }

    /// The same with ticks at these values, which rise.
    #[must_use]
    pub fn ticked_at(self, values: &[f64]) -> Self {
        let ticks =
            values.iter().map(|value| Tick { share: self.share(*value), label: text::shortest(*value) });
        Self { ticks: ticks.collect(), ..self }
    }

    /// Leaves every second, third, … label only, until no two touch.
    pub fn thin(&mut self, touch: impl Fn(&Tick, &Tick) -> bool) {
        let labelled: Vec<usize> =
            (0..self.ticks.len()).filter(|&index| !self.ticks[index].label.is_empty()).collect();
        let apart = |&every: &usize| {
            let kept: Vec<&Tick> = labelled.iter().step_by(every).map(|&index| &self.ticks[index]).collect();
            kept.windows(2).all(|pair| !touch(pair[0], pair[1]))
        };
        let every = (1..labelled.len()).find(apart).unwrap_or(labelled.len().max(1));
        for (position, index) in labelled.into_iter().enumerate() {
            if position % every != 0 {
                self.ticks[index].label.clear();
            }
        }
    }

    /// The same of an axis that stands and is so many pixels high.
    pub fn thin_standing(&mut self, height: i32) {
        self.thin(|one, next| (next.share - one.share) * f64::from(height) < f64::from(TEXT + 4));
    }

    /// Where `value` lies between the low end (0) and the high end (1). Beyond an end means at that end.
    pub fn share(&self, value: f64) -> f64 {
        let position = |value| self.scale.position(value);
        let inside = if value.is_nan() { self.low } else { value.clamp(self.low, self.high) };
        let (low, high) = (position(self.low), position(self.high));
        (position(inside) - low) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn linear_axis_ends_on_a_round_tick_above_the_data() {
        assert_eq!(labels(&Axis::from_zero("", 470.0)), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!(labels(&Axis::from_zero("", 0.7)), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(&Axis::from_zero("", 12_000.0)), ["0", "5k", "10k", "15k"]);
        assert_eq!(labels(&Axis::from_zero("", 2.4e6)), ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]);
        assert_eq!(labels(&Axis::from_zero("", 500.0)).last(), Some(&"600"));
        assert_eq!(labels(&Axis::of_share("", 100.0)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Axis::of_share("", 0.7)), labels(&Axis::from_zero("", 0.7)));
    }

    #[test]
    fn time_axis_ends_with_the_run() {
        let axis = Axis::up_to("", 5.3);
        assert_eq!(labels(&axis), ["0", "1", "2", "3", "4", "5"]);
        assert!((axis.share(5.3) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn logarithmic_axis_labels_fewer_ticks_the_wider_it_is() {
        assert_eq!(labels(&Axis::logarithmic("", 0.7, 12.0)), ["0.5", "1", "2", "5", "10", "20"]);
        assert_eq!(labels(&Axis::logarithmic("", 0.7, 120.0)), ["1", "10", "100"]);
        let wide = Axis::logarithmic("", 1e-6, 1e12);
        assert!(labels(&wide).len() <= 8, "{:?}", labels(&wide));
    }

    #[test]
    fn axis_of_doublings_labels_powers_of_two_off_the_edge() {
        let axis = Axis::doublings("", 1.0, 16.0);
        assert_eq!(labels(&axis), ["1", "2", "4", "8", "16"]);
        assert!(axis.share(1.0) > 0.02 && axis.share(16.0) < 0.98);
        assert_eq!(labels(&Axis::doublings("", 4.0, 4.0)), ["2", "4", "8"]);
    }

    #[test]
    fn axis_of_sizes_within_a_power_has_labels_all_the_same() {
        assert_eq!(labels(&Axis::sizes_by_ten("", 3.1, 7.9)), ["3", "4", "5", "6", "7", "8"]);
        assert_eq!(labels(&Axis::doublings("", 1.2, 3.5)), ["1.5", "2.0", "2.5", "3.0", "3.5"]);
        assert_eq!(labels(&Axis::sizes_by_ten("", 900.0, 2_100.0)), ["1000", "2000"]);
    }

    #[test]
    fn axis_that_spans_zero_ends_on_round_ticks() {
        assert_eq!(labels(&Axis::spanning("", -30.0, 70.0)), ["−40", "−20", "0", "20", "40", "60", "80"]);
        assert_eq!(labels(&Axis::spanning("", -3.0, -1.0)).last(), Some(&"0"));
        assert_eq!(labels(&Axis::spanning("", 1.0, 5.0)), labels(&Axis::from_zero("", 5.0)));
        assert_eq!(labels(&Axis::between("", 481.0, 517.0)), ["480", "490", "500", "510", "520"]);
    }

    #[test]
    fn percentile_axis_gives_every_nine_the_same_room() {
        let axis = Axis::percentile("", 99.9);
        assert_eq!(labels(&axis), ["0%", "50%", "90%", "99%", "99.9%"]);
        assert!((axis.share(90.0) - 1.0 / 3.0).abs() < 1e-9);
        assert!((axis.share(99.0) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn every_value_has_a_place_on_every_axis() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -1.0, 0.0, 100.0];
        for end in odd {
            let axes = [
                Axis::spanning("", -end.abs(), end),
                Axis::spanning("", end, end),
                Axis::between("", end, end),
                Axis::between("", end, 100.0),
                Axis::doublings("", end, end),
                Axis::sizes_by_ten("", end, 7.0),
                Axis::hundred_percent(""),
                Axis::from_zero("", end),
                Axis::up_to("", end),
                Axis::logarithmic("", end.max(1e-9), end),
                Axis::percentile("", end),
            ];
            for axis in &axes {
                assert!(odd.iter().all(|&value| (0.0..=1.0).contains(&axis.share(value))), "{axis:?}");
                assert!(axis.ticks.is_sorted_by(|one, next| one.share < next.share), "{axis:?}");
                assert!(labels(axis).len() <= 10 || matches!(axis.scale, Scale::Doublings), "{axis:?}");
            }
        }
    }
}

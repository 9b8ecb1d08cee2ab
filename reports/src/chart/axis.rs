//! An axis: which share of its length a value lies at, and where it is ticked and with what words.
//!
//! The plots need three scales (linear, logarithmic, percentile) and ticks at round numbers whatever the data
//! are. Both are decided here, in numbers alone, so that they can be tested without a picture.
//!
//! *Invariants*: a share lies in 0..=1 and is a number, for every value; ticks rise and lie on the axis;
//! labelled ticks are few enough not to touch.

use std::ops::RangeInclusive;

/// Larger values are drawn as this: beyond it, steps between ticks are no longer exact.
pub const VALUE_MAX: f64 = 1e15;
/// Smaller values are drawn as this on a logarithmic axis: a millionth of the smallest unit in use.
const VALUE_MIN: f64 = 1e-6;
/// An axis from zero is at least this long: more decimals would not fit beside it.
const HIGH_MIN: f64 = 1e-2;
/// An axis of values goes on above the highest one by this factor, so that a line is not drawn on the edge.
const HEADROOM: f64 = 1.04;
/// At most about so many labelled ticks on an axis from zero, which stands upright,
const VALUE_TICKS: f64 = 6.0;
/// and on an axis of time, which lies and is longer.
const TIME_TICKS: f64 = 8.0;
/// Over more powers of ten than this, a logarithmic axis labels only the powers.
const DECADES_ALL_LABELLED: f64 = 2.0;
/// So many powers of ten are labelled, at most; more are labelled at every second, third, … power.
const DECADE_LABELS_MAX: i32 = 6;
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
    Percentile,
}

impl Scale {
    /// The value on the scale where equal distances look equal.
    fn position(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
            Self::Percentile => -(1.0 - value / 100.0).log10(),
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

    /// From 0 to `maximum` itself: time ends where the run ends.
    pub fn up_to(title: &str, maximum: f64) -> Self {
        let high = usable_maximum(maximum);
        Self::linear(title, high, round_up(high / TIME_TICKS))
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
        let (first, last) = (low.log10().floor() as i32, high.log10().floor() as i32);
        let every = (last - first) / DECADE_LABELS_MAX + 1;
        let sparse = (high / low).log10() > DECADES_ALL_LABELLED;
        let values = (first..=last).flat_map(|power| (1..10).map(move |digit| (digit, power)));
        let ticks = values.filter(|&(digit, _)| digit == 1 || every == 1).map(|(digit, power)| {
            let value = power_of_ten(digit, power);
            let labelled = if sparse { digit == 1 && power % every == 0 } else { matches!(digit, 1 | 2 | 5) };
            (value, if labelled { log_label(value) } else { String::new() })
        });
        Self::with_ticks(title, Scale::Logarithmic, low..=high, ticks)
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
        let slack = 1e-9;
        let inside = |value: f64| value >= low * (1.0 - slack) && value <= high * (1.0 + slack);
        axis.ticks = values
            .filter(|&(value, _)| inside(value))
            .map(|(value, label)| Tick { share: axis.share(value), label })
            .collect();
        axis
    }

    /// Where `value` lies between the low end (0) and the high end (1). Beyond an end means at that end.
    pub fn share(&self, value: f64) -> f64 {
        let position = |value| self.scale.position(value);
        let inside = if value.is_nan() { self.low } else { value.clamp(self.low, self.high) };
        let (low, high) = (position(self.low), position(self.high));
        (position(inside) - low) / (high - low)
    }
}

/// What an axis from zero can end at: 1 when there is nothing to show.
fn usable_maximum(maximum: f64) -> f64 {
    if maximum > 0.0 { maximum.clamp(HIGH_MIN, VALUE_MAX) } else { 1.0 }
}

/// The 1, 2 or 5 times a power of ten at or above `value`.
fn round_up(value: f64) -> f64 {
    let power = value.log10().floor() as i32;
    let reaches = |&candidate: &f64| candidate >= value * (1.0 - 1e-9);
    let candidates = [(1, power), (2, power), (5, power), (1, power + 1)];
    candidates.map(|(digit, power)| power_of_ten(digit, power)).into_iter().find(reaches).unwrap_or(value)
}

/// The 1, 2 or 5 times a power of ten at or below `value`.
fn round_down(value: f64) -> f64 {
    let power = value.log10().floor() as i32;
    let within = |&candidate: &f64| candidate <= value * (1.0 + 1e-9);
    let candidates = [(1, power + 1), (5, power), (2, power), (1, power)];
    candidates.map(|(digit, power)| power_of_ten(digit, power)).into_iter().find(within).unwrap_or(value)
}

/// `digit` · 10^`power`, as exact as if it were written out: 0.001 and not 0.0010000000000000002.
fn power_of_ten(digit: i32, power: i32) -> f64 {
    let scale = 10_f64.powi(power.abs());
    if power < 0 { f64::from(digit) / scale } else { f64::from(digit) * scale }
}

/// As many decimals as the step needs, and one metric prefix for the whole axis.
fn linear_label(value: f64, step: f64, high: f64) -> String {
    let (divisor, suffix) = match high {
        high if high < 1e4 => (1.0, ""),
        high if high < 1e6 => (1e3, "k"),
        high if high < 1e9 => (1e6, "M"),
        high if high < 1e12 => (1e9, "G"),
        _ => (1e12, "T"),
    };
    let decimals = (-(step / divisor).log10() - 1e-9).ceil().max(0.0) as usize;
    match value {
        0.0 => "0".to_owned(),
        value => format!("{:.decimals$}{suffix}", value / divisor),
    }
}

fn log_label(value: f64) -> String {
    if (1e-3..1e5).contains(&value) { format!("{value}") } else { format!("{value:e}") }
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
                Axis::from_zero("", end),
                Axis::up_to("", end),
                Axis::logarithmic("", end.max(1e-9), end),
                Axis::percentile("", end),
            ];
            for axis in &axes {
                assert!(odd.iter().all(|&value| (0.0..=1.0).contains(&axis.share(value))), "{axis:?}");
                assert!(axis.ticks.is_sorted_by(|one, next| one.share < next.share), "{axis:?}");
                assert!(labels(axis).len() <= 10, "{axis:?}");
            }
        }
    }
}

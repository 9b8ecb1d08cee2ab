//! Where axes of equal ratios are ticked, and where they end.

use libm::log10;

use super::round::{VALUE_MAX, VALUE_MIN, linear_label, log_label, power_of_ten, round_up};

/// Over more powers of ten than this, a logarithmic axis labels only the powers.
pub const DECADES_ALL_LABELLED: f64 = 2.0;
/// The same of an axis of sizes, whose labels thin out where they touch.
pub const DECADES_OF_SIZES_LABELLED: f64 = 3.3;
/// So many powers of ten are labelled, at most; more are labelled at every second, third, … power.
const DECADE_LABELS_MAX: i32 = 6;
/// An axis of sizes goes on at both ends by this share of its length, so that no mark lies on the edge.
const MARGIN: f64 = 0.04;
/// With fewer labels than this, an axis of sizes is ticked in even steps,
const LABELS_MIN: usize = 2;
/// at most about so many.
const STEPS: f64 = 6.0;

/// The round numbers from about `low` to `high`, and the labels of those that have room for one: 1, 2 and 5 of
/// every power over so many powers, else the powers alone.
pub fn decades(low: f64, high: f64, labelled_over: f64) -> impl Iterator<Item = (f64, String)> {
    let (first, last) = (log10(low).floor() as i32, log10(high).floor() as i32);
    let every = (last - first) / DECADE_LABELS_MAX + 1;
    let sparse = log10(high / low) > labelled_over;
    let values = (first..=last).flat_map(|power| (1..10).map(move |digit| (digit, power)));
    values.filter(move |&(digit, _)| digit == 1 || every == 1).map(move |(digit, power)| {
        let value = power_of_ten(digit, power);
        let labelled = if sparse { digit == 1 && power % every == 0 } else { matches!(digit, 1 | 2 | 5) };
        (value, if labelled { log_label(value) } else { String::new() })
    })
}

/// The ticks of an axis of sizes, or even steps where so few of them have labels that nobody could read a value.
pub fn or_steps(ticks: Vec<(f64, String)>, low: f64, high: f64) -> Vec<(f64, String)> {
    let labelled = ticks.iter().filter(|(value, label)| !label.is_empty() && (low..=high).contains(value));
    if labelled.count() >= LABELS_MIN {
        return ticks;
    }
    let step = round_up((high - low) / STEPS);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let values = (first..=last).map(|index| index as f64 * step);
    values.map(|value| (value, linear_label(value, step, high))).collect()
}

/// Ends of a logarithmic axis that hold `low` and `high` with a margin, at least a doubling apart.
pub fn with_margin(low: f64, high: f64) -> (f64, f64) {
    // `max` first: unlike `clamp` it replaces what is not a number.
    let low = low.max(VALUE_MIN).clamp(VALUE_MIN, VALUE_MAX);
    let high = high.max(low).clamp(low, VALUE_MAX);
    let margin = libm::pow((high / low).max(2.0), MARGIN);
    let (low, high) = if high < low * 2.0 { (low / 2.0, high * 2.0) } else { (low, high) };
    (low / margin, high * margin)
}

//! Round numbers, and how an axis writes them.
//!
//! Logarithms are libm's: the platform's differ in the last bit, and a plot must not.
//!
//! *Invariants*: a label never shows the error of binary fractions (0.3, not 0.30000000000000004).

use libm::log10;

/// Larger values are drawn as this: beyond it, steps between ticks are no longer exact.
pub const VALUE_MAX: f64 = 1e15;
/// Smaller values are drawn as this on a logarithmic axis: a millionth of the smallest unit in use.
pub const VALUE_MIN: f64 = 1e-6;
/// An axis from zero is at least this long: what is smaller is nothing in any unit that somebody chose.
const HIGH_MIN: f64 = 1e-9;
/// Below this, an axis is labelled in powers of ten: more decimals would not fit beside it.
const DECIMALS_FROM: f64 = 1e-2;

/// What an axis from zero can end at: 1 when there is nothing to show.
pub fn usable_maximum(maximum: f64) -> f64 {
    if maximum > 0.0 { maximum.clamp(HIGH_MIN, VALUE_MAX) } else { 1.0 }
}

/// The 1, 2 or 5 times a power of ten at or above `value`.
pub fn round_up(value: f64) -> f64 {
    let power = log10(value).floor() as i32;
    let reaches = |&candidate: &f64| candidate >= value * (1.0 - 1e-9);
    let candidates = [(1, power), (2, power), (5, power), (1, power + 1)];
    candidates.map(|(digit, power)| power_of_ten(digit, power)).into_iter().find(reaches).unwrap_or(value)
}

/// The 1, 2 or 5 times a power of ten at or below `value`.
pub fn round_down(value: f64) -> f64 {
    let power = log10(value).floor() as i32;
    let within = |&candidate: &f64| candidate <= value * (1.0 + 1e-9);
    let candidates = [(1, power + 1), (5, power), (2, power), (1, power)];
    candidates.map(|(digit, power)| power_of_ten(digit, power)).into_iter().find(within).unwrap_or(value)
}

/// `digit` · 10^`power`, as exact as if it were written out: 0.001 and not 0.0010000000000000002.
pub fn power_of_ten(digit: i32, power: i32) -> f64 {
    let scale = 10_f64.powi(power.abs());
    if power < 0 { f64::from(digit) / scale } else { f64::from(digit) * scale }
}

/// As many decimals as the step needs, and one metric prefix for the whole axis.
pub fn linear_label(value: f64, step: f64, high: f64) -> String {
    let (divisor, suffix) = match high {
        high if high < DECIMALS_FROM => return scientific(value),
        high if high < 1e4 => (1.0, ""),
        high if high < 1e6 => (1e3, "k"),
        high if high < 1e9 => (1e6, "M"),
        high if high < 1e12 => (1e9, "G"),
        _ => (1e12, "T"),
    };
    let decimals = (-log10(step / divisor) - 1e-9).ceil().max(0.0) as usize;
    match value {
        0.0 => "0".to_owned(),
        value => format!("{:.decimals$}{suffix}", value / divisor),
    }
}

/// A round number: plain in the middle, with a metric prefix above, as a power of ten far out.
pub fn log_label(value: f64) -> String {
    match value {
        value if (1e-3..1e4).contains(&value) => format!("{value}"),
        value if (1e4..1e6).contains(&value) => format!("{}k", value / 1e3),
        value if (1e6..1e9).contains(&value) => format!("{}M", value / 1e6),
        value if (1e9..1e12).contains(&value) => format!("{}G", value / 1e9),
        value => format!("{value:e}"),
    }
}

/// 2^`power`: plain up to 8192, then with a binary prefix, which is exact.
pub fn doublings_label(power: i32) -> String {
    const PREFIXES: [&str; 5] = ["Ki", "Mi", "Gi", "Ti", "Pi"];
    match power {
        0..14 => format!("{}", 1_u32 << power),
        14..60 => format!("{}{}", 1_u32 << (power % 10), PREFIXES[(power / 10 - 1) as usize]),
        -4..0 => format!("{}", 2_f64.powi(power)),
        _ => format!("2^{power}"),
    }
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}").replace(".0e", "e") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_exact() {
        assert_eq!(
            [0.001, 2.0, 5e3, 2e4, 5e5, 1e6, 1e13].map(log_label),
            ["0.001", "2", "5000", "20k", "500k", "1M", "1e13"]
        );
        assert_eq!(
            [-5, -2, 0, 13, 14, 20, 34].map(doublings_label),
            ["2^-5", "0.25", "1", "8192", "16Ki", "1Mi", "16Gi"]
        );
        assert_eq!(linear_label(0.000_3, 0.000_1, 0.000_5), "3e-4");
        assert_eq!(linear_label(0.3, 0.1, 0.5), "0.3");
    }
}

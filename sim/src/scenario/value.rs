//! Values of a scenario: ranges and units.
//!
//! A scenario says `"5ms"` and `"64B..1kB"`, the simulator computes in nanoseconds and bytes. Each measure is
//! defined once here: how it is read, how it is shown, and what to write instead of something wrong.
//!
//! # Invariants
//! - What a measure shows, it reads back as the same value.
//! - Durations, sizes and bandwidths are read in integers, exactly; `1.5ms` is 1,500,000 ns.

use std::ops::RangeInclusive;

use super::{
    error::Wrong,
    tree::{Data, Node},
};
use crate::random::Stream;

/// A range of values, both ends included; a fixed value is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T> {
    /// The smallest value.
    pub low: T,
    /// The largest value, not below the smallest.
    pub high: T,
}

impl<T: Copy + PartialEq> Range<T> {
    /// A range of this one value.
    pub fn fixed(value: T) -> Self {
        Range { low: value, high: value }
    }

    /// Whether there is nothing to draw.
    pub fn is_fixed(&self) -> bool {
        self.low == self.high
    }

    /// The range between what becomes of its ends.
    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Range<U> {
        Range { low: change(self.low), high: change(self.high) }
    }
}

impl Range<u64> {
    /// One value of the range, all equally likely.
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        stream.within(self.low..=self.high)
    }

    /// One value of the range, in round numbers where that leaves a thousand of them: for quantities with units.
    pub(super) fn draw_round(&self, stream: &mut Stream) -> u64 {
        let fits = |step: &u64| {
            self.low.is_multiple_of(*step)
                && self.high.is_multiple_of(*step)
                && (self.high - self.low) / step >= 1000
        };
        let step = [1_000_000_000, 1_000_000, 1_000].into_iter().find(fits).unwrap_or(1);
        stream.within(self.low / step..=self.high / step) * step
    }
}

impl Range<u32> {
    /// One value of the range, all equally likely.
    pub fn draw(&self, stream: &mut Stream) -> u32 {
        self.map(u64::from).draw(stream) as u32
    }
}

impl Range<f64> {
    /// One value of the range, to six digits.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        let drawn = stream.within_f64(self.low..=self.high);
        let rounded = format!("{drawn:.5e}").parse().unwrap_or(drawn);
        if self.is_fixed() { self.low } else { rounded.clamp(self.low, self.high) }
    }
}

/// A kind of value: how it is read and shown.
pub(super) struct Measure<T: 'static> {
    /// What a value is, for messages.
    pub noun: &'static str,
    /// What to write, for messages.
    pub example: &'static str,
    /// Reads one value of a text.
    pub parse: fn(&str) -> Option<T>,
    /// Reads a bare number of the file, if this measure has no unit.
    pub bare: fn(&Data) -> Option<T>,
    /// Shows one value.
    pub show: fn(T) -> String,
}

impl<T: Copy + PartialOrd> Measure<T> {
    /// Reads a value or range that must lie within `bounds`.
    pub fn read(&self, key: &str, node: &Node, bounds: &RangeInclusive<T>) -> Result<Range<T>, Wrong> {
        let range = self.range(&node.data).ok_or_else(|| self.wrong(key, node))?;
        if range.low > range.high {
            let (low, high) = ((self.show)(range.high), (self.show)(range.low));
            return Err(Wrong::UpsideDown { key: key.to_owned(), low, high });
        }
        if !bounds.contains(&range.low) || !bounds.contains(&range.high) {
            let (low, high) = ((self.show)(*bounds.start()), (self.show)(*bounds.end()));
            return Err(Wrong::OutOfBounds { key: key.to_owned(), low, high });
        }
        Ok(range)
    }

    fn range(&self, data: &Data) -> Option<Range<T>> {
        let Data::Text(text) = data else {
            return (self.bare)(data).map(|value| Range { low: value, high: value });
        };
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        Some(Range { low: (self.parse)(low.trim())?, high: (self.parse)(high.trim())? })
    }

    fn wrong(&self, key: &str, node: &Node) -> Wrong {
        Wrong::Kind { key: key.to_owned(), noun: self.noun, found: node.found(), example: self.example }
    }

    /// Shows a range as a scenario file writes it.
    pub fn show_range(&self, range: &Range<T>) -> String {
        match range.low == range.high {
            true => (self.show)(range.low),
            false => format!("{}..{}", (self.show)(range.low), (self.show)(range.high)),
        }
    }
}

type Units = &'static [(&'static str, u64)];

const DURATION_UNITS: Units = &[("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
const SIZE_UNITS: Units = &[("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];
const BANDWIDTH_UNITS: Units =
    &[("Gbit/s", 1_000_000_000), ("Mbit/s", 1_000_000), ("kbit/s", 1_000), ("bit/s", 1)];

/// Nanoseconds.
pub(super) const DURATION: Measure<u64> = Measure {
    noun: "a duration",
    example: "a duration such as 5ms, 300us, 2s, or a range such as \"1ms..5ms\"",
    parse: |text| parse_units(text, DURATION_UNITS),
    bare: |_| None,
    show: |value| show_units(value, DURATION_UNITS),
};

/// Bytes.
pub(super) const SIZE: Measure<u64> = Measure {
    noun: "a size",
    example: "a size such as 64B, 1kB, 2MB, or a range such as \"64B..1kB\"",
    parse: |text| parse_units(text, SIZE_UNITS),
    bare: |_| None,
    show: |value| show_units(value, SIZE_UNITS),
};

/// Bits per second.
pub(super) const BANDWIDTH: Measure<u64> = Measure {
    noun: "a number of bits per second",
    example: "a bandwidth such as 1Gbit/s, 100Mbit/s, a range such as \"10Mbit/s..1Gbit/s\", or \"unlimited\"",
    parse: |text| parse_units(text, BANDWIDTH_UNITS),
    bare: |_| None,
    show: |value| show_units(value, BANDWIDTH_UNITS),
};

/// Epochs.
pub(super) const EPOCHS: Measure<u64> = Measure {
    noun: "a number of epochs",
    example: "\"10 epochs\"",
    parse: |text| parse_units(text, &[("epochs", 1), ("epoch", 1)]),
    bare: |_| None,
    show: |value| format!("{value} {}", if value == 1 { "epoch" } else { "epochs" }),
};

/// A whole number.
pub(super) const COUNT: Measure<u64> = Measure {
    noun: "a whole number",
    example: "a whole number such as 12, or a range such as \"3..9\"",
    parse: |text| parse_units(text, &[("", 1)]),
    bare: |data| match data {
        Data::Integer(integer) => u64::try_from(*integer).ok(),
        _ => None,
    },
    show: |value| value.to_string(),
};

/// Times per second.
pub(super) const RATE: Measure<f64> = Measure {
    noun: "a number per second",
    example: "a rate such as 500/s, or a range such as \"100/s..500/s\"",
    parse: |text| parse_float(text.strip_suffix("/s")?.trim_end()),
    bare: |_| None,
    show: |value| format!("{value}/s"),
};

/// A part of 1.
pub(super) const SHARE: Measure<f64> = Measure {
    noun: "a number",
    example: "a number such as 0.01, or a range such as \"0..0.02\"",
    parse: parse_float,
    bare: |data| match data {
        Data::Integer(integer) => Some(*integer as f64),
        Data::Float(float) => Some(*float),
        _ => None,
    },
    show: |value| value.to_string(),
};

fn parse_float(text: &str) -> Option<f64> {
    let plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    plain.then(|| text.parse().ok())?
}

fn parse_units(text: &str, units: Units) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, symbol) = text.split_at(end);
    let (_, scale) = units.iter().find(|(name, _)| *name == symbol.trim_start())?;
    parse_decimal(number, *scale)
}

/// `number` times `scale`, if that is a whole number.
fn parse_decimal(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let parts = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = fraction.parse::<u128>().ok()?.checked_mul(u128::from(scale))?;
    if scaled % parts != 0 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    whole.checked_add(u64::try_from(scaled / parts).ok()?)
}

/// The value in the largest unit in which it is at least 1 and has at most three decimals.
fn show_units(value: u64, units: Units) -> String {
    let fits = |(_, scale): &&(&str, u64)| value >= *scale && value.is_multiple_of((scale / 1000).max(1));
    let (symbol, scale) = units.iter().find(fits).unwrap_or(&units[0]);
    let thousandths = (value % scale) / (scale / 1000).max(1);
    let decimals = if thousandths == 0 { String::new() } else { format!(".{thousandths:03}") };
    format!("{}{}{symbol}", value / scale, decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_exactly() {
        assert_eq!((DURATION.parse)("1.5ms"), Some(1_500_000));
        assert_eq!((DURATION.parse)("0s"), Some(0));
        assert_eq!((DURATION.parse)("300 us"), Some(300_000));
        assert_eq!((SIZE.parse)("1kB"), Some(1000));
        assert_eq!((BANDWIDTH.parse)("2.5Gbit/s"), Some(2_500_000_000));
        assert_eq!((EPOCHS.parse)("1 epoch"), Some(1));
        assert_eq!((RATE.parse)("0.5/s"), Some(0.5));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        let wrong =
            ["", "5", "ms", "5 parsec", "-5ms", "+5ms", ".5ms", "5.ms", "1.2.3ms", "0.1ns", "1e3ms", "5 m s"];
        for text in wrong.into_iter().chain(["99999999999999999999s", "18446744073709551615s"]) {
            assert_eq!((DURATION.parse)(text), None, "{text}");
        }
        for text in ["", "/s", "5", "inf/s", "nan/s", "-1/s", "1e9/s", "1./s", ".1/s", "1.2.3/s"] {
            assert_eq!((RATE.parse)(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        let shown = |value| show_units(value, DURATION_UNITS);
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(1_500_000), "1.5ms");
        assert_eq!(shown(231_847_291), "231847.291us");
        assert_eq!(shown(2_000_000_000), "2s");
        assert_eq!(shown(1_010_000_000), "1.01s");
        let mut stream = crate::random::Streams::new(1).stream("test");
        for bits in 0..64 {
            let value = stream.within(0..=u64::MAX >> bits);
            for measure in [DURATION, SIZE, BANDWIDTH, EPOCHS, COUNT] {
                assert_eq!((measure.parse)(&(measure.show)(value)), Some(value));
            }
            let float = stream.unit() * 1000.0;
            assert_eq!((RATE.parse)(&(RATE.show)(float)), Some(float));
            assert_eq!((SHARE.parse)(&(SHARE.show)(float)), Some(float));
        }
    }

    #[test]
    fn round_numbers_are_drawn_where_there_are_enough() {
        let mut stream = crate::random::Streams::new(1).stream("test");
        for _ in 0..100 {
            let fine = Range { low: 100_000_000, high: 300_000_000 }.draw_round(&mut stream);
            assert!((100_000_000..=300_000_000).contains(&fine) && fine % 1_000 == 0);
            let coarse = Range { low: 5, high: 7 }.draw_round(&mut stream);
            assert!((5..=7).contains(&coarse));
            let share = Range { low: 0.0, high: 0.02 }.draw(&mut stream);
            assert!((0.0..=0.02).contains(&share) && share.to_string().len() <= 12);
        }
    }
}

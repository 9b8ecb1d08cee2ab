//! What a run prints: aligned lines, small tables, and numbers as people read them.
//!
//! Two aligned columns say more than a banner, and can be read by `grep` too (hyperfine and ripgrep print
//! like this). Plain characters without colour codes, so that a log file holds what the terminal showed.
//!
//! *Invariants*: equal input gives equal text; every line ends in a line feed and in no space; a control
//! character in a cell is shown as a space, so that no name can move the cursor or break a line.

use std::fmt;

/// Spaces between two columns.
const GAP: &str = "  ";

/// Two aligned columns: what, and its value. Cells are plain text.
///
/// ```
/// let text = reports::text::lines(&[("seed", "7"), ("throughput", "482 /s")]);
/// assert_eq!(text, "seed        7\nthroughput  482 /s\n");
/// ```
#[must_use]
pub fn lines<Name: AsRef<str>, Value: AsRef<str>>(pairs: &[(Name, Value)]) -> String {
    let rows: Vec<Vec<String>> =
        pairs.iter().map(|(name, value)| vec![plain(name.as_ref()), plain(value.as_ref())]).collect();
    aligned(&rows, &[Align::Left, Align::Left])
}

/// A small table for the terminal: a header, then rows. Columns of numbers are set flush right.
///
/// ```
/// let mut table = reports::text::Table::new(["latency", "p50", "max"]);
/// table.row(["receipt", "812 µs", "4.10 ms"]);
/// table.row(["delivery", "6.30 ms", "18.0 ms"]);
/// assert_eq!(table.to_string(), "\
/// latency       p50      max
/// receipt    812 µs  4.10 ms
/// delivery  6.30 ms  18.0 ms
/// ");
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    columns: usize,
}

impl Table {
    /// A table with these column names and no rows.
    pub fn new<Cell: AsRef<str>>(header: impl IntoIterator<Item = Cell>) -> Self {
        let header: Vec<String> = header.into_iter().map(|cell| plain(cell.as_ref())).collect();
        Self { columns: header.len(), rows: vec![header] }
    }

    /// Adds a row. Missing cells stay empty; cells beyond the header are left out.
    pub fn row<Cell: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<String> =
            cells.into_iter().take(self.columns).map(|cell| plain(cell.as_ref())).collect();
        row.resize(self.columns, String::new());
        self.rows.push(row);
    }

    /// Right if every cell under the header that says anything is a number (or `-`, for none).
    fn align(&self, column: usize) -> Align {
        let mut cells =
            self.rows.iter().skip(1).map(|row| row[column].as_str()).filter(|cell| !cell.is_empty());
        if cells.all(looks_like_number) { Align::Right } else { Align::Left }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aligns: Vec<Align> = (0..self.columns).map(|column| self.align(column)).collect();
        formatter.write_str(&aligned(&self.rows, &aligns))
    }
}

/// A duration of so many nanoseconds: `850 ns`, `12.3 µs`, `4.56 ms`, `7.89 s`, `12 min 5 s`, `3 h 20 min`.
#[must_use]
pub fn duration(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..999_500 => format!("{} µs", three_digits(nanoseconds as f64 / 1e3)),
        999_500..999_500_000 => format!("{} ms", three_digits(nanoseconds as f64 / 1e6)),
        999_500_000..60_000_000_000 => format!("{} s", three_digits(nanoseconds as f64 / 1e9)),
        60_000_000_000..3_600_000_000_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600_000_000_000.. => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A duration of so many microseconds, as in a [`Summary`](crate::summary::Summary). What is no duration
/// (negative, not a number) reads `-`.
#[must_use]
pub fn microseconds(microseconds: f64) -> String {
    if microseconds.is_nan() || microseconds < 0.0 {
        return "-".to_owned();
    }
    // `as` saturates: what does not fit reads as the longest duration there is.
    duration((microseconds * 1e3).round() as u64)
}

/// A rate per second: `482 /s`, `12.3 k/s`, `1.05 M/s`. What is no rate reads `-`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        return "-".to_owned();
    }
    let (value, prefix) = scaled(per_second);
    format!("{} {prefix}/s", three_digits(value))
}

/// A count, exact, with a comma every three digits: `1,234,567`.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of any unit: three digits where there are decimals, a comma every three digits before them, a
/// power of ten where it is tiny or huge. What is no number reads `-`.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    let sign = if value < 0.0 { "−" } else { "" };
    match size {
        _ if !value.is_finite() => "-".to_owned(),
        0.0 => "0".to_owned(),
        0.01..1e15 => {
            let digits = match size {
                ..0.0995 => format!("{size:.4}"),
                ..0.995 => format!("{size:.3}"),
                ..999.5 => three_digits(size),
                // `as` is exact here: the size is whole and far below 2^64
                size => count(size.round() as u64),
            };
            format!("{sign}{digits}")
        }
        size => format!("{sign}{size:.2e}"),
    }
}

/// The same in few characters, with a metric prefix: `12.3k`, `−1.05M`.
#[must_use]
pub fn short(value: f64) -> String {
    prefixed(value, three_digits)
}

/// The same in the fewest characters, of two digits: `12k`, `−1.1M`, `0.3`, `2`.
#[must_use]
pub fn shortest(value: f64) -> String {
    prefixed(value, |size| match size {
        ..9.95 if size.fract() != 0.0 => format!("{size:.1}"),
        size => format!("{size:.0}"),
    })
}

fn prefixed(value: f64, digits: fn(f64) -> String) -> String {
    // what is tiny or huge is told as a power of ten
    if !value.is_finite() || !(value == 0.0 || (0.1..1e18).contains(&value.abs())) {
        return number(value);
    }
    let (size, prefix) = scaled(value.abs());
    format!("{}{}{prefix}", if value < 0.0 { "−" } else { "" }, digits(size))
}

/// A size, in powers of 1,000: `999 B`, `1.20 kB`, `3.40 GB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (value, prefix) = scaled(bytes as f64);
    format!("{} {prefix}B", three_digits(value))
}

/// The value within 0..1000 of a metric prefix, and the prefix; beyond the last one the value is larger.
fn scaled(value: f64) -> (f64, &'static str) {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let mut value = value;
    let mut prefix = 0;
    // 999.5 would be rounded to 1000: it is told as 1.00 of the next prefix.
    while value >= 999.5 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    (value, PREFIXES[prefix])
}

/// Three significant digits, without a point where there is nothing behind it: `1.05`, `12.3`, `482`, `0`.
fn three_digits(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

pub(crate) fn looks_like_number(cell: &str) -> bool {
    cell == "-"
        || cell
            .trim_start_matches(['-', '−', '+', '<', '>', '~'])
            .starts_with(|first: char| first.is_ascii_digit())
}

fn plain(cell: &str) -> String {
    cell.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn aligned(rows: &[Vec<String>], aligns: &[Align]) -> String {
    let widths: Vec<usize> = (0..aligns.len())
        .map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0))
        .collect();
    rows.iter().map(|row| line(row, aligns, &widths)).collect()
}

fn line(row: &[String], aligns: &[Align], widths: &[usize]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(aligns)
        .zip(widths)
        .map(|((cell, align), &width)| padded(cell, *align, width))
        .collect();
    format!("{}\n", cells.join(GAP).trim_end())
}

fn padded(cell: &str, align: Align, to: usize) -> String {
    let padding = " ".repeat(to - width(cell));
    match align {
        Align::Left => format!("{cell}{padding}"),
        Align::Right => format!("{padding}{cell}"),
    }
}

/// Characters, not bytes: `µs` is two wide.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_over_all_units() {
        let told = [0, 850, 1_000, 12_340, 999_499, 999_999, 4_560_000, 999_999_999, 7_890_000_000];
        let expected =
            ["0 ns", "850 ns", "1.00 µs", "12.3 µs", "999 µs", "1.00 ms", "4.56 ms", "1.00 s", "7.89 s"];
        assert_eq!(told.map(duration), expected);
        assert_eq!(duration(725_000_000_000), "12 min 5 s");
        assert_eq!(duration(12_000_000_000_000), "3 h 20 min");
        assert_eq!(duration(u64::MAX), "5124095 h 34 min");
    }

    #[test]
    fn microseconds_that_are_no_duration_are_a_dash() {
        assert_eq!(microseconds(812.4), "812 µs");
        assert_eq!([f64::NAN, -1.0].map(microseconds), ["-", "-"]);
        assert_eq!(microseconds(f64::INFINITY), duration(u64::MAX));
    }

    #[test]
    fn rates_counts_and_bytes_read_like_people_write_them() {
        assert_eq!([0.0, 482.0, 12_345.0, 999_999.0].map(rate), ["0 /s", "482 /s", "12.3 k/s", "1.00 M/s"]);
        assert_eq!([f64::NAN, f64::INFINITY, -3.0].map(rate), ["-", "-", "-"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 999, 1_200, 3_400_000_000].map(bytes), ["0 B", "999 B", "1.20 kB", "3.40 GB"]);
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        assert_eq!([7.0, 12_345.0, -1.05e6].map(short), ["7.00", "12.3k", "−1.05M"]);
        assert_eq!(
            [0.0, 2.0, 1e6, 0.25, 12_345.0, -1.06e6, 3e-5].map(shortest),
            ["0", "2", "1M", "0.2", "12k", "−1.1M", "3.00e-5"]
        );
        let numbers = [0.0, -1.5, 0.012, 999.6, 1_234.4, 0.000_12, 1e300, f64::NAN].map(number);
        assert_eq!(numbers, ["0", "−1.50", "0.0120", "1,000", "1,234", "1.20e-4", "1.00e300", "-"]);
    }

    #[test]
    fn a_table_takes_short_and_long_rows_and_hostile_cells() {
        let mut table = Table::new(["actor", "verdict", "count"]);
        table.row(["mailbox/0", "exposed", "12"]);
        table.row(["a\u{1b}[2J\nb"]);
        table.row(["client/0", "suspected", "-", "too much"]);
        let expected = "actor      verdict    count\nmailbox/0  exposed       12\na [2J b\nclient/0   suspected      -\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn nothing_prints_nothing() {
        assert_eq!(lines::<&str, &str>(&[]), "");
        assert_eq!(Table::new(["seed", "rate"]).to_string(), "seed  rate\n");
    }
}

//! A table of a page: cells that know what they are, so that people read rounded numbers and programs whole ones.
//!
//! *Invariants*: every row of the CSV has as many cells as its head, and no two columns have the same name.

use std::collections::BTreeSet;

use crate::stats::Estimate;
use crate::text;

/// A table of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name of its file, without an ending: letters, digits, `-` and `_`.
    pub file: String,
    /// What it shows, in a sentence.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows. Missing cells are empty, those beyond the columns left out.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// What it holds.
    pub name: String,
    /// In which unit: `µs`, `messages/s`, `%`; empty if in none.
    pub unit: String,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing: not measured, not applicable.
    #[default]
    Missing,
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number; shown with three digits, written to CSV in full.
    Number(f64),
    /// A number that was chosen, not measured: shown in full, too.
    Chosen(f64),
    /// An estimate with its interval.
    Estimate(Estimate),
}

impl Column {
    /// A column of this name and unit.
    pub fn new(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into() }
    }

    /// As it stands at the head of the table.
    pub(super) fn head(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.unit) }
    }

    /// As it stands in the CSV: lower case, the unit last.
    fn key(&self) -> String {
        let words = format!("{} {}", self.name, self.unit);
        let words = words.replace('/', " per ").replace('%', " percent ").replace(['µ', 'μ'], "u");
        let letter = |letter: char| if letter.is_alphanumeric() { letter } else { ' ' };
        let words: String = words.to_lowercase().chars().map(letter).collect();
        words.split_whitespace().collect::<Vec<&str>>().join("_")
    }
}

impl Cell {
    /// As people read it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Missing => "–".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => text::count(*count),
            Self::Number(number) => text::number(*number),
            Self::Chosen(number) if number.fract() == 0.0 && (0.0..1e15).contains(number) => {
                text::count(*number as u64)
            }
            Self::Chosen(number) => raw(*number),
            Self::Estimate(estimate) if estimate.low < estimate.high => {
                let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(text::number);
                format!("{value} ({low} to {high})")
            }
            Self::Estimate(estimate) => text::number(estimate.value),
        }
    }

    /// Whether it goes flush right.
    fn is_number(&self) -> bool {
        match self {
            Self::Text(text) => text::looks_like_number(text),
            _ => true,
        }
    }

    fn raw(&self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) | Self::Chosen(number) | Self::Estimate(Estimate { value: number, .. }) => {
                raw(*number)
            }
        }
    }
}

fn raw(number: f64) -> String {
    if number.is_finite() { number.to_string() } else { String::new() }
}

impl Table {
    /// The rows, each with a cell for each column.
    pub(super) fn filled_rows(&self) -> impl Iterator<Item = Vec<&Cell>> {
        let cell =
            |row: &'_ Vec<Cell>, index: usize| -> Option<usize> { (index < row.len()).then_some(index) };
        self.rows.iter().map(move |row| {
            (0..self.columns.len())
                .map(|index| cell(row, index).map_or(&Cell::Missing, |index| &row[index]))
                .collect()
        })
    }

    /// Whether a column goes flush right: it holds something, and nothing but numbers.
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .filter(|cell| **cell != Cell::Missing)
            .peekable();
        cells.peek().is_some() && cells.all(Cell::is_number)
    }

    /// The same for a terminal.
    #[must_use]
    pub fn text(&self) -> text::Table {
        let mut table = text::Table::new(self.columns.iter().map(Column::head));
        for row in self.filled_rows() {
            // a table of the terminal knows `-` as no number
            table.row(
                row.into_iter()
                    .map(|cell| if *cell == Cell::Missing { "-".to_owned() } else { cell.shown() }),
            );
        }
        table
    }

    /// The table as CSV. A column with estimates is followed by their intervals and how many samples they stand on.
    pub(super) fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.keys())?;
        for row in self.filled_rows() {
            let cells = row.into_iter().enumerate();
            writer.write_record(cells.flat_map(|(column, cell)| self.values(column, cell)))?;
        }
        writer.into_inner().map_err(|failed| csv::Error::from(failed.into_error()))
    }

    fn has_estimates(&self, column: usize) -> bool {
        self.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Estimate(_))))
    }

    fn keys(&self) -> Vec<String> {
        let mut taken = BTreeSet::new();
        let mut keys = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let endings =
                if self.has_estimates(index) { &["", "_low", "_high", "_samples"][..] } else { &[""] };
            for ending in endings {
                let key = format!("{}{ending}", column.key());
                let numbered = (2..).map(|number| format!("{key}_{number}"));
                let key = std::iter::once(key.clone()).chain(numbered).find(|key| taken.insert(key.clone()));
                keys.extend(key);
            }
        }
        keys
    }

    fn values(&self, column: usize, cell: &Cell) -> Vec<String> {
        let mut values = vec![cell.raw()];
        if self.has_estimates(column) {
            values.extend(match cell {
                Cell::Estimate(Estimate { low, high, samples, .. }) => {
                    [raw(*low), raw(*high), samples.to_string()]
                }
                _ => Default::default(),
            });
        }
        values
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Estimate> for Cell {
    fn from(estimate: Estimate) -> Self {
        Self::Estimate(estimate)
    }
}

impl<Value: Into<Cell>> From<Option<Value>> for Cell {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

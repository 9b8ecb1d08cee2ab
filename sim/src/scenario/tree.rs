//! The values of a scenario file, each with the place it stands at.
//!
//! The reader must say where a mistake is, also when the value came from the command line. So the file's TOML is
//! turned into a plain tree in which every key and value knows its place, and an override is a value whose place
//! is the override.
//!
//! # Invariants
//! - The tree is no deeper than what the TOML parser allows (80), so recursion over it is bounded.

use std::ops;

use toml_edit::{Document, Item, Key, TableLike, Value};

use super::error::{ScenarioError, Wrong};

/// Where a key or value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the file; both count from 1.
    File { line: usize, column: usize },
    /// In this override.
    Set(String),
}

/// Something wrong at a place.
#[derive(Debug)]
pub(super) struct Problem {
    pub place: Place,
    pub wrong: Wrong,
}

impl Problem {
    /// The error about that file.
    pub fn in_file(self, file: &str) -> ScenarioError {
        let wrong = Box::new(self.wrong);
        match self.place {
            Place::File { line, column } => {
                ScenarioError::InFile { file: file.to_owned(), line, column, wrong }
            }
            Place::Set(set) => ScenarioError::InOverride { set, wrong },
        }
    }
}

/// A value at its place.
#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    pub data: Data,
}

/// A value.
#[derive(Debug)]
pub(super) enum Data {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key at its place, with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

/// How much of a wrong text is repeated in a message.
const FOUND_MAX: usize = 60;

impl Node {
    /// A problem with this value.
    pub fn problem(&self, wrong: Wrong) -> Problem {
        Problem { place: self.place.clone(), wrong }
    }

    /// The value as a message repeats it.
    pub fn found(&self) -> String {
        match &self.data {
            Data::Text(text) if text.chars().count() > FOUND_MAX => {
                format!("{:?}…", text.chars().take(FOUND_MAX).collect::<String>())
            }
            Data::Text(text) => format!("{text:?}"),
            Data::Integer(integer) => integer.to_string(),
            Data::Float(float) => float.to_string(),
            Data::Boolean(boolean) => boolean.to_string(),
            Data::Datetime => "a date".to_owned(),
            Data::List(_) => "a list".to_owned(),
            Data::Table(_) => "a table".to_owned(),
        }
    }
}

/// The tree of a file's text.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let lines = Lines::of(text);
    let document = Document::parse(text).map_err(|error| Problem {
        place: lines.place(error.span().map_or(0, |span| span.start)),
        wrong: Wrong::Syntax(one_line(error.message())),
    })?;
    let data = table(document.as_table(), &|span, otherwise| match span {
        Some(span) => lines.place(span.start),
        None => otherwise.clone(),
    });
    Ok(Node { place: Place::File { line: 1, column: 1 }, data })
}

/// The tree of an override's value: TOML, or else a text.
pub(super) fn parse_override(value: &str, place: &Place) -> Node {
    match value.parse::<Value>() {
        Ok(parsed) => self::value(&parsed, place, &|_, otherwise| otherwise.clone()),
        Err(_) => Node { place: place.clone(), data: Data::Text(value.to_owned()) },
    }
}

/// What serde says that it expects, and what that is to whoever writes a file.
const NOUNS: [(&str, &str); 6] = [
    ("expected u64", "expected a whole number such as 5"),
    ("expected f64", "expected a number such as 1.5"),
    ("expected a sequence", "expected a list such as [\"…\", \"…\"]"),
    ("expected a string", "expected a text in quotes"),
    ("expected path string", "expected a path in quotes"),
    ("wanted string or table", "expected a word in quotes"),
];

/// What serde says of a file, in one line and in the words of whoever writes it.
pub(crate) fn in_words(message: &str) -> String {
    NOUNS.iter().fold(one_line(message), |message, (from, to)| message.replace(from, to))
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Finds the place of a span; without a span, it is the second argument.
type Locate<'a> = &'a dyn Fn(Option<ops::Range<usize>>, &Place) -> Place;

fn table(table: &dyn TableLike, locate: Locate<'_>) -> Data {
    let unknown = Place::File { line: 1, column: 1 };
    let keys = table.iter().filter_map(|(key, item)| Some((table.key(key)?, item)));
    Data::Table(keys.filter_map(|(key, item)| entry(key, item, &unknown, locate)).collect())
}

fn entry(key: &Key, item: &Item, unknown: &Place, locate: Locate<'_>) -> Option<Entry> {
    let place = locate(key.span(), unknown);
    let node = node(item, &place, locate)?;
    Some(Entry { key: key.get().to_owned(), place, node })
}

fn node(item: &Item, otherwise: &Place, locate: Locate<'_>) -> Option<Node> {
    let data = match item {
        Item::None => return None,
        Item::Value(inner) => return Some(value(inner, otherwise, locate)),
        Item::Table(inner) => table(inner, locate),
        Item::ArrayOfTables(tables) => {
            let node = |inner: &toml_edit::Table| Node {
                place: locate(inner.span(), otherwise),
                data: table(inner, locate),
            };
            Data::List(tables.iter().map(node).collect())
        }
    };
    Some(Node { place: locate(item.span(), otherwise), data })
}

fn value(value: &Value, otherwise: &Place, locate: Locate<'_>) -> Node {
    let data = match value {
        Value::String(text) => Data::Text(text.value().clone()),
        Value::Integer(integer) => Data::Integer(*integer.value()),
        Value::Float(float) => Data::Float(*float.value()),
        Value::Boolean(boolean) => Data::Boolean(*boolean.value()),
        Value::Datetime(_) => Data::Datetime,
        Value::Array(array) => {
            Data::List(array.iter().map(|item| self::value(item, otherwise, locate)).collect())
        }
        Value::InlineTable(inner) => inline(inner, otherwise, locate),
    };
    Node { place: locate(value.span(), otherwise), data }
}

fn inline(table: &toml_edit::InlineTable, otherwise: &Place, locate: Locate<'_>) -> Data {
    let keys = table.iter().filter_map(|(key, _)| table.get_key_value(key));
    Data::Table(keys.filter_map(|(key, item)| entry(key, item, otherwise, locate)).collect())
}

/// Where each line of a text begins.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Lines { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let (line, column) = self.at(offset);
        Place::File { line, column }
    }

    /// Line and column of a byte, from 1.
    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// Line and column of a byte of a text, from 1.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    Lines::of(text).at(offset)
}

/// Line and column of the value at a path of keys and of places in lists, such as `x.points.2`; of what is nearest around it,
/// if it is not there.
pub(crate) fn place_of(text: &str, path: &str) -> (usize, usize) {
    const START: (usize, usize) = (1, 1);
    let Ok(root) = parse(text) else { return START };
    let mut node = &root;
    for part in path.split('.') {
        let inner = match &node.data {
            Data::Table(entries) => entries.iter().find(|entry| entry.key == part).map(|entry| &entry.node),
            Data::List(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        let Some(inner) = inner else { break };
        node = inner;
    }
    match node.place {
        Place::File { line, column } => (line, column),
        Place::Set(_) => START,
    }
}

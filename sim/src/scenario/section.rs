//! One table of a scenario file, read key by key.
//!
//! Every reader of a table does the same: refuse keys that the table does not have, then take each key it has, or
//! its default. Here that is said once, so that the readers say only what there is.

use std::ops::RangeInclusive;

use super::{
    error::{Wrong, hint},
    name::{ActorPattern, Sizes},
    tree::{Data, Entry, Node, Place, Problem},
    value::{COUNT, Measure, Range},
};

/// A table, under the name that messages call it by.
pub(super) struct Section<'a> {
    title: String,
    place: &'a Place,
    entries: &'a [Entry],
}

const NO_PLACE: &Place = &Place::File { line: 1, column: 1 };

impl<'a> Section<'a> {
    /// A table that is not there: every key has its default.
    pub fn absent(title: &str) -> Self {
        Section { title: title.to_owned(), place: NO_PLACE, entries: &[] }
    }

    /// The value as a table, called `title`.
    pub fn of(
        title: impl Into<String>,
        key: &str,
        node: &'a Node,
        example: &'static str,
    ) -> Result<Self, Problem> {
        match &node.data {
            Data::Table(entries) => Ok(Section { title: title.into(), place: &node.place, entries }),
            _ => Err(node.problem(kind(key, "a table", node, example))),
        }
    }

    /// What is in it.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// The value of a key.
    pub fn find(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Refuses keys other than these.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            None => Ok(()),
            Some(entry) => {
                Err(Problem { place: entry.place.clone(), wrong: self.unknown(&entry.key, known) })
            }
        }
    }

    fn unknown(&self, key: &str, known: &[&str]) -> Wrong {
        let table = self.title.clone();
        Wrong::UnknownKey { key: key.to_owned(), table, hint: hint(key, known), known: known.join(", ") }
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &'static str, example: &'static str) -> Result<&'a Node, Problem> {
        let wrong = || Wrong::MissingKey { table: self.title.clone(), key, example };
        self.find(key).ok_or_else(|| Problem { place: self.place.clone(), wrong: wrong() })
    }

    /// A quantity; nothing if the key is not there.
    pub fn given<T: Copy + PartialOrd>(
        &self,
        key: &str,
        measure: &Measure<T>,
        bounds: RangeInclusive<T>,
    ) -> Result<Option<Range<T>>, Problem> {
        let read = |node: &Node| measure.read(key, node, &bounds).map_err(|wrong| node.problem(wrong));
        self.find(key).map(read).transpose()
    }

    /// A quantity; `default` if the key is not there.
    pub fn quantity<T: Copy + PartialOrd + PartialEq>(
        &self,
        key: &str,
        measure: &Measure<T>,
        bounds: RangeInclusive<T>,
        default: T,
    ) -> Result<Range<T>, Problem> {
        Ok(self.given(key, measure, bounds)?.unwrap_or(Range::fixed(default)))
    }

    /// A whole number; `default` if the key is not there.
    pub fn count(&self, key: &str, bounds: RangeInclusive<u32>, default: u32) -> Result<Range<u32>, Problem> {
        let wide = u64::from(*bounds.start())..=u64::from(*bounds.end());
        Ok(self.quantity(key, &COUNT, wide, default.into())?.map(|value| value as u32))
    }

    /// One of these words; `default` if the key is not there.
    pub fn word<T: Copy>(
        &self,
        key: &str,
        noun: &'static str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, Problem> {
        let Some(node) = self.find(key) else { return Ok(default) };
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let name = one_of(node, noun, &names)?;
        Ok(words.iter().find(|(word, _)| *word == name).map_or(default, |(_, value)| *value))
    }

    /// Yes or no; `default` if the key is not there.
    pub fn word_of(&self, key: &str, words: &[(&str, bool)], default: bool) -> Result<bool, Problem> {
        match self.find(key) {
            Some(node) => match &node.data {
                Data::Boolean(value) => Ok(*value),
                _ => self.word(key, "choice", words, default),
            },
            None => Ok(default),
        }
    }
}

/// One of these words.
pub(super) fn one_of<'a>(node: &'a Node, noun: &'static str, known: &[&str]) -> Result<&'a str, Problem> {
    let words = known.join(", ");
    match &node.data {
        Data::Text(text) if known.contains(&text.as_str()) => Ok(text),
        Data::Text(text) => {
            let hint = hint(text, known);
            Err(node.problem(Wrong::UnknownWord { noun, found: node.found(), hint, known: words }))
        }
        _ => Err(node.problem(Wrong::NoWord { noun, found: node.found(), known: words })),
    }
}

/// An actor of a topology of these sizes.
pub(super) fn actor(key: &str, node: &Node, sizes: &Sizes) -> Result<ActorPattern, Problem> {
    let Data::Text(text) = &node.data else {
        return Err(node.problem(kind(
            key,
            "the name of an actor",
            node,
            "one such as \"incoming/0\" or \"incoming/*\"",
        )));
    };
    let pattern: ActorPattern = text.parse().map_err(|wrong| node.problem(wrong))?;
    pattern.check(sizes).map_err(|wrong| node.problem(wrong))?;
    Ok(pattern)
}

/// Actors of a topology of these sizes.
pub(super) fn actors(key: &str, node: &Node, sizes: &Sizes) -> Result<Vec<ActorPattern>, Problem> {
    let items = list(key, node, "a list of actors", "a list such as [\"incoming/0\", \"client/1\"]")?;
    items.iter().map(|item| actor(key, item, sizes)).collect()
}

/// The items of a list.
pub(super) fn list<'a>(
    key: &str,
    node: &'a Node,
    noun: &'static str,
    example: &'static str,
) -> Result<&'a [Node], Problem> {
    match &node.data {
        Data::List(items) => Ok(items),
        _ => Err(node.problem(kind(key, noun, node, example))),
    }
}

fn kind(key: &str, noun: &'static str, node: &Node, example: &'static str) -> Wrong {
    Wrong::Kind { key: key.to_owned(), noun, found: node.found(), example }
}

//! A plain scenario as a document that can be made smaller, piece by piece, without knowing what its faults mean.

use std::{fmt, ops::Range};

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::number::Number;
use crate::scenario::Drawn;

/// The values that get smaller besides those of faults and adversaries, in the order in which they are tried: what
/// makes a run short comes first. The rate of the workload is not one: with a lower one a run takes longer.
const KNOBS: [(&str, &str); 11] = [
    ("topology", "clients"),
    ("workload", "bundles"),
    ("topology", "quorum"),
    ("topology", "witnesses"),
    ("topology", "mailboxes"),
    ("topology", "incoming"),
    ("topology", "handlers"),
    ("workload", "recipients"),
    ("workload", "payload"),
    ("workload", "closed"),
    ("network", "loss"),
];
/// The roles of the counts above, as actors are named.
const ROLES: [(&str, &str); 5] = [
    ("clients", "client"),
    ("witnesses", "witness"),
    ("mailboxes", "mailbox"),
    ("incoming", "incoming"),
    ("handlers", "handler"),
];
/// The keys of faults and adversaries that say when.
const TIMES: [&str; 4] = ["at", "for", "from", "until"];
const LISTS: [&str; 2] = ["fault", "adversary"];

/// A plain scenario.
#[derive(Clone, Debug)]
pub struct Plain(DocumentMut);

/// A value that may get smaller: its table, which of its list if it is in one, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Knob {
    table: &'static str,
    index: Option<usize>,
    key: String,
}

impl Knob {
    /// Whether it is how many actors of a role there are.
    pub(super) fn counts_actors(&self) -> bool {
        self.table == "topology"
    }
}

/// How large a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Faults.
    pub faults: usize,
    /// Adversaries.
    pub adversaries: usize,
    /// Clients.
    pub clients: i64,
    /// Bundles.
    pub bundles: i64,
    /// Handlers, incoming actors, mailbox actors and witnesses.
    pub servers: i64,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { faults, adversaries, clients, bundles, servers } = self;
        write!(f, "{faults} faults, {adversaries} adversaries, {clients} clients, {bundles} bundles, ")?;
        write!(f, "{servers} other actors")
    }
}

impl Plain {
    /// What was drawn.
    pub fn of(drawn: &Drawn) -> Plain {
        let text = drawn.to_toml();
        Plain(text.parse().unwrap_or_else(|error| panic!("what is written out is TOML: {error}\n{text}")))
    }

    /// The file.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        let count = |table: &str, key: &str| self.0[table][key].as_integer().unwrap_or(0);
        let servers = ROLES.iter().skip(1).map(|(key, _)| count("topology", key)).sum();
        Size {
            faults: self.len("fault"),
            adversaries: self.len("adversary"),
            clients: count("topology", "clients"),
            bundles: count("workload", "bundles"),
            servers,
        }
    }

    fn list(&self, name: &str) -> Option<&ArrayOfTables> {
        self.0.get(name)?.as_array_of_tables()
    }

    /// How many items a list has.
    pub(super) fn len(&self, list: &str) -> usize {
        self.list(list).map_or(0, ArrayOfTables::len)
    }

    /// It without these items of a list.
    pub(super) fn without(&self, list: &str, items: Range<usize>) -> Plain {
        let mut plain = self.clone();
        plain.retain(list, |index, _| !items.contains(&index));
        plain
    }

    fn retain(&mut self, list: &str, keep: impl Fn(usize, &Table) -> bool) {
        let Some(tables) = self.0.get_mut(list).and_then(Item::as_array_of_tables_mut) else { return };
        for index in (0..tables.len()).rev() {
            if !tables.get(index).is_some_and(|table| keep(index, table)) {
                tables.remove(index);
            }
        }
    }

    /// It with modelled signatures and storage, which run faster.
    pub(super) fn modelled(&self) -> Plain {
        let mut plain = self.clone();
        for key in ["crypto", "storage"] {
            plain.0["topology"][key] = toml_edit::value("modelled");
        }
        plain
    }

    /// It with all times of faults and adversaries, and the number of bundles, reduced to a part.
    pub(super) fn shorter(&self, part: f64) -> Plain {
        let mut plain = self.clone();
        for list in LISTS {
            let tables = plain.0.get_mut(list).and_then(Item::as_array_of_tables_mut);
            tables.into_iter().flat_map(|tables| tables.iter_mut()).for_each(|table| {
                TIMES.iter().for_each(|key| reduce(table, key, part));
            });
        }
        plain.0.get_mut("workload").and_then(Item::as_table_mut).into_iter().for_each(|table| {
            reduce(table, "bundles", part);
        });
        plain
    }

    /// It with another rate of sending; and with other times at which faults begin.
    pub(super) fn paced(&self, part: f64) -> [Plain; 2] {
        let (mut paced, mut struck) = (self.clone(), self.clone());
        if let Some(workload) = paced.0.get_mut("workload").and_then(Item::as_table_mut) {
            reduce(workload, "rate", part);
        }
        let faults = struck.0.get_mut("fault").and_then(Item::as_array_of_tables_mut);
        faults.into_iter().flat_map(|faults| faults.iter_mut()).for_each(|fault| reduce(fault, "at", part));
        [paced, struck]
    }

    /// Everything that may get smaller.
    pub(super) fn knobs(&self) -> Vec<Knob> {
        let fixed = KNOBS.iter().map(|(table, key)| Knob { table, index: None, key: (*key).to_owned() });
        let listed = LISTS.iter().flat_map(|list| {
            let tables = self.list(list).into_iter().flatten().enumerate();
            tables.flat_map(move |(index, table)| {
                let keys = table.iter().map(|(key, _)| key.to_owned());
                keys.map(move |key| Knob { table: list, index: Some(index), key })
            })
        });
        fixed.chain(listed).filter(|knob| self.value(knob).and_then(Number::read).is_some()).collect()
    }

    fn table(&self, knob: &Knob) -> Option<&Table> {
        match knob.index {
            None => self.0.get(knob.table)?.as_table(),
            Some(index) => self.list(knob.table)?.get(index),
        }
    }

    fn value(&self, knob: &Knob) -> Option<&Value> {
        self.table(knob)?.get(&knob.key)?.as_value()
    }

    /// It with smaller values of a knob, the smallest first. Where actors become fewer, their names are given to
    /// others; or what names them goes.
    pub(super) fn smaller(&self, knob: &Knob) -> Vec<Plain> {
        let number = self.value(knob).and_then(Number::read);
        let values = number.map(|number| number.smaller()).unwrap_or_default();
        values.into_iter().flat_map(|value| self.with(knob, value)).collect()
    }

    fn with(&self, knob: &Knob, value: Value) -> Vec<Plain> {
        let mut plain = self.clone();
        let count = value.as_integer().unwrap_or(0);
        let table = match knob.index {
            None => plain.0.get_mut(knob.table).and_then(Item::as_table_mut),
            Some(index) => plain
                .0
                .get_mut(knob.table)
                .and_then(Item::as_array_of_tables_mut)
                .and_then(|tables| tables.get_mut(index)),
        };
        let Some(table) = table else { return Vec::new() };
        table.insert(&knob.key, toml_edit::value(value));
        let role = ROLES.iter().find(|(key, _)| knob.table == "topology" && *key == knob.key);
        match role {
            Some((_, role)) if count > 0 => vec![plain.folded(role, count), plain.dropped(role, count)],
            _ => vec![plain],
        }
    }

    /// With the names of actors that are no more given to those that are.
    fn folded(&self, role: &str, count: i64) -> Plain {
        let mut plain = self.clone();
        for item in plain.0.as_table_mut().iter_mut().map(|(_, item)| item) {
            rename(item, &|name| {
                let index = index_of(name, role).filter(|index| *index >= count)?;
                Some(format!("{role}/{}", index % count))
            });
        }
        plain
    }

    /// Without the items of lists that name actors that are no more.
    fn dropped(&self, role: &str, count: i64) -> Plain {
        let mut plain = self.clone();
        let gone = |name: &str| index_of(name, role).is_some_and(|index| index >= count);
        for list in LISTS {
            plain.retain(list, |_, table| {
                !table.iter().any(|(_, item)| item.as_value().is_some_and(|value| names(value, &gone)))
            });
        }
        plain
    }
}

/// Changes a value of a table to a part of it, if it is there.
fn reduce(table: &mut Table, key: &str, part: f64) {
    if let Some(number) = table.get(key).and_then(Item::as_value).and_then(Number::read) {
        table.insert(key, toml_edit::value(number.part(part)));
    }
}

/// The index in the name of an actor of that role.
fn index_of(name: &str, role: &str) -> Option<i64> {
    name.strip_prefix(role)?.strip_prefix('/')?.parse().ok()
}

/// Whether a value names such an actor.
fn names(value: &Value, such: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => such(text.value()),
        Value::Array(items) => items.iter().any(|item| names(item, such)),
        _ => false,
    }
}

/// Renames actors wherever they are named; a list does not name anyone twice afterwards.
fn rename(item: &mut Item, new: &dyn Fn(&str) -> Option<String>) {
    match item {
        Item::Value(value) => rename_in(value, new),
        Item::Table(table) => table.iter_mut().for_each(|(_, item)| rename(item, new)),
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().flat_map(|table| table.iter_mut()).for_each(|(_, item)| rename(item, new));
        }
        Item::None => {}
    }
}

fn rename_in(value: &mut Value, new: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(name) = new(text.value()) {
                *value = name.into();
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| rename_in(item, new));
            let mut seen = std::collections::BTreeSet::new();
            items.retain(|item| seen.insert(item.to_string().trim().to_owned()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const SCENARIO: &str =
        "# A claim.\n[topology]\nclients = 12\n[[fault]]\nat = \"1s\"\nkind = \"partition\"
actors = [\"client/9\", \"client/1\", \"mailbox/1\"]\nfor = \"90ms\"\n[[adversary]]\nactor = \"client/9\"
attack = \"spam-challenges\"\n[expect]\nexposed = [\"client/9\"]\n";

    fn plain() -> Plain {
        Plain::of(&Scenario::parse("x.toml", SCENARIO, &[]).unwrap().draw(1))
    }

    fn clients(count: i64) -> Vec<Plain> {
        let knob = Knob { table: "topology", index: None, key: "clients".to_owned() };
        plain().with(&knob, count.into())
    }

    #[test]
    fn with_fewer_actors_names_are_given_to_others_or_what_names_them_goes() {
        let [folded, dropped] = <[Plain; 2]>::try_from(clients(4)).unwrap();
        let drawn = Scenario::parse("x", &folded.text(), &[]).unwrap().draw(1);
        assert_eq!(drawn.faults[0].to_string(), "partition client/1 mailbox/1");
        assert_eq!(drawn.adversaries[0].actor.to_string(), "client/1");
        assert_eq!(drawn.expect.exposed[0].to_string(), "client/1");
        assert_eq!((dropped.len("fault"), dropped.len("adversary")), (0, 0));
    }

    #[test]
    fn everything_with_a_number_is_a_knob_and_nothing_expected_is() {
        let keys: Vec<String> =
            plain().knobs().into_iter().map(|knob| format!("{}.{}", knob.table, knob.key)).collect();
        for key in ["workload.bundles", "topology.clients", "fault.at", "fault.for", "adversary.from"] {
            assert!(keys.iter().any(|known| known == key), "{key} in {keys:?}");
        }
        assert!(!keys.iter().any(|key| key.starts_with("expect") || key.ends_with("kind")), "{keys:?}");
    }
}

//! Overrides: `--set key=value` on the command line, put into the tree of a scenario file.
//!
//! A sweep over sizes, a shrunk scenario and a quick question to a scenario all change one value of a file that
//! stays as it is. The key is the value's path, list items by their index: `workload.bundles`,
//! `adversary.0.actor`. The value is TOML; what is no TOML is a text, so that `3..9` needs no quotes.
//!
//! # Invariants
//! - Whatever is wrong with an overridden value later is said about the override, not about the file.

use super::{
    error::Wrong,
    tree::{Data, Entry, Node, Place, Problem, parse_override},
};

/// The deepest path of a scenario has four parts; the rest is room.
const PATH_MAX: usize = 8;

/// Keys that replace each other: setting one takes the other out of the file.
const RIVALS: &[(&str, &str)] = &[("workload.rate", "workload.closed"), ("workload.closed", "workload.rate")];

/// Keys whose items are named by their index.
const LISTS: &[&str] = &["fault", "adversary"];

/// Puts an override into the tree.
pub(super) fn apply(root: &mut Node, set: &str) -> Result<(), Problem> {
    let place = Place::Set(set.to_owned());
    put_set(root, set, &place).map_err(|wrong| Problem { place, wrong })
}

fn put_set(root: &mut Node, set: &str, place: &Place) -> Result<(), Wrong> {
    let (path, value) = set.split_once('=').ok_or(Wrong::NoOverride)?;
    let parts: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    if parts.len() > PATH_MAX || parts.iter().any(|part| part.is_empty()) {
        return Err(Wrong::NoOverride);
    }
    for (_, rival) in RIVALS.iter().filter(|(key, _)| *key == parts.join(".")) {
        take_out_of_file(root, rival);
    }
    put(root, &parts, 0, parse_override(value.trim(), place))
}

/// Puts `value` where `parts` leads, of which `depth` parts are already behind.
fn put(node: &mut Node, parts: &[&str], depth: usize, value: Node) -> Result<(), Wrong> {
    let Some(part) = parts.get(depth) else {
        *node = value;
        return Ok(());
    };
    let path = || parts[..depth].join(".");
    match &mut node.data {
        Data::Table(entries) => put(entry(entries, part, &value.place), parts, depth + 1, value),
        Data::List(items) => {
            let count = items.len();
            let item = part.parse().ok().and_then(|index: usize| items.get_mut(index));
            let missing = || Wrong::NoSuchItem { path: parts[..=depth].join("."), list: path(), count };
            put(item.ok_or_else(missing)?, parts, depth + 1, value)
        }
        _ => Err(Wrong::NoTable { path: path() }),
    }
}

/// The value of that key, an empty table or list if it is new.
fn entry<'a>(entries: &'a mut Vec<Entry>, key: &str, place: &Place) -> &'a mut Node {
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let data = if LISTS.contains(&key) { Data::List(Vec::new()) } else { Data::Table(Vec::new()) };
        let node = Node { place: place.clone(), data };
        entries.push(Entry { key: key.to_owned(), place: place.clone(), node });
        entries.len() - 1
    });
    &mut entries[index].node
}

fn take_out_of_file(root: &mut Node, path: &str) {
    let Some((table, key)) = path.split_once('.') else { return };
    let Data::Table(entries) = &mut root.data else { return };
    for entry in entries.iter_mut().filter(|entry| entry.key == table) {
        if let Data::Table(inner) = &mut entry.node.data {
            inner.retain(|entry| entry.key != key || matches!(entry.place, Place::Set(_)));
        }
    }
}

//! What all runs of a curve have in common, and so what its numbers hold for.

use reports::page::{Cell, Column, Section, Table};

use super::Curve;
use crate::command::InputError;

/// Keys of a scenario that are told if all runs agree on them. Of the others its file tells.
const TOLD: [&str; 14] = [
    "topology.handlers",
    "topology.incoming",
    "topology.mailboxes",
    "topology.witnesses",
    "topology.clients",
    "topology.crowd",
    "topology.epoch",
    "topology.cores",
    "topology.costs",
    "network.latency",
    "network.bandwidth",
    "workload.rate",
    "workload.recipients",
    "workload.payload",
];

/// Keys and values.
pub struct Fixed(Vec<(String, String)>);

impl Curve {
    /// What all of its scenarios say alike, with these overrides besides.
    ///
    /// # Errors
    /// A mistake in a scenario.
    pub fn fixed(&self, more: &[String]) -> Result<Fixed, InputError> {
        let mut common: Option<Vec<(String, String)>> = None;
        for at in self.keys() {
            let own = self.scenario(at, more)?.draw(0).parameters();
            match &mut common {
                // what is looked for is no parameter
                None => {
                    let is_told = |(key, _): &(String, String)| {
                        TOLD.contains(&&**key) && !(self.search.is_some() && key == "workload.rate")
                    };
                    common = Some(own.into_iter().filter(is_told).collect());
                }
                Some(common) => common.retain(|parameter| own.contains(parameter)),
            }
        }
        Ok(Fixed(common.unwrap_or_default()))
    }
}

impl Fixed {
    /// As the page tells it.
    pub(super) fn section(self) -> Section {
        let rows = self.0.into_iter().map(|(key, value)| vec![Cell::Text(key), Cell::Text(value)]);
        let table = Table {
            file: "fixed".to_owned(),
            caption: "What the scenarios of all runs have in common.".to_owned(),
            columns: vec![Column::new("key", ""), Column::new("value", "")],
            rows: rows.collect(),
        };
        let (title, text) = ("Held fixed".to_owned(), String::new());
        Section { title, text, plots: Vec::new(), tables: vec![table] }
    }
}

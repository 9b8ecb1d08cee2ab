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

#[cfg(test)]
mod tests {
    use super::super::super::{Experiment, Kind};

    #[test]
    fn what_all_runs_agree_on_is_told_and_nothing_else() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let text = |find: &str| {
            format!(
                "# How?\n[experiment]\nkind = \"curve\"\nbase = \"{root}/scenarios/scaling/base.toml\"\nseeds = 1\nshow = [\"throughput\"]\n\
                 set = [\"workload.payload=64B\"]\n{find}x = {{ name = \"n\", points = [{{ at = 1, set = [\"topology.incoming=1\"] }}, \
                 {{ at = 2, set = [\"topology.incoming=2\"] }}] }}\n"
            )
        };
        let fixed = |find: &str| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("x.toml");
            std::fs::write(&path, text(find)).unwrap();
            let Kind::Curve(curve) = Experiment::read(&path).unwrap().kind else {
                unreachable!("it is a curve")
            };
            curve.fixed(&["topology.mailboxes=3".to_owned()]).unwrap().0
        };
        let told = fixed("");
        let value = |key: &str| told.iter().find(|(told, _)| told == key).map(|(_, value)| value.as_str());
        let values =
            ["topology.incoming", "topology.mailboxes", "workload.payload", "workload.rate"].map(value);
        assert_eq!(values, [None, Some("3"), Some("64B"), Some("5000/s")]);
        let searched = fixed("find = \"peak\"\nbound = \"10ms\"\nlength = \"1s\"\n");
        assert!(searched.iter().all(|(key, _)| key != "workload.rate"), "it is what is looked for");
        assert_eq!(searched.len() + 1, told.len());
    }
}

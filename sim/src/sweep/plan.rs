//! What a sweep consists of, pinned: a journal that was begun with another plan is not this sweep's.

use std::{fmt, ops::Range, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};
use server::protocol::digest::Digest;

use super::{Key, Row};
use crate::{
    command::{self, InputError},
    journal::Planned,
    plant::Plant,
    scenario::{Costs, Scenario},
};

/// The sources that this program was built from: same sources, same fingerprints.
pub const BUILD: &str = env!("SIM_BUILD");

/// What a sweep consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The sources of the program.
    pub build: String,
    /// The scenario files.
    pub scenarios: Vec<Pinned>,
    /// Overrides of all of them.
    pub sets: Vec<String>,
    /// The bug planted in all of them, if any is.
    pub plant: Option<String>,
    /// The seeds of each.
    pub seeds: Range<u64>,
    /// The part that is run here.
    pub shard: Shard,
}

/// A scenario file and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// The file.
    pub path: String,
    /// The digest of all that it says, and of its cost profile.
    pub digest: String,
}

/// A part of a sweep: the `index`-th of `count`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shard {
    /// Which, from 1.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

/// A text that names no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no shard: write 1/4 for the first of four, up to 4/4")]
pub struct NoShard(String);

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// Whether a run belongs to it: decided by its key alone.
    pub fn has(self, (index, seed): Key) -> bool {
        (index as u64).wrapping_add(seed) % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let parts = text.split_once('/').map(|(index, count)| (index.parse(), count.parse()));
        match parts {
            Some((Ok(index), Ok(count))) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            _ => Err(NoShard(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = NoShard;

    fn try_from(text: String) -> Result<Self, NoShard> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Plan {
    /// Reads the scenarios and pins them.
    ///
    /// # Errors
    /// The first mistake in a scenario.
    pub fn read(
        paths: &[String],
        sets: Vec<String>,
        seeds: Range<u64>,
        shard: Shard,
        plant: Plant,
    ) -> Result<(Plan, Vec<Scenario>), InputError> {
        let scenarios =
            paths.iter().map(|path| command::read(path.as_ref(), &sets)).collect::<Result<Vec<_>, _>>()?;
        let pinned = paths.iter().zip(&scenarios);
        let pinned = pinned.map(|(path, scenario)| Pinned { path: path.clone(), digest: digest(scenario) });
        let plant = plant.name().map(str::to_owned);
        let plan = Plan { build: BUILD.to_owned(), scenarios: pinned.collect(), sets, plant, seeds, shard };
        Ok((plan, scenarios))
    }

    /// The runs that belong to the shard, in order.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let all =
            (0..self.scenarios.len()).flat_map(|index| self.seeds.clone().map(move |seed| (index, seed)));
        all.filter(|key| self.shard.has(*key))
    }

    /// The bug planted.
    pub fn plant(&self) -> Plant {
        self.plant.as_deref().and_then(|name| name.parse().ok()).unwrap_or_default()
    }
}

impl Planned for Plan {
    const NAME: &'static str = "sweep";
    type Key = Key;
    type Row = Row;

    fn has(&self, key: Key) -> bool {
        key.0 < self.scenarios.len() && self.seeds.contains(&key.1) && self.shard.has(key)
    }

    fn difference(&self, other: &Plan) -> Option<String> {
        let rows = [
            ("build", self.build.clone(), other.build.clone()),
            ("scenarios", names(&self.scenarios), names(&other.scenarios)),
            ("overrides", self.sets.join(" "), other.sets.join(" ")),
            ("planted bug", named(&self.plant), named(&other.plant)),
            ("seeds", format!("{:?}", self.seeds), format!("{:?}", other.seeds)),
            ("shard", self.shard.to_string(), other.shard.to_string()),
        ];
        let different = rows.into_iter().find(|(_, here, there)| here != there);
        different.map(|(what, here, there)| format!("{what} {here:?}, not {there:?}"))
    }
}

fn names(scenarios: &[Pinned]) -> String {
    let named = scenarios.iter().map(|pinned| format!("{} ({})", pinned.path, pinned.digest));
    named.collect::<Vec<_>>().join(" ")
}

fn named(plant: &Option<String>) -> String {
    plant.clone().unwrap_or_else(|| "none".to_owned())
}

/// Over what the scenario means, its overrides included, and what its cost profile says: the first 16 digits.
pub fn digest(scenario: &Scenario) -> String {
    let profile = match &scenario.topology.costs {
        Costs::File(path) | Costs::UnsignedFile(path) => std::fs::read(Path::new(path)).unwrap_or_default(),
        Costs::Default | Costs::Unsigned | Costs::Zero => Vec::new(),
    };
    let digest = Digest::of(&[format!("{scenario:?}").as_bytes(), &profile]);
    hex::encode(&digest.0[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_belongs_to_one_shard() {
        let shards: Vec<Shard> = (1..=4).map(|index| Shard { index, count: 4 }).collect();
        for key in (0..5).flat_map(|index| (0..100).map(move |seed| (index, seed))) {
            assert_eq!(shards.iter().filter(|shard| shard.has(key)).count(), 1, "{key:?}");
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert_eq!("2/4".parse::<Shard>().unwrap().to_string(), "2/4");
        for text in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}

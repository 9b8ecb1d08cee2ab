//! Shards that share nothing, put together: the result is that of one sweep over everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Plan, Shard, Swept};
use crate::journal::{self, JournalError, Planned};

/// What shards come to.
pub struct Merged {
    /// The result.
    pub swept: Swept,
    /// What is missing, in words.
    pub missing: Vec<String>,
}

/// Why shards cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Two are not of one sweep.
    #[error(
        "{} and {} are not of one sweep: the second has {difference}; what is put together are the shards of one", .one.display(), .other.display()
    )]
    NotOne {
        /// The first directory.
        one: PathBuf,
        /// The second directory.
        other: PathBuf,
        /// What is different.
        difference: String,
    },
    /// Two are the same shard, or of different divisions.
    #[error("{} and {} overlap: shards {a} and {b}; each must be another part of as many", .one.display(), .other.display())]
    Overlap {
        /// The first directory.
        one: PathBuf,
        /// The second directory.
        other: PathBuf,
        /// Its shard.
        a: Shard,
        /// Its shard.
        b: Shard,
    },
}

/// Puts the journals in these directories together.
///
/// # Errors
/// They are not of one sweep, or two overlap. What is missing is no error here: the result says it.
pub fn merge(directories: &[PathBuf]) -> Result<Merged, MergeError> {
    let mut shards: BTreeMap<Shard, &Path> = BTreeMap::new();
    let mut whole: Option<(Plan, &Path)> = None;
    let (mut rows, mut missing) = (BTreeMap::new(), Vec::new());
    for directory in directories {
        let (plan, done) = journal::read::<Plan>(directory)?;
        let (shard, planned) = (plan.shard, plan.keys().count());
        let plan = Plan { shard: Shard::WHOLE, ..plan };
        let (first, one) = whole.get_or_insert_with(|| (plan.clone(), directory));
        if let Some(difference) = plan.difference(first) {
            let (one, other) = (one.to_path_buf(), directory.clone());
            return Err(MergeError::NotOne { one, other, difference });
        }
        let overlap = shards.iter().find(|(known, _)| known.count != shard.count || **known == shard);
        if let Some((known, one)) = overlap {
            let (one, other) = (one.to_path_buf(), directory.clone());
            return Err(MergeError::Overlap { one, other, a: *known, b: shard });
        }
        if done.len() < planned {
            missing.push(format!(
                "{}: shard {shard} has {} of {planned} runs; the same command again does the others",
                directory.display(),
                done.len()
            ));
        }
        shards.insert(shard, directory);
        rows.extend(done);
    }
    let (plan, _) = whole.expect("the command line asks for one directory at least");
    missing.extend(absent(&shards));
    Ok(Merged { swept: Swept { plan, rows, fresh: 0, wall_s: 0.0 }, missing })
}

/// The shards that nobody gave.
fn absent(shards: &BTreeMap<Shard, &Path>) -> Vec<String> {
    let given: BTreeSet<u64> = shards.keys().map(|shard| shard.index).collect();
    let count = shards.keys().next().map_or(0, |shard| shard.count);
    let absent = (1..=count).filter(|index| !given.contains(index));
    absent.map(|index| format!("shard {index}/{count} is missing")).collect()
}

//! The blame matrix: a row for each attack, calm and in chaos, with how often each verdict came.
//!
//! | file | column | unit | meaning |
//! |---|---|---|---|
//! | `blame.csv` | `id`, `attack` | | number and name in the catalogue |
//! | | `chaos` | `true`, `false` | whether faults were laid over the runs |
//! | | `expected` | | the verdict that the catalogue says |
//! | | `by_design` | `true`, `false` | whether nobody can be blamed, by design |
//! | | `runs`, `fired` | runs | all, and those in which the attack took place |
//! | | `right` | runs | of those fired: exactly the expected actors were named in time |
//! | | `exposed`, `suspected`, `pair`, `nobody` | runs | of those fired, by the gravest verdict on a cheater |
//! | | `innocent` | runs | of those fired: somebody was named who had not cheated |
//! | | `epochs_median`, `epochs_max` | epochs | from the cheat to the expected verdict; empty if it never came |

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::{RecordError, write_rows};

/// Name of the file.
pub const BLAME_FILE: &str = "blame.csv";

/// What a run ends in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A cheater is exposed.
    Exposed,
    /// A cheater is suspected at the end.
    Suspected,
    /// A cheater and its neighbour are a pair.
    Pair,
    /// Nobody is named.
    #[default]
    Nobody,
    /// Somebody who has not cheated is named.
    Innocent,
}

impl Verdict {
    /// Every verdict, in the order of columns.
    pub const ALL: [Verdict; 5] =
        [Verdict::Exposed, Verdict::Suspected, Verdict::Pair, Verdict::Nobody, Verdict::Innocent];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Exposed => "exposed",
            Verdict::Suspected => "suspected",
            Verdict::Pair => "pair",
            Verdict::Nobody => "nobody",
            Verdict::Innocent => "innocent",
        }
    }
}

/// A row of `blame.csv`. The columns are described at the top of this module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of columns above says what each is, once")]
pub struct BlameRow {
    pub id: String,
    pub attack: String,
    pub chaos: bool,
    pub expected: Verdict,
    pub by_design: bool,
    pub runs: u64,
    pub fired: u64,
    pub right: u64,
    pub exposed: u64,
    pub suspected: u64,
    pub pair: u64,
    pub nobody: u64,
    pub innocent: u64,
    pub epochs_median: Option<u64>,
    pub epochs_max: Option<u64>,
}

impl BlameRow {
    /// In how many runs this was the verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Exposed => self.exposed,
            Verdict::Suspected => self.suspected,
            Verdict::Pair => self.pair,
            Verdict::Nobody => self.nobody,
            Verdict::Innocent => self.innocent,
        }
    }

    /// The same, to be counted.
    pub fn count_mut(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Exposed => &mut self.exposed,
            Verdict::Suspected => &mut self.suspected,
            Verdict::Pair => &mut self.pair,
            Verdict::Nobody => &mut self.nobody,
            Verdict::Innocent => &mut self.innocent,
        }
    }

    /// Median and maximum of the epochs to the verdict, as shown.
    pub fn epochs(&self) -> String {
        match (self.epochs_median, self.epochs_max) {
            (Some(median), Some(max)) => format!("{median} / {max}"),
            _ => "–".to_owned(),
        }
    }
}

/// Writes `blame.csv` into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`RecordError`] names the directory or file that could not be written.
pub fn write_blame(directory: &Path, rows: &[BlameRow]) -> Result<PathBuf, RecordError> {
    write_rows(directory, BLAME_FILE, rows)
}

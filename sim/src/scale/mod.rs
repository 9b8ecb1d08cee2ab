//! Experiments: tables of runs that answer a question, as CSV and plots.
//!
//! An experiment file stands beside the scenarios: its first line is the question, its `[experiment]` table says what
//! to run.

pub mod blame;

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Seeds of an experiment at most: a day of runs.
const SEEDS_MAX: u64 = 100_000;

/// An experiment as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// The question.
    pub question: String,
    /// What to do.
    pub kind: ExperimentKind,
    /// The scenarios to run.
    pub scenarios: Vec<PathBuf>,
    /// Seeds of each.
    pub seeds: u64,
}

/// What an experiment does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExperimentKind {
    /// The blame matrix: attack × verdict.
    Blame,
}

/// Why an experiment cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error("{}: cannot read: {source}", .path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file says something else.
    #[error("{}: {why}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    experiment: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: ExperimentKind,
    scenarios: PathBuf,
    seeds: u64,
}

impl Experiment {
    /// Reads an experiment file. The directory that it names is seen from the working directory.
    ///
    /// # Errors
    /// What is wrong with it, with its name.
    pub fn read(path: &Path) -> Result<Experiment, ExperimentError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| ExperimentError::Unreadable { path, source }
        };
        let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
        let wrong = |why: String| ExperimentError::Wrong { path: path.to_owned(), why };
        let question = question(&text).ok_or_else(|| {
            wrong("the first line must be a comment with the question, such as `# Who is named?`".to_owned())
        })?;
        let File { experiment } = toml_edit::de::from_str(&text)
            .map_err(|error| wrong(error.to_string().trim_end().replace('\n', " ")))?;
        if !(1..=SEEDS_MAX).contains(&experiment.seeds) {
            return Err(wrong(format!("seeds must lie in 1..={SEEDS_MAX}")));
        }
        let directory =
            std::fs::read_dir(&experiment.scenarios).map_err(unreadable(&experiment.scenarios))?;
        let mut scenarios: Vec<PathBuf> = directory.flatten().map(|entry| entry.path()).collect();
        scenarios.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        scenarios.sort();
        Ok(Experiment { question, kind: experiment.kind, scenarios, seeds: experiment.seeds })
    }
}

/// The question of an experiment's text: its first line, if that is a comment.
pub fn question(text: &str) -> Option<String> {
    let line = text.lines().next()?.strip_prefix('#')?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Experiment, ExperimentError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.toml");
        std::fs::write(&path, text).unwrap();
        Experiment::read(&path)
    }

    #[test]
    fn mistakes_are_said_in_a_line() {
        let table = |rest: &str| format!("# Who?\n[experiment]\nkind = \"blame\"\n{rest}");
        for (text, said) in [
            ("[experiment]\n".to_owned(), "must be a comment with the question"),
            (table("scenarios = \"src\"\n"), "seeds"),
            (table("scenarios = \"src\"\nseeds = 0\n"), "seeds must lie in 1..=100000"),
            (table("scenarios = \"none\"\nseeds = 1\n"), "none: cannot read"),
            (table("scenarios = \"src\"\nseeds = 1\ncolour = 1\n"), "colour"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(said) && error.lines().count() == 1, "{error}");
        }
    }
}

//! Experiments: tables of runs that answer a question, as a page with plots and CSV.
//!
//! An experiment file stands beside the scenarios: its first line is the question, its `[experiment]` table says what
//! to run.

pub mod blame;
pub mod curve;
mod inversion;
mod metric;
mod provenance;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use metric::{METRICS, Metric};
pub use provenance::reproduce;

use blame::{BlameTable, Matrix};
use curve::{Curve, CurveTable};

/// Seeds of an experiment at most: a day of runs.
pub const SEEDS_MAX: u64 = 100_000;

/// An experiment as its file says it.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The file.
    pub path: PathBuf,
    /// The question.
    pub question: String,
    /// What to do.
    pub kind: Kind,
}

/// What an experiment does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The blame matrix: attack × verdict.
    Blame(Matrix),
    /// Runs over a parameter, for each of some series.
    Curve(Box<Curve>),
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
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Table {
    Blame(BlameTable),
    Curve(Box<CurveTable>),
}

impl Experiment {
    /// Reads an experiment file. What it names is seen from the working directory.
    ///
    /// # Errors
    /// What is wrong with it, with its name.
    pub fn read(path: &Path) -> Result<Experiment, ExperimentError> {
        let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
        let wrong = |why: String| ExperimentError::Wrong { path: path.to_owned(), why };
        let question = question(&text).ok_or_else(|| {
            wrong("the first line must be a comment with the question, such as `# Who is named?`".to_owned())
        })?;
        let File { experiment } = toml_edit::de::from_str(&text)
            .map_err(|error| wrong(error.to_string().trim_end().replace('\n', " ")))?;
        let kind = match experiment {
            Table::Blame(table) => Kind::Blame(Matrix::of(table)?),
            Table::Curve(table) => Kind::Curve(Box::new(Curve::of(*table).map_err(wrong)?)),
        };
        let experiment = Experiment { path: path.to_owned(), question, kind };
        if !(1..=SEEDS_MAX).contains(&experiment.seeds()) {
            return Err(wrong(format!("seeds must lie in 1..={SEEDS_MAX}")));
        }
        match &experiment.kind {
            Kind::Blame(matrix) if matrix.scenarios.is_empty() => {
                Err(wrong("no scenario is in the directory that `scenarios` names".to_owned()))
            }
            _ => Ok(experiment),
        }
    }

    /// Reads experiment files; of a directory all experiments that are in it, by name, and none of the scenarios.
    ///
    /// # Errors
    /// What is wrong with the first that is none.
    pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Experiment>, ExperimentError> {
        let mut experiments = Vec::new();
        for path in paths {
            if !path.is_dir() {
                experiments.push(Experiment::read(path)?);
                continue;
            }
            let mut inside: Vec<PathBuf> = std::fs::read_dir(path)
                .map_err(unreadable(path))?
                .flatten()
                .map(|entry| entry.path())
                .collect();
            inside.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
            inside.sort();
            let before = experiments.len();
            for path in inside {
                if is_experiment(&std::fs::read_to_string(&path).map_err(unreadable(&path))?) {
                    experiments.push(Experiment::read(&path)?);
                }
            }
            if experiments.len() == before {
                let why = "no experiment is in this directory: a file with an [experiment] table".to_owned();
                return Err(ExperimentError::Wrong { path: path.clone(), why });
            }
        }
        Ok(experiments)
    }

    /// Seeds of each of its runs.
    pub fn seeds(&self) -> u64 {
        match &self.kind {
            Kind::Blame(matrix) => matrix.seeds,
            Kind::Curve(curve) => curve.seeds,
        }
    }

    /// Takes another number of seeds.
    pub fn set_seeds(&mut self, seeds: u64) {
        match &mut self.kind {
            Kind::Blame(matrix) => matrix.seeds = seeds,
            Kind::Curve(curve) => curve.seeds = seeds,
        }
    }

    /// Its name: that of its file.
    pub fn name(&self) -> String {
        self.path.file_stem().map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned())
    }
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> ExperimentError {
    move |source| ExperimentError::Unreadable { path: path.to_owned(), source }
}

/// Whether a file's text is that of an experiment, and not of a scenario.
pub fn is_experiment(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == "[experiment]")
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
    fn of_a_directory_the_experiments_are_read_and_no_scenarios() {
        let directory = tempfile::tempdir().unwrap();
        let paths = [directory.path().to_owned()];
        let said = |why: &str| Experiment::read_all(&paths).unwrap_err().to_string().contains(why);
        std::fs::write(directory.path().join("scenario.toml"), "# A claim.\n[topology]\n").unwrap();
        assert!(said("no experiment"));
        let curve = "# How?\n[experiment]\nkind = \"curve\"\nbase = \"b.toml\"\nseeds = 1\nshow = [\"throughput\"]\n\
                     x = { name = \"n\", points = [{ at = 1 }] }\n";
        std::fs::write(directory.path().join("curve.toml"), curve).unwrap();
        let read = Experiment::read_all(&paths).unwrap();
        assert_eq!(read.iter().map(Experiment::name).collect::<Vec<_>>(), ["curve"]);
        std::fs::write(directory.path().join("wrong.toml"), "# How?\n[experiment]\n").unwrap();
        assert!(said("wrong.toml"));
    }

    #[test]
    fn every_experiment_of_the_project_can_be_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = 0;
        for directory in ["scenarios/questions", "scenarios/scaling"] {
            for entry in std::fs::read_dir(root.join(directory)).unwrap() {
                let path = entry.unwrap().path();
                if !is_experiment(&std::fs::read_to_string(&path).unwrap()) {
                    continue;
                }
                found += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                // what it names is seen from the project's directory
                let text = text.replace("\"scenarios/", &format!("\"{}/scenarios/", root.display()));
                let kind = read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).kind;
                if let Kind::Curve(curve) = kind {
                    curve.plan(&[]).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                }
            }
        }
        assert!(found > 5, "{found}");
    }

    #[test]
    fn what_tells_series_and_points_apart_cannot_be_overridden() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let text = format!(
            "# How?\n[experiment]\nkind = \"curve\"\nbase = \"{root}/scenarios/scaling/base.toml\"\nseeds = 1\nshow = [\"throughput\"]\n\
             x = {{ name = \"n\", points = [{{ at = 1, set = [\"topology.incoming = 1\"] }}] }}\n\
             series = [{{ name = \"free\", set = [\"topology.costs=unsigned\"] }}]\n"
        );
        let Kind::Curve(curve) = read(&text).unwrap().kind else { unreachable!("it is a curve") };
        let refused = |set: &str| curve.plan(&[set.to_owned()]).unwrap_err().to_string();
        assert!(
            refused("topology.costs=zero").contains("series \"free\" of the experiment sets that itself")
        );
        assert!(refused("topology.incoming=2").contains("the point at 1 of the experiment"));
        curve.plan(&["topology.mailboxes=2".to_owned()]).unwrap();
    }

    #[test]
    fn mistakes_are_said_in_a_line() {
        let table = |rest: &str| format!("# Who?\n[experiment]\nkind = \"blame\"\n{rest}");
        let curve = |rest: &str| {
            format!(
                "# How fast?\n[experiment]\nkind = \"curve\"\nbase = \"x.toml\"\nseeds = 1\nshow = [\"throughput\"]\n{rest}"
            )
        };
        let x = "x = { name = \"actors\", points = [{ at = 1 }] }\n";
        for (text, said) in [
            ("[experiment]\n".to_owned(), "must be a comment with the question"),
            (table("scenarios = \"src\"\n"), "seeds"),
            (table("scenarios = \"src\"\nseeds = 0\n"), "seeds must lie in 1..=100000"),
            (table("scenarios = \"none\"\nseeds = 1\n"), "none: cannot read"),
            (table("scenarios = \"src\"\nseeds = 1\ncolour = 1\n"), "colour"),
            (table("scenarios = \"src\"\nseeds = 1\n"), "no scenario is in the directory"),
            (
                curve(&format!("{x}find = \"peak\"\nbound = \"1s\"\nlength = \"4s\"\n")),
                "length must be 5 times the bound",
            ),
            (curve(&format!("stack = [\"receipt-p50\"]\n{x}")), "no part of a bundle's processor time"),
            (curve(""), "x"),
            (curve("x = { name = \"actors\", points = [] }\n"), "x.points must have a point"),
            (curve(&format!("{x}find = \"peak\"\n")), "find = \"peak\" needs a bound"),
            (curve(&format!("{x}find = \"peak\"\nbound = \"soon\"\n")), "bound"),
            (
                curve(&format!("stack = [\"incoming-work\", \"wall\"]\n{x}")),
                "wall is in s, and no part of a bundle's processor time",
            ),
            (curve(&format!("heat = [\"warmth\"]\n{x}")), "unknown metric \"warmth\""),
            (curve(x).replace("throughput", "thruput"), "unknown metric \"thruput\""),
            (curve(x).replace("\"throughput\"", ""), "show must name a metric"),
            (curve(x).replace("throughput", "peak"), "only find = \"peak\" measures"),
            (
                curve(x).replace("\"throughput\"", "\"throughput\", \"throughput\""),
                "show names \"throughput\" twice",
            ),
            (
                curve("x = { name = \"n\", scale = \"log2\", points = [{ at = 0 }] }\n"),
                "`at` must be above 0",
            ),
            (
                curve(&format!("{x}series = [{{ name = \"a\" }}, {{ name = \"a\" }}]\n")),
                "two series are called \"a\"",
            ),
            (
                curve(
                    "x = { name = \"n\", points = [{ at = 1 }, { at = 4 }] }\nseries = [{ name = \"a\", points = [4, 1] }]\n",
                ),
                "its points must be those of x in their order, each once",
            ),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(said) && error.lines().count() == 1, "{error} does not say {said}");
        }
    }
}

//! Experiments: tables of runs that answer a question, as a page with plots and CSV.
//!
//! An experiment file stands beside the scenarios: its first line is the question, its `[experiment]` table says what
//! to run.

pub mod blame;
pub mod curve;
mod file;
mod inversion;
mod metric;
mod provenance;
pub mod words;

use std::path::{Path, PathBuf};

pub use metric::{METRICS, Metric};
pub use provenance::reproduce;

use blame::Matrix;
use curve::Curve;
use file::Mistake;

use crate::{
    command::InputError,
    journal::JournalError,
    scenario::{ScenarioError, place_of},
};

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
    /// What the file says, to find in it the place of a mistake.
    text: String,
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
    /// A directory holds none.
    #[error("{}: no experiment is in this directory: a file with an [experiment] table", .path.display())]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
    /// The file says something else.
    #[error("{}:{line}:{column}: {why}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there, and what would be right.
        why: String,
    },
    /// A scenario that it names, or an override on the command line.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Why the runs of an experiment could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A scenario or its files.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Experiment {
    /// Reads an experiment file. What it names is seen from the working directory.
    ///
    /// # Errors
    /// What is wrong with it, with its name.
    pub fn read(path: &Path) -> Result<Experiment, ExperimentError> {
        let text = std::fs::read_to_string(path).map_err(unreadable(path))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        let wrong = |mistake: Mistake| {
            let ((line, column), why) = mistake.in_text(&text);
            ExperimentError::Wrong { path: path.to_owned(), line, column, why }
        };
        let question = question(&text).ok_or_else(|| {
            let why = "the first line must be a comment with the question, such as `# Who is named?`";
            ExperimentError::Wrong { path: path.to_owned(), line: 1, column: 1, why: why.to_owned() }
        })?;
        let kind = file::kind(&text).map_err(wrong)?;
        let experiment = Experiment { path: path.to_owned(), question, kind, text: text.clone() };
        if !(1..=SEEDS_MAX).contains(&experiment.seeds()) {
            return Err(wrong(Mistake::at("seeds", format!("seeds must lie in 1..={SEEDS_MAX}"))));
        }
        match &experiment.kind {
            Kind::Blame(matrix) if matrix.scenarios.is_empty() => {
                let why = "no scenario is in the directory that `scenarios` names: write that of the attacks";
                Err(wrong(Mistake::at("scenarios", why)))
            }
            _ => Ok(experiment),
        }
    }

    /// What an error in one of its scenarios, with these overrides besides, says of its own file, if the mistake stands there:
    /// in an override of its own, or in the name of its base.
    pub fn explain(&self, error: InputError, more: &[String]) -> ExperimentError {
        let Kind::Curve(curve) = &self.kind else { return error.into() };
        let (at, why) = match &error {
            InputError::Scenario(ScenarioError::InOverride { set, wrong }) if !more.contains(set) => {
                let Some(at) = curve.place_of_set(set) else { return error.into() };
                (at, format!("set {set:?}: {wrong}"))
            }
            InputError::Scenario(ScenarioError::Unreadable { file, source }) => {
                let such = "write the file of a scenario, as seen from the working directory";
                ("base".to_owned(), format!("{file}: cannot read: {source}: {such}"))
            }
            _ => return error.into(),
        };
        let (line, column) = place_of(&self.text, &format!("experiment.{at}"));
        ExperimentError::Wrong { path: self.path.clone(), line, column, why }
    }

    /// What is wrong with a blame matrix of scenarios in which nobody is told to cheat.
    pub fn shows_nothing(&self) -> ExperimentError {
        let (line, column) = place_of(&self.text, "experiment.scenarios");
        let why = "no scenario of this directory has an [[adversary]], so there is nobody to blame: write that of the attacks";
        ExperimentError::Wrong { path: self.path.clone(), line, column, why: why.to_owned() }
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
                return Err(ExperimentError::Nothing { path: path.clone() });
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

    /// The text without its mark `^`, and the line and column where that stood.
    fn marked(text: &str) -> (String, String) {
        let before = text.split('^').next().unwrap();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        (text.replacen('^', "", 1), format!("x.toml:{line}:{column}: "))
    }

    #[test]
    fn mistakes_are_said_where_they_are_and_with_what_would_be_right() {
        let curve = "# How fast?\n[experiment]\nkind = \"curve\"\nbase = \"x.toml\"\nseeds = 1\nshow = [\"throughput\"]\n";
        let x = "x = { name = \"n\", points = [{ at = 1 }, { at = 4 }] }\n";
        let of = |from: &str, to: &str| format!("{curve}{x}").replacen(from, to, 1);
        let series = |rest: &str| format!("{curve}{x}[[experiment.series]]\nname = \"a\"\n{rest}");
        for (text, said) in [
            ("^[experiment]\n".to_owned(), "must be a comment with the question, such as"),
            ("^# Who?\n[topology]\n".to_owned(), "\"experiment\" is missing: write a table [experiment]"),
            ("# Who?\n^[experiment]\nseeds = 1\n".to_owned(), "\"kind\" is missing: write kind = \"curve\""),
            (of("\"curve\"", "^\"game\""), "unknown kind \"game\": write kind = \"curve\" or \"blame\""),
            (of("= 1", "= ^\"many\""), "expected a whole number such as 5"),
            (of("= 1", "= ^0"), "seeds must lie in 1..=100000"),
            (of("seeds = 1\n", "").replacen("[exp", "^[exp", 1), "\"seeds\" is missing: write seeds = 5"),
            (of("base = \"x.toml\"", "base = ^5"), "expected a path in quotes"),
            (of("base", "^bass"), "unknown field `bass`, expected one of"),
            (of("\"throughput\"", "^\"thruput\""), "unknown metric \"thruput\"; known: "),
            (of("t\"]", "t\", ^\"throughput\"]"), "show names \"throughput\" twice"),
            (of("{ at = 4 }", "{ at = ^1 }"), "each with a higher `at`"),
            (of("{ at = 4 }", "^{}"), "\"at\" is missing"),
            (of("{ at = 4 }", "{ at = ^nan }"), "NaN is no place on an axis: write a number"),
            (of("{ at = 4 }", "^4"), "expected a point such as { at = 1"),
            (of("\"n\"", "^\" \""), "the parameter must be called something"),
            (of("x =", "find = ^\"peak\"\nx ="), "needs a bound on the 99th percentile"),
            (of("x =", "find = ^\"most\"\nx ="), "unknown variant `most`, expected `load` or `peak`"),
            (of("x =", "find = \"peak\"\nbound = ^\"soon\"\nx ="), "write bound = \"100ms\""),
            (of("x =", "find = \"peak\"\nbound = ^\"1h\"\nx ="), "length must be 5 times the bound"),
            (of("= 1", "= ^many"), "string values must be quoted"),
            (format!("{curve}{x}series = ^5\n"), "expected a list such as"),
            (series("points = [1, ^3]\n"), "series \"a\": x has no point at 3: write some of 1, 4"),
            (series("points = [4, ^1]\n"), "in their order, each once"),
            (series("points = ^[]\n"), "it has no point"),
            (series("^colour = 1\n"), "unknown field `colour`, expected one of `name`, `set`, `points`"),
            (series("[[experiment.series]]\nname = ^\"a\"\n"), "two series are called \"a\""),
            (series("[[experiment.series]]\nname = ^\"\"\n"), "a series must be called something"),
            (series("^[[experiment.series]]\nset = []\n"), "\"name\" is missing: write name = "),
        ] {
            let (text, place) = marked(&text);
            let error = read(&text).unwrap_err().to_string();
            let at = error.find("x.toml").map_or("", |at| &error[at..]);
            assert!(at.starts_with(&place) && at.contains(said), "{error} is not {place}{said}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_override_or_a_base_is_said_of_the_file_that_has_it() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let text = format!(
            "# How?\n[experiment]\nkind = \"curve\"\nbase = \"{root}/scenarios/scaling/base.toml\"\nseeds = 1\nshow = [\"throughput\"]\n\
             set = [\"topology.mailboxes=1\"]\nx = {{ name = \"n\", points = [{{ at = 1, set = [\"topology.incoming=1\"] }}] }}\n\
             series = [{{ name = \"free\", set = [\"topology.costs=unsigned\"] }}]\n"
        );
        let explained = |text: &str, more: &[String]| {
            let experiment = read(text).unwrap();
            let Kind::Curve(curve) = &experiment.kind else { unreachable!("it is a curve") };
            experiment.explain(curve.plan(more).unwrap_err(), more).to_string()
        };
        for (from, to, said) in [
            ("\"topology.mailboxes=1", "^\"topology.mailboxen=1", "set \"topology.mailboxen=1\": unknown"),
            ("\"topology.incoming=1", "^\"topology.incoming=0", "set \"topology.incoming=0\": "),
            ("\"topology.costs=unsigned", "^\"topology.costs=none", "set \"topology.costs=none\": "),
            ("base = \"", "base = ^\"not/", "cannot read: "),
        ] {
            let (text, place) = marked(&text.replacen(from, to, 1));
            let error = explained(&text, &[]);
            let at = error.find("x.toml").map_or("", |at| &error[at..]);
            assert!(at.starts_with(&place) && at.contains(said), "{error} is not {place}{said}");
        }
        let error = explained(&text, &["topology.clientes=1".to_owned()]);
        assert!(error.starts_with("--set topology.clientes=1: unknown key"), "{error}");
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

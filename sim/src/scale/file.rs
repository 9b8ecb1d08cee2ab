//! An experiment's file: what it says, or where it is wrong and what would be right.
//!
//! # Invariants
//! - A mistake is told in one line, with the place that an editor can jump to.

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Kind,
    blame::{BlameTable, Matrix},
    curve::{Curve, CurveTable},
};
use crate::scenario::{in_words, line_and_column, place_of};

/// Something wrong with the file.
pub(super) struct Mistake {
    /// Where: what stands at a path in the table, such as `x.points.2`, or at a byte.
    at: At,
    /// What is wrong, and what would be right.
    why: String,
}

enum At {
    Path(String),
    Byte(usize),
}

impl Mistake {
    /// At a path in the table `[experiment]`; at what is nearest around it, if it is not there.
    pub fn at(path: impl std::fmt::Display, why: impl Into<String>) -> Mistake {
        Mistake { at: At::Path(format!("experiment.{path}")), why: why.into() }
    }

    /// Line and column in the text of the file, from 1, and what is to be said.
    pub fn in_text(self, text: &str) -> ((usize, usize), String) {
        let place = match self.at {
            At::Path(path) => place_of(text, &path),
            At::Byte(offset) => line_and_column(text, offset),
        };
        (place, self.why)
    }
}

/// What every experiment says.
#[derive(Deserialize)]
struct Sketch {
    experiment: SketchTable,
}

#[derive(Deserialize)]
#[serde(expecting = "a table [experiment]")]
struct SketchTable {
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    experiment: T,
}

/// What the file says is to be done.
pub(super) fn kind(text: &str) -> Result<Kind, Mistake> {
    match parse::<Sketch>(text)?.experiment.kind.as_str() {
        "blame" => Ok(Kind::Blame(Matrix::of(parse::<File<BlameTable>>(text)?.experiment)?)),
        "curve" => Ok(Kind::Curve(Box::new(Curve::of(parse::<File<CurveTable>>(text)?.experiment)?))),
        other => {
            Err(Mistake::at("kind", format!("unknown kind {other:?}: write kind = \"curve\" or \"blame\"")))
        }
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Mistake> {
    toml_edit::de::from_str(text).map_err(|error| Mistake {
        at: At::Byte(error.span().map_or(0, |span| span.start)),
        why: plain(error.message()),
    })
}

/// What to write for a key that is missing.
const EXAMPLES: [(&str, &str); 9] = [
    ("experiment", "a table [experiment] below the question"),
    ("kind", "kind = \"curve\" or \"blame\""),
    ("scenarios", "scenarios = \"scenarios/attacks\""),
    ("seeds", "seeds = 5"),
    ("base", "base = \"scenarios/scaling/base.toml\""),
    ("show", "show = [\"throughput\"] (`cargo sim list metrics`)"),
    ("x", "x = { name = \"actors\", points = [{ at = 1 }, { at = 2 }] }"),
    ("name", "name = \"actors\""),
    ("points", "points = [{ at = 1 }, { at = 2 }]"),
];

/// What serde says, in one line and in the words of the file.
fn plain(message: &str) -> String {
    let message = in_words(message);
    if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let example = EXAMPLES.iter().find(|(known, _)| *known == key);
        let example = example.map_or_else(|| format!("{key} = …"), |(_, example)| (*example).to_owned());
        return format!("the key {key:?} is missing: write {example}");
    }
    message
}

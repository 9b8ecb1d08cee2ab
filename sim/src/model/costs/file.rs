//! Profiles as files.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use server::protocol::digest::Digest;

use super::{Cost, Pauses, Profile};
use crate::scenario::{Costs, in_words, line_and_column, place_of};

/// The longest that one operation may be said to take: a minute.
const LONGEST_NS: f64 = 60e9;
/// The largest factor of a spread.
const SPREAD_MAX: f64 = 1e6;
/// The most turns of a transaction.
const TURNS_MAX: f64 = 100.0;

/// What is missing is mostly what later calibrations measure besides.
const OUTDATED: &str =
    "a profile of an earlier version lacks it: make a new one with `cargo sim calibrate -o FILE`";

/// How often a second something may not be there.
const PAUSES_MAX: f64 = 1e4;

/// Why a file is no cost profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("{}: cannot read: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It holds something else.
    #[error("{}:{line}:{column}: no cost profile: {why}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        why: String,
    },
}

/// A cost that no run could work with.
#[derive(Debug, thiserror::Error)]
#[error("{key} must be {right}")]
pub struct Impossible {
    /// Where it stands in a profile.
    key: String,
    /// What would be right.
    right: String,
}

/// Why a text is no profile.
#[derive(Debug, PartialEq)]
pub(super) struct Mistake {
    /// Line and column, from 1.
    place: (usize, usize),
    why: String,
}

impl Profile {
    /// The profile that a scenario names.
    ///
    /// # Errors
    /// Its file cannot be read, or is none.
    pub fn of(costs: &Costs) -> Result<Self, ProfileError> {
        match costs {
            Costs::Default => Ok(Profile::standard()),
            Costs::Unsigned => Ok(Profile::standard().with_free_signatures()),
            Costs::Zero => Ok(Profile::zero()),
            Costs::File(path) => Profile::read(path),
            Costs::UnsignedFile(path) => Ok(Profile::read(path)?.with_free_signatures()),
        }
    }

    /// What a page calls the profile that a scenario names: two of one machine differ in their digests.
    ///
    /// # Errors
    /// Its file cannot be read, or is none.
    pub fn named(costs: &Costs) -> Result<String, ProfileError> {
        let (name, signed) = match costs {
            Costs::Default | Costs::Unsigned => ("default".to_owned(), Profile::standard()),
            Costs::Zero => ("zero".to_owned(), Profile::zero()),
            Costs::File(path) | Costs::UnsignedFile(path) => {
                (path.display().to_string(), Profile::read(path)?)
            }
        };
        Ok(signed.called(&name))
    }

    /// What a page calls this profile, with its digest and its machine.
    pub fn called(&self, name: &str) -> String {
        let digest = Digest::of(&[self.to_toml().as_bytes()]).0;
        format!("{name} ({}; {})", hex::encode(&digest[..4]), self.machine)
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| ProfileError::Unreadable { path: path.to_owned(), why })?;
        Profile::parse(&text).map_err(|Mistake { place: (line, column), why }| ProfileError::Wrong {
            path: path.to_owned(),
            line,
            column,
            why,
        })
    }

    /// Whether a text is that of a profile, be it one of an earlier version, that a run cannot work with.
    pub fn is_in(text: &str) -> bool {
        let document = text.parse::<DocumentMut>();
        document.is_ok_and(|document| document.contains_key("machine") && document.contains_key("crypto"))
    }

    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let profile: Profile = toml_edit::de::from_str(text).map_err(|error| {
            let why = in_words(error.message());
            let why = if why.contains("missing field") { format!("{why}: {OUTDATED}") } else { why };
            Mistake { place: line_and_column(text, error.span().map_or(0, |span| span.start)), why }
        })?;
        profile.check().map_err(|impossible| Mistake {
            place: place_of(text, &impossible.key),
            why: impossible.to_string(),
        })?;
        Ok(profile)
    }

    /// The profile as a file.
    pub fn to_toml(&self) -> String {
        toml_edit::ser::to_string_pretty(self).expect("a profile is tables of numbers and text")
    }

    /// Says what no run could work with.
    ///
    /// # Errors
    /// A cost is none.
    pub fn check(&self) -> Result<(), Impossible> {
        let within = |name: &str, cost: &Cost, bound: f64| match cost.lies_within(bound) {
            true => Ok(()),
            false => {
                let right = format!("a number, or a list of some, from 0 to {bound:e}");
                Err(Impossible { key: name.to_owned(), right })
            }
        };
        let number = |name: &str, number: f64| within(name, &Cost::always(number), LONGEST_NS);
        for (name, cost) in [
            ("crypto.sign", &self.crypto.sign),
            ("crypto.verify", &self.crypto.verify),
            ("bytes.hash", &self.bytes.hash),
            ("bytes.code", &self.bytes.code),
            ("disk.commit", &self.disk.commit),
            ("disk.sync", &self.disk.sync),
            ("wake", &self.wake),
            ("timer", &self.timer),
            ("http.request", &self.http.request),
            ("http.event", &self.http.event),
            ("http.ask", &self.http.ask),
            ("http.hear", &self.http.hear),
        ] {
            within(name, cost, LONGEST_NS)?;
        }
        number("pace", self.pace)?;
        number("link", self.link)?;
        for (name, pauses) in [("withheld", &self.withheld), ("disk.standstills", &self.disk.standstills)] {
            let Some(Pauses { per_s, ns }) = pauses else { continue };
            within(&format!("{name}.per_s"), &Cost::always(*per_s), PAUSES_MAX)?;
            within(&format!("{name}.ns"), ns, LONGEST_NS)?;
        }
        within("disk.turns", &Cost::always(self.disk.turns), TURNS_MAX)?;
        number("http.bundle", self.http.bundle)?;
        number("http.hand_in", self.http.hand_in)?;
        number("http.event_byte", self.http.event_byte)?;
        number("http.hear_byte", self.http.hear_byte)?;
        number("disk.byte", self.disk.byte)?;
        within("http.spread", &self.http.spread, SPREAD_MAX)?;
        within("http.client_spread", &self.http.client_spread, SPREAD_MAX)?;
        for (role, handling) in &self.role {
            number(&format!("role.{role}.step"), handling.step)?;
            number(&format!("role.{role}.input"), handling.input)?;
            number(&format!("role.{role}.output"), handling.output)?;
            number(&format!("role.{role}.byte"), handling.byte)?;
            number(&format!("role.{role}.step_byte"), handling.step_byte)?;
            within(&format!("role.{role}.spread"), &handling.spread, SPREAD_MAX)?;
        }
        self.check_batches()
    }

    fn check_batches(&self) -> Result<(), Impossible> {
        let batch = &self.crypto.batch;
        let rise = batch.is_sorted_by(|(one, _), (next, _)| one < next);
        let sound = batch.iter().all(|(size, each)| *size >= 1.0 && each.lies_within(LONGEST_NS));
        match !batch.is_empty() && rise && sound {
            true => Ok(()),
            false => {
                let right =
                    "a list of [size, nanoseconds a signature, or a list of some], sizes rising from 1"
                        .to_owned();
                Err(Impossible { key: "crypto.batch".to_owned(), right })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_that_comes_with_the_simulator_says_where_it_was_measured() {
        let profile = Profile::standard();
        assert!(profile.machine.contains("core"), "{}", profile.machine);
        assert!(profile.crypto.sign.mean() > 1000.0 && profile.disk.sync.mean() > 1000.0);
    }

    #[test]
    fn two_profiles_of_one_machine_have_two_names() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = ["one.toml", "other.toml"].map(|name| directory.path().join(name));
        let profile = Profile::standard();
        std::fs::write(&one, profile.to_toml()).unwrap();
        std::fs::write(&other, Profile { pace: profile.pace + 1.0, ..profile.clone() }.to_toml()).unwrap();
        let digest = |costs: &Costs| {
            let named = Profile::named(costs).unwrap();
            let (_, digest) = named.split_once(" (").unwrap();
            assert!(digest.contains(&profile.machine), "{named}");
            digest.to_owned()
        };
        assert_eq!(digest(&Costs::File(one.clone())), digest(&Costs::Default));
        assert_eq!(digest(&Costs::UnsignedFile(one)), digest(&Costs::Unsigned));
        assert_ne!(digest(&Costs::File(other)), digest(&Costs::Default));
    }

    #[test]
    fn a_profile_is_the_same_when_it_is_read_again() {
        for profile in [Profile::standard(), Profile::zero()] {
            assert_eq!(Profile::parse(&profile.to_toml()), Ok(profile));
        }
    }

    /// The text without its mark `^`, and the line and column where that stood.
    fn marked(text: &str) -> (String, (usize, usize)) {
        let before = text.split('^').next().unwrap();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        (text.replacen('^', "", 1), (line, column))
    }

    #[test]
    fn what_is_no_profile_is_refused_with_the_place() {
        let good = Profile::zero().to_toml();
        for (from, to, said) in [
            ("sign = 0.0", "sign = ^-1.0", "crypto.sign must be a number"),
            ("sign = 0.0", "sign = ^[]", "crypto.sign must be a number"),
            ("sign = 0.0", "sign = ^\"fast\"", "expected a number, or a list of some"),
            ("sign = 0.0", "sign = ^swift", "string values must be quoted"),
            ("hash = 0.0", "hash = ^\"fast\"", "expected a number, or a list of some"),
            ("link = 0.0", "link = ^\"fast\"", "expected a number such as 1.5"),
            ("[http]", "[http]\nspread = ^[1.0, -1.0]", "http.spread must be a number, or a list of some"),
            ("hash = 0.0", "hash = ^inf", "bytes.hash must be a number"),
            ("hash = 0.0", "^hush = 0.0", "unknown field `hush`, expected `hash` or `code`"),
            ("[crypto]\nsign = 0.0\nverify = 0.0", "^[crypto]\nsign = 0.0", "missing field `verify`"),
            ("[disk]", "[^disc]", "unknown field `disc`"),
            ("machine =", "^machin =", "machin"),
            ("turns = 1.0", "turns = ^1e9", "disk.turns must be a number"),
            ("pace = 0.0", "pace = ^-1.0", "pace must be a number"),
            ("sign = 0.0", "sign = ^[1.0, [2.0, 3.0], 4.0]", "only the last number of a list"),
            ("sign = 0.0", "sign = ^[1.0, []]", "a list in a list has a number at least"),
            ("sign = 0.0", "sign = ^[1.0, [2.0, -3.0]]", "crypto.sign must be a number"),
            ("[disk]", "[withheld]\nper_s = ^-1.0\nns = 0.0\n[disk]", "withheld.per_s must be a number"),
            ("[disk]", "[withheld]\nper_s = 1.0\nns = ^inf\n[disk]", "withheld.ns must be a number"),
            (
                "[http]",
                "[disk.standstills]\nper_s = ^1e9\nns = 0.0\n[http]",
                "disk.standstills.per_s must be a number",
            ),
        ] {
            assert!(good.contains(from), "{good}");
            let (text, place) = marked(&good.replacen(from, to, 1));
            let mistake = Profile::parse(&text).unwrap_err();
            assert_eq!(mistake.place, place, "{to}: {}", mistake.why);
            assert!(mistake.why.contains(said) && mistake.why.lines().count() == 1, "{}", mistake.why);
        }
        let mut profile = Profile::zero();
        profile.crypto.batch = vec![(8.0, Cost::always(1.0)), (2.0, Cost::always(1.0))];
        let text = profile.to_toml();
        let mistake = Profile::parse(&text).unwrap_err();
        assert!(mistake.why.contains("sizes rising"), "{}", mistake.why);
        assert_eq!(mistake.place, marked(&text.replacen("batch = ", "batch = ^", 1)).1);
    }

    #[test]
    fn what_a_profile_lacks_is_said_with_the_file_and_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("here.toml");
        let good = Profile::zero().to_toml();
        let (before, rest) = good.split_once("[disk]").unwrap();
        let (_, after) = rest.split_once("[http]").unwrap();
        let no_table = format!("{before}[http]{after}");
        for (text, lacks) in [(no_table, "disk"), (good.replacen("timer = 0.0\n", "", 1), "timer")] {
            std::fs::write(&path, &text).unwrap();
            let said = Profile::read(&path).unwrap_err().to_string();
            let place = format!("{}:1:1: no cost profile: missing field `{lacks}`: ", path.display());
            assert!(said.starts_with(&place) && said.contains("cargo sim calibrate"), "{said}");
        }
    }
}

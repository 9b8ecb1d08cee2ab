//! Planted bugs: a run in a world with a known weakness, to show that sweeps find it and shrinking narrows it down.
//!
//! A plant is named on the command line (`--plant lost-synced-writes`). Every negative control that breaks the world
//! is one, under its own name; and `wall-clock` is one more, which lets real time into a run, so that the proof of
//! determinism has something to notice.
//!
//! # Invariants
//! - Nothing is planted unless it is named: the default is [`Plant::Nothing`], and no scenario file can name one.

use std::{fmt, str::FromStr, time::SystemTime};

use crate::control::{CONTROLS, Weakness};

/// The name of the plant that lets real time in.
const WALL_CLOCK: &str = "wall-clock";

/// A planted bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    /// None.
    #[default]
    Nothing,
    /// The weakness of the control of this name.
    Control(&'static str, Weakness),
    /// Storage takes longer by what the clock of the world outside shows.
    WallClock,
}

/// No plant has that name.
#[derive(Debug, thiserror::Error)]
#[error("no bug to plant is called {0:?}: there are {names}", names = names().join(", "))]
pub struct NoSuchPlant(String);

/// What can be planted.
fn names() -> Vec<&'static str> {
    controls().map(|(name, _)| name).chain([WALL_CLOCK]).collect()
}

fn controls() -> impl Iterator<Item = (&'static str, Weakness)> {
    CONTROLS.iter().filter_map(|control| Some((control.name, control.weakness()?)))
}

impl Plant {
    /// What is weak in the world of the run that starts now.
    pub fn weakness(self) -> Weakness {
        match self {
            Plant::Nothing => Weakness::None,
            Plant::Control(_, weakness) => weakness,
            Plant::WallClock => Weakness::WallClock(outside_ns()),
        }
    }

    /// Its name, if anything is planted.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Plant::Nothing => None,
            Plant::Control(name, _) => Some(name),
            Plant::WallClock => Some(WALL_CLOCK),
        }
    }
}

/// What the clock outside shows. Asked before a run starts: inside one it would show simulated time.
#[expect(
    clippy::disallowed_methods,
    reason = "the deliberate mistake that the proof of determinism must notice"
)]
fn outside_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("nothing"))
    }
}

impl FromStr for Plant {
    type Err = NoSuchPlant;

    fn from_str(text: &str) -> Result<Self, NoSuchPlant> {
        if text == WALL_CLOCK {
            return Ok(Plant::WallClock);
        }
        let control = controls().find(|(name, _)| *name == text);
        let (name, weakness) = control.ok_or_else(|| NoSuchPlant(text.to_owned()))?;
        Ok(Plant::Control(name, weakness))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plant_is_found_by_its_name_and_others_are_refused() {
        for name in names() {
            assert_eq!(name.parse::<Plant>().unwrap().name(), Some(name));
        }
        let refused = "gremlin".parse::<Plant>().unwrap_err().to_string();
        assert!(refused.contains("lost-synced-writes") && refused.contains(WALL_CLOCK), "{refused}");
    }

    #[test]
    fn nothing_is_planted_by_default() {
        assert_eq!(Plant::default().weakness(), Weakness::None);
    }
}

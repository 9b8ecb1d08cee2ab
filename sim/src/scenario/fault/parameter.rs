//! The parameters of a fault: what a scenario may write, what a seed draws of it, and how that is written out.

use server::protocol::id::Role;
use toml_edit::{Array, Value};

use super::{
    super::{
        error::Wrong,
        name::{ActorName, ActorPattern, Sizes},
        read::{BANDWIDTH_MAX, TIME_MAX_NS},
        section::{Section, actor, actors, list, one_of},
        tree::{Node, Problem},
        value::{BANDWIDTH, COUNT, DURATION, Measure, Range, SHARE, SIZE},
        write,
    },
    some,
};
use crate::random::Stream;

/// A count of a fault: parts per million, a factor, an occasion.
const COUNT_MAX: u64 = 1_000_000;
/// Bytes of a buffer: a megabyte is no bound any more.
const SIZE_MAX: u64 = 64_000_000;

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A duration.
    Time,
    /// A part of 1.
    Share,
    /// A whole number, from 1.
    Count,
    /// Bits per second.
    Bandwidth,
    /// Bytes, from 1.
    Size,
    /// An actor.
    Actor,
    /// An actor whose key the roster lists: any but a client.
    Member,
    /// Actors, one at least.
    Actors,
    /// Groups of actors, one at least.
    Groups,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A parameter of a kind of fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its key.
    pub key: &'static str,
    /// What it is.
    pub of: Of,
    /// Whether it must be given.
    pub needed: bool,
    /// What to write.
    pub example: &'static str,
    /// What a swarm draws: milliseconds, thousandths, bits a second, bytes or a count; of no meaning for actors.
    pub usual: (u64, u64),
}

/// A parameter as a scenario says it.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// A quantity; with units if it has some.
    Number(Range<u64>, Of),
    /// A part of 1.
    Share(Range<f64>),
    /// An actor or a wildcard.
    Actor(ActorPattern),
    /// Several.
    Actors(Vec<ActorPattern>),
    /// Groups of several.
    Groups(Vec<Vec<ActorPattern>>),
    /// A word.
    Word(&'static str),
}

/// A parameter of which everything is decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// Nanoseconds, bytes, bits a second or a count.
    Number(u64),
    /// A part of 1.
    Share(f64),
    /// An actor.
    Actor(ActorName),
    /// Several, nobody twice.
    Actors(Vec<ActorName>),
    /// Groups of several.
    Groups(Vec<Vec<ActorName>>),
    /// A word.
    Word(&'static str),
}

impl Of {
    fn measure(self) -> &'static Measure<u64> {
        match self {
            Of::Time => &DURATION,
            Of::Bandwidth => &BANDWIDTH,
            Of::Size => &SIZE,
            _ => &COUNT,
        }
    }

    fn bounds(self) -> std::ops::RangeInclusive<u64> {
        match self {
            Of::Time => 0..=TIME_MAX_NS,
            Of::Bandwidth => 1..=BANDWIDTH_MAX,
            Of::Size => 1..=SIZE_MAX,
            _ => 1..=COUNT_MAX,
        }
    }
}

impl Parameter {
    /// Reads it, if it is there.
    pub(super) fn read(&self, section: &Section<'_>, sizes: &Sizes) -> Result<Option<Asked>, Problem> {
        let node = match self.needed {
            true => Some(section.need(self.key, self.example)?),
            false => section.find(self.key),
        };
        node.map(|node| self.asked(node, section, sizes)).transpose()
    }

    fn asked(&self, node: &Node, section: &Section<'_>, sizes: &Sizes) -> Result<Asked, Problem> {
        let key = self.key;
        Ok(match self.of {
            Of::Share => Asked::Share(section.quantity(key, &SHARE, 0.0..=1.0, 0.0)?),
            Of::Actor => Asked::Actor(actor(key, node, sizes)?),
            Of::Member => match actor(key, node, sizes)? {
                pattern if pattern.may_be(Role::Client) => return Err(node.problem(Wrong::NotInRoster)),
                pattern => Asked::Actor(pattern),
            },
            Of::Actors => Asked::Actors(some(key, node, actors(key, node, sizes)?)?),
            Of::Groups => {
                let groups = list(key, node, "a list of groups", self.example)?;
                let group = |node| some(key, node, actors(key, node, sizes)?);
                let groups = groups.iter().map(group).collect::<Result<Vec<_>, _>>()?;
                Asked::Groups(some(key, node, groups)?)
            }
            Of::Word(words) => {
                let word = one_of(node, key, words)?;
                Asked::Word(words.iter().find(|known| **known == word).unwrap_or(&words[0]))
            }
            of => Asked::Number(section.quantity(key, of.measure(), of.bounds(), 1)?, of),
        })
    }
}

impl Asked {
    /// Decides it; `stream` gives the random stream of a part of it.
    pub(super) fn draw(&self, stream: &dyn Fn(&str) -> Stream, sizes: &Sizes) -> Given {
        match self {
            Asked::Number(range, Of::Count) => Given::Number(range.draw(&mut stream(""))),
            Asked::Number(range, _) => Given::Number(range.draw_round(&mut stream(""))),
            Asked::Share(range) => Given::Share(range.draw(&mut stream(""))),
            Asked::Actor(pattern) => Given::Actor(pattern.draw_any(sizes, &mut stream(""))),
            Asked::Actors(patterns) => Given::Actors(draw_all(patterns, "", stream, sizes)),
            Asked::Groups(groups) => {
                let groups = groups.iter().enumerate();
                Given::Groups(
                    groups.map(|(n, group)| draw_all(group, &format!(".{n}"), stream, sizes)).collect(),
                )
            }
            Asked::Word(word) => Given::Word(word),
        }
    }
}

fn draw_all(
    patterns: &[ActorPattern],
    part: &str,
    stream: &dyn Fn(&str) -> Stream,
    sizes: &Sizes,
) -> Vec<ActorName> {
    let mut drawn = Vec::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let actor = pattern.draw_any(sizes, &mut stream(&format!("{part}.{index}")));
        if !drawn.contains(&actor) {
            drawn.push(actor);
        }
    }
    drawn
}

impl Given {
    /// Everyone whom it names.
    pub(super) fn actors(&self) -> Vec<ActorName> {
        match self {
            Given::Actor(actor) => vec![*actor],
            Given::Actors(actors) => actors.clone(),
            Given::Groups(groups) => groups.concat(),
            Given::Number(_) | Given::Share(_) | Given::Word(_) => Vec::new(),
        }
    }

    /// As a scenario file writes it.
    pub(in super::super) fn to_toml(&self, of: Of) -> Value {
        match self {
            Given::Number(number) if of == Of::Count => write::integer(*number),
            Given::Number(number) => (of.measure().show)(*number).into(),
            Given::Share(share) => (*share).into(),
            Given::Actor(actor) => actor.to_string().into(),
            Given::Actors(actors) => write::names(actors),
            Given::Groups(groups) => Array::from_iter(groups.iter().map(|group| write::names(group))).into(),
            Given::Word(word) => (*word).into(),
        }
    }
}

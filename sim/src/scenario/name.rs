//! Names of actors in scenario files: one actor, or a wildcard that stands for one drawn per seed.
//!
//! A scenario is written before there are keys, so it names clients by index too, other than evidence does.
//!
//! # Invariants
//! - What is displayed parses back as the same name.
//! - The deployment has one sequencer, named without an index.

use std::{fmt, str::FromStr};

use server::protocol::id::Role;

use super::error::Wrong;
use crate::random::Stream;

/// The roles that `*` stands for.
const SERVER_ROLES: [Role; 5] =
    [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox, Role::Witness];

/// One actor of the simulated deployment, clients included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorName {
    /// What it does.
    pub role: Role,
    /// Which of its role it is, from 0.
    pub index: u32,
}

impl ActorName {
    /// The single sequencer.
    pub const SEQUENCER: ActorName = ActorName { role: Role::Sequencer, index: 0 };

    /// An actor by role and index.
    pub fn new(role: Role, index: u32) -> Self {
        ActorName { role, index }
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.role, self.index) {
            (Role::Sequencer, 0) => f.write_str("sequencer"),
            (role, index) => write!(f, "{role}/{index}"),
        }
    }
}

impl FromStr for ActorName {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text.parse()? {
            ActorPattern::One(actor) => Ok(actor),
            ActorPattern::AnyOf(_) | ActorPattern::Any => Err(no_actor_name(text)),
        }
    }
}

/// An actor as a scenario names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorPattern {
    /// This one.
    One(ActorName),
    /// Any of the role, `incoming/*`.
    AnyOf(Role),
    /// Any actor of the server, `*`.
    Any,
}

impl fmt::Display for ActorPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActorPattern::One(actor) => actor.fmt(f),
            ActorPattern::AnyOf(role) => write!(f, "{role}/*"),
            ActorPattern::Any => f.write_str("*"),
        }
    }
}

impl FromStr for ActorPattern {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "*" => return Ok(ActorPattern::Any),
            "sequencer" => return Ok(ActorPattern::One(ActorName::SEQUENCER)),
            _ => {}
        }
        let (role, index) = text.split_once('/').ok_or_else(|| no_actor_name(text))?;
        let role = Role::from_str(role).map_err(|()| no_actor_name(text))?;
        match index {
            "*" => Ok(ActorPattern::AnyOf(role)),
            index => Ok(ActorPattern::One(ActorName { role, index: parse_index(index, text)? })),
        }
    }
}

/// Reads an index as it is displayed: `+1` and `01` are none.
fn parse_index(index: &str, text: &str) -> Result<u32, Wrong> {
    let parsed: Option<u32> = index.parse().ok();
    parsed.filter(|parsed| parsed.to_string() == index).ok_or_else(|| no_actor_name(text))
}

fn no_actor_name(text: &str) -> Wrong {
    Wrong::NoActorName { found: format!("{:?}", text.chars().take(60).collect::<String>()) }
}

impl ActorPattern {
    /// Whether an actor that this stands for may have that role.
    pub fn may_be(&self, role: Role) -> bool {
        match self {
            ActorPattern::One(actor) => actor.role == role,
            ActorPattern::AnyOf(any) => *any == role,
            ActorPattern::Any => SERVER_ROLES.contains(&role),
        }
    }

    /// Refuses an actor, or a role, that is missing in a topology of these sizes.
    pub(super) fn check(&self, sizes: &Sizes) -> Result<(), Wrong> {
        let (role, index) = match self {
            ActorPattern::One(actor) => (actor.role, actor.index),
            ActorPattern::AnyOf(role) => (*role, 0),
            ActorPattern::Any => return Ok(()),
        };
        match index < sizes.count(role) {
            true => Ok(()),
            false => Err(Wrong::NoSuchActor { actor: self.to_string(), has: sizes.describe(role) }),
        }
    }

    /// The actor this stands for, whatever its role.
    pub(super) fn draw_any(&self, sizes: &Sizes, stream: &mut Stream) -> ActorName {
        self.draw(sizes, &Role::ALL, stream)
    }

    /// The actor this stands for: drawn, if it is a wildcard, among the roles that `fits` lets through.
    pub(super) fn draw(&self, sizes: &Sizes, fits: &[Role], stream: &mut Stream) -> ActorName {
        let roles = match self {
            ActorPattern::One(actor) => return *actor,
            ActorPattern::AnyOf(role) => vec![*role],
            ActorPattern::Any => SERVER_ROLES.into_iter().filter(|role| fits.contains(role)).collect(),
        };
        let all: Vec<ActorName> = roles.iter().flat_map(|role| sizes.actors(*role)).collect();
        stream.pick(&all).copied().unwrap_or(ActorName::SEQUENCER)
    }
}

/// How many actors of each role there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub handlers: u32,
    pub incoming: u32,
    pub mailboxes: u32,
    pub clients: u32,
    pub witnesses: u32,
}

impl Sizes {
    /// How many there are of a role.
    pub fn count(&self, role: Role) -> u32 {
        match role {
            Role::Client => self.clients,
            Role::Handler => self.handlers,
            Role::Incoming => self.incoming,
            Role::Sequencer => 1,
            Role::Mailbox => self.mailboxes,
            Role::Witness => self.witnesses,
            Role::Operator => 0,
        }
    }

    /// All actors of a role.
    pub fn actors(&self, role: Role) -> impl Iterator<Item = ActorName> + use<> {
        (0..self.count(role)).map(move |index| ActorName { role, index })
    }

    fn describe(&self, role: Role) -> String {
        match self.count(role) {
            0 => format!("no {role}"),
            1 => ActorName { role, index: 0 }.to_string(),
            count => format!("{role}/0 to {role}/{}", count - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { handlers: 1, incoming: 2, mailboxes: 3, clients: 4, witnesses: 2 };

    #[test]
    fn names_read_back_as_displayed() {
        for text in ["handler/0", "incoming/7", "sequencer", "mailbox/*", "client/3", "sequencer/*", "*"] {
            assert_eq!(text.parse::<ActorPattern>().unwrap().to_string(), text);
        }
        assert_eq!("sequencer".parse(), Ok(ActorName::SEQUENCER));
        assert_eq!("client/3".parse(), Ok(ActorName { role: Role::Client, index: 3 }));
    }

    #[test]
    fn what_names_no_actor_is_refused() {
        for text in
            ["", "incoming", "incoming/", "incoming/-1", "incoming/+1", "incoming/01", "router/0", "/", "**"]
        {
            assert!(text.parse::<ActorPattern>().is_err(), "{text}");
        }
        assert!("*".parse::<ActorName>().is_err());
    }

    #[test]
    fn wildcards_draw_every_actor_they_stand_for() {
        let mut stream = crate::random::Streams::new(1).stream("test");
        let mut drawn = |pattern: ActorPattern| {
            let all = (0..500).map(|_| pattern.draw(&SIZES, &Role::ALL, &mut stream));
            all.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(drawn(ActorPattern::AnyOf(Role::Client)), 4);
        assert_eq!(drawn(ActorPattern::Any), 1 + 2 + 1 + 3 + 2);
    }

    #[test]
    fn a_missing_actor_is_refused() {
        assert!("incoming/1".parse::<ActorPattern>().unwrap().check(&SIZES).is_ok());
        let wrong = "incoming/2".parse::<ActorPattern>().unwrap().check(&SIZES).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "there is no incoming/2: the smallest topology of this scenario has incoming/0 to incoming/1"
        );
        assert!("witness/2".parse::<ActorPattern>().unwrap().check(&SIZES).is_err());
        assert!("operator/*".parse::<ActorPattern>().unwrap().check(&SIZES).is_err());
    }
}

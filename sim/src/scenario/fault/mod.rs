//! Faults: something that goes wrong for a while.
//!
//! Every kind of fault is a row of one table ([`FAULTS`]): its name, its family, what it takes, what happens. Reading
//! a scenario, drawing it, writing it out and listing it follow from the row, so that adding a fault is a row here
//! and its effect in the nemesis.
//!
//! # Invariants
//! - A fault has an end, at which it is healed; only who `dies` never comes back.
//! - Each parameter is drawn from the stream `scenario/fault.<index>.<key>`.

mod parameter;
mod table;

use std::{collections::BTreeMap, fmt};

pub use parameter::{Asked, Given, Of, Parameter};
pub use table::FAULTS;

use super::{
    error::Wrong,
    name::{ActorName, Sizes},
    read::{BOOL, TIME_MAX_NS},
    section::{Section, one_of},
    tree::{Node, Problem},
    value::{DURATION, Range},
};
use crate::random::Streams;

/// Faults that belong together: a swarm draws families, then kinds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// What links do to packets.
    Link,
    /// Who cannot reach whom.
    Partition,
    /// What happens to open connections.
    Connection,
    /// Processes that end, and start again.
    Crash,
    /// Processes that stand still or are slow.
    Process,
    /// Clocks that are wrong.
    Clock,
    /// Disks that are slow.
    DiskTime,
    /// Disks that say that they failed.
    DiskError,
    /// Lost state: an actor must stop and admit it.
    State,
    /// Keys that are replaced.
    Keys,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 10] = [
        Family::Link,
        Family::Partition,
        Family::Connection,
        Family::Crash,
        Family::Process,
        Family::Clock,
        Family::DiskTime,
        Family::DiskError,
        Family::State,
        Family::Keys,
    ];

    /// Its name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Family::Link => "link",
            Family::Partition => "partition",
            Family::Connection => "connection",
            Family::Crash => "crash",
            Family::Process => "process",
            Family::Clock => "clock",
            Family::DiskTime => "disk-time",
            Family::DiskError => "disk-error",
            Family::State => "state",
            Family::Keys => "keys",
        }
    }
}

/// A fault that can happen to the deployment.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultKind {
    /// Its name in scenario files.
    pub name: &'static str,
    /// The family it belongs to.
    pub family: Family,
    /// What it takes besides `at`, `kind`, `for` and `optional`.
    pub takes: &'static [Parameter],
    /// Whether it lasts for a while, and takes `for`; otherwise it happens at once.
    pub lasts: bool,
    /// What happens, in a line.
    pub line: &'static str,
}

impl FaultKind {
    /// The fault of that name.
    pub fn named(name: &str) -> Option<&'static FaultKind> {
        FAULTS.iter().find(|fault| fault.name == name)
    }
}

/// A fault as a scenario says it, ranges and wildcards included.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// `at`: nanoseconds from the start of the run.
    pub at_ns: Range<u64>,
    /// `for`: nanoseconds until it is healed.
    pub for_ns: Range<u64>,
    /// `optional`: whether it may have no effect; not unless given.
    pub optional: bool,
    /// `kind`: what goes wrong.
    pub kind: &'static FaultKind,
    /// Its parameters, those that are given.
    pub parameters: BTreeMap<&'static str, Asked>,
}

/// A fault of which everything is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnFault {
    /// Nanoseconds from the start of the run.
    pub at_ns: u64,
    /// Nanoseconds until it is healed.
    pub for_ns: u64,
    /// Whether it may have no effect.
    pub optional: bool,
    /// What goes wrong.
    pub kind: &'static FaultKind,
    /// Its parameters, those that are given.
    pub parameters: BTreeMap<&'static str, Given>,
}

/// Reads a `[[fault]]`.
pub(super) fn read(node: &Node, sizes: &Sizes) -> Result<Fault, Problem> {
    let any = Section::of("a fault", "fault", node, "[[fault]] above its keys")?;
    let names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    let name = one_of(any.need("kind", "\"crash\"")?, "fault", &names)?;
    let kind = FaultKind::named(name).unwrap_or(&FAULTS[0]);
    let section = Section::of(format!("a {name} fault"), "fault", node, "[[fault]] above its keys")?;
    let mut keys = vec!["at", "kind"];
    keys.extend(kind.lasts.then_some("for"));
    keys.extend(kind.takes.iter().map(|parameter| parameter.key));
    section.only(&[&keys[..], &["optional"]].concat())?;
    section.need("at", "\"1s\"")?;
    if kind.lasts {
        section.need("for", "\"200ms\"")?;
    }
    let mut parameters = BTreeMap::new();
    for parameter in kind.takes {
        if let Some(asked) = parameter.read(&section, sizes)? {
            parameters.insert(parameter.key, asked);
        }
    }
    Ok(Fault {
        at_ns: section.quantity("at", &DURATION, 0..=TIME_MAX_NS, 0)?,
        for_ns: section.quantity("for", &DURATION, 0..=TIME_MAX_NS, 0)?,
        optional: section.word_of("optional", BOOL, false)?,
        kind,
        parameters,
    })
}

impl Fault {
    /// Decides what is left to the seed; `index` is the fault's place in its scenario.
    pub(super) fn draw(&self, index: usize, sizes: &Sizes, streams: Streams) -> DrawnFault {
        let stream = |key: &str| streams.stream(&format!("scenario/fault.{index}.{key}"));
        let parameters = self
            .parameters
            .iter()
            .map(|(key, asked)| (*key, asked.draw(&|part| stream(&format!("{key}{part}")), sizes)));
        DrawnFault {
            at_ns: self.at_ns.draw_round(&mut stream("at")),
            for_ns: self.for_ns.draw_round(&mut stream("for")),
            optional: self.optional,
            kind: self.kind,
            parameters: parameters.collect(),
        }
    }
}

impl DrawnFault {
    /// A fault of the kind of that name, with these parameters.
    ///
    /// # Panics
    /// If there is no such kind, or it does not take these: our own mistake.
    pub fn new(
        name: &str,
        at_ns: u64,
        for_ns: u64,
        parameters: impl IntoIterator<Item = (&'static str, Given)>,
    ) -> DrawnFault {
        let kind = FaultKind::named(name).unwrap_or_else(|| panic!("there is no fault {name}"));
        let parameters: BTreeMap<_, _> = parameters.into_iter().collect();
        let takes = |key: &str| kind.takes.iter().any(|parameter| parameter.key == key);
        assert!(parameters.keys().all(|key| takes(key)), "{name} takes none of {parameters:?}");
        DrawnFault { at_ns, for_ns, optional: false, kind, parameters }
    }

    /// The same, which may have no effect.
    #[must_use]
    pub fn optional(self) -> DrawnFault {
        DrawnFault { optional: true, ..self }
    }

    /// Nanoseconds from the start of the run until it is healed.
    pub fn end_ns(&self) -> u64 {
        self.at_ns.saturating_add(self.for_ns)
    }

    /// Whether it names this actor.
    pub fn strikes(&self, name: ActorName) -> bool {
        self.parameters.values().any(|given| given.actors().contains(&name))
    }

    /// The actor under a key.
    pub fn actor(&self, key: &str) -> Option<ActorName> {
        match self.parameters.get(key) {
            Some(Given::Actor(actor)) => Some(*actor),
            _ => None,
        }
    }

    /// The actors under a key; none if they are not given.
    pub fn actors(&self, key: &str) -> &[ActorName] {
        match self.parameters.get(key) {
            Some(Given::Actors(actors)) => actors,
            _ => &[],
        }
    }

    /// The groups of actors under a key.
    pub fn groups(&self, key: &str) -> &[Vec<ActorName>] {
        match self.parameters.get(key) {
            Some(Given::Groups(groups)) => groups,
            _ => &[],
        }
    }

    /// The number under a key: nanoseconds, bytes, bits a second or a count.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.parameters.get(key) {
            Some(Given::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The share under a key; 0 if it is not given.
    pub fn share(&self, key: &str) -> f64 {
        match self.parameters.get(key) {
            Some(Given::Share(share)) => *share,
            _ => 0.0,
        }
    }

    /// The word under a key.
    pub fn word(&self, key: &str) -> Option<&'static str> {
        match self.parameters.get(key) {
            Some(Given::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Everyone whom it names.
    pub fn named(&self) -> Vec<ActorName> {
        self.parameters.values().flat_map(Given::actors).collect()
    }
}

impl fmt::Display for DrawnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)?;
        self.named().iter().try_for_each(|actor| write!(f, " {actor}"))
    }
}

/// Refuses a list without actors.
fn some<T>(key: &str, node: &Node, items: Vec<T>) -> Result<Vec<T>, Problem> {
    match items.is_empty() {
        true => Err(node.problem(Wrong::NoActors { key: key.to_owned() })),
        false => Ok(items),
    }
}

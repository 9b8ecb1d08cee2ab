//! Where two runs that should be one part.
//!
//! Their fingerprints say that they differ; their traces say when, where and in what first.

use std::fmt;

use crate::{
    history::Record,
    trace::{Event, Passage, Trace, Turn, Way},
    world::Run,
};

/// The first thing in which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// When, in the run where it came earlier.
    pub at_ns: u64,
    /// Where.
    pub node: String,
    /// What the first run did.
    pub one: String,
    /// What the second run did.
    pub other: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { at_ns, node, one, other } = self;
        let ms = *at_ns as f64 / 1e6;
        write!(f, "first difference {ms:.6} ms into the run, at {node}: once {one}; then {other}")
    }
}

/// What happened at an instant: when, where, what.
type Happening = (u64, String, String);

/// The first difference of two runs whose traces were kept.
pub fn first(one: &Run, other: &Run) -> Option<Difference> {
    let (a, b) = (trace(&one.record)?, trace(&other.record)?);
    let name = |machine: usize| one.machines.get(machine).map_or("twin".to_owned(), ToString::to_string);
    let events = parting(&a.events, &b.events, happened);
    let passages = parting(&a.passages, &b.passages, |passage| passed(passage, &name));
    let turns = parting(&a.turns, &b.turns, turned);
    [events, passages, turns].into_iter().flatten().min_by_key(|difference| difference.at_ns)
}

fn trace(record: &Record) -> Option<&Trace> {
    record.trace.as_ref()
}

/// The first place where two lists differ.
fn parting<T: PartialEq>(one: &[T], other: &[T], tell: impl Fn(&T) -> Happening) -> Option<Difference> {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (one.get(same).map(&tell), other.get(same).map(&tell));
    let (at_ns, node, _) = [&one, &other].into_iter().flatten().min()?.clone();
    let say = |happening: Option<Happening>| {
        happening.map_or("nothing more".to_owned(), |(at_ns, node, what)| {
            format!("{what} ({node}, {:.6} ms)", at_ns as f64 / 1e6)
        })
    };
    Some(Difference { at_ns, node, one: say(one), other: say(other) })
}

fn happened(event: &Event) -> Happening {
    (event.at_ns, event.node(), event.what.clone())
}

fn turned(turn: &Turn) -> Happening {
    let Turn { who, from_ns, to_ns, inputs, signed } = *turn;
    let took = format!("takes a step of {} ns: {inputs} inputs, {signed} signatures", to_ns - from_ns);
    (to_ns, who.to_string(), took)
}

fn passed(passage: &Passage, name: &impl Fn(usize) -> String) -> Happening {
    let Passage { at_ns, way, from, to, bytes, content, .. } = *passage;
    let (from, to) = (name(from), name(to));
    match way {
        Way::Written => (at_ns, from, format!("sends {bytes} bytes ({content:016x}) to {to}")),
        Way::Read => (at_ns, to, format!("reads {bytes} bytes ({content:016x}) from {from}")),
    }
}

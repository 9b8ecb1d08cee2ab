//! The trace as a file that ui.perfetto.dev opens: Chrome's trace event format, as JSON.
//!
//! Every actor is a process with four tracks: its turns (slices), what happened at it (instants), what it sent and what
//! it received (slices as short as can be, an arrow from each message to where its last byte was read). Faults and
//! attacks are slices of two more processes.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Message, Passage, Trace, message::messages};
use crate::{outcome::Outcome, scenario::ActorName};

/// The process of the faults; actors follow the attacks, machine by machine.
const FAULTS: usize = 1;
const ATTACKS: usize = 2;
const FIRST_ACTOR: usize = 3;
/// What is instantaneous is as long as the format can say.
const INSTANT_US: f64 = 0.001;

/// The tracks of an actor.
#[derive(Clone, Copy)]
enum Track {
    Turns = 1,
    Events,
    Sent,
    Received,
}

impl Track {
    const ALL: [(Track, &str); 4] = [
        (Track::Turns, "turns"),
        (Track::Events, "events"),
        (Track::Sent, "sent"),
        (Track::Received, "received"),
    ];
}

/// An event of the format.
#[derive(Serialize)]
struct Entry {
    ph: &'static str,
    name: String,
    cat: &'static str,
    pid: usize,
    tid: usize,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    /// Where an arrow ends: at the slice around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    /// How far an instant reaches: its track.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    args: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    display_time_unit: &'static str,
    trace_events: Vec<Entry>,
}

fn entry(ph: &'static str, cat: &'static str, name: String, (pid, tid): (usize, usize), at_ns: u64) -> Entry {
    let ts = us(at_ns);
    Entry { ph, name, cat, pid, tid, ts, dur: None, id: None, bp: None, s: None, args: json!({}) }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// The file; without events if no trace was kept.
pub fn file(outcome: &Outcome) -> String {
    let machines = &outcome.run.machines;
    let mut entries = names(machines);
    entries.extend(faults(outcome));
    if let Some(trace) = &outcome.record().trace {
        let place_of = |who| machine_of(machines, outcome.drawn.architecture.process_of(who));
        entries.extend(turns(trace, place_of));
        entries.extend(events(trace, place_of));
        messages(&trace.passages).iter().enumerate().for_each(|(id, message)| {
            entries.extend(arrow(id, message, &trace.passages, machines));
        });
    }
    let file = File { display_time_unit: "ns", trace_events: entries };
    serde_json::to_string(&file).expect("maps with string keys serialize")
}

fn place(machine: usize, track: Track) -> (usize, usize) {
    (FIRST_ACTOR + machine, track as usize)
}

fn machine_of(machines: &[ActorName], who: ActorName) -> Option<usize> {
    machines.iter().position(|known| *known == who)
}

/// The names of all processes and tracks.
fn names(machines: &[ActorName]) -> Vec<Entry> {
    let named = |what: &str, place, name: &str| {
        let meta = entry("M", "", what.to_owned(), place, 0);
        Entry { args: json!({ "name": name }), ..meta }
    };
    let mut all =
        vec![named("process_name", (FAULTS, 0), "faults"), named("process_name", (ATTACKS, 0), "attacks")];
    for (machine, name) in machines.iter().enumerate() {
        all.push(named("process_name", (FIRST_ACTOR + machine, 0), &name.to_string()));
        all.extend(Track::ALL.map(|(track, name)| named("thread_name", place(machine, track), name)));
    }
    all
}

/// Faults and attacks, each on a track of its own.
fn faults(outcome: &Outcome) -> Vec<Entry> {
    let end_ns = outcome.run.virtual_ns;
    let slice = |pid, (index, name, from_ns, to_ns): (usize, String, u64, u64)| {
        let slice = entry("X", "fault", name, (pid, index + 1), from_ns);
        Entry { dur: Some(us(to_ns.min(end_ns).saturating_sub(from_ns))), ..slice }
    };
    let drawn = &outcome.drawn;
    let faults = drawn.faults.iter().enumerate();
    let faults = faults.map(|(index, fault)| (index, fault.to_string(), fault.at_ns, fault.end_ns()));
    let attacks = drawn.adversaries.iter().enumerate().map(|(index, adversary)| {
        let name = format!("{}: {}", adversary.actor, adversary.attack.name);
        (index, name, adversary.from_ns, adversary.until_ns.unwrap_or(end_ns))
    });
    faults.map(|one| slice(FAULTS, one)).chain(attacks.map(|one| slice(ATTACKS, one))).collect()
}

fn turns(trace: &Trace, machine_of: impl Fn(ActorName) -> Option<usize>) -> Vec<Entry> {
    let slices = trace.turns.iter().filter_map(|turn| {
        let place = place(machine_of(turn.who)?, Track::Turns);
        let slice = entry("X", "turn", "turn".to_owned(), place, turn.from_ns);
        let args = json!({ "inputs": turn.inputs, "signed": turn.signed });
        Some(Entry { dur: Some(us(turn.to_ns - turn.from_ns)), args, ..slice })
    });
    slices.collect()
}

fn events(trace: &Trace, machine_of: impl Fn(ActorName) -> Option<usize>) -> Vec<Entry> {
    let instants = trace.events.iter().filter_map(|event| {
        let place = place(machine_of(event.who?)?, Track::Events);
        let instant = entry("i", "event", event.event().to_owned(), place, event.at_ns);
        let args = json!({ "epoch": event.epoch.0, "detail": event.detail() });
        Some(Entry { s: Some("t"), args, ..instant })
    });
    instants.collect()
}

/// A message: a slice where it was sent, and if it was read a slice there and an arrow between the two.
fn arrow(id: usize, message: &Message, passages: &[Passage], machines: &[ActorName]) -> Vec<Entry> {
    let (from, to) = (message.from, message.to);
    let (Some(sender), Some(receiver)) = (machines.get(from), machines.get(to)) else { return Vec::new() };
    let sent_ns = passages[message.written].at_ns;
    let slice = |name, place, at_ns| Entry {
        dur: Some(INSTANT_US),
        args: json!({ "bytes": message.bytes }),
        ..entry("X", "message", name, place, at_ns)
    };
    let (out, into) = (place(from, Track::Sent), place(to, Track::Received));
    let mut entries = vec![slice(format!("to {receiver}"), out, sent_ns)];
    if let Some(read) = message.read {
        let read_ns = passages[read].at_ns;
        let end = |ph, place, at_ns| Entry {
            id: Some(id),
            ..entry(ph, "message", "message".to_owned(), place, at_ns)
        };
        entries.push(slice(format!("from {sender}"), into, read_ns));
        entries.push(end("s", out, sent_ns));
        entries.push(Entry { bp: Some("e"), ..end("f", into, read_ns) });
    }
    entries
}

//! The trace as a log for ShiViz: what happened at each actor, with vector clocks, so that it draws who could have
//! known what.
//!
//! The first line of the file is the expression that reads it, the second would part several runs and is empty. Then
//! two lines an event: host and clock, and what happened. Messages are no events of their own: what an actor does
//! after it has read one happened after all that its sender had done when it wrote it.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Event, Trace, message::messages};
use crate::scenario::{ActorName, Architecture};

/// What reads the log.
pub const EXPRESSION: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// How many events of each host an event comes after, itself included.
type Clock = BTreeMap<String, u64>;

/// Something that moves a clock, in the order in which what is at one instant is taken.
enum Moment<'a> {
    /// A machine reads a message to its end.
    Read(usize),
    /// Something happens.
    Event(&'a Event),
    /// A machine writes a message.
    Write(usize),
}

/// The log.
pub fn file(trace: &Trace, machines: &[ActorName], architecture: Architecture) -> String {
    let messages = messages(&trace.passages);
    let host = |machine: usize| machines.get(machine).map_or("twin".to_owned(), ToString::to_string);
    let at_ns = |passage: usize| trace.passages[passage].at_ns;
    let mut moments: Vec<(u64, u8, Moment<'_>)> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        moments.push((at_ns(message.written), 2, Moment::Write(index)));
        moments.extend(message.read.map(|read| (at_ns(read), 0, Moment::Read(index))));
    }
    moments.extend(trace.events.iter().map(|event| (event.at_ns, 1, Moment::Event(event))));
    moments.sort_by_key(|(at_ns, order, _)| (*at_ns, *order));

    let mut clocks: BTreeMap<String, Clock> = BTreeMap::new();
    let mut carried: BTreeMap<usize, Clock> = BTreeMap::new();
    let mut log = format!("{EXPRESSION}\n\n");
    for (_, _, moment) in moments {
        match moment {
            Moment::Write(message) => {
                let clock = clocks.get(&host(messages[message].from)).cloned().unwrap_or_default();
                carried.insert(message, clock);
            }
            Moment::Read(message) => {
                let seen = carried.remove(&message).unwrap_or_default();
                let clock = clocks.entry(host(messages[message].to)).or_default();
                seen.into_iter().for_each(|(host, count)| {
                    let known = clock.entry(host).or_default();
                    *known = count.max(*known);
                });
            }
            Moment::Event(event) => {
                let who = event.who.map(|who| architecture.process_of(who));
                let host = who.map_or("world".to_owned(), |who| who.to_string());
                log.push_str(&happen(event, host, &mut clocks));
            }
        }
    }
    log
}

/// An event takes place at a host: its two lines.
fn happen(event: &Event, host: String, clocks: &mut BTreeMap<String, Clock>) -> String {
    let clock = clocks.entry(host.clone()).or_default();
    *clock.entry(host.clone()).or_default() += 1;
    let mut entries: Vec<(&String, &u64)> = clock.iter().filter(|(_, count)| **count > 0).collect();
    entries.sort_by_key(|(name, _)| Reverse(**name == host));
    let entries: Vec<String> = entries.iter().map(|(name, count)| format!("{name:?}:{count}")).collect();
    let ms = event.at_ns as f64 / 1e6;
    format!("{host} {{{}}}\n{} ({ms:.3} ms, epoch {})\n", entries.join(","), event.what, event.epoch)
}

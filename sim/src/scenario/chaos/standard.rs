//! The standard chaos, `chaos = true`: a set of faults that is laid over any scenario.
//!
//! Loss everywhere, crashes of anyone, partitions, a slow link; all begin while the clients send, and all are healed
//! when they have sent, or a little later. Each is optional: a drawn fault may meet an actor that is already down.
//!
//! # Invariants
//! - Everything comes from streams below `chaos/`: the scenario draws what it draws without.

use super::{
    super::{
        drawn::DrawnWorkload,
        fault::{DrawnFault, Given},
        name::{ActorName, Sizes},
    },
    MS, START_NS, anyone, end_ns,
};
use crate::random::{Stream, Streams};

/// The faults of a seed.
pub(in super::super) fn draw(workload: &DrawnWorkload, sizes: &Sizes, streams: Streams) -> Vec<DrawnFault> {
    let end_ns = end_ns(workload);
    let mut faults = vec![loss(end_ns, &mut streams.stream("chaos/loss"))];
    for index in 0..streams.stream("chaos/crashes").within(2..=4) {
        faults.push(crash(end_ns, sizes, &mut streams.stream(&format!("chaos/crash/{index}"))));
    }
    for index in 0..streams.stream("chaos/partitions").within(1..=2) {
        faults.push(partition(end_ns, sizes, &mut streams.stream(&format!("chaos/partition/{index}"))));
    }
    faults.push(delay(end_ns, sizes, &mut streams.stream("chaos/delay")));
    faults
}

fn fault(name: &str, at_ns: u64, for_ns: u64, parameters: Vec<(&'static str, Given)>) -> DrawnFault {
    DrawnFault::new(name, at_ns / MS * MS, for_ns / MS * MS, parameters).optional()
}

fn loss(end_ns: u64, stream: &mut Stream) -> DrawnFault {
    let rate = stream.within(0..=20) as f64 / 1000.0;
    fault("loss", START_NS, end_ns - START_NS, vec![("rate", Given::Share(rate))])
}

fn crash(end_ns: u64, sizes: &Sizes, stream: &mut Stream) -> DrawnFault {
    let (at_ns, for_ns) = (stream.within(START_NS..=end_ns), stream.within(10 * MS..=200 * MS));
    fault("crash", at_ns, for_ns, vec![("actor", Given::Actor(anyone(sizes, stream)))])
}

fn partition(end_ns: u64, sizes: &Sizes, stream: &mut Stream) -> DrawnFault {
    let (at_ns, for_ns) = (stream.within(START_NS..=end_ns), stream.within(20 * MS..=250 * MS));
    let mut actors: Vec<ActorName> = (0..stream.within(1..=3)).map(|_| anyone(sizes, stream)).collect();
    actors.sort();
    actors.dedup();
    fault("partition", at_ns, for_ns, vec![("actors", Given::Actors(actors))])
}

fn delay(end_ns: u64, sizes: &Sizes, stream: &mut Stream) -> DrawnFault {
    let (at_ns, for_ns) = (stream.within(START_NS..=end_ns), stream.within(100 * MS..=300 * MS));
    let (extra, actor) = (stream.within(1..=30) * MS, anyone(sizes, stream));
    fault("delay", at_ns, for_ns, vec![("extra", Given::Number(extra)), ("actor", Given::Actor(actor))])
}

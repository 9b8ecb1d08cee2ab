//! Chaos: faults that each seed draws, laid over a scenario.
//!
//! `chaos = true` is the standard set, laid over any scenario. A table `[chaos]` is a swarm: each seed draws which families
//! of faults there are, how many faults of which kinds, whom they hit, and who stays dead when all others are healed.
//!
//! # Invariants
//! - Everything comes from streams below `chaos/`: the scenario draws what it draws without.
//! - Every drawn fault is optional: it may meet an actor that is already down.

mod standard;
mod swarm;

use server::protocol::id::Role;

pub use swarm::{FaultSwarm, Mode};

use super::{
    drawn::{DrawnExpect, DrawnWorkload, Pace},
    fault::DrawnFault,
    name::{ActorName, ActorPattern, Sizes},
    read::BOOL,
    section::Section,
    tree::{Data, Problem},
};
use crate::random::{Stream, Streams};

/// When chaos may begin: links are up by then.
const START_NS: u64 = 60_000_000;
/// How long the clients of a closed loop are taken to send.
const CLOSED_NS: f64 = 500e6;
const MS: u64 = 1_000_000;

/// Which faults each seed draws.
#[derive(Clone, Debug, PartialEq)]
pub enum Chaos {
    /// Loss everywhere, crashes of anyone, partitions, a slow link.
    Standard,
    /// A random subset of all there are.
    Swarm(FaultSwarm),
}

/// `chaos = true` or `[chaos]`.
pub(super) fn read(top: &Section<'_>) -> Result<Option<Chaos>, Problem> {
    match top.find("chaos") {
        Some(node) if matches!(node.data, Data::Table(_)) => swarm::read(node).map(Chaos::Swarm).map(Some),
        _ => Ok(top.word_of("chaos", BOOL, false)?.then_some(Chaos::Standard)),
    }
}

impl Chaos {
    /// The faults of a seed.
    pub(super) fn draw(&self, workload: &DrawnWorkload, sizes: &Sizes, streams: Streams) -> Vec<DrawnFault> {
        match self {
            Chaos::Standard => standard::draw(workload, sizes, streams),
            Chaos::Swarm(swarm) => swarm.draw(workload, sizes, streams),
        }
    }

    /// Leaves a run the time that it may need with such faults, and a verdict.
    pub(super) fn allow_for(&self, expect: &mut DrawnExpect) {
        // retries of a client double up to some seconds, and a half-open connection is noticed after three
        let catch_up_ns = match self {
            Chaos::Standard => 10_000 * MS,
            Chaos::Swarm(_) => 20_000 * MS,
        };
        expect.catch_up_ns = expect.catch_up_ns.max(catch_up_ns);
        // as many as pass in the longest chaos, and some
        expect.within_epochs += 300;
    }
}

/// When the last fault may begin.
fn end_ns(workload: &DrawnWorkload) -> u64 {
    let span_ns = match workload.pace {
        Pace::Open { rate_per_s } => workload.bundles as f64 * 1e9 / rate_per_s,
        Pace::Closed { .. } => CLOSED_NS,
    };
    START_NS + (span_ns as u64).clamp(200 * MS, 2000 * MS)
}

/// Anyone, clients as often as all others together.
fn anyone(sizes: &Sizes, stream: &mut Stream) -> ActorName {
    let client = stream.chance(0.5);
    let pattern = if client { ActorPattern::AnyOf(Role::Client) } else { ActorPattern::Any };
    pattern.draw_any(sizes, stream)
}

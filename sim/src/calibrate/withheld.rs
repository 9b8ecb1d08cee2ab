//! What a machine withholds: its cores are those of a larger one, which gives them to others, too.
//!
//! A thread on each core looks at the clock and does nothing else; where it sees a gap somebody else had that core.

use std::thread;

use super::{clock, pace};
use crate::model::costs::Pauses;

/// For how long cores are watched.
const WATCHED_NS: u64 = 10_000_000_000;
/// What is shorter is the clock, or the system at its own work: what is measured has that in it.
const SHORTEST_NS: u64 = 100_000;

/// Watches the cores of this machine, which should do nothing else. None if they were there all the time.
pub fn withheld() -> Option<Pauses> {
    let cores = crate::real::cores();
    let gaps: Vec<u64> = thread::scope(|scope| {
        let watches: Vec<_> = (0..cores).map(|core| scope.spawn(move || watch(core))).collect();
        watches.into_iter().flat_map(|watch| watch.join().unwrap_or_default()).collect()
    });
    Pauses::of(gaps, cores as u64 * WATCHED_NS)
}

fn watch(core: usize) -> Vec<u64> {
    pace::pin(core);
    let mut gaps = Vec::new();
    let began = clock::now_ns();
    let mut last = began;
    while last - began < WATCHED_NS {
        let now = clock::now_ns();
        if now - last >= SHORTEST_NS {
            gaps.push(now - last);
        }
        last = now;
    }
    gaps
}

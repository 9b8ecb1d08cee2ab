//! Timers: how late they ring. Those of the runtime count milliseconds, and ring at the end of one.

use std::io;

use server::port::{Clock, tokio::SystemClock};

use super::CalibrateError;
use crate::model::costs::Cost;

/// How often it is measured.
const ROUNDS: u64 = 300;
/// The shortest wait, and by how much each is longer than the one before, until it starts anew: so that they begin and end
/// anywhere in a millisecond, as those of actors do.
const WAIT_NS: (u64, u64, u64) = (1_000_000, 137_000, 3_000_000);

/// From when the production clock's timer should ring to when its task runs.
///
/// # Errors
/// The system gives no threads.
pub fn lateness() -> Result<Cost, CalibrateError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(CalibrateError::Runtime)?;
    // not on the thread that blocks on it: actors are tasks
    let rounds = runtime.spawn(async {
        let (clock, (shortest, step, span)) = (SystemClock::default(), WAIT_NS);
        let mut samples = Vec::new();
        for round in 0..ROUNDS {
            let due = clock.now().after(shortest + round * step % span);
            clock.sleep_until(due).await;
            samples.push(clock.now().0.saturating_sub(due.0) as f64);
        }
        samples
    });
    let samples = runtime.block_on(rounds).unwrap_or_default();
    Cost::of_samples(samples).ok_or_else(|| CalibrateError::Runtime(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_late_and_not_for_long() {
        let cost = lateness().unwrap();
        assert!(cost.mean() > 1000.0 && cost.lies_within(60e9), "{cost:?}");
    }
}

//! A right clock whose timers ring late, as those of a runtime do that counts milliseconds.

use std::sync::{Arc, Mutex, PoisonError};

use super::{clock::VirtualTime, costs::Cost};
use crate::random::Stream;

/// The clock, and how late its timers ring: drawn anew for each.
#[derive(Clone)]
pub struct Late {
    time: VirtualTime,
    lateness: Cost,
    random: Arc<Mutex<Stream>>,
}

impl Late {
    /// So late.
    pub fn new(time: VirtualTime, lateness: Cost, random: Stream) -> Self {
        Late { time, lateness, random: Arc::new(Mutex::new(random)) }
    }

    /// What it shows: the time.
    pub fn now_ns(&self) -> u64 {
        self.time.now_ns()
    }

    /// Waits until its timer rings. What has passed rings at once.
    pub async fn sleep_until(&self, deadline_ns: u64) {
        if deadline_ns <= self.now_ns() {
            return;
        }
        let late_ns = self.lateness.draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner));
        self.time.sleep_until(deadline_ns.saturating_add(late_ns as u64)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    #[test]
    fn a_timer_rings_late_and_one_that_is_over_at_once() {
        let thread = std::thread::spawn(|| {
            let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
            runtime.block_on(async {
                let random = Streams::new(1).stream("timers");
                let late = Late::new(VirtualTime::current(), Cost::always(1_200_000.0), random);
                let mut rang = Vec::new();
                for deadline_ns in [5_000_000, 6_000_000, 6_300_000] {
                    late.sleep_until(deadline_ns).await;
                    rang.push(late.now_ns() / 100_000);
                }
                rang
            })
        });
        assert_eq!(thread.join().unwrap(), [62, 62, 75]);
    }
}

//! The pace of a load: when each sender sends its next request.
//!
//! In an open loop requests come as from many clients that know nothing of each other: a Poisson process, dealt to the senders
//! in turn. The timers of the runtime are of a millisecond, and what a request waits for its own timer would be
//! charged to the server; so a thread keeps the time, which sleeps no longer than it is told within some 60 µs.

use std::{thread, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use server::port::{Clock, tokio::SystemClock};
use tokio::sync::mpsc;

/// When a sender sends.
pub enum Pace {
    /// As soon as it is answered.
    Closed,
    /// At these times, in nanoseconds.
    Open(mpsc::UnboundedReceiver<u64>),
}

impl Pace {
    /// Waits until the next request is to be sent: when that is, or was. None when there will be no more.
    pub async fn next(&mut self, clock: &SystemClock) -> Option<u64> {
        match self {
            Pace::Closed => Some(clock.now().0),
            Pace::Open(times) => times.recv().await,
        }
    }
}

/// So many requests a second for so many senders, drawn by a seed, from one time to another.
pub fn open(
    rate_per_s: u32,
    senders: u32,
    (began, ends): (u64, u64),
    seed: u64,
    clock: SystemClock,
) -> Vec<Pace> {
    let (timers, paces): (Vec<_>, Vec<_>) = (0..senders)
        .map(|_| {
            let (timer, times) = mpsc::unbounded_channel();
            (timer, Pace::Open(times))
        })
        .unzip();
    thread::spawn(move || {
        for (at, timer) in times(rate_per_s, began, seed).zip(timers.iter().cycle()) {
            if at >= ends {
                return;
            }
            thread::sleep(Duration::from_nanos(at.saturating_sub(clock.now().0)));
            // a sender that has failed says so itself
            let _ = timer.send(at);
        }
    });
    paces
}

/// The times of a Poisson process.
fn times(rate_per_s: u32, began: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mean_ns = 1e9 / f64::from(rate_per_s);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut at_ns = began as f64;
    std::iter::from_fn(move || {
        // 53 bits of a number above 0 and up to 1
        let unit = ((random.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        at_ns -= mean_ns * unit.ln();
        Some(at_ns as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loop_has_its_rate_and_its_gaps_are_exponential() {
        let times: Vec<u64> = times(1000, 5_000_000_000, 7).take(20_000).collect();
        assert!(times.is_sorted() && times[0] >= 5_000_000_000);
        let seconds = (times[19_999] - 5_000_000_000) as f64 / 1e9;
        assert!((19.5..20.5).contains(&seconds), "{seconds} s");
        let long = times.windows(2).filter(|pair| pair[1] - pair[0] > 1_000_000).count();
        assert!((7_100..7_600).contains(&long), "{long} of 20,000 are above the mean, not 1/e of them");
    }

    #[tokio::test]
    async fn each_sender_has_its_turn_until_the_end() {
        let clock = SystemClock::default();
        let mut paces = open(2000, 4, (0, 50_000_000), 7, clock.clone());
        let mut all = 0;
        for pace in &mut paces {
            let mut last = 0;
            while let Some(at) = pace.next(&clock).await {
                assert!(at > last && at < 50_000_000 && clock.now().0 >= at);
                (last, all) = (at, all + 1);
            }
        }
        assert!((60..140).contains(&all), "{all} in 50 ms at 2,000 a second");
    }
}

//! The clock port of a node: virtual time, seen through a clock that may be wrong.
//!
//! A wrong clock is off by so much, and gains or loses so many parts per million, or stands still. It is set anew at
//! each change; whoever sleeps by it is woken to look again.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::select;
use server::port::{Clock, Time};
use tokio::sync::Notify;

use super::{clock::VirtualTime, late::Late};

const MILLION: i128 = 1_000_000;

/// What a clock shows, given the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dial {
    /// The time at which it was last set, and what it showed then.
    set_ns: u64,
    shown_ns: u64,
    /// By how many millionths it is too fast.
    ppm: i64,
    /// How often it was stopped, and not let go again.
    stopped: u32,
}

/// The dial of one node, turned by the nemesis.
#[derive(Clone)]
pub struct Skew(Arc<Shared>);

struct Shared {
    dial: Mutex<Dial>,
    turned: Notify,
    time: VirtualTime,
}

impl Dial {
    const RIGHT: Dial = Dial { set_ns: 0, shown_ns: 0, ppm: 0, stopped: 0 };

    /// Its speed, in millionths.
    fn speed(&self) -> i128 {
        if self.stopped > 0 { 0 } else { (MILLION + i128::from(self.ppm)).max(0) }
    }

    fn shows(&self, time_ns: u64) -> u64 {
        let passed = i128::from(time_ns.saturating_sub(self.set_ns)) * self.speed() / MILLION;
        (i128::from(self.shown_ns) + passed) as u64
    }

    /// When it shows that, at this speed; never if it stands still.
    fn when(&self, shown_ns: u64) -> Option<u64> {
        let left = i128::from(shown_ns.saturating_sub(self.shown_ns)) * MILLION;
        let speed = self.speed();
        (speed > 0).then(|| self.set_ns.saturating_add(((left + speed - 1) / speed) as u64))
    }
}

impl Skew {
    /// A clock that is right.
    pub fn new(time: VirtualTime) -> Self {
        let dial = Mutex::new(Dial::RIGHT);
        Skew(Arc::new(Shared { dial, turned: Notify::new(), time }))
    }

    fn dial(&self) -> Dial {
        *self.0.dial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ns(&self) -> u64 {
        self.dial().shows(self.0.time.now_ns())
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Dial) -> T) -> T {
        let set_ns = self.0.time.now_ns();
        let mut dial = self.dial();
        dial = Dial { set_ns, shown_ns: dial.shows(set_ns), ..dial };
        let changed = change(&mut dial);
        *self.0.dial.lock().unwrap_or_else(PoisonError::into_inner) = dial;
        self.0.turned.notify_waiters();
        changed
    }

    /// Steps by so many nanoseconds, ahead or back, but not before 0; by how many it did.
    #[must_use = "what a clock was stepped by is what it is stepped back by"]
    pub fn step(&self, by_ns: i64) -> i64 {
        self.turn(|dial| {
            let before_ns = dial.shown_ns;
            dial.shown_ns = before_ns.saturating_add_signed(by_ns);
            (i128::from(dial.shown_ns) - i128::from(before_ns)) as i64
        })
    }

    /// Gains so many millionths from now on, or loses them.
    pub fn drift(&self, ppm: i64) {
        self.turn(|dial| dial.ppm = dial.ppm.saturating_add(ppm));
    }

    /// Stands still, until it is let go as often as it was stopped.
    pub fn stop(&self) {
        self.turn(|dial| dial.stopped += 1);
    }

    /// Goes on.
    pub fn let_go(&self) {
        self.turn(|dial| dial.stopped = dial.stopped.saturating_sub(1));
    }

    async fn sleep_until(&self, deadline_ns: u64) {
        loop {
            let turned = std::pin::pin!(self.0.turned.notified());
            let dial = self.dial();
            if dial.shows(self.0.time.now_ns()) >= deadline_ns {
                return;
            }
            match dial.when(deadline_ns) {
                Some(at_ns) => drop(select(self.0.time.sleep_until(at_ns), turned).await),
                None => turned.await,
            }
        }
    }
}

/// The clock of a node.
#[derive(Clone)]
pub enum NodeClock {
    /// Right, whatever happens.
    Right(VirtualTime),
    /// Right, but its timers ring late.
    Late(Late),
    /// One that may go wrong.
    Skewed(Skew),
}

impl Clock for NodeClock {
    fn now(&self) -> Time {
        match self {
            NodeClock::Right(time) => Time(time.now_ns()),
            NodeClock::Late(late) => Time(late.now_ns()),
            NodeClock::Skewed(skew) => Time(skew.now_ns()),
        }
    }

    async fn sleep_until(&self, deadline: Time) {
        match self {
            NodeClock::Right(time) => time.sleep_until(deadline.0).await,
            NodeClock::Late(late) => late.sleep_until(deadline.0).await,
            NodeClock::Skewed(skew) => skew.sleep_until(deadline.0).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn in_time<T: Send + 'static>(body: impl AsyncFnOnce(VirtualTime, Skew) -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(move || {
            madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(
                async move {
                    let time = VirtualTime::current();
                    body(time.clone(), Skew::new(time)).await
                },
            )
        });
        thread.join().unwrap()
    }

    #[test]
    fn a_clock_steps_both_ways_and_drifts() {
        let shown = in_time(async |time, skew| {
            time.sleep_until(100 * MS).await;
            assert_eq!(skew.step(20 * MS as i64), 20 * MS as i64);
            let ahead = skew.now_ns();
            assert_eq!(skew.step(-50 * MS as i64), -50 * MS as i64);
            let behind = skew.now_ns();
            skew.drift(500_000);
            time.sleep_until(200 * MS).await;
            [ahead, behind, skew.now_ns()]
        });
        assert_eq!(shown.map(|ns| ns / MS), [120, 70, 220]);
    }

    #[test]
    fn whoever_sleeps_by_a_clock_that_is_set_ahead_wakes_earlier() {
        let woke = in_time(async |time, skew| {
            let setter = skew.clone();
            let at = time.clone();
            madsim::task::spawn(async move {
                at.sleep_until(10 * MS).await;
                let _ = setter.step(60 * MS as i64);
            });
            skew.sleep_until(100 * MS).await;
            time.now_ns()
        });
        assert_eq!(woke / MS, 40);
    }

    #[test]
    fn a_frozen_clock_wakes_nobody_until_it_goes_on() {
        let woke = in_time(async |time, skew| {
            skew.stop();
            let (setter, at) = (skew.clone(), time.clone());
            madsim::task::spawn(async move {
                at.sleep_until(500 * MS).await;
                setter.let_go();
            });
            skew.sleep_until(5 * MS).await;
            time.now_ns()
        });
        assert_eq!(woke / MS, 505);
    }

    #[test]
    fn a_clock_that_cannot_go_back_that_far_is_healed_by_what_it_did() {
        let shown = in_time(async |time, skew| {
            time.sleep_until(30 * MS).await;
            let stepped = skew.step(-100 * MS as i64);
            let behind = skew.now_ns();
            time.sleep_until(70 * MS).await;
            let _ = skew.step(-stepped);
            [behind, skew.now_ns()]
        });
        assert_eq!(shown.map(|ns| ns / MS), [0, 70]);
    }

    #[test]
    fn faults_of_a_clock_that_overlap_each_end_for_themselves() {
        let shown = in_time(async |time, skew| {
            time.sleep_until(10 * MS).await;
            skew.drift(-500_000);
            skew.stop();
            skew.drift(300_000);
            time.sleep_until(20 * MS).await;
            let stopped = skew.now_ns();
            skew.drift(500_000);
            skew.let_go();
            skew.drift(-300_000);
            time.sleep_until(30 * MS).await;
            [stopped, skew.now_ns()]
        });
        assert_eq!(shown.map(|ns| ns / MS), [10, 20], "it is right again but for the time that it stood");
    }
}

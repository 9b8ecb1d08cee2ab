//! Virtual time, dilated: one simulated microsecond is one madsim millisecond.
//!
//! madsim advances its clock by 50 to 100 ns at every poll of any task, and rounds sleeps up to a millisecond. At a
//! scale of 1,000 neither is visible: a poll costs a tenth of a simulated nanosecond at most.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use madsim::time::{Sleep, TimeHandle};

/// madsim nanoseconds in a simulated nanosecond.
const DILATION: u64 = 1000;

/// The time of the simulated world.
#[derive(Clone)]
pub struct VirtualTime(TimeHandle);

impl VirtualTime {
    /// Of the runtime that the caller runs in.
    pub fn current() -> Self {
        VirtualTime(TimeHandle::current())
    }

    /// Nanoseconds since the start.
    pub fn now_ns(&self) -> u64 {
        (self.0.elapsed().as_nanos() / u128::from(DILATION)) as u64
    }

    /// Waits until then.
    pub fn sleep_until(&self, at_ns: u64) -> Alarm {
        Alarm { sleep: self.sleep(at_ns), at_ns, time: self.clone(), armed: false }
    }

    /// Wakes someone then. Nothing takes it back.
    pub fn wake_at(&self, at_ns: u64, waker: &Waker) {
        if Pin::new(&mut self.sleep(at_ns)).poll(&mut Context::from_waker(waker)).is_ready() {
            waker.wake_by_ref();
        }
    }

    fn sleep(&self, at_ns: u64) -> Sleep {
        let now = self.0.now_instant();
        let left = Duration::from_nanos(at_ns.saturating_mul(DILATION)).saturating_sub(self.0.elapsed());
        // a new sleep lasts a millisecond at least; one that is reset lasts as long as it should
        let mut sleep = self.0.sleep_until(now);
        Pin::new(&mut sleep).reset(now + left);
        sleep
    }
}

/// Ends at a time. Polled again and again, it sets one timer only.
pub struct Alarm {
    sleep: Sleep,
    at_ns: u64,
    time: VirtualTime,
    armed: bool,
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.now_ns() >= self.at_ns {
            return Poll::Ready(());
        }
        if !self.armed {
            self.armed = true;
            return Pin::new(&mut self.sleep).poll(context);
        }
        Poll::Pending
    }
}

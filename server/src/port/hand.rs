//! A clock for tests: it stands still until it is set.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{Clock, Time};

/// A clock that is set.
#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// Sets it to so many nanoseconds.
    pub fn set(&self, ns: u64) {
        self.0.store(ns, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }

    async fn sleep_until(&self, _: Time) {
        std::future::pending().await
    }
}

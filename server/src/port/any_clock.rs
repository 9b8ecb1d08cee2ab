//! A clock of whichever kind: for what is the same over any clock and need not be generic for it.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{Clock, Time};

trait Dynamic: Send + Sync {
    fn now(&self) -> Time;
    fn sleep_until(&self, deadline: Time) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<C: Clock> Dynamic for C {
    fn now(&self) -> Time {
        Clock::now(self)
    }

    fn sleep_until(&self, deadline: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = self.clone();
        Box::pin(async move { Clock::sleep_until(&clock, deadline).await })
    }
}

/// Any clock.
#[derive(Clone)]
pub struct AnyClock(Arc<dyn Dynamic>);

impl AnyClock {
    /// This clock.
    pub fn new(clock: impl Clock) -> Self {
        AnyClock(Arc::new(clock))
    }

    /// A wait that owns what it needs.
    pub fn sleep(&self, deadline: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep_until(deadline)
    }
}

impl Clock for AnyClock {
    fn now(&self) -> Time {
        self.0.now()
    }

    async fn sleep_until(&self, deadline: Time) {
        self.0.sleep_until(deadline).await;
    }
}

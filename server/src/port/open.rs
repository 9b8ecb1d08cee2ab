//! Stores that are open in this process, and the wait until they are closed.
//!
//! A store may be in use after whoever opened it has ended: a commit is under way on another thread, or the database takes over the log.

use std::sync::Arc;

use tokio::sync::watch;

/// Some stores of this process.
#[derive(Clone, Default)]
pub struct OpenStores(Arc<watch::Sender<()>>);

/// One of them is open, or is going to be, until this is dropped.
#[derive(Clone)]
pub struct Held(#[allow(dead_code, reason = "it counts until it is dropped")] watch::Receiver<()>);

impl OpenStores {
    /// One more.
    pub fn hold(&self) -> Held {
        Held(self.0.subscribe())
    }

    /// Waits until all are closed.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn stores_are_closed_when_the_last_of_them_is() {
        let stores = OpenStores::default();
        assert!(stores.closed().now_or_never().is_some(), "there is none");
        let (one, other) = (stores.hold(), stores.clone().hold());
        drop(one.clone());
        drop(one);
        assert!(stores.closed().now_or_never().is_none());
        drop(other);
        assert!(stores.closed().now_or_never().is_some());
    }
}

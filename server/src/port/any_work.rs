//! Work of whichever kind, done by many at a time: for what is the same over any work port and need not be generic for it.

use std::{future::Future, pin::Pin, sync::Arc};

use super::Work;
use crate::actor::Ledger;

trait Dynamic: Send + Sync {
    fn spend(&self, ledger: Ledger) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<W: Work + Clone + Sync> Dynamic for W {
    fn spend(&self, ledger: Ledger) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut work = self.clone();
        Box::pin(async move { Work::spend(&mut work, &ledger).await })
    }
}

/// Any work port.
#[derive(Clone)]
pub struct AnyWork(Arc<dyn Dynamic>);

impl AnyWork {
    /// This one.
    pub fn new(work: impl Work + Clone + Sync) -> Self {
        AnyWork(Arc::new(work))
    }

    /// Accounts for work of the caller's, and in a simulation takes the time that it takes.
    pub async fn spend(&self, ledger: Ledger) {
        self.0.spend(ledger).await;
    }
}

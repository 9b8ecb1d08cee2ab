//! Tasks of whichever kind: for what is the same wherever its tasks run and need not be generic for that.

use std::{future::Future, pin::Pin, sync::Arc};

use super::Spawn;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Any way to run tasks.
#[derive(Clone)]
pub struct AnySpawn(Arc<dyn Fn(Task) + Send + Sync>);

impl AnySpawn {
    /// This one.
    pub fn new(spawn: impl Spawn) -> Self {
        AnySpawn(Arc::new(move |task| spawn.spawn(task)))
    }
}

impl Spawn for AnySpawn {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0(Box::pin(task));
    }
}

//! Changes of the mailroom on their way to its store.
//!
//! # Invariants
//! - They are stored in the order in which they were made; whoever made one is told when it is synced, along with those that came
//!   meanwhile. A store that fails is given nothing more, and nobody is told that anything is stored. Few changes are on their way
//!   at once: who comes then waits.

use std::{pin::pin, sync::Arc};

use futures_util::future::{Either, select};
use tokio::sync::{
    Notify,
    mpsc::{self, Permit},
    oneshot,
};

use crate::port::{Changes, Spawn, Storage, StorageError};

/// Most changes on their way to the store, and stored at once: each may be as long as a request.
const WRITES_MAX: usize = 16;

/// What was changed cannot be stored; why, whoever opened the mailroom was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mailroom cannot store")]
pub struct Unstored;

/// Changes on their way to the store, and who waits for them.
pub struct Write {
    changes: Changes,
    synced: oneshot::Sender<()>,
}

/// The way to the store.
pub struct Writes {
    queue: mpsc::Sender<Write>,
    /// Told when it is to be closed.
    closing: Arc<Notify>,
}

impl Writes {
    /// The way into this store, which is loaded. What ends it, later, `failed` is told.
    pub fn of(
        storage: impl Storage,
        spawn: &impl Spawn,
        failed: impl FnOnce(StorageError) + Send + 'static,
    ) -> Writes {
        let (sender, queue) = mpsc::channel(WRITES_MAX);
        let closing = Arc::new(Notify::new());
        let told = closing.clone();
        spawn.spawn(async move {
            if let Err(error) = write(storage, queue, &told).await {
                failed(error);
            }
        });
        Writes { queue: sender, closing }
    }

    /// A place in the queue, for whoever is about to change something.
    pub async fn place(&self) -> Result<Permit<'_, Write>, Unstored> {
        self.queue.reserve().await.map_err(|_| Unstored)
    }

    /// Takes no more changes; the store is closed when those on their way are stored.
    pub fn close(&self) {
        self.closing.notify_one();
    }

    /// Waits until it takes no more: it is closed, or cannot store.
    pub async fn closed(&self) {
        self.queue.closed().await;
    }
}

/// Stores what was changed, in the order of the calls: whoever changes something calls this before anybody else can. It is waited for even
/// if nothing was changed, for what made that needless may not be stored yet.
pub fn store(
    place: Permit<'_, Write>,
    changes: Changes,
) -> impl Future<Output = Result<(), Unstored>> + Send + use<> {
    let (synced, told) = oneshot::channel();
    place.send(Write { changes, synced });
    async move { told.await.map_err(|_| Unstored) }
}

/// Stores what comes, all of it that waits at once, until nobody is left who could change anything, or may.
async fn write(
    mut storage: impl Storage,
    mut queue: mpsc::Receiver<Write>,
    closing: &Notify,
) -> Result<(), StorageError> {
    let mut waiting = Vec::new();
    while next(&mut queue, &mut waiting, closing).await > 0 {
        let mut all = Changes::new();
        let told: Vec<_> = waiting
            .drain(..)
            .map(|Write { changes, synced }| {
                all.extend(changes);
                synced
            })
            .collect();
        if !all.is_empty() {
            storage.commit(all).await?;
        }
        for synced in told {
            // whoever waited may be gone
            let _ = synced.send(());
        }
    }
    Ok(())
}

/// Waits for what comes, and gives how much that is; of a queue that is to be closed, what is on its way.
async fn next(queue: &mut mpsc::Receiver<Write>, waiting: &mut Vec<Write>, closing: &Notify) -> usize {
    let come = {
        let (come, told) = (pin!(queue.recv_many(waiting, WRITES_MAX)), pin!(closing.notified()));
        match select(come, told).await {
            Either::Left((count, _)) => Some(count),
            Either::Right(_) => None,
        }
    };
    if let Some(count) = come {
        return count;
    }
    queue.close();
    queue.recv_many(waiting, WRITES_MAX).await
}

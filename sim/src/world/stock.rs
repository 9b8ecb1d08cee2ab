//! What processes have stored: what an operator finds on a disk while nobody runs on it.

use server::port::{Rows, Storage as _, StorageError};

use super::World;
use crate::{
    history::Stored,
    model::{
        storage::{Place, SimStorage},
        trap::Traps,
    },
    scenario::ActorName,
};

impl World {
    /// Counts what every process has stored, as it would find it after a crash.
    pub(super) async fn take_stock(&self) {
        for (name, disk) in self.processes.iter().zip(&self.disks) {
            disk.crash();
            let rows = self.stored(*name).await.unwrap_or_default();
            let bytes = rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
            self.history.record().stored.insert(*name, Stored { rows: rows.len() as u64, bytes });
        }
    }

    /// What is on the disk of a process that is down.
    ///
    /// # Errors
    /// The disk cannot be read, or what is on it is no store.
    pub async fn stored(&self, process: ActorName) -> Result<Rows, StorageError> {
        let place = Place { machine: usize::MAX, traps: Traps::default() };
        let disk = self.disk_of(process);
        let mut storage = SimStorage::new(self.drawn.topology.storage, disk, self.time.clone(), place);
        storage.load().await
    }
}

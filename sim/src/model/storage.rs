//! The storage port on the simulated disk: `redb` itself, or modelled rows that are far faster and promise the same.

use std::io;

use server::port::{Changes, Rows, Storage, StorageError, redb::Redb};

use super::{
    clock::VirtualTime,
    disk::{Disk, DiskFile},
};
use crate::scenario;

/// Storage of one process.
pub struct SimStorage {
    engine: Engine,
    disk: Disk,
    time: VirtualTime,
}

enum Engine {
    Redb(Redb),
    Modelled(DiskFile),
}

fn failed(error: io::Error) -> StorageError {
    StorageError(error.to_string())
}

impl SimStorage {
    /// Opens what is on the disk.
    pub fn open(kind: scenario::Storage, disk: &Disk, time: VirtualTime) -> Result<Self, StorageError> {
        let engine = match kind {
            scenario::Storage::Redb => Engine::Redb(Redb::open(disk.open())?),
            scenario::Storage::Modelled => Engine::Modelled(disk.open()),
        };
        Ok(SimStorage { engine, disk: disk.clone(), time })
    }
}

impl Storage for SimStorage {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        match &self.engine {
            Engine::Redb(redb) => redb.load(),
            Engine::Modelled(file) => file.rows().map_err(failed),
        }
    }

    async fn commit(&mut self, changes: Changes) -> Result<(), StorageError> {
        match &self.engine {
            Engine::Redb(redb) => redb.commit(&changes)?,
            Engine::Modelled(file) => file.commit(changes).map_err(failed)?,
        }
        let done = self.disk.busy_until_ns();
        if done > self.time.now_ns() {
            self.time.sleep_until(done).await;
        }
        Ok(())
    }
}

//! The storage port on the simulated disk: `redb` itself, or modelled rows that are far faster and promise the same.

use std::io;

use server::{
    actor::step::STATEMENTS,
    port::{Changes, Rows, Storage, StorageError, redb::Redb},
};

use super::{
    clock::VirtualTime,
    disk::{Disk, DiskFile},
};
use crate::{control::Weakness, scenario};

/// Storage of one process.
pub struct SimStorage {
    engine: Engine,
    disk: Disk,
    time: VirtualTime,
    weakness: Weakness,
    commits: u64,
    /// What a weak storage has taken and not synced.
    unsynced: Changes,
}

/// Of so many commits a disk that loses synced writes loses one.
const LOSES_ONE_OF: u64 = 20;
/// Of so many commits a storage that saves on syncs syncs one.
const SYNCS_ONE_OF: u64 = 10;

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
        let (disk, weakness) = (disk.clone(), Weakness::None);
        Ok(SimStorage { engine, disk, time, weakness, commits: 0, unsynced: Changes::new() })
    }

    /// The same with a weakness, for negative controls.
    #[must_use]
    pub fn weakened(self, weakness: Weakness) -> Self {
        SimStorage { weakness, ..self }
    }
}

impl Storage for SimStorage {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        let mut rows = match &self.engine {
            Engine::Redb(redb) => redb.load(),
            Engine::Modelled(file) => file.rows().map_err(failed),
        }?;
        if self.weakness == Weakness::KeyInSlot {
            rows.retain(|key, _| key.first() != Some(&STATEMENTS));
        }
        Ok(rows)
    }

    async fn commit(&mut self, mut changes: Changes) -> Result<(), StorageError> {
        self.commits += 1;
        if self.weakness == Weakness::LostSyncs && self.commits.is_multiple_of(LOSES_ONE_OF) {
            return Ok(());
        }
        if self.weakness == Weakness::UnsyncedWrites {
            self.unsynced.append(&mut changes);
            if !self.commits.is_multiple_of(SYNCS_ONE_OF) {
                return Ok(());
            }
            changes = std::mem::take(&mut self.unsynced);
        }
        match &self.engine {
            Engine::Redb(redb) => redb.commit(&changes)?,
            Engine::Modelled(file) => file.commit(changes).map_err(failed)?,
        }
        let done = self.disk.busy_until_ns();
        if self.weakness == Weakness::EarlyDurable {
            return Ok(());
        }
        if done > self.time.now_ns() {
            self.time.sleep_until(done).await;
        }
        Ok(())
    }
}

//! The storage port on the simulated disk: `redb` itself, or modelled rows that are far faster and promise the same.

use std::io;

use server::port::{Changes, Rows, Storage, StorageError, redb::Redb};

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
}

/// Of so many commits a disk that loses synced writes loses one.
const LOSES_ONE_OF: u64 = 20;

/// What real time, let in, delays a commit by at most.
const MILLISECOND_NS: u64 = 1_000_000;

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
        Ok(SimStorage { engine, disk, time, weakness, commits: 0 })
    }

    /// The same with a weakness, for negative controls.
    #[must_use]
    pub fn weakened(self, weakness: Weakness) -> Self {
        SimStorage { weakness, ..self }
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
        self.commits += 1;
        if self.weakness == Weakness::LostSyncs && self.commits.is_multiple_of(LOSES_ONE_OF) {
            return Ok(());
        }
        match &self.engine {
            Engine::Redb(redb) => redb.commit(&changes)?,
            Engine::Modelled(file) => file.commit(changes).map_err(failed)?,
        }
        let done = self.disk.busy_until_ns();
        if self.weakness == Weakness::EarlyDurable {
            return Ok(());
        }
        let done = match self.weakness {
            Weakness::WallClock(outside_ns) => done.max(self.time.now_ns()) + outside_ns % MILLISECOND_NS,
            _ => done,
        };
        if done > self.time.now_ns() {
            self.time.sleep_until(done).await;
        }
        Ok(())
    }
}

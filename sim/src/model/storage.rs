//! The storage port on the simulated disk: the production store, log and `redb`, or modelled rows that are far faster and
//! promise the same.

use std::io;

use server::{
    actor::{Ledger, step::STATEMENTS},
    node::Promise,
    port::{Changes, Rows, Storage, StorageError, Work as _, store::Store},
    protocol::statement::Kind,
};

use super::{
    clock::VirtualTime,
    cpu::Cpu,
    disk::{Disk, DiskFile, FileName},
    network::Machine,
    trap::{Boundary, Traps},
};
use crate::{control::Weakness, scenario};

/// Storage of one process.
pub struct SimStorage {
    kind: scenario::Storage,
    engine: Option<Engine>,
    disk: Disk,
    time: VirtualTime,
    place: Place,
    weakness: Weakness,
    /// The number of the actor's key, for a weakness that looks at it.
    key: u32,
    /// Who has the turns of a commit after the first; nobody where commits take no time.
    work: Option<Cpu>,
    commits: u64,
    /// What a weak storage has taken and not synced.
    unsynced: Changes,
}

/// Where a process runs, for whoever waits for it there.
#[derive(Clone)]
pub struct Place {
    /// The machine.
    pub machine: Machine,
    /// The traps of the run.
    pub traps: Traps,
}

/// Of so many commits a disk that loses synced writes loses one.
const LOSES_ONE_OF: u64 = 20;
/// Of so many commits a storage that saves on syncs syncs one.
const SYNCS_ONE_OF: u64 = 10;

/// What real time, let in, delays a commit by at most.
const MILLISECOND_NS: u64 = 1_000_000;

/// Blocks of a log: so few that a run comes around it.
const LOG_BLOCKS: u64 = 64;

enum Engine {
    Store(Store),
    Modelled(DiskFile),
}

fn failed(error: io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::InvalidData => StorageError::Corrupt(error.to_string()),
        _ => StorageError::Failed(error.to_string()),
    }
}

impl SimStorage {
    /// What is on the disk; opened when it is loaded.
    pub fn new(kind: scenario::Storage, disk: &Disk, time: VirtualTime, place: Place) -> Self {
        let (disk, weakness) = (disk.clone(), Weakness::None);
        SimStorage {
            kind,
            engine: None,
            disk,
            time,
            place,
            weakness,
            key: 0,
            work: None,
            commits: 0,
            unsynced: Changes::new(),
        }
    }

    /// The same with a weakness, for negative controls; of an actor that has this key.
    #[must_use]
    pub fn weakened(self, weakness: Weakness, key: u32) -> Self {
        SimStorage { weakness, key, ..self }
    }

    /// Whether a row is a statement under an earlier key.
    fn is_under_earlier_key(&self, key: &[u8], value: &[u8]) -> bool {
        let kind = key.get(1).and_then(|byte| Kind::from_byte(*byte));
        let stored = kind.filter(|_| key.first() == Some(&STATEMENTS));
        let promise = stored.and_then(|kind| Promise::read(kind, value).ok());
        promise.is_some_and(|promise| promise.draft.terms().key < self.key)
    }

    /// The same, and this does what is left of a commit when the node has had the first turn of it.
    #[must_use]
    pub fn worked_by(self, work: Cpu) -> Self {
        SimStorage { work: Some(work), ..self }
    }

    /// The turns of a commit that are left.
    async fn take_turns(&mut self) {
        if let Some(work) = &mut self.work {
            for _ in 1..work.turns() {
                work.spend(&Ledger { commits: 1, ..Ledger::default() }).await;
            }
        }
    }

    /// Waits until the disk has done what was asked of it, or for as long as power lasts.
    async fn complete(&self) {
        let (now, done) = (self.time.now_ns(), self.disk.busy_until_ns());
        let Place { machine, traps } = &self.place;
        if traps.is_set(*machine, Boundary::InCommit) {
            self.time.sleep_until(now + done.saturating_sub(now) / 2).await;
            traps.pass(*machine, Boundary::InCommit).await;
        }
        let done = match self.weakness {
            Weakness::WallClock(outside_ns) => done.max(self.time.now_ns()) + outside_ns % MILLISECOND_NS,
            _ => done,
        };
        if done > self.time.now_ns() {
            self.time.sleep_until(done).await;
        }
    }
}

impl Storage for SimStorage {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        let (engine, mut rows) = match self.kind {
            scenario::Storage::Redb => {
                let (database, log) = (FileName::Database, FileName::Log);
                let store = Store::open(self.disk.open(database), self.disk.open(log), LOG_BLOCKS)?;
                let rows = store.load()?;
                (Engine::Store(store), rows)
            }
            scenario::Storage::Modelled => {
                let file = self.disk.open(FileName::Database);
                let rows = file.rows().map_err(failed)?;
                (Engine::Modelled(file), rows)
            }
        };
        self.engine = Some(engine);
        if self.weakness == Weakness::KeyInSlot {
            rows.retain(|key, value| !self.is_under_earlier_key(key, value));
        }
        Ok(rows)
    }

    async fn set_aside(&mut self) -> Result<(), StorageError> {
        self.engine = None;
        self.disk.set_aside();
        self.load().await.map(drop)
    }

    async fn commit(&mut self, mut changes: Changes) -> Result<(), StorageError> {
        self.commits += 1;
        if self.weakness == Weakness::LostSyncs && self.commits.is_multiple_of(LOSES_ONE_OF) {
            return Ok(());
        }
        let Place { machine, traps } = self.place.clone();
        traps.pass(machine, Boundary::BeforeCommit).await;
        if self.weakness == Weakness::UnsyncedWrites {
            self.unsynced.append(&mut changes);
            if !self.commits.is_multiple_of(SYNCS_ONE_OF) {
                return Ok(());
            }
            changes = std::mem::take(&mut self.unsynced);
        }
        let fold = match &mut self.engine {
            Some(Engine::Store(store)) => store.commit(changes)?,
            Some(Engine::Modelled(file)) => file.commit(changes).map_err(failed).map(|()| None)?,
            None => return Err(StorageError::Failed("nothing is loaded".to_owned())),
        };
        if self.weakness != Weakness::EarlyDurable {
            self.complete().await;
            self.take_turns().await;
        }
        self.disk.mark_used();
        traps.pass(machine, Boundary::AfterCommit).await;
        // the disk takes it behind this commit, and the next one waits behind it
        if let Some(fold) = fold {
            fold.run(|| ());
        }
        Ok(())
    }
}

//! The storage port on the simulated disk: `redb` itself, or a plain log that is far faster and promises the same.

use std::io;

use server::{
    port::{Changes, Rows, Storage, StorageError, redb::Redb},
    protocol::{
        codec::{Reader, Writer},
        digest::Digest,
    },
};

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
    Log(DiskFile),
}

fn failed(error: io::Error) -> StorageError {
    StorageError(error.to_string())
}

impl SimStorage {
    /// Opens what is on the disk.
    pub fn open(kind: scenario::Storage, disk: &Disk, time: VirtualTime) -> Result<Self, StorageError> {
        let engine = match kind {
            scenario::Storage::Redb => Engine::Redb(Redb::open(disk.open())?),
            scenario::Storage::Modelled => Engine::Log(disk.open()),
        };
        Ok(SimStorage { engine, disk: disk.clone(), time })
    }
}

impl Storage for SimStorage {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        match &self.engine {
            Engine::Redb(redb) => redb.load(),
            Engine::Log(file) => replay(file).map_err(failed),
        }
    }

    async fn commit(&mut self, changes: Changes) -> Result<(), StorageError> {
        match &self.engine {
            Engine::Redb(redb) => redb.commit(&changes)?,
            Engine::Log(file) => file.append_synced(&record(&changes)).map_err(failed)?,
        }
        let done = self.disk.busy_until_ns();
        if done > self.time.now_ns() {
            self.time.sleep_until(done).await;
        }
        Ok(())
    }
}

/// One transaction in the log: length, digest, changes.
fn record(changes: &Changes) -> Vec<u8> {
    let mut body = Writer::default();
    body.count(changes.len());
    for (key, value) in changes {
        body.string(key);
        body.u8(u8::from(value.is_some()));
        body.string(value.as_deref().unwrap_or_default());
    }
    let body = body.into_bytes();
    let mut out = Writer::default();
    out.count(body.len());
    out.bytes(&Digest::of(&[&body]).0[..8]);
    out.bytes(&body);
    out.into_bytes()
}

/// Applies every whole transaction, and cuts off what a crash left of the last.
fn replay(file: &DiskFile) -> io::Result<Rows> {
    let bytes = file.read_all()?;
    let mut rows = Rows::new();
    let mut whole = 0;
    while let Some(length) = apply_first(&bytes[whole..], &mut rows) {
        whole += length;
    }
    file.truncate(whole as u64)?;
    Ok(rows)
}

/// Applies the transaction at the front, if it is whole; how long it is.
fn apply_first(bytes: &[u8], rows: &mut Rows) -> Option<usize> {
    let mut reader = Reader(bytes);
    let length = reader.u32().ok()? as usize;
    let digest: [u8; 8] = reader.array().ok()?;
    let body = reader.take(length).ok()?;
    if Digest::of(&[body]).0[..8] != digest {
        return None;
    }
    let mut body = Reader(body);
    for _ in 0..body.u32().ok()? {
        let key = body.string("key", usize::MAX).ok()?;
        let put = body.u8().ok()? == 1;
        let value = body.string("value", usize::MAX).ok()?;
        if put { rows.insert(key, value) } else { rows.remove(&key) };
    }
    Some(12 + length)
}

//! A disk as one process has it: bytes for the database and its log, or rows that are modelled.

use std::io;

use redb::StorageBackend;
use server::port::{Changes, Rows};

use super::{Disk, Effect, State, apply};

/// Which file of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// The database.
    Database,
    /// The log beside it.
    Log,
}

impl FileName {
    /// All of them.
    pub const ALL: [FileName; 2] = [FileName::Database, FileName::Log];
}

/// A file of one process.
pub struct DiskFile {
    pub(super) disk: Disk,
    pub(super) file: FileName,
    pub(super) incarnation: u64,
}

impl std::fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiskFile({:?}, {})", self.file, self.incarnation)
    }
}

impl DiskFile {
    fn alive<T>(&self, f: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.disk.with(|state| {
            if state.incarnation == self.incarnation {
                f(state)
            } else {
                Err(io::Error::other("the process was killed"))
            }
        })
    }

    /// Modelled storage: one transaction, all or nothing.
    pub fn commit(&self, changes: Changes) -> io::Result<()> {
        self.alive(|state| state.journal(changes))
    }

    /// Modelled storage: everything that is there.
    pub fn rows(&self) -> io::Result<Rows> {
        self.alive(|state| {
            state.readable()?;
            if state.rotten {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a row has another checksum"));
            }
            let mut rows = state.rows.clone();
            state.journal.iter().for_each(|(_, changes)| apply(&mut rows, changes.clone()));
            Ok(rows)
        })
    }
}

impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        self.alive(|state| Ok(state.current[self.file as usize].len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.alive(|state| {
            state.readable()?;
            let image = &state.current[self.file as usize];
            if offset + out.len() as u64 > image.len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            image.read(offset, out);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.alive(|state| state.operate(self.file, Effect::Resize(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.alive(|state| state.operate(self.file, Effect::Sync))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.alive(|state| {
            let offset = state.place(self.file, offset);
            state.operate(self.file, Effect::Write { offset, bytes: data.to_vec() })
        })
    }
}

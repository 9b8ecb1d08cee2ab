//! Rows in `redb`: one table of them, one write transaction a commit, synced.
//!
//! `redb` is a single-file, copy-on-write B-tree with checksummed commits; it takes its file through a trait, so
//! the simulator runs the very same database on a simulated disk.
//!
//! # Invariants
//! - Every page is checked against its checksum when a database is opened: what rotted on the disk is an error, never
//!   taken for what was stored.
//! - Commits are in two phases. With one, a commit that rotted looks like one that power tore, and `redb` would go back
//!   to the commit before it: the actor would sign its slots a second time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    WriteTransaction,
};

use super::{Changes, Rows, StorageError};

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
/// What the database knows of the log beside it: up to which block it has taken over.
const TAKEN: TableDefinition<'static, (), u64> = TableDefinition::new("taken");

/// Memory for the pages of one database.
const CACHE_BYTES: usize = 16 << 20;
/// Rows from one pause to the next: well below a millisecond.
const PIECE: usize = 64;

/// Rows in a `redb` database.
pub struct Redb(Database);

fn failed(error: impl Into<redb::Error>) -> StorageError {
    match error.into() {
        error @ (redb::Error::Corrupted(_) | redb::Error::TableTypeMismatch { .. }) => {
            StorageError::Corrupt(error.to_string())
        }
        error => StorageError::Failed(error.to_string()),
    }
}

/// Runs something that reads pages which may hold anything: `redb` asserts some of what it reads.
fn reading<T>(read: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    let unreadable = |_| Err(StorageError::Corrupt("the database has pages that are none".to_owned()));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(unreadable)
}

/// A file that is no database is one that was overwritten, or one whose making was cut short: who has stored something
/// knows it by [`super::file::FileStorage::has_stored`].
fn unopened(error: DatabaseError) -> StorageError {
    match error {
        DatabaseError::Storage(redb::StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            StorageError::Corrupt(error.to_string())
        }
        DatabaseError::UpgradeRequired(_) => StorageError::Corrupt(error.to_string()),
        error => failed(error),
    }
}

/// The database, if all its pages are what they were written as.
fn checked(database: Result<Database, DatabaseError>) -> Result<Redb, StorageError> {
    let mut database = database.map_err(unopened)?;
    match database.check_integrity().map_err(unopened)? {
        true => Ok(Redb(database)),
        false => Err(StorageError::Corrupt("a page has another checksum".to_owned())),
    }
}

impl Redb {
    /// Opens the database on this backend, or makes one if it is empty.
    pub fn open(backend: impl StorageBackend) -> Result<Self, StorageError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        reading(|| checked(builder.create_with_backend(backend)))
    }

    /// Opens the database in this file, or makes one.
    pub fn open_file(path: &std::path::Path) -> Result<Self, StorageError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        reading(|| checked(builder.create(path)))
    }

    /// Everything stored.
    pub fn load(&self) -> Result<Rows, StorageError> {
        reading(|| self.rows())
    }

    fn rows(&self) -> Result<Rows, StorageError> {
        let transaction = self.0.begin_read().map_err(failed)?;
        let table = match transaction.open_table(ROWS) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Rows::new()),
            table => table.map_err(failed)?,
        };
        let mut rows = Rows::new();
        for row in table.iter().map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            rows.insert(key.value().to_vec(), value.value().to_vec());
        }
        Ok(rows)
    }

    /// Up to which block of a log all is in here; none if there never was a log.
    pub fn taken(&self) -> Result<Option<u64>, StorageError> {
        reading(|| {
            let transaction = self.0.begin_read().map_err(failed)?;
            let table = match transaction.open_table(TAKEN) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                table => table.map_err(failed)?,
            };
            Ok(table.get(()).map_err(failed)?.map(|block| block.value()))
        })
    }

    /// Applies the changes in one synced transaction.
    pub fn commit(&self, changes: &Changes) -> Result<(), StorageError> {
        self.write(changes, &mut || (), |_| Ok(()))
    }

    /// The same, with changes that a log holds up to a block; there is a pause whenever some are in.
    pub fn take_over(
        &self,
        changes: &Changes,
        upto: u64,
        pause: &mut impl FnMut(),
    ) -> Result<(), StorageError> {
        self.write(changes, pause, |transaction| {
            let mut table = transaction.open_table(TAKEN).map_err(failed)?;
            table.insert((), upto).map_err(failed)?;
            Ok(())
        })
    }

    fn write(
        &self,
        changes: &Changes,
        pause: &mut impl FnMut(),
        besides: impl FnOnce(&WriteTransaction) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut transaction = self.0.begin_write().map_err(failed)?;
        transaction.set_two_phase_commit(true);
        {
            let mut table = transaction.open_table(ROWS).map_err(failed)?;
            for (index, (key, value)) in changes.iter().enumerate() {
                if index % PIECE == PIECE - 1 {
                    pause();
                }
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map_err(failed)?,
                    None => table.remove(key.as_slice()).map_err(failed)?,
                };
            }
        }
        besides(&transaction)?;
        transaction.commit().map_err(failed)
    }
}

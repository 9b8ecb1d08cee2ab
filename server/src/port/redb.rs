//! The storage port on `redb`: one table of rows, one write transaction a commit, synced.
//!
//! `redb` is a single-file, copy-on-write B-tree with checksummed commits; it takes its file through a trait, so
//! the simulator runs the very same database on a simulated disk.

use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

use super::{Changes, Rows, StorageError};

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// Memory for the pages of one database.
const CACHE_BYTES: usize = 16 << 20;

/// Rows in a `redb` database.
pub struct Redb(Database);

fn failed(error: impl std::fmt::Display) -> StorageError {
    StorageError(error.to_string())
}

impl Redb {
    /// Opens the database on this backend, or makes one if it is empty.
    pub fn open(backend: impl StorageBackend) -> Result<Self, StorageError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        Ok(Redb(builder.create_with_backend(backend).map_err(failed)?))
    }

    /// Opens the database in this file, or makes one.
    pub fn open_file(path: &std::path::Path) -> Result<Self, StorageError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        Ok(Redb(builder.create(path).map_err(failed)?))
    }

    /// Everything stored.
    pub fn load(&self) -> Result<Rows, StorageError> {
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

    /// Applies the changes in one synced transaction.
    pub fn commit(&self, changes: &Changes) -> Result<(), StorageError> {
        let transaction = self.0.begin_write().map_err(failed)?;
        {
            let mut table = transaction.open_table(ROWS).map_err(failed)?;
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map_err(failed)?,
                    None => table.remove(key.as_slice()).map_err(failed)?,
                };
            }
        }
        transaction.commit().map_err(failed)
    }
}

//! The lock of a directory: of those who would change keys and roster there is one at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use super::DeploymentError;

/// Locks a directory as long as it, or a clone of it, is there; the system takes it back from a process that is killed.
#[derive(Clone, Debug)]
pub struct Lock(#[expect(dead_code, reason = "what counts is that it is open")] Arc<File>);

impl Lock {
    /// For whoever makes or changes what is in the directory, or runs all of it.
    ///
    /// # Errors
    /// Somebody else has it, or it cannot be written to.
    pub fn whole(directory: &Path) -> Result<Lock, DeploymentError> {
        Lock::taken(directory, File::try_lock)
    }

    /// For one of several actors that run here, each in a process of its own.
    ///
    /// # Errors
    /// The same.
    pub fn part(directory: &Path) -> Result<Lock, DeploymentError> {
        Lock::taken(directory, File::try_lock_shared)
    }

    fn taken(directory: &Path, take: fn(&File) -> Result<(), TryLockError>) -> Result<Lock, DeploymentError> {
        let path = directory.join("lock");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let failed = |error| DeploymentError::File { path: path.clone(), error };
        let file = file.map_err(failed)?;
        match take(&file) {
            Ok(()) => Ok(Lock(Arc::new(file))),
            Err(TryLockError::WouldBlock) => Err(DeploymentError::Busy { path: directory.to_owned() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

//! The locks of a directory: of those who would change keys and roster there is one at a time.

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
    /// For whoever makes what is in the directory, or runs all of it.
    ///
    /// # Errors
    /// Somebody else has it, or it cannot be written to.
    pub fn whole(directory: &Path) -> Result<Lock, DeploymentError> {
        Lock::of(directory, "lock", File::try_lock)
    }

    /// For one of several actors that run here, each in a process of its own.
    ///
    /// # Errors
    /// The same.
    pub fn part(directory: &Path) -> Result<Lock, DeploymentError> {
        Lock::of(directory, "lock", File::try_lock_shared)
    }

    /// For whoever puts another roster in the place of that one: actors of a cluster may go on meanwhile, but nobody else changes it.
    ///
    /// # Errors
    /// The same.
    pub(super) fn roster(directory: &Path) -> Result<(Lock, Lock), DeploymentError> {
        Ok((Lock::part(directory)?, Lock::of(directory, "rotate.lock", File::try_lock)?))
    }

    fn of(
        directory: &Path,
        name: &str,
        take: fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Lock, DeploymentError> {
        let path = directory.join(name);
        let failed = |error| DeploymentError::File { path: path.clone(), error };
        // to lock a file that is there one need not be its owner
        let file = File::open(&path).or_else(|_| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o644).open(&path)
        });
        let file = file.map_err(failed)?;
        match take(&file) {
            Ok(()) => Ok(Lock(Arc::new(file))),
            Err(TryLockError::WouldBlock) => Err(DeploymentError::Busy { path: directory.to_owned() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

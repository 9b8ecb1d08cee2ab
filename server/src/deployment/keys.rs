//! Secret keys on disk: 32 bytes as hexadecimal digits, readable by their owner alone.
//!
//! # Invariants
//! - A key is on disk, synced, before anything is signed with it.
//! - A key file that others may read is refused, not repaired: whoever could read it may have.
//! - A directory that was made is durable before anything is in it: power that fails takes no synced file with its directory.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::port::file::sync_directory_of;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system does not let us.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// It is something else.
    #[error("{}: is no file: a key file holds 64 hexadecimal digits", .0.display())]
    NoFile(PathBuf),
    /// Where a directory is wanted there is something else.
    #[error("{}: is no directory", .0.display())]
    NoDirectory(PathBuf),
    /// Others could have read it.
    #[error("{}: others may read this key (mode {mode:o}): make new keys, or `chmod 600` it if nobody did", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds no key.
    #[error("{}: a key file holds 64 hexadecimal digits", .path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// No randomness.
    #[error("the system gives no randomness for keys: {0}")]
    Random(getrandom::Error),
}

/// A secret key. It is not printed.
#[derive(Clone)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn on(path: &Path) -> impl Fn(io::Error) -> KeyError {
    move |error| KeyError::File { path: path.to_owned(), error }
}

/// Makes a directory that only its owner may enter, if it is not there, and those above it. One that is there is its owner's to open or
/// close.
pub fn private_directory(path: &Path) -> Result<(), KeyError> {
    if path.exists() && !path.is_dir() {
        return Err(KeyError::NoDirectory(path.to_owned()));
    }
    let missing = path.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists());
    let missing: Vec<&Path> = missing.collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(on(path))?;
    missing.into_iter().try_for_each(sync_directory_of).map_err(on(path))
}

/// The key in a file.
pub fn read(path: &Path) -> Result<Secret, KeyError> {
    let metadata = fs::metadata(path).map_err(on(path))?;
    if !metadata.is_file() {
        return Err(KeyError::NoFile(path.to_owned()));
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    let text = fs::read_to_string(path).map_err(on(path))?;
    let mut secret = [0; 32];
    hex::decode_to_slice(text.trim(), &mut secret).map_err(|_| KeyError::NoKey { path: path.to_owned() })?;
    Ok(Secret(secret))
}

/// The key in a file; a new one if there is no file.
pub fn read_or_make(path: &Path) -> Result<Secret, KeyError> {
    if path.exists() {
        return read(path);
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(KeyError::Random)?;
    publish(path, hex::encode(secret).as_bytes(), 0o600).map_err(on(path))?;
    Ok(Secret(secret))
}

/// Writes a file whole or not at all, synced, with this mode.
pub fn publish(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory_of(path)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.key");
        let made = read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read_or_make(&path).unwrap().0, made.0);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path), Err(KeyError::Open { mode: 0o644, .. })));
    }

    #[test]
    fn a_directory_is_made_with_those_above_it_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let (above, path) = (directory.path().join("a"), directory.path().join("a/b/c"));
        for _ in 0..2 {
            private_directory(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
            fs::set_permissions(&above, Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(fs::metadata(&above).unwrap().mode() & 0o777, 0o755, "it is its owner's to open");
        fs::write(above.join("file"), "").unwrap();
        assert!(matches!(private_directory(&above.join("file")), Err(KeyError::NoDirectory(_))));
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.key");
        publish(&path, b"not a key", 0o600).unwrap();
        assert!(matches!(read(&path), Err(KeyError::NoKey { .. })));
    }
}

//! Cost profiles: how long each operation takes on a simulated machine.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What each operation costs. Times are nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Handling one input.
    pub input_ns: f64,
    /// One signature.
    pub sign_ns: f64,
    /// Checking one signature alone.
    pub verify_ns: f64,
    /// Checking one signature of a batch.
    pub verify_batched_ns: f64,
    /// Hashing one byte.
    pub hash_byte_ns: f64,
    /// Encoding or decoding one byte.
    pub code_byte_ns: f64,
    /// Writing one byte to disk.
    pub disk_byte_ns: f64,
    /// Syncing the disk.
    pub disk_sync_ns: f64,
    /// One HTTP request, made or answered.
    #[serde(default = "request_ns")]
    pub request_ns: f64,
    /// One event of an HTTP stream, written or read.
    #[serde(default = "event_ns")]
    pub event_ns: f64,
}

/// A profile that was made before there was HTTP has the usual costs of it.
fn request_ns() -> f64 {
    DEFAULT.request_ns
}

fn event_ns() -> f64 {
    DEFAULT.event_ns
}

/// Measured on one core of a 2-core cloud machine (AMD EPYC): Ed25519 sign 15 µs, verify 33 µs, 15 µs in batches of
/// 64; SHA-256 of short inputs about 1 ns a byte; `redb` on a file 1.3 ms a synced transaction, which syncs twice.
pub const DEFAULT: Profile = Profile {
    input_ns: 1_000.0,
    sign_ns: 15_000.0,
    verify_ns: 33_000.0,
    verify_batched_ns: 15_000.0,
    hash_byte_ns: 1.0,
    code_byte_ns: 0.3,
    disk_byte_ns: 0.5,
    disk_sync_ns: 600_000.0,
    request_ns: 25_000.0,
    event_ns: 5_000.0,
};

/// Everything is free: what remains is the network.
pub const ZERO: Profile = Profile {
    input_ns: 0.0,
    sign_ns: 0.0,
    verify_ns: 0.0,
    verify_batched_ns: 0.0,
    hash_byte_ns: 0.0,
    code_byte_ns: 0.0,
    disk_byte_ns: 0.0,
    disk_sync_ns: 0.0,
    request_ns: 0.0,
    event_ns: 0.0,
};

/// Why a file is no cost profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("{}: cannot read: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It holds something else.
    #[error("{}: no cost profile: {why}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
}

impl Profile {
    /// Reads a profile: a TOML table of these fields, each a number of nanoseconds.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| ProfileError::Unreadable { path: path.to_owned(), why })?;
        let wrong = |why: String| ProfileError::Wrong { path: path.to_owned(), why };
        let profile: Profile = toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let all = [
            profile.input_ns,
            profile.sign_ns,
            profile.verify_ns,
            profile.verify_batched_ns,
            profile.hash_byte_ns,
            profile.code_byte_ns,
            profile.disk_byte_ns,
            profile.disk_sync_ns,
            profile.request_ns,
            profile.event_ns,
        ];
        if all.iter().all(|cost| (0.0..1e12).contains(cost)) {
            Ok(profile)
        } else {
            Err(wrong("a cost must be a number of nanoseconds from 0 to 1e12".to_owned()))
        }
    }
}

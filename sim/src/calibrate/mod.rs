//! Calibration: what each operation costs on the machine at hand, as a profile for the simulator.
//!
//! Everything is measured on the production code: signatures, hashes and the codec by themselves, the store on the disk, the
//! actors at work inside a run of the simulator, the HTTP API on a server with a load generator beside it.

mod actors;
mod clock;
mod codec;
mod crypto;
mod disk;
mod fit;
mod machine;
mod meter;
mod wake;
mod web;

use std::path::Path;

pub use disk::DiskError;
pub use meter::Meter;

use crate::{
    model::costs::{Bytes, Profile, ProfileError},
    real::RealError,
    scenario::ScenarioError,
};

/// Why a machine cannot be calibrated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// Its disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A scenario of the calibration's own.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The server, or the load generator.
    #[error(transparent)]
    Real(#[from] RealError),
    /// Connections of this machine to itself.
    #[error("the loopback interface: {0}")]
    Loopback(std::io::Error),
    /// A run in which not everything arrived.
    #[error("{0} deliveries are missing from a run that measures actors: what it measured means nothing")]
    Undelivered(u64),
}

/// Measures this machine, with a disk that this directory is on. `told` hears what is measured next.
///
/// # Errors
/// Something cannot be measured.
pub fn calibrate(directory: &Path, told: &dyn Fn(&str)) -> Result<Profile, CalibrateError> {
    told("signatures");
    let crypto = crypto::crypto();
    told("hashes and codec");
    let bytes = Bytes { hash: crypto::hash_byte(), code: codec::byte() };
    told("durable writes");
    let disk = disk::disk(directory)?;
    told("wake-ups");
    let wake = wake::socket()?;
    told("actors");
    let role = actors::actors()?;
    let rest =
        Profile { machine: machine::describe(), crypto, bytes, disk, wake, http: Profile::zero().http, role };
    told("requests and events, on a real server");
    let http = web::http(directory, &rest, told)?;
    Ok(Profile { http, ..rest })
}

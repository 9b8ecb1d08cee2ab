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
pub mod pace;
mod place;
mod timer;
pub mod web;
mod withheld;

use std::path::Path;

pub use disk::DiskError;
pub use meter::Meter;

use crate::{
    model::costs::{Bytes, Profile, ProfileError, significant},
    real::{RealError, Server},
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
    /// Its threads.
    #[error("a runtime: {0}")]
    Runtime(std::io::Error),
    /// A run in which not everything arrived.
    #[error("{0} deliveries are missing from a run that measures actors: what it measured means nothing")]
    Undelivered(u64),
}

/// Seconds of each load by which the HTTP API is measured.
const SECONDS: u32 = 5;
/// How often each is measured.
const REPEATS: usize = 3;

/// Measures this machine, with a disk that this directory is on. `told` hears what is measured next.
///
/// # Errors
/// Something cannot be measured.
pub fn calibrate(directory: &Path, told: &dyn Fn(&str)) -> Result<Profile, CalibrateError> {
    with_http(directory, all_but_http(directory, told)?, told)
}

/// The same without the HTTP API and the way to it, which cost nothing then.
///
/// # Errors
/// Something cannot be measured.
pub fn all_but_http(directory: &Path, told: &dyn Fn(&str)) -> Result<Profile, CalibrateError> {
    told("signatures");
    let (crypto, crypto_pace) = pace::beside(crypto::crypto);
    told("hashes and codec");
    let (bytes, bytes_pace) = pace::beside(|| Bytes { hash: crypto::hash_byte(), code: codec::byte() });
    told("durable writes");
    let (disk, disk_pace) = disk::disk(directory)?;
    told("timers");
    let timer = timer::lateness()?;
    told("what is withheld from the cores");
    let withheld = withheld::withheld();
    told("actors");
    let (role, role_pace) = actors::actors()?;
    let paces = [crypto_pace, bytes_pace, disk_pace, role_pace];
    // what is told is the machine at its best: each part as if it had been measured then
    let pace = significant(paces.into_iter().fold(f64::INFINITY, f64::min));
    let [crypto_by, bytes_by, disk_by, role_by] = paces.map(|measured_at| pace / measured_at);
    let role = role.into_iter().map(|(role, handling)| (role, handling.times(role_by)));
    let rest = Profile {
        machine: machine::describe(),
        pace,
        crypto: crypto.times(crypto_by),
        bytes: bytes.times(bytes_by),
        disk: disk.times(disk_by),
        wake: Profile::zero().wake,
        timer,
        withheld,
        link: 0.0,
        http: Profile::zero().http,
        role: role.collect(),
    };
    told(&format!("the yardstick took {}", told_paces(&paces)));
    Ok(rest)
}

/// Measures the HTTP API of this machine and the way to it; everything else was measured before.
///
/// # Errors
/// The server or the load generator fails.
pub fn with_http(directory: &Path, rest: Profile, told: &dyn Fn(&str)) -> Result<Profile, CalibrateError> {
    told("requests and events, on a real server");
    let loads = web::loads(SECONDS);
    let measured = Server::beside_this()?.in_turn(&loads, REPEATS, directory, told)?;
    web::profile(&loads, &measured, rest, told)
}

fn told_paces(paces: &[f64]) -> String {
    let paces: Vec<String> = paces.iter().map(|ns| format!("{:.1}", ns / 1e3)).collect();
    format!("{} µs so far", paces.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::costs::OTHER, real::twin};

    #[test]
    fn a_machine_is_calibrated_and_its_profile_is_one_that_runs() {
        let directory = tempfile::tempdir().unwrap();
        let profile = all_but_http(directory.path(), &|_| ()).unwrap();
        assert!(profile.pace > 0.0 && !profile.machine.is_empty());
        let drawn = [
            &profile.crypto.sign,
            &profile.bytes.hash,
            &profile.bytes.code,
            &profile.disk.sync,
            &profile.timer,
        ];
        assert!(drawn.iter().all(|cost| cost.varies() && cost.mean() > 0.0), "{drawn:?}");
        let pauses: Vec<_> = profile.withheld.iter().chain(&profile.disk.standstills).collect();
        assert!(pauses.iter().all(|pauses| pauses.per_s > 0.0 && pauses.ns.at(0.0) >= 1e5), "{pauses:?}");
        for role in ["handler", "incoming", "sequencer", "mailbox", "client", "server", OTHER] {
            let handling = &profile.role[role];
            assert!(
                handling.step + handling.input + handling.byte > 0.0 && handling.spread.varies(),
                "{role}"
            );
        }
        let path = directory.path().join("here.toml");
        std::fs::write(&path, profile.to_toml()).unwrap();
        assert_eq!(Profile::read(&path).unwrap(), profile, "what is written is what was measured");
        let load = web::loads(1).pop().unwrap();
        let run = || twin::run(&load, 100, &profile, 7).unwrap();
        let outcome = run();
        assert_eq!((outcome.bundles().delivered, outcome.fingerprint()), (100, run().fingerprint()));
    }
}

//! The real server, with a load generator beside it: what a simulation of it is calibrated by and compared with.
//!
//! Both are the production programs, as processes of their own on the loopback interface; the store is on the disk of a
//! directory that is deleted afterwards.

mod commits;
mod csv;
mod process;
pub mod threads;
pub mod twin;

use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

pub use csv::Measured;
use process::Running;
use serde::{Deserialize, Serialize};

use crate::{calibrate::pace, scenario::Architecture};

/// Where the server listens: here, where nobody else does.
const HOST: &str = "127.0.0.1";

/// A load on a server.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// How the server is built.
    pub architecture: Architecture,
    /// Connections that submit.
    pub connections: u32,
    /// Requests a second over all of them; each as soon as the one before is answered, if none is given.
    pub rate_per_s: Option<u32>,
    /// Bundles of a request. What was kept before there could be several had one.
    #[serde(default = "one")]
    pub bundles: u32,
    /// Clients that receive.
    pub readers: u32,
    /// How many of them a bundle goes to.
    pub recipients: u32,
    /// Bytes of each payload.
    pub payload: u32,
    /// For how long.
    pub seconds: u32,
    /// Milliseconds of an epoch.
    pub epoch_ms: u32,
    /// Cores of the machine. What was kept before that was told is taken for measured here.
    #[serde(default = "cores")]
    pub cores: usize,
}

fn one() -> u32 {
    1
}

/// The cores of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// The server is not there.
    #[error("there is no server at {}: make it with `cargo build --release -p server`", .0.display())]
    NoServer(PathBuf),
    /// The system says so.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        why: io::Error,
    },
    /// A program has failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// The load generator wrote something else than a row.
    #[error("the load generator's row cannot be read: {0}")]
    Row(String),
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> RealError {
    let what = what.into();
    move |why| RealError::System { what, why }
}

/// The server program.
#[derive(Clone, Debug)]
pub struct Server(PathBuf);

impl Server {
    /// The one beside this program, made anew if cargo runs this.
    ///
    /// # Errors
    /// There is none.
    pub fn beside_this() -> Result<Server, RealError> {
        let own = std::env::current_exe().map_err(system("where this program is"))?;
        let server = own.with_file_name(format!("server{}", std::env::consts::EXE_SUFFIX));
        if let Some(cargo) = std::env::var_os("CARGO") {
            let build = ["build", "--quiet", "--release", "--package", "server", "--bin", "server"];
            // what is wrong with it cargo says itself
            let _ = Command::new(cargo).args(build).status();
        }
        if server.is_file() { Ok(Server(server)) } else { Err(RealError::NoServer(server)) }
    }

    /// Starts a server with an empty store below this directory, loads it, and stops it.
    ///
    /// # Errors
    /// Something cannot be started, or fails; or a delivery is missing, comes twice or out of order.
    pub fn measure(&self, load: &Load, directory: &Path) -> Result<Measured, RealError> {
        let scratch = tempfile::tempdir_in(directory)
            .map_err(system(format!("cannot write to {}", directory.display())))?;
        let port = free_port().map_err(system("no free port"))?;
        let mut run = Command::new(&self.0);
        run.args(["run", "--architecture", load.architecture.name()])
            .args(["--listen", &format!("{HOST}:{port}")])
            .args(["--epoch-ms", &load.epoch_ms.to_string()])
            .arg("--data")
            .arg(scratch.path().join("data"));
        let server = Running::start(run, "the server")?;
        server.wait_for(port)?;
        let before_ns = server.cpu_ns()?;
        let so_far = || {
            let mut threads = server.threads()?;
            let commits = commits::so_far(port, &mut threads)?;
            Ok::<_, RealError>((commits, threads))
        };
        let before = so_far()?;
        let row = scratch.path().join("load.csv");
        let generator = Running::start(self.generator(load, port, &row), "the load generator")?;
        let (finished, pace_ns) = pace::beside(|| generator.finish());
        let (said, generator_ns) = finished?;
        let server_ns = server.cpu_ns()?.saturating_sub(before_ns);
        let (commits, threads) = so_far()?;
        drop(server);
        let text = std::fs::read_to_string(&row)
            .map_err(|_| RealError::Failed { program: "the load generator", said })?;
        let measured = Measured::read(&text, (server_ns, generator_ns), pace_ns)?;
        Ok(Measured { commits: commits.since(before.0), threads: threads.since(before.1), ..measured })
    }

    /// Measures several loads in turn, so often; of each load all runs. Whatever the pace of the machine, each load meets it as often as
    /// any other does: what was measured of one can be said of another.
    ///
    /// # Errors
    /// The same.
    pub fn in_turn(
        &self,
        loads: &[Load],
        repeats: usize,
        directory: &Path,
        told: &dyn Fn(&str),
    ) -> Result<Vec<Vec<Measured>>, RealError> {
        let mut runs = vec![Vec::new(); loads.len()];
        for repeat in 1..=repeats {
            told(&format!("{} loads, {repeat} of {repeats}", loads.len()));
            for (load, runs) in loads.iter().zip(&mut runs) {
                runs.push(self.measure(load, directory)?);
            }
        }
        Ok(runs)
    }

    fn generator(&self, load: &Load, port: u16, row: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command
            .args(["load", "--server", &format!("http://{HOST}:{port}")])
            .args(["--connections", &load.connections.to_string()])
            .args(["--bundles", &load.bundles.to_string()])
            .args(["--readers", &load.readers.to_string()])
            .args(["--recipients", &load.recipients.to_string()])
            .args(["--payload", &load.payload.to_string()])
            .args(["--seconds", &load.seconds.to_string()])
            // signing beforehand would count as its work, too
            .args(["--signed-before", "0"])
            .arg("--csv")
            .arg(row);
        if let Some(rate) = load.rate_per_s {
            command.args(["--rate", &rate.to_string()]);
        }
        command
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((HOST, 0))?.local_addr()?.port())
}

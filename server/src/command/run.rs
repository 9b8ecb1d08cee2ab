//! `cargo server run`: a deployment in one process.

use std::{net::SocketAddr, path::PathBuf, pin::pin, process::ExitCode};

use clap::Args;
use futures_util::future::{Either, select};
use server::{
    actor::{Timing, handler::Custody},
    deployment::{Legacy, Plan},
    protocol::signing::Signing,
    service::{Service, Settings},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use super::{
    say,
    serving::Serving,
    shape::{Shape, Witnesses},
};

/// How long requests under way may take to end when the server stops.
const PATIENCE_NS: u64 = 10_000_000_000;

/// Run a server: all actors of a deployment in this process.
#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    shape: Shape,
    /// Its directory: keys, roster, what the actors store. Made on the first start.
    #[arg(long)]
    data: PathBuf,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Milliseconds of an epoch: the least time from one seal of an incoming actor to its next
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    epoch_ms: u64,
    /// Longest time without a cut.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    heartbeat_ms: u64,
    /// Serve clients of the earlier server too, which sign nothing: the request handler signs as their agent, for which the
    /// directory must have been made, and whoever knows a device's id reads its messages.
    #[arg(long)]
    json_api: bool,
    /// Sign and check nothing, to measure what that costs: the directory is made for it, and its deployment is refused by
    /// clients, by `verify`, and by a server without this option. Whoever reaches it can speak for anybody.
    #[arg(long, conflicts_with = "json_api")]
    unsigned_for_measuring: bool,
    /// Let the request handler sign for each bundle that it takes, and be answerable for it until it has a receipt or a
    /// refusal (parallel).
    #[arg(long)]
    handler_receipts: bool,
    #[command(flatten)]
    serving: Serving,
}

impl Run {
    /// Runs until it is told to stop, or an actor stops by itself.
    pub fn execute(&self) -> ExitCode {
        self.serving.start_log();
        self.serving.take_descriptors(self.json_api);
        until_told(self.start())
    }

    fn plan(&self) -> Result<Plan, String> {
        Ok(Plan { legacy: Legacy::of(self.json_api), ..self.shape.plan(Witnesses::Inside)? })
    }

    fn signing(&self) -> Signing {
        if self.unsigned_for_measuring { Signing::UnsignedForMeasuring } else { Signing::Ed25519 }
    }

    fn timing(&self) -> Timing {
        let epoch_ns = self.epoch_ms * 1_000_000;
        let heartbeat_ns = (self.heartbeat_ms * 1_000_000).max(epoch_ns);
        Timing { heartbeat_ns, ..Timing::of_epoch(epoch_ns) }
    }

    async fn start(&self) -> Result<Service, Failure> {
        let tls = self.serving.tls()?;
        let settings = Settings {
            plan: self.plan().map_err(Failure::start)?,
            signing: self.signing(),
            data: self.data.clone(),
            listen: self.listen,
            tls,
            timing: self.timing(),
            limits: self.serving.limits(),
            custody: if self.handler_receipts { Custody::Taken } else { Custody::NotTaken },
        };
        Service::start(settings).await.map_err(Failure::start)
    }
}

/// Runs a service until it is told to stop, or an actor stops by itself. Exit status: 0 told, 1 by itself, 2 it did
/// not start.
pub fn until_told(start: impl Future<Output = Result<Service, Failure>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the system gives no threads: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(run(start)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Start(why)) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
        Err(Failure::Stopped) => ExitCode::FAILURE,
    }
}

async fn run(start: impl Future<Output = Result<Service, Failure>>) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::start)?;
    let mut service = start.await?;
    say(format!("listening on {}", service.url()));
    info!(url = service.url(), "listening");
    let (terminated, interrupted) = (pin!(terminate.recv()), pin!(interrupt.recv()));
    let told = select(terminated, interrupted);
    if let Either::Right((Some((actor, why)), _)) = select(told, pin!(service.failed())).await {
        error!(%actor, %why, "an actor has stopped");
        return Err(Failure::Stopped);
    }
    info!("stopping");
    let all = service.stop(PATIENCE_NS).await;
    info!(all_answered = all, "stopped");
    Ok(())
}

/// Why a service does not run.
pub enum Failure {
    /// It did not start.
    Start(String),
    /// It ran, and stopped by itself.
    Stopped,
}

impl Failure {
    /// For `map_err`.
    pub fn start(why: impl std::fmt::Display) -> Failure {
        Failure::Start(why.to_string())
    }
}

//! `cargo server actor`: one actor of a cluster; and `cargo server init`: the keys and the roster for one.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use server::{
    architecture::Architecture,
    cluster::Cluster,
    deployment::{Deployment, Plan},
    protocol::{id::ActorId, signing::Signing},
    service::Service,
};

use super::{
    run::{Failure, until_told},
    serving::Serving,
};

/// Make keys and roster of a cluster, one process an actor, or one server and its witnesses. Each then needs the roster and its own
/// key alone.
#[derive(Args)]
pub struct Init {
    /// How it is built: central, multithreaded or parallel.
    #[arg(long, default_value = "parallel")]
    architecture: Architecture,
    /// The directory.
    #[arg(long)]
    data: PathBuf,
    /// How many incoming actors (parallel).
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=4096))]
    incoming: u32,
    /// How many mailbox actors (parallel).
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=4096))]
    mailboxes: u32,
    /// How many witnesses.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=64))]
    witnesses: u32,
}

impl Init {
    /// Makes them.
    pub fn execute(&self) -> ExitCode {
        let witnesses = self.witnesses;
        let plan = Plan::new(self.architecture, self.incoming, self.mailboxes, witnesses);
        let plan = Plan { witnesses, ..plan }; // in processes of their own they are worth something to a monolith, too
        match Deployment::open(&self.data, plan, Signing::Ed25519) {
            Ok(deployment) => {
                deployment.actors().iter().for_each(|actor| println!("{actor}"));
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        }
    }
}

/// Run one actor of a cluster.
#[derive(Args)]
pub struct ActorCommand {
    /// Which: handler/0, incoming/0, sequencer, mailbox/0, witness/0; in a cluster of one server sequencer is all but the witnesses.
    actor: ActorId,
    /// Where all actors are.
    #[arg(long)]
    cluster: PathBuf,
    /// Its directory: the roster, its key, what it stores.
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    serving: Serving,
}

impl ActorCommand {
    /// Runs until it is told to stop, or stops by itself.
    pub fn execute(&self) -> ExitCode {
        self.serving.start_log();
        until_told(self.start())
    }

    async fn start(&self) -> Result<Service, Failure> {
        let tls = self.serving.tls()?;
        let cluster = Cluster::read(&self.cluster).map_err(|error| Failure::start(error.to_string()))?;
        let started =
            Service::start_actor(self.actor, &cluster, &self.data, tls, self.serving.limits()).await;
        started.map_err(|error| Failure::start(error.to_string()))
    }
}

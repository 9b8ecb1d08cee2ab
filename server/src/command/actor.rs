//! `cargo server actor`: one actor of a cluster; and `cargo server init`: the keys and the roster for one.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use server::{
    cluster::Cluster,
    deployment::{Deployment, Legacy, Plan},
    port::tls::Tls,
    protocol::{id::ActorId, signing::Signing},
    service::{Member, Service},
};

use super::{
    run::{Failure, until_told},
    say,
    serving::Serving,
    shape::{Shape, Witnesses},
};

/// Make keys and roster of a cluster, one process an actor, or one server and its witnesses. Each then needs the roster and its own
/// key alone.
#[derive(Args)]
pub struct Init {
    #[command(flatten)]
    shape: Shape,
    /// The directory.
    #[arg(long)]
    data: PathBuf,
    /// Let the request handler sign for clients of the earlier server, which sign nothing: it serves their API then, and whoever knows
    /// a device's id reads its messages.
    #[arg(long)]
    json_api: bool,
}

impl Init {
    /// Makes them.
    pub fn execute(&self) -> ExitCode {
        match self.init() {
            Ok(actors) => {
                actors.iter().for_each(say);
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        }
    }

    fn init(&self) -> Result<Vec<ActorId>, String> {
        let legacy = Legacy::of(self.json_api);
        let plan = Plan { legacy, ..self.shape.plan(Witnesses::Apart)? };
        let deployment = Deployment::open(&self.data, plan, Signing::Ed25519);
        deployment.map(|deployment| deployment.actors()).map_err(|error| error.to_string())
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
    /// Whom a handler that signs for others believes where other actors serve TLS: certificates (PEM).
    #[arg(long)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    serving: Serving,
}

impl ActorCommand {
    /// Runs until it is told to stop, or stops by itself.
    pub fn execute(&self) -> ExitCode {
        self.serving.start_log();
        self.serving.take_descriptors(self.data.join("agent").exists());
        until_told(self.start())
    }

    async fn start(&self) -> Result<Service, Failure> {
        let tls = self.serving.tls()?;
        let believed = self.ca.as_deref().map(Tls::client).transpose().map_err(Failure::start)?;
        let cluster = Cluster::read(&self.cluster).map_err(Failure::start)?;
        let (actor, data, limits) = (self.actor, &*self.data, self.serving.limits());
        let member = Member { actor, data, tls, believed, limits };
        Service::start_actor(&cluster, member).await.map_err(Failure::start)
    }
}

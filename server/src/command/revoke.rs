//! `cargo server revoke`: a key that an actor had before counts no more.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use server::{
    deployment::{DeploymentError, succession},
    protocol::{id::ActorId, roster::Roster},
};

use super::say;

/// Revoke a key that an actor had before, in a new version of the roster, signed by the operator: it may have been stolen. The key that
/// an actor has now is revoked when it is replaced (`rotate --revoke`). The server must be stopped; then everybody is started with the
/// new roster.
#[derive(Args)]
pub struct Revoke {
    /// Whose: handler/0, incoming/0, sequencer, mailbox/0, witness/0. Of a server in one piece, any: it has one key.
    actor: ActorId,
    /// Which key, counted from 0, the first one.
    #[arg(long)]
    key: u32,
    /// The directory of the deployment, with the key of its operator and the store of the actor.
    #[arg(long)]
    data: PathBuf,
    /// How many cosignatures each witness has signed, in the order of the roster, if their stores are not in the directory.
    #[arg(long, value_delimiter = ',')]
    cosigned: Option<Vec<u64>>,
}

impl Revoke {
    /// Does it. Exit status: 0 done, 2 not.
    pub fn execute(&self) -> ExitCode {
        match self.revoke() {
            Ok(roster) => {
                say(format!("roster {}: key {} of {} is revoked", roster.version(), self.key, self.actor));
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        }
    }

    fn revoke(&self) -> Result<Roster, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the system gives no threads: {error}"))?;
        let revoked = succession::revoke(&self.data, self.actor, self.key, self.cosigned.clone());
        runtime.block_on(revoked).map_err(|error: DeploymentError| error.to_string())
    }
}

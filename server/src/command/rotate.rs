//! `cargo server rotate`: another key for an actor.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use server::{
    deployment::{
        DeploymentError,
        succession::{self, Before},
    },
    protocol::{id::ActorId, roster::Roster},
};

use super::say;

/// Give an actor another key, in a new version of the roster, signed by the operator. The server must be stopped; then everybody is
/// started with the new roster. Clients fetch it when they start.
#[derive(Args)]
pub struct Rotate {
    /// Whose: handler/0, incoming/0, sequencer, mailbox/0, witness/0. Of a server in one piece, any: it has one key.
    actor: ActorId,
    /// The directory of the deployment, with the keys of its operator and of the actor.
    #[arg(long)]
    data: PathBuf,
    /// The key before may have been stolen: what was signed with it proves nothing any more, but what a witness had cosigned.
    #[arg(long)]
    revoke: bool,
    /// How many cosignatures each witness has signed, in the order of the roster, if their stores are not in the directory.
    #[arg(long, requires = "revoke", value_delimiter = ',')]
    cosigned: Option<Vec<u64>>,
}

impl Rotate {
    /// Does it. Exit status: 0 done, 2 not.
    pub fn execute(&self) -> ExitCode {
        match self.rotate() {
            Ok(roster) => {
                let number = roster.current_number(&self.actor);
                say(format!("roster {}: {} has key {number}", roster.version(), self.actor));
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        }
    }

    fn rotate(&self) -> Result<Roster, String> {
        let before = match self.revoke {
            true => Before::Revoked(self.cosigned.clone()),
            false => Before::Counts,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the system gives no threads: {error}"))?;
        let told = |error: DeploymentError| error.to_string();
        runtime.block_on(succession::rotate(&self.data, self.actor, before)).map_err(told)
    }
}

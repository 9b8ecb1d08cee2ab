//! `cargo server client`: a client on the command line.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand};
use futures_util::FutureExt;
use server::{
    actor::Notice,
    client::{Client, Options, Url},
    deployment::keys,
    port::tls::Tls,
    protocol::{
        crypto::{Ed25519Signer, PublicKey, Signer},
        evidence::Evidence,
        id::ClientId,
        roster_file,
    },
};
use tokio::time::Instant;

use super::{log::Log, verify::Verify};

/// Send and receive as a client.
#[derive(Args)]
pub struct ClientCommand {
    /// The client's directory: key, roster, store, evidence. Made on the first use.
    #[arg(long)]
    dir: PathBuf,
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: Url,
    /// Over https: the certificate (PEM) of whom to believe.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// How long to wait for an answer.
    #[arg(long, default_value_t = 30)]
    patience_s: u64,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show the client's id; make its key if it is new.
    Keys,
    /// Send a message and wait for its receipt; show what comes meanwhile.
    Send {
        /// To whom: ids, separated by commas.
        #[arg(long, value_delimiter = ',', required = true)]
        to: Vec<String>,
        /// What; from standard input if it is -.
        message: String,
    },
    /// Show what has come and comes, until nothing has come for so long.
    Receive {
        /// Ends after so many seconds without a delivery.
        #[arg(long, default_value_t = 3)]
        quiet_s: u64,
        /// Ends after so many deliveries.
        #[arg(long)]
        count: Option<usize>,
    },
    /// Show what comes, until it is stopped.
    Watch,
    /// Judge a piece of evidence by the roster that this client keeps to.
    Verify {
        /// The evidence file.
        evidence: PathBuf,
    },
    /// Complain of whoever a piece of evidence exposes, and wait for the answer.
    Complain {
        /// The evidence file.
        evidence: PathBuf,
    },
}

impl ClientCommand {
    /// Does it. Exit status: 0 done, 1 not done in time, 2 bad input.
    pub fn execute(&self) -> ExitCode {
        Log::Plain.start();
        if let Action::Verify { evidence } = &self.action {
            let roster = self.dir.join("roster.json");
            return Verify { evidence: evidence.clone(), roster, agency: None }.execute();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let done =
            runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(self.run()));
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        }
    }

    async fn run(&self) -> Result<bool, String> {
        match &self.action {
            Action::Keys => {
                keys::private_directory(&self.dir).map_err(|error| error.to_string())?;
                let secret = keys::read_or_make(&self.dir.join("client.key")).map_err(|e| e.to_string())?;
                let id = Ed25519Signer::from_secret(&secret.0).public();
                println!("{}", hex::encode(id.0));
                Ok(true)
            }
            Action::Send { to, message } => {
                let to = to.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
                self.send(to, message).await
            }
            Action::Receive { quiet_s, count } => {
                self.receive(Some(Duration::from_secs(*quiet_s)), *count).await
            }
            Action::Watch => self.receive(None, None).await,
            Action::Verify { .. } => Ok(true),
            Action::Complain { evidence } => self.complain(evidence).await,
        }
    }

    async fn start(&self) -> Result<Client, String> {
        let tls = self.ca.as_deref().map(Tls::client).transpose().map_err(|error| error.to_string())?;
        let options = Options { server: self.server.clone(), directory: self.dir.clone(), tls };
        Client::start(options).await.map_err(|error| error.to_string())
    }

    /// Waits for a notice that gives an answer; none in time is `None`.
    async fn wait<T>(&self, client: &mut Client, mut answer: impl FnMut(Notice) -> Option<T>) -> Option<T> {
        let told = async {
            while let Some(notice) = client.next().await {
                if let Some(answer) = answer(notice) {
                    return Some(answer);
                }
            }
            None
        };
        tokio::time::timeout(Duration::from_secs(self.patience_s), told).await.ok().flatten()
    }

    async fn send(&self, to: Vec<ClientId>, message: &str) -> Result<bool, String> {
        let mut payload = message.as_bytes().to_vec();
        if message == "-" {
            payload.clear();
            std::io::stdin().read_to_end(&mut payload).map_err(|error| error.to_string())?;
        }
        let mut client = self.start().await?;
        let ciphertexts = to.into_iter().map(|recipient| (recipient, Vec::new())).collect();
        let token = client.send(payload, ciphertexts).ok_or("too much waits already")?;
        let (mut own, mut come) = (None, Vec::new());
        let answer = self.wait(&mut client, |notice| match notice {
            Notice::Delivered { .. } => {
                come.push(notice);
                None
            }
            Notice::Overloaded { token: told } if told == token => {
                Some(Err("it is too long, or has no recipient".to_owned()))
            }
            // bundles of an earlier use that have no receipt yet come first, under tokens of that use
            Notice::Submitted { token: told, number, .. } if told == token => {
                own = Some(number);
                None
            }
            Notice::Receipted { number, incoming, position } if own == Some(number) => {
                Some(Ok(format!("bundle {number} stands at {position} in the queue of incoming/{incoming}")))
            }
            _ => None,
        });
        let answer = answer.await;
        // what is told is told once: it would be lost if it were not shown now
        come.extend(std::iter::from_fn(|| client.next().now_or_never().flatten()));
        for notice in come {
            self.show(notice, &client)?;
        }
        match answer {
            Some(told) => {
                println!("{}", told?);
                Ok(true)
            }
            None => {
                eprintln!("no receipt yet; it is kept, and sent again with the next use");
                Ok(false)
            }
        }
    }

    async fn receive(&self, quiet: Option<Duration>, count: Option<usize>) -> Result<bool, String> {
        let mut client = self.start().await?;
        let (mut shown, mut last) = (0, Instant::now());
        while count.is_none_or(|count| shown < count) {
            let next = match quiet {
                Some(quiet) => tokio::time::timeout_at(last + quiet, client.next()).await,
                None => Ok(client.next().await),
            };
            let Ok(Some(notice)) = next else { break };
            if self.show(notice, &client)? {
                (shown, last) = (shown + 1, Instant::now());
            }
        }
        Ok(count.is_none_or(|count| shown >= count))
    }

    /// Shows a notice; whether it was a delivery.
    fn show(&self, notice: Notice, client: &Client) -> Result<bool, String> {
        match notice {
            Notice::Delivered { count, entry, sender, number, content, .. } => {
                let content = content.map(|content| content.payload).unwrap_or_default();
                let text = String::from_utf8_lossy(&content).replace(char::is_control, " ");
                let line =
                    format!("{count} {} {}/{number} {text}", entry.sequence, hex::encode(sender.bytes()));
                writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())?;
                return Ok(true);
            }
            Notice::Dropped { count, why, .. } => eprintln!("{count}: dropped: {why}"),
            Notice::Caught(evidence) => {
                let accused = evidence.accused().to_string().replace(['/', ':'], "-");
                let path = self.dir.join(format!("{accused}-{}.json", evidence.predicate()));
                let text = evidence.to_json(client.trust.deployment);
                keys::publish(&path, text.as_bytes(), 0o600).map_err(|error| error.to_string())?;
                eprintln!("{} cheated: {}", evidence.accused(), path.display());
            }
            _ => {}
        }
        Ok(false)
    }

    async fn complain(&self, evidence: &Path) -> Result<bool, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", evidence.display());
        let text = std::fs::read_to_string(evidence).map_err(|error| told(&error))?;
        let mut client = self.start().await?;
        let roster = std::fs::read_to_string(self.dir.join("roster.json")).map_err(|e| e.to_string())?;
        let trust = roster_file::from_json(&roster).map_err(|error| error.to_string())?;
        let evidence = Evidence::from_json(&text, trust.deployment).map_err(|error| told(&error))?;
        if server::protocol::judge::judge(&evidence, &trust).exposed().is_none() {
            return Err(
                "the evidence proves nothing: to complain with it would expose this client".to_owned()
            );
        }
        client.complain(evidence);
        let answer = self.wait(&mut client, |notice| match notice {
            Notice::ComplaintAnswered { by, how, .. } => Some(format!("{by}: {how}")),
            _ => None,
        });
        match answer.await {
            Some(answer) => {
                println!("{answer}");
                Ok(true)
            }
            None => {
                eprintln!("no answer");
                Ok(false)
            }
        }
    }
}

fn recipient(text: &str) -> Result<ClientId, String> {
    let mut id = [0; 32];
    hex::decode_to_slice(text, &mut id)
        .map_err(|_| format!("{text:?} is no client: write the 64 hexadecimal digits of its id"))?;
    Ok(ClientId(PublicKey(id)))
}

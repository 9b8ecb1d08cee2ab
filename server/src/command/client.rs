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
    client::{self, Client, Options, Url},
    deployment::keys,
    port::tls::Tls,
    protocol::{
        crypto::{Ed25519Signer, PublicKey, Signer},
        evidence::Evidence,
        id::ClientId,
        judge::judge,
        refusal::Reason,
    },
};
use tokio::time::Instant;

use super::{log::Log, say, verify::Verify};

/// The longest wait.
const YEAR_S: u64 = 31_536_000;

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
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=YEAR_S))]
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
    /// Show what has come and comes, until nothing has come for so long: count, number of all, sender and its number, what all got, and
    /// after a tab what is for this client alone. What was shown last may be shown once more by the next use: the
    /// count at the beginning of its line tells.
    Receive {
        /// Ends after so many seconds without a delivery.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=YEAR_S))]
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
                let secret = client::key(&self.dir).map_err(|error| error.to_string())?;
                let id = Ed25519Signer::from_secret(&secret.0).public();
                say(hex::encode(id.0));
                Ok(true)
            }
            Action::Send { to, message } => {
                let to = to.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
                let payload = payload(message)?;
                self.with_client(async |client| self.send(client, to, payload).await).await
            }
            Action::Receive { quiet_s, count } => {
                let quiet = Duration::from_secs(*quiet_s);
                self.with_client(async |client| self.receive(client, Some(quiet), *count).await).await
            }
            Action::Watch => self.with_client(async |client| self.receive(client, None, None).await).await,
            Action::Verify { .. } => Ok(true),
            Action::Complain { evidence } => {
                let text = std::fs::read_to_string(evidence).map_err(|error| told(evidence, &error))?;
                self.with_client(async |client| self.complain(client, (evidence, &text)).await).await
            }
        }
    }

    /// Starts the client, does something with it, and stops it when that is done.
    async fn with_client(
        &self,
        act: impl AsyncFnOnce(&mut Client) -> Result<Option<bool>, String>,
    ) -> Result<bool, String> {
        let tls = self.ca.as_deref().map(Tls::client).transpose().map_err(|error| error.to_string())?;
        let options = Options { server: self.server.clone(), directory: self.dir.clone(), tls };
        let patience = Duration::from_secs(self.patience_s.max(1));
        let started = tokio::time::timeout(patience, Client::start(options)).await;
        let silent = |_| format!("{}: it has said nothing for {} s", self.server, patience.as_secs());
        let mut client = started.map_err(silent)?.map_err(|error| error.to_string())?;
        let done = act(&mut client).await;
        let failed = client.stop().await;
        match (done?, failed) {
            (Some(done), _) => Ok(done),
            (None, Some(error)) => Err(format!("the client has stopped: {error}")),
            (None, None) => Err("the client has stopped".to_owned()),
        }
    }

    async fn send(
        &self,
        client: &mut Client,
        to: Vec<ClientId>,
        payload: Vec<u8>,
    ) -> Result<Option<bool>, String> {
        let ciphertexts = to.into_iter().map(|recipient| (recipient, Vec::new())).collect();
        let token = client.send(payload, ciphertexts).map_err(|error| error.to_string())?;
        let mut own = None;
        let answer = self.wait(client, |notice| match notice {
            Notice::Overloaded { token: told } if *told == token => {
                Some(Err("it is too long, or has no recipient".to_owned()))
            }
            // bundles of an earlier use that have no receipt yet come first, under tokens of that use
            Notice::Submitted { token: told, number, .. } if *told == token => {
                own = Some(*number);
                None
            }
            Notice::Receipted { number, incoming, position } if own == Some(*number) => {
                Some(Ok(format!("bundle {number} stands at {position} in the queue of incoming/{incoming}")))
            }
            notice => hopeless(notice).map(Err),
        });
        let answer = answer.await?;
        self.show_rest(client)?;
        match (answer, own) {
            (Answer::Given(answer), _) => {
                say(answer?);
                Ok(Some(true))
            }
            (Answer::Stopped, _) => Ok(None),
            (Answer::Late, Some(number)) => {
                eprintln!("no receipt yet; bundle {number} is kept, and sent again with the next use");
                Ok(Some(false))
            }
            (Answer::Late, None) => {
                eprintln!(
                    "no receipt yet; if it was stored just then it is sent with the next use, and else it is not"
                );
                Ok(Some(false))
            }
        }
    }

    /// Waits for a notice that gives an answer. What comes meanwhile is shown: with the next notice it is done with, and not told again.
    async fn wait<T>(
        &self,
        client: &mut Client,
        mut answer: impl FnMut(&Notice) -> Option<T>,
    ) -> Result<Answer<T>, String> {
        let until = Instant::now() + Duration::from_secs(self.patience_s);
        loop {
            match tokio::time::timeout_at(until, client.next()).await {
                Err(_) => return Ok(Answer::Late),
                Ok(None) => return Ok(Answer::Stopped),
                Ok(Some(notice)) => {
                    let answer = answer(&notice);
                    self.show(notice, client)?;
                    if let Some(answer) = answer {
                        return Ok(Answer::Given(answer));
                    }
                }
            }
        }
    }

    async fn receive(
        &self,
        client: &mut Client,
        quiet: Option<Duration>,
        count: Option<usize>,
    ) -> Result<Option<bool>, String> {
        let (mut shown, mut refused, mut last) = (0, false, Instant::now());
        while count.is_none_or(|count| shown < count) {
            let next = match quiet {
                Some(quiet) => tokio::time::timeout_at(last + quiet, client.next()).await,
                None => Ok(client.next().await),
            };
            let Ok(next) = next else { break };
            let Some(notice) = next else { return Ok(None) };
            if let Some(why) = hopeless(&notice) {
                // what others send still comes to one whose own bundles are refused
                if matches!(notice, Notice::Retired { .. }) {
                    return Err(why);
                }
                if !std::mem::replace(&mut refused, true) {
                    eprintln!("{why}");
                }
            }
            if self.show(notice, client)? {
                (shown, last) = (shown + 1, Instant::now());
            }
        }
        self.show_rest(client)?;
        let is_enough = |count: usize| shown >= count;
        match client.unheard().filter(|_| !count.is_some_and(is_enough)) {
            Some(why) => {
                eprintln!("{}: nothing could be received: {why}", self.server);
                Ok(Some(false))
            }
            None => Ok(Some(count.is_none_or(is_enough))),
        }
    }

    /// Shows what has come already: what is told is told once, and would be lost.
    fn show_rest(&self, client: &mut Client) -> Result<(), String> {
        while let Some(notice) = client.next().now_or_never().flatten() {
            self.show(notice, client)?;
        }
        Ok(())
    }

    /// Shows a notice; whether it was a delivery.
    fn show(&self, notice: Notice, client: &Client) -> Result<bool, String> {
        match notice {
            Notice::Delivered { count, entry, sender, number, content, .. } => {
                let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(char::is_control, " ");
                let (text, own) = content.map_or_else(Default::default, |content| {
                    (shown(&content.payload), shown(&content.ciphertext))
                });
                let mut line =
                    format!("{count} {} {}/{number} {text}", entry.sequence, hex::encode(sender.bytes()));
                // what is for this client alone
                if !own.is_empty() {
                    line.push('\t');
                    line.push_str(&own);
                }
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

    async fn complain(
        &self,
        client: &mut Client,
        (path, text): (&Path, &str),
    ) -> Result<Option<bool>, String> {
        let trust = client.trust.clone();
        let evidence = Evidence::from_json(text, trust.deployment).map_err(|error| told(path, &error))?;
        if judge(&evidence, &trust).exposed().is_none() {
            return Err(
                "the evidence proves nothing: to complain with it would expose this client".to_owned()
            );
        }
        client.complain(evidence);
        let answer = self.wait(client, |notice| match notice {
            Notice::ComplaintAnswered { by, how, .. } => Some(Ok(format!("{by}: {how}"))),
            Notice::Complained { number, against, charge: "known" } => Some(Ok(format!(
                "{against}: this client has complained of it before (complaint {number}), and once is enough"
            ))),
            Notice::Retired { .. } => hopeless(notice).map(Err),
            _ => None,
        });
        let answer = answer.await?;
        self.show_rest(client)?;
        match answer {
            Answer::Given(answer) => {
                say(answer?);
                Ok(Some(true))
            }
            Answer::Stopped => Ok(None),
            Answer::Late => {
                eprintln!("no answer");
                Ok(Some(false))
            }
        }
    }
}

/// What became of waiting for something.
enum Answer<T> {
    /// It came.
    Given(T),
    /// Not in time.
    Late,
    /// The client stopped before.
    Stopped,
}

/// Why nothing will come of this client any more, if a notice says so.
fn hopeless(notice: &Notice) -> Option<String> {
    let new = "make a new client, in another directory";
    match notice {
        Notice::Refused { number, reason: Reason::EQUIVOCATION } => Some(format!(
            "the server has another bundle {number} of this client: its key is used elsewhere too, or its directory is an old \
             copy; whoever sees both can show that it signed twice: {new}"
        )),
        Notice::Retired { .. } => Some(format!(
            "this client has lost what it had stored: it admits that, and signs nothing more: {new}"
        )),
        _ => None,
    }
}

fn told(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

fn payload(message: &str) -> Result<Vec<u8>, String> {
    if message != "-" {
        return Ok(message.as_bytes().to_vec());
    }
    let mut payload = Vec::new();
    std::io::stdin().read_to_end(&mut payload).map_err(|error| format!("standard input: {error}"))?;
    Ok(payload)
}

fn recipient(text: &str) -> Result<ClientId, String> {
    let mut id = [0; 32];
    hex::decode_to_slice(text, &mut id)
        .map_err(|_| format!("{text:?} is no client: write the 64 hexadecimal digits of its id"))?;
    Ok(ClientId(PublicKey(id)))
}

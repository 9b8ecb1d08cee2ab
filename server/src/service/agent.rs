//! The agent of clients that sign nothing, on this machine: its directory, and the way of its own clients to the actors.
//!
//! ```text
//! DIR/agent/agent.key       what the keys of its clients come from (0600)
//! DIR/agent/mailroom.*      what it keeps for devices
//! DIR/agent/devices/*       what its clients store
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use super::{HANDLER, HANDLER_INDEX};
use crate::{
    actor::{Setup, Timing},
    client::{self, Client, Scheme, Url, UrlError},
    deployment::{
        Deployment, DeploymentError,
        keys::{self, KeyError},
    },
    http::{
        Limits,
        agent::{self, Agent, Mailroom},
        client::{Hosts, Takes},
    },
    node::NodeError,
    port::{
        Network as _, Outward, Storage as _, StorageError,
        any_clock::AnyClock,
        any_spawn::AnySpawn,
        file::FileStorage,
        local::{Local, Switchboard},
        open::OpenStores,
        tls::Tls,
        tokio::{SystemClock, TokioTasks},
    },
    protocol::id::{ActorId, Role},
};

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its secret.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key of the handler that answers for it.
    #[error(transparent)]
    Handler(#[from] DeploymentError),
    /// It is gone.
    #[error("{} is gone, though its clients have stored: restore it from a copy, or move the directory away to begin with other clients", .0.display())]
    NoKey(PathBuf),
    /// What was in its mailroom is gone.
    #[error("{} is empty, though it has stored: what devices had not read is lost. Restore it from a copy, or delete {} to go on without", .0.display(), .0.with_extension("stored").display())]
    Lost(PathBuf),
    /// A directory.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Random(io::Error),
    /// Its mailroom.
    #[error("the mailroom of the JSON API: {0}")]
    Store(#[from] StorageError),
    /// Where other actors are.
    #[error("the clients of the JSON API must reach {actor}: {error}")]
    Elsewhere {
        /// Whom.
        actor: ActorId,
        /// What the cluster file says.
        error: UrlError,
    },
    /// A mailbox actor that nobody can reach.
    #[error("the clients of the JSON API must reach {0}: the cluster file needs http or url there")]
    Nowhere(ActorId),
    /// One that cannot be believed.
    #[error("the clients of the JSON API must reach {0} over TLS: --ca must say whom to believe")]
    Unbelieved(ActorId),
}

fn on(path: &Path, source: io::Error) -> AgentError {
    AgentError::Directory { path: path.to_owned(), source }
}

/// The agent of this process, whose clients have these ways. Its stores are among these, and what ends its mailroom it says there.
pub(super) async fn open(
    deployment: &Deployment,
    ways: Ways,
    timing: Timing,
    limits: &Limits,
    (stores, stopping): (&OpenStores, mpsc::UnboundedSender<(ActorId, NodeError)>),
) -> Result<Agent, AgentError> {
    let directory = deployment.directory().join("agent");
    let devices = directory.join("devices");
    keys::private_directory(&directory)?;
    keys::private_directory(&devices)?;
    let (key, store) = (directory.join("agent.key"), directory.join("mailroom.redb"));
    let has_stored = FileStorage::has_stored(&store);
    // with another key its clients would be others, over the stores of those that there were
    if !key.exists()
        && (has_stored || fs::read_dir(&devices).map_err(|error| on(&devices, error))?.next().is_some())
    {
        return Err(AgentError::NoKey(key));
    }
    let secret = keys::read_or_make(&key)?.0;
    let mut storage = FileStorage::of_actor(&store).among(stores);
    if !has_stored && matches!(storage.load().await, Err(StorageError::Corrupt(_))) {
        // it was being made when that was cut short: nothing in it was acknowledged
        storage.set_aside().await?;
    }
    // what cannot be stored must not be forgotten: without its mailroom the handler is no agent
    let failed = move |error: StorageError| {
        tracing::error!(%error, "the mailroom of the JSON API cannot store");
        // whoever started this may be gone
        let _ = stopping.send((HANDLER, error.into()));
    };
    let mailroom = Mailroom::open(storage, limits.mailroom_bytes, &TokioTasks, failed).await?;
    if has_stored && mailroom.has_no_rows() {
        return Err(AgentError::Lost(store));
    }
    let setup = Setup { trust: deployment.trust.clone(), timing };
    let takes = Takes::from(limits);
    // lives of this process are told apart, and those of earlier ones in all likelihood
    let (first_token, lives) = (client::first_token().map_err(AgentError::Random)?, AtomicU64::new(0));
    let stores = stores.clone();
    let start: agent::Start = Box::new(move |secret, name, post| {
        let store = devices.join(name).with_extension("redb");
        let (mut ports, has_stored) = client::ports(ways.clone(), &store);
        ports.storage = ports.storage.among(&stores);
        let hosts = ways.hosts();
        let (setup, life) = (setup.clone(), lives.fetch_add(1, Ordering::Relaxed));
        let first_token = first_token.wrapping_add(life << 32);
        Client::run(client::Parts { ports, hosts, secret, has_stored, setup, takes, first_token }, post)
    });
    let handler = agent::Handler {
        index: HANDLER_INDEX,
        signer: deployment.signer(HANDLER)?,
        trust: deployment.trust.clone(),
    };
    let (clock, spawn) = (AnyClock::new(SystemClock::default()), AnySpawn::new(TokioTasks));
    Ok(Agent::new(agent::Parts { secret, handler, mailroom, start, clock, spawn }, limits))
}

/// The ways of the agent's clients: to the API of their own process by pipes, for its listener may want TLS; to other actors as
/// everybody's.
#[derive(Clone)]
pub(super) struct Ways {
    board: Switchboard,
    here: Arc<BTreeSet<ActorId>>,
    elsewhere: Arc<BTreeMap<ActorId, Url>>,
    believed: Option<Tls>,
}

impl Ways {
    /// Out of a process of these actors.
    pub(super) fn out_of(
        here: Vec<ActorId>,
        elsewhere: &BTreeMap<ActorId, String>,
        believed: Option<Tls>,
    ) -> Result<Ways, AgentError> {
        let url = |(actor, url): (&ActorId, &String)| match url.parse() {
            Ok(url) => Ok((*actor, url)),
            Err(error) => Err(AgentError::Elsewhere { actor: *actor, error }),
        };
        Ok(Ways {
            board: Switchboard::default(),
            here: Arc::new(here.into_iter().collect()),
            elsewhere: Arc::new(elsewhere.iter().map(url).collect::<Result<_, _>>()?),
            believed,
        })
    }

    /// What servers are called.
    fn hosts(&self) -> Hosts {
        let elsewhere = self.elsewhere.iter().map(|(actor, url)| (*actor, url.authority()));
        Hosts::of("agent".to_owned(), elsewhere.collect())
    }

    /// Where they come in at home.
    pub(super) fn home(&self) -> Local {
        self.board.of(HANDLER)
    }

    /// Whether they lead to each of these that a client needs.
    pub(super) fn lead_to(&self, actors: &[ActorId]) -> Result<(), AgentError> {
        for actor in actors.iter().filter(|actor| !self.here.contains(actor)) {
            match self.elsewhere.get(actor) {
                None if actor.role() == Role::Mailbox => return Err(AgentError::Nowhere(*actor)),
                Some(url) if url.scheme == Scheme::Https && self.believed.is_none() => {
                    return Err(AgentError::Unbelieved(*actor));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A pipe, or a connection.
pub trait Way: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Way for S {}

impl Outward for Ways {
    type Stream = Box<dyn Way>;

    async fn reach(&self, to: ActorId) -> io::Result<Self::Stream> {
        if self.here.contains(&to) {
            return Ok(Box::new(self.board.behind(HANDLER).connect(to).await?));
        }
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("nobody says where {to} is"));
        let url = self.elsewhere.get(&to).ok_or_else(unknown)?;
        Ok(Box::new(url.connect(self.believed.as_ref()).await?))
    }
}

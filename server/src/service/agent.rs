//! The agent of clients that sign nothing, on this machine: its directory, and the way of its own clients to the actors.
//!
//! ```text
//! DIR/agent/agent.key       what the keys of its clients come from (0600)
//! DIR/agent/mailroom.*      what it keeps for devices
//! DIR/agent/devices/*       what its clients store
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Around, HANDLER, HANDLER_INDEX};
use crate::{
    actor::{Setup, Timing},
    architecture::Running,
    client::{self, Client, Scheme, Url, UrlError},
    deployment::{
        Deployment, DeploymentError,
        keys::{self, KeyError},
    },
    http::{
        Limits,
        agent::{self, Agent, Mailroom},
    },
    port::{
        Network, StorageError,
        any_clock::AnyClock,
        any_spawn::AnySpawn,
        file::FileStorage,
        local::{Behind, Switchboard},
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

/// The agent of this process: there is one where the request handler is that the roster names as one.
pub(super) async fn open(
    deployment: &Deployment,
    running: &Running,
    timing: Timing,
    limits: &Limits,
    around: &Around,
    board: &Switchboard,
) -> Result<Option<Agent>, AgentError> {
    let is_here = running.doors.iter().any(|(actor, _)| *actor == HANDLER);
    if !is_here || !deployment.trust.roster.is_agent(HANDLER_INDEX) {
        return Ok(None);
    }
    let directory = deployment.directory().join("agent");
    let devices = directory.join("devices");
    keys::private_directory(&directory)?;
    keys::private_directory(&devices)?;
    let secret = keys::read_or_make(&directory.join("agent.key"))?.0;
    let storage = FileStorage::of_actor(&directory.join("mailroom.redb"));
    let stopping = running.stopping.clone();
    // what cannot be stored must not be forgotten: without its mailroom the handler is no agent
    let failed = move |error: StorageError| {
        tracing::error!(%error, "the mailroom of the JSON API cannot store");
        // whoever started this may be gone
        let _ = stopping.send((HANDLER, error.into()));
    };
    let mailroom = Mailroom::open(storage, limits.mailroom_bytes, &TokioTasks, failed).await?;
    let setup = Setup { trust: deployment.trust.clone(), timing };
    let ways = Ways::out_of(running, around, board)?;
    ways.lead_to(&deployment.actors())?;
    let start: agent::Start = Box::new(move |secret, name, post| {
        let (ports, has_stored) = client::ports(ways.clone(), &devices.join(name).with_extension("redb"));
        let host = "agent".to_owned();
        Client::run(client::Parts { ports, host, secret, has_stored, setup: setup.clone() }, post)
    });
    let handler = agent::Handler {
        index: HANDLER_INDEX,
        signer: deployment.signer(HANDLER)?,
        trust: deployment.trust.clone(),
    };
    let (clock, spawn) = (AnyClock::new(SystemClock::default()), AnySpawn::new(TokioTasks));
    Ok(Some(Agent::new(agent::Parts { secret, handler, mailroom, start, clock, spawn }, limits)))
}

/// The ways of the agent's clients: to the API of their own process by pipes, for its listener may want TLS; to other actors as
/// everybody's.
#[derive(Clone)]
struct Ways {
    home: Behind,
    here: Arc<BTreeSet<ActorId>>,
    elsewhere: Arc<BTreeMap<ActorId, Url>>,
    believed: Option<Tls>,
}

impl Ways {
    fn out_of(running: &Running, around: &Around, board: &Switchboard) -> Result<Ways, AgentError> {
        let here = running.doors.iter().map(|(actor, _)| *actor).collect();
        let url = |(actor, url): (&ActorId, &String)| match url.parse() {
            Ok(url) => Ok((*actor, url)),
            Err(error) => Err(AgentError::Elsewhere { actor: *actor, error }),
        };
        Ok(Ways {
            home: board.behind(HANDLER),
            here: Arc::new(here),
            elsewhere: Arc::new(around.elsewhere.iter().map(url).collect::<Result<_, _>>()?),
            believed: around.believed.clone(),
        })
    }
}

impl Ways {
    /// Whether they lead to each of these that a client needs.
    fn lead_to(&self, actors: &[ActorId]) -> Result<(), AgentError> {
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
trait Way: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Way for S {}

impl Network for Ways {
    type Stream = Box<dyn Way>;
    type Listener = ();

    async fn listen(&self) -> io::Result<()> {
        Ok(()) // nobody connects to a client
    }

    async fn accept(_: &mut ()) -> io::Result<Self::Stream> {
        std::future::pending().await
    }

    async fn connect(&self, to: ActorId) -> io::Result<Self::Stream> {
        if self.here.contains(&to) {
            return Ok(Box::new(self.home.connect(to).await?));
        }
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("nobody says where {to} is"));
        let url = self.elsewhere.get(&to).ok_or_else(unknown)?;
        Ok(Box::new(url.connect(self.believed.as_ref()).await?))
    }
}

//! Architectures: how the actors of a deployment stand in one process.
//!
//! | name | what it is |
//! |---|---|
//! | `central` | one server, one key, one store: a single ordered section does all there is to do for a request |
//! | `multithreaded` | the same server and store; signatures and contents are checked by all processors before the ordered section |
//! | `parallel` | the pipeline: every actor a node of its own, with key and store of its own |
//!
//! All serve the same API with the same statements, so the same client and the same judge do for each.

mod monolith;
mod thread;

use std::{io, panic::AssertUnwindSafe, path::Path, str::FromStr};

use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    actor::{
        Setup, Timing, handler::Handler, incoming::Incoming, mailbox::Mailbox, sequencer::Sequencer,
        witness::Witness,
    },
    deployment::{Deployment, DeploymentError},
    node::{Door, Identity, Node, NodeError},
    port::{
        Network, Ports, Storage,
        file::FileStorage,
        local::Switchboard,
        open::OpenStores,
        tokio::{RealWork, SystemClock, TokioTasks},
    },
    protocol::id::{ActorId, Role},
    watch::Watch,
};

pub use monolith::Monolith;
pub use thread::Thread;

/// How a deployment is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// One server, one ordered section.
    Central,
    /// One server, checks in parallel before the ordered section.
    Multithreaded,
    /// The pipeline.
    Parallel,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Architecture; 3] =
        [Architecture::Central, Architecture::Multithreaded, Architecture::Parallel];

    /// Its name on the command line and in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Central => "central",
            Architecture::Multithreaded => "multithreaded",
            Architecture::Parallel => "parallel",
        }
    }

    /// Whether all but the witnesses are one server, with one key.
    pub fn is_monolith(self) -> bool {
        matches!(self, Architecture::Central | Architecture::Multithreaded)
    }

    /// Whether an actor is a part of such a server.
    pub fn is_server(self, actor: ActorId) -> bool {
        self.is_monolith() && actor.role() != Role::Witness
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Architecture::ALL.into_iter().find(|architecture| architecture.name() == text);
        found.ok_or_else(|| format!("{text:?} is no architecture: write central, multithreaded or parallel"))
    }
}

/// Why the actors of a deployment cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A key cannot be read, or is another than the roster lists.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The system gives it no thread.
    #[error("no thread for {actor}: {why}")]
    Thread {
        /// Whose.
        actor: ActorId,
        /// What the system says.
        why: io::Error,
    },
}

/// The actors of a deployment, running as long as this is kept.
pub struct Running {
    /// The way in to each actor. Where one server holds several, they have the same.
    pub doors: Vec<(ActorId, Door)>,
    /// Tells which actor has stopped, and why: none stops while all is well.
    pub stopped: mpsc::UnboundedReceiver<(ActorId, NodeError)>,
    /// By which whoever works for an actor says that of it.
    pub stopping: mpsc::UnboundedSender<(ActorId, NodeError)>,
    /// Each actor ends with its own.
    pub threads: Vec<Thread>,
    /// Their stores, where these are files.
    pub stores: OpenStores,
}

/// Starts all actors of a deployment in this process, on the current tokio runtime.
pub fn start(deployment: &Deployment, timing: Timing, watch: &Watch) -> Result<Running, StartError> {
    let stores = OpenStores::default();
    let running = start_on(|path| store(path, &stores), deployment, timing, watch)?;
    Ok(Running { stores, ..running })
}

/// The store of an actor that has a thread of its own.
fn store(path: &Path, stores: &OpenStores) -> FileStorage {
    FileStorage::of_actor(path).in_place().among(stores)
}

/// The same on other storage than files, made for the path where an actor stores: on a disk with faults, say.
pub fn start_on<S: Storage>(
    storage: impl Fn(&Path) -> S,
    deployment: &Deployment,
    timing: Timing,
    watch: &Watch,
) -> Result<Running, StartError> {
    let (stopping, stopped) = mpsc::unbounded_channel();
    let board = Switchboard::default();
    let setup = Setup { trust: deployment.trust.clone(), timing };
    let network = |actor| board.of(actor);
    // nobody connects but these
    let connections = Semaphore::MAX_PERMITS;
    let start = Start { deployment, setup, watch, network, storage, connections, stopped: stopping.clone() };
    let actors = deployment.actors();
    let (mut doors, mut threads) = (Vec::new(), Vec::new());
    match deployment.architecture() {
        Architecture::Parallel => {
            for actor in actors {
                let (door, thread) = start.actor(actor)?;
                doors.push((actor, door));
                threads.push(thread);
            }
        }
        Architecture::Central | Architecture::Multithreaded => {
            let (door, thread) = start.monolith()?;
            doors.extend(actors.into_iter().map(|actor| (actor, door.clone())));
            threads.push(thread);
        }
    }
    Ok(Running { doors, stopped, stopping, threads, stores: OpenStores::default() })
}

/// Starts one actor of the pipeline, a witness, or a server that is all the others; the rest runs elsewhere in this network, and has so many
/// connections to it at most.
pub fn start_one<N: Network>(
    deployment: &Deployment,
    actor: ActorId,
    (network, connections): (N, usize),
    timing: Timing,
    watch: &Watch,
) -> Result<Running, StartError> {
    let (stopping, stopped) = mpsc::unbounded_channel();
    let setup = Setup { trust: deployment.trust.clone(), timing };
    let stores = OpenStores::default();
    let (network, storage) = (|_| network.clone(), |path: &Path| store(path, &stores));
    let start = Start { deployment, setup, watch, network, storage, connections, stopped: stopping.clone() };
    let (doors, thread) = if deployment.architecture().is_server(actor) {
        let (door, thread) = start.monolith()?;
        (Monolith::actors().into_iter().map(|part| (part, door.clone())).collect(), thread)
    } else {
        let (door, thread) = start.actor(actor)?;
        (vec![(actor, door)], thread)
    };
    Ok(Running { doors, stopped, stopping, threads: vec![thread], stores })
}

struct Start<'a, F, G> {
    deployment: &'a Deployment,
    setup: Setup,
    watch: &'a Watch,
    network: F,
    storage: G,
    /// Most that others have to an actor.
    connections: usize,
    stopped: mpsc::UnboundedSender<(ActorId, NodeError)>,
}

/// Runs an actor that is made by `$recover` on a node of its own.
macro_rules! run {
    ($start:expr, $actor:expr, $recover:expr) => {
        run!($start, $actor, vec![$actor], $recover)
    };
    ($start:expr, $actor:expr, $actors:expr, $recover:expr) => {{
        let node = Node::default().up_to($start.connections);
        let door = node.door();
        let (identity, ports) = ($start.identity($actor, $actors)?, $start.ports($actor)?);
        let running = node.run(identity, ports, $start.watch.of($actor), $recover);
        let running = until_stopped($actor, running, $start.stopped.clone());
        let thread = Thread::run($actor, running);
        Ok((door, thread.map_err(|why| StartError::Thread { actor: $actor, why })?))
    }};
}

/// Runs an actor, and says so if it stops.
async fn until_stopped(
    actor: ActorId,
    running: impl Future<Output = Result<(), NodeError>>,
    stopped: mpsc::UnboundedSender<(ActorId, NodeError)>,
) {
    let ended = AssertUnwindSafe(running).catch_unwind().await;
    if let Err(error) = ended.unwrap_or(Err(NodeError::Panicked)) {
        // whoever started it may be gone
        let _ = stopped.send((actor, error));
    }
}

type RealPorts<N, S> = Ports<N, SystemClock, S, RealWork, TokioTasks>;

impl<N: Network, S: Storage, F: Fn(ActorId) -> N, G: Fn(&Path) -> S> Start<'_, F, G> {
    fn identity(&self, actor: ActorId, actors: Vec<ActorId>) -> Result<Identity, StartError> {
        let keys = self.deployment.keyring(actor)?;
        let terms = self.setup.trust.roster.present_terms_of(&actor);
        let has_stored = FileStorage::has_stored(&self.deployment.store(actor));
        Ok(Identity { actors, deployment: self.setup.trust.deployment, keys, terms, has_stored })
    }

    fn ports(&self, actor: ActorId) -> Result<RealPorts<N, S>, StartError> {
        Ok(Ports {
            network: (self.network)(actor),
            clock: SystemClock::default(),
            storage: (self.storage)(&self.deployment.store(actor)),
            work: RealWork,
            spawn: TokioTasks,
        })
    }

    fn actor(&self, actor: ActorId) -> Result<(Door, Thread), StartError> {
        let setup = self.setup.clone();
        let ActorId::Server(role, index) = actor else { unreachable!("a roster has no clients") };
        match role {
            Role::Handler => {
                let custody = self.deployment.custody();
                run!(self, actor, move |stored| Handler::recover(index, setup, custody, stored))
            }
            Role::Incoming => run!(self, actor, move |stored| Incoming::recover(index, setup, stored)),
            Role::Mailbox => run!(self, actor, move |stored| Mailbox::recover(index, setup, stored)),
            Role::Witness => run!(self, actor, move |stored| Witness::recover(index, setup, stored)),
            _ => run!(self, actor, move |stored| Sequencer::recover(setup, stored)),
        }
    }

    fn monolith(&self) -> Result<(Door, Thread), StartError> {
        let setup = self.setup.clone();
        run!(self, ActorId::SEQUENCER, Monolith::actors(), move |stored| Monolith::recover(setup, stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_panics_has_stopped() {
        let (stopping, mut stopped) = mpsc::unbounded_channel();
        until_stopped(ActorId::SEQUENCER, async { panic!("on purpose") }, stopping.clone()).await;
        assert!(matches!(stopped.recv().await, Some((ActorId::SEQUENCER, NodeError::Panicked))));
        until_stopped(ActorId::SEQUENCER, async { Ok(()) }, stopping).await;
        assert!(stopped.recv().await.is_none(), "whoever ends in good order has not stopped by itself");
    }
}

//! A service: a deployment, its actors and the HTTP API, in this process.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    actor::{Timing, handler::Custody},
    architecture::{self, Architecture, Monolith, Running, StartError, Thread},
    cluster::Cluster,
    deployment::{Deployment, DeploymentError, Lock, Plan},
    http::{Front, Limits, Parts, Serving, router, serve, serve_agent},
    node::NodeError,
    port::{
        Network,
        any_clock::AnyClock,
        any_work::AnyWork,
        local::Local,
        open::OpenStores,
        parts::TcpOfParts,
        tls::{Secured, Tls},
        tokio::{RealWork, SystemClock, Tcp, TokioTasks},
    },
    protocol::{
        id::{ActorId, Role},
        signing::Signing,
        statement::Trust,
    },
    watch::{Watch, commits::Commits, metrics::Metrics},
};

mod agent;

pub use agent::AgentError;
use agent::Ways;

/// What a service is to be.
#[derive(Clone)]
pub struct Settings {
    /// Its actors.
    pub plan: Plan,
    /// How it signs.
    pub signing: Signing,
    /// Its directory.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// With which certificate; in the clear without one.
    pub tls: Option<Tls>,
    /// Its pace.
    pub timing: Timing,
    /// What may be asked for.
    pub limits: Limits,
    /// Whether request handlers sign for what they take (parallel).
    pub custody: Custody,
}

impl Settings {
    /// The usual ones for a deployment in this directory: epochs of 5 ms, on a port that the system chooses, for this machine alone.
    pub fn new(plan: Plan, data: &Path) -> Settings {
        Settings {
            plan,
            signing: Signing::Ed25519,
            data: data.to_owned(),
            listen: NOWHERE,
            tls: None,
            timing: Timing::of_epoch(5_000_000),
            limits: Limits::default(),
            custody: Custody::default(),
        }
    }
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its directory.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// Its actors.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its address.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Its agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A cluster without it.
    #[error("the cluster file has no place for {0}")]
    NoPlace(ActorId),
    /// Clients would be told to speak to it in the clear.
    #[error(
        "{0} serves TLS, so its place in the cluster file needs url = \"https://…\": by that clients are told of it"
    )]
    UrlOfTls(ActorId),
    /// An actor that is no process.
    #[error("{0} is a part of this cluster's one server: start sequencer, which is all of it")]
    PartOfServer(ActorId),
    /// Receipts that nobody could tell from those of the next actor.
    #[error(
        "handler receipts are for parallel: the handler of a {0} server has the key of the actors that it hands on to"
    )]
    OneKey(&'static str),
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Random(getrandom::Error),
}

/// A running service. Its actors end with it.
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    /// What checks its signatures.
    pub trust: Trust,
    /// Its log, metrics, public statements.
    pub watch: Watch,
    scheme: &'static str,
    stopped: mpsc::UnboundedReceiver<(ActorId, NodeError)>,
    serving: Serving,
    threads: Vec<Thread>,
    stores: OpenStores,
    /// Of its directory, until the stores are closed.
    lock: Lock,
}

impl Service {
    /// Starts everything on the current tokio runtime.
    pub async fn start(settings: Settings) -> Result<Service, ServiceError> {
        let Settings { plan, signing, data, listen, tls, timing, limits, custody } = settings;
        let limits = limits_in(plan.architecture, limits);
        check_custody(plan.architecture, custody)?;
        // first, so that nothing is made for a server that cannot be reached
        let door = Opened::on(listen, tls).await?;
        let deployment = Deployment::open(&data, plan, signing)?.with_custody(custody);
        let watch = watch_of(&deployment);
        let around = Around::of(&deployment, deployment.actors(), BTreeMap::new(), None)?;
        let running = architecture::start(&deployment, timing, &watch)?;
        let stores = running.stores.clone();
        or_closed(stores, door.serve(deployment, running, watch, timing, limits, around)).await
    }

    /// Starts one actor of a cluster, or its one server; if clients speak to it, with the HTTP API in front.
    pub async fn start_actor(
        cluster: &Cluster,
        Member { actor, data, tls, believed, limits }: Member<'_>,
    ) -> Result<Service, ServiceError> {
        let architecture = cluster.architecture();
        let is_server = architecture.is_server(actor);
        if is_server && actor != ActorId::SEQUENCER {
            return Err(ServiceError::PartOfServer(actor));
        }
        check_custody(architecture, cluster.custody())?;
        let deployment = Deployment::open_for(data, architecture, actor)?.with_custody(cluster.custody());
        let place = cluster.place(actor).ok_or(ServiceError::NoPlace(actor))?;
        if tls.is_some() && place.http.is_some() && !place.url_is_https() {
            return Err(ServiceError::UrlOfTls(actor));
        }
        let opened = Opened::on(place.http.unwrap_or(NOWHERE), tls).await?;
        // who is nowhere would never be reached, and nobody would know why
        let others = deployment.trust.roster.members().iter().map(|member| member.actor);
        let lost = others
            .filter(|other| !architecture.is_server(*other))
            .find(|other| cluster.place(*other).is_none());
        if let Some(lost) = lost {
            return Err(ServiceError::NoPlace(lost));
        }
        let watch = watch_of(&deployment);
        let (timing, limits) = (cluster.timing(), limits_in(architecture, limits));
        let here = if is_server { Monolith::actors() } else { vec![actor] };
        let around = Around::of(&deployment, here, cluster.urls(), believed)?;
        // one that is lost, and not given up yet, leaves room for the next
        let connections = limits.peers.saturating_add(2 * deployment.actors().len());
        let running = if is_server {
            let network = TcpOfParts::on(addresses_of_parts(cluster)?);
            architecture::start_one(&deployment, actor, (network, connections), timing, &watch)?
        } else {
            let network = Tcp { listen: place.listen, addresses: Arc::new(cluster.addresses()) };
            architecture::start_one(&deployment, actor, (network, connections), timing, &watch)?
        };
        let stores = running.stores.clone();
        or_closed(stores, opened.serve(deployment, running, watch, timing, limits, around)).await
    }

    /// How clients reach it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Waits until an actor stops by itself: none does while all is well.
    pub async fn failed(&mut self) -> Option<(ActorId, NodeError)> {
        self.stopped.recv().await
    }

    /// Takes no more requests and waits for those under way, for so long at most, and until its stores are closed: it may be started
    /// again then. Whether all were answered.
    pub async fn stop(self, patience_ns: u64) -> bool {
        let Service { serving, threads, stores, lock, .. } = self;
        let all = serving.stop(patience_ns).await;
        // each waits for what it writes
        let ended = tokio::task::spawn_blocking(move || drop(threads)).await;
        stores.closed().await;
        drop(lock);
        all && ended.is_ok()
    }
}

/// What comes of starting: if nothing, its stores are closed.
async fn or_closed(
    stores: OpenStores,
    starting: impl Future<Output = Result<Service, ServiceError>>,
) -> Result<Service, ServiceError> {
    let started = starting.await;
    if started.is_err() {
        stores.closed().await;
    }
    started
}

/// An actor that clients do not speak to still shows its health and its statements, on a port that the system chooses.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The request handler that is an agent, if there is one.
const HANDLER_INDEX: u32 = 0;
const HANDLER: ActorId = ActorId::Server(Role::Handler, HANDLER_INDEX);

fn check_custody(architecture: Architecture, custody: Custody) -> Result<(), ServiceError> {
    match custody == Custody::Taken && architecture.is_monolith() {
        true => Err(ServiceError::OneKey(architecture.name())),
        false => Ok(()),
    }
}

/// A central server checks signatures one after the other.
fn limits_in(architecture: Architecture, limits: Limits) -> Limits {
    match architecture {
        Architecture::Central => Limits { checkers: 1, ..limits },
        _ => limits,
    }
}

/// Where witnesses find the parts of a server: nobody connects to its handler but clients.
fn addresses_of_parts(cluster: &Cluster) -> Result<BTreeMap<ActorId, SocketAddr>, ServiceError> {
    let parts = Monolith::actors().into_iter().filter(|part| part.role() != Role::Handler);
    parts.map(|part| Ok((part, cluster.place(part).ok_or(ServiceError::NoPlace(part))?.listen))).collect()
}

/// One process of a cluster.
pub struct Member<'a> {
    /// Which actor.
    pub actor: ActorId,
    /// Its directory.
    pub data: &'a Path,
    /// With which certificate it listens; in the clear without one.
    pub tls: Option<Tls>,
    /// Whom its own clients believe, those for which it signs, where others serve TLS.
    pub believed: Option<Tls>,
    /// What may be asked for.
    pub limits: Limits,
}

/// What is elsewhere.
struct Around {
    /// Actors, and how clients reach them.
    elsewhere: BTreeMap<ActorId, String>,
    /// How the agent's own clients do, if there is an agent here.
    ways: Option<Ways>,
}

impl Around {
    fn of(
        deployment: &Deployment,
        here: Vec<ActorId>,
        elsewhere: BTreeMap<ActorId, String>,
        believed: Option<Tls>,
    ) -> Result<Around, AgentError> {
        let is_agent = here.contains(&HANDLER) && deployment.trust.roster.is_agent(HANDLER_INDEX);
        let ways = is_agent.then(|| Ways::out_of(here, &elsewhere, believed));
        let ways = ways.transpose()?;
        ways.iter().try_for_each(|ways| ways.lead_to(&deployment.actors()))?;
        Ok(Around { elsewhere, ways })
    }
}

fn watch_of(deployment: &Deployment) -> Watch {
    let proves = deployment.trust.verifier.proves();
    if !proves {
        warn!(
            "UNSIGNED, FOR MEASURING: nothing here is signed or checked; whoever reaches this server can speak for anybody"
        );
    }
    Watch {
        metrics: Arc::new(if proves { Metrics::default() } else { Metrics::for_measuring() }),
        shelf: Arc::default(),
        commits: Arc::new(Commits::new(AnyClock::new(SystemClock::default()))),
        deployment: deployment.trust.deployment,
        evidence: deployment.evidence(),
        told: Arc::default(),
    }
}

/// An address that is listened on, and not served yet.
struct Opened {
    address: SocketAddr,
    listener: <Secured<Tcp> as Network>::Listener,
}

impl Opened {
    async fn on(listen: SocketAddr, tls: Option<Tls>) -> Result<Opened, ServiceError> {
        let network = Secured { inner: Tcp { listen, addresses: Arc::default() }, tls };
        let failed = |error| ServiceError::Listen { address: listen, error };
        let listener = network.listen().await.map_err(failed)?;
        let address = listener.0.local_addr().map_err(failed)?;
        Ok(Opened { address, listener })
    }

    async fn serve(
        self,
        deployment: Deployment,
        running: Running,
        watch: Watch,
        timing: Timing,
        limits: Limits,
        around: Around,
    ) -> Result<Service, ServiceError> {
        let Opened { address, listener } = self;
        let Running { doors, stopped, stopping, threads, stores } = running;
        let Around { elsewhere, ways } = around;
        let lock = deployment.lock();
        let pipes = ways.as_ref().map(Ways::home);
        let agent = match ways {
            Some(ways) => Some(agent::open(&deployment, ways, timing, &limits, (&stores, stopping)).await?),
            None => None,
        };
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(ServiceError::Random)?;
        let front = Front::new(
            Parts {
                trust: deployment.trust.clone(),
                architecture: deployment.architecture(),
                roster: deployment.roster,
                timing,
                doors,
                elsewhere,
                limits,
                clock: AnyClock::new(SystemClock::default()),
                work: AnyWork::new(RealWork),
                watch: watch.clone(),
                secret,
                agent,
            },
            &TokioTasks,
        );
        let scheme = if listener.1.is_some() { "https" } else { "http" };
        if let Some(pipes) = pipes {
            let failed = |error| ServiceError::Listen { address, error };
            let pipes = pipes.listen().await.map_err(failed)?;
            serve_agent::<Local>(pipes, &front, &TokioTasks);
        }
        let serving = serve::<Secured<Tcp>>(listener, &front, router(front.clone()), &TokioTasks);
        Ok(Service {
            address,
            trust: deployment.trust,
            watch,
            scheme,
            stopped,
            serving,
            threads,
            stores,
            lock,
        })
    }
}

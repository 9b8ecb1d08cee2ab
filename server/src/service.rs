//! A service: a deployment, its actors and the HTTP API, in this process.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::mpsc;

use crate::{
    actor::Timing,
    architecture::{self, Architecture, Running, StartError},
    cluster::Cluster,
    deployment::{Deployment, DeploymentError, Plan},
    http::{Front, Limits, Parts, Serving, router, serve},
    node::NodeError,
    port::{
        Network,
        any_clock::AnyClock,
        tls::{Secured, Tls},
        tokio::{SystemClock, Tcp, TokioTasks},
    },
    protocol::{crypto::Ed25519, id::ActorId, remembered::Remembered, statement::Trust},
    watch::Watch,
};

/// What a service is to be.
#[derive(Clone)]
pub struct Settings {
    /// Its actors.
    pub plan: Plan,
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
    /// A cluster without it.
    #[error("the cluster file has no place for {0}")]
    NoPlace(ActorId),
    /// No randomness.
    #[error("the system gives no randomness: {0}")]
    Random(getrandom::Error),
}

/// A running service.
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
}

impl Service {
    /// Starts everything on the current tokio runtime.
    pub async fn start(settings: Settings) -> Result<Service, ServiceError> {
        let Settings { plan, data, listen, tls, timing, mut limits } = settings;
        if plan.architecture == Architecture::Central {
            limits.checkers = 1;
        }
        let deployment = Deployment::open(&data, plan, Arc::new(Remembered::new(Ed25519)))?;
        let door = Opened::on(listen, tls).await?;
        let watch = watch_of(&deployment);
        let running = architecture::start(&deployment, timing, &watch)?;
        door.serve(deployment, running, watch, timing, limits, BTreeMap::new())
    }

    /// Starts one actor of a cluster; if clients speak to it, with the HTTP API in front.
    pub async fn start_actor(
        actor: ActorId,
        cluster: &Cluster,
        data: &Path,
        tls: Option<Tls>,
        limits: Limits,
    ) -> Result<Service, ServiceError> {
        let deployment = Deployment::open_for(data, actor, Arc::new(Remembered::new(Ed25519)))?;
        let place = cluster.place(actor).ok_or(ServiceError::NoPlace(actor))?;
        let opened = Opened::on(place.http.unwrap_or(NOWHERE), tls).await?;
        let watch = watch_of(&deployment);
        let network = Tcp { listen: place.listen, addresses: Arc::new(cluster.addresses()) };
        let timing = cluster.timing();
        let running = architecture::start_one(&deployment, actor, network, timing, &watch)?;
        opened.serve(deployment, running, watch, timing, limits, cluster.urls())
    }

    /// How clients reach it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Waits until an actor stops by itself: none does while all is well.
    pub async fn failed(&mut self) -> Option<(ActorId, NodeError)> {
        self.stopped.recv().await
    }

    /// Takes no more requests and waits for those under way, for so long at most. Whether all were answered.
    pub async fn stop(self, patience_ns: u64) -> bool {
        self.serving.stop(patience_ns).await
    }
}

/// An actor that clients do not speak to still shows its health and its statements, on a port that the system chooses.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn watch_of(deployment: &Deployment) -> Watch {
    Watch {
        metrics: Arc::default(),
        shelf: Arc::default(),
        deployment: deployment.trust.deployment,
        evidence: deployment.evidence(),
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

    fn serve(
        self,
        deployment: Deployment,
        running: Running,
        watch: Watch,
        timing: Timing,
        limits: Limits,
        elsewhere: BTreeMap<ActorId, String>,
    ) -> Result<Service, ServiceError> {
        let Opened { address, listener } = self;
        let Running { doors, stopped } = running;
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
                watch: watch.clone(),
                secret,
            },
            &TokioTasks,
        );
        let scheme = if listener.1.is_some() { "https" } else { "http" };
        let serving = serve::<Secured<Tcp>>(listener, &front, router(front.clone()), &TokioTasks);
        Ok(Service { address, trust: deployment.trust, watch, scheme, stopped, serving })
    }
}

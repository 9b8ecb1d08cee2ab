//! A client for applications: it sends, and tells what it receives, over the HTTP API of a server.
//!
//! It runs the client actor ([`crate::actor::client`]) that the simulator tests: every bundle is durable before it is
//! sent and sent until there is a receipt, every delivery is checked against what the server's actors have signed, and whoever cheats
//! is caught with evidence. See `examples/hello.rs`.
//!
//! # Invariants
//! - The first roster that a client sees is the one it keeps to, unless it is given one: pin it where that matters. Of others it takes
//!   those that come after it, when it starts.

mod web;

use std::{collections::BTreeMap, fs, io, ops::ControlFlow, path::PathBuf, sync::Arc};

use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::{
    actor::{self, Draft, Draught, Notice, Setup, Step, Timing},
    deployment::keys::{self, KeyError},
    http::client::{Caller, Connection, HttpNetwork, SILENCE_NS},
    node::{Door, Identity, Node, NodeError, Observer},
    port::{
        Network, Ports, StorageError, Time,
        any_clock::AnyClock,
        any_work::AnyWork,
        file::FileStorage,
        tls::Tls,
        tokio::{RealWork, SystemClock, TokioTasks},
    },
    protocol::{
        crypto::{Ed25519Signer, Keyring, Signer as _},
        digest::Digest,
        evidence::Evidence,
        file::FileError,
        id::{ActorId, ActorNameError, ClientId, Role},
        roster_file,
        statement::{Terms, Trust},
    },
};

pub use web::{Scheme, Url, UrlError, Web};

/// Where a client's server is, and where it keeps what it must.
pub struct Options {
    /// The server.
    pub server: Url,
    /// Its directory: key, roster, store, evidence. Made if it is not there.
    pub directory: PathBuf,
    /// Whom to believe over `https`.
    pub tls: Option<Tls>,
}

/// Why a client cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its files.
    #[error("{0}")]
    File(#[from] io::Error),
    /// Its store.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// The roster.
    #[error("the roster: {0}")]
    Roster(#[from] FileError),
    /// The server.
    #[error("{server}: {why}")]
    Server {
        /// Which.
        server: String,
        /// What it said, or why it could not be reached.
        why: String,
    },
}

/// A client. It runs until it is dropped.
pub struct Client {
    /// Who it is.
    pub id: ClientId,
    /// What checks the signatures of its deployment.
    pub trust: Trust,
    door: Door,
    tokens: u64,
    notices: mpsc::UnboundedReceiver<Notice>,
    running: tokio::task::JoinHandle<Result<(), NodeError>>,
}

/// What a client must know beside the roster.
#[derive(Deserialize)]
struct Pace {
    epoch_us: u64,
    heartbeat_us: u64,
    retry_us: u64,
    /// Where actors are that this server does not serve.
    #[serde(default)]
    elsewhere: BTreeMap<String, String>,
}

/// Hands every notice to the application.
struct Telling<F> {
    notices: mpsc::UnboundedSender<Notice>,
    first: F,
    /// What it said last.
    flow: ControlFlow<()>,
}

impl<F: FnMut(&Notice) -> ControlFlow<()> + Send + 'static> Observer for Telling<F> {
    fn promised(&mut self, _: Time, _: &Draft, _: Digest) {}

    fn notice(&mut self, _: Time, notice: Notice) {
        if self.flow.is_continue() {
            self.flow = (self.first)(&notice);
        }
        // the application may have seen enough
        let _ = self.notices.send(notice);
    }

    fn stepped(&mut self, _: Time, _: &Step) {}

    fn wants_more(&self) -> bool {
        self.flow.is_continue()
    }
}

/// What a client is made of, wherever its server is.
pub struct Parts<N> {
    /// Leads to where actors are served over HTTP.
    pub network: N,
    /// What the server is called in requests.
    pub host: String,
    /// The client's secret key.
    pub secret: [u8; 32],
    /// Where it stores.
    pub store: PathBuf,
    /// Roster, verification and pace.
    pub setup: Setup,
}

impl Client {
    /// Starts a client; makes its key if it is new.
    pub async fn start(options: Options) -> Result<Client, ClientError> {
        let Options { server, directory, tls } = options;
        keys::private_directory(&directory)?;
        let secret = keys::read_or_make(&directory.join("client.key"))?;
        let web = Web { server: server.clone(), elsewhere: Arc::default(), tls };
        let told = Introduced::by(&server, &web, &directory).await?;
        let web = Web { elsewhere: Arc::new(told.elsewhere), ..web };
        let parts = Parts {
            network: web,
            host: format!("{}:{}", server.host, server.port),
            secret: secret.0,
            store: directory.join("client.redb"),
            setup: Setup { trust: told.trust, timing: told.timing },
        };
        Client::run(parts, |_| ControlFlow::Continue(()))
    }

    /// Runs a client. Each notice goes to `first` before the client takes its next step: what it stores is stored. After a
    /// break it is told no more, and the client ends before that step: it tells again what it told in this one when it is run again.
    pub fn run<N: Network>(
        parts: Parts<N>,
        first: impl FnMut(&Notice) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Client, ClientError> {
        let Parts { network, host, secret, store, setup } = parts;
        let signer = || Box::new(Ed25519Signer::from_secret(&secret));
        let (id, trust) = (ClientId(signer().public()), setup.trust.clone());
        let clock = SystemClock::default();
        let network = HttpNetwork {
            inner: network,
            caller: Arc::new(Caller::new(signer(), trust.deployment)),
            host,
            silence_ns: SILENCE_NS,
            clock: AnyClock::new(clock.clone()),
            work: AnyWork::new(RealWork),
            spawn: TokioTasks,
        };
        let storage = FileStorage::of_client(&store);
        let has_stored = FileStorage::has_stored(&store);
        let ports = Ports { network, clock, storage, work: RealWork, spawn: TokioTasks };
        let actors = vec![ActorId::Client(id)];
        let (deployment, keys) = (trust.deployment, Keyring::of(signer()));
        let identity = Identity { actors, deployment, keys, terms: Terms::default(), has_stored };
        let node = Node::default();
        let door = node.door();
        let (sender, notices) = mpsc::unbounded_channel();
        let salting = Digest::of(&[b"noise/salting/1", &secret]);
        let recover = move |stored| {
            let client = actor::client::Client::recover(id, salting, 0, setup, stored)?;
            Ok(client.keeping_contents())
        };
        let telling = Telling { notices: sender, first, flow: ControlFlow::Continue(()) };
        let running = tokio::spawn(node.run(identity, ports, telling, recover));
        Ok(Client { id, trust, door, tokens: 0, notices, running })
    }

    /// Sends a payload to all these, and a ciphertext to each. None if too much waits already; else the token by which
    /// [`Notice::Submitted`] tells the bundle's number.
    pub fn send(&mut self, payload: Vec<u8>, ciphertexts: Vec<(ClientId, Vec<u8>)>) -> Option<u64> {
        let token = self.tokens;
        self.door.send(Draught { token, payload, ciphertexts }).then(|| {
            self.tokens += 1;
            token
        })
    }

    /// Complains of whoever this evidence exposes. False if too much waits already.
    pub fn complain(&self, evidence: Evidence) -> bool {
        self.door.complain(evidence)
    }

    /// What the client has to tell next. None when it has stopped.
    pub async fn next(&mut self) -> Option<Notice> {
        self.notices.recv().await
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// What a server says of itself; its roster is the one that the client has seen first.
struct Introduced {
    trust: Trust,
    timing: Timing,
    elsewhere: BTreeMap<ActorId, Url>,
}

impl Introduced {
    async fn by(server: &Url, web: &Web, directory: &std::path::Path) -> Result<Introduced, ClientError> {
        let failed = |why: String| ClientError::Server { server: server.to_string(), why };
        let handler = ActorId::Server(Role::Handler, 0);
        let stream = web.connect(handler).await.map_err(|error| failed(error.to_string()))?;
        let mut connection = Connection::over(stream, &server.host, &TokioTasks).await?;
        let pace = get(&mut connection, "/v1/deployment").await.map_err(failed)?;
        let pace: Pace = serde_json::from_slice(&pace).map_err(|error| failed(error.to_string()))?;
        let known = directory.join("roster.json");
        let told = get(&mut connection, "/v1/roster").await.map_err(failed)?;
        let told = String::from_utf8_lossy(&told);
        let kept = if known.exists() { fs::read_to_string(&known)? } else { String::new() };
        if kept.is_empty() || roster_file::is_succeeded(&kept, &told)? {
            roster_file::from_json(&told)?;
            keys::publish(&known, told.as_bytes(), 0o600)?;
        }
        let trust = roster_file::from_json(&fs::read_to_string(&known)?)?;
        let nanoseconds = |us: u64| us.saturating_mul(1000);
        let timing = Timing {
            epoch_ns: nanoseconds(pace.epoch_us),
            heartbeat_ns: nanoseconds(pace.heartbeat_us),
            retry_ns: nanoseconds(pace.retry_us).max(1_000_000),
        };
        let mut elsewhere = BTreeMap::new();
        for (actor, url) in pace.elsewhere {
            let actor = actor.parse().map_err(|error: ActorNameError| failed(error.to_string()))?;
            elsewhere.insert(actor, url.parse().map_err(|error: UrlError| failed(error.to_string()))?);
        }
        Ok(Introduced { trust, timing, elsewhere })
    }
}

async fn get(connection: &mut Connection, path: &str) -> Result<Bytes, String> {
    let answer =
        connection.ask(Method::GET, path, &[], Bytes::new()).await.map_err(|error| error.to_string())?;
    if answer.status.is_success() { Ok(answer.body) } else { Err(answer.told()) }
}

//! A client for applications: it sends, and tells what it receives, over the HTTP API of a server.
//!
//! It runs the client actor ([`crate::actor::client`]) that the simulator tests: every bundle is durable before it is
//! sent and sent until there is a receipt, every delivery is checked against what the server's actors have signed, and whoever cheats
//! is caught with evidence. See `examples/hello.rs`.
//!
//! # Invariants
//! - The first roster that a client sees is the one it keeps to, unless it is given one: pin it where that matters. Of others it takes
//!   those that come after it, when it starts.

mod introduction;
mod web;

use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};

use futures_util::future::{Either, select};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    actor::{self, Draft, Draught, Issued, Notice, Setup, Step},
    deployment::{
        DeploymentError, Lock,
        keys::{self, KeyError},
    },
    http::client::{Caller, Hosts, HttpNetwork, SILENCE_NS, Takes},
    node::{Door, Identity, Node, NodeError, Observer},
    port::{
        Clock, Network, Ports, Spawn, Storage, StorageError, Time, Work,
        any_clock::AnyClock,
        any_work::AnyWork,
        file::FileStorage,
        open::OpenStores,
        tls::Tls,
        tokio::{RealWork, SystemClock, TokioTasks},
    },
    protocol::{
        crypto::{Ed25519Signer, Keyring, Signer as _},
        digest::Digest,
        evidence::Evidence,
        file::FileError,
        id::{ActorId, ClientId},
        statement::{Kind, Terms, Trust},
    },
};

use introduction::Introduced;
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
    /// Its directory.
    #[error(transparent)]
    Directory(#[from] DeploymentError),
    /// Its key is gone: with another it would be another client.
    #[error("{}: the key is not here, and what was stored with it is: bring it back, or make a new client in another directory", .0.display())]
    NoKey(PathBuf),
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

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The client has not taken over what it was given before, or has stopped.
    #[error("too much waits already: try again when receipts have come")]
    Busy,
    /// The server would not take it; and as numbers have no gaps, nothing after it either.
    #[error("{count} recipients, of which this server takes {bound} at most")]
    Recipients {
        /// How many there are.
        count: usize,
        /// How many the server takes.
        bound: usize,
    },
    /// The same.
    #[error("a bundle of {bytes} bytes, and this server takes {bound} at most")]
    Bytes {
        /// How many it takes on the way.
        bytes: usize,
        /// How many the server takes.
        bound: usize,
    },
}

/// A client. It runs until it is stopped, or dropped.
pub struct Client {
    /// Who it is.
    pub id: ClientId,
    /// What checks the signatures of its deployment.
    pub trust: Trust,
    door: Door,
    caller: Arc<Caller>,
    /// Most recipients of a bundle, and bytes, as the server says.
    recipients_max: usize,
    bytes_max: usize,
    tokens: u64,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// How many of these the application has asked for, and how many it is done with.
    asked: u64,
    done: watch::Sender<u64>,
    /// It ends with this.
    running: oneshot::Sender<()>,
    /// Tells that it has, and why, if it has stopped by itself.
    ended: oneshot::Receiver<NodeError>,
    /// Its store, if that is a file of its own.
    stores: OpenStores,
    /// Of its directory, if it has one to itself.
    lock: Option<Lock>,
}

/// What a bundle takes in a request beyond its payload and ciphertexts, and for each recipient.
const BUNDLE_BYTES: usize = 1024;
const RECIPIENT_BYTES: usize = 64;

/// Keeps what a client is told, but that it is retired: that it is told in every life.
pub trait Keep: Send + 'static {
    /// What the client has told in a step; it takes the next one when this is kept, and after a break none.
    fn keep(&mut self, notices: &[Notice]) -> impl Future<Output = ControlFlow<()>> + Send;
}

/// For an application that keeps what it must by itself.
impl Keep for () {
    async fn keep(&mut self, _: &[Notice]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Hands every notice to whoever keeps it, then to the application.
struct Telling<K> {
    keep: K,
    /// Those of this step.
    told: Vec<Notice>,
    notices: mpsc::UnboundedSender<Notice>,
    /// How many the application was told.
    count: u64,
    /// How many it is done with, if it is waited for.
    done: Option<watch::Receiver<u64>>,
}

/// How many notices that are no deliveries an application may be behind with.
const BEHIND_MAX: u64 = 4096;

impl<K> Telling<K> {
    /// Waits until the application is done with what it was told of deliveries: what it has not seen when it ends must be told again.
    /// False if it is gone.
    async fn waits(&mut self, delivers: bool) -> bool {
        let Some(done) = &mut self.done else { return true };
        let least = if delivers { self.count } else { self.count.saturating_sub(BEHIND_MAX) };
        done.wait_for(|done| *done >= least).await.is_ok()
    }
}

impl<K: Keep> Observer for Telling<K> {
    fn promised(&mut self, _: Time, _: &Draft, _: Digest) {}

    fn issued(&mut self, issued: &Issued) {
        if issued.kind() == Kind::Recovery {
            // in whichever life that was: there may be no step to tell it with
            self.count += u64::from(self.notices.send(Notice::Retired { actor: issued.actor() }).is_ok());
        }
    }

    fn notice(&mut self, _: Time, notice: Notice) {
        self.told.push(notice);
    }

    fn stepped(&mut self, _: Time, _: &Step) {}

    async fn wants_more(&mut self) -> bool {
        if self.told.is_empty() {
            return true;
        }
        let flow = self.keep.keep(&self.told).await;
        let mut delivers = false;
        for notice in self.told.drain(..) {
            delivers |= matches!(notice, Notice::Delivered { .. } | Notice::Dropped { .. });
            // the application may have seen enough
            self.count += u64::from(self.notices.send(notice).is_ok());
        }
        flow.is_continue() && self.waits(delivers).await
    }
}

/// What a client is made of, wherever it and its server are.
pub struct Parts<N, C, S, W, P> {
    /// Its ports; the network leads to where actors are served over HTTP.
    pub ports: Ports<N, C, S, W, P>,
    /// What servers are called in requests.
    pub hosts: Hosts,
    /// The client's secret key.
    pub secret: [u8; 32],
    /// Whether it has stored anything before.
    pub has_stored: bool,
    /// Roster, verification and pace.
    pub setup: Setup,
    /// What the server takes in a request.
    pub takes: Takes,
    /// The first token that [`Client::send`] gives. What is without a receipt from an earlier life is told again under the token that it
    /// had there, so lives must not share any.
    pub first_token: u64,
}

/// A first token that no other life has, in all likelihood.
///
/// # Errors
/// The system has no randomness.
pub fn first_token() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The ports of a client on this machine, whose store is this file; and whether anything was ever stored there.
pub fn ports<N: Network>(
    network: N,
    store: &Path,
) -> (Ports<N, SystemClock, FileStorage, RealWork, TokioTasks>, bool) {
    let (clock, storage) = (SystemClock::default(), FileStorage::of_client(store));
    let ports = Ports { network, clock, storage, work: RealWork, spawn: TokioTasks };
    (ports, FileStorage::has_stored(store))
}

impl Client {
    /// Starts a client; makes its key if it is new. It does no more until the application has asked for the next notice after a
    /// delivery ([`Client::next`]), and so is done with it: one that it has not seen when it ends is told again.
    pub async fn start(options: Options) -> Result<Client, ClientError> {
        let Options { server, directory, tls } = options;
        keys::private_directory(&directory)?;
        let lock = Lock::whole(&directory)?;
        let secret = key(&directory)?;
        let web = Web { server: server.clone(), elsewhere: Arc::default(), tls };
        let told = Introduced::by(&server, &web, &directory).await?;
        let authority = |(actor, url): (&ActorId, &Url)| (*actor, url.authority());
        let hosts = Hosts::of(server.authority(), told.elsewhere.iter().map(authority).collect());
        let web = Web { elsewhere: Arc::new(told.elsewhere), ..web };
        let (ports, has_stored) = ports(web, &store(&directory));
        let stores = ports.storage.stores();
        let setup = Setup { trust: told.trust, timing: told.timing };
        let limits = told.limits;
        let (secret, takes, first_token) = (secret.0, limits.takes(), first_token()?);
        let parts = Parts { ports, hosts, secret, has_stored, setup, takes, first_token };
        let (recipients_max, bytes_max) = (limits.recipients, limits.body_bytes);
        Ok(Client { stores, lock: Some(lock), recipients_max, bytes_max, ..Client::begin(parts, (), true) })
    }

    /// Runs a client. What it tells in a step goes to `keep` before it takes the next one. After a break it ends before that step: it
    /// tells again what it told in this one when it is run again.
    pub fn run<N: Network, C: Clock, S: Storage, W: Work + Clone + Sync, P: Spawn>(
        parts: Parts<N, C, S, W, P>,
        keep: impl Keep,
    ) -> Client {
        Client::begin(parts, keep, false)
    }

    fn begin<N: Network, C: Clock, S: Storage, W: Work + Clone + Sync, P: Spawn>(
        parts: Parts<N, C, S, W, P>,
        keep: impl Keep,
        waits: bool,
    ) -> Client {
        let Parts { ports, hosts, secret, has_stored, setup, takes, first_token } = parts;
        let Ports { network, clock, storage, work, spawn } = ports;
        let signer = || Box::new(Ed25519Signer::from_secret(&secret));
        let (id, trust) = (ClientId(signer().public()), setup.trust.clone());
        let caller = Arc::new(Caller::new(signer(), trust.deployment));
        let network = HttpNetwork {
            inner: network,
            caller: caller.clone(),
            hosts,
            takes,
            silence_ns: SILENCE_NS,
            clock: AnyClock::new(clock.clone()),
            work: AnyWork::new(work.clone()),
            spawn: spawn.clone(),
        };
        let ports = Ports { network, clock, storage, work, spawn: spawn.clone() };
        let actors = vec![ActorId::Client(id)];
        let (deployment, keys) = (trust.deployment, Keyring::of(signer()));
        let identity = Identity { actors, deployment, keys, terms: Terms::default(), has_stored };
        let node = Node::default();
        let door = node.door();
        let (sender, notices) = mpsc::unbounded_channel();
        let (done, is_done) = watch::channel(0);
        let salting = Digest::of(&[b"noise/salting/1", &secret]);
        let recover = move |stored| {
            let client = actor::client::Client::recover(id, salting, 0, setup, stored)?;
            Ok(client.keeping_contents())
        };
        let is_done = waits.then_some(is_done);
        let telling = Telling { keep, told: Vec::new(), notices: sender, count: 0, done: is_done };
        let ((running, over), (end, ended)) = (oneshot::channel::<()>(), oneshot::channel());
        spawn.spawn(async move {
            let failed = {
                let node = pin!(node.run(identity, ports, telling, recover));
                match select(node, over).await {
                    Either::Left((Err(error), _)) => Some(error),
                    _ => None,
                }
            };
            if let Some(error) = failed {
                tracing::warn!(client = %ActorId::Client(id), %error, "a client has stopped");
                // whoever it worked for may be gone
                let _ = end.send(error);
            }
        });
        let (tokens, asked, stores, lock) = (first_token, 0, OpenStores::default(), None);
        let (recipients_max, bytes_max) = (usize::MAX, takes.bytes);
        Client {
            id,
            trust,
            door,
            caller,
            recipients_max,
            bytes_max,
            tokens,
            notices,
            asked,
            done,
            running,
            ended,
            stores,
            lock,
        }
    }

    /// Sends a payload to all these, and a ciphertext to each; gives the token by which [`Notice::Submitted`] tells the bundle's number.
    ///
    /// # Errors
    /// It is not sent.
    pub fn send(
        &mut self,
        payload: Vec<u8>,
        ciphertexts: Vec<(ClientId, Vec<u8>)>,
    ) -> Result<u64, SendError> {
        let (token, count, bound) = (self.tokens, ciphertexts.len(), self.recipients_max);
        if count > bound {
            return Err(SendError::Recipients { count, bound });
        }
        let to_each = ciphertexts.iter().map(|(_, ciphertext)| ciphertext.len() + RECIPIENT_BYTES);
        let (bytes, bound) = (BUNDLE_BYTES + payload.len() + to_each.sum::<usize>(), self.bytes_max);
        if bytes > bound {
            return Err(SendError::Bytes { bytes, bound });
        }
        if !self.door.send(Draught { token, payload, ciphertexts }) {
            return Err(SendError::Busy);
        }
        self.tokens = token.wrapping_add(1);
        Ok(token)
    }

    /// Complains of whoever this evidence exposes. False if too much waits already.
    pub fn complain(&self, evidence: Evidence) -> bool {
        self.door.complain(evidence)
    }

    /// Why nothing has come from its mailbox actor, if that never let it in.
    pub fn unheard(&self) -> Option<String> {
        self.caller.unheard()
    }

    /// What the client has to tell next. None when it has stopped. Whoever asks is done with what came before.
    pub async fn next(&mut self) -> Option<Notice> {
        // asked again after it was given up, it has still seen no more than this
        self.done.send_replace(self.asked);
        let notice = self.notices.recv().await?;
        self.asked += 1;
        Some(notice)
    }

    /// Stops it, and waits until it has and, if it was started in a directory, until its store is closed: it may be started again then.
    /// Gives why it had stopped by itself, if it had.
    pub async fn stop(self) -> Option<NodeError> {
        let Client { running, ended, stores, lock, .. } = self;
        drop(running);
        let error = ended.await.ok();
        stores.closed().await;
        drop(lock);
        error
    }
}

fn store(directory: &Path) -> PathBuf {
    directory.join("client.redb")
}

/// The key of the client in this directory; a new one if both are new.
///
/// # Errors
/// It cannot be read or made, or it is gone.
pub fn key(directory: &Path) -> Result<keys::Secret, ClientError> {
    keys::private_directory(directory)?;
    let key = directory.join("client.key");
    match FileStorage::has_stored(&store(directory)) && !key.exists() {
        true => Err(ClientError::NoKey(key)),
        false => Ok(keys::read_or_make(&key)?),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::protocol::{
        derivation::Entry,
        id::{Count, Position, SequenceId},
    };

    fn dropped() -> Notice {
        let entry = Entry { sequence: SequenceId(0), incoming: 0, position: Position(0), leaf: Digest::ZERO };
        Notice::Dropped { count: Count(1), entry, why: "a test" }
    }

    #[test]
    fn the_next_step_waits_until_the_application_is_done_with_what_was_delivered() {
        let ((sender, mut notices), (done, is_done)) = (mpsc::unbounded_channel(), watch::channel(0));
        let mut telling =
            Telling { keep: (), told: Vec::new(), notices: sender, count: 0, done: Some(is_done) };
        telling.notice(Time(0), Notice::Acknowledged { count: Count(0) });
        assert_eq!(telling.wants_more().now_or_never(), Some(true));
        telling.notice(Time(0), dropped());
        assert_eq!(telling.wants_more().now_or_never(), None, "it has not even been seen");
        done.send_replace(1);
        let waits = |telling: &mut Telling<()>| telling.waits(true).now_or_never();
        assert_eq!((waits(&mut telling), notices.len()), (None, 2));
        done.send_replace(2);
        assert_eq!(waits(&mut telling), Some(true));
        while notices.try_recv().is_ok() {}
        telling.notice(Time(0), dropped());
        drop(done);
        assert_eq!(telling.wants_more().now_or_never(), Some(false), "who is gone has seen no more");
    }
}

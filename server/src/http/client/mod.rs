//! The client's side of the HTTP API: a network port for the client actor.
//!
//! To the client actor ([`crate::actor::client`]) this is a network like any other: it connects to an actor and gets a
//! stream of frames. Behind the stream, what it sends becomes requests, and what comes in answers and events becomes
//! frames. So the actor that is checked in the simulator is, byte for byte, the one that speaks to a server on the web.
//!
//! # Invariants
//! - A connection stands for one actor; when requests or events fail it is lost, and the client connects anew. So it is
//!   when the server is silent for too long: a machine that dies does not always close its connections.

mod connection;
mod events;

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use hyper::{Method, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
};

use super::{Credentials, Limits};
use crate::{
    actor::Ledger,
    port::{Clock, Network, Outward, Spawn, any_clock::AnyClock, any_work::AnyWork},
    protocol::{
        crypto::Signer,
        frame::{self, BEAT_NS},
        id::{ActorId, Deployment, Role},
        message::Message,
    },
};

pub use connection::{Answer, Connection, whole};
pub use events::{Event, Events};

/// Bytes between the client and its requests.
const PIPE_BYTES: usize = 1 << 20;
/// Most messages of one request, whatever the server takes.
const TOGETHER: usize = 64;
/// How long a server may be silent as a rule, on a stream of events or to a request: three of its signs of life.
pub const SILENCE_NS: u64 = 45_000_000_000;
/// The pause after a server said *not now*.
const PAUSE_NS: u64 = 100_000_000;

/// How often a request is made again for which the server has no time, or that was more than a client may make.
const TRIES: u32 = 10;

/// What a server takes in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// So many messages.
    pub messages: usize,
    /// Of so many bytes together.
    pub bytes: usize,
}

impl Takes {
    /// By the limits of a server: who sends more at once than a second's worth is never heard.
    pub fn of(messages: usize, client_rate: u32, body_bytes: usize) -> Self {
        Takes { messages: messages.min(client_rate as usize).clamp(1, TOGETHER), bytes: body_bytes }
    }
}

impl From<&Limits> for Takes {
    fn from(limits: &Limits) -> Self {
        Takes::of(limits.messages, limits.client_rate, limits.body_bytes)
    }
}

/// Who calls: signs requests.
pub struct Caller {
    signer: Box<dyn Signer>,
    deployment: Deployment,
    nonce: Mutex<[u8; 16]>,
    counter: AtomicU64,
    /// Whether a mailbox actor has ever let it hear what comes for it; why not, if none has.
    heard: Mutex<Result<(), String>>,
}

impl Caller {
    /// A client of a deployment.
    pub fn new(signer: Box<dyn Signer>, deployment: Deployment) -> Self {
        let (nonce, counter) = (Mutex::default(), AtomicU64::new(1));
        let heard = Mutex::new(Err("its mailbox actor has not answered".to_owned()));
        Caller { signer, deployment, nonce, counter, heard }
    }

    /// The header that signs a request.
    pub fn sign(&self, method: &str, path: &str) -> String {
        self.sign_with(method, path).0
    }

    /// The same, and the nonce that it is signed with.
    fn sign_with(&self, method: &str, path: &str) -> (String, [u8; 16]) {
        let nonce = *self.nonce.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        let credentials = Credentials::sign(&*self.signer, self.deployment, nonce, counter, method, path);
        (credentials.header(), nonce)
    }

    /// Takes over the server's nonce, if it tells one. A server that starts anew has forgotten all counters, and they only
    /// grow.
    fn learn(&self, nonce: Option<&str>) -> Option<[u8; 16]> {
        let mut told = [0; 16];
        hex::decode_to_slice(nonce?, &mut told).ok()?;
        *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = told;
        Some(told)
    }

    /// Why it has not heard anything of what comes for it, if no mailbox actor ever let it.
    pub fn unheard(&self) -> Option<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone().err()
    }

    /// A mailbox actor lets it hear what comes for it, or not now.
    fn hears(&self, hears: Result<(), String>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.is_err() {
            *heard = hears;
        }
    }

    /// Leaves out counters that an earlier life of this client may have used with the same nonce: as many again as were
    /// counted, and all that a server remembers one by one.
    fn count_on(&self) {
        let on = |counter: u64| Some(counter.saturating_mul(2).saturating_add(64));
        self.counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, on).ok();
    }
}

/// What servers are called in requests: who stands before several of them tells them apart by that.
#[derive(Clone, Debug)]
pub struct Hosts {
    here: Arc<str>,
    elsewhere: Arc<BTreeMap<ActorId, String>>,
}

impl Hosts {
    /// That of most actors, and those of others.
    pub fn of(here: String, elsewhere: BTreeMap<ActorId, String>) -> Self {
        Hosts { here: here.into(), elsewhere: Arc::new(elsewhere) }
    }

    /// That of an actor.
    fn name(&self, actor: ActorId) -> &str {
        self.elsewhere.get(&actor).map_or(&*self.here, String::as_str)
    }
}

/// A network port that speaks HTTP over another.
#[derive(Clone)]
pub struct HttpNetwork<N, P> {
    /// Leads to where an actor is served.
    pub inner: N,
    /// Signs requests.
    pub caller: Arc<Caller>,
    /// What servers are called in requests.
    pub hosts: Hosts,
    /// What may be in a request.
    pub takes: Takes,
    /// How long nothing may come on a stream of events, nor in answer to a request, before the connection is lost.
    pub silence_ns: u64,
    /// Time.
    pub clock: AnyClock,
    /// Told what requests and events cost.
    pub work: AnyWork,
    /// Tasks.
    pub spawn: P,
}

impl<N: Network, P: Spawn> Outward for HttpNetwork<N, P> {
    type Stream = DuplexStream;

    async fn reach(&self, to: ActorId) -> io::Result<DuplexStream> {
        let requests = self.dial(to).await?;
        let (near, far) = duplex(PIPE_BYTES);
        let bridge = Bridge { network: self.clone(), to };
        self.spawn.spawn(async move {
            match bridge.run(far, requests).await {
                // it came, and was not let in
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    tracing::warn!(%to, %error, "connection lost");
                }
                Err(error) => tracing::debug!(%to, %error, "connection lost"),
                Ok(()) => {}
            }
        });
        Ok(near)
    }
}

impl<N: Network, P: Spawn> HttpNetwork<N, P> {
    /// An HTTP connection to where an actor is served.
    pub async fn dial(&self, to: ActorId) -> io::Result<Connection> {
        let stream = self.in_time(std::pin::pin!(self.inner.connect(to))).await?;
        Connection::over(stream, self.hosts.name(to), &self.spawn).await
    }

    /// What the server says to this; an error if it says nothing for too long.
    async fn in_time<T>(&self, said: Pin<&mut impl Future<Output = io::Result<T>>>) -> io::Result<T> {
        match select(said, self.clock.sleep(self.clock.now().after(self.silence_ns))).await {
            Either::Left((said, _)) => said,
            Either::Right(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Carries the messages between a client and one actor.
struct Bridge<N, P> {
    network: HttpNetwork<N, P>,
    to: ActorId,
}

impl<N: Network, P: Spawn> Bridge<N, P> {
    async fn run(self, pipe: DuplexStream, requests: Connection) -> io::Result<()> {
        let (reader, writer) = tokio::io::split(pipe);
        let (frames, arriving) = mpsc::channel(64);
        let (wanted, wishes) = mpsc::channel(8);
        if self.to.role() != Role::Mailbox {
            // a mailbox actor waits to be told what is held
            let _ = wanted.send((0, 0)).await;
        }
        let up = std::pin::pin!(self.requests(reader, requests, frames.clone(), wanted));
        let down = std::pin::pin!(self.events(wishes, frames));
        let write = std::pin::pin!(self.write(writer, arriving));
        match select(select(up, down), write).await {
            Either::Left((Either::Left((ended, _)) | Either::Right((ended, _)), _)) => ended,
            Either::Right((ended, _)) => ended,
        }
    }

    /// What the client sends becomes requests.
    async fn requests(
        &self,
        mut reader: impl AsyncRead + Unpin,
        mut requests: Connection,
        frames: mpsc::Sender<Bytes>,
        wanted: mpsc::Sender<(u64, u64)>,
    ) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let (mut taken, takes) = (0, self.network.takes);
            let mut outgoing: Vec<Message> = Vec::new();
            while outgoing.len() < takes.messages {
                let next = frame::next(&buffer[taken..]).map_err(io::Error::other)?;
                let Some((message, length)) = next else { break };
                if !outgoing.is_empty() && taken + length > takes.bytes {
                    break;
                }
                taken += length;
                match message {
                    Some(Message::Read { held, epoch }) => {
                        // the events are over if nobody hears
                        let _ = wanted.send((held.0, epoch.0)).await;
                    }
                    Some(Message::Hello(_)) | None => {}
                    Some(message) => outgoing.push(message),
                }
            }
            buffer.drain(..taken);
            if outgoing.is_empty() {
                buffer.reserve(PIPE_BYTES / 16);
                if reader.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
                continue;
            }
            for together in outgoing.chunk_by(|one, other| path(one) == path(other)) {
                self.request(&mut requests, together, &frames).await?;
            }
        }
    }

    async fn request(
        &self,
        requests: &mut Connection,
        messages: &[Message],
        frames: &mpsc::Sender<Bytes>,
    ) -> io::Result<()> {
        let Some(mut path) = messages.first().and_then(path).map(str::to_owned) else { return Ok(()) };
        if let Some(index) = self.to.index_of(Role::Witness) {
            path = format!("{path}?witness={index}");
        }
        let mut body = Vec::new();
        messages.iter().for_each(|message| frame::append(&mut body, message));
        let bundles = messages.iter().filter(|message| matches!(message, Message::Submit(_))).count() as u64;
        let cost = Ledger { requests: 1, bundles, coded_bytes: body.len() as u64, ..Ledger::default() };
        self.network.work.spend(cost).await;
        let body = Bytes::from(body);
        let mut answer = self.ask(requests, &path, body.clone()).await?;
        // the actor submits bundles again by itself, and says all else once a connection
        let not_now = |answer: &Answer| {
            let told = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
            path != BUNDLES && told.contains(&answer.status)
        };
        for tries in 1.. {
            if !not_now(&answer) {
                break;
            }
            if tries > TRIES {
                // on another connection it says all of it again
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, answer.told()));
            }
            let pause = self.network.clock.now().after(answer.retry_after_ns());
            self.network.clock.sleep(pause).await;
            answer = self.ask(requests, &path, body.clone()).await?;
        }
        if answer.is_frames() {
            // a client that is gone needs no answer
            let _ = frames.send(answer.body).await;
        } else if !answer.status.is_success() {
            tracing::warn!(to = %self.to, path, answer = answer.told(), "refused");
            self.network.clock.sleep(self.network.clock.now().after(PAUSE_NS)).await;
        }
        Ok(())
    }

    async fn ask(&self, requests: &mut Connection, path: &str, body: Bytes) -> io::Result<Answer> {
        if requests.is_over() {
            // a server closes what is idle: nothing of this request was said there
            *requests = self.network.dial(self.to).await?;
        }
        let asked = std::pin::pin!(async {
            match path {
                PLACEMENTS => {
                    let (caller, request) = (&self.network.caller, (Method::POST, path));
                    whole(requests.begin_signed(caller, request, &[], body).await?).await
                }
                _ => requests.ask(Method::POST, path, &[], body).await,
            }
        });
        self.network.in_time(asked).await
    }

    /// What the actor says becomes frames; from where the client last said that it is.
    async fn events(
        &self,
        mut wishes: mpsc::Receiver<(u64, u64)>,
        frames: mpsc::Sender<Bytes>,
    ) -> io::Result<()> {
        let Some(mut wish) = wishes.recv().await else { return Ok(()) };
        loop {
            let follow = std::pin::pin!(self.follow(wish, &frames));
            match select(follow, std::pin::pin!(wishes.recv())).await {
                Either::Left((ended, _)) => return ended,
                Either::Right((Some(newer), _)) => wish = newer,
                Either::Right((None, _)) => return Ok(()),
            }
        }
    }

    async fn follow(&self, (held, epoch): (u64, u64), frames: &mpsc::Sender<Bytes>) -> io::Result<()> {
        let mut connection = self.network.dial(self.to).await?;
        let path = format!("/v1/events?actor={}&held={held}&epoch={epoch}", self.to);
        let begun = std::pin::pin!(connection.begin_signed(
            &self.network.caller,
            (Method::GET, &path),
            &[],
            Bytes::new()
        ));
        let response = self.network.in_time(begun).await?;
        let hears = match response.status().is_success() {
            true => Ok(response),
            false => Err(whole(response).await?.told()),
        };
        if self.to.role() == Role::Mailbox {
            self.network.caller.hears(hears.as_ref().map(|_| ()).map_err(Clone::clone));
        }
        let response = hears.map_err(|told| io::Error::new(io::ErrorKind::PermissionDenied, told))?;
        let mut events = Events::of(response.into_body());
        loop {
            let Some(event) = events.take()? else {
                self.network.in_time(std::pin::pin!(events.more())).await?;
                continue;
            };
            if let Some(event) = event {
                let mut bytes = Vec::new();
                frame::append_body(&mut bytes, &event.data);
                let cost = Ledger { events: 1, coded_bytes: bytes.len() as u64, ..Ledger::default() };
                self.network.work.spend(cost).await;
                frames.send(bytes.into()).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
            }
        }
    }

    /// What arrives goes to the client; if nothing does, a beat: that the server is silent it would find out here.
    async fn write(
        &self,
        mut writer: impl AsyncWrite + Unpin,
        mut arriving: mpsc::Receiver<Bytes>,
    ) -> io::Result<()> {
        let clock = &self.network.clock;
        loop {
            let idle = clock.sleep(clock.now().after(BEAT_NS));
            let bytes = match select(std::pin::pin!(arriving.recv()), idle).await {
                Either::Left((Some(bytes), _)) => bytes,
                Either::Left((None, _)) => return Ok(()),
                Either::Right(_) => {
                    let mut beat = Vec::new();
                    frame::append_beat(&mut beat);
                    beat.into()
                }
            };
            writer.write_all(&bytes).await?;
            writer.flush().await?;
        }
    }
}

const BUNDLES: &str = "/v1/bundles";
/// Where a client asks for placements: nothing in the request is signed by it, so the request is.
const PLACEMENTS: &str = "/v1/placements";

/// Where a message goes; none for what no client sends.
fn path(message: &Message) -> Option<&'static str> {
    match message {
        Message::Submit(_) => Some(BUNDLES),
        Message::Unplaced(_) => Some(PLACEMENTS),
        Message::Acknowledged(_) => Some("/v1/acks"),
        Message::Complained(_) => Some("/v1/complaints"),
        Message::Posted(_) | Message::Exposed(_) | Message::Receipted(_) => Some("/v1/postings"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::{
        port::{
            local::{Local, Switchboard},
            tokio::{RealWork, SystemClock, TokioTasks},
        },
        protocol::crypto::Ed25519Signer,
    };

    #[tokio::test]
    async fn a_request_names_the_host_of_the_actor_that_it_is_for() {
        let [handler, mailbox] = [Role::Handler, Role::Mailbox].map(|role| ActorId::Server(role, 0));
        let (board, signer) = (Switchboard::default(), Box::new(Ed25519Signer::from_secret(&[1; 32])));
        let network = HttpNetwork {
            inner: board.of(handler),
            caller: Arc::new(Caller::new(signer, Deployment([0; 8]))),
            hosts: Hosts::of("front:1".to_owned(), BTreeMap::from([(mailbox, "mail:2".to_owned())])),
            takes: Takes { messages: 1, bytes: 1 },
            silence_ns: SILENCE_NS,
            clock: AnyClock::new(SystemClock::default()),
            work: AnyWork::new(RealWork),
            spawn: TokioTasks,
        };
        for (actor, host) in [(handler, "host: front:1\r\n"), (mailbox, "host: mail:2\r\n")] {
            let mut listener = board.of(actor).listen().await.unwrap();
            let mut connection = network.dial(actor).await.unwrap();
            let mut far = Local::accept(&mut listener).await.unwrap();
            let mut head = vec![0; 4096];
            let length = {
                let heard = pin!(far.read(&mut head));
                let asked = pin!(connection.ask(Method::GET, "/", &[], Bytes::new()));
                match select(heard, asked).await {
                    Either::Left((length, _)) => length.unwrap(),
                    Either::Right(_) => panic!("nobody has answered"),
                }
            };
            let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
            assert!(head.contains(host), "{head}");
        }
    }
}

//! Links: connections between nodes, and the frames on them.
//!
//! A frame is `length(4) ‖ its complement(4) ‖ XXH3-64 of the body(8) ‖ body`, the body a [`Message`], or nothing: a beat.
//! The checksums are for links that flip bits, not for liars: a connection that garbles is lost, and opened again.
//! Who opens a connection says who it is in its first frame, and opens it again, with growing pauses, when it is
//! lost. Nothing is believed for that: what matters is signed.
//!
//! # Invariants
//! - Of two actors that talk, one dials: the one downstream, and the client or handler. Were both to dial, each new
//!   connection would end the other.
//! - At most one connection with a peer counts, the newest; what an older one still brings is ignored.
//! - A connection on which nothing has come for [`SILENCE_BEATS`] beats is taken for lost: a machine that dies does not
//!   always close its connections. Whoever has nothing to say sends an empty frame each beat.
//! - A peer that reads too slowly loses its connection after what is queued, never single messages between: it
//!   subscribes anew, and is further on each time.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::{Either, select};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{Notify, mpsc},
};

use twox_hash::XxHash3_64;

use crate::{
    actor::{Input, Step, step::Notice},
    port::{Clock, Network, Spawn},
    protocol::{
        codec::{Decode, Encode, Writer},
        id::ActorId,
        message::Message,
    },
};

/// Bytes before the body of a frame.
const HEADER: usize = 16;
/// Most bytes of a frame's body.
pub const FRAME_MAX: usize = 64 << 20;
/// Most bytes that wait to be written to one peer.
const QUEUE_MAX: usize = 128 << 20;
/// Bytes read at once.
const READ_SIZE: usize = 64 << 10;
/// The first pause before a lost connection is opened again; doubles up to the second.
const RECONNECT_NS: (u64, u64) = (10_000_000, 640_000_000);

/// An idle connection carries an empty frame this often.
const BEAT_NS: u64 = 1_000_000_000;
/// After so many beats without anything a connection is lost.
const SILENCE_BEATS: u32 = 3;

/// What reaches a node.
pub enum Event {
    /// From its own application.
    Input(Input),
    /// A connection is up.
    Up { peer: ActorId, connection: u64, outbound: Arc<Outbound> },
    /// A frame arrived.
    Frame { peer: ActorId, connection: u64, message: Message },
    /// A connection is lost; `why` if the peer broke the rules.
    Down { peer: ActorId, connection: u64, why: Option<String> },
}

/// Bytes on their way to a peer.
#[derive(Default)]
pub struct Outbound {
    queue: Mutex<Queue>,
    ready: Notify,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Nothing more is written.
    closed: bool,
    /// Nothing more is taken; what is queued is written before the connection ends, so that the next one goes on
    /// from there.
    full: bool,
    /// Whether anything was queued since the last beat.
    spoke: bool,
}

impl Outbound {
    fn with<T>(&self, f: impl FnOnce(&mut Queue) -> T) -> T {
        f(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, message: &Message) {
        self.with(|queue| {
            if !queue.closed && !queue.full {
                append_frame(&mut queue.bytes, |out| message.encode(out));
                queue.spoke = true;
                queue.full = queue.bytes.len() > QUEUE_MAX;
            }
        });
        self.ready.notify_one();
    }

    /// Sends an empty frame, if there was nothing else to send since the last beat.
    fn beat(&self) {
        let spoke = self.with(|queue| {
            let spoke = std::mem::take(&mut queue.spoke);
            if !spoke && queue.bytes.is_empty() {
                append_frame(&mut queue.bytes, |_| {});
            }
            spoke
        });
        if !spoke {
            self.ready.notify_one();
        }
    }

    fn close(&self) {
        self.with(|queue| queue.closed = true);
        self.ready.notify_one();
    }
}

/// Appends a frame around what `write` appends.
fn append_frame(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
    let start = bytes.len();
    bytes.extend([0; HEADER]);
    let mut out = Writer::after(std::mem::take(bytes));
    write(&mut out);
    *bytes = out.into_bytes();
    let header = header(&bytes[start + HEADER..]);
    bytes[start..start + HEADER].copy_from_slice(&header);
}

fn header(body: &[u8]) -> [u8; HEADER] {
    let length = body.len() as u32;
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&length.to_be_bytes());
    header[4..8].copy_from_slice(&(!length).to_be_bytes());
    header[8..].copy_from_slice(&XxHash3_64::oneshot(body).to_be_bytes());
    header
}

/// The connections of a node.
pub struct Links<N, C, P> {
    shared: Shared<N, C, P>,
    current: BTreeMap<ActorId, (u64, Arc<Outbound>)>,
}

/// What the tasks of a node's connections have in common.
#[derive(Clone)]
struct Shared<N, C, P> {
    me: ActorId,
    inbox: mpsc::Sender<Event>,
    network: N,
    clock: C,
    spawn: P,
    connections: Arc<Mutex<u64>>,
}

impl<N: Network, C: Clock, P: Spawn> Links<N, C, P> {
    /// No connections yet.
    pub fn new(me: ActorId, inbox: mpsc::Sender<Event>, network: N, clock: C, spawn: P) -> Self {
        let connections = Arc::default();
        Links { shared: Shared { me, inbox, network, clock, spawn, connections }, current: BTreeMap::new() }
    }

    /// Takes connections from now on.
    pub fn accept(&self, mut listener: N::Listener) {
        let shared = self.shared.clone();
        self.shared.spawn.spawn(async move {
            while let Ok(stream) = N::accept(&mut listener).await {
                shared.spawn.spawn(serve(shared.clone(), stream));
            }
        });
    }

    /// Keeps a connection to a peer.
    pub fn dial(&self, peer: ActorId) {
        let shared = self.shared.clone();
        self.shared.spawn.spawn(async move {
            let (first, longest) = RECONNECT_NS;
            let mut pause = first;
            loop {
                if let Ok(stream) = shared.network.connect(peer).await {
                    pause = first;
                    let hello = Message::Hello(shared.me);
                    connection(&shared, peer, stream, Frames::default(), Some(hello)).await;
                }
                shared.clock.sleep_until(shared.clock.now().after(pause)).await;
                pause = (2 * pause).min(longest);
            }
        });
    }

    /// What an event means to the actor: nothing, one thing, or the loss of a connection and a new one.
    pub fn inputs_of(&mut self, event: Event, step: &mut Step) -> [Option<Input>; 2] {
        match event {
            Event::Input(input) => [Some(input), None],
            Event::Up { peer, connection, outbound } => {
                // what was sent on the older one may be lost, so its subscriptions must not go on on this one
                let older = self.current.insert(peer, (connection, outbound)).map(|(_, older)| {
                    older.close();
                    step.sends.retain(|(to, _)| *to != peer);
                    Input::Disconnected(peer)
                });
                [older, Some(Input::Connected(peer))]
            }
            Event::Frame { peer, connection, message } => {
                [self.is_current(peer, connection).then_some(Input::Message(peer, message)), None]
            }
            Event::Down { peer, connection, why } => {
                if let Some(why) = why {
                    step.notice(Notice::Suspicious { from: peer, why });
                }
                if !self.is_current(peer, connection) {
                    return [None, None];
                }
                self.current.remove(&peer);
                [Some(Input::Disconnected(peer)), None]
            }
        }
    }

    fn is_current(&self, peer: ActorId, connection: u64) -> bool {
        self.current.get(&peer).is_some_and(|(current, _)| *current == connection)
    }

    /// Sends to whoever is connected. To others nothing: they will say from where on they want it.
    pub fn send_all(&self, sends: Vec<(ActorId, Message)>) {
        for (to, message) in sends {
            if let Some((_, outbound)) = self.current.get(&to) {
                outbound.push(&message);
            }
        }
    }
}

/// Serves a connection that a peer has opened.
async fn serve<N: Network, C: Clock, P: Spawn>(shared: Shared<N, C, P>, mut stream: N::Stream) {
    let mut frames = Frames::default();
    let hello = {
        let heard = AtomicBool::new(true);
        let hello = std::pin::pin!(frames.next(&mut stream, &heard));
        let late = std::pin::pin!(shared.clock.sleep_until(shared.clock.now().after(BEAT_NS)));
        match select(hello, late).await {
            Either::Left((hello, _)) => hello,
            // who does not say who it is holds a connection for no longer than a beat
            Either::Right(_) => return,
        }
    };
    if let Ok(Message::Hello(peer)) = hello {
        connection(&shared, peer, stream, frames, None).await;
    }
}

/// Runs a connection until it is lost. `frames` holds what has been read already.
async fn connection<N: Network, C: Clock, P: Spawn>(
    shared: &Shared<N, C, P>,
    peer: ActorId,
    stream: N::Stream,
    mut frames: Frames,
    hello: Option<Message>,
) {
    let connection = {
        let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        *connections += 1;
        *connections
    };
    let outbound = Arc::<Outbound>::default();
    hello.iter().for_each(|hello| outbound.push(hello));
    let up = Event::Up { peer, connection, outbound: outbound.clone() };
    if shared.inbox.send(up).await.is_err() {
        return;
    }
    let (mut reader, writer) = tokio::io::split(stream);
    let heard = AtomicBool::new(true);
    let read = std::pin::pin!(async {
        loop {
            match frames.next(&mut reader, &heard).await {
                Ok(message) => {
                    let frame = Event::Frame { peer, connection, message };
                    if shared.inbox.send(frame).await.is_err() {
                        return None;
                    }
                }
                Err(error) => return (error.kind() == io::ErrorKind::InvalidData).then(|| error.to_string()),
            }
        }
    });
    let write = std::pin::pin!(write_all(writer, &outbound));
    let silent = std::pin::pin!(silence(&shared.clock, &heard, &outbound));
    let why = match select(read, select(write, silent)).await {
        Either::Left((why, _)) => why,
        Either::Right(_) => None,
    };
    outbound.close();
    // the node may be gone, then nobody needs to know
    let _ = shared.inbox.send(Event::Down { peer, connection, why }).await;
}

/// Beats, until nothing has been heard for too long.
async fn silence(clock: &impl Clock, heard: &AtomicBool, outbound: &Outbound) {
    let mut silent = 0;
    while silent < SILENCE_BEATS {
        clock.sleep_until(clock.now().after(BEAT_NS)).await;
        outbound.beat();
        silent = if heard.swap(false, Ordering::Relaxed) { 0 } else { silent + 1 };
    }
}

/// Writes what is queued until the queue is closed or the connection lost.
async fn write_all(mut writer: impl AsyncWrite + Unpin, outbound: &Outbound) {
    loop {
        let (bytes, closed, full) =
            outbound.with(|queue| (std::mem::take(&mut queue.bytes), queue.closed, queue.full));
        if closed || (full && bytes.is_empty()) {
            return;
        }
        if bytes.is_empty() {
            outbound.ready.notified().await;
            continue;
        }
        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
}

fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

/// Bytes read and not yet taken as messages.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// The next message that has arrived whole.
    fn take(&mut self) -> io::Result<Option<Message>> {
        while let Some(body) = self.body()? {
            let length = body.len();
            let message = (length > 0).then(|| Message::from_bytes(body)).transpose().map_err(invalid)?;
            self.taken += HEADER + length;
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }

    /// The body of the next frame, if it has arrived whole and unchanged.
    fn body(&self) -> io::Result<Option<&[u8]>> {
        let rest = &self.buffer[self.taken..];
        let Some((length, complement)) = rest.first_chunk::<8>().map(|chunk| {
            let [a, b, c, d, e, f, g, h] = *chunk;
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        }) else {
            return Ok(None);
        };
        if length != !complement {
            return Err(invalid("a frame whose length was garbled"));
        }
        let length = length as usize;
        if length > FRAME_MAX {
            return Err(invalid(format!("a frame of {length} bytes, the bound is {FRAME_MAX}")));
        }
        let Some(frame) = rest.get(..HEADER + length) else { return Ok(None) };
        let body = &frame[HEADER..];
        match header(body) == frame[..HEADER] {
            true => Ok(Some(body)),
            false => Err(invalid("a frame that was garbled")),
        }
    }

    /// The next message of a connection; says so whenever anything is heard.
    async fn next(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        heard: &AtomicBool,
    ) -> io::Result<Message> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            self.buffer.drain(..std::mem::take(&mut self.taken));
            self.buffer.reserve(READ_SIZE);
            if reader.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            heard.store(true, Ordering::Relaxed);
        }
    }
}

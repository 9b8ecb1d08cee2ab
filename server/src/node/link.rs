//! Links: connections between nodes, and the frames on them.
//!
//! Messages travel in frames ([`crate::protocol::frame`]). Who opens a connection says who it is in its first frame and opens
//! it again, with growing pauses, when it is lost. Nothing is believed for that: what matters is signed.
//!
//! # Invariants
//! - Of two actors that talk, one dials: the one downstream, and the client or handler. Were both to dial, each new
//!   connection would end the other.
//! - At most one connection with a peer counts, the newest; what an older one still brings is ignored.
//! - A node that is several actors has a connection for each of them with a peer, if the network can tell whom it wants.
//! - Who has not said who it is holds a few bytes, for no longer than a beat; what is large waits in its connection until the
//!   node has room for it.
//! - No more connections are open that others have opened than the node may have; more are closed at once.
//! - A connection on which nothing has come for [`SILENCE_BEATS`] beats is taken for lost: a machine that dies does not
//!   always close its connections. Whoever has nothing to say sends an empty frame each beat.
//! - A peer in the same process needs no connection: it is *seated*, and what is sent to it arrives as messages.
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{
    Door,
    frames::Frames,
    outbound::{Outbound, write_all},
};
use crate::{
    actor::{Input, Step, step::Notice},
    port::{
        Clock, Network, Spawn, Work,
        room::{Room, Taken},
    },
    protocol::{frame::BEAT_NS, id::ActorId, message::Message},
};

/// The first pause before a lost connection is opened again; doubles up to the second.
const RECONNECT_NS: (u64, u64) = (10_000_000, 640_000_000);

/// After so many beats without anything a connection is lost.
const SILENCE_BEATS: u32 = 3;

/// What reaches a node. What is large is boxed: each connection's task has room for several of these.
pub enum Event {
    /// From its own application.
    Input(Box<Input>),
    /// A connection is up, with this one of several actors that the node is.
    Up { part: Option<ActorId>, peer: ActorId, connection: u64, way: Way },
    /// A frame arrived.
    Frame { peer: ActorId, connection: u64, message: Box<Message>, bytes: usize, room: Taken },
    /// A connection is lost; `why` if the peer broke the rules.
    Down { peer: ActorId, connection: u64, why: Option<String> },
}

/// How messages get to a peer.
pub enum Way {
    /// Over a connection.
    Link(Arc<Outbound>),
    /// To the part of this process that has seated it.
    Seat(Post),
}

impl Way {
    /// Sends a message; how many bytes were encoded for it, and who is to be woken when all has been sent.
    fn push(&self, peer: ActorId, message: Message) -> (usize, Option<&Outbound>) {
        match self {
            Way::Link(outbound) => {
                let (bytes, first) = outbound.push(&message);
                (bytes, first.then_some(outbound))
            }
            // whoever has seated the peer may be gone, and then so is the peer
            Way::Seat(post) => {
                let _ = post.send((peer, message));
                (0, None)
            }
        }
    }

    fn close(&self) {
        if let Way::Link(outbound) = self {
            outbound.close();
        }
    }
}

/// Where messages for seated peers go. Its reader must not wait for any one of them.
pub type Post = mpsc::UnboundedSender<(ActorId, Message)>;

/// A peer of a node that lives in the same process: what it says is as good as over a connection.
pub struct Seat {
    peer: ActorId,
    connection: u64,
    inbox: mpsc::Sender<Event>,
    room: Room,
}

impl Seat {
    /// Seats a peer, with one of several actors that the node is if it says which. None if the node is gone.
    pub(super) async fn take(door: &Door, part: Option<ActorId>, peer: ActorId, post: Post) -> Option<Seat> {
        let connection = next(&door.connections);
        let up = Event::Up { part, peer, connection, way: Way::Seat(post) };
        door.inbox.send(up).await.ok()?;
        Some(Seat { peer, connection, inbox: door.inbox.clone(), room: door.room.clone() })
    }

    /// Says something that came in so many bytes to the node, when it has room for it. False if the node is gone.
    pub async fn say(&self, message: Message, bytes: usize) -> bool {
        let (message, room) = (Box::new(message), self.room.take(bytes).await);
        // they were counted where they were decoded
        let frame = Event::Frame { peer: self.peer, connection: self.connection, message, bytes: 0, room };
        self.inbox.send(frame).await.is_ok()
    }

    /// Leaves.
    pub async fn leave(self) {
        let down = Event::Down { peer: self.peer, connection: self.connection, why: None };
        // a node that is gone needs no word of it
        let _ = self.inbox.send(down).await;
    }
}

/// Counts the connections of a node.
pub type Connections = Arc<Mutex<u64>>;

fn next(connections: &Connections) -> u64 {
    let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
    *connections += 1;
    *connections
}

/// Whose node it is.
#[derive(Clone)]
pub struct Own {
    /// The actor.
    pub actor: ActorId,
    /// All that it is.
    pub parts: Vec<ActorId>,
}

impl Own {
    /// Which of several actors a peer wants; none where there is only one.
    fn part(&self, wanted: Option<ActorId>) -> Option<ActorId> {
        wanted.filter(|wanted| self.parts.len() > 1 && self.parts.contains(wanted))
    }
}

/// The two ends of a connection: which of several actors here, and the peer.
type Ends = (Option<ActorId>, ActorId);

/// The connections of a node.
pub struct Links<N, C, W, P> {
    shared: Shared<N, C, W, P>,
    current: BTreeMap<Ends, (u64, Way)>,
    /// Whose each connection is, while it is current.
    ends: BTreeMap<u64, Ends>,
}

/// What the tasks of a node's connections have in common.
#[derive(Clone)]
struct Shared<N, C, W, P> {
    me: Own,
    inbox: mpsc::Sender<Event>,
    network: N,
    clock: C,
    work: W,
    spawn: P,
    connections: Connections,
    room: Room,
}

impl<N: Network, C: Clock, W: Work + Clone + Sync, P: Spawn> Links<N, C, W, P> {
    /// No connections yet.
    pub fn new(me: Own, door: Door, (network, clock, work, spawn): (N, C, W, P)) -> Self {
        let Door { inbox, connections, room, .. } = door;
        let shared = Shared { me, inbox, network, clock, work, spawn, connections, room };
        Links { shared, current: BTreeMap::new(), ends: BTreeMap::new() }
    }

    /// Takes connections from now on, so many at once.
    pub fn accept(&self, mut listener: N::Listener, most: usize) {
        let shared = self.shared.clone();
        let room = Arc::new(Semaphore::new(most));
        self.shared.spawn.spawn(async move {
            let mut told = false;
            while !shared.inbox.is_closed() {
                match N::accept(&mut listener).await {
                    Ok(stream) => match room.clone().try_acquire_owned() {
                        Ok(room) => shared.spawn.spawn(serve(shared.clone(), stream, room)),
                        Err(_) if std::mem::replace(&mut told, true) => {}
                        Err(_) => {
                            let me = shared.me.actor;
                            tracing::warn!(%me, most, "more connections of others than there may be: they are closed");
                        }
                    },
                    // for want of a descriptor, say: it may have one soon
                    Err(_) => shared.clock.sleep_until(shared.clock.now().after(RECONNECT_NS.1)).await,
                }
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
                match shared.network.connect(peer).await {
                    Ok(stream) => {
                        pause = first;
                        let hello = Some(shared.me.actor);
                        connection(&shared, (None, peer), stream, Frames::default(), hello).await;
                    }
                    // once each time that it is gone
                    Err(error) if pause == first => tracing::info!(%peer, %error, "cannot connect"),
                    Err(_) => {}
                }
                shared.clock.sleep_until(shared.clock.now().after(pause)).await;
                pause = (2 * pause).min(longest);
            }
        });
    }

    /// What an event means to the actor, or to one of several: nothing, one thing, or the loss of a connection and a new
    /// one.
    pub fn inputs_of(&mut self, event: Event, step: &mut Step) -> (Option<ActorId>, [Option<Input>; 2]) {
        match event {
            Event::Input(input) => (None, [Some(*input), None]),
            Event::Up { part, peer, connection, way } => {
                self.ends.insert(connection, (part, peer));
                // what was sent on the older one may be lost, so its subscriptions must not go on on this one
                let older = self.current.insert((part, peer), (connection, way)).map(|(number, older)| {
                    self.ends.remove(&number);
                    older.close();
                    step.unsend(part, peer);
                    Input::Disconnected(peer)
                });
                (part, [older, Some(Input::Connected(peer))])
            }
            Event::Frame { peer, connection, message, bytes, room } => {
                drop(room);
                let Some((part, _)) = self.ends.get(&connection) else { return (None, [None, None]) };
                step.work.coded_bytes += bytes as u64;
                (*part, [Some(Input::Message(peer, *message)), None])
            }
            Event::Down { peer, connection, why } => {
                if let Some(why) = why {
                    step.notice(Notice::Suspicious { from: peer, why });
                }
                let Some(ends) = self.ends.remove(&connection) else { return (None, [None, None]) };
                self.current.remove(&ends);
                (ends.0, [Some(Input::Disconnected(peer)), None])
            }
        }
    }

    /// Sends to whoever is connected; how many bytes were encoded. To others nothing: they will say from where on they
    /// want it.
    pub fn send_all(&self, sends: Vec<(ActorId, Message)>) -> usize {
        self.push_all(sends.into_iter().map(|(to, message)| ((None, to), message)))
    }

    /// The same for what one of several actors sends: over its own connection, or where the peer is seated.
    pub fn send_of_parts(&self, sends: Vec<(ActorId, ActorId, Message)>) -> usize {
        self.push_all(sends.into_iter().map(|(part, to, message)| ((Some(part), to), message)))
    }

    /// A writer that is woken by the first of several messages would write it alone.
    fn push_all(&self, sends: impl Iterator<Item = (Ends, Message)>) -> usize {
        let (mut bytes, mut woken) = (0, Vec::new());
        for (ends, message) in sends {
            let (more, first) = self.push(ends, message);
            bytes += more;
            woken.extend(first);
        }
        woken.into_iter().for_each(Outbound::wake);
        bytes
    }

    fn push(&self, (part, to): Ends, message: Message) -> (usize, Option<&Outbound>) {
        let with_peer = || self.current.iter().find(|((_, peer), _)| *peer == to).map(|(_, way)| way);
        let own = self.current.get(&(part, to)).or_else(|| self.current.get(&(None, to)));
        // an actor that is several, and does not say which of them speaks, may take any connection
        let any = || if part.is_none() && self.shared.me.parts.len() > 1 { with_peer() } else { None };
        own.or_else(any).map_or((0, None), |(_, way)| way.push(to, message))
    }
}

/// Serves a connection that a peer has opened.
async fn serve<N: Network, C: Clock, W: Work + Clone + Sync, P: Spawn>(
    shared: Shared<N, C, W, P>,
    mut stream: N::Stream,
    _room: OwnedSemaphorePermit,
) {
    let mut frames = Frames::of_a_stranger();
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
    let Ok((hello, _)) = hello else { return };
    if let Message::Hello(peer) = *hello {
        frames.of_a_peer();
        let part = shared.me.part(N::wanted(&stream));
        connection(&shared, (part, peer), stream, frames, None).await;
    }
}

/// Runs a connection until it is lost. `frames` holds what has been read already, `hello` who opened it, if this end did.
async fn connection<N: Network, C: Clock, W: Work + Clone + Sync, P: Spawn>(
    shared: &Shared<N, C, W, P>,
    (part, peer): Ends,
    stream: N::Stream,
    mut frames: Frames,
    hello: Option<ActorId>,
) {
    let connection = next(&shared.connections);
    let outbound = Arc::<Outbound>::default();
    hello.iter().for_each(|me| {
        outbound.push(&Message::Hello(*me));
    });
    let up = Event::Up { part, peer, connection, way: Way::Link(outbound.clone()) };
    if shared.inbox.send(up).await.is_err() {
        return;
    }
    let (mut reader, writer) = tokio::io::split(stream);
    let heard = AtomicBool::new(true);
    let read = std::pin::pin!(async {
        loop {
            match frames.next(&mut reader, &heard).await {
                Ok((message, bytes)) => {
                    let room = shared.room.take(bytes).await;
                    let frame = Event::Frame { peer, connection, message, bytes, room };
                    if shared.inbox.send(frame).await.is_err() {
                        return None;
                    }
                }
                Err(error) => return (error.kind() == io::ErrorKind::InvalidData).then(|| error.to_string()),
            }
        }
    });
    let write = std::pin::pin!(write_all(writer, &outbound, shared.work.clone()));
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

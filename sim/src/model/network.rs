//! The network port on a fabric of links, one for each direction between two machines.
//!
//! Connections behave like TCP: bytes arrive in order, once, in bounded number, when the links say ([`Wires`]); and a
//! connection is reset when a cut outlasts [`RESET_AFTER_NS`].

mod stream;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, Waker},
};

use server::{port::Network, protocol::id::ActorId};
use twox_hash::XxHash3_64;

pub use stream::SimStream;

use super::{
    clock::VirtualTime,
    condition::{Condition, Whose},
    pipe::Pipe,
    trap::Traps,
    wires::Wires,
};
use crate::{
    fingerprint::Fingerprint,
    random::Streams,
    scenario::DrawnNetwork,
    trace::{Passage, Way},
    windows::Windows,
};

/// A machine: its place in the list of all.
pub type Machine = usize;

/// Where on a machine connections arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Socket {
    /// Frames of messages, from any actor.
    Links,
    /// Requests of clients.
    Http,
    /// Letters of a crowd ([`crate::crowd`]).
    Crowd,
}

/// A connection whose link is cut for longer is lost.
const RESET_AFTER_NS: u64 = 1_000_000_000;
/// A connection that is not answered within this time is given up.
const CONNECT_TIMEOUT_NS: u64 = 1_000_000_000;

struct Connection {
    /// The machine that opened it, and the one that it opened it to.
    ends: [Machine; 2],
    /// What the first sends, and what the second does.
    pipes: [Pipe; 2],
    /// Ends that are gone without the other having been told.
    gone: [bool; 2],
    /// Whether the machine of such an end answers again, that it knows no such connection.
    answers: bool,
    /// Ends that were dropped.
    dropped: [bool; 2],
}

impl Connection {
    fn new(ends: [Machine; 2]) -> Self {
        Connection { ends, pipes: Default::default(), gone: [false; 2], answers: false, dropped: [false; 2] }
    }

    fn is_of(&self, whose: Whose) -> bool {
        whose.touches(self.ends[0], self.ends[1])
    }

    /// Both ends find that it is lost.
    fn reset(&mut self) {
        for pipe in &mut self.pipes {
            pipe.broken = true;
            pipe.wake();
        }
    }

    /// The error that an end meets, if it does.
    fn check(&self, side: usize) -> io::Result<()> {
        match self.gone[side] {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => self.pipes[side].check(),
        }
    }
}

#[derive(Default)]
struct Listening {
    /// Which of all listeners it is: a process that was killed may drop its own when the next one listens already.
    number: u64,
    /// With whom the peer wants to speak.
    waiting: VecDeque<(Stub, ActorId)>,
    waker: Option<Waker>,
}

/// One end of a connection: which connection, and which of its ends.
type Stub = (u64, usize);

struct State {
    wires: Wires,
    connections: BTreeMap<u64, Connection>,
    opened: u64,
    listeners: u64,
    listening: BTreeMap<(Machine, Socket), Listening>,
    /// What was written and read, if that is kept.
    passages: Option<Vec<Passage>>,
}

/// The network of a run.
#[derive(Clone)]
pub struct Fabric {
    state: Arc<Mutex<State>>,
    time: VirtualTime,
    fingerprint: Fingerprint,
    traps: Traps,
}

impl State {
    /// Sets the arrival of what a connection holds back, if its link is no longer cut.
    fn resume(&mut self, id: u64, now: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        for (side, pipe) in connection.pipes.iter_mut().enumerate() {
            let (from, to) = (connection.ends[side], connection.ends[1 - side]);
            if !self.wires.is_cut(from, to) {
                pipe.resume(|bytes| self.wires.arrival(from, to, bytes, now));
            }
            pipe.wake();
        }
    }

    fn ids(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<u64> {
        self.connections.iter().filter(|(_, connection)| wanted(connection)).map(|(id, _)| *id).collect()
    }

    fn crossing(&self, condition: &Condition) -> Vec<u64> {
        self.ids(|connection| condition.crosses(connection.ends[0], connection.ends[1]))
    }
}

impl Fabric {
    /// A network without conditions.
    pub fn new(
        network: DrawnNetwork,
        streams: Streams,
        time: VirtualTime,
        fingerprint: Fingerprint,
        traps: Traps,
    ) -> Self {
        let wires = Wires::new(network, streams);
        let (connections, listening) = (BTreeMap::new(), BTreeMap::new());
        let state = State { wires, connections, opened: 0, listeners: 0, listening, passages: None };
        Fabric { state: Arc::new(Mutex::new(state)), time, fingerprint, traps }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on keeps what is written and read.
    pub fn keep_passages(&self) {
        self.with(|state| state.passages = Some(Vec::new()));
    }

    /// What was kept of what was written and read.
    pub fn passages(&self) -> Vec<Passage> {
        self.with(|state| state.passages.take().unwrap_or_default())
    }

    /// An end of a connection wrote or read these bytes.
    fn pass(&self, (connection, side): Stub, way: Way, at_ns: u64, bytes: &[u8]) {
        self.with(|state| {
            let (Some(passages), Some(known)) = (&mut state.passages, state.connections.get(&connection))
            else {
                return;
            };
            let sender = if way == Way::Written { side } else { 1 - side };
            let (from, to) = (known.ends[sender], known.ends[1 - sender]);
            let content = XxHash3_64::oneshot(bytes);
            passages.push(Passage { at_ns, connection, way, from, to, bytes: bytes.len(), content });
        });
    }

    /// How many segments were lost so far.
    pub fn lost(&self) -> u64 {
        self.with(|state| state.wires.lost)
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> u64 {
        self.with(|state| state.opened)
    }

    /// How many bytes each machine has put on its links.
    pub fn sent(&self) -> BTreeMap<Machine, Windows> {
        self.with(|state| state.wires.sent.clone())
    }

    /// For how long the busiest link of each machine was taken, in nanoseconds.
    pub fn busiest_links(&self) -> BTreeMap<Machine, u64> {
        self.with(|state| state.wires.busiest_ns())
    }

    /// Sets condition number `number`.
    pub fn begin(&self, number: usize, condition: Condition) {
        let now = self.time.now_ns();
        self.with(|state| {
            let crossing = state.crossing(&condition);
            for id in &crossing {
                let Some(connection) = state.connections.get_mut(id) else { continue };
                let ends = connection.ends;
                let cut = |side: &usize| condition.cuts(ends[*side], ends[1 - *side]);
                (0..2).filter(cut).for_each(|side| connection.pipes[side].cut(now));
            }
            let effects = crossing.len() as u64;
            state.wires.begin(number, condition, now, effects);
        });
    }

    /// Ends condition number `number`; how often it had an effect.
    pub fn end(&self, number: usize) -> u64 {
        let now = self.time.now_ns();
        self.with(|state| {
            let Some((condition, since_ns, effects)) = state.wires.end(number) else { return 0 };
            let reset = condition.loses_connections() && now - since_ns > RESET_AFTER_NS;
            for id in state.crossing(&condition) {
                match state.connections.get_mut(&id).filter(|_| reset) {
                    Some(connection) => connection.reset(),
                    None => state.resume(id, now),
                }
            }
            effects
        })
    }

    /// Resets connections; how many.
    pub fn reset(&self, whose: Whose) -> u64 {
        self.with(|state| {
            let open = state.connections.values_mut().filter(|connection| connection.is_of(whose));
            open.map(Connection::reset).count() as u64
        })
    }

    /// The ends of connections at the machine are gone, and the other ends are not told; how many.
    pub fn abandon(&self, machine: Machine, whose: Whose) -> u64 {
        self.with(|state| {
            let open = state.connections.values_mut().filter(|connection| connection.is_of(whose));
            let mut count = 0;
            for connection in open {
                let side = usize::from(connection.ends[1] == machine);
                connection.gone[side] = true;
                // what the other end sends from now on goes nowhere
                connection.pipes[1 - side].desert();
                connection.pipes[side].cut(self.time.now_ns());
                connection.pipes.iter_mut().for_each(Pipe::wake);
                count += 1;
            }
            count
        })
    }

    /// The machines answer again: whoever sends on an abandoned connection learns that it is lost.
    pub fn answer(&self, whose: Whose) {
        self.with(|state| {
            let gone =
                |connection: &&mut Connection| connection.is_of(whose) && connection.gone != [false; 2];
            state.connections.values_mut().filter(gone).for_each(|connection| connection.answers = true);
        });
    }

    /// The network as one machine sees it.
    pub fn of(&self, machine: Machine, places: Arc<BTreeMap<ActorId, Machine>>) -> SimNetwork {
        SimNetwork { fabric: self.clone(), machine, places, socket: Socket::Links }
    }

    fn stream(&self, (connection, side): Stub) -> SimStream {
        SimStream { fabric: self.clone(), connection, side, wanted: None }
    }
}

/// The network as one machine sees it.
#[derive(Clone)]
pub struct SimNetwork {
    fabric: Fabric,
    machine: Machine,
    places: Arc<BTreeMap<ActorId, Machine>>,
    socket: Socket,
}

/// Where connections to a socket of a machine arrive.
pub struct SimListener {
    fabric: Fabric,
    place: (Machine, Socket),
    number: u64,
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let left = self.fabric.with(|state| {
            let own = state.listening.get(&self.place).is_some_and(|now| now.number == self.number);
            own.then(|| state.listening.remove(&self.place)).flatten()
        });
        // dropping the waiting ends closes their connections
        left.into_iter().flat_map(|left| left.waiting).for_each(|(stub, _)| drop(self.fabric.stream(stub)));
    }
}

impl SimNetwork {
    /// The same for connections to and from sockets of this kind.
    #[must_use]
    pub fn over(self, socket: Socket) -> Self {
        SimNetwork { socket, ..self }
    }

    /// Waits until something sent now arrives, or the time for it is up.
    async fn travel(&self, from: Machine, to: Machine, until: u64) -> io::Result<()> {
        let now = self.fabric.time.now_ns();
        let arrival = self.fabric.with(|state| state.wires.transmit(from, to, 64, now));
        self.fabric.time.sleep_until(arrival.unwrap_or(until).min(until)).await;
        match arrival {
            Some(arrival) if arrival <= until => Ok(()),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Network for SimNetwork {
    type Stream = SimStream;
    type Listener = SimListener;

    async fn listen(&self) -> io::Result<SimListener> {
        let place = (self.machine, self.socket);
        let (number, left) = self.fabric.with(|state| {
            state.listeners += 1;
            let listening = Listening { number: state.listeners, ..Listening::default() };
            (state.listeners, state.listening.insert(place, listening))
        });
        // dropping the ends that waited for a process before this one closes their connections
        left.into_iter().flat_map(|left| left.waiting).for_each(|(stub, _)| drop(self.fabric.stream(stub)));
        Ok(SimListener { fabric: self.fabric.clone(), place, number })
    }

    async fn accept(listener: &mut SimListener) -> io::Result<SimStream> {
        let stub = std::future::poll_fn(|context| {
            listener.fabric.with(|state| {
                let listening = state.listening.entry(listener.place).or_default();
                match listening.waiting.pop_front() {
                    Some(stub) => Poll::Ready(stub),
                    None => {
                        listening.waker = Some(context.waker().clone());
                        Poll::Pending
                    }
                }
            })
        });
        let (stub, wanted) = stub.await;
        let mut stream = listener.fabric.stream(stub);
        stream.wanted = Some(wanted);
        Ok(stream)
    }

    async fn connect(&self, to: ActorId) -> io::Result<SimStream> {
        let other = *self.places.get(&to).ok_or(io::ErrorKind::NotFound)?;
        let until = self.fabric.time.now_ns() + CONNECT_TIMEOUT_NS;
        self.travel(self.machine, other, until).await?;
        let opened = self.fabric.with(|state| {
            let id = state.opened;
            let listening = state.listening.get_mut(&(other, self.socket))?;
            state.opened += 1;
            listening.waiting.push_back(((id, 1), to));
            if let Some(waker) = listening.waker.take() {
                waker.wake();
            }
            state.connections.insert(id, Connection::new([self.machine, other]));
            Some(id)
        });
        // whether or not someone listened, the answer takes its way back
        let stream = opened.map(|id| self.fabric.stream((id, 0)));
        self.travel(other, self.machine, until).await?;
        stream.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    fn wanted(stream: &SimStream) -> Option<ActorId> {
        stream.wanted
    }
}

#[cfg(test)]
mod tests;

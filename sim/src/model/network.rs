//! The network port on a fabric of links, one for each direction between two machines.
//!
//! Connections behave like TCP: bytes arrive in order, once, in bounded number, when the links say ([`Wires`]); and a
//! connection is reset when a cut outlasts [`RESET_AFTER_NS`].

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use server::{port::Network, protocol::id::ActorId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use twox_hash::XxHash3_64;

use super::{
    clock::VirtualTime,
    condition::{Condition, Whose},
    pipe::{CHUNK_MAX, Parcel, Pipe},
    trap::{Boundary, Traps},
    wires::Wires,
};
use crate::{
    fingerprint::Fingerprint,
    random::Streams,
    scenario::DrawnNetwork,
    trace::{Passage, Way},
};

/// A machine: its place in the list of all.
pub type Machine = usize;

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
    waiting: VecDeque<Stub>,
    waker: Option<Waker>,
}

/// One end of a connection: which connection, and which of its ends.
type Stub = (u64, usize);

struct State {
    wires: Wires,
    connections: BTreeMap<u64, Connection>,
    opened: u64,
    listeners: u64,
    listening: BTreeMap<Machine, Listening>,
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
    pub fn sent(&self) -> BTreeMap<Machine, u64> {
        self.with(|state| state.wires.sent.clone())
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
        SimNetwork { fabric: self.clone(), machine, places }
    }

    fn stream(&self, (connection, side): Stub) -> SimStream {
        SimStream { fabric: self.clone(), connection, side }
    }
}

/// The network as one machine sees it.
#[derive(Clone)]
pub struct SimNetwork {
    fabric: Fabric,
    machine: Machine,
    places: Arc<BTreeMap<ActorId, Machine>>,
}

/// Where connections to a machine arrive.
pub struct SimListener {
    fabric: Fabric,
    machine: Machine,
    number: u64,
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let left = self.fabric.with(|state| {
            let own = state.listening.get(&self.machine).is_some_and(|now| now.number == self.number);
            own.then(|| state.listening.remove(&self.machine)).flatten()
        });
        // dropping the waiting ends closes their connections
        left.into_iter().flat_map(|left| left.waiting).for_each(|stub| drop(self.fabric.stream(stub)));
    }
}

impl SimNetwork {
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
        let (number, left) = self.fabric.with(|state| {
            state.listeners += 1;
            let listening = Listening { number: state.listeners, ..Listening::default() };
            (state.listeners, state.listening.insert(self.machine, listening))
        });
        // dropping the ends that waited for a process before this one closes their connections
        left.into_iter().flat_map(|left| left.waiting).for_each(|stub| drop(self.fabric.stream(stub)));
        Ok(SimListener { fabric: self.fabric.clone(), machine: self.machine, number })
    }

    async fn accept(listener: &mut SimListener) -> io::Result<SimStream> {
        let stub = std::future::poll_fn(|context| {
            listener.fabric.with(|state| {
                let listening = state.listening.entry(listener.machine).or_default();
                match listening.waiting.pop_front() {
                    Some(stub) => Poll::Ready(stub),
                    None => {
                        listening.waker = Some(context.waker().clone());
                        Poll::Pending
                    }
                }
            })
        });
        let stub = stub.await;
        Ok(listener.fabric.stream(stub))
    }

    async fn connect(&self, to: ActorId) -> io::Result<SimStream> {
        let other = *self.places.get(&to).ok_or(io::ErrorKind::NotFound)?;
        let until = self.fabric.time.now_ns() + CONNECT_TIMEOUT_NS;
        self.travel(self.machine, other, until).await?;
        let opened = self.fabric.with(|state| {
            let id = state.opened;
            let listening = state.listening.get_mut(&other)?;
            state.opened += 1;
            listening.waiting.push_back((id, 1));
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
}

/// One end of a connection.
pub struct SimStream {
    fabric: Fabric,
    connection: u64,
    side: usize,
}

impl SimStream {
    fn with<T>(&self, f: impl FnOnce(&mut Wires, &mut Connection) -> T) -> Option<T> {
        self.fabric.with(|state| Some(f(&mut state.wires, state.connections.get_mut(&self.connection)?)))
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let now = self.fabric.time.now_ns();
        let before = out.filled().len();
        let (side, time) = (self.side, &self.fabric.time);
        let read = self.with(|_, connection| {
            connection.check(side)?;
            let pipe = &mut connection.pipes[1 - side];
            pipe.check()?;
            let Some(read) = pipe.read(now, out) else {
                pipe.reader = Some(context.waker().clone());
                if let Some(arrival) = pipe.next_arrival() {
                    time.wake_at(arrival, context.waker());
                }
                return Ok(None);
            };
            if let Some(writer) = pipe.writer.take() {
                writer.wake();
            }
            Ok(Some((read, connection.ends)))
        });
        match read {
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(None)) => Poll::Pending,
            Some(Ok(Some((_, ends)))) => {
                let what = &out.filled()[before..];
                self.fabric.fingerprint.delivery(now, ends[1 - side], ends[side], what);
                self.fabric.pass((self.connection, side), Way::Read, now, what);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.fabric.time.now_ns();
        let (side, time, traps) = (self.side, &self.fabric.time, &self.fabric.traps);
        let written = self.with(|wires, connection| {
            connection.check(side)?;
            if connection.gone[1 - side] && connection.answers {
                connection.reset();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let (from, to) = (connection.ends[side], connection.ends[1 - side]);
            let pipe = &mut connection.pipes[side];
            let room = pipe.room(wires.buffer(from, to)).min(CHUNK_MAX).min(bytes.len());
            if (room == 0 && !bytes.is_empty()) || traps.is_held(from) {
                pipe.writer = Some(context.waker().clone());
                return Ok(None);
            }
            let idle = pipe.next_arrival().is_none();
            let arrival = wires.transmit(from, to, room, now);
            let mut carried = bytes[..room].to_vec();
            wires.corrupt(from, to, &mut carried);
            let parcel = Parcel::Bytes { bytes: carried, read: 0 };
            let arrival = pipe.send(parcel, arrival).filter(|_| idle);
            if let (Some(arrival), Some(reader)) = (arrival, &pipe.reader) {
                time.wake_at(arrival, reader);
            }
            traps.spring(from, Boundary::Sending);
            Ok(Some(room))
        });
        match written {
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(None)) => Poll::Pending,
            Some(Ok(Some(written))) => {
                self.fabric.pass((self.connection, side), Way::Written, now, &bytes[..written]);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let now = self.fabric.time.now_ns();
        let (side, time) = (self.side, &self.fabric.time);
        let gone = self.with(|wires, connection| {
            let (from, to) = (connection.ends[side], connection.ends[1 - side]);
            connection.pipes[1 - side].desert();
            if let Some(writer) = connection.pipes[1 - side].writer.take() {
                writer.wake();
            }
            connection.dropped[side] = true;
            let both = connection.dropped == [true; 2];
            if connection.gone[side] {
                return both; // the other end is not told
            }
            let arrival = wires.transmit(from, to, 0, now);
            let pipe = &mut connection.pipes[side];
            let arrival = pipe.send(Parcel::End, arrival);
            if let (Some(arrival), Some(reader)) = (arrival, &pipe.reader) {
                time.wake_at(arrival, reader);
            }
            both
        });
        if gone == Some(true) {
            self.fabric.with(|state| state.connections.remove(&self.connection));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::condition::Cut, *};
    use crate::scenario::Latency;
    use server::protocol::id::Role;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const HERE: ActorId = ActorId::Server(Role::Handler, 0);
    const THERE: ActorId = ActorId::Server(Role::Incoming, 0);

    /// Runs something on a fabric of two machines.
    fn on_fabric<F: Future + Send + 'static>(
        network: DrawnNetwork,
        body: impl FnOnce(Fabric, SimNetwork, SimNetwork) -> F + Send + 'static,
    ) -> F::Output
    where
        F::Output: Send,
    {
        let thread = std::thread::spawn(move || {
            madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(
                async move {
                    let time = VirtualTime::current();
                    let print = Fingerprint::default();
                    let fabric = Fabric::new(network, Streams::new(1), time, print, Traps::default());
                    let places = Arc::new([(HERE, 0), (THERE, 1)].into());
                    let (here, there) = (fabric.of(0, Arc::clone(&places)), fabric.of(1, places));
                    body(fabric, here, there).await
                },
            )
        });
        thread.join().unwrap()
    }

    fn network(latency_ns: u64, bandwidth_bit_s: Option<u64>, loss: f64) -> DrawnNetwork {
        DrawnNetwork { latency: Latency::Constant { ns: latency_ns }, bandwidth_bit_s, loss }
    }

    /// Connects, sends so many bytes one way, and says how long they took and whether they arrived unchanged.
    async fn transfer(fabric: &Fabric, here: &SimNetwork, there: &SimNetwork, bytes: usize) -> (u64, bool) {
        let mut listener = there.listen().await.unwrap();
        let mut sender = here.connect(THERE).await.unwrap();
        let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
        let sent: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
        let begin = fabric.time.now_ns();
        let copy = sent.clone();
        madsim::task::spawn(async move {
            sender.write_all(&copy).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut received = vec![0; bytes];
        receiver.read_exact(&mut received).await.unwrap();
        (fabric.time.now_ns() - begin, received == sent)
    }

    #[test]
    fn a_gigabit_link_carries_a_gigabit() {
        let (took, whole) =
            on_fabric(network(100_000, Some(1_000_000_000), 0.0), |fabric, here, there| async move {
                transfer(&fabric, &here, &there, 25_000_000).await
            });
        let rate = 25_000_000.0 * 8.0 / (took as f64 / 1e9);
        assert!(whole && (rate / 1e9 - 1.0).abs() < 0.02, "{rate} bit/s");
    }

    #[test]
    fn a_byte_takes_the_latency_of_its_link() {
        let (took, _) = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            transfer(&fabric, &here, &there, 1).await
        });
        assert!((100_000..100_100).contains(&took), "{took} ns");
    }

    #[test]
    fn a_lossy_link_delivers_everything_in_order_and_later() {
        let lossy = |loss| {
            on_fabric(network(100_000, Some(1_000_000_000), loss), |fabric, here, there| async move {
                (transfer(&fabric, &here, &there, 3_000_000).await, fabric.lost())
            })
        };
        let ((clean, _), _) = lossy(0.0);
        let ((took, whole), lost) = lossy(0.02);
        assert!(whole && lost > 0 && took > clean, "{lost} lost, {took} against {clean} ns");
    }

    #[test]
    fn a_cut_holds_bytes_back_until_it_heals() {
        let took = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let mut sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            fabric.begin(0, Condition::Cut(Cut::Aside(vec![0])));
            sender.write_all(b"held").await.unwrap();
            let begin = fabric.time.now_ns();
            let healer = fabric.clone();
            madsim::task::spawn(async move {
                healer.time.sleep_until(begin + 5_000_000).await;
                assert_eq!(healer.end(0), 2, "it held up a connection and what was sent on it");
            });
            let mut bytes = [0; 4];
            receiver.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"held");
            fabric.time.now_ns() - begin
        });
        assert!((5_100_000..5_200_000).contains(&took), "{took} ns");
    }

    #[test]
    fn a_long_cut_resets_the_connection() {
        let error = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let _sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            fabric.begin(0, Condition::Cut(Cut::Aside(vec![0])));
            fabric.time.sleep_until(fabric.time.now_ns() + RESET_AFTER_NS + 1_000_000).await;
            fabric.end(0);
            receiver.read_u8().await.unwrap_err().kind()
        });
        assert_eq!(error, io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_clog_holds_bytes_back_and_costs_no_connection() {
        let took = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let mut sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            let clog = Cut::Of(Whose { machine: Some(0), peer: None });
            fabric.begin(0, Condition::Clog(clog));
            let begin = fabric.time.now_ns();
            sender.write_all(b"held").await.unwrap();
            fabric.time.sleep_until(begin + 2 * RESET_AFTER_NS).await;
            fabric.end(0);
            receiver.read_exact(&mut [0; 4]).await.unwrap();
            fabric.time.now_ns() - begin
        });
        assert!(took > 2 * RESET_AFTER_NS);
    }

    #[test]
    fn a_reset_ends_both_ends() {
        let errors = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let mut sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            assert_eq!(fabric.reset(Whose { machine: Some(1), peer: Some(0) }), 1);
            [receiver.read_u8().await.unwrap_err().kind(), sender.write_u8(1).await.unwrap_err().kind()]
        });
        assert_eq!(errors, [io::ErrorKind::ConnectionReset; 2]);
    }

    #[test]
    fn the_far_end_of_a_half_open_connection_learns_it_when_it_sends_and_is_answered() {
        let error = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let mut sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            let whose = Whose { machine: Some(1), peer: None };
            assert_eq!(fabric.abandon(1, whose), 1);
            assert_eq!(receiver.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            drop(receiver);
            sender.write_u8(1).await.unwrap();
            fabric.answer(whose);
            sender.write_u8(1).await.unwrap_err().kind()
        });
        assert_eq!(error, io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_corrupting_link_flips_one_bit() {
        let flipped = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let mut sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            fabric.begin(0, Condition::Corrupt(1.0, Whose::default()));
            sender.write_all(&[0; 16]).await.unwrap();
            let mut bytes = [0; 16];
            receiver.read_exact(&mut bytes).await.unwrap();
            assert_eq!(fabric.end(0), 1);
            bytes.iter().map(|byte| byte.count_ones()).sum::<u32>()
        });
        assert_eq!(flipped, 1);
    }

    #[test]
    fn a_throttled_link_carries_what_it_is_left() {
        let took = on_fabric(network(100_000, None, 0.0), |fabric, here, there| async move {
            fabric.begin(0, Condition::Throttle(8_000_000, Some(10_000), Whose::default()));
            transfer(&fabric, &here, &there, 1_000_000).await.0
        });
        assert!((1_000_000_000..1_300_000_000).contains(&took), "{took} ns");
    }

    #[test]
    fn a_dropped_end_ends_the_stream_after_its_bytes() {
        let text = on_fabric(network(100_000, None, 0.0), |_, here, there| async move {
            let mut listener = there.listen().await.unwrap();
            let mut sender = here.connect(THERE).await.unwrap();
            let mut receiver = SimNetwork::accept(&mut listener).await.unwrap();
            sender.write_all(b"last words").await.unwrap();
            drop(sender);
            let mut text = String::new();
            receiver.read_to_string(&mut text).await.unwrap();
            text
        });
        assert_eq!(text, "last words");
    }

    #[test]
    fn a_machine_where_nobody_listens_refuses() {
        let error = on_fabric(network(100_000, None, 0.0), |_, here, _| async move {
            here.connect(THERE).await.err().map(|error| error.kind())
        });
        assert_eq!(error, Some(io::ErrorKind::ConnectionRefused));
    }
}

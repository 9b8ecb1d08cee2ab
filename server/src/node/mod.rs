//! The node: the one loop that drives any actor over the ports.
//!
//! ```text
//! drain the inbox → handle each → settle → one transaction, synced → sign → release → send
//! ```
//!
//! # Invariants
//! - Nothing is signed before the transaction that holds it is synced, and nothing is sent before that (rule R8).
//! - One slot gets one digest, over all restarts: the node keeps the table and would rather stop than sign twice.
//! - A step that stores nothing commits nothing.
//! - An actor whose state is lost is retired: it admits that, and signs nothing else.

mod fences;
mod frames;
mod link;
mod outbound;
mod promise;
mod slots;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use tokio::sync::{Semaphore, mpsc};

use crate::{
    actor::{
        Actor, Draft, Draught, Input, Issued, Ledger, Notice, RecoverError, Recovered, Step,
        retired::Retired, step::STATEMENTS,
    },
    port::{Clock, Network, Ports, Rows, Spawn, Storage, StorageError, Time, Work, room::Room},
    protocol::{
        crypto::Keyring,
        digest::Digest,
        endorsement::Pen,
        evidence::Evidence,
        id::{ActorId, Deployment},
        statement::{Kind, Terms},
    },
};

pub use fences::fences;
use link::{Connections, Event, Links, Own};
pub use link::{Post, Seat};
pub use promise::Promise;
use promise::promised;
use slots::Slots;

/// Most events in the inbox; more wait in their connections, and those push back on their senders.
const INBOX_MAX: usize = 4096;
/// Most bytes of large messages in the inbox.
const INBOX_BYTES_MAX: usize = 256 << 20;
/// Most events handled in one step: bounds what a transaction holds.
const STEP_MAX: usize = 1024;

/// Told what a node does. An observer sees, and changes nothing.
pub trait Observer: Send + 'static {
    /// A statement is durable and will be signed. After a restart it is told of those kept, again.
    fn promised(&mut self, now: Time, draft: &Draft, digest: Digest);
    /// A statement is durable and signed. After a restart it is told of those kept, again.
    fn issued(&mut self, _issued: &Issued) {}
    /// What the actor had stored is lost: it retires. An operator wants to know why.
    fn lost(&mut self, _why: &str) {}
    /// A transaction begins.
    fn commits(&mut self) {}
    /// It is durable, which took so many nanoseconds.
    fn committed(&mut self, _took_ns: u64) {}
    /// The actor lets its surroundings know something.
    fn notice(&mut self, now: Time, notice: Notice);
    /// A step is over.
    fn stepped(&mut self, now: Time, step: &Step);
    /// Whether the node is to take another step, which it does not before it knows. If not, it ends here: what it has told may be
    /// told again by its next life.
    fn wants_more(&mut self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }
}

/// Who signs, for which deployment.
pub struct Identity {
    /// Who signs: the actor, or all that it stands for.
    pub actors: Vec<ActorId>,
    /// The deployment.
    pub deployment: Deployment,
    /// The keys.
    pub keys: Keyring,
    /// The key that signs now, and the roster that listed it first.
    pub terms: Terms,
    /// Whether the actor has stored anything before: nothing in storage means then that it was lost.
    pub has_stored: bool,
}

/// Why a node stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It could not store: it must not sign.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What it had stored cannot be read.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// It cannot be connected to.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// Its actor wanted to sign a second statement for a slot.
    #[error("the actor would have equivocated: {} {slot} is taken", .kind.name())]
    Equivocation {
        /// The kind of statement.
        kind: Kind,
        /// The slot.
        slot: u64,
    },
    /// It had promised a statement under a key that it does not have.
    #[error("key {number} of the actor is missing, under which it had promised {} {slot}", .kind.name())]
    NoKey {
        /// Which of its keys.
        number: u32,
        /// The kind of statement.
        kind: Kind,
        /// The slot.
        slot: u64,
    },
    /// It has a bug, and has told where.
    #[error("the actor panicked")]
    Panicked,
}

impl Identity {
    /// Signs what was promised, with the key under which it was.
    fn sign(&self, Promise { draft, path, .. }: Promise, pen: &mut Pen) -> Result<Issued, NodeError> {
        let (kind, slot, number) = (draft.kind(), draft.slot(), draft.terms().key);
        let key = self.keys.key(number).ok_or(NodeError::NoKey { number, kind, slot })?;
        Ok(draft.sign(path, self.deployment, key, pen))
    }
}

/// The way in for whoever is in the same process.
#[derive(Clone)]
pub struct Door {
    inbox: mpsc::Sender<Event>,
    connections: Connections,
    room: Room,
    /// Whether the actor has what it had stored.
    recovered: Arc<AtomicBool>,
}

impl Door {
    /// Hands the client something to send. False if the node is gone or its inbox is full.
    pub fn send(&self, draught: Draught) -> bool {
        self.inbox.try_send(Event::Input(Box::new(Input::Send(draught)))).is_ok()
    }

    /// Hands the client evidence to complain with. False if the node is gone or its inbox is full.
    pub fn complain(&self, evidence: Evidence) -> bool {
        let input = Input::Complain(Box::new(evidence));
        self.inbox.try_send(Event::Input(Box::new(input))).is_ok()
    }

    /// Seats a peer of the actor; what is sent to it goes to the post. None if the node is gone.
    pub async fn seat(&self, peer: ActorId, post: Post) -> Option<Seat> {
        self.seat_with(None, peer, post).await
    }

    /// The same with one of several actors that the node is.
    pub async fn seat_with(&self, part: Option<ActorId>, peer: ActorId, post: Post) -> Option<Seat> {
        Seat::take(self, part, peer, post).await
    }

    /// Whether both lead to the same node.
    pub fn is_same(&self, other: &Door) -> bool {
        self.inbox.same_channel(&other.inbox)
    }

    /// Whether the actor has what it had stored: what comes before waits.
    pub fn has_recovered(&self) -> bool {
        self.recovered.load(Ordering::Relaxed)
    }

    /// Whether the node is gone.
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }
}

/// A node that has not started: its inbox is there, and so can be handed out.
pub struct Node {
    inbox: mpsc::Receiver<Event>,
    door: Door,
    /// Most connections that others have opened.
    connections: usize,
}

impl Default for Node {
    fn default() -> Self {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let (connections, room) = (Connections::default(), Room::new(INBOX_BYTES_MAX));
        let door = Door { inbox: sender, connections, room, recovered: Arc::default() };
        Node { inbox, door, connections: Semaphore::MAX_PERMITS }
    }
}

impl Node {
    /// The way in.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// The same, to which others have so many connections open at most.
    #[must_use]
    pub fn up_to(self, connections: usize) -> Self {
        Node { connections: connections.min(Semaphore::MAX_PERMITS), ..self }
    }

    /// Recovers the actor from storage and drives it until storage fails, or its observer wants no more.
    pub async fn run<A, N, C, S, W, P>(
        self,
        identity: Identity,
        ports: Ports<N, C, S, W, P>,
        mut observer: impl Observer,
        recover: impl FnOnce(Recovered) -> Result<A, RecoverError>,
    ) -> Result<(), NodeError>
    where
        A: Actor,
        N: Network,
        C: Clock,
        S: Storage,
        W: Work + Clone + Sync,
        P: Spawn,
    {
        let Ports { network, clock, mut storage, work, spawn } = ports;
        let (rows, lost) = match storage.load().await {
            Err(error @ StorageError::Corrupt(_)) => {
                storage.set_aside().await?;
                // of who never stored anything a first start was cut short
                (Rows::new(), identity.has_stored.then(|| error.to_string()))
            }
            rows => {
                let rows = rows?;
                let gone = rows.is_empty() && identity.has_stored;
                (rows, gone.then(|| "the store is empty, and was not".to_owned()))
            }
        };
        lost.iter().for_each(|why| observer.lost(why));
        let (recovered, slots) = read_back(rows, &identity, clock.now(), &mut observer)?;
        let ports = Ports { network, clock, storage, work, spawn };
        if lost.is_some() || slots.holds(Kind::Recovery) {
            let retired = Retired::new(identity.actors.clone(), identity.terms, recovered.statements);
            return self.drive(retired, identity, slots, ports, observer).await;
        }
        self.drive(recover(recovered)?, identity, slots, ports, observer).await
    }

    async fn drive<A, N, C, S, W, P>(
        self,
        actor: A,
        identity: Identity,
        slots: Slots,
        ports: Ports<N, C, S, W, P>,
        observer: impl Observer,
    ) -> Result<(), NodeError>
    where
        A: Actor,
        N: Network,
        C: Clock,
        S: Storage,
        W: Work + Clone + Sync,
        P: Spawn,
    {
        let Ports { network, clock, storage, work, spawn } = ports;
        self.door.recovered.store(true, Ordering::Relaxed);
        let listener = network.listen().await?;
        let me = Own { actor: actor.me(), parts: identity.actors.clone() };
        let links = Links::new(me, self.door, (network, clock.clone(), work.clone(), spawn));
        links.accept(listener, self.connections);
        actor.dials().into_iter().for_each(|peer| links.dial(peer));
        let driver =
            Driver { actor, identity, slots, clock, storage, work, observer, links, sent: Ledger::default() };
        driver.run(self.inbox).await
    }
}

/// Sorts what was stored into the actor's rows and its statements, signed again.
fn read_back(
    rows: Rows,
    identity: &Identity,
    now: Time,
    observer: &mut impl Observer,
) -> Result<(Recovered, Slots), NodeError> {
    let mut recovered = Recovered::default();
    let mut slots = Slots::default();
    let mut pen = Pen::default();
    for promise in promised(&rows) {
        let promise = promise?;
        let (draft, digest) = (&promise.draft, promise.digest);
        slots.restore((draft.actor(), draft.kind()), draft.slot(), digest);
        observer.promised(now, draft, digest);
        let issued = identity.sign(promise, &mut pen)?;
        observer.issued(&issued);
        recovered.statements.push(issued);
    }
    recovered.rows = rows;
    recovered.rows.retain(|key, _| key.first() != Some(&STATEMENTS));
    Ok((recovered, slots))
}

struct Driver<A, N, C, S, W, P, O> {
    actor: A,
    identity: Identity,
    slots: Slots,
    clock: C,
    storage: S,
    work: W,
    observer: O,
    links: Links<N, C, W, P>,
    /// What sending took since the step before has signed: the work of the next one.
    sent: Ledger,
}

impl<A, N, C, S, W, P, O> Driver<A, N, C, S, W, P, O>
where
    A: Actor,
    N: Network,
    C: Clock,
    S: Storage,
    W: Work + Clone + Sync,
    P: Spawn,
    O: Observer,
{
    async fn run(mut self, mut inbox: mpsc::Receiver<Event>) -> Result<(), NodeError> {
        let mut events = Vec::new();
        let clock = self.clock.clone();
        let mut alarm: Option<Alarm<'_>> = None;
        loop {
            let deadline = self.actor.deadline();
            if alarm.as_ref().map(|(at, _)| *at) != deadline {
                alarm = deadline.map(|at| (at, Box::pin(clock.sleep_until(at)) as _));
            }
            let rang = wait(&mut inbox, &mut events, &mut alarm).await;
            if rang {
                alarm = None;
            }
            self.step(&mut events, rang).await?;
            if !self.observer.wants_more().await {
                return Ok(());
            }
        }
    }

    async fn step(&mut self, events: &mut Vec<Event>, rang: bool) -> Result<(), NodeError> {
        let mut step = Step::at(self.clock.now());
        step.work = Ledger { steps: 1, ..std::mem::take(&mut self.sent) };
        for event in events.drain(..) {
            let (part, inputs) = self.links.inputs_of(event, &mut step);
            for input in inputs.into_iter().flatten() {
                step.work.inputs += 1;
                match part {
                    Some(part) => self.actor.handle_as(part, input, &mut step),
                    None => self.actor.handle(input, &mut step),
                }
            }
        }
        if rang {
            self.actor.handle(Input::Wake, &mut step);
        }
        self.actor.settle(&mut step);
        let before_signing = step.outputs();
        step.work.outputs += before_signing;
        let promises = self.make_durable(&mut step).await?;
        let mut pen = Pen::default();
        for promise in promises {
            let issued = self.identity.sign(promise, &mut pen)?;
            self.observer.issued(&issued);
            self.actor.release(issued, &mut step);
        }
        step.work.signed = pen.signed();
        if step.work.signed > 0 {
            self.work.spend(&Ledger { signed: step.work.signed, ..Ledger::default() }).await;
        }
        let now = self.clock.now();
        self.observer.stepped(now, &step);
        for notice in step.notices.drain(..) {
            self.observer.notice(now, notice);
        }
        self.sent.outputs = step.outputs().saturating_sub(before_signing);
        let encoded = self.links.send_all(step.sends) + self.links.send_of_parts(step.sends_of_parts);
        self.sent.coded_bytes = encoded as u64;
        Ok(())
    }

    /// Commits what the step changed and promised. When this returns, signing and sending are allowed.
    async fn make_durable(&mut self, step: &mut Step) -> Result<Vec<Promise>, NodeError> {
        let promises = Promise::all(std::mem::take(&mut step.promises), self.identity.deployment);
        for promise in &promises {
            let draft = &promise.draft;
            if draft.kind().exclusive() {
                self.slots.take((draft.actor(), draft.kind()), draft.slot(), promise.digest)?;
                step.changes.insert(self.actor.statement_row(draft), Some(promise.stored()));
            }
        }
        self.work.spend(&step.work).await;
        if !step.changes.is_empty() {
            step.work.commits = 1;
            let began = self.clock.now();
            self.observer.commits();
            // it wakes when the disk has written, and waits for a processor again
            self.work.spend(&Ledger { commits: 1, ..Ledger::default() }).await;
            self.storage.commit(std::mem::take(&mut step.changes)).await?;
            self.observer.committed(self.clock.now().0.saturating_sub(began.0));
        }
        let now = self.clock.now();
        for promise in &promises {
            self.observer.promised(now, &promise.draft, promise.digest);
        }
        Ok(promises)
    }
}

/// When to wake, and the wait for it.
type Alarm<'a> = (Time, Pin<Box<dyn Future<Output = ()> + Send + 'a>>);

/// Waits for events or the alarm; whether it was the alarm.
async fn wait(
    inbox: &mut mpsc::Receiver<Event>,
    events: &mut Vec<Event>,
    alarm: &mut Option<Alarm<'_>>,
) -> bool {
    poll_fn(|context| {
        if inbox.poll_recv_many(context, events, STEP_MAX).is_ready() {
            return Poll::Ready(false);
        }
        match alarm {
            Some((_, alarm)) => alarm.as_mut().poll(context).map(|()| true),
            None => Poll::Pending,
        }
    })
    .await
}

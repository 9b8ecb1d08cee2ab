//! The four ports: all that an actor's node needs of the world.
//!
//! Each has a production adapter beside it ([`mod@tokio`], [`mod@file`]) and a simulated one in the testbed. Bytes cross
//! every link and every disk, so the codec is part of what is tested.
//!
//! # Invariants
//! - Nothing above the ports knows the time, a socket, a file, a thread or a source of randomness.

pub mod any_clock;
pub mod any_spawn;
pub mod any_work;
pub mod file;
#[cfg(test)]
pub mod hand;
pub mod local;
pub mod log;
pub mod open;
pub mod parts;
pub mod redb;
pub mod room;
pub mod store;
pub mod tls;
pub mod tokio;

use std::{collections::BTreeMap, future::Future, io};

use ::tokio::io::{AsyncRead, AsyncWrite};

use crate::{actor::Ledger, protocol::id::ActorId};

/// Nanoseconds on a node's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// This long after.
    #[must_use]
    pub fn after(self, nanoseconds: u64) -> Time {
        Time(self.0.saturating_add(nanoseconds))
    }
}

/// Byte streams between actors.
pub trait Network: Clone + Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Where connections arrive.
    type Listener: Send + 'static;

    /// Starts to accept connections to this node.
    fn listen(&self) -> impl Future<Output = io::Result<Self::Listener>> + Send;
    /// The next connection.
    fn accept(listener: &mut Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Connects to an actor.
    fn connect(&self, to: ActorId) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Whom the peer of an accepted connection wants to speak to, if the network can tell: needed only where one node
    /// is several actors.
    fn wanted(_: &Self::Stream) -> Option<ActorId> {
        None
    }
}

/// The way out for somebody to whom nobody connects: a client.
pub trait Outward: Clone + Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to an actor.
    fn reach(&self, to: ActorId) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<O: Outward> Network for O {
    type Stream = O::Stream;
    type Listener = ();

    async fn listen(&self) -> io::Result<()> {
        Ok(())
    }

    async fn accept(_: &mut ()) -> io::Result<Self::Stream> {
        std::future::pending().await
    }

    async fn connect(&self, to: ActorId) -> io::Result<Self::Stream> {
        self.reach(to).await
    }
}

/// A clock of this node. It may be wrong, and no statement depends on it.
pub trait Clock: Clone + Send + Sync + 'static {
    /// What it shows.
    fn now(&self) -> Time;
    /// Waits until it shows that.
    fn sleep_until(&self, deadline: Time) -> impl Future<Output = ()> + Send;
}

/// What is stored: keys in order, with their values.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a transaction changes: a value to put, or none to delete.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Durable rows.
pub trait Storage: Send + 'static {
    /// Everything stored.
    fn load(&mut self) -> impl Future<Output = Result<Rows, StorageError>> + Send;
    /// Puts aside what is stored, which cannot be read, and begins with nothing.
    fn set_aside(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send;
    /// Applies all changes or none, and returns when they would survive a crash.
    fn commit(&mut self, changes: Changes) -> impl Future<Output = Result<(), StorageError>> + Send;
}

/// Why storage failed. A node stops on it: it must not sign what it could not store.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// An operation failed. What was synced before is as it was: starting again may help.
    #[error("storage: {0}")]
    Failed(String),
    /// What is there is not what was stored. Starting again does not help.
    #[error("storage is corrupt: {0}")]
    Corrupt(String),
}

/// Told what an actor's step cost, or a request, before its results leave.
pub trait Work: Send + 'static {
    /// Accounts for the work, and in a simulation takes the time that it takes.
    fn spend(&mut self, ledger: &Ledger) -> impl Future<Output = ()> + Send;
}

/// Runs a task beside the caller's, until it ends or the node does.
pub trait Spawn: Clone + Send + Sync + 'static {
    /// Starts the task.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// The ports of one node.
pub struct Ports<N, C, S, W, P> {
    /// Byte streams.
    pub network: N,
    /// Time.
    pub clock: C,
    /// Durable rows.
    pub storage: S,
    /// Cost of computing.
    pub work: W,
    /// Tasks of the node.
    pub spawn: P,
}

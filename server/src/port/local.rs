//! The network port inside one process: pipes of bytes between actors, no socket.
//!
//! The actors of one process still speak in bytes, so the codec is the same as over TCP.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

use super::{Network, Outward};
use crate::protocol::id::ActorId;

/// Bytes under way on a pipe, before its writer waits.
const PIPE_BYTES: usize = 256 << 10;
/// Connections that wait to be accepted.
const BACKLOG: usize = 128;

/// Who listens where in this process.
#[derive(Clone, Default)]
pub struct Switchboard(Arc<Mutex<BTreeMap<ActorId, mpsc::Sender<DuplexStream>>>>);

impl Switchboard {
    /// The network as this actor sees it.
    pub fn of(&self, me: ActorId) -> Local {
        Local { me, board: self.clone() }
    }

    /// The network of somebody who finds every actor behind this one's listener.
    pub fn behind(&self, listener: ActorId) -> Behind {
        Behind { board: self.clone(), listener }
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<ActorId, mpsc::Sender<DuplexStream>>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The network of somebody who finds every actor behind one listener.
#[derive(Clone)]
pub struct Behind {
    board: Switchboard,
    listener: ActorId,
}

impl Outward for Behind {
    type Stream = DuplexStream;

    async fn reach(&self, _: ActorId) -> io::Result<DuplexStream> {
        self.board.of(self.listener).connect(self.listener).await
    }
}

/// The network of one actor.
#[derive(Clone)]
pub struct Local {
    me: ActorId,
    board: Switchboard,
}

impl Network for Local {
    type Stream = DuplexStream;
    type Listener = mpsc::Receiver<DuplexStream>;

    async fn listen(&self) -> io::Result<Self::Listener> {
        let (sender, listener) = mpsc::channel(BACKLOG);
        self.board.with(|board| board.insert(self.me, sender));
        Ok(listener)
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<DuplexStream> {
        listener.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    async fn connect(&self, to: ActorId) -> io::Result<DuplexStream> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = self.board.with(|board| board.get(&to).cloned()).ok_or_else(refused)?;
        let (near, far) = duplex(PIPE_BYTES);
        listener.send(far).await.map_err(|_| refused())?;
        Ok(near)
    }
}

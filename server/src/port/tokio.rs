//! The production adapters of network, clock, work and tasks: TCP and the system clock, on tokio.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::{Clock, Network, Spawn, Time, Work};
use crate::{actor::Ledger, protocol::id::ActorId};

/// TCP, with an address book.
#[derive(Clone)]
pub struct Tcp {
    /// Where this node listens.
    pub listen: SocketAddr,
    /// Where the others do.
    pub addresses: Arc<BTreeMap<ActorId, SocketAddr>>,
}

impl Network for Tcp {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn listen(&self) -> io::Result<TcpListener> {
        TcpListener::bind(self.listen).await
    }

    async fn accept(listener: &mut TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(&self, to: ActorId) -> io::Result<TcpStream> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("no address of {to}"));
        let stream = TcpStream::connect(self.addresses.get(&to).ok_or_else(unknown)?).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A monotonic clock that begins with the node.
#[derive(Clone)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, deadline: Time) {
        tokio::time::sleep_until(self.0 + Duration::from_nanos(deadline.0)).await;
    }
}

/// Real work takes its own time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealWork;

impl Work for RealWork {
    async fn spend(&mut self, _: &Ledger) {}
}

/// Tasks on the tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTasks;

impl Spawn for TokioTasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

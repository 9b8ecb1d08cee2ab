//! The network of a node that is several actors, over TCP: each has an address of its own, so whoever connects says by that whom it
//! wants to speak to.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::Network;
use crate::protocol::id::ActorId;

/// Where each part of a node listens. It connects to nobody: others dial a server.
#[derive(Clone)]
pub struct TcpOfParts(Arc<BTreeMap<ActorId, SocketAddr>>);

impl TcpOfParts {
    /// Parts that listen on these addresses.
    pub fn on(addresses: BTreeMap<ActorId, SocketAddr>) -> Self {
        TcpOfParts(Arc::new(addresses))
    }
}

impl Network for TcpOfParts {
    type Stream = Addressed;
    type Listener = Vec<(ActorId, TcpListener)>;

    async fn listen(&self) -> io::Result<Self::Listener> {
        let mut listeners = Vec::new();
        for (part, address) in &*self.0 {
            listeners.push((*part, TcpListener::bind(address).await?));
        }
        Ok(listeners)
    }

    async fn accept(listeners: &mut Self::Listener) -> io::Result<Addressed> {
        let (to, stream) = poll_fn(|context| {
            for (part, listener) in &*listeners {
                if let Poll::Ready(accepted) = listener.poll_accept(context) {
                    return Poll::Ready(accepted.map(|(stream, _)| (*part, stream)));
                }
            }
            Poll::Pending
        })
        .await?;
        listeners.rotate_left(1); // none comes first for ever
        stream.set_nodelay(true)?;
        Ok(Addressed { to, stream })
    }

    async fn connect(&self, to: ActorId) -> io::Result<Addressed> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("no address of {to}")))
    }

    fn wanted(stream: &Addressed) -> Option<ActorId> {
        Some(stream.to)
    }
}

/// A connection to one of several actors.
pub struct Addressed {
    to: ActorId,
    stream: TcpStream,
}

impl AsyncRead for Addressed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Addressed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! A stream whose peer must keep taking what is written to it, or loses it.
//!
//! A little now and then is not enough: whoever takes a byte each time that its connection is about to be closed would keep it, and
//! all that waits to be written there.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::port::{Clock, any_clock::AnyClock};

/// Fewest bytes that a peer must take in the time that a write may wait, unless it takes all.
const PROGRESS: usize = 64 << 10;

/// A stream that fails when a write makes too little progress for a while.
pub struct Stalling<S> {
    stream: S,
    clock: AnyClock,
    limit_ns: u64,
    stalled: Option<Stall>,
}

/// A write has had to wait, and not all of what waited has been taken since.
struct Stall {
    ends: Pin<Box<dyn Future<Output = ()> + Send>>,
    taken: usize,
}

impl<S> Stalling<S> {
    /// Fails when less than [`PROGRESS`] was taken in so long after a write had to wait.
    pub fn new(stream: S, clock: AnyClock, limit_ns: u64) -> Self {
        Stalling { stream, clock, limit_ns, stalled: None }
    }

    /// What a write came to.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(stall)) = (&written, &mut self.stalled) {
            stall.taken += bytes;
            if stall.taken >= PROGRESS {
                self.stalled = None;
            }
        }
        if written.is_ready() { written } else { self.waits(context) }
    }

    /// What a flush or an end came to: when there is nothing more to write, all was taken.
    fn emptied(&mut self, emptied: Poll<io::Result<()>>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if emptied.is_pending() {
            return self.waits(context);
        }
        self.stalled = None;
        emptied
    }

    /// Whether it may wait for longer.
    fn waits<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let (clock, limit) = (&self.clock, self.limit_ns);
        let begin = || Stall { ends: clock.sleep(clock.now().after(limit)), taken: 0 };
        let stall = self.stalled.get_or_insert_with(begin);
        ready!(stall.ends.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(written, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.emptied(flushed, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = Pin::new(&mut this.stream).poll_shutdown(context);
        this.emptied(closed, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::port::tokio::SystemClock;

    const LIMIT_NS: u64 = 500_000_000;

    /// Writes so many bytes to a peer; how that ends.
    fn write<P: Future<Output = ()> + Send + 'static>(
        bytes: usize,
        peer: impl FnOnce(DuplexStream) -> P,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let (ours, theirs) = duplex(1 << 10);
            tokio::spawn(peer(theirs));
            let mut stream = Stalling::new(ours, AnyClock::new(SystemClock::default()), LIMIT_NS);
            stream.write_all(&vec![7; bytes]).await?;
            stream.flush().await
        })
    }

    #[test]
    fn who_takes_a_byte_now_and_then_is_cut_off() {
        let trickles = |mut stream: DuplexStream| async move {
            while stream.read_u8().await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        assert_eq!(write(1 << 20, trickles).map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }

    #[test]
    fn who_takes_what_comes_is_not() {
        let takes = |mut stream: DuplexStream| async move {
            let mut all = Vec::new();
            // it ends with the writer
            let _ = stream.read_to_end(&mut all).await;
        };
        assert_eq!(write(16 << 20, takes).map_err(|error| error.kind()), Ok(()));
    }
}

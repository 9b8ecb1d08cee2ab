//! One end of a connection, as a process reads and writes it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use server::protocol::id::ActorId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    super::{
        pipe::{CHUNK_MAX, Parcel},
        trap::Boundary,
        wires::Wires,
    },
    Connection, Fabric,
};
use crate::trace::Way;

/// One end of a connection.
pub struct SimStream {
    pub(super) fabric: Fabric,
    pub(super) connection: u64,
    pub(super) side: usize,
    /// With whom the peer wants to speak, if this is its end.
    pub(super) wanted: Option<ActorId>,
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
            let (buffer, wanted) = (wires.buffer(from, to), CHUNK_MAX.min(bytes.len()));
            let room = pipe.room(buffer).min(wanted);
            if buffer.is_some() && room < pipe.room(None).min(wanted) {
                wires.holds_back(from, to);
            }
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

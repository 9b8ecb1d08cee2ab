//! Frames as they arrive: read in pieces, taken whole.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::protocol::{
    frame::{self, FRAME_MAX},
    message::Message,
};

/// Bytes read at once, at least.
const READ_SIZE: usize = 64 << 10;
/// Most bytes of the first frame, in which somebody says who it is.
const HELLO_MAX: usize = 256;

fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

/// Bytes read and not yet taken as messages.
pub struct Frames {
    buffer: Vec<u8>,
    taken: usize,
    /// How much the buffer may hold before it is taken apart: grows with a frame that arrives in pieces.
    window: usize,
    /// Most bytes of a frame.
    bound: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Frames { buffer: Vec::new(), taken: 0, window: 0, bound: FRAME_MAX }
    }
}

impl Frames {
    /// Of somebody who has not said who it is.
    pub fn of_a_stranger() -> Self {
        Frames { bound: HELLO_MAX, ..Frames::default() }
    }

    /// It has said so.
    pub fn of_a_peer(&mut self) {
        self.bound = FRAME_MAX;
    }

    /// How much to read at once.
    fn room(&mut self) -> usize {
        let held = self.buffer.len();
        if self.window < held + READ_SIZE {
            self.window = (2 * self.window).max(held + READ_SIZE);
        }
        self.window - held
    }

    /// The next message that has arrived whole, and the bytes of its frame.
    fn take(&mut self) -> io::Result<Option<(Box<Message>, usize)>> {
        while let Some((message, length)) =
            frame::next_up_to(&self.buffer[self.taken..], self.bound).map_err(invalid)?
        {
            self.taken += length;
            if let Some(message) = message {
                return Ok(Some((Box::new(message), length)));
            }
        }
        Ok(None)
    }

    /// The next message of a connection, and the bytes of its frame; says so whenever anything is heard.
    pub async fn next(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        heard: &AtomicBool,
    ) -> io::Result<(Box<Message>, usize)> {
        loop {
            if let Some(taken) = self.take()? {
                return Ok(taken);
            }
            self.buffer.drain(..std::mem::take(&mut self.taken));
            if self.buffer.is_empty() {
                (self.buffer, self.window) = (Vec::new(), 0);
            }
            let room = self.room();
            if read_to(&mut self.buffer, room, reader).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            heard.store(true, Ordering::Relaxed);
        }
    }
}

/// Reads what is there, up to `room` bytes; how much, 0 at the end. Nothing is reserved while nothing is there: an actor may have
/// a thousand connections, of which most are idle.
async fn read_to(
    buffer: &mut Vec<u8>,
    room: usize,
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<usize> {
    poll_fn(|context| {
        let (mut small, mut large) = ([MaybeUninit::uninit(); READ_SIZE], Vec::new());
        let space = match small.get_mut(..room) {
            Some(space) => space,
            None => {
                large.reserve_exact(room);
                &mut large.spare_capacity_mut()[..room]
            }
        };
        let mut space = ReadBuf::uninit(space);
        Pin::new(&mut *reader).poll_read(context, &mut space).map_ok(|()| {
            buffer.extend(space.filled());
            space.filled().len()
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::id::{ActorId, Role};
    use futures_util::FutureExt as _;

    fn next(frames: &mut Frames, bytes: &[u8]) -> io::Result<Message> {
        let (mut reader, heard) = (bytes, AtomicBool::default());
        let next = frames.next(&mut reader, &heard).now_or_never();
        next.expect("all of it is there").map(|(message, _)| *message)
    }

    #[test]
    fn who_has_not_said_who_it_is_says_nothing_long() {
        let mut bytes = Vec::new();
        let hello = Message::Hello(ActorId::Server(Role::Mailbox, 7));
        frame::append(&mut bytes, &hello);
        let mut frames = Frames::of_a_stranger();
        assert_eq!(next(&mut frames, &bytes).unwrap(), hello);
        // its length is enough: the rest is not waited for
        let mut long = Vec::new();
        frame::append_body(&mut long, &[0; HELLO_MAX + 1]);
        let refused = next(&mut frames, &long[..16]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{refused}");
        let ended = next(&mut Frames::default(), &long[..16]).unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof, "a peer may");
    }

    #[test]
    fn room_for_a_large_frame_is_given_back_after_it() {
        let mut frames = Frames::default();
        let mut large = Vec::new();
        frame::append_body(&mut large, &vec![0; 1 << 20]);
        assert!(next(&mut frames, &large).is_err(), "no message, but a frame");
        assert!(frames.window > READ_SIZE);
        let mut small = Vec::new();
        frame::append(&mut small, &Message::Subscribe(1));
        frames.taken = frames.buffer.len();
        assert_eq!(next(&mut frames, &small).unwrap(), Message::Subscribe(1));
        assert_eq!(frames.window, READ_SIZE);
    }
}

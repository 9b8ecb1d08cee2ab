//! What is on its way to one peer: queued as bytes, and written by a task of its connection.

use std::sync::{Mutex, PoisonError};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::Notify,
};

use crate::{
    actor::Ledger,
    port::Work,
    protocol::{frame, message::Message},
};

/// Most bytes that wait to be written to one peer.
const QUEUE_MAX: usize = 128 << 20;

/// Most bytes that an idle connection keeps allocated.
const BUFFER_MAX: usize = 64 << 10;

/// Bytes on their way to a peer.
#[derive(Default)]
pub struct Outbound {
    queue: Mutex<Queue>,
    ready: Notify,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Nothing more is written.
    closed: bool,
    /// Nothing more is taken; what is queued is written before the connection ends, so that the next one goes on
    /// from there.
    full: bool,
    /// Whether anything was queued since the last beat.
    spoke: bool,
    /// Whether anything was queued since the writer took what there was.
    fresh: bool,
}

impl Outbound {
    fn with<T>(&self, f: impl FnOnce(&mut Queue) -> T) -> T {
        f(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Queues a message; how many bytes it takes, and whether it is the first that the writer does not know of: then the
    /// writer is to be woken, once all that is said together is queued.
    pub fn push(&self, message: &Message) -> (usize, bool) {
        self.with(|queue| {
            if queue.closed || queue.full {
                return (0, false);
            }
            let before = queue.bytes.len();
            frame::append(&mut queue.bytes, message);
            queue.spoke = true;
            queue.full = queue.bytes.len() > QUEUE_MAX;
            (queue.bytes.len() - before, !std::mem::replace(&mut queue.fresh, true))
        })
    }

    /// Wakes the writer.
    pub fn wake(&self) {
        self.ready.notify_one();
    }

    /// Sends an empty frame, if there was nothing else to send since the last beat.
    pub fn beat(&self) {
        let spoke = self.with(|queue| {
            let spoke = std::mem::take(&mut queue.spoke);
            if !spoke && queue.bytes.is_empty() {
                frame::append_beat(&mut queue.bytes);
            }
            spoke
        });
        if !spoke {
            self.ready.notify_one();
        }
    }

    pub fn close(&self) {
        self.with(|queue| queue.closed = true);
        self.ready.notify_one();
    }
}

/// Writes what is queued until the queue is closed or the connection lost.
pub async fn write_all(mut writer: impl AsyncWrite + Unpin, outbound: &Outbound, mut work: impl Work) {
    let mut bytes = Vec::new();
    loop {
        // what was written last makes room for what is queued next, unless it was large
        bytes.clear();
        bytes.shrink_to(BUFFER_MAX);
        let (closed, full) = outbound.with(|queue| {
            std::mem::swap(&mut bytes, &mut queue.bytes);
            queue.fresh = false;
            (queue.closed, queue.full)
        });
        if closed || (full && bytes.is_empty()) {
            return;
        }
        if bytes.is_empty() {
            outbound.ready.notified().await;
            continue;
        }
        work.spend(&Ledger { written: 1, ..Ledger::default() }).await;
        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::tokio::RealWork;
    use futures_util::FutureExt as _;

    #[test]
    fn a_writer_is_woken_for_the_first_message_alone_until_it_has_taken_them() {
        let outbound = Outbound::default();
        let push = || outbound.push(&Message::Subscribe(1)).1;
        assert_eq!([push(), push()], [true, false]);
        outbound.wake();
        let mut written = Vec::new();
        assert!(write_all(&mut written, &outbound, RealWork).now_or_never().is_none(), "it waits for more");
        assert_eq!(written.len(), 2 * outbound.push(&Message::Subscribe(1)).0, "both are written at once");
        assert!(!push(), "what came since is known to be there");
        outbound.close();
        assert!(write_all(&mut written, &outbound, RealWork).now_or_never().is_some());
    }
}

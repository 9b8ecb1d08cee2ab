//! What waits to be written to one connection of a crowd.

use std::{
    io,
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::Notify,
};

/// Most bytes that wait: as between two nodes, who reads too slowly loses the connection.
const QUEUE_MAX: usize = 128 << 20;
/// Bytes read at once.
const READ_SIZE: usize = 64 << 10;

/// Bytes on their way to the other end, while there is a connection.
#[derive(Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    ready: Notify,
}

#[derive(Default)]
struct Inner {
    bytes: Vec<u8>,
    open: bool,
}

impl Queue {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// There is a connection, on which nothing has been said.
    pub fn open(&self) {
        self.with(|inner| *inner = Inner { bytes: Vec::new(), open: true });
    }

    /// There is none any more: what waits is lost.
    pub fn close(&self) {
        self.with(|inner| *inner = Inner::default());
        self.ready.notify_one();
    }

    /// Appends to what is to be written. Nothing, if there is no connection: whoever needs it will say it again.
    pub fn push(&self, append: impl FnOnce(&mut Vec<u8>)) {
        self.with(|inner| {
            if inner.open {
                append(&mut inner.bytes);
                if inner.bytes.len() > QUEUE_MAX {
                    *inner = Inner::default();
                }
            }
        });
        self.ready.notify_one();
    }

    /// Writes what is appended, until the queue is closed or the connection lost.
    pub async fn write_all(&self, mut writer: impl AsyncWrite + Unpin) {
        loop {
            let (bytes, open) = self.with(|inner| (std::mem::take(&mut inner.bytes), inner.open));
            if !open {
                return;
            }
            if bytes.is_empty() {
                self.ready.notified().await;
            } else if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

/// Reads what has arrived, and gives it to a function; false at the end of the stream. Between two reads nothing is reserved:
/// there are many connections.
pub async fn read<T>(
    reader: &mut (impl AsyncRead + Unpin),
    mut take: impl FnMut(&[u8]) -> T,
) -> io::Result<Option<T>> {
    std::future::poll_fn(|context| {
        let mut space = [std::mem::MaybeUninit::uninit(); READ_SIZE];
        let mut space = ReadBuf::uninit(&mut space);
        Pin::new(&mut *reader).poll_read(context, &mut space).map_ok(|()| {
            let bytes = space.filled();
            (!bytes.is_empty()).then(|| take(bytes))
        })
    })
    .await
}

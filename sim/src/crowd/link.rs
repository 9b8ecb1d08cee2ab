//! A connection of a crowd to an actor that serves it: kept up, and given up when the other end is gone.

use std::sync::Arc;

use futures_util::future::select;
use server::{
    port::Network,
    protocol::{frame::BEAT_NS, id::ActorId},
};
use tokio::io::AsyncRead;

use super::{
    Crowd, letter,
    letter::Letters,
    queue::{Queue, read},
};
use crate::model::network::SimNetwork;

/// The first pause before a lost connection is opened again; doubles up to the second.
const RECONNECT_NS: (u64, u64) = (10_000_000, 640_000_000);

/// One connection of a group.
pub struct Link {
    /// Whose.
    pub group: u32,
    /// With whom.
    pub peer: ActorId,
    /// What waits to be written.
    pub queue: Queue,
}

impl Link {
    /// To an actor, not open yet.
    pub fn new(group: u32, peer: ActorId) -> Self {
        Link { group, peer, queue: Queue::default() }
    }
}

/// Keeps a connection, for as long as the run lasts.
pub async fn keep(crowd: Arc<Crowd>, link: Arc<Link>, network: SimNetwork) {
    let (first, longest) = RECONNECT_NS;
    let mut pause = first;
    loop {
        if let Ok(stream) = network.connect(link.peer).await {
            pause = first;
            link.queue.open();
            crowd.connected(&link);
            let (reader, writer) = tokio::io::split(stream);
            {
                let hear = std::pin::pin!(hear(&crowd, &link, reader));
                let write = std::pin::pin!(link.queue.write_all(writer));
                let beat = std::pin::pin!(beat(&crowd, &link));
                select(hear, select(write, beat)).await;
            }
            link.queue.close();
            crowd.disconnected();
        }
        crowd.time.sleep_until(crowd.time.now_ns() + pause).await;
        pause = (2 * pause).min(longest);
    }
}

/// Takes what the actor has for clients, until the connection is lost or holds what is no letter.
async fn hear(crowd: &Crowd, link: &Link, mut reader: impl AsyncRead + Unpin) {
    let mut letters = Letters::default();
    loop {
        match read(&mut reader, |bytes| letters.take(bytes)).await {
            Ok(Some(Ok(words))) => {
                words.into_iter().for_each(|(client, word)| crowd.take(link, client, word));
            }
            _ => return,
        }
    }
}

/// As long as someone waits for something, says so now and then: who writes learns that the other end is gone.
async fn beat(crowd: &Crowd, link: &Link) {
    loop {
        crowd.time.sleep_until(crowd.time.now_ns() + BEAT_NS).await;
        if crowd.waits(link) {
            link.queue.push(letter::beat);
        }
    }
}

//! The front: what serves a crowd on the machine of a request handler or mailbox actor.
//!
//! It stands where the HTTP server stands in production: it seats each client that has something to say at the actor's door, hands
//! on what it says, and sends it what the actor has for it. As there, its own work takes no simulated time, and who reads too
//! slowly loses the connection.

use std::collections::{BTreeMap, btree_map::Entry};

use futures_util::future::select;
use server::{
    node::{Door, Post, Seat},
    port::{Network, Spawn},
    protocol::{
        id::{ActorId, ClientId},
        message::Message,
        statement::Trust,
    },
};
use tokio::{
    io::AsyncRead,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::{
    letter,
    queue::{Queue, read},
};
use crate::model::{
    SimTasks,
    network::{SimNetwork, SimStream},
};

/// Letters taken to the queue at once.
const AT_ONCE: usize = 64;

/// Serves crowds, as long as the process lives.
pub async fn serve(door: Door, network: SimNetwork, trust: Trust) {
    let Ok(mut listener) = network.listen().await else { return };
    while let Ok(stream) = SimNetwork::accept(&mut listener).await {
        SimTasks.spawn(entertain(door.clone(), stream, trust.clone()));
    }
}

/// Serves one connection.
async fn entertain(door: Door, stream: SimStream, trust: Trust) {
    let (post, letters) = unbounded_channel();
    let (reader, writer) = tokio::io::split(stream);
    let (mut seats, queue) = (BTreeMap::new(), Queue::default());
    queue.open();
    {
        let reception = Reception { door: &door, post, seats: &mut seats };
        let hear = std::pin::pin!(reception.hear(reader));
        let tell = std::pin::pin!(tell(letters, &queue, trust));
        let write = std::pin::pin!(queue.write_all(writer));
        select(hear, select(tell, write)).await;
    }
    for seat in seats.into_values() {
        seat.leave().await;
    }
}

/// Where clients are seated that speak on one connection.
struct Reception<'a> {
    door: &'a Door,
    post: Post,
    seats: &'a mut BTreeMap<ClientId, Seat>,
}

impl Reception<'_> {
    /// Hands on what clients say, until the connection is lost.
    async fn hear(mut self, mut reader: impl AsyncRead + Unpin) {
        let mut buffer = Vec::new();
        loop {
            let mut taken = 0;
            loop {
                match letter::first(&buffer[taken..]) {
                    Ok(Some(((client, message), length))) => {
                        taken += length;
                        if !self.hand_on(client, message).await {
                            return;
                        }
                    }
                    Ok(None) => break,
                    // garbled on its way: whoever sent it connects anew
                    Err(_) => return,
                }
            }
            buffer.drain(..taken);
            let more = read(&mut reader, |bytes| buffer.extend(bytes)).await;
            if !matches!(more, Ok(Some(()))) {
                return;
            }
        }
    }

    /// Hands on one letter; whether the node is there.
    async fn hand_on(&mut self, client: ClientId, message: Option<Message>) -> bool {
        let Some(message) = message else {
            if let Some(seat) = self.seats.remove(&client) {
                seat.leave().await;
            }
            return true;
        };
        let seat = match self.seats.entry(client) {
            Entry::Occupied(seat) => seat.into_mut(),
            Entry::Vacant(place) => {
                let seat = self.door.seat(ActorId::Client(client), self.post.clone()).await;
                let Some(seat) = seat else { return false };
                place.insert(seat)
            }
        };
        seat.say(message).await
    }
}

/// Puts what the actor has for clients into the queue.
async fn tell(mut letters: UnboundedReceiver<(ActorId, Message)>, queue: &Queue, trust: Trust) {
    let mut some = Vec::new();
    while letters.recv_many(&mut some, AT_ONCE).await > 0 {
        for (to, message) in some.drain(..) {
            if let Some(client) = to.client() {
                queue.push(|bytes| letter::tell(bytes, &client, &message, &trust));
            }
        }
    }
}

//! The front: what serves a crowd on the machine of a request handler or mailbox actor.
//!
//! It stands where the HTTP server stands in production: it seats each client that has something to say at the actor's door, hands
//! on what it says, and sends it what the actor has for it. It is charged for requests and events as that is, and who reads
//! too slowly loses the connection.

use std::collections::{BTreeMap, btree_map::Entry};

use futures_util::future::select;
use server::{
    actor::Ledger,
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
    account::Counts,
    letter,
    queue::{Queue, read},
};
use crate::{
    history::History,
    model::{
        SimTasks,
        cpu::Cpu,
        network::{SimNetwork, SimStream},
    },
};

/// Letters taken to the queue at once.
const AT_ONCE: usize = 64;

/// The way in to an actor for a crowd.
#[derive(Clone)]
pub struct Entrance {
    /// Leads to its node.
    pub door: Door,
    /// Whether the node is several actors: each connection is with one of them.
    pub several: bool,
    /// Checks what is told.
    pub trust: Trust,
    /// Who does the work of the web.
    pub work: Vec<Cpu>,
    /// Where it is counted.
    pub history: History,
}

impl Entrance {
    /// Serves crowds, as long as the process lives.
    pub async fn serve(self, network: SimNetwork) {
        let Ok(mut listener) = network.listen().await else { return };
        while let Ok(stream) = SimNetwork::accept(&mut listener).await {
            SimTasks.spawn(self.clone().entertain(stream));
        }
    }

    /// Serves one connection.
    async fn entertain(self, stream: SimStream) {
        let part = SimNetwork::wanted(&stream).filter(|_| self.several);
        let (post, letters) = unbounded_channel();
        let (reader, writer) = tokio::io::split(stream);
        let (mut seats, queue) = (BTreeMap::new(), Queue::default());
        queue.open();
        {
            let reception = Reception { entrance: &self, part, post, seats: &mut seats };
            let hear = std::pin::pin!(reception.hear(reader));
            let tell = std::pin::pin!(self.tell(letters, &queue));
            let write = std::pin::pin!(queue.write_all(writer));
            select(hear, select(tell, write)).await;
        }
        for seat in seats.into_values() {
            seat.leave().await;
        }
    }

    /// So many requests, each by itself.
    async fn answer(&self, requests: u64) {
        self.count(|counts| counts.requests += requests);
        for cpu in &self.work {
            cpu.spend_apart(&Ledger { requests: 1, ..Ledger::default() }, requests).await;
        }
    }

    /// Events of so many bytes.
    async fn stream(&self, bytes: u64) {
        self.count(|counts| counts.event_bytes += bytes);
        for cpu in &self.work {
            cpu.spend_apart(&Ledger { events: 1, coded_bytes: bytes, ..Ledger::default() }, 1).await;
        }
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        if let Some(account) = &mut self.history.record().crowd {
            count(&mut account.counts);
        }
    }

    /// Puts what the actor has for clients into the queue.
    async fn tell(&self, mut letters: UnboundedReceiver<(ActorId, Message)>, queue: &Queue) {
        let mut some = Vec::new();
        while letters.recv_many(&mut some, AT_ONCE).await > 0 {
            let (mut text, mut event_bytes) = (Vec::new(), 0);
            for (to, message) in some.drain(..) {
                let Some(client) = to.client() else { continue };
                let before = text.len();
                letter::tell(&mut text, &client, &message, &self.trust);
                event_bytes += if is_event(&message) { text.len() - before } else { 0 };
            }
            self.stream(event_bytes as u64).await;
            queue.push(|bytes| bytes.append(&mut text));
        }
    }
}

/// Whether a message is told as an event. Others are the answers of requests, or placements: of those a crowd, which checks
/// nothing, does not ask to be told.
fn is_event(message: &Message) -> bool {
    matches!(message, Message::Delivery(_) | Message::Introduction(_))
}

/// Where clients are seated that speak on one connection.
struct Reception<'a> {
    entrance: &'a Entrance,
    part: Option<ActorId>,
    post: Post,
    seats: &'a mut BTreeMap<ClientId, Seat>,
}

impl Reception<'_> {
    /// Hands on what clients say, until the connection is lost.
    async fn hear(mut self, mut reader: impl AsyncRead + Unpin) {
        let mut buffer = Vec::new();
        loop {
            let (mut taken, mut letters) = (0, Vec::new());
            loop {
                match letter::first(&buffer[taken..]) {
                    Ok(Some((letter, length))) => {
                        taken += length;
                        letters.push(letter);
                    }
                    Ok(None) => break,
                    // garbled on its way: whoever sent it connects anew
                    Err(_) => return,
                }
            }
            buffer.drain(..taken);
            let requests = letters.iter().filter(|(_, message)| message.is_some()).count() as u64;
            self.entrance.answer(requests).await;
            for (client, message) in letters {
                if !self.hand_on(client, message).await {
                    return;
                }
            }
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
                let Entrance { door, .. } = self.entrance;
                let seat = door.seat_with(self.part, ActorId::Client(client), self.post.clone()).await;
                let Some(seat) = seat else { return false };
                place.insert(seat)
            }
        };
        seat.say(message).await
    }
}

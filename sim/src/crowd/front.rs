//! The front: what serves a crowd on the machine of a request handler or mailbox actor.
//!
//! It stands where the HTTP server stands in production: it seats each client that has something to say at the actor's door, hands
//! on what it says, and sends it what the actor has for it. It is charged for requests and events as that is, and who reads
//! too slowly loses the connection.

use std::collections::BTreeMap;

use futures_util::future::{Either, select};
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
    letter,
    queue::{Queue, read},
};
use crate::model::{
    SimTasks,
    cpu::Cpu,
    network::{SimNetwork, SimStream},
};

/// Letters taken to the queue at once.
const AT_ONCE: usize = 64;

/// Serves crowds, as long as the process lives. If it is several actors, each connection is with one of them.
pub async fn serve(door: Door, several: bool, network: SimNetwork, trust: Trust, work: Vec<Cpu>) {
    let Ok(mut listener) = network.listen().await else { return };
    while let Ok(stream) = SimNetwork::accept(&mut listener).await {
        let part = SimNetwork::wanted(&stream).filter(|_| several);
        let entrance = Entrance { door: door.clone(), part, work: work.clone() };
        SimTasks.spawn(entertain(entrance, stream, trust.clone()));
    }
}

/// The way in to an actor, or to one of several that a node is.
struct Entrance {
    door: Door,
    part: Option<ActorId>,
    /// Who does the work of the web.
    work: Vec<Cpu>,
}

impl Entrance {
    /// So many requests, each by itself.
    async fn work_for(&self, ledger: Ledger, times: u64) {
        for cpu in &self.work {
            cpu.spend_apart(&ledger, times).await;
        }
    }
}

/// Serves one connection.
async fn entertain(entrance: Entrance, stream: SimStream, trust: Trust) {
    let (post, letters) = unbounded_channel();
    let (reader, writer) = tokio::io::split(stream);
    let (mut seats, queue) = (BTreeMap::new(), Queue::default());
    queue.open();
    {
        let hear = std::pin::pin!(hear(&entrance, &post, reader, &mut seats));
        let tell = std::pin::pin!(tell(&entrance, letters, &queue, trust));
        let write = std::pin::pin!(queue.write_all(writer));
        match select(hear, select(tell, write)).await {
            Either::Left(_) | Either::Right(_) => queue.close(),
        }
    }
    for seat in seats.into_values() {
        seat.leave().await;
    }
}

/// Hands on what clients say.
async fn hear(
    entrance: &Entrance,
    post: &Post,
    mut reader: impl AsyncRead + Unpin,
    seats: &mut BTreeMap<ClientId, Seat>,
) {
    let mut buffer = Vec::new();
    loop {
        let (mut taken, mut letters) = (0, Vec::new());
        // bytes that are no letter were garbled on their way: the connection is of no use any more
        while let Some(((client, message), length)) = match letter::first(&buffer[taken..]) {
            Ok(first) => first,
            Err(_) => return,
        } {
            taken += length;
            letters.push((client, message));
        }
        let requests = letters.iter().filter(|(_, message)| message.is_some()).count() as u64;
        entrance.work_for(Ledger { requests: 1, ..Ledger::default() }, requests).await;
        for (client, message) in letters {
            if !hand_on(entrance, post, seats, client, message).await {
                return;
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
async fn hand_on(
    entrance: &Entrance,
    post: &Post,
    seats: &mut BTreeMap<ClientId, Seat>,
    client: ClientId,
    message: Option<Message>,
) -> bool {
    let Some(message) = message else {
        if let Some(seat) = seats.remove(&client) {
            seat.leave().await;
        }
        return true;
    };
    if !seats.contains_key(&client) {
        let Entrance { door, part, .. } = entrance;
        let seat = door.seat_with(*part, ActorId::Client(client), post.clone());
        let Some(seat) = seat.await else { return false };
        seats.insert(client, seat);
    }
    match seats.get(&client) {
        Some(seat) => seat.say(message).await,
        None => true,
    }
}

/// Puts what the actor has for clients into the queue.
async fn tell(
    entrance: &Entrance,
    mut letters: UnboundedReceiver<(ActorId, Message)>,
    queue: &Queue,
    trust: Trust,
) {
    let mut some = Vec::new();
    while letters.recv_many(&mut some, AT_ONCE).await > 0 {
        let events = some.iter().filter(|(_, message)| is_event(message)).count() as u64;
        entrance.work_for(Ledger { events: 1, ..Ledger::default() }, events).await;
        for (to, message) in some.drain(..) {
            if let Some(client) = to.client() {
                queue.push(|bytes| letter::tell(bytes, &client, &message, &trust));
            }
        }
    }
}

/// Whether a message is told as an event: others are the answers of requests.
fn is_event(message: &Message) -> bool {
    !matches!(message, Message::Receipted(..) | Message::Refused(..) | Message::RetryLater { .. })
}

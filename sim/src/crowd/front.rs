//! The front: what serves a crowd on the machine of a request handler or mailbox actor.
//!
//! It stands where the HTTP server stands in production: it seats each client that has something to say at the actor's door, hands
//! on what it says, and sends it what the actor has for it. It is charged for requests and events as that is, checks with the
//! production checker what clients sign, and who reads too slowly loses the connection. Requests and streams are threads of
//! control of their own, on all cores of the machine; what they come to goes on in the order in which they came.
//!
//! # Invariants
//! - Requests that are at work go on whatever their connection waits for: one that stood still with a core would keep it from the
//!   actor for which the connection waits.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    future::poll_fn,
    sync::Arc,
    task::Poll,
};

use futures_util::{
    future::{Either, select},
    stream::{FuturesOrdered, StreamExt},
};
use server::{
    actor::Ledger,
    http::Checker,
    node::{Door, Post, Seat},
    port::{Network, Spawn},
    protocol::{
        frame::FrameError,
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
    letter::{self, Said},
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

/// Requests, or streams, of a connection that are at work; more wait in it.
const AT_WORK: usize = 256;

/// The way in to an actor for a crowd.
#[derive(Clone)]
pub struct Entrance {
    /// Leads to its node.
    pub door: Door,
    /// Whether the node is several actors: each connection is with one of them.
    pub several: bool,
    /// Checks what is told.
    pub trust: Trust,
    /// Checks what clients sign.
    pub checker: Arc<Checker>,
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

    /// Requests with what is in them, each by itself.
    async fn answer(&self, requests: &[Ledger]) {
        let begun = requests.iter().map(|request| request.requests).sum::<u64>();
        self.count(|counts| counts.requests += begun);
        for cpu in &self.work {
            cpu.spend_apart(requests).await;
        }
    }

    /// An event of so many bytes.
    async fn stream(&self, bytes: u64) {
        self.count(|counts| {
            counts.events += 1;
            counts.event_bytes += bytes;
        });
        for cpu in &self.work {
            cpu.spend_apart(&[Ledger { events: 1, coded_bytes: bytes, ..Ledger::default() }]).await;
        }
    }

    /// What clients say, when their requests have come as far as the actor. What one says wrongly goes no further.
    async fn hear(&self, letters: Vec<Said>) -> Vec<Said> {
        self.answer(&requests(&letters)).await;
        if self.are_signed(&letters).await {
            return letters;
        }
        let mut signed = Vec::new();
        for letter in letters {
            if self.are_signed(std::slice::from_ref(&letter)).await {
                signed.push(letter);
            }
        }
        signed
    }

    async fn are_signed(&self, letters: &[Said]) -> bool {
        let messages = || letters.iter().filter_map(|letter| letter.message.as_ref());
        let submissions = messages().filter_map(|message| match message {
            Message::Submit(submission) => Some(&submission.bundle),
            _ => None,
        });
        let acks = messages().filter_map(|message| match message {
            Message::Acknowledged(ack) => Some(ack),
            _ => None,
        });
        let (submissions, acks): (Vec<_>, Vec<_>) = (submissions.collect(), acks.collect());
        (submissions.is_empty() || self.checker.are_signed(&submissions).await)
            && (acks.is_empty() || self.checker.are_signed(&acks).await)
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        if let Some(account) = &mut self.history.record().crowd {
            count(&mut account.counts);
        }
    }

    /// Puts what the actor has for clients into the queue.
    async fn tell(&self, mut letters: UnboundedReceiver<(ActorId, Message)>, queue: &Queue) {
        let mut at_work = FuturesOrdered::new();
        loop {
            match first_of(&mut at_work, letters.recv()).await {
                Either::Left(text) => queue.push(|bytes| bytes.extend(text)),
                Either::Right(None) => return,
                Either::Right(Some((to, message))) => at_work.push_back(self.write(to, message)),
            }
        }
    }

    /// A letter as text, when it has been streamed.
    async fn write(&self, to: ActorId, message: Message) -> Vec<u8> {
        let mut text = Vec::new();
        let Some(client) = to.client() else { return text };
        letter::tell(&mut text, &client, &message, &self.trust);
        if is_event(&message) {
            self.stream(text.len() as u64).await;
        }
        text
    }
}

/// What is done first: the oldest of what is at work, or, if there is room for more of it, something else.
async fn first_of<F: Future, M>(
    at_work: &mut FuturesOrdered<F>,
    more: impl Future<Output = M>,
) -> Either<F::Output, M> {
    let (is_idle, has_room) = (at_work.is_empty(), at_work.len() < AT_WORK);
    let (mut done, mut more) = (std::pin::pin!(at_work.next()), std::pin::pin!(more));
    poll_fn(|context| {
        if !is_idle && let Poll::Ready(Some(done)) = done.as_mut().poll(context) {
            return Poll::Ready(Either::Left(done));
        }
        if has_room {
            return more.as_mut().poll(context).map(Either::Right);
        }
        Poll::Pending
    })
    .await
}

/// Waits for something while what is at work goes on; what of that is done comes behind what was before.
async fn beside<F: Future, T>(
    at_work: &mut FuturesOrdered<F>,
    done: &mut VecDeque<F::Output>,
    waited_for: impl Future<Output = T>,
) -> T {
    let mut waited_for = std::pin::pin!(waited_for);
    poll_fn(|context| {
        if let Poll::Ready(came) = waited_for.as_mut().poll(context) {
            return Poll::Ready(came);
        }
        while let Poll::Ready(Some(one)) = at_work.poll_next_unpin(context) {
            done.push_back(one);
        }
        Poll::Pending
    })
    .await
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
        let entrance = self.entrance;
        let (mut buffer, mut at_work) = (Vec::new(), FuturesOrdered::new());
        let mut done = VecDeque::new();
        loop {
            // garbled on its way: whoever sent it connects anew
            let Ok(letters) = whole(&mut buffer) else { return };
            if !letters.is_empty() {
                at_work.push_back(entrance.hear(letters));
            }
            let more = read(&mut reader, |bytes| buffer.extend(bytes));
            let first = match done.pop_front() {
                Some(letters) => Either::Left(letters),
                None => first_of(&mut at_work, more).await,
            };
            match first {
                Either::Left(letters) => {
                    for Said { client, message, .. } in letters {
                        if !beside(&mut at_work, &mut done, self.hand_on(client, message)).await {
                            return;
                        }
                    }
                }
                Either::Right(Ok(Some(()))) => {}
                Either::Right(_) => return,
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
        seat.say(message, 0).await
    }
}

/// The requests that these letters are, or of which they are the rest.
fn requests(letters: &[Said]) -> Vec<Ledger> {
    let mut requests: Vec<Ledger> = Vec::new();
    for Said { begins, message, .. } in letters {
        let Some(message) = message else { continue };
        if *begins || requests.is_empty() {
            requests.push(Ledger { requests: (*begins).into(), ..Ledger::default() });
        }
        let request = requests.last_mut().expect("one was pushed if there was none");
        request.bundles += u64::from(matches!(message, Message::Submit(_)));
    }
    requests
}

/// The letters that have arrived whole, taken out.
fn whole(buffer: &mut Vec<u8>) -> Result<Vec<Said>, FrameError> {
    let (mut taken, mut letters) = (0, Vec::new());
    while let Some((letter, length)) = letter::first(&buffer[taken..])? {
        taken += length;
        letters.push(letter);
    }
    buffer.drain(..taken);
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn what_is_at_work_goes_on_while_its_connection_waits_for_it() {
        let (give_back, core) = oneshot::channel();
        let mut give_back = Some(give_back);
        let mut at_work: FuturesOrdered<_> = (0..3)
            .map(|number| {
                // the last one has what is waited for
                let give_back = if number == 2 { give_back.take() } else { None };
                async move {
                    if let Some(give_back) = give_back {
                        give_back.send(()).unwrap();
                    }
                    number
                }
            })
            .collect();
        let mut done = VecDeque::from([-1]);
        {
            let mut waits = std::pin::pin!(beside(&mut at_work, &mut done, core));
            assert!(
                waits.as_mut().now_or_never().is_none(),
                "it is given back meanwhile, and asked for again then"
            );
            assert_eq!(waits.now_or_never(), Some(Ok(())));
        }
        assert_eq!(done, [-1, 0, 1, 2]);
    }
}

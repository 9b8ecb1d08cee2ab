//! Hubs: the clients that speak to an actor of this process, and who of them waits for what.
//!
//! A client is seated at the actor's node when it first has something to say ([`crate::node::Seat`]). What the actor sends
//! it is the answer to a request that waits for it, or goes to the client's readers, or nowhere: then the client will
//! ask again, as it would after a lost connection.
//!
//! # Invariants
//! - Nothing here waits for a client: a reader that is too slow is cut off.
//! - Of the readers of one client the newest of a kind counts, as with connections. A mailbox actor tells a client what comes after
//!   what it holds once, so of those that hear one the newest counts, whatever else they hear.
//! - A reader that is cut off hears nothing more, of no actor: it goes on from its last id.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::mpsc;

use crate::{
    node::{Door, Post, Seat},
    port::{Clock, Spawn, Time, any_clock::AnyClock},
    protocol::{
        bundle::Submission,
        derivation::RETAINED,
        id::{ActorId, BundleNumber, ClientId, Count, Epoch, Role},
        message::Message,
        roster::Roster,
        statement::Unverified,
    },
};

/// Messages that wait for one reader. An actor sends a client 256 deliveries beyond its acks.
const READER_MAX: usize = 1024;
/// Messages of actors that are handed out at once.
const LETTERS_MAX: usize = 256;
/// How long a client without request or reader keeps its seat. A mailbox actor goes on telling it things meanwhile.
const IDLE_NS: u64 = 10_000_000_000;

/// What a request waits for: the answers to its bundles, each with the bundle's place in the request.
pub type Answers = mpsc::UnboundedSender<(usize, Message)>;

/// The way to a reader. All hubs that tell it something share it.
#[derive(Clone)]
struct Line(Arc<Mutex<Option<mpsc::Sender<Message>>>>);

impl Line {
    fn with<T>(&self, f: impl FnOnce(&mut Option<mpsc::Sender<Message>>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the reader something. False if it has ended: by itself, or because it was too slow.
    fn tell(&self, message: Message) -> bool {
        self.with(|line| {
            let told = line.as_ref().is_some_and(|line| line.try_send(message).is_ok());
            if !told {
                *line = None;
            }
            told
        })
    }

    /// Ends it for whoever reads, and for all that tell it something.
    fn cut(&self) {
        self.with(|line| *line = None);
    }

    fn is_over(&self) -> bool {
        self.with(|line| line.as_ref().is_none_or(mpsc::Sender::is_closed))
    }
}

#[derive(Clone)]
struct Reader {
    /// Whose messages it wants; all if none is named.
    of: Option<Role>,
    /// The epoch up to which it has its mailbox.
    at: u64,
    line: Line,
}

impl Reader {
    /// Whether it takes the place of an earlier one.
    fn replaces(&self, other: &Reader) -> bool {
        let hears_mailbox = |reader: &Reader| reader.of.is_none_or(|of| of == Role::Mailbox);
        self.of == other.of || hears_mailbox(self) && hears_mailbox(other)
    }

    /// Whether a message is for this reader. Deliveries must go on from where it is, and only who holds nothing, or was
    /// away for long, is told where to start: all else answers an earlier reader.
    fn wants(&mut self, message: &Message) -> bool {
        if self.of.is_some_and(|of| of != speaker(message)) {
            return false;
        }
        let (goes_on, upto) = match message {
            Message::Delivery(delivery) => {
                let from = delivery.cuts.first().map(Unverified::claimed_slot);
                (
                    from.is_none_or(|from| Some(from) == self.at.checked_add(1)),
                    delivery.attestation.claimed_slot(),
                )
            }
            Message::Introduction(introduction) => {
                let upto = introduction.attestation.claimed_slot();
                (self.at == 0 || upto >= self.at.saturating_add(RETAINED), upto)
            }
            _ => return true,
        };
        if goes_on {
            self.at = upto;
        }
        goes_on
    }
}

struct Place {
    seat: Arc<Seat>,
    waiting: BTreeMap<BundleNumber, Vec<(usize, Answers)>>,
    readers: Vec<Reader>,
    used: Time,
}

impl Place {
    /// What an actor sent finds whoever waits for it.
    fn take(&mut self, message: Message) {
        let waiting = answered(&message).and_then(|number| self.waiting.remove(&number));
        let Some(mut waiting) = waiting else { return self.tell(message) };
        let last = waiting.pop();
        // requests may be over
        for (index, answers) in waiting {
            let _ = answers.send((index, message.clone()));
        }
        if let Some((index, answers)) = last {
            let _ = answers.send((index, message));
        }
    }

    /// Tells every reader that wants to know. One that is full is too slow, and one that is closed is gone.
    fn tell(&mut self, message: Message) {
        let wants: Vec<bool> = self.readers.iter_mut().map(|reader| reader.wants(&message)).collect();
        let last = wants.iter().rposition(|wants| *wants);
        let mut message = Some(message);
        let mut index = 0;
        self.readers.retain(|reader| {
            let own = match wants[index] {
                false => None,
                true if Some(index) == last => message.take(),
                true => message.clone(),
            };
            index += 1;
            own.is_none_or(|own| reader.line.tell(own))
        });
    }

    fn is_idle(&self, now: Time) -> bool {
        self.waiting.is_empty() && self.readers.is_empty() && self.used.after(IDLE_NS) <= now
    }
}

/// The clients that speak to one node.
pub struct Hub {
    door: Door,
    post: Post,
    clock: AnyClock,
    places: Mutex<BTreeMap<ClientId, Place>>,
    /// Held while a client is being seated: it must not be seated twice.
    seating: tokio::sync::Mutex<()>,
}

/// The actor is gone: it has stopped.
#[derive(Debug)]
pub struct Gone;

impl Hub {
    fn new(door: Door, clock: AnyClock, spawn: &impl Spawn) -> Arc<Hub> {
        let (post, letters) = mpsc::unbounded_channel();
        let (places, seating) = (Mutex::default(), tokio::sync::Mutex::default());
        let hub = Arc::new(Hub { door, post, clock, places, seating });
        spawn.spawn(deliver(hub.clone(), letters));
        spawn.spawn(sweep(hub.clone()));
        hub
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<ClientId, Place>) -> T) -> T {
        f(&mut self.places.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something with a client's place, if it has one, and gives its seat.
    fn at(&self, client: ClientId, f: &mut impl FnMut(&mut Place)) -> Option<Arc<Seat>> {
        let now = self.clock.now();
        self.with(|places| {
            let place = places.get_mut(&client)?;
            place.used = now;
            f(place);
            Some(place.seat.clone())
        })
    }

    /// The same; a client without a place is seated.
    async fn seat(&self, client: ClientId, mut f: impl FnMut(&mut Place)) -> Result<Arc<Seat>, Gone> {
        if let Some(seat) = self.at(client, &mut f) {
            return Ok(seat);
        }
        let _seating = self.seating.lock().await;
        if let Some(seat) = self.at(client, &mut f) {
            return Ok(seat);
        }
        let seat = self.door.seat(ActorId::Client(client), self.post.clone()).await.ok_or(Gone)?;
        let place = Place {
            seat: Arc::new(seat),
            waiting: BTreeMap::new(),
            readers: Vec::new(),
            used: self.clock.now(),
        };
        self.with(|places| places.insert(client, place));
        self.at(client, &mut f).ok_or(Gone)
    }

    /// Says something for a client, that came in so many bytes.
    pub async fn say(&self, client: ClientId, message: Message, bytes: usize) -> Result<(), Gone> {
        let seat = self.seat(client, |_| {}).await?;
        if seat.say(message, bytes).await { Ok(()) } else { Err(Gone) }
    }

    /// Submits a bundle; its answer goes to `answers` with the bundle's place in the request.
    pub async fn submit(
        &self,
        client: ClientId,
        number: BundleNumber,
        submission: Submission,
        waiter: (usize, Answers),
    ) -> Result<(), Gone> {
        let wait = |place: &mut Place| place.waiting.entry(number).or_default().push(waiter.clone());
        let seat = self.seat(client, wait).await?;
        let bytes = submission.content.wire_bytes() as usize;
        if seat.say(Message::Submit(submission), bytes).await { Ok(()) } else { Err(Gone) }
    }

    /// Nobody waits for this any more whose request is over.
    pub fn forget(&self, client: ClientId, number: BundleNumber) {
        self.with(|places| {
            let Some(place) = places.get_mut(&client) else { return };
            if let Some(waiting) = place.waiting.get_mut(&number) {
                waiting.retain(|(_, answers)| !answers.is_closed());
                if waiting.is_empty() {
                    place.waiting.remove(&number);
                }
            }
        });
    }

    /// Lets a reader have what comes for a client.
    async fn read(&self, client: ClientId, reader: Reader) -> Result<Arc<Seat>, Gone> {
        self.seat(client, |place| {
            // a newer one has come while this waited
            if reader.line.is_over() {
                return;
            }
            let (over, left): (Vec<_>, Vec<_>) =
                place.readers.drain(..).partition(|other| reader.replaces(other) || other.line.is_over());
            over.iter().for_each(|other| other.line.cut());
            place.readers = left;
            place.readers.push(reader.clone());
        })
        .await
    }

    /// What an actor sent clients finds whoever waits for it.
    fn take(&self, letters: &mut Vec<(ActorId, Message)>) {
        self.with(|places| {
            for (to, message) in letters.drain(..) {
                if let Some(place) = to.client().and_then(|client| places.get_mut(&client)) {
                    place.take(message);
                }
            }
        });
    }

    /// Takes the seats of clients that have been idle.
    async fn clear(&self) {
        let now = self.clock.now();
        let idle: Vec<ClientId> = self.with(|places| {
            for place in places.values_mut() {
                place.readers.retain(|reader| !reader.line.is_over());
            }
            places.iter().filter(|(_, place)| place.is_idle(now)).map(|(client, _)| *client).collect()
        });
        for client in idle {
            let _seating = self.seating.lock().await;
            let place = self.with(|places| {
                let still = places.get(&client).is_some_and(|place| place.is_idle(now));
                if still { places.remove(&client) } else { None }
            });
            if let Some(seat) = place.and_then(|place| Arc::into_inner(place.seat)) {
                seat.leave().await;
            }
        }
    }
}

/// Which bundle a message answers.
fn answered(message: &Message) -> Option<BundleNumber> {
    match message {
        Message::Receipted(receipted) => Some(receipted.number),
        Message::Refused(refusal, _) => Some(BundleNumber(refusal.claimed_slot())),
        Message::RetryLater { number, .. } => Some(*number),
        _ => None,
    }
}

/// The role that says such a thing to clients.
fn speaker(message: &Message) -> Role {
    match message {
        Message::Receipted(_)
        | Message::Refused(..)
        | Message::RetryLater { .. }
        | Message::Placed(_)
        | Message::HandlerReceipted(_) => Role::Handler,
        Message::Answered(_) | Message::Cosigned(_) => Role::Witness,
        _ => Role::Mailbox,
    }
}

async fn deliver(hub: Arc<Hub>, mut letters: mpsc::UnboundedReceiver<(ActorId, Message)>) {
    let mut come = Vec::new();
    while letters.recv_many(&mut come, LETTERS_MAX).await > 0 {
        hub.take(&mut come);
    }
}

async fn sweep(hub: Arc<Hub>) {
    while !hub.door.is_closed() {
        hub.clock.sleep_until(hub.clock.now().after(IDLE_NS / 4)).await;
        hub.clear().await;
    }
}

/// All actors of this process that clients speak to.
pub struct Hubs {
    by_actor: BTreeMap<ActorId, Arc<Hub>>,
}

impl Hubs {
    /// A hub for each node; several actors may share one.
    pub fn new(doors: &[(ActorId, Door)], roster: &Roster, clock: &AnyClock, spawn: &impl Spawn) -> Self {
        let mut by_actor: BTreeMap<ActorId, Arc<Hub>> = BTreeMap::new();
        for (actor, door) in doors {
            let spoken_to = matches!(actor.role(), Role::Handler | Role::Mailbox | Role::Witness);
            if !spoken_to || roster.key_of(actor).is_none() {
                continue;
            }
            let same = by_actor.values().find(|hub| hub.door.is_same(door)).cloned();
            let hub = same.unwrap_or_else(|| Hub::new(door.clone(), clock.clone(), spawn));
            by_actor.insert(*actor, hub);
        }
        Hubs { by_actor }
    }

    /// The hub of an actor, if it is served here.
    pub fn of(&self, actor: ActorId) -> Option<&Arc<Hub>> {
        self.by_actor.get(&actor)
    }

    /// A request handler of this process.
    pub fn handler(&self) -> Option<&Arc<Hub>> {
        self.by_actor.iter().find(|(actor, _)| actor.role() == Role::Handler).map(|(_, hub)| hub)
    }

    /// Every witness of this process, or one.
    pub fn witnesses(&self, wanted: Option<ActorId>) -> Vec<(ActorId, Arc<Hub>)> {
        let all = self.by_actor.iter().filter(|(actor, _)| actor.role() == Role::Witness);
        let chosen = all.filter(|(actor, _)| wanted.is_none_or(|wanted| wanted == **actor));
        chosen.map(|(actor, hub)| (*actor, hub.clone())).collect()
    }

    /// Opens a reader of what these actors tell a client; the mailbox actor among them, if any, is told what is held. It ends at once if
    /// none of them is served here.
    pub async fn read(
        &self,
        client: ClientId,
        actors: &[ActorId],
        of: Option<Role>,
        (held, epoch): (Count, Epoch),
    ) -> Result<mpsc::Receiver<Message>, Gone> {
        let (messages, receiver) = mpsc::channel(READER_MAX);
        let line = Line(Arc::new(Mutex::new(Some(messages))));
        let mut seated: Vec<&Arc<Hub>> = Vec::new();
        for actor in actors {
            let Some(hub) = self.by_actor.get(actor) else { continue };
            if !seated.iter().any(|other| Arc::ptr_eq(other, hub)) {
                let reader = Reader { of, at: epoch.0, line: line.clone() };
                hub.read(client, reader).await?;
                seated.push(hub);
            }
            if line.is_over() {
                break;
            }
            if actor.role() == Role::Mailbox {
                hub.say(client, Message::Read { held, epoch }, 0).await?;
            }
        }
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(room: usize) -> (Line, mpsc::Receiver<Message>) {
        let (messages, receiver) = mpsc::channel(room);
        (Line(Arc::new(Mutex::new(Some(messages)))), receiver)
    }

    #[test]
    fn a_reader_that_one_hub_cuts_off_hears_the_end_though_another_tells_it_too() {
        let (line, mut heard) = line(2);
        let (one, other) = (line.clone(), line);
        assert!(one.tell(Message::Subscribe(1)) && one.tell(Message::Subscribe(2)));
        assert!(!one.tell(Message::Subscribe(3)) && other.is_over());
        assert!(heard.try_recv().is_ok() && heard.try_recv().is_ok());
        assert_eq!(heard.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert!(!other.tell(Message::Subscribe(4)));
    }

    #[test]
    fn of_readers_that_hear_a_mailbox_actor_the_newest_counts() {
        let reader = |of| Reader { of, at: 0, line: line(1).0 };
        let replaces = |one, other| reader(one).replaces(&reader(other));
        assert!(replaces(None, Some(Role::Mailbox)) && replaces(Some(Role::Mailbox), None));
        assert!(replaces(Some(Role::Witness), Some(Role::Witness)) && replaces(None, None));
        assert!(!replaces(Some(Role::Handler), None) && !replaces(Some(Role::Handler), Some(Role::Mailbox)));
    }
}

//! Crowds: many clients whose individual behaviour is not the question, at a hundred bytes each.
//!
//! To the server they are clients: each has a key, signs its bundles and acks, numbers its bundles without gaps, cites a
//! cut, submits through its request handler until it has a receipt, reads its mailbox from its mailbox actor and acknowledges
//! what it gets. Here they are records in a list, driven by a few tasks: no actor, no node of the runtime, no disk.
//!
//! A crowd is divided into as many *groups* as there are handlers; a group submits through its handler and sits on one machine,
//! which has one connection to its handler and one to each mailbox actor. All bytes cross these, with the latency and
//! bandwidth of `[network]` for each pair of machines: the clients of a group share the way to each actor. On the other end a
//! [`front`] seats them at the actor's door. Bundles go through the codec on both ends; what comes back is encoded and
//! crosses, but is not decoded again ([`letter`]).
//!
//! # What a crowd does otherwise than clients
//! - It checks no proof, keeps no evidence, and neither challenges nor complains. What its [`account`] checks: every bundle
//!   reaches every recipient once, in the order of its sender, with its payload; a mailbox counts what comes.
//! - Its own signing and storing takes no simulated time, and its machines do not fail.
//! - It cites the newest cut that anyone of the group was shown.
//! - A client is at its mailbox from when a bundle for it is sent until all have come: as if a push notification woke it. One for
//!   whom there is nothing is shown nothing, so quiet deliveries are not a part of what a crowd costs.
//! - It sends to other clients of the crowd only, as clients send to clients only.
//!
//! # Invariants
//! - Without a crowd nothing of this exists, and a run is the run that it was.
//! - All in here is in the order of indices, numbers and times: a run with a crowd has one fingerprint, too.

pub mod account;
mod front;
mod group;
mod letter;
mod link;
mod manners;
mod outgoing;
mod people;
mod plan;
mod queue;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use server::{
    actor::{Setup, incoming::IN_FLIGHT_MAX},
    protocol::{
        ack::Ack,
        digest::Digest,
        id::{ActorId, ClientId, Count, Epoch, Generation, Role},
        message::Message,
        statement::Terms,
    },
};

pub use account::{Account, Breach, Counts};
pub use front::Entrance;

use crate::{
    history::History,
    model::{clock::VirtualTime, network::SimNetwork},
    random::Streams,
    scenario::{Crypto, DrawnWorkload, Pace},
    workload::START_NS,
};
use group::Group;
use letter::{Delivered, Word};
use link::Link;
pub use manners::Manners;
use people::{Names, Person};
use plan::Plan;

/// How often a crowd looks what has to be sent again.
const LOOK_NS: u64 = 10_000_000;

/// A crowd.
pub struct Crowd {
    manners: Manners,
    time: VirtualTime,
    history: History,
    setup: Setup,
    salting: Digest,
    names: Names,
    /// By group: with the handler, then with each mailbox actor.
    links: Vec<Vec<Arc<Link>>>,
    state: Mutex<State>,
    over: AtomicBool,
}

struct State {
    groups: Vec<Group>,
    plan: Plan,
}

impl State {
    /// The group of somebody, and its place there.
    fn place(&self, one: u32) -> (usize, usize) {
        let groups = self.groups.len();
        (one as usize % groups, one as usize / groups)
    }

    fn person(&mut self, one: u32) -> &mut Person {
        let (group, place) = self.place(one);
        &mut self.groups[group].people[place]
    }
}

impl Crowd {
    /// So many clients, with what they will want.
    pub fn new(
        count: u32,
        crypto: Crypto,
        workload: DrawnWorkload,
        setup: Setup,
        history: History,
        (time, streams): (VirtualTime, Streams),
        manners: Manners,
    ) -> Self {
        let (handlers, mailboxes) = (setup.trust.roster.handlers(), setup.trust.roster.mailboxes());
        let size = |group| (group..count).step_by(handlers as usize).count();
        let group = |group| Group::of(vec![Person::default(); size(group)]);
        let peers = |group| {
            let mailboxes = (0..mailboxes).map(|k| ActorId::Server(Role::Mailbox, k));
            let peers = std::iter::once(ActorId::Server(Role::Handler, group)).chain(mailboxes);
            peers.map(|peer| Arc::new(Link::new(group, peer))).collect()
        };
        history.record().crowd = Some(Box::new(Account::new(&workload)));
        Crowd {
            manners,
            salting: Digest::of(&[b"salting of a crowd", &streams.seed().to_be_bytes()]),
            names: Names::new(count, crypto, streams),
            links: (0..handlers).map(peers).collect(),
            state: Mutex::new(State {
                groups: (0..handlers).map(group).collect(),
                plan: Plan::new(workload, count, streams),
            }),
            over: AtomicBool::new(false),
            time,
            history,
            setup,
        }
    }

    /// Begins to connect and to send. `network_of` is the network as the machine of a group sees it.
    pub fn start(self: &Arc<Self>, network_of: impl Fn(u32) -> SimNetwork) {
        for link in self.links.iter().flatten() {
            madsim::task::spawn(link::keep(self.clone(), link.clone(), network_of(link.group)));
        }
        madsim::task::spawn(self.clone().want());
        madsim::task::spawn(self.clone().look_after());
    }

    /// The run is over: what happens from now on is not counted.
    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn account<T>(&self, f: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.history.record().crowd.as_mut().map(|account| f(account))
    }

    /// Wants all that is planned: each at its time, or as many of each client as may be in flight.
    async fn want(self: Arc<Self>) {
        match self.with(|state| state.plan.pace()) {
            Pace::Open { rate_per_s } => {
                let next = || self.with(|state| state.plan.next_open(rate_per_s));
                let mut request = next();
                while let Some(wanted) = request.first() {
                    self.time.sleep_until(wanted.at_ns).await;
                    self.with(|state| self.send(state, &request));
                    request = next();
                }
            }
            Pace::Closed { in_flight } => {
                self.time.sleep_until(START_NS).await;
                for _ in 0..in_flight {
                    (0..self.names.count())
                        .for_each(|sender| self.with(|state| self.send_next(state, sender)));
                }
            }
        }
    }

    /// In a closed loop, a client has room for one more.
    fn send_next(&self, state: &mut State, sender: u32) {
        if let Some(wanted) = state.plan.next_of(sender, self.time.now_ns()) {
            self.send(state, std::slice::from_ref(&wanted));
        }
    }

    /// A bundle for somebody is on its way.
    fn expect(&self, state: &mut State, one: u32) {
        let person = state.person(one);
        person.expected += 1;
        let (group, mailbox) = (state.place(one).0, self.mailbox_of(one));
        if state.groups[group].waiting.entry(mailbox).or_default().insert(one) {
            self.read(state, one);
        }
    }

    /// Somebody asks for its mailbox.
    fn read(&self, state: &mut State, one: u32) {
        let (held, epoch) = (state.person(one).held, state.person(one).epoch);
        let read = Message::Read { held: Count(u64::from(held)), epoch: Epoch(u64::from(epoch)) };
        let link = &self.links[state.place(one).0][1 + self.mailbox_of(one) as usize];
        link.queue.push(|bytes| letter::say(bytes, &self.names.id(one), &read));
    }

    fn mailbox_of(&self, one: u32) -> u32 {
        self.setup.trust.roster.mailbox_of(&self.names.id(one))
    }

    /// Sends again what has waited long enough for a receipt.
    async fn look_after(self: Arc<Self>) {
        loop {
            self.time.sleep_until(self.time.now_ns() + LOOK_NS).await;
            let now = self.time.now_ns();
            self.with(|state| {
                for (index, group) in state.groups.iter_mut().enumerate() {
                    while let Some((at_ns, sender, number)) = group.due.first().copied() {
                        if at_ns > now {
                            break;
                        }
                        group.due.pop_first();
                        self.submit(group, index, sender, &[number]);
                    }
                }
            });
        }
    }

    /// A connection is up: what may have been lost with the one before is said again.
    fn connected(&self, link: &Link) {
        let (index, now) = (link.group as usize, self.time.now_ns());
        self.with(|state| match link.peer.index_of(Role::Mailbox) {
            None => {
                let group = &mut state.groups[index];
                let senders: BTreeSet<u32> = group.open.keys().map(|(sender, _)| *sender).collect();
                for sender in senders {
                    let turn: Vec<u64> =
                        group.turn(sender, IN_FLIGHT_MAX).map(|(number, _)| number).collect();
                    self.submit(group, index, sender, &turn);
                }
            }
            Some(mailbox) => {
                let group = &state.groups[index];
                let waiting = group.waiting.get(&mailbox).cloned().unwrap_or_default();
                for (signer, ack) in group.acks(mailbox, now) {
                    let id = self.names.id(signer);
                    link.queue.push(|bytes| letter::say(bytes, &id, ack));
                    if !waiting.contains(&signer) {
                        link.queue.push(|bytes| letter::leave(bytes, &id));
                    }
                }
                waiting.into_iter().for_each(|one| self.read(state, one));
            }
        });
    }

    /// A connection is lost.
    fn disconnected(&self) {
        if !self.over.load(Ordering::Relaxed) {
            self.account(|account| account.counts.lost_connections += 1);
        }
    }

    /// Whether anyone waits for something on a connection.
    fn waits(&self, link: &Link) -> bool {
        self.with(|state| state.groups[link.group as usize].waits(link.peer))
    }

    /// Takes what the server has told a client.
    fn take(&self, link: &Link, client: ClientId, word: Word) {
        let Some(one) = self.names.find(&client) else { return };
        if self.over.load(Ordering::Relaxed) {
            return;
        }
        let now = self.time.now_ns();
        self.with(|state| match word {
            Word::Receipted(number) => self.receipted(state, one, number),
            Word::Placed(count) => {
                let person = state.person(one);
                person.unplaced = person.unplaced.saturating_sub(count);
                self.leave_handler(state, one);
            }
            Word::Later(number, after_ms) => {
                self.account(|account| account.counts.put_off += 1);
                let group = &mut state.groups[link.group as usize];
                group.schedule((one, number), now + u64::from(after_ms) * 1_000_000);
            }
            Word::Gap(next) => state.groups[link.group as usize].schedule((one, next), now),
            Word::Never(number) => {
                let why = format!("crowd/{one}: bundle {number} was refused for good");
                self.history.record().complaints.push(why);
            }
            Word::Introduced(epoch, count, cut) => {
                state.groups[link.group as usize].see(cut);
                self.introduced(state.person(one), one, epoch, count);
            }
            Word::Delivered(delivered) => self.delivered(state, link, one, *delivered),
            Word::Nothing => {}
        });
    }

    fn receipted(&self, state: &mut State, one: u32, number: u64) {
        let (index, now) = (state.place(one).0, self.time.now_ns());
        if !state.groups[index].close((one, number)) {
            return;
        }
        state.person(one).unplaced += 1;
        {
            let mut record = self.history.record();
            let wanted_ns = record.crowd.as_mut().and_then(|account| account.receipted(one, number, now));
            if let Some(wanted_ns) = wanted_ns {
                if record.flow.measures(wanted_ns) {
                    record.receipt.record(now.saturating_sub(wanted_ns));
                }
                (record.unreceipted, record.progress_ns) = (record.unreceipted - 1, now);
            }
        }
        self.submit_turn(&mut state.groups[index], index, one);
        if matches!(state.plan.pace(), Pace::Closed { .. }) {
            self.send_next(state, one);
        }
    }

    /// Somebody for whom the handler has nothing more leaves it.
    fn leave_handler(&self, state: &mut State, one: u32) {
        let group = state.place(one).0;
        if state.person(one).unplaced == 0 && !state.groups[group].has_open(one) {
            self.links[group][0].queue.push(|bytes| letter::leave(bytes, &self.names.id(one)));
        }
    }

    fn introduced(&self, person: &mut Person, one: u32, epoch: u64, count: u64) {
        if epoch <= u64::from(person.epoch) {
            return;
        }
        if count != u64::from(person.held) {
            let why = format!("the mailbox of crowd/{one} starts at {count}, {} are held", person.held);
            self.account(|account| account.breach(Breach::Miscount, why));
        }
        person.epoch = epoch as u32;
    }

    fn delivered(&self, state: &mut State, link: &Link, one: u32, delivered: Delivered) {
        let person = *state.person(one);
        if delivered.last <= u64::from(person.epoch) {
            return; // it came twice
        }
        if delivered.first != u64::from(person.epoch) + 1 {
            return self.read(state, one); // it answers what was said on an earlier connection
        }
        let due = u64::from(person.held) + delivered.bundles.len() as u64;
        if due != delivered.count {
            let why = format!("the mailbox of crowd/{one} counts {}, {due} have come", delivered.count);
            self.account(|account| account.breach(Breach::Miscount, why));
        }
        let fresh = self.count_in(state, one, &delivered);
        let person = state.person(one);
        (person.held, person.epoch) = (delivered.count as u32, delivered.last as u32);
        person.expected = person.expected.saturating_sub(fresh);
        state.groups[link.group as usize].see(delivered.cut.clone());
        self.acknowledge(state, link, one, &delivered);
    }

    /// Puts what has come into the account; how much of it was due.
    fn count_in(&self, state: &mut State, one: u32, delivered: &Delivered) -> u32 {
        let (now, mut fresh) = (self.time.now_ns(), 0);
        for bundle in &delivered.bundles {
            let sender = self.names.find(&bundle.sender);
            let known = sender.is_some_and(|sender| bundle.number < u64::from(state.person(sender).next));
            let mut record = self.history.record();
            let Some(account) = &mut record.crowd else { continue };
            let key = (sender.unwrap_or(u32::MAX), bundle.number);
            let Some(wanted_ns) = account.delivered(one, key, bundle.payload, known, now) else { continue };
            if record.flow.measures(wanted_ns) {
                record.delivery.record(now.saturating_sub(wanted_ns));
                record.trend.note(wanted_ns, now.saturating_sub(wanted_ns));
            }
            (record.missing, record.progress_ns) = (record.missing - 1, now);
            fresh += 1;
        }
        fresh
    }

    /// Acknowledges a delivery as its manners want it, and leaves if that was all.
    fn acknowledge(&self, state: &mut State, link: &Link, one: u32, delivered: &Delivered) {
        let Manners { acks_every, stays } = self.manners;
        let before = delivered.count.saturating_sub(delivered.bundles.len() as u64);
        if before / acks_every == delivered.count / acks_every {
            return;
        }
        let id = self.names.id(one);
        let person = state.person(one);
        let ack = Ack {
            client: id,
            clock: u64::from(person.acks),
            terms: Terms::default(),
            generation: Generation(0),
            count: Count(delivered.count),
            head: delivered.head,
            attestation: delivered.attestation.clone(),
        };
        person.acks += 1;
        let leaves = person.expected == 0 && !stays;
        let now = self.time.now_ns();
        self.history.record().signed.entry(Role::Client.name()).or_default().count(now);
        let ack = Message::Acknowledged(self.names.sign(one, ack, &self.setup.trust).to_unverified());
        link.queue.push(|bytes| letter::say(bytes, &id, &ack));
        let mailbox = self.mailbox_of(one);
        let group = &mut state.groups[link.group as usize];
        group.acknowledged(mailbox, one, ack, self.time.now_ns());
        if leaves {
            link.queue.push(|bytes| letter::leave(bytes, &id));
            if let Some(waiting) = group.waiting.get_mut(&mailbox) {
                waiting.remove(&one);
            }
        }
    }
}

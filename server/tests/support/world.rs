//! A whole deployment in memory: benches, the links between them, and a clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use server::{
    actor::{Input, Notice, Setup},
    port::Time,
    protocol::{
        board::{Attachment, Posting},
        challenge::{Challenge, Demand},
        id::{ActorId, ClientId, Count, SequenceId},
        message::Message,
        statement::{Signed, Terms},
    },
};

use super::{
    Bench, Turn, client, client_key, draught, over_the_wire, setup, signer_of, watched_setup, witness,
};

/// What a link does with a message: hand it on, changed or not, or swallow it.
pub type Tamper = Box<dyn FnMut(ActorId, ActorId, Message) -> Option<Message>>;

pub struct World {
    pub setup: Setup,
    pub now: Time,
    pub benches: BTreeMap<ActorId, Bench>,
    pub notices: BTreeMap<ActorId, Vec<Notice>>,
    pub tamper: Option<Tamper>,
    pub crashes: usize,
    links: BTreeSet<(ActorId, ActorId)>,
    under_way: VecDeque<(ActorId, Input)>,
}

impl World {
    /// One handler, one sequencer, and as many of the rest.
    pub fn new(incoming: u32, mailboxes: u32, clients: usize) -> Self {
        World::of(setup(incoming, mailboxes), clients)
    }

    /// The same with one witness, whose cosignature clients ask for.
    pub fn watched(incoming: u32, mailboxes: u32, clients: usize) -> Self {
        World::of(watched_setup(incoming, mailboxes, 1), clients)
    }

    fn of(setup: Setup, clients: usize) -> Self {
        let roster = &setup.trust.roster;
        let (incoming, mailboxes, witnesses) = (roster.incoming(), roster.mailboxes(), roster.witnesses());
        let mut benches = vec![Bench::handler(&setup), Bench::sequencer(&setup)];
        benches.extend((0..incoming).map(|j| Bench::incoming(j, &setup)));
        benches.extend((0..mailboxes).map(|k| Bench::mailbox(k, &setup)));
        benches.extend((0..witnesses).map(|w| Bench::witness(w, &setup)));
        benches.extend((0..clients).map(|c| Bench::client(c, &setup)));
        World {
            setup,
            now: Time(1_000_000_000),
            benches: benches.into_iter().map(|bench| (bench.me, bench)).collect(),
            notices: BTreeMap::new(),
            tamper: None,
            crashes: 0,
            links: BTreeSet::new(),
            under_way: VecDeque::new(),
        }
    }

    /// Puts another actor in an honest one's place.
    pub fn replace(&mut self, bench: Bench) {
        self.benches.insert(bench.me, bench);
    }

    /// Brings up every link that an actor wants.
    pub fn connect_all(&mut self) {
        let all: Vec<ActorId> = self.benches.keys().copied().collect();
        all.into_iter().for_each(|me| self.connect(me));
    }

    fn connect(&mut self, me: ActorId) {
        for peer in self.benches[&me].actor.dials() {
            if self.benches.contains_key(&peer) && self.links.insert((me, peer)) {
                self.under_way.push_back((me, Input::Connected(peer)));
                self.under_way.push_back((peer, Input::Connected(me)));
            }
        }
    }

    /// Takes down every link of an actor; what is under way from it or to it is lost.
    pub fn disconnect(&mut self, me: ActorId) {
        let lost: Vec<_> = self.links.iter().copied().filter(|(a, b)| *a == me || *b == me).collect();
        self.under_way.retain(|(to, input)| {
            *to != me && !matches!(input, Input::Message(from, _) | Input::Connected(from) if *from == me)
        });
        for (a, b) in lost {
            self.links.remove(&(a, b));
            let peer = if a == me { b } else { a };
            self.under_way.push_back((peer, Input::Disconnected(me)));
        }
    }

    /// Brings an actor's links up again, from both sides.
    pub fn reconnect(&mut self, me: ActorId) {
        self.connect_all_with(me);
    }

    fn connect_all_with(&mut self, me: ActorId) {
        self.connect(me);
        let dialling: Vec<ActorId> = self
            .benches
            .values()
            .filter(|bench| bench.actor.dials().contains(&me))
            .map(|bench| bench.me)
            .collect();
        for peer in dialling {
            if self.links.insert((peer, me)) {
                self.under_way.push_back((me, Input::Connected(peer)));
                self.under_way.push_back((peer, Input::Connected(me)));
            }
        }
    }

    /// An application hands its client something to send.
    pub fn submit(&mut self, from: usize, token: u64, payload: &[u8], to: &[usize]) {
        let recipients: Vec<ClientId> = to.iter().map(|index| client(*index)).collect();
        let input = Input::Send(draught(token, payload, &recipients));
        self.under_way.push_back((ActorId::Client(client(from)), input));
    }

    pub fn turn(&mut self, me: ActorId, inputs: Vec<Input>) {
        let now = self.now;
        let Turn { sends, notices, crashed } = self.benches.get_mut(&me).unwrap().turn(now, inputs);
        self.notices.entry(me).or_default().extend(notices);
        for (to, message) in sends {
            let linked = self.links.contains(&(me, to)) || self.links.contains(&(to, me));
            let message = match &mut self.tamper {
                Some(tamper) => tamper(me, to, over_the_wire(&message)),
                None => Some(over_the_wire(&message)),
            };
            if let Some(message) = message.filter(|_| linked) {
                self.under_way.push_back((to, Input::Message(me, message)));
            }
        }
        if crashed {
            // what left before the crash still arrives; then the links come up anew
            self.crashes += 1;
            let sent: Vec<_> = self.under_way.extract_if_from(me);
            self.disconnect(me);
            sent.into_iter().rev().for_each(|event| self.under_way.push_front(event));
            self.connect_all_with(me);
        }
    }

    /// Runs until the condition holds; panics if it does not within this many simulated milliseconds.
    pub fn run_until(&mut self, what: &str, limit_ms: u64, mut done: impl FnMut(&World) -> bool) {
        let end = self.now.after(limit_ms * 1_000_000);
        while !done(self) {
            assert!(self.now < end, "not within {limit_ms} ms: {what}");
            self.advance();
        }
    }

    pub fn run_for(&mut self, ms: u64) {
        let end = self.now.after(ms * 1_000_000);
        while self.now < end {
            self.advance();
        }
    }

    /// All that is under way for one actor in one turn; when nothing is, time passes to the next deadline.
    fn advance(&mut self) {
        let Some(to) = self.under_way.front().map(|(to, _)| *to) else { return self.pass_time() };
        let (own, others) = std::mem::take(&mut self.under_way).into_iter().partition(|(who, _)| *who == to);
        let own: VecDeque<_> = own;
        self.under_way = others;
        self.turn(to, own.into_iter().map(|(_, input)| input).collect());
    }

    fn pass_time(&mut self) {
        let deadlines = self.benches.values().filter_map(|bench| Some((bench.actor.deadline()?, bench.me)));
        let Some((at, me)) = deadlines.min() else { panic!("nothing will ever happen again") };
        self.now = self.now.max(at);
        self.turn(me, vec![Input::Wake]);
    }

    /// What a client's application was told, each delivery once: count → (sequence id, sender, number).
    pub fn delivered(&self, index: usize) -> BTreeMap<Count, (SequenceId, ClientId, u64)> {
        let mut all = BTreeMap::new();
        for notice in self.notices.get(&ActorId::Client(client(index))).into_iter().flatten() {
            if let Notice::Delivered { count, entry, sender, number, .. } = notice {
                let told = (entry.sequence, *sender, number.0);
                let before = all.insert(*count, told);
                assert!(before.is_none_or(|before| before == told), "told otherwise of delivery {count}");
            }
        }
        all
    }

    /// What is told of an actor.
    pub fn told(&self, who: ActorId) -> &[Notice] {
        self.notices.get(&who).map_or(&[], Vec::as_slice)
    }

    /// Two clients write to each other in so many rounds.
    pub fn exchange(&mut self, rounds: u64) {
        for token in 0..rounds {
            self.submit(0, token, b"0", &[0, 1]);
            self.submit(1, token, b"1", &[0, 1]);
            self.run_for(5);
        }
        self.run_for(60);
    }

    /// Somebody posts a challenge, and there is time enough to answer it.
    pub fn post(&mut self, by: ActorId, target: ActorId, demand: Demand, attachment: Attachment) {
        let challenge = Challenge { challenger: by, number: 900, terms: Terms::default(), target, demand };
        let deployment = self.setup.trust.deployment;
        let challenge = match by {
            ActorId::Client(id) => {
                let index = (0..4).find(|index| client(*index) == id).unwrap();
                Signed::sign(challenge, deployment, &client_key(index))
            }
            server => Signed::sign(challenge, deployment, &signer_of(server)),
        };
        let posting = Posting { challenge: challenge.to_unverified(), attachment };
        self.turn(witness(0), vec![Input::Message(by, Message::Posted(Box::new(posting)))]);
        self.run_for(60);
    }

    /// What is open on the board by what its witness told, by number.
    pub fn open(&self) -> BTreeMap<u64, (ActorId, &'static str)> {
        let (mut open, mut meant) = (BTreeMap::new(), BTreeMap::new());
        for notice in self.told(witness(0)) {
            match notice {
                Notice::Obliged { id, target, demand, .. } => {
                    let before = meant.insert(*id, (*target, *demand));
                    assert!(
                        before.is_none_or(|before| before == (*target, *demand)),
                        "{id} means two things"
                    );
                    open.insert(*id, (*target, *demand));
                }
                Notice::Discharged { id, .. } => {
                    open.remove(id);
                }
                _ => {}
            }
        }
        open
    }

    /// Who was ever suspected, of what.
    pub fn suspected(&self) -> Vec<(ActorId, &'static str)> {
        let of = |notice: &Notice| match notice {
            Notice::Suspected { target, demand, .. } => Some((*target, *demand)),
            _ => None,
        };
        self.told(witness(0)).iter().filter_map(of).collect()
    }
}

trait ExtractFrom {
    fn extract_if_from(&mut self, me: ActorId) -> Vec<(ActorId, Input)>;
}

impl ExtractFrom for VecDeque<(ActorId, Input)> {
    fn extract_if_from(&mut self, me: ActorId) -> Vec<(ActorId, Input)> {
        let from_me = |input: &Input| matches!(input, Input::Message(from, _) if *from == me);
        let (mine, rest) = std::mem::take(self).into_iter().partition(|(_, input)| from_me(input));
        let mine: VecDeque<_> = mine;
        *self = rest;
        mine.into()
    }
}

//! The whole pipeline as it runs in production: real TCP, real files, one runtime; then again from the same files.
//!
//! 1 handler, 2 incoming actors, the sequencer, 2 mailbox actors and 4 clients on 127.0.0.1. The test waits for
//! notices, never for time; a bound on time ends it if something is lost.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use server::{
    actor::{
        Actor, Draft, Notice, RecoverError, Recovered, Setup, Step, Timing, client::Client, handler::Handler,
        incoming::Incoming, mailbox::Mailbox, sequencer::Sequencer,
    },
    node::{Door, Identity, Node, Observer},
    port::{
        Ports, Time,
        file::FileStorage,
        tokio::{RealWork, SystemClock, Tcp, TokioTasks},
    },
    protocol::{
        crypto::{Ed25519Signer, Keyring, PublicKey},
        digest::Digest,
        id::{ActorId, ClientId, Count, SequenceId},
        statement::Terms,
    },
};
use support::{HANDLER, SEQUENCER, client, client_key, draught, incoming, mailbox, signer_of, trust};
use tokio::sync::mpsc;

const CLIENTS: usize = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// Hands every notice to the test.
struct Collector(ActorId, mpsc::UnboundedSender<(ActorId, Notice)>);

impl Observer for Collector {
    fn promised(&mut self, _: Time, _: &Draft, _: Digest) {}

    fn notice(&mut self, _: Time, notice: Notice) {
        // the test may have seen enough
        let _ = self.1.send((self.0, notice));
    }

    fn stepped(&mut self, _: Time, _: &Step) {}
}

fn actors() -> Vec<ActorId> {
    let servers = [HANDLER, SEQUENCER, incoming(0), incoming(1), mailbox(0), mailbox(1)];
    servers.into_iter().chain((0..CLIENTS).map(|index| ActorId::Client(client(index)))).collect()
}

/// Free ports: bound once, all at the same time, and let go.
fn addresses() -> Arc<BTreeMap<ActorId, SocketAddr>> {
    let bound: Vec<_> =
        actors().into_iter().map(|actor| (actor, TcpListener::bind("127.0.0.1:0").unwrap())).collect();
    Arc::new(bound.into_iter().map(|(actor, listener)| (actor, listener.local_addr().unwrap())).collect())
}

/// One life of the deployment.
struct Life {
    runtime: tokio::runtime::Runtime,
    doors: BTreeMap<ActorId, Door>,
    notices: mpsc::UnboundedReceiver<(ActorId, Notice)>,
}

impl Life {
    fn start(files: &Path, addresses: &Arc<BTreeMap<ActorId, SocketAddr>>) -> Life {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (sender, notices) = mpsc::unbounded_channel();
        let setup = Setup { trust: trust(2, 2), timing: Timing::of_epoch(5_000_000) };
        let mut doors = BTreeMap::new();
        for me in actors() {
            let node = Node::default();
            doors.insert(me, node.door());
            let file = files.join(me.to_string().replace(['/', ':'], "-"));
            let (addresses, setup, observer) =
                (addresses.clone(), setup.clone(), Collector(me, sender.clone()));
            let _guard = runtime.enter();
            let ports = Ports {
                network: Tcp { listen: addresses[&me], addresses },
                clock: SystemClock::default(),
                storage: FileStorage::of_actor(&file),
                work: RealWork,
                spawn: TokioTasks,
            };
            runtime.spawn(async move {
                let deployment = setup.trust.deployment;
                let identity = |signer: Ed25519Signer| Identity {
                    actors: vec![me],
                    deployment,
                    keys: Keyring::of(Box::new(signer)),
                    terms: Terms::default(),
                    has_stored: FileStorage::has_stored(&file),
                };
                let server = identity(signer_of(me));
                let ended = match me {
                    ActorId::Client(id) => {
                        let key = (0..CLIENTS).find(|index| client(*index) == id).map(client_key).unwrap();
                        let build = move |r| Client::recover(id, Digest::of(&[id.bytes()]), 0, setup, r);
                        node.run(identity(key), ports, observer, build).await
                    }
                    HANDLER => node.run(server, ports, observer, |_| Ok(Handler::new(0, setup))).await,
                    SEQUENCER => node.run(server, ports, observer, |r| Sequencer::recover(setup, r)).await,
                    other if other == incoming(0) || other == incoming(1) => {
                        let index = u32::from(other == incoming(1));
                        node.run(server, ports, observer, |r: Recovered| incoming_actor(index, setup, r))
                            .await
                    }
                    other => {
                        let index = u32::from(other == mailbox(1));
                        node.run(server, ports, observer, |r| Mailbox::recover(index, setup, r)).await
                    }
                };
                panic!("{me} stopped: {ended:?}");
            });
        }
        Life { runtime, doors, notices }
    }

    fn submit(&self, from: usize, tokens: std::ops::Range<u64>) {
        let recipients: Vec<ClientId> = (0..CLIENTS).map(client).collect();
        for token in tokens {
            let draught = draught(token, &[from as u8, token as u8], &recipients);
            assert!(self.doors[&ActorId::Client(client(from))].send(draught));
        }
    }

    /// Collects notices until these tokens are taken over and all that ever was is delivered to everybody.
    fn wait(&mut self, told: &mut Told, tokens: std::ops::Range<u64>) {
        let Life { runtime, notices, .. } = self;
        let all = async {
            while !told.is_complete(tokens.clone()) {
                let (who, notice) = notices.recv().await.unwrap();
                told.take(who, notice);
            }
        };
        let ended = runtime.block_on(async { tokio::time::timeout(LIMIT, all).await });
        assert!(ended.is_ok(), "{:?}", told.delivered.values().map(BTreeMap::len).collect::<Vec<_>>());
    }
}

fn incoming_actor(index: u32, setup: Setup, recovered: Recovered) -> Result<impl Actor, RecoverError> {
    Incoming::recover(index, setup, recovered)
}

/// What applications were told over all lives.
#[derive(Default)]
struct Told {
    /// What clients have taken over, durably: token by number.
    submitted: BTreeMap<ClientId, BTreeMap<u64, u64>>,
    delivered: BTreeMap<ClientId, BTreeMap<Count, (SequenceId, ClientId, u64)>>,
}

impl Told {
    fn submitted(&self) -> usize {
        self.submitted.values().map(BTreeMap::len).sum()
    }

    fn is_complete(&self, tokens: std::ops::Range<u64>) -> bool {
        let taken = |from| {
            tokens
                .clone()
                .all(|token| self.submitted.get(&from).is_some_and(|own| own.values().any(|t| *t == token)))
        };
        (0..CLIENTS).map(client).all(taken)
            && self.delivered.len() == CLIENTS
            && self.delivered.values().all(|own| own.len() == self.submitted())
    }

    fn take(&mut self, who: ActorId, notice: Notice) {
        match (who, notice) {
            (ActorId::Client(id), Notice::Submitted { token, number, .. }) => {
                let before = self.submitted.entry(id).or_default().insert(number.0, token);
                assert!(before.is_none_or(|before| before == token), "a number is given once");
            }
            (ActorId::Client(id), Notice::Delivered { count, entry, sender, number, .. }) => {
                let delivery = (entry.sequence, sender, number.0);
                let before = self.delivered.entry(id).or_default().insert(count, delivery);
                assert!(before.is_none_or(|before| before == delivery), "told again, and otherwise");
            }
            (
                _,
                notice @ (Notice::Caught(_)
                | Notice::Suspicious { .. }
                | Notice::Unusable { .. }
                | Notice::Dropped { .. }),
            ) => {
                panic!("{who}: {notice:?}");
            }
            _ => {}
        }
    }

    /// One order for all, counts without gaps, every sender's bundles in its order and once.
    fn check(&self) {
        let each = self.submitted();
        let orders: Vec<Vec<_>> =
            self.delivered.values().map(|own| own.values().copied().collect()).collect();
        assert_eq!(orders.len(), CLIENTS);
        for (own, order) in self.delivered.values().zip(&orders) {
            assert!(own.keys().map(|count| count.0).eq(1..=each as u64));
            assert!(order.is_sorted_by(|a, b| a.0 < b.0) && *order == orders[0]);
        }
        let mut next: BTreeMap<PublicKey, u64> = BTreeMap::new();
        for (_, sender, number) in &orders[0] {
            let expected = next.entry(sender.0).or_default();
            assert_eq!(number, expected);
            *expected += 1;
        }
    }
}

#[test]
fn all_bundles_reach_all_recipients_in_one_order_over_two_lives() {
    let files = tempfile::tempdir().unwrap();
    let addresses = addresses();
    let mut told = Told::default();
    let mut life = Life::start(files.path(), &addresses);
    (0..CLIENTS).for_each(|from| life.submit(from, 0..25));
    life.wait(&mut told, 0..25);
    told.check();
    assert_eq!(told.submitted(), CLIENTS * 25);
    // what is under way when everything stops is not lost either, if its client had made it durable
    (0..CLIENTS).for_each(|from| life.submit(from, 25..30));
    drop(life.runtime);
    while let Ok((who, notice)) = life.notices.try_recv() {
        told.take(who, notice);
    }
    let mut life = Life::start(files.path(), &addresses);
    (0..CLIENTS).for_each(|from| life.submit(from, 30..40));
    life.wait(&mut told, 30..40);
    told.check();
    assert!(told.submitted() >= CLIENTS * 35);
}

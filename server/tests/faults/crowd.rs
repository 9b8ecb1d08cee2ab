//! Clients that send to each other, and check what they are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::Path,
    time::Duration,
};

use futures_util::future::{Either, select, select_all};
use server::{
    actor::Notice,
    client::{Client, Options},
    protocol::id::{ClientId, Count, SequenceId},
};

/// How many there are.
pub const CLIENTS: usize = 4;
/// Ends a wait for something that does not come.
const LIMIT: Duration = Duration::from_secs(120);

/// What one client's application was told.
#[derive(Default)]
struct Told {
    submitted: BTreeMap<u64, u64>,
    receipted: BTreeSet<u64>,
    delivered: BTreeMap<Count, (SequenceId, ClientId, u64)>,
}

impl Told {
    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Submitted { token, number, .. } => {
                assert!(self.submitted.insert(number.0, token).is_none());
            }
            Notice::Receipted { number, .. } => {
                assert!(self.receipted.insert(number.0), "bundle {number} has two receipts");
            }
            Notice::Delivered { count, entry, sender, number, .. } => {
                let before = self.delivered.insert(count, (entry.sequence, sender, number.0));
                assert!(before.is_none(), "delivery {count} came twice");
            }
            Notice::Caught(evidence) => panic!("{} is exposed: {}", evidence.accused(), evidence.predicate()),
            Notice::Suspicious { from, why } => panic!("{from}: {why}"),
            Notice::Dropped { why, .. } => panic!("{why}"),
            Notice::Overloaded { .. } => panic!("more is under way than a client may have"),
            _ => {}
        }
    }
}

/// The clients.
pub struct Crowd {
    clients: Vec<Client>,
    told: Vec<Told>,
    everybody: Vec<ClientId>,
    /// How many bundles each has sent.
    sent: usize,
    payload: usize,
}

impl Crowd {
    /// Clients of a server, with payloads of so many bytes.
    pub async fn start(directory: &Path, port: u16, payload: usize) -> Crowd {
        let mut clients = Vec::new();
        for index in 0..CLIENTS {
            let directory = directory.join(format!("client-{index}"));
            let server = format!("http://127.0.0.1:{port}").parse().unwrap();
            clients.push(Client::start(Options { server, directory, tls: None }).await.unwrap());
        }
        let everybody = clients.iter().map(|client| client.id).collect();
        Crowd {
            told: clients.iter().map(|_| Told::default()).collect(),
            clients,
            everybody,
            sent: 0,
            payload,
        }
    }

    /// Every client sends to all, so many bundles.
    pub fn send(&mut self, bundles: usize) {
        for client in &mut self.clients {
            for _ in 0..bundles {
                let to = self.everybody.iter().map(|id| (*id, b"key".to_vec())).collect();
                assert!(client.send(vec![b'p'; self.payload], to).is_ok());
            }
        }
        self.sent += bundles;
    }

    /// How many bundles each has sent.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// How many bundles have their receipts, over all clients.
    pub fn receipted(&self) -> usize {
        self.told.iter().map(|told| told.receipted.len()).sum()
    }

    /// How many of those are not among the first so many of their clients.
    pub fn receipted_after(&self, first: usize) -> usize {
        self.told.iter().map(|told| told.receipted.range(first as u64..).count()).sum()
    }

    /// Waits until no client has more than so many bundles without receipt: what an application must do that sends much.
    pub async fn at_most(&mut self, bundles: usize) {
        let sent = self.sent;
        self.wait(|told| told.iter().all(|told| told.receipted.len() + bundles >= sent)).await;
    }

    /// Waits until so many bundles have their receipts, over all clients.
    pub async fn receipts(&mut self, wanted: usize) {
        self.wait(|told| told.iter().map(|told| told.receipted.len()).sum::<usize>() >= wanted).await;
    }

    /// Waits until everybody has everything.
    pub async fn all(&mut self) {
        let sent = self.sent;
        self.wait(|told| {
            told.iter().all(|told| told.receipted.len() == sent && told.delivered.len() == sent * CLIENTS)
        })
        .await;
    }

    async fn wait(&mut self, done: impl Fn(&[Told]) -> bool) {
        let waiting = async {
            while !done(&self.told) {
                self.take().await;
            }
        };
        let ended = tokio::time::timeout(LIMIT, waiting).await;
        let come: Vec<_> =
            self.told.iter().map(|told| (told.receipted.len(), told.delivered.len())).collect();
        assert!(ended.is_ok(), "receipts and deliveries: {come:?}");
    }

    /// Takes what comes until something else has happened.
    pub async fn until<T>(&mut self, event: impl Future<Output = T>) -> T {
        let mut event = std::pin::pin!(event);
        let waiting = async {
            loop {
                match select(event.as_mut(), std::pin::pin!(self.take())).await {
                    Either::Left((happened, _)) => return happened,
                    Either::Right(_) => {}
                }
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("it does not happen")
    }

    async fn take(&mut self) {
        let each = self.clients.iter_mut().map(|client| Box::pin(client.next()));
        let (notice, index, _) = select_all(each).await;
        self.told[index].take(notice.expect("the client runs on"));
    }

    /// One order for all; of each sender every bundle, in its order, once.
    pub fn check(&self) {
        let orders: Vec<Vec<_>> =
            self.told.iter().map(|told| told.delivered.values().copied().collect()).collect();
        for (told, order) in self.told.iter().zip(&orders) {
            assert!(told.delivered.keys().map(|count| count.0).eq(1..=(self.sent * CLIENTS) as u64));
            assert!(*order == orders[0] && order.is_sorted_by(|one, other| one.0 < other.0));
        }
        for sender in &self.everybody {
            let own = orders[0].iter().filter(|(_, of, _)| of == sender).map(|(_, _, number)| *number);
            assert!(own.eq(0..self.sent as u64));
        }
    }
}

/// Runs a test on a runtime of its own.
pub fn on_tokio(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
}

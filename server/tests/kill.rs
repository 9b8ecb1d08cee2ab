//! `kill -9` of the real server under load: nothing acknowledged is lost, nothing comes twice or out of order, and
//! nobody is exposed.
//!
//! The clients are client actors with stores of their own, so each also checks all that it is given. Every life of the server
//! ends at a moment that nobody chose: after a number of receipts that differs each time.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use server::{
    actor::Notice,
    client::{Client, Options},
    protocol::id::{ClientId, Count, SequenceId},
};

const CLIENTS: usize = 4;
const LIMIT: Duration = Duration::from_secs(120);

/// A process that is killed when it is dropped.
struct Server(Child);

impl Server {
    /// All actors in one process.
    fn start(architecture: &str, data: &Path, port: u16) -> Server {
        let listen = format!("127.0.0.1:{port}");
        let data = data.to_str().unwrap();
        let run = ["run", "--architecture", architecture, "--heartbeat-ms", "100"];
        Server::spawn(&[&run[..], &["--data", data, "--listen", &listen]].concat())
    }

    /// One actor of a cluster.
    fn start_actor(actor: &str, directory: &Path) -> Server {
        let (cluster, data) = (directory.join("cluster.toml"), directory.join("server"));
        let (cluster, data) = (cluster.to_str().unwrap(), data.to_str().unwrap());
        Server::spawn(&["actor", actor, "--cluster", cluster, "--data", data])
    }

    fn spawn(arguments: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on "), "the server started: {line:?}");
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What one client's application was told.
#[derive(Default)]
struct Told {
    submitted: BTreeMap<u64, u64>,
    receipted: usize,
    delivered: BTreeMap<Count, (SequenceId, ClientId, u64)>,
}

impl Told {
    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Submitted { token, number, .. } => {
                assert!(self.submitted.insert(number.0, token).is_none());
            }
            Notice::Receipted { .. } => self.receipted += 1,
            Notice::Delivered { count, entry, sender, number, .. } => {
                let before = self.delivered.insert(count, (entry.sequence, sender, number.0));
                assert!(before.is_none(), "delivery {count} came twice");
            }
            Notice::Caught(evidence) => panic!("{} is exposed: {}", evidence.accused(), evidence.predicate()),
            Notice::Suspicious { from, why } => panic!("{from}: {why}"),
            Notice::Dropped { why, .. } => panic!("{why}"),
            _ => {}
        }
    }
}

struct Crowd {
    clients: Vec<Client>,
    told: Vec<Told>,
    everybody: Vec<ClientId>,
}

impl Crowd {
    async fn start(directory: &Path, port: u16) -> Crowd {
        let mut clients = Vec::new();
        for index in 0..CLIENTS {
            let directory = directory.join(format!("client-{index}"));
            let server = format!("http://127.0.0.1:{port}").parse().unwrap();
            clients.push(Client::start(Options { server, directory, tls: None }).await.unwrap());
        }
        let everybody = clients.iter().map(|client| client.id).collect();
        Crowd { told: clients.iter().map(|_| Told::default()).collect(), clients, everybody }
    }

    /// Every client sends to all, so many bundles.
    fn send(&mut self, bundles: usize) {
        for client in &mut self.clients {
            for _ in 0..bundles {
                let to = self.everybody.iter().map(|id| (*id, b"key".to_vec())).collect();
                assert!(client.send(b"payload".to_vec(), to).is_some());
            }
        }
    }

    /// Waits until so many bundles have their receipts, over all clients.
    async fn receipts(&mut self, wanted: usize) {
        self.wait(|told| told.iter().map(|told| told.receipted).sum::<usize>() >= wanted).await;
    }

    /// Waits until everybody has everything.
    async fn all(&mut self, bundles: usize) {
        self.wait(|told| {
            told.iter().all(|told| told.receipted == bundles && told.delivered.len() == bundles * CLIENTS)
        })
        .await;
    }

    async fn wait(&mut self, done: impl Fn(&[Told]) -> bool) {
        let Crowd { clients, told, .. } = self;
        let waiting = async {
            while !done(told) {
                let each = clients.iter_mut().map(|client| Box::pin(client.next()));
                let (notice, index, _) = futures_util::future::select_all(each).await;
                told[index].take(notice.expect("the client runs on"));
            }
        };
        let ended = tokio::time::timeout(LIMIT, waiting).await;
        let come: Vec<_> = told.iter().map(|told| (told.receipted, told.delivered.len())).collect();
        assert!(ended.is_ok(), "receipts and deliveries: {come:?}");
    }

    /// One order for all; of each sender every bundle, in its order, once.
    fn check(&self, bundles: u64) {
        let orders: Vec<Vec<_>> =
            self.told.iter().map(|told| told.delivered.values().copied().collect()).collect();
        for (told, order) in self.told.iter().zip(&orders) {
            assert!(told.delivered.keys().map(|count| count.0).eq(1..=bundles * CLIENTS as u64));
            assert!(*order == orders[0] && order.is_sorted_by(|one, other| one.0 < other.0));
        }
        for sender in &self.everybody {
            let own = orders[0].iter().filter(|(_, of, _)| of == sender).map(|(_, _, number)| *number);
            assert!(own.eq(0..bundles));
        }
    }
}

/// So many lives of a server, each killed under load, and one more in which all is caught up.
fn survives(architecture: &str, lives: usize) {
    const EACH: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let port = free_port();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = Server::start(architecture, &data, port);
        let mut crowd = Crowd::start(directory.path(), port).await;
        let mut wanted = 0;
        for life in 0..lives {
            crowd.send(EACH);
            wanted += 1 + life * 37 % (EACH * CLIENTS - 1);
            crowd.receipts(wanted).await;
            drop(server);
            // what is ahead of schedule when it is killed is not waited for again
            wanted = wanted.max(crowd.told.iter().map(|told| told.receipted).sum());
            server = Server::start(architecture, &data, port);
        }
        crowd.all(lives * EACH).await;
        crowd.check((lives * EACH) as u64);
        drop(server);
    });
    let evidence = std::fs::read_dir(data.join("evidence")).unwrap().count();
    assert_eq!(evidence, 0, "nobody is exposed");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A cluster of seven processes, of which one after another is killed under load.
fn cluster_survives(lives: usize) {
    const EACH: usize = 20;
    const ACTORS: [&str; 7] =
        ["handler/0", "incoming/0", "sequencer", "mailbox/0", "witness/0", "incoming/1", "mailbox/1"];
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let init =
        Command::new(env!("CARGO_BIN_EXE_server")).args(["init", "--data"]).arg(&data).output().unwrap();
    assert!(init.status.success(), "{init:?}");
    let mut file = "epoch_ms = 5\nheartbeat_ms = 100\n".to_owned();
    let http = free_port();
    for actor in ACTORS {
        file += &format!("[actor.\"{actor}\"]\nlisten = \"127.0.0.1:{}\"\n", free_port());
        let port = if actor == "handler/0" { http } else { free_port() };
        file += &format!("http = \"127.0.0.1:{port}\"\n");
    }
    std::fs::write(directory.path().join("cluster.toml"), file).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut servers: Vec<_> =
            ACTORS.iter().map(|actor| Some(Server::start_actor(actor, directory.path()))).collect();
        let mut crowd = Crowd::start(directory.path(), http).await;
        for life in 0..lives {
            crowd.send(EACH);
            let had: usize = crowd.told.iter().map(|told| told.receipted).sum();
            crowd.receipts(had + 1 + life * 37 % EACH).await;
            let victim = life % ACTORS.len();
            drop(servers[victim].take());
            servers[victim] = Some(Server::start_actor(ACTORS[victim], directory.path()));
        }
        crowd.all(lives * EACH).await;
        crowd.check((lives * EACH) as u64);
    });
    assert_eq!(std::fs::read_dir(data.join("evidence")).unwrap().count(), 0, "nobody is exposed");
}

#[test]
fn a_cluster_survives_the_kill_of_each_role() {
    cluster_survives(kills().max(7));
}

/// How many times the server is killed in each test: `KILLS=50 cargo test --release -p server --test kill`.
fn kills() -> usize {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

#[test]
fn central_survives_kills() {
    survives("central", kills());
}

#[test]
fn multithreaded_survives_kills() {
    survives("multithreaded", kills());
}

#[test]
fn parallel_survives_kills() {
    survives("parallel", kills());
}

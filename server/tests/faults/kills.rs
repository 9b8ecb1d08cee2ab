//! `kill -9`: every life of the server ends at a moment that nobody chose: under load, a while after a number of receipts that
//! differs each time. Every third is followed by one that ends while it starts, or recovers.

use std::{path::Path, process::Command, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    crowd::{CLIENTS, Crowd, on_tokio},
    port::free_port,
    process::{Server, audited, nobody_is_exposed},
};

/// Bytes of a payload.
const PAYLOAD: usize = 7;

/// Bundles that a client may have without receipt before it sends more; it could have four times as many.
pub const BACKLOG_MAX: usize = 1000;

/// How long after a receipt a server is killed, at most.
const UNDER_LOAD: Duration = Duration::from_millis(50);
/// How long after its start, if nobody waits until it listens: about as long as it takes.
const AT_START: Duration = Duration::from_millis(30);

/// When servers are killed, drawn from a seed that is shown with a failure. `KILLS_SEED` draws the same pauses again; what a server
/// does in them is not the same.
pub struct Moments(ChaCha8Rng);

impl Moments {
    /// Of the seed that is given, or another each time.
    pub fn drawn() -> Moments {
        let given = std::env::var("KILLS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().unwrap());
        println!("KILLS_SEED={seed}");
        Moments(ChaCha8Rng::seed_from_u64(seed))
    }

    fn within(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.0.next_u64() % (most.as_micros() as u64 + 1))
    }

    /// The load goes on for a while, before a kill.
    pub async fn go_on(&mut self, crowd: &mut Crowd) {
        crowd.until(tokio::time::sleep(self.within(UNDER_LOAD))).await;
    }

    /// In every third life: starts this, and kills it before anybody knows that it listens.
    pub async fn cut_short(&mut self, life: usize, command: &mut Command, crowd: &mut Crowd) {
        if life % 3 == 2 {
            let server = Server::begin(command);
            crowd.until(tokio::time::sleep(self.within(AT_START))).await;
            drop(server);
        }
    }
}

/// How many times a test kills a server, of a cluster each actor: as often as `KILLS` says, or else so often.
/// `KILLS=50 cargo test --release -p server --test faults kills`.
pub fn kills(otherwise: usize) -> usize {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(otherwise)
}

/// So many lives of a server, each killed under load, and one more in which all is caught up.
fn survives(architecture: &str, lives: usize) {
    const EACH: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let port = free_port();
    let mut moments = Moments::drawn();
    on_tokio(async {
        let mut server = Server::start(architecture, &data, port);
        let mut crowd = Crowd::start(directory.path(), port, PAYLOAD).await;
        let mut wanted = 0;
        for life in 0..lives {
            crowd.at_most(BACKLOG_MAX).await;
            crowd.send(EACH);
            wanted += 1 + life * 37 % (EACH * CLIENTS - 1);
            crowd.receipts(wanted).await;
            crowd.send(EACH);
            moments.go_on(&mut crowd).await;
            drop(server);
            // what is ahead of schedule when it is killed is not waited for again
            wanted = wanted.max(crowd.receipted());
            let mut again = Server::command();
            again.args(Server::run(architecture, &data, port));
            moments.cut_short(life, &mut again, &mut crowd).await;
            server = Server::start(architecture, &data, port);
        }
        crowd.all().await;
        crowd.check();
        audited(&[port]).await;
        drop(server);
    });
    assert!(nobody_is_exposed(&data));
}

/// Makes keys, roster and cluster file of seven processes; the ports of their HTTP API.
fn make_cluster(directory: &Path, actors: &[&str]) -> Vec<u16> {
    let init = Server::command().args(["init", "--data"]).arg(directory.join("server")).output().unwrap();
    assert!(init.status.success(), "{init:?}");
    let mut file = "epoch_ms = 5\nheartbeat_ms = 100\n".to_owned();
    let ports: Vec<u16> = actors.iter().map(|_| free_port()).collect();
    for (actor, port) in actors.iter().zip(&ports) {
        file += &format!("[actor.\"{actor}\"]\nlisten = \"127.0.0.1:{}\"\n", free_port());
        file += &format!("http = \"127.0.0.1:{port}\"\n");
    }
    std::fs::write(directory.join("cluster.toml"), file).unwrap();
    ports
}

/// A cluster of seven processes, of which one after another is killed under load, each so many times.
fn cluster_survives(kills_of_each: usize) {
    const EACH: usize = 20;
    const ACTORS: [&str; 7] =
        ["handler/0", "incoming/0", "sequencer", "mailbox/0", "witness/0", "incoming/1", "mailbox/1"];
    let directory = tempfile::tempdir().unwrap();
    let start = |actor: &str| Server::spawn(&mut Server::actor(actor, directory.path()));
    let mut moments = Moments::drawn();
    let ports = make_cluster(directory.path(), &ACTORS);
    on_tokio(async {
        let mut servers: Vec<_> = ACTORS.iter().map(|actor| Some(start(actor))).collect();
        // clients speak to the handler
        let mut crowd = Crowd::start(directory.path(), ports[0], PAYLOAD).await;
        for life in 0..ACTORS.len() * kills_of_each {
            crowd.at_most(BACKLOG_MAX).await;
            crowd.send(EACH);
            crowd.receipts(crowd.receipted() + 1 + life * 37 % EACH).await;
            crowd.send(EACH);
            moments.go_on(&mut crowd).await;
            let victim = life % ACTORS.len();
            drop(servers[victim].take());
            let mut again = Server::actor(ACTORS[victim], directory.path());
            moments.cut_short(life, &mut again, &mut crowd).await;
            servers[victim] = Some(start(ACTORS[victim]));
        }
        crowd.all().await;
        crowd.check();
        audited(&ports).await;
    });
    assert!(nobody_is_exposed(&directory.path().join("server")));
}

#[test]
fn a_cluster_survives_the_kill_of_each_role() {
    cluster_survives(kills(1));
}

#[test]
fn central_survives_kills() {
    survives("central", kills(3));
}

#[test]
fn multithreaded_survives_kills() {
    survives("multithreaded", kills(3));
}

#[test]
fn parallel_survives_kills() {
    survives("parallel", kills(3));
}

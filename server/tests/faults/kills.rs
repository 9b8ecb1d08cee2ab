//! `kill -9`: every life of the server ends at a moment that nobody chose, after a number of receipts that differs each time.

use std::path::Path;

use super::{
    crowd::{CLIENTS, Crowd, on_tokio},
    port::free_port,
    process::{Server, audited, nobody_is_exposed},
};

/// Bytes of a payload.
const PAYLOAD: usize = 7;

/// Bundles that a client may have without receipt before it sends more; it could have four times as many.
const BACKLOG_MAX: usize = 1000;

/// So many lives of a server, each killed under load, and one more in which all is caught up.
fn survives(architecture: &str, lives: usize) {
    const EACH: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let port = free_port();
    on_tokio(async {
        let mut server = Server::start(architecture, &data, port);
        let mut crowd = Crowd::start(directory.path(), port, PAYLOAD).await;
        let mut wanted = 0;
        for life in 0..lives {
            crowd.at_most(BACKLOG_MAX).await;
            crowd.send(EACH);
            wanted += 1 + life * 37 % (EACH * CLIENTS - 1);
            crowd.receipts(wanted).await;
            drop(server);
            // what is ahead of schedule when it is killed is not waited for again
            wanted = wanted.max(crowd.receipted());
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

/// A cluster of seven processes, of which one after another is killed under load.
fn cluster_survives(lives: usize) {
    const EACH: usize = 20;
    const ACTORS: [&str; 7] =
        ["handler/0", "incoming/0", "sequencer", "mailbox/0", "witness/0", "incoming/1", "mailbox/1"];
    let directory = tempfile::tempdir().unwrap();
    let ports = make_cluster(directory.path(), &ACTORS);
    on_tokio(async {
        let mut servers: Vec<_> =
            ACTORS.iter().map(|actor| Some(Server::start_actor(actor, directory.path()))).collect();
        // clients speak to the handler
        let mut crowd = Crowd::start(directory.path(), ports[0], PAYLOAD).await;
        for life in 0..lives {
            crowd.at_most(BACKLOG_MAX).await;
            crowd.send(EACH);
            crowd.receipts(crowd.receipted() + 1 + life * 37 % EACH).await;
            let victim = life % ACTORS.len();
            drop(servers[victim].take());
            servers[victim] = Some(Server::start_actor(ACTORS[victim], directory.path()));
        }
        crowd.all().await;
        crowd.check();
        audited(&ports).await;
    });
    assert!(nobody_is_exposed(&directory.path().join("server")));
}

#[test]
fn a_cluster_survives_the_kill_of_each_role() {
    cluster_survives(kills().max(7));
}

/// How many times the server is killed in each test: `KILLS=50 cargo test --release -p server --test faults kills`.
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

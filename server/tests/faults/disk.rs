//! A disk that is slow, stalls, or has no room left.

use std::{path::Path, process::Command, time::Duration};

use server::architecture::Architecture;

use super::{
    crowd::{Crowd, on_tokio},
    port::free_port,
    process::{Server, audited, get, nobody_is_exposed},
    slow::{self, Disk},
};

/// How long a stall lasts: several syncs of the slowest.
const STALL: Duration = Duration::from_secs(3);

/// Syncs take 50 to 500 ms, then none ends for seconds, and then the server is killed while none does.
fn survives_a_slow_disk(architecture: Architecture) {
    const EACH: usize = 5;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let disk = Disk::at(&data.join("disk"));
    let port = free_port();
    on_tokio(async {
        let server = slow::start(architecture, &data, port);
        let mut crowd = Crowd::start(directory.path(), port, 7).await;
        crowd.send(EACH);
        crowd.all().await;

        stalls(&mut crowd, &disk, EACH).await;
        crowd.until(tokio::time::sleep(STALL)).await;
        assert_eq!(crowd.receipted_after(crowd.sent() - EACH), 0, "a receipt for what is not synced");
        // it runs, and says so, and why nobody gets an answer
        for path in ["/health", "/metrics", "/v1/cuts"] {
            assert!(get(port, path).starts_with("HTTP/1.1 200 "), "{path}");
        }
        let ready = get(port, "/ready");
        assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("waits for its disk"), "{ready}");
        disk.go_on();
        crowd.all().await;
        assert!(get(port, "/ready").starts_with("HTTP/1.1 200 "));

        stalls(&mut crowd, &disk, EACH).await;
        drop(server);
        disk.go_on();
        let _server = slow::start(architecture, &data, port);
        crowd.all().await;
        crowd.check();
        audited(&[port]).await;
    });
    assert!(nobody_is_exposed(&data));
}

/// Sends when the disk has stalled, under load.
async fn stalls(crowd: &mut Crowd, disk: &Disk, each: usize) {
    crowd.send(each);
    crowd.receipts(crowd.receipted() + 1).await;
    disk.stall();
    crowd.until(disk.stalled()).await;
    crowd.send(each);
}

#[test]
fn central_survives_a_disk_that_is_slow_and_stalls() {
    survives_a_slow_disk(Architecture::Central);
}

#[test]
fn multithreaded_survives_a_disk_that_is_slow_and_stalls() {
    survives_a_slow_disk(Architecture::Multithreaded);
}

#[test]
fn parallel_survives_a_disk_that_is_slow_and_stalls() {
    survives_a_slow_disk(Architecture::Parallel);
}

/// Starts a server that may write to no place in a file behind so many KiB: whatever would is told that there is no room.
fn start_with_room(kib: usize, architecture: &str, data: &Path, port: u16) -> Server {
    let mut command = Command::new("sh");
    // a signal that is ignored stays so in what the shell becomes, and then the write fails
    command.args(["-c", r#"trap '' XFSZ; ulimit -f "$0" || exit; exec "$@""#]);
    command.arg((2 * kib).to_string()).arg(Server::command().get_program());
    Server::spawn(command.args(Server::run(architecture, data, port)))
}

/// A server that cannot store stops: it must not sign. With room again it goes on.
fn survives_a_full_disk(architecture: &str) {
    const EACH: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let port = free_port();
    on_tokio(async {
        let server = Server::start(architecture, &data, port);
        let mut crowd = Crowd::start(directory.path(), port, 2_000).await;
        crowd.send(1);
        crowd.all().await;
        drop(server);
        let server = start_with_room(512, architecture, &data, port);
        let ended = tokio::task::spawn_blocking(|| server.ended());
        crowd.send(EACH);
        let status = crowd.until(ended).await.unwrap();
        assert_eq!(status.code(), Some(1), "it stops by itself");
        let _server = Server::start(architecture, &data, port);
        crowd.all().await;
        crowd.check();
        audited(&[port]).await;
    });
    assert!(nobody_is_exposed(&data));
}

#[test]
fn central_survives_a_full_disk() {
    survives_a_full_disk("central");
}

#[test]
fn multithreaded_survives_a_full_disk() {
    survives_a_full_disk("multithreaded");
}

#[test]
fn parallel_survives_a_full_disk() {
    survives_a_full_disk("parallel");
}

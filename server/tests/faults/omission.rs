//! A load at a given rate is not fooled by a server that stalls: what would have been sent meanwhile waited, too.

use std::{fs, path::Path, process::Stdio, time::Duration};

use server::architecture::Architecture;

use super::{
    crowd::on_tokio,
    port::free_port,
    process::{Server, get},
    slow::{self, Disk},
};

/// How long the disk stalls: half of the load.
const STALL: Duration = Duration::from_secs(2);
/// A wait in microseconds that takes a stall.
const LONG_US: u64 = 1_000_000;

/// How many requests with bundles a server has answered.
fn answered(port: u16) -> u64 {
    let metrics = get(port, "/metrics");
    let of = |line: &&str| line.starts_with("noise_requests_total{") && line.contains("\"/v1/bundles\"");
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    metrics.lines().filter(of).map(count).sum()
}

/// What a load came to, by the names of its columns.
fn column(csv: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(csv).unwrap();
    let [header, row] = [text.lines().next(), text.lines().next_back()].map(Option::unwrap);
    let at = header.split(',').position(|column| column == name).unwrap();
    row.split(',').nth(at).unwrap().parse().unwrap()
}

/// Loads a server for four seconds, in the middle of which its disk stalls.
async fn load(port: u16, disk: &Disk, csv: &Path, rate: &str) {
    let before = answered(port);
    let mut load = Server::command();
    load.args(["load", "--server", &format!("http://127.0.0.1:{port}"), "--seconds", "4"]);
    load.args(["--warm-up-ms", "0", "--signed-before", "1000", "--readers", "0", "--rate", rate]);
    let mut loading = load.arg("--csv").arg(csv).stdout(Stdio::null()).spawn().unwrap();
    while answered(port) < before + 20 {
        assert_eq!(loading.try_wait().unwrap(), None, "the load goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    disk.stall();
    disk.stalled().await;
    tokio::time::sleep(STALL).await;
    disk.go_on();
    let ended = tokio::task::spawn_blocking(move || loading.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_stall_is_charged_for_all_that_would_have_been_sent_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let (disk, port) = (Disk::at(&data.join("disk")), free_port());
    disk.hasten();
    on_tokio(async {
        let _server = slow::start(Architecture::Multithreaded, &data, port);
        let at_a_rate = directory.path().join("open.csv");
        load(port, &disk, &at_a_rate, "200").await;
        let p90 = column(&at_a_rate, "receipt_us_p90");
        assert!(p90 > LONG_US, "a quarter of what was due waited for longer: {p90} us");
    });
}

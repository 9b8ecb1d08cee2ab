//! A deployment in which nothing is signed serves a load that expects that, and nobody else; and it says what it is. What a
//! load counts and checks.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "serving/ask.rs"]
mod ask;
mod serving;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use ask::get;
use server::{
    architecture::Architecture,
    deployment::{Deployment, Plan},
    protocol::signing::Signing,
    service::{Service, Settings},
};
use serving::{command, refused};

fn plan() -> Plan {
    Plan::new(Architecture::Parallel, 2, 2, 1)
}

fn settings(signing: Signing, data: &Path) -> Settings {
    Settings { signing, ..Settings::new(plan(), data) }
}

const REFUSED: &str = "made for measuring";

/// Runs something against a server of this kind.
fn against(signing: Signing, test: impl FnOnce(SocketAddr, &Path)) {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let service = runtime.block_on(Service::start(settings(signing, directory.path()))).unwrap();
    test(service.address, directory.path());
}

#[test]
fn an_unsigned_deployment_serves_a_load_that_knows_it_and_nobody_else() {
    against(Signing::UnsignedForMeasuring, |address, data| {
        let url = format!("http://{address}");
        let load =
            ["load", "--server", &url, "--seconds", "1", "--connections", "2", "--signed-before", "100"];
        let knowing = command(&[&load[..], &["--unsigned-for-measuring"]].concat());
        assert!(knowing.status.success(), "{knowing:?}");
        refused(&load, REFUSED);
        let client = data.join("client");
        refused(&["client", "--dir", client.to_str().unwrap(), "--server", &url, "receive"], REFUSED);
        let (roster, evidence) = (data.join("roster.json"), data.join("evidence.json"));
        fs::write(&evidence, "{}").unwrap();
        let (roster, evidence) = (roster.to_str().unwrap(), evidence.to_str().unwrap());
        refused(&["verify", evidence, "--roster", roster], REFUSED);
        assert!(get(address, "/v1/deployment").contains(r#""unsigned_for_measuring":true"#));
        assert!(get(address, "/metrics").contains("\nnoise_unsigned_for_measuring 1\n"));
        assert_eq!(fs::read_dir(data.join("evidence")).unwrap().count(), 0, "nobody is exposed");
    });
}

#[test]
fn what_a_load_sends_before_it_measures_is_counted_and_not_measured() {
    against(Signing::Ed25519, |address, data| {
        let (url, csv) = (format!("http://{address}"), data.join("load.csv"));
        let told = |warm_up_ms: &str| {
            let little = ["load", "--server", &url, "--seconds", "1", "--rate", "200", "--readers", "2"];
            let said = ["--warm-up-ms", warm_up_ms, "--series", warm_up_ms, "--csv", csv.to_str().unwrap()];
            let load = command(&[&little[..], &said].concat());
            assert!(load.status.success(), "{load:?}");
            let text = fs::read_to_string(&csv).unwrap();
            let [header, row] = [text.lines().next(), text.lines().last()].map(Option::unwrap);
            ["requests", "requests_per_s", "series"].map(|column| {
                let at = header.split(',').position(|name| name == column).unwrap();
                row.split(',').nth(at).unwrap().parse::<f64>().unwrap()
            })
        };
        // three of four seconds are not measured
        let [requests, per_s, series] = told("3000");
        assert!(requests > 2.0 * per_s && per_s > 1.0, "{requests} in all, {per_s} measured");
        assert_eq!(series, 3000.0);
        let [requests, per_s, _] = told("0");
        assert!(requests < 1.5 * per_s, "{requests} in all, {per_s} measured");
    });
}

#[test]
fn all_recipients_of_a_load_are_shown_one_order() {
    against(Signing::Ed25519, |address, _| {
        let url = format!("http://{address}");
        let little =
            ["load", "--server", &url, "--seconds", "1", "--connections", "4", "--signed-before", "0"];
        // two mailbox actors deliver what two incoming actors took
        let load = command(&[&little[..], &["--readers", "6", "--recipients", "4"]].concat());
        assert!(load.status.success(), "{load:?}");
        let said = String::from_utf8_lossy(&load.stdout);
        assert!(said.contains(": 0 missing, 0 twice, 0 out of order;"), "{said}");
        assert!(!said.contains("too late to compare"), "{said}");
    });
}

#[test]
fn a_server_is_loaded_again_and_again_and_a_load_that_it_knows_already_says_so() {
    against(Signing::Ed25519, |address, _| {
        let url = format!("http://{address}");
        let little =
            ["load", "--server", &url, "--seconds", "1", "--connections", "2", "--signed-before", "0"];
        let loaded = |more: &[&str]| command(&[&little[..], more].concat());
        for _ in 0..2 {
            let again = loaded(&[]);
            assert!(again.status.success(), "{again:?}");
        }
        let of_a_series = ["--series", "7", "--patience-s", "2"];
        let first = loaded(&of_a_series);
        assert!(String::from_utf8_lossy(&first.stdout).contains("series 7"), "{first:?}");
        let second = loaded(&of_a_series);
        assert_eq!(second.status.code(), Some(2), "{second:?}");
        assert!(String::from_utf8_lossy(&second.stderr).contains("another load of series 7"), "{second:?}");
    });
}

#[test]
fn an_ordinary_deployment_does_not_say_so_and_refuses_a_load_that_signs_nothing() {
    against(Signing::Ed25519, |address, _| {
        let url = format!("http://{address}");
        refused(&["load", "--server", &url, "--unsigned-for-measuring"], "not made for measuring");
        for path in ["/v1/deployment", "/metrics"] {
            assert!(!get(address, path).contains("unsigned"), "{path}");
        }
    });
}

#[test]
fn a_directory_is_for_one_kind_of_deployment() {
    let unsigned = tempfile::tempdir().unwrap();
    Deployment::open(unsigned.path(), plan(), Signing::UnsignedForMeasuring).unwrap();
    let data = unsigned.path().to_str().unwrap();
    refused(&["run", "--data", data, "--listen", "127.0.0.1:0"], REFUSED);
    refused(&["init", "--data", data], REFUSED);
    let cluster = unsigned.path().join("cluster.toml");
    fs::write(&cluster, "epoch_ms = 5\nheartbeat_ms = 100\n[actor]\n").unwrap();
    refused(&["actor", "sequencer", "--cluster", cluster.to_str().unwrap(), "--data", data], REFUSED);

    let signed = tempfile::tempdir().unwrap();
    let data = signed.path().to_str().unwrap();
    assert!(command(&["init", "--data", data]).status.success());
    let run = ["run", "--data", data, "--listen", "127.0.0.1:0", "--unsigned-for-measuring"];
    refused(&run, "not made for measuring");
}

#[test]
fn a_server_that_signs_nothing_says_so_when_it_starts_and_speaks_for_no_device() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let run = ["run", "--unsigned-for-measuring", "--data", data];
    refused(&[&run[..], &["--json-api"]].concat(), "cannot be used with");
    let mut server = Command::new(env!("CARGO_BIN_EXE_server"));
    server
        .args([&run[..], &["--listen", "127.0.0.1:0"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let said = BufReader::new(server.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(said.starts_with("listening on "), "{said}");
    server.kill().unwrap();
    let log = String::from_utf8(server.wait_with_output().unwrap().stderr).unwrap();
    assert!(log.contains("UNSIGNED, FOR MEASURING"), "{log}");
}

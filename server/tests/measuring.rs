//! A deployment in which nothing is signed serves a load that expects that, and nobody else; and it says what it is.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Output},
};

use server::{
    actor::{Timing, handler::Custody},
    architecture::Architecture,
    deployment::{Deployment, Plan},
    http::Limits,
    protocol::signing::Signing,
    service::{Legacy, Service, Settings},
};

const PLAN: Plan = Plan { architecture: Architecture::Parallel, incoming: 2, mailboxes: 2, witnesses: 1 };
const REFUSED: &str = "made for measuring";

fn settings(signing: Signing, data: &Path) -> Settings {
    Settings {
        plan: PLAN,
        signing,
        data: data.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        timing: Timing::of_epoch(5_000_000),
        limits: Limits::default(),
        custody: Custody::default(),
        legacy: Legacy::Refused,
    }
}

fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_server")).args(arguments).output().unwrap()
}

/// It ends with this status, and says this.
fn ends(arguments: &[&str], status: i32, says: &str) {
    let output = command(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(status) && said.contains(says), "{arguments:?}: {output:?}");
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

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
        ends(&load, 2, REFUSED);
        let client = data.join("client");
        ends(&["client", "--dir", client.to_str().unwrap(), "--server", &url, "receive"], 2, REFUSED);
        let (roster, evidence) = (data.join("roster.json"), data.join("evidence.json"));
        fs::write(&evidence, "{}").unwrap();
        let (roster, evidence) = (roster.to_str().unwrap(), evidence.to_str().unwrap());
        ends(&["verify", evidence, "--roster", roster], 2, REFUSED);
        assert!(get(address, "/v1/deployment").contains(r#""unsigned_for_measuring":true"#));
        assert!(get(address, "/metrics").contains("\nnoise_unsigned_for_measuring 1\n"));
        assert_eq!(fs::read_dir(data.join("evidence")).unwrap().count(), 0, "nobody is exposed");
    });
}

#[test]
fn an_ordinary_deployment_does_not_say_so_and_refuses_a_load_that_signs_nothing() {
    against(Signing::Ed25519, |address, _| {
        let url = format!("http://{address}");
        ends(&["load", "--server", &url, "--unsigned-for-measuring"], 2, "not made for measuring");
        for path in ["/v1/deployment", "/metrics"] {
            assert!(!get(address, path).contains("unsigned"), "{path}");
        }
    });
}

#[test]
fn a_directory_is_for_one_kind_of_deployment() {
    let unsigned = tempfile::tempdir().unwrap();
    Deployment::open(unsigned.path(), PLAN, Signing::UnsignedForMeasuring).unwrap();
    let data = unsigned.path().to_str().unwrap();
    ends(&["run", "--data", data, "--listen", "127.0.0.1:0"], 2, REFUSED);
    ends(&["init", "--data", data], 2, REFUSED);
    let cluster = unsigned.path().join("cluster.toml");
    fs::write(&cluster, "epoch_ms = 5\nheartbeat_ms = 100\n[actor]\n").unwrap();
    ends(&["actor", "sequencer", "--cluster", cluster.to_str().unwrap(), "--data", data], 2, REFUSED);

    let signed = tempfile::tempdir().unwrap();
    let data = signed.path().to_str().unwrap();
    assert!(command(&["init", "--data", data]).status.success());
    let run = ["run", "--data", data, "--listen", "127.0.0.1:0", "--unsigned-for-measuring"];
    ends(&run, 2, "not made for measuring");
}

#[test]
fn a_server_that_signs_nothing_says_so_when_it_starts_and_speaks_for_no_device() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let run = ["run", "--unsigned-for-measuring", "--data", data];
    ends(&[&run[..], &["--json-api"]].concat(), 2, "cannot be used with");
    // the address is no one's here, so it ends when it has warned
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    ends(&[&run[..], &["--listen", &listen]].concat(), 2, "UNSIGNED, FOR MEASURING");
}

//! The HTTP API over real sockets: one suite for every architecture, and what bad input comes to.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it stands")]

mod agent;
mod bodies;
mod devices;
mod fuzz;
#[path = "../../examples/hello.rs"]
#[allow(dead_code, reason = "its main is for a program of its own")]
mod hello;
mod hostile;
mod legacy;
mod patience;
mod person;
#[path = "../serving/port.rs"]
mod port;
mod process;
mod suite;

use std::{collections::BTreeMap, future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use legacy::command;
use person::{HANDLER, Way};
use server::{
    actor::Notice,
    architecture::Architecture,
    client::{Client, Options, Scheme, Url},
    deployment::{Plan, keys},
    port::{
        Network, Spawn,
        tls::Tls,
        tokio::{Tcp, TokioTasks},
    },
    service::{Service, Settings},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Ends a test that waits for something that does not come.
const LIMIT: Duration = Duration::from_secs(60);

pub fn settings(architecture: Architecture, directory: &TempDir) -> Settings {
    Settings::new(Plan::new(architecture, 2, 2, 1), directory.path())
}

pub fn way(service: &Service) -> Way<Tcp, TokioTasks> {
    way_to(service.address)
}

/// The way to a server at this address.
pub fn way_to(address: SocketAddr) -> Way<Tcp, TokioTasks> {
    let addresses = Arc::new(BTreeMap::from([(HANDLER, address)]));
    Way { network: Tcp { listen: address, addresses }, spawn: TokioTasks }
}

/// Runs a test on a runtime of its own, within a bound of time.
pub fn on_tokio(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, test).await.expect("something does not come") });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

fn description() -> serde_json::Value {
    serde_json::from_str(include_str!("../../src/http/openapi.json")).unwrap()
}

/// Each status that a server has answered with since it started is described for that method of that route.
pub async fn statuses_are_described<N: Network, P: Spawn>(way: &Way<N, P>) {
    let (description, metrics) = (description(), way.get("/metrics").await);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let mut seen = 0;
    for line in metrics.lines().filter_map(|line| line.strip_prefix("noise_requests_total{")) {
        let label = |name: &str| line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        let (route, method, status) = (label("route"), label("method").to_lowercase(), label("status"));
        if route == "none" || line.ends_with(" 0") {
            continue;
        }
        let operations = &description["paths"][route];
        if status == "405" {
            assert!(
                operations.get(method.as_str()).is_none(),
                "{method} {route} is described, and not allowed"
            );
            continue;
        }
        // to a head is said what a read would be told
        let operation = &operations[if method == "head" { "get" } else { method.as_str() }];
        let described = operation["responses"].get(status).is_some();
        assert!(described, "{method} {route} answers {status}, which is not described");
        seen += 1;
    }
    assert!(seen > 0, "{metrics}");
}

fn every_client_is_served(architecture: Architecture) {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::start(settings(architecture, &directory)).await.unwrap();
        suite::all(&way(&service)).await;
        statuses_are_described(&way(&service)).await;
        assert!(std::fs::read_dir(directory.path().join("evidence")).unwrap().next().is_none());
        assert!(service.stop(5_000_000_000).await);
    });
}

#[test]
fn central_serves_every_client() {
    every_client_is_served(Architecture::Central);
}

#[test]
fn multithreaded_serves_every_client() {
    every_client_is_served(Architecture::Multithreaded);
}

#[test]
fn parallel_serves_every_client() {
    every_client_is_served(Architecture::Parallel);
}

#[test]
fn the_example_of_a_client_sends_and_receives() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::start(settings(Architecture::Parallel, &directory)).await.unwrap();
        let came = hello::hello(&service.url(), directory.path().join("hello")).await.unwrap();
        assert_eq!(came, "hello");
    });
}

/// A certificate for `localhost` and its key, in this directory, and a server there that has them.
fn over_tls(directory: &TempDir) -> (Settings, PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    keys::publish(&key, made.signing_key.serialize_pem().as_bytes(), 0o600).unwrap();
    let mut settings = settings(Architecture::Multithreaded, directory);
    settings.tls = Some(Tls::server(&certificate, &key).unwrap());
    (settings, certificate, key)
}

#[test]
fn over_tls_whoever_does_not_greet_to_the_end_is_cut_off() {
    /// A record of 512 bytes with a `ClientHello`, of which the length, the version and a part of what is random come.
    const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 what is random here";
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (mut settings, certificate, _) = over_tls(&directory);
        (settings.limits.head_ns, settings.limits.write_ns) = (1_000_000_000, 1_000_000_000);
        let service = Service::start(settings).await.unwrap();
        let mut slow = Vec::new();
        for said in [&b""[..], HALF_A_HELLO] {
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            stream.write_all(said).await.unwrap();
            slow.push(stream);
        }
        // another is served meanwhile
        let server: Url = format!("https://localhost:{}", service.address.port()).parse().unwrap();
        let tls = Some(Tls::client(&certificate).unwrap());
        let options = Options { server, directory: directory.path().join("ann"), tls };
        let mut ann = Client::start(options).await.unwrap();
        ann.send(b"over tls".to_vec(), vec![(ann.id, Vec::new())]).unwrap();
        while !matches!(ann.next().await.unwrap(), Notice::Delivered { .. }) {}
        for (number, stream) in slow.iter_mut().enumerate() {
            let mut heard = Vec::new();
            // that it is closed may be told as an error
            let closed = timeout(Duration::from_secs(5), stream.read_to_end(&mut heard)).await;
            assert!(closed.is_ok(), "connection {number} stays open");
        }
    });
}

#[test]
fn over_tls_a_client_sends_and_receives() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (settings, certificate, key) = over_tls(&directory);
        assert!(Tls::server(&key, &certificate).is_err(), "each file in its place");
        let service = Service::start(settings).await.unwrap();
        let server: Url = format!("https://localhost:{}", service.address.port()).parse().unwrap();
        let options =
            |server, name: &str, tls| Options { server, directory: directory.path().join(name), tls };
        let tls = Tls::client(&certificate).unwrap();
        let mut ann = Client::start(options(server.clone(), "ann", Some(tls))).await.unwrap();
        ann.send(b"over tls".to_vec(), vec![(ann.id, Vec::new())]).unwrap();
        loop {
            if let Notice::Delivered { content, .. } = ann.next().await.unwrap() {
                assert_eq!(content.unwrap().payload, b"over tls");
                break;
            }
        }
        // so does a load; whether it looks at deliveries it says
        let load = |readers: &str| {
            let url = server.to_string();
            let known = ["load", "--server", &url, "--ca", certificate.to_str().unwrap()];
            let little =
                ["--seconds", "1", "--connections", "1", "--signed-before", "20", "--readers", readers];
            let output = command(&[&known[..], &little].concat());
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(load("1").contains(": 0 missing, 0 twice, 0 out of order"));
        assert!(load("0").contains("deliveries are not checked"));
        // who believes another is not fooled, and who speaks in the clear is not heard
        let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, stranger.cert.pem()).unwrap();
        let other = Tls::client(&certificate).unwrap();
        assert!(Client::start(options(server.clone(), "bob", Some(other))).await.is_err());
        let clear = Url { scheme: Scheme::Http, ..server };
        let told = Client::start(options(clear, "cid", None)).await.err().unwrap().to_string();
        assert!(told.contains("if it serves TLS, write https://localhost:"), "{told}");
    });
}

#[test]
fn the_description_names_every_route_and_no_other() {
    let description = description();
    let mut described = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.push((method.to_uppercase(), path.clone()));
            assert!(operation["summary"].is_string() && operation["responses"].is_object(), "{path}");
            let named = operation["parameters"].as_array().into_iter().flatten();
            let in_path = named.filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{path}");
        }
    }
    let mut served: Vec<_> = server::http::paths()
        .into_iter()
        .map(|(method, path)| (method.to_string(), path.to_owned()))
        .collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
    references(&description, &description);
}

/// Every reference inside the description leads somewhere.
fn references(whole: &serde_json::Value, part: &serde_json::Value) {
    match part {
        serde_json::Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(|reference| reference.as_str()) {
                assert!(whole.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
            }
            fields.values().for_each(|field| references(whole, field));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| references(whole, item)),
        _ => {}
    }
}

//! Hostile peers over real sockets: each is refused or cut off, and the others are served on.

use std::time::Duration;

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::{
    actor::Notice,
    architecture::Architecture,
    client::{Client, Options, SendError},
    http::{Credentials, FRAMES, Limits, client::whole},
    protocol::{
        crypto::{Ed25519Signer, PublicKey},
        id::{BundleNumber, ClientId},
        message::Message,
    },
    service::Service,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{
    on_tokio,
    person::{Person, Way},
    process::Process,
    settings, statuses_are_described, way, way_to,
};

/// A server that loses patience soon: after a second.
pub async fn impatient(directory: &tempfile::TempDir) -> Service {
    let mut settings = settings(Architecture::Multithreaded, directory);
    settings.limits = Limits {
        connections: 64,
        body_bytes: 100_000,
        recipients: 3,
        client_rate: 10,
        readers: 4,
        head_ns: 1_000_000_000,
        body_ns: 1_000_000_000,
        write_ns: 1_000_000_000,
        heartbeat_ns: 50_000_000,
        ..settings.limits
    };
    Service::start(settings).await.unwrap()
}

/// Says this on a connection of its own; all that comes back until the connection is closed.
async fn told(service: &Service, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    // the server may have closed it already
    let _ = stream.write_all(said).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

pub async fn is_served<N: server::port::Network, P: server::port::Spawn>(way: &Way<N, P>) {
    assert_eq!(way.get("/health").await.status, StatusCode::OK);
}

#[test]
fn whoever_speaks_no_http_or_too_slowly_is_cut_off() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = impatient(&directory).await;
        let way = way(&service);
        for path in ["/health", "/nowhere"] {
            let asked = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = told(&service, asked.as_bytes()).await;
            assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
            assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
        }
        assert!(told(&service, b"\x16\x03\x01\x02\x00").await.starts_with("HTTP/1.1 400"), "no HTTP");
        // a head that does not end, nothing at all, and a body that does not end: the connection is closed
        assert_eq!(told(&service, b"GET /health HTTP/1.1\r\nHost: a\r\nX: ").await, "");
        assert_eq!(told(&service, b"").await, "");
        let slow = b"POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nabc";
        assert!(told(&service, slow).await.starts_with("HTTP/1.1 408"), "a body that does not end");
        let huge = b"POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999\r\n\r\n";
        assert!(told(&service, huge).await.starts_with("HTTP/1.1 413"), "a body that is too long");
        let mut chunked = b"POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..200 {
            chunked.extend(b"400\r\n");
            chunked.extend([0; 0x400]);
            chunked.extend(b"\r\n");
        }
        assert!(told(&service, &chunked).await.starts_with("HTTP/1.1 413"), "a body that turns out too long");
        let head = [b"GET /health HTTP/1.1\r\nHost: a\r\nX: ".to_vec(), vec![b'a'; 100_000]].concat();
        assert!(told(&service, &head).await.starts_with("HTTP/1.1 431"), "a head that is too long");
        // idle after a request
        let idle = told(&service, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
        is_served(&way).await;
        statuses_are_described(&way).await;
    });
}

#[test]
fn large_bodies_wait_for_each_other_and_small_ones_for_none() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        settings.limits =
            Limits { body_bytes: 200_000, bodies_bytes: 100_000, body_ns: 2_000_000_000, ..settings.limits };
        let service = Service::start(settings).await.unwrap();
        let (way, trust) = (way(&service), service.trust.clone());
        let begin = async |length: usize| {
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            let head = format!(
                "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Type: {FRAMES}\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream
        };
        // whoever only claims to send much keeps nobody waiting
        let _silent = begin(190_000).await;
        let mut slow = begin(90_000).await;
        slow.write_all(&[0; 80_000]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut other = begin(150_000).await;
        other.write_all(&[0; 150_000]).await.unwrap();
        let mut answer = [0; 12];
        let early = tokio::time::timeout(Duration::from_millis(300), other.read_exact(&mut answer)).await;
        assert!(early.is_err(), "there is room for one of them");
        let mut ann = Person::new("ann", &trust);
        let bundle = ann.bundle(&[ann.id], b"small");
        way.submit_until_receipted(&[bundle]).await;
        // larger than all the room it has all of it, once the other is gone
        drop(slow);
        other.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
        // and one of a kind that is not wanted there is not even decoded
        let answer = way.post("/v1/bundles", &[Message::Subscribe(1)]).await;
        assert!(answer.told().contains("may hold submissions only"), "{}", answer.told());
    });
}

/// What a server may take for each connection that is idle, in bytes of memory.
const IDLE_BYTES: u64 = 16 << 10;

/// As many descriptors as the system lets a process have.
fn descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(1 << 20);
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).unwrap();
    most
}

#[test]
fn ten_thousand_idle_connections_do_not_keep_others_out_for_long() {
    // other tests of this process need some, too
    let count = descriptors().saturating_sub(1000).min(10_000);
    assert!(count >= 2000, "the system gives too few descriptors to test this");
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        // with fewer descriptors there are fewer connections than the bound that is usual, which would not be met
        let bound = (Limits::default().connections as u64).min(count / 2);
        let most = bound.to_string();
        let options = ["--idle-ms", "5000", "--connections-max", &most];
        let (server, address) = Process::start(&directory.path().join("data"), &options, None);
        let way = way_to(address);
        let mut early = way.connect().await;
        assert!(early.ask(Method::GET, "/health", &[], Bytes::new()).await.unwrap().status.is_success());
        let before = server.memory_bytes();
        let mut idle = Vec::new();
        let mut metrics = early.ask(Method::GET, "/metrics", &[], Bytes::new()).await.unwrap();
        for number in 1..=count {
            idle.push(TcpStream::connect(address).await.unwrap());
            // who has a connection is served meanwhile
            if number % 500 == 0 {
                metrics = early.ask(Method::GET, "/metrics", &[], Bytes::new()).await.unwrap();
            }
        }
        let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
        let open = metrics.lines().find_map(|line| line.strip_prefix("noise_connections ")).unwrap();
        let open: u64 = open.parse().unwrap();
        assert!(open <= bound && open > bound / 4, "{open} are open of {bound}");
        let taken = server.memory_bytes().saturating_sub(before);
        assert!(taken <= open * IDLE_BYTES, "{taken} bytes for {open} connections");
        // each of them is closed, at once or after a while
        for stream in &mut idle {
            let mut nothing = [0; 1];
            assert!(matches!(stream.read(&mut nothing).await, Ok(0) | Err(_)));
        }
        is_served(&way).await;
        let taken = server.memory_bytes().saturating_sub(before);
        assert!(taken <= open * IDLE_BYTES, "{taken} bytes when they are gone");
    });
}

#[test]
fn what_is_too_much_is_refused_and_no_more() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = impatient(&directory).await;
        let (way, trust) = (way(&service), service.trust.clone());
        let mut ann = Person::new("ann", &trust);
        let people: Vec<_> = (0..4).map(|index| Person::new(&format!("friend {index}"), &trust).id).collect();
        let crowd = Person::new("bob", &trust).bundle(&people, b"to four");
        let answer = way.post("/v1/bundles", &[Message::Submit(crowd)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.told());
        // whoever forges ann's signature uses up nothing of hers
        let mut mallory = Person::new("mallory", &trust);
        mallory.id = ann.id;
        for _ in 0..12 {
            let forged = mallory.bundle(&people[..1], b"forged");
            let answer = way.post("/v1/bundles", &[Message::Submit(forged)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.told());
        }
        let bundles: Vec<_> = (0..11).map(|_| ann.bundle(&people[..1], b"many")).collect();
        let messages: Vec<_> = bundles.iter().cloned().map(Message::Submit).collect();
        let answer = way.post("/v1/bundles", &messages).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.told());
        assert_eq!(answer.headers["retry-after"], "1");
        // another client has a rate of its own
        let mut cid = Person::new("cid", &trust);
        let bundle = cid.bundle(&people[..1], b"one");
        way.submit_until_receipted(&[bundle]).await;
        let answer = way.post("/v1/bundles", &messages[..10]).await;
        assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS, "nothing of what was refused is counted");
        statuses_are_described(&way).await;
    });
}

#[test]
fn what_else_a_client_says_and_asks_is_bounded_too() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = impatient(&directory).await;
        let (way, trust) = (way(&service), service.trust.clone());
        let (mut ann, mut bob) = (Person::new("ann", &trust), Person::new("bob", &trust));
        for person in [&mut ann, &mut bob] {
            let bundle = person.bundle(&[person.id], b"to myself");
            way.submit_until_receipted(&[bundle]).await;
            way.receive(person, 1).await;
        }
        let acks: Vec<_> = (0..11).map(|_| ann.ack()).collect();
        let many = way.post("/v1/acks", &acks).await;
        assert_eq!(many.status, StatusCode::TOO_MANY_REQUESTS, "{}", many.told());
        assert_eq!(many.headers["retry-after"], "1");
        let mut connection = way.connect().await;
        for path in ["/v1/mailbox?wait_ms=1", "/v1/events"] {
            let request = (Method::GET, path);
            let read = connection.begin_signed(&ann.caller, request, &[], Bytes::new()).await.unwrap();
            assert_eq!(read.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
            whole(read).await.unwrap();
        }
        // that is ann's own, also where she writes another's name, and her bundles count apart
        let own = std::mem::replace(&mut ann.id, bob.id);
        for _ in 0..12 {
            assert_eq!(way.post("/v1/acks", &[ann.ack()]).await.status, StatusCode::FORBIDDEN);
        }
        ann.id = own;
        assert_eq!(way.post("/v1/acks", &[bob.ack()]).await.status, StatusCode::ACCEPTED);
        let bundle = ann.bundle(&[bob.id], b"still sent");
        way.submit_until_receipted(&[bundle]).await;
        statuses_are_described(&way).await;
    });
}

#[test]
fn a_client_that_acknowledges_too_much_does_so_again_later() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        settings.limits.client_rate = 5;
        let service = Service::start(settings).await.unwrap();
        let way = way(&service);
        let acks = async |status: &str| -> u64 {
            let metrics = String::from_utf8(way.get("/metrics").await.body.to_vec()).unwrap();
            let of = |line: &&str| {
                line.starts_with("noise_requests_total{")
                    && line.contains("\"/v1/acks\"")
                    && line.contains(&format!("\"{status}\""))
            };
            let line = metrics.lines().find(of);
            line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
        };
        let server = service.url().parse().unwrap();
        let options = Options { server, directory: directory.path().join("client"), tls: None };
        let mut client = Client::start(options).await.unwrap();
        while acks("429").await == 0 {
            client.send(b"to myself".to_vec(), vec![(client.id, Vec::new())]).unwrap();
            while !matches!(client.next().await.unwrap(), Notice::Delivered { .. }) {}
        }
        // nothing else comes that would be acknowledged
        let before = acks("202").await;
        while acks("202").await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_client_signs_nothing_that_its_server_does_not_take() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.limits.recipients = 2;
        let service = Service::start(settings).await.unwrap();
        let server = service.url().parse().unwrap();
        let options = Options { server, directory: directory.path().join("client"), tls: None };
        let mut client = Client::start(options).await.unwrap();
        let to = |count: u8| (0..count).map(|index| (ClientId(PublicKey([index; 32])), Vec::new())).collect();
        let refused = client.send(b"to three".to_vec(), to(3)).unwrap_err();
        assert_eq!(refused, SendError::Recipients { count: 3, bound: 2 });
        // it would never have a receipt, and neither would this
        client.send(b"to two".to_vec(), to(2)).unwrap();
        while !matches!(client.next().await.unwrap(), Notice::Receipted { number: BundleNumber(0), .. }) {}
    });
}

#[test]
fn there_are_no_more_readers_than_allowed() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = impatient(&directory).await;
        let (way, trust) = (way(&service), service.trust.clone());
        let ann = Person::new("ann", &trust);
        let mut streams = Vec::new();
        for index in 0..4 {
            let person = Person::new(&format!("reader {index}"), &trust);
            streams.push(way.events(&person, None).await);
        }
        // a stream on which nothing comes shows that it is alive, again and again
        for _ in 0..5 {
            while streams[0].next().await.unwrap().is_some() {}
        }
        let mut connection = way.connect().await;
        let more = connection
            .begin_signed(&ann.caller, (Method::GET, "/v1/events"), &[], Bytes::new())
            .await
            .unwrap();
        assert_eq!(more.status(), StatusCode::SERVICE_UNAVAILABLE, "no more than four streams");
        drop(streams);
        // who goes away is noticed by the next sign of life
        while service.watch.metrics.readers.get() != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        is_served(&way).await;
        statuses_are_described(&way).await;
    });
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    /// Together more than sockets hold; fewer than would cut off a reader that falls behind.
    const BUNDLES: usize = 200;
    const BYTES: usize = 90_000;
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        settings.limits.write_ns = 1_000_000_000;
        let service = Service::start(settings).await.unwrap();
        let (way, trust) = (way(&service), service.trust.clone());
        let (mut ann, bob) = (Person::new("ann", &trust), Person::new("bob", &trust));
        // the answer brings the nonce
        way.read(&bob, 1).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stalled = socket.connect(service.address).await.unwrap();
        let header = bob.caller.sign("GET", "/v1/events");
        let request = format!("GET /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: {header}\r\n\r\n");
        stalled.write_all(request.as_bytes()).await.unwrap();
        let open = || service.watch.metrics.readers.get();
        while open() != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut sent = 0;
        while open() == 1 {
            if sent < BUNDLES {
                let bundle = ann.bundle(&[bob.id], &[sent as u8; BYTES]);
                way.submit_until_receipted(&[bundle]).await;
                sent += 1;
            } else {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        // it held its socket all the while, and finds the end behind what was under way
        let mut taken = Vec::new();
        let _ = stalled.read_to_end(&mut taken).await;
        assert!(!taken.is_empty() && taken.len() < sent * BYTES, "{} bytes of {sent} bundles", taken.len());
        is_served(&way).await;
    });
}

#[test]
fn a_request_in_anothers_name_uses_up_no_counter_and_one_of_before_is_stale() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let start = || Service::start(settings(Architecture::Central, &directory));
        let service = start().await.unwrap();
        let (here, bob) = (way(&service), Person::new("bob", &service.trust));
        let path = "/v1/mailbox?wait_ms=1";
        let nonce = async |way: &Way<_, _>| -> [u8; 16] {
            let told = way.get(path).await.headers[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
            hex::decode(told.split('"').nth(1).unwrap()).unwrap().try_into().unwrap()
        };
        let ask = async |way: &Way<_, _>, header: &str| {
            let headers = [(AUTHORIZATION, header.to_owned())];
            way.connect().await.ask(Method::GET, path, &headers, Bytes::new()).await.unwrap().status
        };
        let mallory = Ed25519Signer::from_secret(&[9; 32]);
        let forged =
            Credentials::sign(&mallory, service.trust.deployment, nonce(&here).await, u64::MAX, "GET", path);
        let forged = Credentials { client: bob.id, ..forged }.header();
        assert_eq!(ask(&here, &forged).await, StatusCode::UNAUTHORIZED);
        // the first answer brings the nonce
        here.read(&bob, 1).await;
        let signed = bob.caller.sign("GET", path);
        assert!(ask(&here, &signed).await.is_success(), "bob's own counters count");
        assert_eq!(ask(&here, &signed).await, StatusCode::UNAUTHORIZED, "each once");
        let later = bob.caller.sign("GET", path);
        assert!(service.stop(1_000_000_000).await);
        let service = start().await.unwrap();
        let here = way(&service);
        is_served(&here).await;
        for of_before in [signed, later] {
            assert_eq!(ask(&here, &of_before).await, StatusCode::UNAUTHORIZED, "a new start, a new nonce");
        }
    });
}

#[test]
fn a_client_puts_no_more_into_a_request_than_its_server_takes() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.limits = Limits { messages: 4, client_rate: 6, body_bytes: 20_000, ..settings.limits };
        let service = Service::start(settings).await.unwrap();
        let server = service.url().parse().unwrap();
        let options = Options { server, directory: directory.path().join("client"), tls: None };
        let mut client = Client::start(options).await.unwrap();
        let to_myself = |client: &Client| vec![(client.id, Vec::new())];
        let refused = client.send(vec![1; 20_000], to_myself(&client)).unwrap_err();
        assert!(matches!(refused, SendError::Bytes { bound: 20_000, .. }), "{refused}");
        for _ in 0..12 {
            client.send(vec![1; 8_000], to_myself(&client)).unwrap();
        }
        while !matches!(client.next().await.unwrap(), Notice::Receipted { number: BundleNumber(11), .. }) {}
    });
}

#[test]
fn a_client_goes_on_when_its_server_has_closed_what_was_idle() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.limits.head_ns = 200_000_000;
        let service = Service::start(settings).await.unwrap();
        let way = way(&service);
        let server = service.url().parse().unwrap();
        let options = Options { server, directory: directory.path().join("client"), tls: None };
        let mut client = Client::start(options).await.unwrap();
        let streams = async || {
            let metrics = String::from_utf8(way.get("/metrics").await.body.to_vec()).unwrap();
            let opened =
                |line: &&str| line.starts_with("noise_requests_total{") && line.contains("\"/v1/events\"");
            let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            metrics.lines().filter(opened).map(count).sum::<u64>()
        };
        let mut before = None;
        for _ in 0..3 {
            client.send(b"to myself".to_vec(), vec![(client.id, Vec::new())]).unwrap();
            while !matches!(client.next().await.unwrap(), Notice::Delivered { .. }) {}
            assert_eq!(*before.get_or_insert(streams().await), streams().await, "its events went on");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

#[test]
fn a_client_does_not_wait_for_ever_for_a_server_that_says_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["client", "--patience-s", "1", "--dir"])
        .arg(directory.path().join("client"))
        .args(["--server", &format!("http://{}", listener.local_addr().unwrap()), "receive"])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(2));
    let told = String::from_utf8_lossy(&said.stderr);
    assert!(told.contains("it has said nothing for 1 s"), "{told}");
}

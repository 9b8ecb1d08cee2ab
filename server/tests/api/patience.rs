//! Peers that say too little, or take too little: how long a server bears with them, and what they keep from others.

use std::{net::SocketAddr, time::Duration};

use server::{architecture::Architecture, protocol::message::Message, service::Service};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{
    hostile::{impatient, is_served},
    on_tokio,
    person::{self, Person},
    settings, way,
};

/// An impatient server waits for a second, and this is long enough to find that it did.
const SOON: Duration = Duration::from_secs(3);

/// Says the beginning of a request, and then a byte now and then: what comes back until a 408 or the end, which is soon.
async fn dripped(address: SocketAddr, begun: &str) -> String {
    let (mut heard, mut said) = TcpStream::connect(address).await.unwrap().into_split();
    said.write_all(begun.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        while said.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = Vec::new();
    let over = async {
        let mut some = [0; 1024];
        while !answer.starts_with(b"HTTP/1.1 408") {
            match heard.read(&mut some).await {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(&some[..count]),
            }
        }
    };
    let ended = timeout(SOON, over).await;
    dripping.abort();
    assert!(ended.is_ok(), "it may go on for ever: {begun}");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn whoever_says_a_byte_now_and_then_is_cut_off_in_head_and_body() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = impatient(&directory).await;
        assert_eq!(dripped(service.address, "GET /health HTTP/1.1\r\nHost: a\r\nX: ").await, "");
        let head = "POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n";
        let answer = dripped(service.address, head).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        is_served(&way(&service)).await;
    });
}

/// A stream of events of which nothing is taken but that it is one.
async fn taking_nothing(address: SocketAddr, person: &Person) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let signed = person.caller.sign("GET", "/v1/events");
    let request = format!("GET /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: {signed}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

/// Bytes of events that were handed out, at least so many, when no more are.
async fn settled(service: &Service, least: u64) -> u64 {
    let mut before = 0;
    loop {
        sleep(Duration::from_millis(500)).await;
        let now = service.watch.metrics.event_bytes.get();
        if now >= least && now == before {
            return now;
        }
        before = now;
    }
}

/// The room is smaller than any of the deliveries: one of them takes all of it.
#[test]
fn large_deliveries_wait_for_those_that_nobody_takes_and_come_when_they_are_gone() {
    /// Together more than sockets hold.
    const BUNDLES: usize = 8;
    const BYTES: usize = 1 << 20;
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        settings.limits.answers_bytes = BYTES;
        let service = Service::start(settings).await.unwrap();
        let (way, trust) = (way(&service), service.trust.clone());
        let (mut ann, bob) = (Person::new("ann", &trust), Person::new("bob", &trust));
        // the answer brings the nonce
        way.read(&bob, 1).await;
        for number in 0..BUNDLES {
            let bundle = ann.bundle(&[bob.id], &vec![number as u8; BYTES]);
            way.submit_until_receipted(&[bundle]).await;
        }
        let mut streams = vec![taking_nothing(service.address, &bob).await];
        let one = settled(&service, BYTES as u64).await;
        for _ in 0..5 {
            streams.push(taking_nothing(service.address, &bob).await);
        }
        let more = settled(&service, one).await - one;
        assert!(more < BYTES as u64, "{more} bytes for the others, who take nothing either");
        // one that takes what comes has it as soon as the others are gone
        drop(streams);
        let mut events = way.events(&bob, None).await;
        while !matches!(person::next(&mut events).await.1, Message::Delivery(_)) {}
    });
}

//! Requests that nobody would make: good ones with bytes changed, cut out, put in and repeated, by a fixed seed.
//!
//! Whatever comes, the server answers with what HTTP has for it or closes the connection; nothing in it panics, and who
//! makes good requests is served meanwhile.

use std::{
    panic,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use server::{architecture::Architecture, http::Limits, protocol::message::Message, service::Service};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    on_tokio,
    person::{Person, body},
    settings, way,
};

const REQUESTS: usize = 6000;
/// The server's own patience ends before this.
const PATIENCE: Duration = Duration::from_secs(5);

static PANICS: AtomicU64 = AtomicU64::new(0);

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A good request for every route.
fn seeds(ann: &mut Person) -> Vec<Vec<u8>> {
    let own = [ann.id];
    let bundles: Vec<Message> = (0..3).map(|_| Message::Submit(ann.bundle(&own, b"hello"))).collect();
    let frames = "Content-Type: application/octet-stream\r\n";
    let device = "Authorization: Bearer a-device\r\nContent-Type: application/json\r\n";
    let mut seeds = vec![
        request("POST", "/v1/bundles", frames, &body(&bundles)),
        request("POST", "/v1/acks", frames, &body(&bundles[..1])),
        request("POST", "/v1/complaints", frames, &body(&bundles[..1])),
        request("POST", "/v1/placements", frames, &body(&bundles[..1])),
        request("POST", "/v1/postings", frames, &body(&bundles[..1])),
        request(
            "POST",
            "/message",
            device,
            br#"{"batch":[{"deviceId":"a-device","payload":{"text":"hello"}}]}"#,
        ),
        request("DELETE", "/self/messages", device, br#"{"seqID":1}"#),
        request("POST", "/self/otkeys", device, br#"{"one":"key","two":"key"}"#),
        request("GET", "/devices/otkey?device_id=a-device", device, b""),
        request("GET", "/self/messages", device, b""),
        request("GET", "/v1/mailbox?held=0&epoch=0&wait_ms=1", "Authorization: Noise 00\r\n", b""),
        request("GET", "/v1/events", "Authorization: Noise 00\r\nLast-Event-ID: 1\r\n", b""),
    ];
    let plain =
        ["/v1/deployment", "/v1/roster", "/v1/cuts?from=1", "/v1/seals/0?from=1", "/v1/attestations/0"];
    let others = ["/v1/agents/a-device", "/health", "/ready", "/metrics", "/openapi.json"];
    seeds.extend(plain.into_iter().chain(others).map(|path| request("GET", path, "", b"")));
    seeds
}

/// One to four changes of a request.
fn changed(seed: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.next_u32() % 4 {
        let mut below = |bound: usize| random.next_u32() as usize % bound.max(1);
        let at = below(bytes.len());
        match below(6) {
            0 if !bytes.is_empty() => bytes[at] = below(256) as u8,
            1 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..(at + below(40)).min(bytes.len()))),
            4 => {
                let piece: Vec<u8> = bytes[at..].iter().take(below(200)).copied().collect();
                let to = below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let odd =
                    [&b"\0"[..], b"\r\n", b"%", b"%00", b"{", b"99999999999999999999", b"-1", b"\xff\xfe"];
                bytes.splice(at..at, odd[below(odd.len())].iter().copied());
            }
        }
    }
    bytes
}

/// What comes back until the connection is closed.
async fn said(service: &Service, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let mut answer = Vec::new();
    // the server may close at any time
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// The status of an answer; none if there is no answer.
fn status(answer: &[u8]) -> Option<u16> {
    if answer.is_empty() {
        return None;
    }
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    Some(status.unwrap_or_else(|| panic!("no HTTP: {}", String::from_utf8_lossy(answer))))
}

#[test]
fn changed_requests_are_answered_or_cut_off_and_nothing_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // of the server's own: a test that fails says so itself
        if info.location().is_some_and(|location| !location.file().contains("tests")) {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
        before(info);
    }));
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        let second = 1_000_000_000;
        settings.limits = Limits { head_ns: second, body_ns: second, ..settings.limits };
        settings.plan.legacy = server::deployment::Legacy::Served;
        let service = Service::start(settings).await.unwrap();
        let (way, trust) = (way(&service), service.trust.clone());
        let seeds = seeds(&mut Person::new("ann", &trust));
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut refused, mut good, mut none) = (0, 0, 0);
        for index in 0..REQUESTS {
            let bytes = match index {
                whole if whole < seeds.len() => seeds[whole].clone(),
                _ => changed(&seeds[index % seeds.len()], &mut random),
            };
            let answer = timeout(PATIENCE, said(&service, &bytes)).await;
            let answer = answer.unwrap_or_else(|_| panic!("no end: {}", String::from_utf8_lossy(&bytes)));
            match status(&answer) {
                None => none += 1,
                Some(200..=299) => good += 1,
                Some(400..=499 | 503) => refused += 1,
                Some(other) => panic!("{other} to {}", String::from_utf8_lossy(&bytes)),
            }
        }
        // a server that sees the end of what is sent before it answers may cut off a good request, too: some 100 to 150 were left
        assert!(good > 50 && refused > 2000, "{good} good, {refused} refused, {none} cut off");
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "the server panicked");
        let mut bob = Person::new("bob", &trust);
        let bundle = bob.bundle(&[bob.id], b"still here");
        way.submit_until_receipted(&[bundle]).await;
        assert_eq!(way.receive(&mut bob, 1).await[0].1, b"still here");
        assert!(std::fs::read_dir(directory.path().join("evidence")).unwrap().next().is_none());
        assert!(service.stop(1_000_000_000).await);
    });
}

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
use server::{
    architecture::Architecture,
    http::Limits,
    port::tokio::{Tcp, TokioTasks},
    protocol::{
        board::{Attachment, Complained, Posting},
        challenge::{Challenge, Demand},
        codec::Encode,
        frame,
        id::{ActorId, Epoch},
        message::Message,
        statement::Terms,
    },
    service::Service,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    on_tokio,
    person::{Person, Way, body},
    settings, statuses_are_described, way,
};

const REQUESTS: usize = 6000;
/// The server's own patience ends before this.
const PATIENCE: Duration = Duration::from_secs(5);

static PANICS: AtomicU64 = AtomicU64::new(0);

/// What a request carries.
enum Carried {
    Frames(Vec<Message>),
    Bytes(&'static [u8]),
}

/// A request that is good once it is signed, if it must be.
struct Seed {
    method: &'static str,
    path: String,
    headers: &'static str,
    carried: Carried,
}

impl Seed {
    fn of(method: &'static str, path: &str, headers: &'static str, carried: Carried) -> Seed {
        Seed { method, path: path.to_owned(), headers, carried }
    }

    /// The request as it should be, signed now.
    fn whole(&self, ann: &Person) -> Vec<u8> {
        let body = match &self.carried {
            Carried::Frames(messages) => body(messages).to_vec(),
            Carried::Bytes(bytes) => bytes.to_vec(),
        };
        self.with(ann, &self.path, &body)
    }

    /// The same with another path and body: its length is right and it is signed, so it gets past what looks at these.
    fn with(&self, ann: &Person, path: &str, body: &[u8]) -> Vec<u8> {
        let Seed { method, headers, .. } = self;
        let signed = match self.is_signed() {
            true => format!("Authorization: {}\r\n", ann.caller.sign(method, path)),
            false => String::new(),
        };
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}{signed}Content-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    fn is_signed(&self) -> bool {
        ["/v1/placements", "/v1/mailbox", "/v1/events"].iter().any(|path| self.path.starts_with(path))
    }

    /// The request with what it says changed, and nothing of how that is carried.
    fn changed_inside(&self, ann: &Person, random: &mut ChaCha8Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        match &self.carried {
            Carried::Frames(messages) => {
                for message in messages {
                    frame::append_body(&mut bytes, &changed(&message.to_bytes(), random));
                }
            }
            Carried::Bytes(b"") => {
                let (path, query) = self.path.split_once('?').unwrap_or((&self.path, "a=b"));
                let mut query = changed(query.as_bytes(), random);
                query.retain(|byte| byte.is_ascii_graphic() && *byte != b'#');
                let query = String::from_utf8(query).unwrap();
                return self.with(ann, &format!("{path}?{query}"), &[]);
            }
            Carried::Bytes(whole) => bytes = changed(whole, random),
        }
        self.with(ann, &self.path, &bytes)
    }
}

/// A good request for every route, of what ann has sent and got.
async fn seeds(ann: &mut Person, way: &Way<Tcp, TokioTasks>) -> Vec<Seed> {
    let own = [ann.id];
    let bundles: Vec<_> = (0..3).map(|_| ann.bundle(&own, b"hello")).collect();
    let receipts = way.submit_until_receipted(&bundles).await;
    way.receive(ann, 3).await;
    let Message::Receipted(receipted) = receipts[0].clone() else { unreachable!("it waited for that") };
    let (complaint, evidence) = (ann.complaint().to_unverified(), Vec::new());
    let challenge = Challenge {
        challenger: ActorId::Client(ann.id),
        number: 0,
        terms: Terms::default(),
        target: ActorId::SEQUENCER,
        demand: Demand::Cut(Epoch(1)),
    };
    let challenge = ann.sign(challenge).to_unverified();
    let posting = Message::Posted(Box::new(Posting { challenge, attachment: Attachment::None }));
    let frames = "Content-Type: application/octet-stream\r\n";
    let framed =
        |path: &str, messages: Vec<Message>| Seed::of("POST", path, frames, Carried::Frames(messages));
    let device = "Authorization: Bearer a-device\r\nContent-Type: application/json\r\n";
    let json = |method, path: &str, body: &'static [u8]| Seed::of(method, path, device, Carried::Bytes(body));
    let get = |path: &str| Seed::of("GET", path, "", Carried::Bytes(b""));
    let mut seeds = vec![
        framed("/v1/bundles", bundles.into_iter().map(Message::Submit).collect()),
        framed("/v1/acks", vec![ann.ack()]),
        framed("/v1/complaints", vec![Message::Complained(Box::new(Complained { complaint, evidence }))]),
        framed("/v1/placements", vec![Message::Unplaced(receipted.clone())]),
        framed("/v1/postings", vec![posting, Message::Receipted(receipted)]),
        json("POST", "/message", br#"{"batch":[{"deviceId":"a-device","payload":{"text":"hello"}}]}"#),
        json("DELETE", "/self/messages", br#"{"seqID":1}"#),
        json("POST", "/self/otkeys", br#"{"one":"key","two":"key"}"#),
        json("GET", "/devices/otkey?device_id=a-device", b""),
        json("GET", "/self/messages", b""),
        json("GET", "/events", b""),
    ];
    let plain =
        ["/v1/deployment", "/v1/roster", "/v1/cuts?from=1", "/v1/seals/0?from=1", "/v1/attestations/0"];
    let others = ["/v1/agents/a-device", "/health", "/ready", "/metrics", "/openapi.json"];
    let signed = ["/v1/mailbox?held=0&epoch=0&wait_ms=1", "/v1/events?held=0&epoch=0&actor=handler/0"];
    seeds.extend(plain.into_iter().chain(others).chain(signed).map(get));
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

/// What comes back until the connection is closed. That no more is sent, the server hears at once.
async fn said(service: &Service, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let mut answer = Vec::new();
    // the server may close at any time
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// The answer to a request that is whole; of a stream of events the beginning.
async fn answered(service: &Service, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let mut answer = Vec::new();
    // the server may refuse it before it has it all
    let _ = stream.write_all(request).await;
    while !answer.windows(5).any(|text| text == b": ope") {
        if !matches!(stream.read_buf(&mut answer).await, Ok(1..)) {
            break;
        }
    }
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
        let mut settings = settings(Architecture::Parallel, &directory);
        let second = 1_000_000_000;
        settings.limits = Limits { head_ns: second, body_ns: second, ..settings.limits };
        settings.plan.legacy = server::deployment::Legacy::Served;
        let service = Service::start(settings).await.unwrap();
        let (way, trust) = (way(&service), service.trust.clone());
        let mut ann = Person::new("ann", &trust);
        let seeds = seeds(&mut ann, &way).await;
        assert_eq!(seeds.len(), server::http::paths().len(), "one for each route");
        for seed in &seeds {
            let answer = answered(&service, &seed.whole(&ann)).await;
            let whole = String::from_utf8_lossy(&answer);
            assert!(matches!(status(&answer), Some(200..=299)), "{} {}: {whole}", seed.method, seed.path);
        }
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut outside, mut inside) = (Outcomes::default(), Outcomes::default());
        for index in 0..REQUESTS {
            if index % 500 == 0 {
                // the nonce of the last minute is soon too old
                way.read(&ann, 1).await;
            }
            let seed = &seeds[index / 2 % seeds.len()];
            let (bytes, outcomes) = match index % 2 {
                0 => (changed(&seed.whole(&ann), &mut random), &mut outside),
                _ => (seed.changed_inside(&ann, &mut random), &mut inside),
            };
            let answer = match index % 2 {
                0 => timeout(PATIENCE, said(&service, &bytes)).await,
                _ => timeout(PATIENCE, answered(&service, &bytes)).await,
            };
            let answer = answer.unwrap_or_else(|_| panic!("no end: {}", String::from_utf8_lossy(&bytes)));
            outcomes.count(status(&answer), &bytes);
        }
        // a server that sees the end of what is sent before it answers may cut off a good request, too
        assert!(outside.good > 50 && outside.refused > 1000, "{outside:?}");
        assert!(inside.none == 0 && inside.good > 500 && inside.refused > 1000, "{inside:?}");
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "the server panicked");
        let mut bob = Person::new("bob", &trust);
        let bundle = bob.bundle(&[bob.id], b"still here");
        way.submit_until_receipted(&[bundle]).await;
        assert_eq!(way.receive(&mut bob, 1).await[0].1, b"still here");
        assert!(std::fs::read_dir(directory.path().join("evidence")).unwrap().next().is_none());
        statuses_are_described(&way).await;
        assert!(service.stop(1_000_000_000).await);
    });
}

/// What changed requests came to.
#[derive(Debug, Default)]
struct Outcomes {
    good: u32,
    refused: u32,
    none: u32,
}

impl Outcomes {
    fn count(&mut self, status: Option<u16>, request: &[u8]) {
        match status {
            None => self.none += 1,
            Some(200..=299) => self.good += 1,
            Some(400..=499 | 503) => self.refused += 1,
            Some(other) => panic!("{other} to {}", String::from_utf8_lossy(request)),
        }
    }
}

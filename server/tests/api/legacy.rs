//! The JSON API of the earlier server, as its clients use it.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Value, json};
use server::{
    architecture::Architecture,
    deployment::Legacy,
    http::{Limits, client::Answer},
    port::{Network, Spawn},
    protocol::{
        agency::{self, Agency},
        bundle::{Bundle, Content},
        crypto::{Ed25519Signer, Signer as _},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Epoch},
        judge::judge,
        predicate::{agent::Represented, equivocation::Equivocation},
        roster_file,
        statement::{Signed, Terms, Trust, Unverified},
    },
    service::Service,
};

use super::{
    on_tokio,
    person::{HANDLER, Person, Way},
    settings, statuses_are_described, way,
};

async fn ask<N: Network, P: Spawn>(
    way: &Way<N, P>,
    device: &str,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let headers =
        [(AUTHORIZATION, format!("Bearer {device}")), (CONTENT_TYPE, "application/json".to_owned())];
    let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    way.connect().await.ask(method, path, &headers, bytes).await.unwrap()
}

fn read(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.told());
    serde_json::from_slice(&answer.body).unwrap()
}

/// An open event stream of a device, and what has come of it that was not looked at.
struct Stream {
    body: hyper::body::Incoming,
    text: String,
}

impl Stream {
    async fn open<N: Network, P: Spawn>(way: &Way<N, P>, device: &str) -> Stream {
        let headers = [(AUTHORIZATION, format!("Bearer {device}"))];
        let mut connection = way.connect().await;
        let response = connection.begin(Method::GET, "/events", &headers, Bytes::new()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Stream { body: response.into_body(), text: String::new() }
    }

    /// The text until it holds this.
    async fn until(&mut self, wanted: &str) -> String {
        while !self.text.contains(wanted) {
            let frame = http_body_util::BodyExt::frame(&mut self.body).await.unwrap().unwrap();
            self.text += &String::from_utf8_lossy(&frame.into_data().unwrap());
        }
        let end = self.text.find(wanted).unwrap() + wanted.len();
        self.text.drain(..end).collect()
    }

    /// How many keys the device is asked for next.
    async fn needs(&mut self) -> u64 {
        self.until("event: otkey\ndata: ").await;
        let needs: Value = serde_json::from_str(&self.until("}").await).unwrap();
        needs["needs"].as_u64().unwrap()
    }
}

async fn events_until<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, wanted: &str) -> String {
    let mut stream = Stream::open(way, device).await;
    let text = stream.until(wanted).await;
    text + &stream.text
}

#[test]
fn clients_of_the_earlier_server_are_served() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        settings.plan.legacy = Legacy::Served;
        let service = Service::start(settings.clone()).await.unwrap();
        let here = way(&service);
        messages_go_from_device_to_device(&here).await;
        one_time_keys_are_handed_out_once(&here).await;
        a_device_is_asked_again_for_keys(&here).await;
        the_handler_answers_for_its_devices(&here, directory.path()).await;
        what_is_not_asked_well_is_refused(&here).await;
        statuses_are_described(&here).await;
        assert!(service.stop(1_000_000_000).await);
    });
}

async fn messages_go_from_device_to_device<N: Network, P: Spawn>(way: &Way<N, P>) {
    let batch = json!({ "batch": [
        { "deviceId": "bob+/=", "payload": { "type": 0, "body": "to bob" } },
        { "deviceId": "cid", "payload": "to cid" },
        { "deviceId": "bob+/=", "payload": "again" },
    ]});
    assert_eq!(read(&ask(way, "ann", Method::POST, "/message", batch).await), json!({}));
    let text = events_until(way, "bob+/=", "again").await;
    assert!(text.contains("event: msg\nid: 1\n") && text.contains("event: otkey\n"), "{text}");
    let messages = read(&ask(way, "bob+/=", Method::GET, "/self/messages", Value::Null).await);
    let expected = json!([
        { "sender": "ann", "encPayload": { "type": 0, "body": "to bob" }, "seqID": 1 },
        { "sender": "ann", "encPayload": "again", "seqID": 2 },
    ]);
    assert_eq!(messages, expected);
    assert_eq!(
        read(&ask(way, "bob+/=", Method::DELETE, "/self/messages", json!({ "seqID": 1 })).await),
        json!({})
    );
    let left = read(&ask(way, "bob+/=", Method::GET, "/self/messages", Value::Null).await);
    assert_eq!(left, json!([expected[1]]));
}

async fn one_time_keys_are_handed_out_once<N: Network, P: Spawn>(way: &Way<N, P>) {
    let keys = json!({ "a": "key a", "b": "key b" });
    assert_eq!(read(&ask(way, "d/e", Method::POST, "/self/otkeys", keys.clone()).await), keys);
    // the earlier client escapes the id twice
    let path = "/devices/otkey?device_id=d%252Fe";
    assert_eq!(read(&way.get(path).await), json!({ "otkey": "key a" }));
    assert_eq!(read(&way.get("/devices/otkey?device_id=d/e").await), json!({ "otkey": "key b" }));
    assert_eq!(way.get(path).await.status, StatusCode::NOT_FOUND);
    let text = events_until(way, "d/e", "event: otkey").await;
    assert!(text.contains(r#"{"deviceId":"d/e","needs":20}"#), "{text}");
}

async fn a_device_is_asked_again_for_keys<N: Network, P: Spawn>(way: &Way<N, P>) {
    let mut stream = Stream::open(way, "eve").await;
    assert_eq!(stream.needs().await, 20);
    // too few: it is asked for the rest
    assert_eq!(bring(way, "eve", some_keys("few", 5, 1)).await.status, StatusCode::OK);
    assert_eq!(stream.needs().await, 15);
    // enough, and one of them taken before the stream looks again
    assert_eq!(bring(way, "eve", some_keys("more", 5, 1)).await.status, StatusCode::OK);
    assert_eq!(way.get("/devices/otkey?device_id=eve").await.status, StatusCode::OK);
    assert_eq!(stream.needs().await, 11);
    // once is enough until it has brought some
    assert_eq!(way.get("/devices/otkey?device_id=eve").await.status, StatusCode::OK);
    assert_eq!(read(&say(way, "eve", &["eve"], "to myself").await), json!({}));
    let meanwhile = stream.until("to myself").await;
    assert!(!meanwhile.contains("otkey"), "{meanwhile}");
}

/// What the agent's client of a device is exposed for the handler is, whoever judges: by the roster that clients get, and its word.
async fn the_handler_answers_for_its_devices<N: Network, P: Spawn>(way: &Way<N, P>, data: &Path) {
    let roster = String::from_utf8(way.get("/v1/roster").await.body.to_vec()).unwrap();
    let trust = roster_file::from_json(&roster).unwrap();
    let told = String::from_utf8(way.get("/v1/agents/ann").await.body.to_vec()).unwrap();
    let agency = agency::from_json(&told, &trust).unwrap();
    // the handler is put up to it: with the agent's secret it signs two bundles of one number
    let secret = hex::decode(std::fs::read_to_string(data.join("agent/agent.key")).unwrap().trim()).unwrap();
    let key = Digest::of(&[b"noise/agent/device/1", &secret, b"ann"]).0;
    let key = Ed25519Signer::from_secret(&key);
    let bundle = |expiry| {
        let bundle = Bundle {
            client: ClientId(key.public()),
            number: BundleNumber(9),
            terms: Terms::default(),
            previous: Digest::ZERO,
            commitment: Content { payload: Vec::new(), envelopes: Vec::new() }.commitment(),
            expiry: Epoch(expiry),
            seen: None,
        };
        Signed::sign(bundle, trust.deployment, &key).cite()
    };
    let lie = Evidence::from(Equivocation { first: bundle(1), second: bundle(2) });
    assert_eq!(judge(&lie, &trust).exposed(), Some(ActorId::Client(ClientId(key.public()))));
    let blamed = |agency: Unverified<Agency>, trust: &Trust| {
        judge(&Represented { agency, evidence: Box::new(lie.clone()) }.into(), trust)
    };
    assert_eq!(blamed(agency.clone(), &trust).exposed(), Some(HANDLER));
    let bob = String::from_utf8(way.get("/v1/agents/bob").await.body.to_vec()).unwrap();
    let of_bob = blamed(agency::from_json(&bob, &trust).unwrap(), &trust);
    assert!(of_bob.to_string().contains("another client"), "{of_bob}");
    // whoever reads files gets the same
    let files = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name).to_str().unwrap().to_owned()
    };
    let [roster, evidence, agency] = [
        write("roster.json", &roster),
        write("evidence.json", &lie.to_json(trust.deployment)),
        write("agency.json", &told),
    ];
    let verified = command(&["verify", &evidence, "--roster", &roster, "--agency", &agency]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        verified.status.success() && said.contains("exposed: handler/0 signs for client"),
        "{verified:?}"
    );
    let altered = write("altered.json", &told.replace("\"ann\"", "\"eve\""));
    let verified = command(&["verify", &evidence, "--roster", &roster, "--agency", &altered]);
    assert_eq!(verified.status.code(), Some(2), "{verified:?}");
}

pub fn command(arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_server")).args(arguments).output().unwrap()
}

#[test]
fn who_was_made_without_an_agent_has_none() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        assert!(Service::start(settings.clone()).await.unwrap().stop(1_000_000_000).await);
        settings.plan.legacy = Legacy::Served;
        let refused = Service::start(settings).await.err().unwrap().to_string();
        assert!(refused.contains("signing for clients of the JSON API planned"), "{refused}");
    });
}

async fn what_is_not_asked_well_is_refused<N: Network, P: Spawn>(way: &Way<N, P>) {
    for (method, path, body) in [
        (Method::POST, "/message", json!({ "batch": [{ "deviceId": "", "payload": 1 }] })),
        (Method::POST, "/message", json!({ "batch": 1 })),
        (Method::POST, "/self/otkeys", json!([])),
        (Method::DELETE, "/self/messages", json!({ "seqID": -1 })),
        (Method::GET, "/devices/otkey", Value::Null),
    ] {
        let answer = ask(way, "ann", method, path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.told());
    }
    assert_eq!(way.get("/self/messages").await.status, StatusCode::BAD_REQUEST, "no device");
    let no_text = way.get("/v1/agents/%ff").await;
    assert_eq!(no_text.status, StatusCode::BAD_REQUEST);
    assert_eq!(no_text.headers[CONTENT_TYPE], "application/problem+json");
}

async fn say<N: Network, P: Spawn>(way: &Way<N, P>, from: &str, to: &[&str], text: &str) -> Answer {
    let batch: Vec<Value> = to.iter().map(|to| json!({ "deviceId": to, "payload": text })).collect();
    ask(way, from, Method::POST, "/message", json!({ "batch": batch })).await
}

async fn held<N: Network, P: Spawn>(way: &Way<N, P>, device: &str) -> Vec<Value> {
    let held = read(&ask(way, device, Method::GET, "/self/messages", Value::Null).await);
    held.as_array().unwrap().clone()
}

/// Waits until a device is kept so many messages.
async fn kept<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, count: usize) -> Vec<Value> {
    loop {
        match held(way, device).await {
            held if held.len() >= count => return held,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn delete<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, upto: u64) {
    let upto = json!({ "seqID": upto });
    assert_eq!(read(&ask(way, device, Method::DELETE, "/self/messages", upto).await), json!({}));
}

/// Reads and deletes, one by one, until a device has had so many messages; their numbers and texts.
async fn drain<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, count: usize) -> Vec<(u64, String)> {
    let mut had = Vec::new();
    while had.len() < count {
        let message = kept(way, device, 1).await.remove(0);
        let number = message["seqID"].as_u64().unwrap();
        had.push((number, message["encPayload"].as_str().unwrap().to_owned()));
        delete(way, device, number).await;
    }
    had
}

/// A mailroom that holds three of the messages of the test below, the third of which exceeds the bound.
const MAILROOM_BYTES: usize = 600;

fn text(number: u64) -> String {
    format!("{number:0>100}")
}

#[test]
fn a_full_mailroom_takes_no_more_and_loses_nothing() {
    const ALL: u64 = 12;
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(Architecture::Parallel, &directory);
    settings.plan.legacy = Legacy::Served;
    settings.limits.mailroom_bytes = MAILROOM_BYTES;
    on_tokio(async {
        let service = Service::start(settings.clone()).await.unwrap();
        let here = way(&service);
        for number in 1..=ALL {
            let said = say(&here, "ann", &["bob", "cid"], &text(number)).await;
            assert_eq!(read(&said), json!({}));
        }
        // bob deletes what he reads, so all of it has come his way, in order
        let expected: Vec<_> = (1..=ALL).map(|number| (number, text(number))).collect();
        assert_eq!(drain(&here, "bob", ALL as usize).await, expected);
        assert_eq!(kept(&here, "cid", 3).await.len(), 3);
        let said = say(&here, "cid", &["bob"], "full").await;
        assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(said.told().contains("full"), "{}", said.told());
        assert!(service.stop(1_000_000_000).await);
    });
    // the next life finds it full, and goes on where that one ended
    on_tokio(async {
        let service = Service::start(settings.clone()).await.unwrap();
        let here = way(&service);
        let first = held(&here, "cid").await;
        assert_eq!(
            first.iter().map(|message| message["seqID"].as_u64().unwrap()).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        let expected: Vec<_> = (1..=ALL).map(|number| (number, text(number))).collect();
        assert_eq!(drain(&here, "cid", ALL as usize).await, expected);
        let said = say(&here, "cid", &["cid"], "there is room").await;
        assert_eq!(read(&said), json!({}));
        kept(&here, "cid", 1).await;
        delete(&here, "cid", ALL + 1).await;
        assert!(service.stop(1_000_000_000).await);
    });
    // what was deleted does not come back
    on_tokio(async {
        let service = Service::start(settings.clone()).await.unwrap();
        let here = way(&service);
        for device in ["bob", "cid"] {
            assert_eq!(read(&say(&here, "ann", &[device], "at last").await), json!({}));
            let held = kept(&here, device, 1).await;
            assert_eq!(held.len(), 1, "{held:?}");
            assert_eq!(held[0]["encPayload"], "at last");
        }
        assert!(std::fs::read_dir(directory.path().join("evidence")).unwrap().next().is_none());
    });
}

/// So many keys of so many bytes each, with ids of their own.
fn some_keys(name: &str, count: usize, bytes: usize) -> Value {
    (0..count).map(|number| (format!("{name} {number}"), Value::from("k".repeat(bytes)))).collect()
}

async fn bring<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, keys: Value) -> Answer {
    ask(way, device, Method::POST, "/self/otkeys", keys).await
}

#[test]
fn one_time_keys_fill_no_more_than_a_device_has() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        settings.limits = Limits {
            client_rate: 20,
            devices: 2,
            mailroom_bytes: 4000,
            body_bytes: 10_000,
            ..settings.limits
        };
        let service = Service::start(settings).await.unwrap();
        let here = way(&service);
        // more bytes than keys may take, and more keys at once than a device may send
        assert_eq!(bring(&here, "ann", some_keys("long", 1, 2000)).await.status, StatusCode::BAD_REQUEST);
        let huge = bring(&here, "ann", some_keys("huge", 1, 10_000)).await;
        assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", huge.told());
        assert_eq!(read(&bring(&here, "ann", some_keys("short", 8, 50)).await).as_object().unwrap().len(), 8);
        let many = bring(&here, "ann", some_keys("many", 20, 1)).await;
        assert_eq!(many.status, StatusCode::TOO_MANY_REQUESTS, "{}", many.told());
        assert_eq!(many.headers["retry-after"], "1");
        // keys that were refused are not there
        for _ in 0..8 {
            let key = read(&here.get("/devices/otkey?device_id=ann").await);
            assert_eq!(key["otkey"].as_str().unwrap().len(), 50);
        }
        assert_eq!(here.get("/devices/otkey?device_id=ann").await.status, StatusCode::NOT_FOUND);
        // each id that brings keys is a device, and there are no more of them than are served
        assert_eq!(bring(&here, "bob", some_keys("b", 1, 1)).await.status, StatusCode::OK);
        let third = bring(&here, "cid", some_keys("c", 1, 1)).await;
        assert_eq!(third.status, StatusCode::SERVICE_UNAVAILABLE, "{}", third.told());
        assert_eq!(here.get("/devices/otkey?device_id=cid").await.status, StatusCode::NOT_FOUND);
        statuses_are_described(&here).await;
    });
}

#[test]
fn a_device_that_has_nothing_gives_its_place_to_another() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        settings.limits = Limits { devices: 3, device_idle_ns: 300_000_000, ..settings.limits };
        let service = Service::start(settings).await.unwrap();
        let here = way(&service);
        // ann has sent, bob has a message and a key, and a stream of cid's is open
        assert_eq!(read(&say(&here, "ann", &["bob"], "first").await), json!({}));
        kept(&here, "bob", 1).await;
        assert_eq!(bring(&here, "bob", some_keys("b", 1, 1)).await.status, StatusCode::OK);
        let stream = Stream::open(&here, "cid").await;
        let full = ask(&here, "dan", Method::GET, "/self/messages", Value::Null).await;
        assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE, "{}", full.told());
        let place = async |device: &str| {
            while ask(&here, device, Method::GET, "/self/messages", Value::Null).await.status
                != StatusCode::OK
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // in ann's place, and ann again in dan's: her bundles go on where they ended
        place("dan").await;
        place("ann").await;
        assert_eq!(read(&say(&here, "ann", &["bob", "cid"], "second").await), json!({}));
        let texts: Vec<_> =
            kept(&here, "bob", 2).await.iter().map(|held| held["encPayload"].clone()).collect();
        assert_eq!(texts, ["first", "second"]);
        // all that are left have something
        drop(stream);
        kept(&here, "cid", 1).await;
        let stream = Stream::open(&here, "ann").await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let full = ask(&here, "dan", Method::GET, "/self/messages", Value::Null).await;
        assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE, "{}", full.told());
        drop(stream);
        statuses_are_described(&here).await;
        assert!(std::fs::read_dir(directory.path().join("evidence")).unwrap().next().is_none());
    });
}

#[test]
fn event_streams_of_devices_count_as_all_do() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        settings.limits = Limits { readers: 2, heartbeat_ns: 50_000_000, ..settings.limits };
        let service = Service::start(settings).await.unwrap();
        let here = way(&service);
        let (open, events) = (&service.watch.metrics.readers, &service.watch.metrics.events);
        let mut streams = [Stream::open(&here, "ann").await, Stream::open(&here, "bob").await];
        assert_eq!(streams[1].needs().await, 20);
        // those of the agent's own clients are not counted
        let said = say(&here, "ann", &["bob"], "once").await;
        assert_eq!(read(&said), json!({}));
        streams[1].until("once").await;
        assert_eq!(streams[0].needs().await, 20);
        assert_eq!((open.get(), events.get()), (2, 3));
        let third = ask(&here, "cid", Method::GET, "/events", Value::Null).await;
        assert_eq!(third.status, StatusCode::SERVICE_UNAVAILABLE, "{}", third.told());
        let signed = Person::new("dan", &service.trust);
        let mut connection = here.connect().await;
        let fourth =
            connection.begin_signed(&signed.caller, (Method::GET, "/v1/events"), &[], Bytes::new()).await;
        assert_eq!(fourth.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(streams);
        // that they are gone is found out when something is to be written
        assert_eq!(read(&say(&here, "bob", &["ann", "bob"], "nobody reads this").await), json!({}));
        while open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Stream::open(&here, "cid").await;
        statuses_are_described(&here).await;
    });
}

#[test]
fn without_an_agent_there_is_no_such_api() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::start(settings(Architecture::Central, &directory)).await.unwrap();
        let answer = ask(&way(&service), "ann", Method::GET, "/self/messages", Value::Null).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    });
}

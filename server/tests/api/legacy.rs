//! The JSON API of the earlier server, as its clients use it.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use server::{
    architecture::Architecture,
    cluster::Cluster,
    deployment::{Legacy, keys},
    http::Limits,
    port::{Network, Spawn, tls::Tls},
    protocol::{
        agency::{self, Agency},
        bundle::{Bundle, Content},
        crypto::{Ed25519Signer, Signer as _},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Epoch, Role},
        judge::judge,
        predicate::{agent::Represented, equivocation::Equivocation},
        roster_file,
        statement::{Signed, Terms, Trust, Unverified},
    },
    service::{Member, Service},
};

use super::{
    devices::{self, Stream, ask, bring, delete, held, read, say, some_keys},
    on_tokio,
    person::{HANDLER, Person, Way},
    port::free_port,
    settings, statuses_are_described, way,
};

#[test]
fn clients_of_the_earlier_server_are_served() {
    for architecture in Architecture::ALL {
        on_tokio(async {
            let directory = tempfile::tempdir().unwrap();
            let mut settings = settings(architecture, &directory);
            settings.plan.legacy = Legacy::Served;
            let service = Service::start(settings.clone()).await.unwrap();
            let here = way(&service);
            devices::all(&here).await;
            the_handler_answers_for_its_devices(&here, directory.path()).await;
            statuses_are_described(&here).await;
            assert!(service.stop(1_000_000_000).await);
        });
    }
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

#[test]
fn clients_of_the_earlier_server_are_served_by_a_cluster() {
    for architecture in [Architecture::Parallel, Architecture::Central] {
        on_tokio(a_cluster_serves_devices(architecture));
    }
}

async fn a_cluster_serves_devices(architecture: Architecture) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let made =
        ["init", "--json-api", "--architecture", architecture.name(), "--data", data.to_str().unwrap()];
    let made = command(&made);
    assert!(made.status.success(), "{made:?}");
    let actors = String::from_utf8(made.stdout).unwrap();
    let actors: Vec<ActorId> = actors.lines().map(|actor| actor.parse().unwrap()).collect();
    // clients speak to the handler, or to the process that is all roles
    let front = if architecture.is_monolith() { ActorId::SEQUENCER } else { HANDLER };
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (data.join("cert.pem"), data.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    keys::publish(&key, made.signing_key.serialize_pem().as_bytes(), 0o600).unwrap();
    // the mailbox actor serves TLS, the handler does not
    let over_tls = |actor: ActorId| actor.role() == Role::Mailbox && !architecture.is_monolith();
    let mut cluster = format!("architecture = \"{architecture}\"\nepoch_ms = 5\nheartbeat_ms = 1000\n");
    for actor in &actors {
        let (listen, http) = (free(), free());
        cluster += &format!("[actor.\"{actor}\"]\nlisten = \"{listen}\"\n");
        if *actor == front || over_tls(*actor) {
            cluster += &format!("http = \"{http}\"\n");
        }
        if over_tls(*actor) {
            cluster += &format!("url = \"https://localhost:{}\"\n", http.port());
        }
    }
    std::fs::write(data.join("cluster.toml"), cluster).unwrap();
    let cluster = Cluster::read(&data.join("cluster.toml")).unwrap();
    let member = |actor, believed| {
        let tls = over_tls(actor).then(|| Tls::server(&certificate, &key).unwrap());
        Member { actor, data, tls, believed, limits: Limits::default() }
    };
    if !architecture.is_monolith() {
        let unbelieved = Service::start_actor(&cluster, member(HANDLER, None)).await.err().unwrap();
        assert!(unbelieved.to_string().contains("--ca"), "{unbelieved}");
    }
    let mut services = BTreeMap::new();
    for actor in actors.into_iter().filter(|actor| !architecture.is_server(*actor) || *actor == front) {
        let believed = Some(Tls::client(&certificate).unwrap());
        services.insert(actor, Service::start_actor(&cluster, member(actor, believed)).await.unwrap());
    }
    let here = way(&services[&front]);
    devices::all(&here).await;
    the_handler_answers_for_its_devices(&here, data).await;
    statuses_are_described(&here).await;
    assert!(std::fs::read_dir(data.join("evidence")).unwrap().next().is_none());
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
            commitment: Content::new(Vec::new(), Vec::new()).commitment(),
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

/// Waits until a device is kept so many messages.
async fn kept<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, count: usize) -> Vec<Value> {
    loop {
        match held(way, device).await {
            held if held.len() >= count => return held,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
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
        streams[1].until(": alive\n\n: alive\n\n").await;
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

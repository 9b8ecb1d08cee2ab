//! The JSON API of the earlier server, as its clients use it.

use std::time::Duration;

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Value, json};
use server::{
    architecture::Architecture,
    http::client::Answer,
    port::{Network, Spawn},
    protocol::crypto::{Ed25519, PublicKey, Signature, Verifier},
    service::{Legacy, Service},
};

use super::{
    on_tokio,
    person::{HANDLER, Way},
    settings, way,
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

/// The text of an event stream until it holds this.
async fn events_until<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, wanted: &str) -> String {
    let headers = [(AUTHORIZATION, format!("Bearer {device}"))];
    let mut connection = way.connect().await;
    let response = connection.begin(Method::GET, "/events", &headers, Bytes::new()).await.unwrap();
    let mut body = response.into_body();
    let mut text = String::new();
    while !text.contains(wanted) {
        let frame = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        text += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    text
}

#[test]
fn clients_of_the_earlier_server_are_served() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Multithreaded, &directory);
        settings.legacy = Legacy::Served;
        let service = Service::start(settings.clone()).await.unwrap();
        let here = way(&service);
        messages_go_from_device_to_device(&here).await;
        one_time_keys_are_handed_out_once(&here).await;
        the_handler_vouches_for_its_devices(&here, &service).await;
        what_is_not_asked_well_is_refused(&here).await;
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

async fn the_handler_vouches_for_its_devices<N: Network, P: Spawn>(way: &Way<N, P>, service: &Service) {
    let told = way.json("/v1/agents/ann").await;
    let client = hex::decode(told["client"].as_str().unwrap()).unwrap();
    let mut signature = [0; 64];
    hex::decode_to_slice(told["signature"].as_str().unwrap(), &mut signature).unwrap();
    let preimage = [b"noise/agent/1", &service.trust.deployment.0[..], &client, b"ann"].concat();
    let PublicKey(key) = service.trust.roster.key_of(&HANDLER).unwrap();
    assert!(Ed25519.verify((PublicKey(key), &preimage, Signature(signature))));
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
    settings.legacy = Legacy::Served;
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
fn without_an_agent_there_is_no_such_api() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::start(settings(Architecture::Central, &directory)).await.unwrap();
        let answer = ask(&way(&service), "ann", Method::GET, "/self/messages", Value::Null).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    });
}

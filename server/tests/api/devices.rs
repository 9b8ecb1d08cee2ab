//! The suite of the JSON API of the earlier server, as its clients use it: what it must do for them, over any network.

use std::io;

use bytes::Bytes;
use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName},
};
use serde_json::{Value, json};
use server::{
    http::client::Answer,
    port::{Network, Spawn},
};

use super::person::Way;

pub async fn ask<N: Network, P: Spawn>(
    way: &Way<N, P>,
    device: &str,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    try_ask(way, device, method, path, body).await.unwrap()
}

/// The same of a server that may not be there.
pub async fn try_ask<N: Network, P: Spawn>(
    way: &Way<N, P>,
    device: &str,
    method: Method,
    path: &str,
    body: Value,
) -> io::Result<Answer> {
    let headers =
        [(AUTHORIZATION, format!("Bearer {device}")), (CONTENT_TYPE, "application/json".to_owned())];
    let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    way.try_connect().await?.ask(method, path, &headers, bytes).await
}

pub fn read(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.told());
    serde_json::from_slice(&answer.body).unwrap()
}

/// An open event stream of a device, and what has come of it that was not looked at.
pub struct Stream {
    body: hyper::body::Incoming,
    pub text: String,
}

impl Stream {
    pub async fn open<N: Network, P: Spawn>(way: &Way<N, P>, device: &str) -> Stream {
        Stream::open_after(way, device, None).await
    }

    /// One that goes on after the event of this id.
    pub async fn open_after<N: Network, P: Spawn>(
        way: &Way<N, P>,
        device: &str,
        last: Option<u64>,
    ) -> Stream {
        let last = last.map(|id| (HeaderName::from_static("last-event-id"), id.to_string()));
        let headers: Vec<_> = last.into_iter().chain([(AUTHORIZATION, format!("Bearer {device}"))]).collect();
        let mut connection = way.connect().await;
        let response = connection.begin(Method::GET, "/events", &headers, Bytes::new()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Stream { body: response.into_body(), text: String::new() }
    }

    /// The text until it holds this.
    pub async fn until(&mut self, wanted: &str) -> String {
        while !self.text.contains(wanted) {
            let frame = http_body_util::BodyExt::frame(&mut self.body).await.unwrap().unwrap();
            self.text += &String::from_utf8_lossy(&frame.into_data().unwrap());
        }
        let end = self.text.find(wanted).unwrap() + wanted.len();
        self.text.drain(..end).collect()
    }

    /// How many keys the device is asked for next.
    pub async fn needs(&mut self) -> u64 {
        self.until("event: otkey\ndata: ").await;
        let needs: Value = serde_json::from_str(&self.until("}").await).unwrap();
        needs["needs"].as_u64().unwrap()
    }
}

pub async fn events_until<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, wanted: &str) -> String {
    let mut stream = Stream::open(way, device).await;
    let text = stream.until(wanted).await;
    text + &stream.text
}

/// Everything, one after another, against a server that has just been started.
pub async fn all<N: Network, P: Spawn>(way: &Way<N, P>) {
    messages_go_from_device_to_device(way).await;
    one_time_keys_are_handed_out_once(way).await;
    a_device_is_asked_again_for_keys(way).await;
    what_is_not_asked_well_is_refused(way).await;
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
    let expected = [
        json!({ "sender": "ann", "encPayload": { "type": 0, "body": "to bob" }, "seqID": 1 }),
        json!({ "sender": "ann", "encPayload": "again", "seqID": 2 }),
    ];
    assert_eq!(held(way, "bob+/=").await, expected);
    delete(way, "bob+/=", 1).await;
    assert_eq!(held(way, "bob+/=").await, expected[1..]);
    many_messages_to_one_device_keep_their_order(way).await;
    a_stream_goes_on_from_its_last_event(way).await;
    what_is_written_comes_as_it_was_written(way).await;
}

/// Digits and the order of keys are the device's own; space between would break an event's line.
async fn what_is_written_comes_as_it_was_written<N: Network, P: Spawn>(way: &Way<N, P>) {
    let written = "{\"batch\":[{\"deviceId\":\"gus\",\"payload\":{ \"z\": 1.50,\n \"a\": \"b c\" }}]}";
    let bearer = [(AUTHORIZATION, "Bearer ann".to_owned())];
    let sent = way.connect().await.ask(Method::POST, "/message", &bearer, written.into()).await.unwrap();
    assert_eq!(read(&sent), json!({}));
    let text = events_until(way, "gus", "\"z\"").await;
    assert!(
        text.contains("data: {\"encPayload\":{\"z\":1.50,\"a\":\"b c\"},\"sender\":\"ann\",\"seqID\":1}\n\n"),
        "{text}"
    );
}

async fn a_stream_goes_on_from_its_last_event<N: Network, P: Spawn>(way: &Way<N, P>) {
    for text in ["first", "second", "third"] {
        assert_eq!(read(&say(way, "ann", &["fay"], text).await), json!({}));
    }
    events_until(way, "fay", "third").await;
    let rest = Stream::open_after(way, "fay", Some(2)).await.until("third").await;
    assert!(rest.contains("event: msg\nid: 3\n") && rest.matches("event: msg").count() == 1, "{rest}");
}

/// Each is a bundle of its own; they are sent together.
async fn many_messages_to_one_device_keep_their_order<N: Network, P: Spawn>(way: &Way<N, P>) {
    let texts: Vec<String> = (0..40).map(|number| format!("number {number}")).collect();
    let batch: Vec<Value> = texts.iter().map(|text| json!({ "deviceId": "dan", "payload": text })).collect();
    let told = ask(way, "ann", Method::POST, "/message", json!({ "batch": batch })).await;
    assert_eq!(read(&told), json!({}));
    events_until(way, "dan", "number 39").await;
    let held = held(way, "dan").await;
    assert!(held.iter().map(|message| message["encPayload"].as_str().unwrap()).eq(texts.iter()), "{held:?}");
}

async fn one_time_keys_are_handed_out_once<N: Network, P: Spawn>(way: &Way<N, P>) {
    let keys = json!({ "a": "key a", "b": "key b" });
    assert_eq!(read(&ask(way, "d/e", Method::POST, "/self/otkeys", keys.clone()).await), keys);
    // the earlier client escapes the id twice
    // a head shows nothing, and takes nothing
    let head = way
        .connect()
        .await
        .ask(Method::HEAD, "/devices/otkey?device_id=d/e", &[], Bytes::new())
        .await
        .unwrap();
    assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
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

pub async fn say<N: Network, P: Spawn>(way: &Way<N, P>, from: &str, to: &[&str], text: &str) -> Answer {
    let batch: Vec<Value> = to.iter().map(|to| json!({ "deviceId": to, "payload": text })).collect();
    ask(way, from, Method::POST, "/message", json!({ "batch": batch })).await
}

pub async fn held<N: Network, P: Spawn>(way: &Way<N, P>, device: &str) -> Vec<Value> {
    let held = read(&ask(way, device, Method::GET, "/self/messages", Value::Null).await);
    held.as_array().unwrap().clone()
}

pub async fn delete<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, upto: u64) {
    let upto = json!({ "seqID": upto });
    assert_eq!(read(&ask(way, device, Method::DELETE, "/self/messages", upto).await), json!({}));
}

/// So many keys of so many bytes each, with ids of their own.
pub fn some_keys(name: &str, count: usize, bytes: usize) -> Value {
    (0..count).map(|number| (format!("{name} {number}"), Value::from("k".repeat(bytes)))).collect()
}

pub async fn bring<N: Network, P: Spawn>(way: &Way<N, P>, device: &str, keys: Value) -> Answer {
    ask(way, device, Method::POST, "/self/otkeys", keys).await
}

//! JSON bodies: what the running server answers, and what it is told, is as the description says of that route, its method
//! and the status.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyper::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use server::{
    architecture::Architecture,
    deployment::Legacy,
    http::{
        Limits,
        client::{Answer, whole},
    },
    protocol::{
        id::{ActorId, Deployment},
        message::Message,
    },
    service::Service,
};

use super::{
    description,
    devices::{ask, events_until, read, say},
    on_tokio,
    person::Person,
    settings, way,
};

/// In what a value differs from a schema of the description.
fn differences(description: &Value, schema: &Value, value: &Value) -> Vec<String> {
    assert!(schema.is_object(), "no schema is described");
    let mut whole = schema.clone();
    // where its references lead to
    whole["components"] = description["components"].clone();
    let validator = jsonschema::validator_for(&whole).unwrap();
    validator.iter_errors(value).map(|difference| difference.to_string()).collect()
}

/// What is described of an operation.
fn operation<'a>(description: &'a Value, (method, route): (&Method, &str)) -> &'a Value {
    &description["paths"][route][method.as_str().to_lowercase()]
}

/// The schema of what may be told.
fn told<'a>(description: &'a Value, asked: (&Method, &str)) -> &'a Value {
    &operation(description, asked)["requestBody"]["content"]["application/json"]["schema"]
}

/// The schema of an answer.
fn answered<'a>(description: &'a Value, asked: (&Method, &str), status: StatusCode, kind: &str) -> &'a Value {
    let schema = &operation(description, asked)["responses"][status.as_str()]["content"][kind]["schema"];
    assert!(schema.is_object(), "{asked:?} answers {status} with {kind}, which is not described");
    schema
}

fn is_as_described(description: &Value, asked: (&Method, &str), answer: &Answer) {
    let kind = answer.headers[CONTENT_TYPE].to_str().unwrap();
    let schema = answered(description, asked, answer.status, kind);
    let differs = differences(description, schema, &serde_json::from_slice(&answer.body).unwrap());
    assert!(differs.is_empty(), "{asked:?} answers {}: {differs:?}", answer.told());
}

/// Routes by their methods that answer with JSON.
fn with_json(description: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (route, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["responses"]["200"]["content"].get("application/json").is_some() {
                all.insert((method.to_uppercase(), route.clone()));
            }
        }
    }
    all
}

#[test]
fn what_is_answered_in_json_is_as_described() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Parallel, &directory);
        settings.plan.legacy = Legacy::Served;
        let service = Service::start(settings).await.unwrap();
        let (here, description) = (way(&service), description());
        // bob holds a message of a device, and one of a client that is none
        assert_eq!(read(&say(&here, "ann", &["bob"], "of a device").await), json!({}));
        let agency = here.json("/v1/agents/bob").await;
        let bob: ActorId = format!("client:{}", agency["client"].as_str().unwrap()).parse().unwrap();
        let bundle = Person::new("ned", &service.trust).bundle(&[bob.client().unwrap()], b"of a client");
        here.submit_until_receipted(&[bundle]).await;
        events_until(&here, "bob", "of a device").await;
        events_until(&here, "bob", &hex::encode("of a client")).await;

        let batch = json!({ "batch": [{ "deviceId": "cid", "payload": { "any": ["JSON"] } }] });
        let mut seen = BTreeSet::new();
        for (method, route, path, body) in [
            (Method::GET, "/v1/deployment", "/v1/deployment", Value::Null),
            (Method::GET, "/v1/roster", "/v1/roster", Value::Null),
            (Method::GET, "/v1/cuts", "/v1/cuts?from=1&limit=3", Value::Null),
            (Method::GET, "/v1/seals/{incoming}", "/v1/seals/0?from=0&limit=3", Value::Null),
            (Method::GET, "/v1/attestations/{mailbox}", "/v1/attestations/0?from=1&limit=3", Value::Null),
            (Method::GET, "/v1/agents/{device}", "/v1/agents/ann", Value::Null),
            (Method::GET, "/openapi.json", "/openapi.json", Value::Null),
            (Method::POST, "/message", "/message", batch),
            (Method::GET, "/self/messages", "/self/messages", Value::Null),
            (Method::POST, "/self/otkeys", "/self/otkeys", json!({ "a": "key a", "b": { "any": "JSON" } })),
            (Method::GET, "/devices/otkey", "/devices/otkey?device_id=bob", Value::Null),
            (Method::DELETE, "/self/messages", "/self/messages", json!({ "seqID": 1 })),
        ] {
            let asked = (&method, route);
            if !body.is_null() {
                assert_eq!(differences(&description, told(&description, asked), &body), [""; 0], "{asked:?}");
            }
            let answer = ask(&here, "bob", method.clone(), path, body).await;
            assert_eq!(answer.status, 200, "{asked:?}: {}", answer.told());
            is_as_described(&description, asked, &answer);
            if asked == (&Method::GET, "/self/messages") {
                assert_eq!(read(&answer).as_array().unwrap().len(), 2, "{}", answer.told());
            }
            seen.insert((method.to_string(), route.to_owned()));
        }
        assert_eq!(seen, with_json(&description), "all that answer with JSON were asked");
    });
}

#[test]
fn a_problem_is_as_described_whatever_it_is() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        settings.limits = Limits { readers: 0, client_rate: 2, body_bytes: 2_000, ..settings.limits };
        let service = Service::start(settings).await.unwrap();
        let (here, description) = (way(&service), description());
        for (method, route, path, body, status) in [
            (Method::GET, "/v1/cuts", "/v1/cuts?from=x", Value::Null, 400),
            (Method::POST, "/message", "/message", json!({ "batch": 1 }), 400),
            (Method::POST, "/self/otkeys", "/self/otkeys", json!([]), 400),
            (Method::DELETE, "/self/messages", "/self/messages", json!({ "seqID": -1 }), 400),
            (Method::GET, "/v1/mailbox", "/v1/mailbox", Value::Null, 401),
            (Method::GET, "/v1/seals/{incoming}", "/v1/seals/77", Value::Null, 404),
            (Method::GET, "/devices/otkey", "/devices/otkey?device_id=eve", Value::Null, 404),
            (Method::GET, "/events", "/events", Value::Null, 503),
        ] {
            let asked = (&method, route);
            if !body.is_null() {
                let differs = differences(&description, told(&description, asked), &body);
                assert!(!differs.is_empty(), "{asked:?}: what is refused is not described as good");
            }
            let answer = ask(&here, "ann", method.clone(), path, body).await;
            assert_eq!(answer.status, status, "{asked:?}: {}", answer.told());
            is_as_described(&description, asked, &answer);
        }
        // what clients submit that sign
        let bundles = (&Method::POST, "/v1/bundles");
        let answer = ask(&here, "ann", Method::POST, "/v1/bundles", json!({})).await;
        assert_eq!(answer.status, 415, "{}", answer.told());
        is_as_described(&description, bundles, &answer);
        let large = Bytes::from(vec![0; 4_000]);
        let answer = here.connect().await.ask(Method::POST, "/v1/bundles", &[], large).await.unwrap();
        assert_eq!(answer.status, 413, "{}", answer.told());
        is_as_described(&description, bundles, &answer);
        let (ned, mut foreign) = (Person::new("ned", &service.trust), service.trust.clone());
        foreign.deployment = Deployment([9; 8]);
        let elsewhere = Person::new("ned", &foreign).bundle(&[ned.id], b"of another deployment");
        let answer = here.post("/v1/bundles", &[Message::Submit(elsewhere)]).await;
        assert_eq!(answer.status, 403, "{}", answer.told());
        is_as_described(&description, bundles, &answer);
        // what they ask for
        let mut connection = here.connect().await;
        for (route, path, status) in [
            ("/v1/events", "/v1/events?actor=incoming/0", 421),
            ("/v1/mailbox", "/v1/mailbox?wait_ms=1", 429),
        ] {
            let answer = loop {
                let asked =
                    connection.begin_signed(&ned.caller, (Method::GET, path), &[], Bytes::new()).await;
                let answer = whole(asked.unwrap()).await.unwrap();
                if !answer.status.is_success() {
                    break answer;
                }
            };
            assert_eq!(answer.status, status, "{path}: {}", answer.told());
            is_as_described(&description, (&Method::GET, route), &answer);
        }
    });
}

#[test]
fn a_body_that_is_not_as_described_is_found() {
    let description = description();
    let differs = |route: &str, status: StatusCode, kind: &str, body: &Value| {
        let schema = answered(&description, (&Method::GET, route), status, kind);
        !differences(&description, schema, body).is_empty()
    };
    let good = json!({
        "actor": "sequencer", "kind": "cut", "newest": 7,
        "statements": [{ "slot": 7, "digest": "0f".repeat(32), "bytes": "0f" }]
    });
    let of_cuts = |body: &Value| differs("/v1/cuts", StatusCode::OK, "application/json", body);
    assert!(!of_cuts(&good));
    let changed = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    for (path, value) in [
        ("/statements/0/slot", json!("7")),
        ("/statements/0/digest", json!("0f")),
        ("/statements/0", json!({ "slot": 7, "bytes": "0f" })),
        ("/kind", json!(1)),
        ("", json!({ "actor": "sequencer", "kind": "cut", "newest": null })),
    ] {
        assert!(of_cuts(&changed(path, value)), "{path}");
    }
    let gone = json!({ "type": "about:blank", "title": "Not Found", "status": 404, "detail": "none left" });
    let of_keys =
        |body: &Value| differs("/devices/otkey", StatusCode::NOT_FOUND, "application/problem+json", body);
    assert!(!of_keys(&gone));
    assert!(of_keys(&json!({ "type": "about:blank", "title": "Not Found", "status": 404 })));
    let taken = |body: Value| differs("/devices/otkey", StatusCode::OK, "application/json", &body);
    assert!(!taken(json!({ "otkey": 1 })) && taken(json!({})) && taken(json!([])));
}

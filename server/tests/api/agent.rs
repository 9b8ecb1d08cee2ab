//! The agent of clients that sign nothing: what it does not lose when it starts again, what a request to it may take, and what it
//! tells of cheats.

use std::{fs, path::Path, time::Duration};

use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Value, json};
use server::{architecture::Architecture, deployment::Legacy, http::Limits, service::Service};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{
    devices::{Stream, ask, bring, events_until, held, read, say, some_keys},
    on_tokio,
    process::Process,
    settings, way, way_to,
};

#[test]
fn an_agent_whose_key_or_mailroom_is_gone_does_not_begin_anew_over_what_is_left() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        let agent = directory.path().join("agent");
        {
            let service = Service::start(settings.clone()).await.unwrap();
            assert_eq!(read(&say(&way(&service), "ann", &["bob"], "kept").await), json!({}));
            events_until(&way(&service), "bob", "kept").await;
            assert!(service.stop(1_000_000_000).await);
        }
        let (key, aside) = (agent.join("agent.key"), directory.path().join("aside"));
        std::fs::rename(&key, &aside).unwrap();
        let why = Service::start(settings.clone()).await.err().unwrap().to_string();
        assert!(why.contains("agent.key is gone") && !key.exists(), "{why}");
        std::fs::rename(&aside, &key).unwrap();
        for file in ["mailroom.redb", "mailroom.log"] {
            if agent.join(file).exists() {
                std::fs::rename(agent.join(file), directory.path().join(file)).unwrap();
            }
        }
        let why = Service::start(settings.clone()).await.err().unwrap().to_string();
        assert!(why.contains("mailroom.redb is empty, though it has stored"), "{why}");
        for file in ["mailroom.redb", "mailroom.log"] {
            if directory.path().join(file).exists() {
                std::fs::rename(directory.path().join(file), agent.join(file)).unwrap();
            }
        }
        let service = Service::start(settings).await.unwrap();
        assert_eq!(held(&way(&service), "bob").await.len(), 1);
    });
}

#[test]
fn a_mailroom_whose_making_was_cut_short_is_made_anew_and_one_that_has_stored_is_not() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        let database = directory.path().join("agent/mailroom.redb");
        assert!(Service::start(settings.clone()).await.unwrap().stop(1_000_000_000).await);
        // no database yet, as of somebody who was killed while it was made
        std::fs::write(&database, [0; 4096]).unwrap();
        let service = Service::start(settings.clone()).await.unwrap();
        assert_eq!(bring(&way(&service), "ann", some_keys("one", 1, 1)).await.status, StatusCode::OK);
        assert!(service.stop(1_000_000_000).await);
        std::fs::write(&database, [0; 4096]).unwrap();
        let why = Service::start(settings).await.err().unwrap().to_string();
        assert!(why.contains("mailroom of the JSON API: storage is corrupt"), "{why}");
    });
}

#[test]
fn a_mailroom_out_of_which_all_was_taken_is_none_that_is_lost() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        let service = Service::start(settings.clone()).await.unwrap();
        assert_eq!(bring(&way(&service), "ann", some_keys("one", 1, 1)).await.status, StatusCode::OK);
        let taken = way(&service).get("/devices/otkey?device_id=ann").await;
        assert_eq!(taken.status, StatusCode::OK);
        assert!(service.stop(1_000_000_000).await);
        let again = Service::start(settings).await.unwrap();
        assert_eq!(way(&again).get("/devices/otkey?device_id=ann").await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn more_than_a_bundle_takes_goes_in_several() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        let service = Service::start(settings).await.unwrap();
        let text = "x".repeat(60_000);
        let batch: Vec<Value> =
            (0..290).map(|to| json!({ "deviceId": format!("hal {to}"), "payload": text })).collect();
        let told = ask(&way(&service), "ann", Method::POST, "/message", json!({ "batch": batch })).await;
        assert_eq!(read(&told), json!({}));
        // a long one that finds no room beside the others, and a short one that would
        let mut batch: Vec<Value> =
            (0..69).map(|to| json!({ "deviceId": format!("ivy {to}"), "payload": text })).collect();
        batch.extend([&*text, "short"].map(|text| json!({ "deviceId": "joe", "payload": text })));
        let told = ask(&way(&service), "ann", Method::POST, "/message", json!({ "batch": batch })).await;
        assert_eq!(read(&told), json!({}));
        events_until(&way(&service), "joe", "short").await;
        let held = held(&way(&service), "joe").await;
        assert_eq!((held.len(), held[1]["encPayload"].as_str()), (2, Some("short")), "in order");
    });
}

#[test]
fn answers_that_their_readers_do_not_take_leave_no_room_for_more_and_small_ones_need_none() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.plan.legacy = Legacy::Served;
        settings.limits = Limits { answers_bytes: 100_000, mailroom_bytes: 32 << 20, ..settings.limits };
        let service = Service::start(settings).await.unwrap();
        let way = way(&service);
        // more than a system takes off a server's hands for somebody who reads nothing
        let text = "x".repeat(60_000);
        let batch: Vec<Value> = (0..200).map(|_| json!({ "deviceId": "bob", "payload": text })).collect();
        let told = ask(&way, "ann", Method::POST, "/message", json!({ "batch": batch })).await;
        assert_eq!(read(&told), json!({}));
        let reading = async || ask(&way, "bob", Method::GET, "/self/messages", Value::Null).await;
        loop {
            let told = reading().await;
            // what was read is out of the way then
            tokio::time::sleep(Duration::from_millis(20)).await;
            let is_told = told.status == StatusCode::OK;
            if is_told && read(&told).as_array().unwrap().len() == 200 {
                break;
            }
        }
        let mut slow = TcpStream::connect(service.address).await.unwrap();
        let head = "GET /self/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bob\r\n\r\n";
        slow.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        slow.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
        let told = reading().await;
        assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE, "{}", told.told());
        assert_eq!(held(&way, "cid").await.len(), 0, "what is small is told");
        drop(slow);
        while reading().await.status != StatusCode::OK {}
    });
}

/// Each stream is written a part of what waits for it at a time, so many that take nothing hold little.
#[test]
fn streams_whose_readers_take_nothing_hold_a_part_of_what_waits_for_them() {
    const STREAMS: usize = 200;
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (server, address) = Process::start(&directory.path().join("data"), &["--json-api"], None);
        let way = way_to(address);
        let text = "x".repeat(60_000);
        let batch: Vec<Value> = (0..60).map(|_| json!({ "deviceId": "bob", "payload": text })).collect();
        let told = ask(&way, "ann", Method::POST, "/message", json!({ "batch": batch })).await;
        assert_eq!(read(&told), json!({}));
        while held(&way, "bob").await.len() < 60 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let before = server.peak_bytes();
        let mut streams = Vec::new();
        for number in 0..STREAMS {
            let socket = TcpSocket::new_v4().unwrap();
            // a system takes little off a server's hands for it
            socket.set_recv_buffer_size(4096).unwrap();
            let mut stream = socket.connect(address).await.unwrap();
            let head = "GET /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bob\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            assert_eq!(&status, b"HTTP/1.1 200", "stream {number}");
            streams.push(stream);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let each = server.peak_bytes().saturating_sub(before) / STREAMS as u64;
        assert!(each < 1_500_000, "{each} bytes for each stream, of 3.6 MB that wait for it");
    });
}

/// What devices say is not taken apart: as values small ones take eighty times their bytes.
#[test]
fn the_memory_of_a_body_is_not_many_times_its_bytes() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (server, address) = Process::start(&directory.path().join("data"), &["--json-api"], None);
        let way = way_to(address);
        assert_eq!(read(&say(&way, "ann", &["ann"], "hello").await), json!({}));
        let before = server.memory_bytes();
        let many = "{\"a\":0},".repeat(1_200_000);
        let body = format!("{{\"batch\":[{{\"deviceId\":\"x\",\"payload\":[{many}0]}}]}}");
        let headers =
            [(AUTHORIZATION, "Bearer ann".to_owned()), (CONTENT_TYPE, "application/json".to_owned())];
        let bytes = body.len() as u64;
        let told = way.connect().await.ask(Method::POST, "/message", &headers, body.into()).await.unwrap();
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{}", told.told());
        let taken = server.peak_bytes().saturating_sub(before);
        assert!(taken < 12 * bytes, "{taken} bytes of memory for {bytes}");
        // names are values, too
        let names: String = (0..1_000_000).map(|number| format!("\"{number}\":0,")).collect();
        let body = format!("{{{names}\"\":0}}");
        let told =
            way.connect().await.ask(Method::POST, "/self/otkeys", &headers, body.into()).await.unwrap();
        assert!(
            told.status == StatusCode::BAD_REQUEST && told.told().contains("more than 1000 members"),
            "{}",
            told.told()
        );
        let taken = server.peak_bytes().saturating_sub(before);
        assert!(taken < 12 * bytes, "{taken} bytes of memory for {bytes}");
    });
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// What the log for machines says of the first cheat that a device's client has caught, if it does already.
fn caught(log: &Path) -> Option<Value> {
    const CAUGHT: &str = "a device's client has caught a cheat";
    let text = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
    let lines = text.lines().filter(|line| line.contains(CAUGHT));
    // the last line may not be there to its end
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find(|line| line["fields"]["message"] == CAUGHT)
}

/// The operator puts the server back to yesterday, and not what its agent keeps: bob's client holds what was ordered today, and is
/// shown another order that does not go on from there.
#[test]
fn a_cheat_that_the_client_of_a_device_catches_is_logged() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (data, log) = (directory.path().join("data"), directory.path().join("log"));
        let (store, yesterday) = (data.join("store"), directory.path().join("yesterday"));
        let options = ["--json-api", "--log", "json", "--heartbeat-ms", "20"];
        for text in ["yesterday", "today"] {
            let (server, address) = Process::start(&data, &options, None);
            assert_eq!(read(&say(&way_to(address), "ann", &["bob"], text).await), json!({}));
            events_until(&way_to(address), "bob", text).await;
            drop(server);
            if text == "yesterday" {
                copy_files(&store, &yesterday);
            }
        }
        fs::remove_dir_all(&store).unwrap();
        fs::rename(&yesterday, &store).unwrap();
        let (_server, address) = Process::start(&data, &options, Some(fs::File::create(&log).unwrap()));
        let way = way_to(address);
        let _stream = Stream::open(&way, "bob").await;
        let told = loop {
            // what comes after today is shown to bob's client, too
            assert_eq!(read(&say(&way, "cid", &["bob"], "news").await), json!({}));
            if let Some(told) = caught(&log) {
                break told;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (bob, fields) = (way.json("/v1/agents/bob").await, &told["fields"]);
        assert_eq!(told["level"], "WARN", "{told}");
        assert_eq!(fields["client"], format!("client:{}", bob["client"].as_str().unwrap()), "{told}");
        assert_eq!(fields["accused"], "sequencer", "{told}");
        assert_eq!(fields["predicate"], "chain", "{told}");
    });
}

//! The server as a process: what it keeps to itself, and how it stops.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use server::{
    actor::Notice,
    architecture::Architecture,
    client::{Client, Options},
    deployment::Legacy,
    service::Service,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    command,
    devices::{self, bring, read, say},
    on_tokio, settings, way, way_to,
};

/// A server as a process, with the default bounds; its memory and its log are its own.
pub struct Process(Child);

impl Process {
    /// One that serves, and where. If it logs, it logs all there is.
    pub fn start(data: &Path, options: &[&str], log: Option<fs::File>) -> (Process, SocketAddr) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command
            .args(["run", "--architecture", "multithreaded", "--listen", "127.0.0.1:0", "--data"])
            .arg(data);
        command.args(options).stderr(Stdio::null()).stdout(Stdio::piped());
        if let Some(log) = log {
            command.env("RUST_LOG", "trace").stderr(log);
        }
        let mut process = Process(command.spawn().unwrap());
        let said = BufReader::new(process.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        (process, said.strip_prefix("listening on http://").unwrap().parse().unwrap())
    }

    /// Bytes of memory that it has now.
    pub fn memory_bytes(&self) -> u64 {
        self.told_bytes("VmRSS:")
    }

    /// The most that it ever had.
    pub fn peak_bytes(&self) -> u64 {
        self.told_bytes("VmHWM:")
    }

    fn told_bytes(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let told = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        told.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A request whose body has begun, and is waited for.
async fn half_asked(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = b"POST /v1/bundles HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ab").await.unwrap();
    stream
}

/// Sends the rest of the body; whether there is an answer.
async fn is_answered(mut stream: TcpStream) -> bool {
    stream.write_all(b"cd").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.starts_with("HTTP/1.1 400 ")
}

#[test]
fn a_stop_waits_for_the_requests_under_way_and_no_longer() {
    on_tokio(async {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let start = |index: usize| Service::start(settings(Architecture::Central, &directories[index]));
        let service = start(0).await.unwrap();
        let _waiting = half_asked(service.address).await;
        assert!(!service.stop(50_000_000).await, "one request is not answered");

        let service = start(1).await.unwrap();
        let (address, stream) = (service.address, half_asked(service.address).await);
        let stopped = tokio::spawn(service.stop(20_000_000_000));
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(is_answered(stream).await && stopped.await.unwrap());
    });
}

#[test]
fn a_process_that_is_told_to_stop_answers_first() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (mut server, address) = Process::start(&directory.path().join("data"), &[], None);
        let stream = half_asked(address).await;
        kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(is_answered(stream).await);
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
    });
}

/// Every file of a directory, and every directory below it.
fn all_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all.extend(all_below(&path));
        }
        all.push(path);
    }
    all
}

#[test]
fn what_is_kept_on_disk_is_for_its_owner_alone() {
    on_tokio(async {
        let parent = tempfile::tempdir().unwrap();
        let open = |path: &Path| fs::metadata(path).unwrap().mode() & 0o077 != 0;
        // a directory of before is left as it was, and what is made in it is closed by itself
        for (name, mode) in [("new", None), ("of before", Some(0o755))] {
            let [data, client] = ["server", "client"].map(|part| parent.path().join(name).join(part));
            for directory in mode.into_iter().flat_map(|mode| [(&data, mode), (&client, mode)]) {
                fs::create_dir_all(directory.0).unwrap();
                fs::set_permissions(directory.0, fs::Permissions::from_mode(directory.1)).unwrap();
            }
            let mut settings = settings(Architecture::Central, &parent);
            (settings.plan.legacy, settings.data) = (Legacy::Served, data.clone());
            let service = Service::start(settings).await.unwrap();
            assert_eq!(read(&say(&way(&service), "ann", &["bob"], "to bob").await), json!({}));
            let server = service.url().parse().unwrap();
            let options = Options { server, directory: client.clone(), tls: None };
            let mut ann = Client::start(options).await.unwrap();
            ann.send(Vec::new(), vec![(ann.id, Vec::new())]).unwrap();
            while !matches!(ann.next().await.unwrap(), Notice::Delivered { .. }) {}
            for directory in [&data, &client] {
                assert_eq!(open(directory), mode.is_some(), "{}", directory.display());
                let others_may = all_below(directory).into_iter().filter(|path| open(path));
                let names: Vec<_> = others_may.map(|path| path.file_name().unwrap().to_owned()).collect();
                // in a directory of its own even these are closed; but for the roster there is nothing in them
                let public = |name: &std::ffi::OsString| {
                    name == "roster.json" || name == "lock" || name.to_string_lossy().ends_with(".stored")
                };
                assert!(names.iter().all(public), "{names:?}");
            }
            assert!(data.join("agent/devices").is_dir() && client.join("client.redb").is_file());
        }
    });
}

#[test]
fn nothing_secret_is_logged() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (data, log) = (directory.path().join("data"), directory.path().join("log"));
        let log_file = fs::File::create(&log).unwrap();
        let (server, address) = Process::start(&data, &["--json-api"], Some(log_file));
        let url = format!("http://{address}").parse().unwrap();
        let mut ann =
            Client::start(Options { server: url, directory: directory.path().join("ann"), tls: None })
                .await
                .unwrap();
        let (payload, ciphertext) = ("the-marked-payload", "the-marked-ciphertext");
        ann.send(payload.into(), vec![(ann.id, ciphertext.into())]).unwrap();
        while !matches!(ann.next().await.unwrap(), Notice::Delivered { .. }) {}
        let (way, text, key) = (way_to(address), "the-marked-text", json!({ "a": "the-marked-key" }));
        assert_eq!(read(&bring(&way, "bob", key.clone()).await), key);
        assert_eq!(read(&say(&way, "bob", &["bob"], text).await), json!({}));
        devices::events_until(&way, "bob", text).await;
        drop(server);

        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("listening"), "{log}");
        let keys =
            all_below(&data).into_iter().filter(|path| path.extension().is_some_and(|end| end == "key"));
        let keys: Vec<String> =
            keys.map(|path| fs::read_to_string(path).unwrap().trim().to_owned()).collect();
        assert!(keys.len() >= 3, "the server's, the operator's, the agent's");
        for secret in [payload, ciphertext, text, "the-marked-key"] {
            let written = [secret.to_owned(), hex::encode(secret), STANDARD.encode(secret)];
            assert!(!written.iter().any(|written| log.contains(written)), "{secret} is in the log");
        }
        assert!(!keys.iter().any(|key| log.contains(key)), "a key is in the log");
        assert!(!["signature=", "Bearer"].iter().any(|credential| log.contains(credential)), "{log}");
    });
}

#[test]
fn a_log_for_machines_is_an_object_a_line() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let (data, log) = (directory.path().join("data"), directory.path().join("log"));
        let log_file = fs::File::create(&log).unwrap();
        let (mut server, address) = Process::start(&data, &["--log", "json"], Some(log_file));
        assert_eq!(way_to(address).get("/health").await.status, StatusCode::OK);
        kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
        let log = fs::read_to_string(log).unwrap();
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let said = |what: &str| lines.iter().filter(|line| line["fields"]["message"] == what).count();
        assert_eq!((said("listening"), said("stopped")), (1, 1), "{log}");
        assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
    });
}

/// What is without a receipt from an earlier life is told again under its token: it must not pass for what is sent now.
#[test]
fn two_lives_of_a_client_share_no_token() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::start(settings(Architecture::Central, &directory)).await.unwrap();
        let own = directory.path().join("ann");
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let options =
                Options { server: service.url().parse().unwrap(), directory: own.clone(), tls: None };
            let mut ann = Client::start(options).await.unwrap();
            let me = ann.id;
            tokens.extend((0..2).map(|_| ann.send(b"hello".to_vec(), vec![(me, Vec::new())]).unwrap()));
            while !matches!(ann.next().await.unwrap(), Notice::Receipted { .. }) {}
            assert!(ann.stop().await.is_none());
        }
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), 4, "{tokens:?}");
    });
}

/// Its stores are closed, those of devices' clients, too, though a database may just be taking over a log.
#[test]
fn who_was_stopped_may_start_again_at_once() {
    const BUNDLES: usize = 40;
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Parallel, &directory);
        settings.plan.legacy = Legacy::Served;
        for life in 0..4 {
            let service = Service::start(settings.clone()).await.unwrap();
            let (server, own) = (service.url().parse().unwrap(), directory.path().join("ann"));
            let mut ann = Client::start(Options { server, directory: own, tls: None }).await.unwrap();
            let me = ann.id;
            for _ in 0..BUNDLES {
                ann.send(b"hello".to_vec(), vec![(me, Vec::new())]).unwrap();
            }
            let mut receipted = 0;
            while receipted < BUNDLES {
                receipted += usize::from(matches!(ann.next().await.unwrap(), Notice::Receipted { .. }));
            }
            let said = say(&way(&service), "bob", &["cid", "dan"], &format!("life {life}")).await;
            assert_eq!(said.status, StatusCode::OK, "{}", said.told());
            assert!(ann.stop().await.is_none());
            assert!(service.stop(5_000_000_000).await);
        }
    });
}

#[test]
fn a_client_that_is_not_let_in_has_received_nothing_and_says_so() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(Architecture::Central, &directory);
        settings.limits.readers = 0;
        let service = Service::start(settings).await.unwrap();
        let (url, own) = (service.url(), directory.path().join("ann"));
        let receive = ["--server", &url, "receive", "--quiet-s", "1"];
        let told = command(&[&["client", "--dir", own.to_str().unwrap()][..], &receive].concat());
        assert_eq!(told.status.code(), Some(1), "{told:?}");
        let told = String::from_utf8(told.stderr).unwrap();
        assert!(told.contains("nothing could be received") && told.contains("event streams"), "{told}");
    });
}

#[test]
fn a_server_takes_all_descriptors_that_it_may_have() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 256 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_server")]);
    command.args(["run", "--architecture", "central", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(directory.path().join("data")).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut server = Process(command.spawn().unwrap());
    let said = BufReader::new(server.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(said.starts_with("listening on "), "{said}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.0.id())).unwrap();
    let open = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|at| open.split_whitespace().nth(at).unwrap());
    assert_eq!(soft, hard, "{open}");
}

/// Answers one request with this JSON; where.
fn told_once(json: serde_json::Value) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = BufReader::new(&stream).lines().map_while(Result::ok);
        head.take_while(|line| !line.is_empty()).for_each(drop);
        let body = json.to_string();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    });
    address
}

/// How long an obligation may stay open is counted in epochs that nobody signs.
#[test]
fn a_client_takes_no_pace_at_which_nobody_would_be_challenged_or_everybody() {
    on_tokio(async {
        let directory = tempfile::tempdir().unwrap();
        let limits = json!({ "recipients": 1, "body_bytes": 1, "messages": 1, "client_rate_per_s": 1 });
        for (epoch_us, heartbeat_us, retry_us) in [
            (999, 20_000, 20_000),
            (60_000_001, 20_000, 20_000),
            (5000, 1_200_000_001, 20_000),
            (5000, 20_000, 1_200_000_001),
        ] {
            let address = told_once(json!({
                "epoch_us": epoch_us, "heartbeat_us": heartbeat_us, "retry_us": retry_us, "limits": limits
            }));
            let server = format!("http://{address}").parse().unwrap();
            let options = Options { server, directory: directory.path().join("ann"), tls: None };
            let told = Client::start(options).await.err().unwrap().to_string();
            assert!(told.contains("its pace cannot be"), "{told}");
        }
    });
}

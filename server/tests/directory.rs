//! The directory of a deployment, and that of a client: used twice, incomplete, copied.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "serving/ask.rs"]
mod ask;
mod serving;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use ask::get;
use server::{
    architecture::Architecture,
    deployment::{Deployment, DeploymentError, Lock, Plan},
    protocol::signing::Signing,
    service::{Service, Settings},
};
use serving::{command, refused};

fn plan() -> Plan {
    Plan::new(Architecture::Parallel, 2, 2, 1)
}

fn open(directory: &Path, plan: Plan) -> Result<Deployment, DeploymentError> {
    Deployment::open(directory, plan, Signing::Ed25519)
}

/// Why it is not opened; nothing in it has changed then.
fn why_not(directory: &Path, plan: Plan) -> String {
    let before = files(directory);
    let why = open(directory, plan).err().unwrap().to_string();
    assert_eq!(files(directory), before, "{why}");
    why
}

/// Every file below a directory, and what is in it.
fn files(directory: &Path) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.extend([(path.clone(), fs::read(path).unwrap())]),
        }
    }
    all
}

/// A service in this directory, while something is done with it at this address.
fn serving<T>(data: &Path, act: impl FnOnce(SocketAddr) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let service = runtime.block_on(Service::start(Settings::new(plan(), data))).unwrap();
    act(service.address)
}

#[test]
fn one_process_at_a_time_makes_or_changes_it() {
    let directory = tempfile::tempdir().unwrap();
    // of several that find nothing there one makes it
    let opened: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| open(directory.path(), plan()))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (made, others): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    assert!(others.into_iter().all(|other| matches!(other.err().unwrap(), DeploymentError::Busy { .. })));
    assert!(open(directory.path(), plan()).is_err(), "as long as it is open");
    drop(made);
    open(directory.path(), plan()).unwrap();

    let data = directory.path().to_str().unwrap();
    serving(directory.path(), |_| {
        let again = ["run", "--data", data, "--listen", "127.0.0.1:0"];
        refused(&again, "another process uses this directory");
        refused(&["rotate", "sequencer", "--data", data], "another process uses this directory");
    });
}

#[test]
fn what_is_missing_in_it_is_named_and_not_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let at = |path: &str| directory.path().join(path);
    drop(open(directory.path(), plan()).unwrap());
    let (key, roster) = (at("keys/sequencer.key"), at("roster.json"));

    fs::rename(&key, at("away")).unwrap();
    assert!(why_not(directory.path(), plan()).contains("the key of sequencer is not here"));
    fs::copy(at("keys/mailbox-0.key"), &key).unwrap();
    assert!(why_not(directory.path(), plan()).contains("lists another key of sequencer"));
    fs::rename(at("away"), &key).unwrap();

    fs::rename(at("keys/operator-0.key"), at("away")).unwrap();
    open(directory.path(), plan()).expect("only a next roster needs it");
    fs::copy(at("keys/mailbox-0.key"), at("keys/operator-0.key")).unwrap();
    assert!(why_not(directory.path(), plan()).contains("was not signed with this key"));
    fs::rename(at("away"), at("keys/operator-0.key")).unwrap();

    for other in [Plan::new(Architecture::Central, 1, 1, 0), Plan::new(Architecture::Parallel, 2, 3, 1)] {
        let why = why_not(directory.path(), other);
        assert!(why.contains(&format!("{} there, {other} planned", plan())), "{why}");
    }

    // a first start that was cut short goes on, with the keys that it has made
    let keys = files(&at("keys"));
    fs::rename(&roster, at("away")).unwrap();
    drop(open(directory.path(), plan()).unwrap());
    assert_eq!(fs::read(&roster).unwrap(), fs::read(at("away")).unwrap());
    assert_eq!(files(&at("keys")), keys);

    // one that had keys after the first, or stores, does not
    for trace in ["keys/sequencer.1.key", "store/sequencer.log"] {
        fs::remove_file(&roster).unwrap();
        fs::write(at(trace), "").unwrap();
        let why = why_not(directory.path(), plan());
        assert!(why.contains("the roster is gone") && why.contains(trace), "{why}");
        fs::remove_file(at(trace)).unwrap();
        fs::copy(at("away"), &roster).unwrap();
    }
    // nor one whose operator's key was taken away
    fs::remove_file(&roster).unwrap();
    fs::remove_file(at("keys/operator-0.key")).unwrap();
    let why = why_not(directory.path(), plan());
    assert!(why.contains("the roster is gone") && why.contains("keys/handler-0.key"), "{why}");
}

#[test]
fn actors_of_a_cluster_share_it_and_its_keys_may_be_replaced_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    assert!(command(&["init", "--data", data]).status.success());
    let part =
        |actor: &str| Deployment::open_for(directory.path(), Architecture::Parallel, actor.parse().unwrap());
    let (one, other) = (part("sequencer").unwrap(), part("incoming/0").unwrap());
    assert!(matches!(open(directory.path(), plan()).err().unwrap(), DeploymentError::Busy { .. }));
    assert!(command(&["rotate", "sequencer", "--data", data]).status.success());
    drop((one, other));
    let whole = open(directory.path(), plan()).unwrap();
    assert!(matches!(part("sequencer").err().unwrap(), DeploymentError::Busy { .. }));
    drop(whole);
    // without the operator's key nothing is made
    fs::remove_file(directory.path().join("keys/operator-0.key")).unwrap();
    let before = files(directory.path());
    refused(&["rotate", "sequencer", "--data", data], "operator-0.key");
    assert_eq!(files(directory.path()), before);
}

#[test]
fn an_actor_that_has_lost_its_state_is_told_of_in_every_life() {
    let directory = tempfile::tempdir().unwrap();
    serving(directory.path(), |address| {
        let url = format!("http://{address}");
        let client = directory.path().join("client");
        let client = ["client", "--dir", client.to_str().unwrap(), "--server", &url];
        let id = String::from_utf8(command(&[&client[..], &["keys"]].concat()).stdout).unwrap();
        let send = ["send", "--to", id.trim(), "text"];
        assert!(command(&[&client[..], &send].concat()).status.success());
        assert!(get(address, "/ready").contains(" 200 "));
    });
    for file in ["incoming-0.redb", "incoming-0.log"] {
        fs::write(directory.path().join("store").join(file), "").unwrap();
    }
    for _ in 0..2 {
        serving(directory.path(), |address| {
            let told = || {
                let ready = get(address, "/ready");
                ready.contains(" 503 ") && ready.contains("incoming/0 has lost its state")
            };
            // it says so when it has stored that
            let is_told = (0..1500).any(|_| {
                told() || {
                    thread::sleep(Duration::from_millis(20));
                    false
                }
            });
            assert!(is_told);
            assert!(get(address, "/metrics").contains("\nnoise_retired{actor=\"incoming/0\"} 1\n"));
        });
    }
}

/// The command line, for clients of one server whose directories are in this one.
struct Tool<'a> {
    directory: &'a Path,
    url: String,
}

impl<'a> Tool<'a> {
    fn of(directory: &'a Path, address: SocketAddr) -> Self {
        Tool { directory, url: format!("http://{address}") }
    }

    fn dir(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    fn with<T>(&self, name: &str, rest: &[&str], act: impl FnOnce(&[&str]) -> T) -> T {
        let own = self.dir(name);
        act(&[&["client", "--dir", &own, "--server", &self.url, "--patience-s", "20"][..], rest].concat())
    }

    /// Exit status, what it says, and what it says of errors.
    fn ask(&self, name: &str, rest: &[&str]) -> (Option<i32>, String, String) {
        let output = self.with(name, rest, command);
        let [said, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), said, error)
    }

    /// One that goes on, to be written to and read from.
    fn start(&self, name: &str, rest: &[&str]) -> Child {
        self.with(name, rest, |arguments| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
    }

    /// Copies the directory of a client.
    fn copy(&self, name: &str, copy: &str) {
        fs::create_dir(self.dir(copy)).unwrap();
        for (path, bytes) in files(Path::new(&self.dir(name))) {
            fs::write(Path::new(&self.dir(copy)).join(path.file_name().unwrap()), bytes).unwrap();
        }
        let key = Path::new(&self.dir(copy)).join("client.key");
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_client_sends_what_it_is_given_and_watches_what_comes() {
    let directory = tempfile::tempdir().unwrap();
    serving(&directory.path().join("server"), |address| {
        let tool = Tool::of(directory.path(), address);
        let id = tool.ask("ann", &["keys"]).1.trim().to_owned();
        let mut sending = tool.start("ann", &["send", "--to", &id, "-"]);
        // its standard input ends with the statement
        sending.stdin.take().unwrap().write_all(b"from standard input").unwrap();
        let sent = sending.wait_with_output().unwrap();
        assert!(sent.status.success(), "{sent:?}");
        // what comes while it waits for the receipt is shown by it, and perhaps once more by the next use
        let (code, received, error) = tool.ask("ann", &["receive", "--quiet-s", "2"]);
        assert_eq!(code, Some(0), "{error}");
        let shown = String::from_utf8(sent.stdout).unwrap() + &received;
        assert!(shown.contains(" from standard input\n"), "{shown}");

        let mut watching = tool.start("ann", &["watch"]);
        let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
        let (code, _, error) = tool.ask("bob", &["send", "--to", &id, "while she watches"]);
        assert_eq!(code, Some(0), "{error}");
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with(" while she watches")));
        assert_eq!(watching.try_wait().unwrap(), None, "it goes on");
        watching.kill().unwrap();
        watching.wait().unwrap();
    });
}

#[test]
fn a_client_judges_evidence_and_complains_of_whom_it_exposes_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    serving(&data, |address| {
        let tool = Tool::of(directory.path(), address);
        let id = tool.ask("ann", &["keys"]).1.trim().to_owned();
        let send = |name: &str, text: &str| tool.ask(name, &["send", "--to", &id, text]);
        for name in ["ann", "bob"] {
            assert_eq!(send(name, "text").0, Some(0));
        }
        // both of ann's directory and its copy have sent: she has signed twice
        tool.copy("ann", "copy");
        assert_eq!(send("ann", "text").0, Some(0));
        assert_eq!(send("copy", "another text").0, Some(2));
        let mut found = fs::read_dir(data.join("evidence")).unwrap().map(|file| file.unwrap().path());
        let found = found.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
        let evidence = found.to_str().unwrap();

        let (code, said, error) = tool.ask("bob", &["verify", evidence]);
        assert_eq!((code, error.as_str()), (Some(0), ""));
        assert!(said.starts_with("exposed: ") && said.contains(" proven by\n"), "{said}");
        let (code, said, error) = tool.ask("bob", &["complain", evidence]);
        assert_eq!(code, Some(0), "{said}{error}");
        assert!(said.starts_with("mailbox/"), "who answers, and how: {said}");
        let (code, said, error) = tool.ask("bob", &["complain", evidence]);
        assert_eq!(code, Some(0), "{said}{error}");
        assert!(said.contains("complained of it before"), "{said}");

        let other = tool.dir("other.json");
        fs::write(&other, "{}").unwrap();
        for action in ["verify", "complain"] {
            let (code, said, error) = tool.ask("bob", &[action, &other]);
            assert!(code == Some(2) && error.contains("other.json"), "{action}: {said}{error}");
        }
    });
}

#[test]
fn a_client_says_why_nothing_will_come_of_it() {
    let directory = tempfile::tempdir().unwrap();
    serving(&directory.path().join("server"), |address| {
        let tool = Tool::of(directory.path(), address);
        let dir = |name: &str| tool.dir(name);
        let client = |name: &str, rest: &[&str]| tool.ask(name, rest);
        let id = client("ann", &["keys"]).1.trim().to_owned();
        let send = ["send", "--to", &id, "text"];
        let (code, _, error) = client("ann", &send);
        assert_eq!((code, error.as_str()), (Some(0), ""), "it ends in good order");

        // its directory is in use
        let held = Lock::whole(Path::new(&dir("ann"))).unwrap();
        for action in [&send[..], &["receive", "--quiet-s", "1"]] {
            let (code, _, error) = client("ann", action);
            assert_eq!(code, Some(2), "{error}");
            assert!(error.contains("another process uses this directory"), "{error}");
        }
        drop(held);

        // both of a directory and its copy have sent
        tool.copy("ann", "copy");
        assert_eq!(client("ann", &send).0, Some(0));
        for _ in 0..2 {
            let (code, _, error) = client("copy", &["send", "--to", &id, "another text"]);
            assert!(code == Some(2) && error.contains("its directory is an old copy"), "{code:?} {error}");
        }
        let evidence = fs::read_dir(directory.path().join("server/evidence")).unwrap().count();
        assert!((1..=2).contains(&evidence), "each incoming actor may find it: {evidence}");
        let told = "noise_exposed_total{actor=\"client\"} ";
        let metrics = get(address, "/metrics");
        let told: usize = metrics.lines().find_map(|line| line.strip_prefix(told)).unwrap().parse().unwrap();
        assert_eq!(told, evidence, "each piece counts once, however often it is handed in");
        // what others send comes to it all the same
        let (code, _, error) = client("copy", &["receive", "--quiet-s", "1"]);
        assert!(code == Some(0) && error.contains("its directory is an old copy"), "{code:?} {error}");

        // its key is lost
        let key = Path::new(&dir("ann")).join("client.key");
        fs::rename(&key, directory.path().join("away")).unwrap();
        for action in [&send[..], &["keys"]] {
            let (code, _, error) = client("ann", action);
            assert!(code == Some(2) && error.contains("the key is not here"), "{code:?} {error}");
            assert!(!key.exists());
        }
        fs::rename(directory.path().join("away"), &key).unwrap();

        // what it had stored is lost
        for file in ["client.redb", "client.log"] {
            fs::write(Path::new(&dir("ann")).join(file), "").unwrap();
        }
        for action in [&send[..], &["receive", "--quiet-s", "5"], &send[..]] {
            let (code, _, error) = client("ann", action);
            assert!(code == Some(2) && error.contains("has lost what it had stored"), "{code:?} {error}");
        }
    });
}

//! Options that an architecture has no use for are refused, before anything is made.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod serving;

use std::{fs, os::unix::fs::PermissionsExt};

use serving::{command, refused};

#[test]
fn a_server_of_one_key_is_given_no_actors_no_witnesses_and_no_handler_receipts() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for architecture in ["central", "multithreaded"] {
        let with = |command: &str, options: &[&str], why: &str| {
            let common = [command, "--architecture", architecture, "--data", data.to_str().unwrap()];
            refused(&[&common[..], options].concat(), why);
            assert!(!data.exists(), "{options:?}");
        };
        with("run", &["--incoming", "3"], "--incoming: a ");
        with("run", &["--mailboxes", "3"], "--mailboxes: a ");
        with("run", &["--witnesses", "1"], "`cargo server init`");
        with("init", &["--witnesses", "1", "--mailboxes", "2"], "--mailboxes: a ");
        with("run", &["--handler-receipts"], "handler receipts are for parallel");

        let cluster = directory.path().join("cluster.toml");
        let common = format!("architecture = \"{architecture}\"\nepoch_ms = 5\nheartbeat_ms = 20\n");
        fs::write(&cluster, common + "handler_receipts = true\n[actor]\n").unwrap();
        let [cluster, data] = [&cluster, &data].map(|path| path.to_str().unwrap());
        let start = ["actor", "sequencer", "--cluster", cluster, "--data", data];
        refused(&start, "handler receipts are for parallel");
    }
}

#[test]
fn an_actor_that_serves_tls_says_so_in_the_cluster_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (data, cluster, certificate, key) =
        (path("data"), path("cluster.toml"), path("cert.pem"), path("key.pem"));
    assert!(command(&["init", "--data", &data]).status.success());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let tls = ["--tls-certificate", &certificate, "--tls-key", &key];
    let start = [&["actor", "handler/0", "--cluster", &cluster, "--data", &data][..], &tls].concat();
    refused(&start, "key.pem: everybody may read this key (mode 644)");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let place = "epoch_ms = 5\nheartbeat_ms = 20\n[actor.\"handler/0\"]\nlisten = \"127.0.0.1:0\"\n";
    for url in ["", "url = \"http://localhost:1\"\n"] {
        // an address that is none of this machine's: nothing is listened on before
        fs::write(&cluster, format!("{place}http = \"192.0.2.1:1\"\n{url}")).unwrap();
        refused(&start, "handler/0 serves TLS, so its place in the cluster file needs url");
    }
    fs::write(&cluster, format!("{place}http = \"192.0.2.1:1\"\nurl = \"https://localhost:1\"\n")).unwrap();
    refused(&start, "cannot listen on 192.0.2.1:1");
    // what nobody would find out but by waiting
    let plain = ["actor", "handler/0", "--cluster", &cluster, "--data", &data];
    for (rest, why) in [
        ("http = \"127.0.0.1:0\"\n", "the cluster file has no place for incoming/0"),
        ("url = \"ftp://localhost\"\n", "[actor.\"handler/0\"]: url: \"ftp://localhost\" is no server"),
        ("http = \"0.0.0.0:1\"\n", "clients cannot turn to 0.0.0.0:1"),
    ] {
        fs::write(&cluster, format!("{place}{rest}")).unwrap();
        refused(&plain, why);
    }
}

#[test]
fn bounds_with_which_nobody_would_be_served_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let run = ["run", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let bounds = [
        "--connections-max",
        "--peers-max",
        "--body-bytes-max",
        "--messages-max",
        "--recipients-max",
        "--client-rate",
        "--readers-max",
        "--idle-ms",
        "--body-ms",
        "--write-ms",
        "--answer-ms",
        "--event-heartbeat-ms",
        "--devices-max",
        "--device-idle-ms",
        "--mailroom-bytes-max",
        "--checkers",
    ];
    for bound in bounds {
        for value in ["0", "4294967295"] {
            refused(&[&run[..], &[bound, value]].concat(), "is not in 1..=");
        }
    }
    // of all requests together there may be 4 GiB
    for bound in ["--bodies-bytes-max", "--answers-bytes-max"] {
        for value in ["0", "4294967296"] {
            refused(&[&run[..], &[bound, value]].concat(), "is not in 1..=");
        }
    }
    assert!(!data.exists(), "nothing is made");
}

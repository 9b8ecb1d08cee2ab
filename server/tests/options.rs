//! Options that an architecture has no use for are refused, before anything is made.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod serving;

use std::fs;

use serving::refused;

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

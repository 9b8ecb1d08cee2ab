//! `cargo server rotate`: a deployment goes on with other keys, its clients follow, and nobody is blamed.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod serving;

use std::{fs, path::Path};

use server::{
    architecture::Architecture,
    deployment::Plan,
    protocol::{
        id::{ActorId, Role},
        roster::Roster,
        roster_file,
        statement::Kind,
    },
    service::{Service, Settings},
};
use serving::{command, refused};

fn plan(architecture: Architecture) -> Plan {
    Plan::new(architecture, 2, 2, 1)
}

/// Succeeds, and says this.
fn done(arguments: &[&str]) -> String {
    let output = command(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a server, and a client that sends itself a message and gets all until then that it did not get before.
fn a_life(architecture: Architecture, data: &Path, client: &Path, message: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let service = runtime.block_on(Service::start(Settings::new(plan(architecture), data))).unwrap();
    let url = format!("http://{}", service.address);
    let client = client.to_str().unwrap();
    let of = |rest: &[&str]| done(&[&["client", "--dir", client, "--server", &url][..], rest].concat());
    let id = of(&["keys"]).trim().to_owned();
    // it may come while the receipt is waited for
    let shown = of(&["send", "--to", &id, message]);
    assert!(shown.contains(message) || of(&["receive", "--count", "1"]).contains(message));
    runtime.block_on(service.stop(1_000_000_000));
    assert_eq!(fs::read_dir(data.join("evidence")).unwrap().count(), 0, "nobody is exposed");
}

fn roster(path: &Path) -> Roster {
    (*roster_file::from_json(&fs::read_to_string(path).unwrap()).unwrap().roster).clone()
}

#[test]
fn a_deployment_goes_on_with_other_keys() {
    for (architecture, actor) in
        [(Architecture::Parallel, "incoming/0"), (Architecture::Central, "sequencer")]
    {
        let directory = tempfile::tempdir().unwrap();
        let (data, client) = (directory.path().join("server"), directory.path().join("client"));
        a_life(architecture, &data, &client, "with the first key");
        let rotate = ["rotate", actor, "--data", data.to_str().unwrap()];
        assert_eq!(done(&rotate), format!("roster 1: {actor} has key 1\n"));
        a_life(architecture, &data, &client, "with the second key");
        assert_eq!(done(&[&rotate[..], &["--revoke"]].concat()), format!("roster 2: {actor} has key 2\n"));
        a_life(architecture, &data, &client, "when the second key is revoked");

        let kept = roster(&client.join("roster.json"));
        assert_eq!((kept.version(), kept), (2, roster(&data.join("roster.json"))), "the client follows");
        let roster = roster(&data.join("roster.json"));
        let actor: ActorId = actor.parse().unwrap();
        let revoked = roster.numbered(&actor, 1).unwrap().revoked.unwrap();
        assert!(revoked.bounds.fences.iter().any(|fence| fence.next > 1), "{revoked:?}");
        let witnesses = plan(architecture).witnesses as usize;
        assert!(
            revoked.bounds.cosigned.len() == witnesses
                && revoked.bounds.cosigned.iter().all(|count| *count > 1)
        );
        assert!(roster.numbered(&actor, 0).unwrap().revoked.is_none());
        let others =
            roster.members().iter().filter(|member| roster.current_number(&member.actor) == 0).count();
        assert_eq!(
            others,
            if architecture == Architecture::Parallel { 6 } else { 0 },
            "one server has one key"
        );
        assert_eq!(roster.current_number(&ActorId::Server(Role::Operator, 0)), 0);

        // the first key turns out to be stolen, too: it ends where the second began
        let name = actor.to_string();
        let revoke = ["revoke", &name, "--key", "0", "--data", data.to_str().unwrap()];
        assert_eq!(done(&revoke), format!("roster 3: key 0 of {actor} is revoked\n"));
        refused(&revoke, &format!("key 0 of {actor} is no former key that counts"));
        let present = ["revoke", &name, "--key", "2", "--data", data.to_str().unwrap()];
        refused(&present, &format!("key 2 of {actor} is no former key that counts"));
        let roster = self::roster(&data.join("roster.json"));
        let fence = |number: u32, kind: Kind| {
            let fences = &roster.numbered(&actor, number).unwrap().revoked.unwrap().bounds.fences;
            fences.iter().find(|fence| fence.kind == kind).unwrap().next
        };
        let kind = if actor == ActorId::SEQUENCER { Kind::Cut } else { Kind::Seal };
        assert!(
            0 < fence(0, kind) && fence(0, kind) <= fence(1, kind),
            "{:?}",
            [0, 1].map(|n| fence(n, kind))
        );
        a_life(architecture, &data, &client, "when both are");
    }
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (data, client) = (directory.path().join("server"), directory.path().join("client"));
    let (there, path) = (data.to_str().unwrap(), data.join("roster.json"));
    refused(&["rotate", "sequencer", "--data", there], "roster.json");
    done(&["init", "--data", there]);
    refused(&["rotate", "incoming/9", "--data", there], "the roster lists no incoming/9");
    // what signs rosters is no member of them
    refused(&["rotate", "operator/0", "--data", there], "the roster lists no operator/0");
    refused(
        &["rotate", "sequencer", "--data", there, "--revoke"],
        "nothing tells here what sequencer has signed",
    );
    refused(&["rotate", "nobody", "--data", there], "nobody");
    assert_eq!(roster(&path).version(), 0);
    a_life(Architecture::Parallel, &data, &client, "as before");
    // the counts of witnesses that are elsewhere must be those of all
    let counts = ["rotate", "sequencer", "--data", there, "--revoke", "--cosigned", "1,1"];
    refused(&counts, "the former keys of sequencer are no history");
    // and no more than they have cosigned, where their stores tell
    let beyond = ["rotate", "sequencer", "--data", there, "--revoke", "--cosigned", "1000000"];
    refused(&beyond, "witness/0 has cosigned ");
    assert_eq!(roster(&path).version(), 0);
    done(&["rotate", "sequencer", "--data", there, "--revoke", "--cosigned", "1"]);
    // without the new key it does not start
    fs::remove_file(data.join("keys/sequencer.1.key")).unwrap();
    refused(&["run", "--data", there, "--listen", "127.0.0.1:0"], "sequencer.1.key");
}

#[test]
fn a_client_keeps_to_the_succession_that_it_knows() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other, client) =
        (directory.path().join("one"), directory.path().join("other"), directory.path().join("client"));
    a_life(Architecture::Central, &one, &client, "here");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let service =
        runtime.block_on(Service::start(Settings::new(plan(Architecture::Central), &other))).unwrap();
    let url = format!("http://{}", service.address);
    let receive = ["client", "--dir", client.to_str().unwrap(), "--server", &url, "receive"];
    refused(&receive, "not those that this client keeps to");
}

/// Whoever loses what it had signed must not sign again what it may have signed otherwise: it retires.
#[test]
fn a_server_whose_store_is_gone_signs_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let (data, client) = (directory.path().join("server"), directory.path().join("client"));
    a_life(Architecture::Central, &data, &client, "before");
    let store = |end: &str| data.join("store/server").with_extension(end);
    for end in ["redb", "log"] {
        fs::remove_file(store(end)).unwrap();
    }
    assert!(store("stored").exists());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let service =
        runtime.block_on(Service::start(Settings::new(plan(Architecture::Central), &data))).unwrap();
    let url = format!("http://{}", service.address);
    let send = ["client", "--dir", client.to_str().unwrap(), "--server", &url, "--patience-s", "1", "send"];
    let output = command(&[&send[..], &["--to", &"00".repeat(32), "after"]].concat());
    assert!(!output.status.success(), "there is no receipt: {output:?}");
    runtime.block_on(service.stop(1_000_000_000));
    drop(runtime);
    let revoke = ["rotate", "sequencer", "--data", data.to_str().unwrap(), "--revoke"];
    refused(&revoke, " has lost what it signed, and signs nothing more");
}

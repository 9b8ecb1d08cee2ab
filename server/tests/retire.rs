//! An actor whose store is gone, or is not what it was, admits it and signs nothing else; with the real database, on a
//! real file.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use server::{
    actor::{Draft, Notice, Setup, Step, Timing, sequencer::Sequencer},
    node::{Identity, Node, Observer},
    port::{
        Ports, Time,
        file::FileStorage,
        tokio::{RealWork, SystemClock, Tcp, TokioTasks},
    },
    protocol::{
        crypto::Keyring,
        digest::Digest,
        statement::{Kind, Terms},
    },
};
use support::{SEQUENCER, client, draught, signer_of, trust};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(60);

/// Hands every promised statement to the test.
struct Promised(mpsc::UnboundedSender<(Kind, Digest)>);

impl Observer for Promised {
    fn promised(&mut self, _: Time, draft: &Draft, digest: Digest) {
        // the test may have seen enough
        let _ = self.0.send((draft.kind(), digest));
    }

    fn notice(&mut self, _: Time, _: Notice) {}

    fn stepped(&mut self, _: Time, _: &Step) {}
}

/// Runs a sequencer on this file until it has promised so many statements: their kinds and digests.
fn live(file: &Path, statements: usize) -> Vec<(Kind, Digest)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup { trust: trust(1, 1), timing: Timing::of_epoch(1_000_000) };
    let identity = Identity {
        actors: vec![SEQUENCER],
        deployment: setup.trust.deployment,
        keys: Keyring::of(Box::new(signer_of(SEQUENCER))),
        terms: Terms::default(),
        has_stored: FileStorage::has_stored(file),
    };
    let (sender, mut promised) = mpsc::unbounded_channel();
    let file: PathBuf = file.to_owned();
    runtime.block_on(async move {
        let ports = Ports {
            network: Tcp { listen, addresses: Arc::new(BTreeMap::from([(SEQUENCER, listen)])) },
            clock: SystemClock::default(),
            storage: FileStorage::of_actor(&file),
            work: RealWork,
            spawn: TokioTasks,
        };
        let node = Node::default();
        // anything that arrives lets its time begin; nobody connects here
        assert!(node.door().send(draught(0, b"", &[client(0)])));
        let recover = move |stored| Sequencer::recover(setup, stored);
        let running = tokio::spawn(node.run(identity, ports, Promised(sender), recover));
        let mut seen = Vec::new();
        while seen.len() < statements {
            seen.push(tokio::time::timeout(LIMIT, promised.recv()).await.unwrap().unwrap());
        }
        running.abort();
        seen
    })
}

#[test]
fn an_actor_whose_store_is_gone_retires_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sequencer.redb");
    assert!(live(&file, 3).iter().all(|(kind, _)| *kind == Kind::Cut));
    fs::remove_file(&file).unwrap();
    let recovery = live(&file, 1);
    assert_eq!(recovery[0].0, Kind::Recovery);
    assert_eq!(live(&file, 1), recovery, "it says the same again, and nothing else");
}

/// An actor whose file of this name rots: what is kept of it when it retires.
fn retires_for_rot_in(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (file, rotten) = (directory.path().join("sequencer.redb"), directory.path().join(name));
    live(&file, 3);
    let mut bytes = fs::read(&rotten).unwrap();
    // not its header, which says twice what is newest: every page of data
    bytes.iter_mut().skip(4096).step_by(64).for_each(|byte| *byte ^= 0x10);
    fs::write(&rotten, &bytes).unwrap();
    assert_eq!(live(&file, 1)[0].0, Kind::Recovery);
    let kept = fs::read(directory.path().join(format!("{name}.corrupt"))).unwrap();
    assert_eq!(kept.len(), bytes.len(), "nothing is thrown away");
}

#[test]
fn an_actor_whose_database_has_rotted_puts_its_store_aside_and_retires() {
    retires_for_rot_in("sequencer.redb");
}

#[test]
fn an_actor_whose_log_has_rotted_puts_its_store_aside_and_retires() {
    retires_for_rot_in("sequencer.log");
}

#[test]
fn an_actor_whose_log_is_gone_retires() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sequencer.redb");
    live(&file, 3);
    fs::remove_file(file.with_extension("log")).unwrap();
    assert_eq!(live(&file, 1)[0].0, Kind::Recovery);
}

#[test]
fn an_actor_that_has_never_stored_begins() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sequencer.redb");
    assert!(!FileStorage::has_stored(&file));
    assert_eq!(live(&file, 1)[0].0, Kind::Cut);
    assert!(FileStorage::has_stored(&file), "the mark is set before anything is signed");
}

/// Its database was being made when power was lost, or the disk was full: it has never signed anything.
#[test]
fn an_actor_whose_first_start_was_cut_short_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sequencer.redb");
    fs::write(&file, [0; 4096]).unwrap();
    assert_eq!(live(&file, 1)[0].0, Kind::Cut);
    // and who has signed has the mark, though a crash came before it was set
    let mark = file.with_extension("stored");
    fs::remove_file(&mark).unwrap();
    assert_eq!(live(&file, 2)[0].0, Kind::Cut);
    assert!(mark.exists());
}

#[test]
fn an_actor_that_was_stopped_while_it_put_its_store_aside_retires() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sequencer.redb");
    live(&file, 3);
    fs::rename(&file, directory.path().join("sequencer.redb.corrupt")).unwrap();
    assert_eq!(live(&file, 1)[0].0, Kind::Recovery);
    assert!(directory.path().join("sequencer.redb.corrupt.1").exists(), "what was there before is kept");
}

//! An actor that cannot take a connection for a while, because it has no descriptor left, say, or may have no more, takes those that come
//! after.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{io, path::Path, time::Duration};

use server::{
    actor::{Draft, Notice, Setup, Step, Timing, sequencer::Sequencer},
    node::{Identity, Node, NodeError, Observer},
    port::{
        Network, Ports, Time,
        file::FileStorage,
        local::{Local, Switchboard},
        tokio::{RealWork, SystemClock, TokioTasks},
    },
    protocol::{crypto::Keyring, digest::Digest, frame, id::ActorId, message::Message, statement::Terms},
};
use support::{SEQUENCER, incoming, mailbox, signer_of, trust, witness};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
};

const LIMIT: Duration = Duration::from_secs(60);
/// So often it fails before a connection is taken.
const FAILURES: u32 = 3;

/// A network that cannot accept at first.
#[derive(Clone)]
struct Scarce(Local);

impl Network for Scarce {
    type Stream = DuplexStream;
    type Listener = (<Local as Network>::Listener, u32);

    async fn listen(&self) -> io::Result<Self::Listener> {
        Ok((self.0.listen().await?, FAILURES))
    }

    async fn accept((listener, failures): &mut Self::Listener) -> io::Result<DuplexStream> {
        if *failures > 0 {
            *failures -= 1;
            return Err(io::Error::other("too many open files"));
        }
        Local::accept(listener).await
    }

    async fn connect(&self, to: ActorId) -> io::Result<DuplexStream> {
        self.0.connect(to).await
    }
}

struct Blind;

impl Observer for Blind {
    fn promised(&mut self, _: Time, _: &Draft, _: Digest) {}
    fn notice(&mut self, _: Time, _: Notice) {}
    fn stepped(&mut self, _: Time, _: &Step) {}
}

/// Runs a sequencer on this network.
fn run(node: Node, network: impl Network, directory: &Path) -> JoinHandle<Result<(), NodeError>> {
    let setup = Setup { trust: trust(1, 1), timing: Timing::of_epoch(1_000_000) };
    let identity = Identity {
        actors: vec![SEQUENCER],
        deployment: setup.trust.deployment,
        keys: Keyring::of(Box::new(signer_of(SEQUENCER))),
        terms: Terms::default(),
        has_stored: false,
    };
    let ports = Ports {
        network,
        clock: SystemClock::default(),
        storage: FileStorage::of_actor(&directory.join("sequencer.redb")),
        work: RealWork,
        spawn: TokioTasks,
    };
    let recover = move |stored| Sequencer::recover(setup, stored);
    tokio::spawn(node.run(identity, ports, Blind, recover))
}

/// A connection of somebody who says who it is, and where it wants to go on.
async fn connected(board: &Switchboard, peer: ActorId) -> DuplexStream {
    let mut stream = loop {
        match board.of(peer).connect(SEQUENCER).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let mut said = Vec::new();
    [Message::Hello(peer), Message::Subscribe(1)]
        .iter()
        .for_each(|message| frame::append(&mut said, message));
    // it may be closed already
    let _ = stream.write_all(&said).await;
    stream
}

#[tokio::test]
async fn an_actor_goes_on_accepting_when_it_could_not_for_a_while() {
    let (directory, board) = (tempfile::tempdir().unwrap(), Switchboard::default());
    let running = run(Node::default(), Scarce(board.of(SEQUENCER)), directory.path());
    let cut = async {
        let mut stream = connected(&board, incoming(0)).await;
        let mut bytes = Vec::new();
        loop {
            while let Some((message, length)) = frame::next(&bytes).unwrap() {
                bytes.drain(..length);
                if let Some(Message::Ordered(cut)) = message {
                    return cut.claimed_slot();
                }
            }
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "it hangs up");
        }
    };
    assert_eq!(tokio::time::timeout(LIMIT, cut).await.expect("it is not heard"), 1);
    running.abort();
}

/// Whether anything is said on a connection: a beat at least, if it is not closed.
async fn is_served(stream: &mut DuplexStream) -> bool {
    stream.read(&mut [0]).await.unwrap() > 0
}

#[tokio::test]
async fn an_actor_has_no_more_connections_than_it_may_and_takes_others_in_the_place_of_lost_ones() {
    let (directory, board) = (tempfile::tempdir().unwrap(), Switchboard::default());
    let running = run(Node::default().up_to(2), board.of(SEQUENCER), directory.path());
    let bounded = async {
        let mut first = connected(&board, incoming(0)).await;
        let mut second = connected(&board, mailbox(0)).await;
        assert!(is_served(&mut first).await && is_served(&mut second).await);
        assert!(!is_served(&mut connected(&board, witness(0)).await).await, "it is one too many");
        drop(first);
        while !is_served(&mut connected(&board, witness(0)).await).await {}
        assert!(is_served(&mut second).await);
    };
    tokio::time::timeout(LIMIT, bounded).await.expect("nobody else is served");
    running.abort();
}

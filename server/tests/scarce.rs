//! An actor that cannot take a connection for a while, because it has no descriptor left, say, takes those that come after.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::{io, time::Duration};

use server::{
    actor::{Draft, Notice, Setup, Step, Timing, sequencer::Sequencer},
    node::{Identity, Node, Observer},
    port::{
        Network, Ports, Time,
        file::FileStorage,
        local::{Local, Switchboard},
        tokio::{RealWork, SystemClock, TokioTasks},
    },
    protocol::{crypto::Keyring, digest::Digest, frame, id::ActorId, message::Message, statement::Terms},
};
use support::{SEQUENCER, incoming, signer_of, trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

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

#[tokio::test]
async fn an_actor_goes_on_accepting_when_it_could_not_for_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let board = Switchboard::default();
    let setup = Setup { trust: trust(1, 1), timing: Timing::of_epoch(1_000_000) };
    let identity = Identity {
        actors: vec![SEQUENCER],
        deployment: setup.trust.deployment,
        keys: Keyring::of(Box::new(signer_of(SEQUENCER))),
        terms: Terms::default(),
        has_stored: false,
    };
    let ports = Ports {
        network: Scarce(board.of(SEQUENCER)),
        clock: SystemClock::default(),
        storage: FileStorage::of_actor(&directory.path().join("sequencer.redb")),
        work: RealWork,
        spawn: TokioTasks,
    };
    let recover = move |stored| Sequencer::recover(setup, stored);
    let running = tokio::spawn(Node::default().run(identity, ports, Blind, recover));
    let cut = async {
        let mut stream = loop {
            match board.of(incoming(0)).connect(SEQUENCER).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let mut said = Vec::new();
        [Message::Hello(incoming(0)), Message::Subscribe(1)]
            .iter()
            .for_each(|message| frame::append(&mut said, message));
        stream.write_all(&said).await.unwrap();
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

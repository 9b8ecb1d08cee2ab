//! What the tests have in common: fixed keys, one driven actor ([`Bench`]) and a whole deployment in memory
//! ([`World`]).
//!
//! A bench does with an actor what [`server::node`] does, step by step and by hand: handle, settle, make durable,
//! sign, release. It can crash at the boundaries in between, and rebuilds its actor from the rows alone. A world
//! routes what benches send, as bytes, in the order sent; time passes only when nothing is under way.
#![allow(dead_code, missing_docs, reason = "every test file takes what it needs")]

pub mod history;
mod world;

use std::{collections::BTreeMap, sync::Arc};

use ed25519_dalek::{
    SigningKey,
    hazmat::{ExpandedSecretKey, raw_sign},
};
use server::{
    actor::{
        Actor, Draft, Draught, Input, Issued, Notice, Recovered, Setup, Step, Timing,
        client::Client,
        handler::{Custody, Handler},
        incoming::Incoming,
        mailbox::Mailbox,
        sequencer::Sequencer,
        step::{STATEMENTS, statement_row},
        witness::Witness,
    },
    node::Promise,
    port::{Rows, Time},
    protocol::{
        codec::{Decode, Encode},
        crypto::{Claim, Ed25519, Ed25519Signer, PublicKey, Signature, Signer, Verifier},
        digest::Digest,
        endorsement::Pen,
        id::{ActorId, ClientId, Deployment, Role},
        message::Message,
        roster::{Member, Roster, Rules},
        statement::{Kind, Trust},
    },
};
use sha2::Sha512;
pub use world::World;

pub const HANDLER: ActorId = ActorId::Server(Role::Handler, 0);
pub const SEQUENCER: ActorId = ActorId::SEQUENCER;

pub fn incoming(index: u32) -> ActorId {
    ActorId::Server(Role::Incoming, index)
}

pub fn mailbox(index: u32) -> ActorId {
    ActorId::Server(Role::Mailbox, index)
}

pub fn witness(index: u32) -> ActorId {
    ActorId::Server(Role::Witness, index)
}

/// Stands in for Ed25519 where a test needs very many signatures: the hash of key and preimage, twice.
pub struct Modelled(pub PublicKey);

impl Signer for Modelled {
    fn public(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, preimage: &[u8]) -> Signature {
        let hash = Digest::of(&[&self.0.0, preimage]).0;
        Signature([hash, hash].concat().try_into().unwrap())
    }
}

impl Verifier for Modelled {
    fn verify(&self, (key, preimage, signature): Claim<'_>) -> bool {
        Modelled(key).sign(preimage) == signature
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        claims.iter().all(|claim| self.verify(*claim))
    }
}

fn secret(label: &str) -> [u8; 32] {
    Digest::of(&[label.as_bytes()]).0
}

/// The key of whoever bears this label.
pub fn signer(label: &str) -> Ed25519Signer {
    Ed25519Signer::from_secret(&secret(label))
}

/// Signs validly, and otherwise than the holder of the same secret did before: the nonce is the signer's to choose.
pub struct Again(pub [u8; 32]);

impl Signer for Again {
    fn public(&self) -> PublicKey {
        Ed25519Signer::from_secret(&self.0).public()
    }

    fn sign(&self, preimage: &[u8]) -> Signature {
        let mut expanded: [u8; 64] = <Sha512 as sha2::Digest>::digest(self.0).into();
        expanded[63] ^= 1;
        let (key, own) = (ExpandedSecretKey::from_bytes(&expanded), SigningKey::from_bytes(&self.0));
        Signature(raw_sign::<Sha512>(&key, preimage, &own.verifying_key()).to_bytes())
    }
}

/// The key of a server actor.
pub fn signer_of(actor: ActorId) -> Ed25519Signer {
    signer(&actor.to_string())
}

/// A roster of one operator: as many actors of each role, each with the key of its name.
pub fn roster(handlers: u32, incoming: u32, mailboxes: u32) -> Roster {
    watched_roster(handlers, incoming, mailboxes, 0)
}

/// The same with witnesses, all of whom clients ask for.
pub fn watched_roster(handlers: u32, incoming: u32, mailboxes: u32, witnesses: u32) -> Roster {
    let roles = [
        (Role::Handler, handlers),
        (Role::Incoming, incoming),
        (Role::Sequencer, 1),
        (Role::Mailbox, mailboxes),
        (Role::Witness, witnesses),
    ];
    let actors =
        roles.into_iter().flat_map(|(role, count)| (0..count).map(move |i| ActorId::Server(role, i)));
    let members = actors.map(|actor| Member { actor, operator: 0, key: signer_of(actor).public() });
    Roster::first(
        Rules { challenge_bound: 8, quorum: witnesses },
        vec![signer("operator").public()],
        members.collect(),
    )
    .unwrap()
}

pub fn trust(incoming: u32, mailboxes: u32) -> Trust {
    Trust::new(roster(1, incoming, mailboxes), Arc::new(Ed25519))
}

pub fn setup(incoming: u32, mailboxes: u32) -> Setup {
    let timing = Timing { epoch_ns: 1_000_000, heartbeat_ns: 10_000_000, retry_ns: 50_000_000 };
    Setup { trust: trust(incoming, mailboxes), timing }
}

/// The usual pace, one handler, and witnesses.
pub fn watched_setup(incoming: u32, mailboxes: u32, witnesses: u32) -> Setup {
    let roster = watched_roster(1, incoming, mailboxes, witnesses);
    Setup { trust: Trust::new(roster, Arc::new(Ed25519)), ..setup(incoming, mailboxes) }
}

/// Client `index`, whose key lies in the lower half of the key space if the index is even, else in the upper.
pub fn client_key(index: usize) -> Ed25519Signer {
    Ed25519Signer::from_secret(&client_secret(index))
}

/// The secret of that key.
pub fn client_secret(index: usize) -> [u8; 32] {
    let secrets = (0u32..).map(|attempt| secret(&format!("client {index} {attempt}")));
    let in_place = |secret: &[u8; 32]| {
        let public = Ed25519Signer::from_secret(secret).public();
        usize::from(public.0[0] >> 7) == index % 2
    };
    secrets.into_iter().find(in_place).unwrap()
}

pub fn client(index: usize) -> ClientId {
    ClientId(client_key(index).public())
}

pub fn draught(token: u64, payload: &[u8], recipients: &[ClientId]) -> Draught {
    let ciphertexts = recipients.iter().map(|recipient| (*recipient, recipient.bytes()[..9].to_vec()));
    Draught { token, payload: payload.to_vec(), ciphertexts: ciphertexts.collect() }
}

/// Where a step may end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Nothing of the step is durable.
    BeforeCommit,
    /// All of it is, and nothing was signed or sent.
    AfterCommit,
    /// It was signed, and half of it sent.
    AmidSends,
}

/// What came of a turn.
#[derive(Default)]
pub struct Turn {
    pub sends: Vec<(ActorId, Message)>,
    pub notices: Vec<Notice>,
    pub crashed: bool,
}

type Build = Box<dyn Fn(Recovered) -> Box<dyn Actor>>;

/// One actor with its key and its disk.
pub struct Bench {
    pub me: ActorId,
    pub actor: Box<dyn Actor>,
    pub rows: Rows,
    /// Every digest promised for a slot, over all incarnations.
    pub digests: BTreeMap<(Kind, u64), Digest>,
    /// Every statement signed, by kind and slot: its canonical signed bytes.
    pub signed: BTreeMap<(Kind, u64), Vec<u8>>,
    pub turns: usize,
    /// In which turn it crashes, and where.
    pub crash: Option<(usize, Boundary)>,
    signer: Ed25519Signer,
    deployment: Deployment,
    build: Build,
}

impl Bench {
    pub fn new(me: ActorId, signer: Ed25519Signer, deployment: Deployment, build: Build) -> Self {
        Bench {
            me,
            actor: build(Recovered::default()),
            rows: Rows::new(),
            digests: BTreeMap::new(),
            signed: BTreeMap::new(),
            turns: 0,
            crash: None,
            signer,
            deployment,
            build,
        }
    }

    pub fn handler(setup: &Setup) -> Self {
        let own = setup.clone();
        let build = Box::new(move |_| Box::new(Handler::new(0, own.clone())) as Box<dyn Actor>);
        Bench::new(HANDLER, signer_of(HANDLER), setup.trust.deployment, build)
    }

    /// A handler that signs for what it takes, or not.
    pub fn custodian(custody: Custody, setup: &Setup) -> Self {
        let own = setup.clone();
        let build = move |recovered| {
            Box::new(Handler::recover(0, own.clone(), custody, recovered).unwrap()) as Box<dyn Actor>
        };
        Bench::new(HANDLER, signer_of(HANDLER), setup.trust.deployment, Box::new(build))
    }

    pub fn incoming(index: u32, setup: &Setup) -> Self {
        let own = setup.clone();
        let build = move |recovered| {
            Box::new(Incoming::recover(index, own.clone(), recovered).unwrap()) as Box<dyn Actor>
        };
        Bench::new(incoming(index), signer_of(incoming(index)), setup.trust.deployment, Box::new(build))
    }

    pub fn sequencer(setup: &Setup) -> Self {
        let own = setup.clone();
        let build =
            move |recovered| Box::new(Sequencer::recover(own.clone(), recovered).unwrap()) as Box<dyn Actor>;
        Bench::new(SEQUENCER, signer_of(SEQUENCER), setup.trust.deployment, Box::new(build))
    }

    pub fn mailbox(index: u32, setup: &Setup) -> Self {
        let own = setup.clone();
        let build = move |recovered| {
            Box::new(Mailbox::recover(index, own.clone(), recovered).unwrap()) as Box<dyn Actor>
        };
        Bench::new(mailbox(index), signer_of(mailbox(index)), setup.trust.deployment, Box::new(build))
    }

    pub fn witness(index: u32, setup: &Setup) -> Self {
        let own = setup.clone();
        let build = move |recovered| {
            Box::new(Witness::recover(index, own.clone(), recovered).unwrap()) as Box<dyn Actor>
        };
        Bench::new(witness(index), signer_of(witness(index)), setup.trust.deployment, Box::new(build))
    }

    pub fn client(index: usize, setup: &Setup) -> Self {
        let (own, id) = (setup.clone(), client(index));
        let build = move |recovered| {
            Box::new(Client::recover(id, Digest::of(&[id.bytes()]), 0, own.clone(), recovered).unwrap())
                as Box<dyn Actor>
        };
        Bench::new(ActorId::Client(id), client_key(index), setup.trust.deployment, Box::new(build))
    }

    /// One turn, in the shape that `server::node` gives it.
    pub fn turn(&mut self, now: Time, inputs: Vec<Input>) -> Turn {
        let mut step = Step::at(now);
        let crash = self.crash.filter(|(turn, _)| *turn == self.turns).map(|(_, boundary)| boundary);
        self.turns += 1;
        for input in inputs {
            self.actor.handle(input, &mut step);
        }
        self.actor.settle(&mut step);
        if crash == Some(Boundary::BeforeCommit) {
            return self.restart();
        }
        let promises = Promise::all(std::mem::take(&mut step.promises), self.deployment);
        for promise in promises.iter().filter(|promise| promise.draft.kind().exclusive()) {
            self.check_slot(&promise.draft);
            let row = statement_row(promise.draft.kind(), promise.draft.slot());
            step.changes.insert(row, Some(promise.stored()));
        }
        for (key, value) in std::mem::take(&mut step.changes) {
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
        if crash == Some(Boundary::AfterCommit) {
            return self.restart();
        }
        let mut pen = Pen::default();
        for promise in promises {
            let issued = self.sign(promise, &mut pen);
            self.actor.release(issued, &mut step);
        }
        let (mut sends, notices) = (step.sends, step.notices);
        if crash == Some(Boundary::AmidSends) {
            sends.truncate(sends.len() / 2);
            self.restart();
        }
        Turn { sends, notices, crashed: crash.is_some() }
    }

    /// One slot, one digest, over all incarnations (O10).
    fn check_slot(&mut self, draft: &Draft) {
        let digest = Digest::of(&[&draft.body()]);
        let held = self.digests.insert((draft.kind(), draft.slot()), digest);
        let what = (self.me, draft.kind(), draft.slot());
        assert!(held.is_none_or(|held| held == digest), "{what:?} would have been signed twice");
    }

    /// Signs, and checks that these are the bytes of an earlier time.
    fn sign(&mut self, Promise { draft, path, .. }: Promise, pen: &mut Pen) -> Issued {
        let (kind, slot) = (draft.kind(), draft.slot());
        let issued = draft.sign(path, self.deployment, &self.signer, pen);
        let bytes = issued.to_bytes();
        if let Some(before) = self.signed.insert((kind, slot), bytes.clone()) {
            assert!(before == bytes || !kind.exclusive(), "{} {slot} is signed in another way", kind.name());
        }
        issued
    }

    /// Throws the actor away and makes it anew from what is durable, as `server::node` reads it back.
    pub fn restart(&mut self) -> Turn {
        let mut recovered = Recovered::default();
        let mut pen = Pen::default();
        for (key, value) in &self.rows.clone() {
            if key.first() != Some(&STATEMENTS) {
                recovered.rows.insert(key.clone(), value.clone());
                continue;
            }
            let promise = Promise::read(Kind::from_byte(key[1]).unwrap(), value).unwrap();
            assert_eq!(statement_row(promise.draft.kind(), promise.draft.slot()), *key);
            let issued = self.sign(promise, &mut pen);
            recovered.statements.push(issued);
        }
        self.actor = (self.build)(recovered);
        Turn { crashed: true, ..Turn::default() }
    }
}

/// Over the wire and back: every message a test delivers has passed the codec.
pub fn over_the_wire(message: &Message) -> Message {
    let bytes = message.to_bytes();
    let read = Message::from_bytes(&bytes).expect("an actor sends what can be read");
    assert_eq!(read.to_bytes(), bytes);
    read
}

/// The evidence in some notices.
pub fn caught(notices: &[Notice]) -> Vec<server::protocol::evidence::Evidence> {
    let evidence = |notice: &Notice| match notice {
        Notice::Caught(evidence) => Some((**evidence).clone()),
        _ => None,
    };
    notices.iter().filter_map(evidence).collect()
}

/// What moves custody of all batches of `incoming/0` before this one: a first cut that reaches them, and the
/// attestation of every mailbox actor.
pub fn custody(setup: &Setup, signer: impl Fn(ActorId) -> Box<dyn Signer>, before: u64) -> Vec<Input> {
    use server::protocol::{attestation::Attestation, crypto::Signature, cut::*, id::*, statement::*};
    let (deployment, roster) = (setup.trust.deployment, &setup.trust.roster);
    let seal = Citation {
        kind: Kind::Seal,
        actor: incoming(0),
        slot: before - 1,
        digest: Digest::ZERO,
        endorsement: Signature([0; 64]).into(),
    };
    let mut reached = vec![Reached::default(); roster.incoming() as usize];
    reached[0].seal = Some(seal);
    let cut = Cut {
        epoch: Epoch(1),
        terms: Terms::default(),
        previous: Digest::ZERO,
        base: SequenceId(0),
        total: SequenceId(0),
        reached,
    };
    let cut = Signed::sign(cut, deployment, &*signer(ActorId::SEQUENCER));
    let mut inputs = vec![Input::Message(ActorId::SEQUENCER, Message::Ordered(cut.to_unverified()))];
    for index in 0..roster.mailboxes() {
        let attestation = Attestation {
            mailbox: index,
            epoch: Epoch(1),
            terms: Terms::default(),
            cut: cut.cite(),
            previous: Digest::ZERO,
            mailboxes: 0,
            root: Digest::ZERO,
        };
        let attestation = Signed::sign(attestation, deployment, &*signer(mailbox(index)));
        inputs.push(Input::Message(mailbox(index), Message::Attested(attestation.to_unverified())));
    }
    inputs
}

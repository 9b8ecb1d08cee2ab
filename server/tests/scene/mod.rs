//! A scene to judge: two epochs of an honest deployment, written by hand, and for every predicate and every fault a
//! lie that departs from it in one place, beside the honest statements that come closest to it.
#![allow(dead_code, missing_docs, reason = "every test file takes what it needs")]

mod cases;

use std::{collections::BTreeMap, sync::Arc};

#[allow(unused_imports, reason = "every test file takes what it needs")]
pub use cases::{Case, cases};
use server::protocol::{
    ack::Ack,
    attestation::{Attestation, MailboxHead, Mailboxes},
    bundle::{Bundle, Content, Envelope, Submission},
    complaint::{Charge, Complaint, Defence, Ground},
    cosignature::Cosignature,
    crypto::{Ed25519, PublicKey, Signer},
    cut::{Cut, Reached},
    digest::Digest,
    handler_receipt::HandlerReceipt,
    id::{
        ActorId, BatchNumber, BundleNumber, ClientId, Count, Epoch, Generation, Position, Role, SequenceId,
    },
    map::Map,
    merkle::Tree,
    receipt::{Receipt, bundle_leaf},
    refusal::{Reason, Refusal},
    roster::{Member, Roster, Rules},
    seal::{Manifest, Positions, Seal},
    seal_ack::SealAck,
    statement::{Citation, Signed, Statement, Terms, Trust},
};

use crate::support::{Modelled, client, client_key, incoming, signer, signer_of};

pub const TERMS: Terms = Terms { roster: 0, key: 0 };
/// How many clients have a key here. Those with an even index are served by actors 0, the others by actors 1.
pub const CLIENTS: usize = 4;

/// Two of every role but one sequencer; the first handler is an agent.
fn roster() -> Roster {
    let roles = [
        (Role::Handler, 2),
        (Role::Incoming, 2),
        (Role::Sequencer, 1),
        (Role::Mailbox, 2),
        (Role::Witness, 2),
    ];
    let actors =
        roles.into_iter().flat_map(|(role, count)| (0..count).map(move |i| ActorId::Server(role, i)));
    let members = actors.map(|actor| Member { actor, operator: 0, key: signer_of(actor).public() });
    let rules = Rules { challenge_bound: 8, quorum: 0 };
    Roster::first(rules, vec![signer("operator").public()], members.collect())
        .unwrap()
        .with_agents(vec![0])
        .unwrap()
}

/// Signs for everyone.
pub struct Pen {
    pub trust: Trust,
    modelled: bool,
}

impl Pen {
    /// Signatures that cost nothing.
    pub fn modelled() -> Self {
        let verifier = Arc::new(Modelled(PublicKey([0; 32])));
        Pen { trust: Trust::new(roster(), verifier), modelled: true }
    }

    /// Ed25519.
    pub fn real() -> Self {
        Pen { trust: Trust::new(roster(), Arc::new(Ed25519)), modelled: false }
    }

    fn key_of(&self, actor: ActorId) -> Box<dyn Signer> {
        if self.modelled {
            return Box::new(Modelled(self.trust.roster.key_of(&actor).unwrap()));
        }
        match actor {
            ActorId::Client(id) => {
                Box::new(client_key((0..CLIENTS).find(|index| client(*index) == id).unwrap()))
            }
            server => Box::new(signer_of(server)),
        }
    }

    pub fn sign<T: Statement>(&self, body: T) -> Signed<T> {
        let key = self.key_of(body.actor());
        Signed::sign(body, self.trust.deployment, &*key)
    }

    /// The statement with a signature of someone else.
    pub fn forge<T: Statement>(&self, body: T) -> Signed<T> {
        let thief = Modelled(signer("thief").public());
        match self.modelled {
            true => Signed::sign(body, self.trust.deployment, &thief),
            false => Signed::sign(body, self.trust.deployment, &signer("thief")),
        }
    }
}

/// A bundle with its content.
#[derive(Clone)]
pub struct Parcelled {
    pub bundle: Signed<Bundle>,
    pub content: Content,
}

impl Parcelled {
    pub fn leaf(&self) -> Digest {
        bundle_leaf(&self.bundle.cite())
    }

    pub fn submission(&self) -> Submission {
        Submission { bundle: self.bundle.to_unverified(), content: self.content.clone() }
    }
}

pub fn content(payload: &[u8], to: &[usize]) -> Content {
    let mut envelopes: Vec<Envelope> = to
        .iter()
        .map(|index| Envelope {
            recipient: client(*index),
            salt: [*index as u8; 16],
            ciphertext: [payload, &[*index as u8]].concat(),
        })
        .collect();
    envelopes.sort_by_key(|envelope| envelope.recipient);
    Content::new(payload.to_vec(), envelopes)
}

/// What a client would sign.
pub fn draft(from: usize, before: Option<&Parcelled>, content: &Content, seen: Option<Citation>) -> Bundle {
    Bundle {
        client: client(from),
        number: before.map_or(BundleNumber(0), |before| before.bundle.number.next()),
        terms: TERMS,
        previous: before.map_or(Digest::ZERO, |before| before.bundle.digest()),
        commitment: content.commitment(),
        expiry: Epoch(1_000_000),
        seen,
    }
}

pub fn tree(bundles: &[Parcelled]) -> Tree {
    Tree::new(bundles.iter().map(Parcelled::leaf).collect())
}

pub fn manifest(start: Position, bundles: &[Parcelled]) -> Manifest {
    let mut positions: BTreeMap<ClientId, Positions> = BTreeMap::new();
    for (index, parcelled) in bundles.iter().enumerate() {
        for envelope in parcelled.content.envelopes() {
            positions.entry(envelope.recipient).or_default().0.push(Position(start.0 + index as u64));
        }
    }
    let mut manifest = Map::default();
    positions.into_iter().for_each(|(recipient, positions)| manifest.insert(recipient, positions));
    manifest
}

pub fn cited(bundles: &[Parcelled]) -> Vec<Citation> {
    bundles.iter().map(|parcelled| parcelled.bundle.cite()).collect()
}

/// What an incoming actor would sign of these bundles.
pub fn seal(
    index: u32,
    before: Option<&Signed<Seal>>,
    bundles: &[Parcelled],
    seen: Option<&Signed<Cut>>,
) -> Seal {
    let start = before.map_or(Position(0), |before| before.end);
    let chain = before.map_or(Digest::ZERO, |before| before.chain);
    Seal {
        incoming: index,
        batch: before.map_or(BatchNumber(0), |before| before.batch.next()),
        terms: TERMS,
        start,
        end: Position(start.0 + bundles.len() as u64),
        chain: bundles.iter().fold(chain, |chain, parcelled| chain.append(parcelled.leaf())),
        previous: before.map_or(Digest::ZERO, Signed::digest),
        leaves: tree(bundles).root(),
        manifest: manifest(start, bundles).root(),
        content_bytes: bundles.iter().map(|parcelled| parcelled.content.bytes()).sum(),
        seen: seen.map(Signed::cite),
    }
}

/// What an incoming actor would promise of these bundles.
pub fn receipt(index: u32, first: u64, chain: Digest, bundles: &[Parcelled]) -> Receipt {
    Receipt {
        incoming: index,
        first: Position(first),
        terms: TERMS,
        count: bundles.len() as u32,
        leaves: tree(bundles).root(),
        chain: bundles.iter().fold(chain, |chain, parcelled| chain.append(parcelled.leaf())),
    }
}

/// What the sequencer would sign over the last seals taken.
pub fn cut(before: Option<&Signed<Cut>>, seals: &[Option<&Signed<Seal>>]) -> Cut {
    let reached: Vec<Reached> = seals
        .iter()
        .map(|seal| Reached { seal: seal.map(Signed::cite), end: seal.map_or(Position(0), |seal| seal.end) })
        .collect();
    Cut {
        epoch: before.map_or(Epoch(1), |before| before.epoch.next()),
        terms: TERMS,
        previous: before.map_or(Digest::ZERO, Signed::digest),
        base: before.map_or(SequenceId(0), |before| before.total),
        total: SequenceId(reached.iter().map(|reached| reached.end.0).sum()),
        reached,
    }
}

/// What a mailbox actor would attest if it held these mailboxes.
pub fn attestation(
    index: u32,
    before: Option<&Signed<Attestation>>,
    cut: &Signed<Cut>,
    mailboxes: &mut Mailboxes,
) -> Attestation {
    Attestation {
        mailbox: index,
        epoch: cut.epoch,
        terms: TERMS,
        cut: cut.cite(),
        previous: before.map_or(Digest::ZERO, Signed::digest),
        mailboxes: mailboxes.len(),
        root: mailboxes.root(),
    }
}

pub fn mailboxes(of: &[usize]) -> Mailboxes {
    let mut all = Mailboxes::default();
    for index in of {
        all.insert(client(*index), MailboxHead::default().deliver(SequenceId(0), Digest::of(&[b"leaf"])));
    }
    all
}

pub fn refusal(index: u32, of: &Parcelled, reason: Reason) -> Refusal {
    Refusal {
        incoming: index,
        client: of.bundle.client,
        number: of.bundle.number,
        bundle: of.bundle.digest(),
        terms: TERMS,
        reason,
    }
}

pub fn complaint(from: ActorId, number: u64, against: ActorId, acks: u64, charge: Charge) -> Complaint {
    Complaint { complainer: from, number, terms: TERMS, against, acks, charge }
}

pub fn defence(from: ActorId, complaint: Citation, ground: Ground) -> Defence {
    Defence { actor: from, number: 0, terms: TERMS, complaint, ground }
}

/// Two epochs. Incoming actor 0 has taken two seals of two bundles, incoming actor 1 one of one.
pub struct Scene {
    pub pen: Pen,
    /// Two of client 0; then one each of clients 0 and 2, the first of which has seen cut 1.
    pub bundles: [Vec<Parcelled>; 2],
    /// One of client 1.
    pub others: Vec<Parcelled>,
    pub seals: [Signed<Seal>; 2],
    pub other_seal: Signed<Seal>,
    pub receipts: [Signed<Receipt>; 2],
    pub cuts: [Signed<Cut>; 2],
    pub attestations: [Signed<Attestation>; 2],
    pub other_attestations: [Signed<Attestation>; 2],
    pub mailboxes: Mailboxes,
    pub ack: Signed<Ack>,
    pub seal_ack: Signed<SealAck>,
    pub cosignatures: [Signed<Cosignature>; 2],
    /// Two, for the bundles of client 0.
    pub handler_receipts: [Signed<HandlerReceipt>; 2],
}

impl Scene {
    pub fn new(pen: Pen) -> Self {
        let write = |from: usize, before: Option<&Parcelled>, text: &[u8], to: &[usize], seen| {
            let content = content(text, to);
            Parcelled { bundle: pen.sign(draft(from, before, &content, seen)), content }
        };
        let first = write(0, None, b"one", &[0, 1, 2], None);
        let second = write(0, Some(&first), b"two", &[1, 3], None);
        let others = vec![write(1, None, b"other", &[0, 1], None)];
        let early = vec![first, second.clone()];
        let seal_0 = pen.sign(seal(0, None, &early, None));
        let other_seal = pen.sign(seal(1, None, &others, None));
        let cut_1 = pen.sign(cut(None, &[Some(&seal_0), Some(&other_seal)]));
        let third = write(0, Some(&second), b"three", &[2], Some(cut_1.cite()));
        let late = vec![third, write(2, None, b"four", &[0, 3], None)];
        let seal_1 = pen.sign(seal(0, Some(&seal_0), &late, Some(&cut_1)));
        let cut_2 = pen.sign(cut(Some(&cut_1), &[Some(&seal_1), Some(&other_seal)]));
        let mut held = mailboxes(&[0, 2]);
        let mut others_held = mailboxes(&[1, 3]);
        let attested_1 = pen.sign(attestation(0, None, &cut_1, &mut held));
        let attested_2 = pen.sign(attestation(0, Some(&attested_1), &cut_2, &mut held));
        let others_1 = pen.sign(attestation(1, None, &cut_1, &mut others_held));
        let others_2 = pen.sign(attestation(1, Some(&others_1), &cut_2, &mut others_held));
        let ack = pen.sign(Ack {
            client: client(0),
            clock: 3,
            terms: TERMS,
            generation: Generation(0),
            count: Count(5),
            head: Digest::ZERO,
            attestation: attested_2.cite(),
        });
        let seal_ack = pen.sign(SealAck {
            number: 0,
            terms: TERMS,
            after: Epoch(1),
            seals: vec![seal_1.cite(), other_seal.cite()],
        });
        let heads = [vec![seal_0.cite(), cut_1.cite()], vec![seal_1.cite(), cut_2.cite(), cut_1.cite()]];
        let cosigned = |number: u64| {
            let heads = heads[number as usize].clone();
            pen.sign(Cosignature { witness: 0, number, terms: TERMS, heads })
        };
        let in_custody = |number: u64| {
            let bundle = early[number as usize].bundle.cite();
            pen.sign(HandlerReceipt { handler: 0, number, terms: TERMS, bundle, incoming: 0 })
        };
        Scene {
            handler_receipts: [in_custody(0), in_custody(1)],
            receipts: [
                pen.sign(receipt(0, 0, Digest::ZERO, &early)),
                pen.sign(receipt(0, 2, seal_0.chain, &late)),
            ],
            cosignatures: [cosigned(0), cosigned(1)],
            bundles: [early, late],
            others,
            seals: [seal_0, seal_1],
            other_seal,
            cuts: [cut_1, cut_2],
            attestations: [attested_1, attested_2],
            other_attestations: [others_1, others_2],
            mailboxes: held,
            ack,
            seal_ack,
            pen,
        }
    }

    /// Signs.
    pub fn sign<T: Statement>(&self, body: T) -> Signed<T> {
        self.pen.sign(body)
    }

    /// The two bundles of the second seal, the first replaced.
    pub fn late_with(&self, bundle: Parcelled) -> Vec<Parcelled> {
        vec![bundle, self.bundles[1][1].clone()]
    }

    /// The second seal of incoming actor 0 over other bundles.
    pub fn reseal(&self, bundles: &[Parcelled]) -> Signed<Seal> {
        self.sign(seal(0, Some(&self.seals[0]), bundles, Some(&self.cuts[0])))
    }

    /// The second seal with a change.
    pub fn seal_with(&self, change: impl FnOnce(&mut Seal)) -> Signed<Seal> {
        let mut seal = (*self.seals[1]).clone();
        change(&mut seal);
        self.sign(seal)
    }

    /// The second cut with a change.
    pub fn cut_with(&self, change: impl FnOnce(&mut Cut)) -> Signed<Cut> {
        let mut cut = (*self.cuts[1]).clone();
        change(&mut cut);
        self.sign(cut)
    }

    /// A bundle of a client after one of its own.
    pub fn write(&self, from: usize, before: Option<&Parcelled>, seen: Option<Citation>) -> Parcelled {
        let content = content(b"again", &[0, 3]);
        Parcelled { bundle: self.sign(draft(from, before, &content, seen)), content }
    }

    pub fn incoming_0(&self) -> ActorId {
        incoming(0)
    }
}

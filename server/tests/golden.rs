//! Golden vectors: fixed inputs, and the very bytes that they must become.
//!
//! `golden.txt` beside this file is the contract: from it and the module docs of `server::protocol` a stranger can
//! write a second implementation. Secrets are the SHA-256 of their label. A line is `name = value`; of a statement:
//! `body`, `digest` = SHA-256(body), `preimage`, `signature` = Ed25519(secret, preimage), `encoding` = length(4) ‖
//! body ‖ signature as it is sent and stored, `citation`. Three bodies are put together here by hand as well.
//!
//! When the format changes on purpose: `GOLDEN=write cargo test -p server --test golden`, and review the difference.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use std::{fmt::Write as _, sync::Arc};

use scene::{Pen, Scene, cases};
use server::protocol::{
    ack::Ack,
    agency::{Agency, device_digest},
    attestation::{Attestation, MailboxHead, Mailboxes},
    bundle::{Bundle, Content, Envelope},
    challenge::{Answer, Challenge, Demand, Response},
    codec::{Decode, Encode},
    complaint::{Admission, Charge, Complaint, Defence, Ground},
    cosignature::Cosignature,
    crypto::{Ed25519, Ed25519Signer, Signer},
    cut::{Cut, Reached},
    derivation::{Derivation, SealPart},
    digest::Digest,
    evidence::Evidence,
    handler_receipt::HandlerReceipt,
    id::{
        ActorId, BatchNumber, BundleNumber, ClientId, Count, Deployment, Epoch, Generation, Position, Role,
        SequenceId,
    },
    map::{Map, Pruned},
    merkle::{self, Tree},
    message::{Delivery, Message},
    predicate::{attestation::BadAttestation, equivocation::Equivocation},
    receipt::{Receipt, bundle_leaf},
    recovery::{Fence, Lost, Recovery},
    refusal::{Reason, Refusal},
    roster::{Roster, keys::Bounds, succession::Change},
    seal::{Manifest, Positions, Seal},
    seal_ack::SealAck,
    statement::{Citation, Kind, Signed, Statement, Terms, Trust, Unverified, preimage},
};
use support::{HANDLER, SEQUENCER, incoming, mailbox, roster, signer, signer_of};

const TERMS: Terms = Terms { roster: 0, key: 0 };

/// The lines of the file.
struct Golden {
    text: String,
    deployment: Deployment,
}

impl Golden {
    fn line(&mut self, name: &str, value: impl AsRef<[u8]>) {
        writeln!(self.text, "{name} = {}", hex::encode(value)).unwrap();
    }

    fn value<T: Encode + Decode + PartialEq + std::fmt::Debug>(&mut self, name: &str, value: &T) {
        let bytes = value.to_bytes();
        assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value), "{name}");
        self.line(name, bytes);
    }

    /// Signs a statement and writes all that it becomes.
    fn statement<T: Statement + PartialEq + std::fmt::Debug>(
        &mut self,
        name: &str,
        body: T,
        key: &Ed25519Signer,
    ) -> Signed<T> {
        let bytes = body.body();
        assert_eq!(T::from_body(&bytes).as_ref(), Ok(&body), "{name}");
        let digest = Digest::of(&[&bytes]);
        let preimage = preimage(self.deployment, T::KIND, body.actor(), body.slot(), digest);
        let signature = key.sign(&preimage);
        let signed = Signed::sign(body, self.deployment, key);
        assert_eq!((signed.digest(), signed.cite().endorsement.signature()), (digest, signature));
        let encoding = signed.to_unverified().to_bytes();
        assert_eq!(Unverified::<T>::from_bytes(&encoding), Ok(signed.to_unverified()), "{name}");
        let alone: &[u8] = if T::KIND == Kind::Bundle { &[0] } else { &[] };
        let by_hand = [&(bytes.len() as u32).to_be_bytes()[..], &bytes, &signature.0, alone].concat();
        assert_eq!(encoding, by_hand);
        self.line(&format!("{name}.body"), &bytes);
        self.line(&format!("{name}.digest"), digest.0);
        self.line(&format!("{name}.preimage"), &preimage);
        self.line(&format!("{name}.signature"), signature.0);
        self.line(&format!("{name}.encoding"), &encoding);
        self.value(&format!("{name}.citation"), &signed.cite());
        signed
    }
}

fn client() -> (ClientId, Ed25519Signer) {
    let key = signer("client");
    (ClientId(key.public()), key)
}

fn content(recipient: ClientId) -> Content {
    let envelope = Envelope { recipient, salt: [0xa5; 16], ciphertext: b"for one".to_vec() };
    Content::new(b"for all".to_vec(), vec![envelope])
}

/// `kind ‖ actor ‖ slot ‖ roster version ‖ key epoch`.
fn head(kind: u8, actor: &[u8], slot: u64) -> Vec<u8> {
    [&[kind], actor, &slot.to_be_bytes(), &[0; 4], &[0; 4]].concat()
}

fn some(citation: &Citation) -> Vec<u8> {
    [&[1], &cited(citation)[..]].concat()
}

/// `kind ‖ actor ‖ slot ‖ digest ‖ signature` of a server actor's statement: 110 bytes.
fn cited(citation: &Citation) -> Vec<u8> {
    let ActorId::Server(role, index) = citation.actor else { panic!("a server actor") };
    let (kind, role) = (citation.kind as u8, role as u8);
    let slot = citation.slot.to_be_bytes();
    let bytes = [
        &[kind, role][..],
        &index.to_be_bytes(),
        &slot,
        &citation.digest.0,
        &citation.endorsement.signature().0,
    ]
    .concat();
    assert_eq!(bytes.len(), 110);
    bytes
}

fn render() -> String {
    let first = roster(1, 2, 2);
    let mut golden = Golden { text: String::new(), deployment: first.deployment() };
    for label in [
        "operator",
        "client",
        "other",
        "handler/0",
        "incoming/0",
        "incoming/1",
        "sequencer",
        "mailbox/0",
        "mailbox/1",
    ] {
        golden.line(&format!("secret.{label}"), Digest::of(&[label.as_bytes()]).0);
        golden.line(&format!("key.{label}"), signer(label).public().0);
    }
    golden.line("deployment", first.deployment().0);
    golden.statement::<Roster>("roster", first.clone(), &signer("operator"));
    let earlier = bundle_and_queue(&mut golden);
    epoch(&mut golden, &earlier, Trust::new(first.clone(), Arc::new(Ed25519)));
    later_statements(&mut golden, &earlier);
    // a scene of two epochs, with a roster of its own: statements at work, and every lie that can be proven
    let scene = Scene::new(Pen::real());
    golden.line("scene.deployment", scene.pen.trust.deployment.0);
    for case in cases(&scene) {
        let name = case.name.replace(": ", ".").replace([' ', ','], "-");
        golden.value(&format!("scene.evidence.{name}"), &case.guilty);
    }
    keys(&mut golden, &scene, &first);
    golden.text
}

/// A key that is replaced and revoked, and evidence of what it had signed.
fn keys(golden: &mut Golden, scene: &Scene, first: &Roster) {
    let next = signer("incoming/0 again");
    golden.line("key.incoming/0 again", next.public().0);
    let fences = vec![Fence { kind: Kind::Receipt, next: 4 }, Fence { kind: Kind::Seal, next: 2 }];
    let bounds = Bounds { fences, cosigned: Vec::new() };
    let changes = [
        Change::Rotate { actor: incoming(0), key: next.public() },
        Change::Revoke { actor: incoming(0), number: 0, bounds },
    ];
    golden.statement::<Roster>("roster.successor", first.successor(changes).unwrap(), &signer("operator"));
    let lie = cases(scene).into_iter().find(|case| case.name == "badseal: start").unwrap().guilty;
    let heads = lie.statements();
    let cosignature = scene.sign(Cosignature { witness: 0, number: 3, terms: TERMS, heads });
    golden.value("scene.evidence.anchored", &lie.anchored_in(&[cosignature.to_unverified()]));
}

/// The statements around the pipeline: acknowledged seals, challenges, complaints, recoveries, cosignatures.
fn later_statements(golden: &mut Golden, bundle: &Signed<Bundle>) {
    let (me, key) = client();
    let (cited, client) = (bundle.cite(), ActorId::Client(me));
    let ack = SealAck { number: 0, terms: TERMS, after: Epoch(1), seals: vec![cited.clone()] };
    golden.statement("seal-ack", ack, &signer_of(SEQUENCER));
    let complaint = |number: u64, charge: Charge| Complaint {
        complainer: client,
        number,
        terms: TERMS,
        against: mailbox(0),
        acks: 2,
        charge,
    };
    golden.statement("complaint.proven", complaint(0, Charge::Proven(bundle.digest())), &key);
    golden.statement("complaint.not-received", complaint(1, Charge::NotReceived(Count(3))), &key);
    let admission = Admission { actor: mailbox(0), number: 0, terms: TERMS, complaint: cited.clone() };
    golden.statement("admission", admission, &signer_of(mailbox(0)));
    let grounds = [
        ("evidence", Ground::Evidence(bundle.digest())),
        ("served", Ground::Served { upto: Count(3), attestation: cited.clone() }),
        ("blocked", Ground::Blocked(cited.clone())),
        ("unfounded", Ground::Unfounded),
    ];
    for (number, (name, ground)) in (0..).zip(grounds) {
        let defence = Defence { actor: mailbox(0), number, terms: TERMS, complaint: cited.clone(), ground };
        golden.statement(&format!("defence.{name}"), defence, &signer_of(mailbox(0)));
    }
    let demands = [
        Demand::Admit { client: me, number: BundleNumber(3), bundle: bundle.digest() },
        Demand::Place { receipt: cited.clone(), position: Position(3) },
        Demand::Seal(BatchNumber(3)),
        Demand::Open(cited.clone()),
        Demand::Batch { seal: cited.clone(), batch: BatchNumber(0), mailbox: 1 },
        Demand::Cut(Epoch(3)),
        Demand::Order(cited.clone()),
        Demand::Attest(Epoch(3)),
        Demand::Deliver { client: me, held: Count(3), epoch: Epoch(4) },
        Demand::Answer(cited.clone()),
        Demand::Custody(cited.clone()),
    ];
    for (number, demand) in (0..).zip(demands) {
        let challenge = Challenge {
            challenger: client,
            number,
            terms: TERMS,
            target: mailbox(0),
            demand: demand.clone(),
        };
        golden.statement(&format!("challenge.{}", demand.name()), challenge, &key);
    }
    let answers = [("shown", Answer::Shown(bundle.digest())), ("blocked", Answer::Blocked(cited.clone()))];
    for (number, (name, answer)) in (0..).zip(answers) {
        let response =
            Response { target: mailbox(0), number, terms: TERMS, challenge: cited.clone(), answer };
        golden.statement(&format!("response.{name}"), response, &signer_of(mailbox(0)));
    }
    let recovery = Recovery {
        actor: mailbox(0),
        incarnation: 1,
        terms: TERMS,
        fences: vec![Fence { kind: Kind::Attestation, next: 7 }],
        lost: vec![Lost { first: 3, end: 5 }],
    };
    golden.statement("recovery", recovery, &signer_of(mailbox(0)));
    let witness = ActorId::Server(Role::Witness, 0);
    let cosignature = Cosignature { witness: 0, number: 0, terms: TERMS, heads: vec![cited.clone()] };
    golden.statement("cosignature", cosignature, &signer_of(witness));
    let receipt = HandlerReceipt { handler: 0, number: 0, terms: TERMS, bundle: cited.clone(), incoming: 1 };
    let by_hand = [head(0x20, &[2, 0, 0, 0, 0], 0), cited.to_bytes(), vec![0, 0, 0, 1]].concat();
    assert_eq!((receipt.body(), cited.to_bytes().len()), (by_hand, 139));
    golden.statement("handler-receipt", receipt, &signer_of(HANDLER));
    let agency = Agency { handler: 0, terms: TERMS, client: me, device: device_digest("a device") };
    let by_hand = [head(0x21, &[2, 0, 0, 0, 0], 0), me.bytes().to_vec(), agency.device.0.to_vec()].concat();
    assert_eq!(agency.body(), by_hand);
    golden.statement("agency", agency, &signer_of(HANDLER));
}

/// Bundle, receipt, refusals, Merkle tree: gives the bundle.
/// Three bundles that are signed at once.
fn signed_run(golden: &mut Golden, first: &Bundle, key: &Ed25519Signer) {
    let numbered = |number| Bundle { number: BundleNumber(number), ..first.clone() };
    let preimage = |bundle: &Bundle| {
        let digest = Digest::of(&[&bundle.body()]);
        preimage(golden.deployment, Kind::Bundle, bundle.actor(), bundle.slot(), digest)
    };
    let bundles: Vec<Bundle> = (1..4).map(numbered).collect();
    let preimages: Vec<Vec<u8>> = bundles.iter().map(preimage).collect();
    let leaf = |index: usize| merkle::leaf(&preimages[index]).0;
    let left = Digest::of(&[&[1], &leaf(0), &leaf(1)]);
    let root = Digest::of(&[&[1], &left.0, &leaf(2)]);
    let signature = key.sign(&[b"ord/v1/run", &3u32.to_be_bytes()[..], &root.0].concat());
    for (index, signed) in Signed::sign_together(bundles, golden.deployment, key).into_iter().enumerate() {
        assert_eq!(signed.cite().endorsement.signature(), signature);
        let siblings = match index {
            0 => vec![leaf(1), leaf(2)],
            1 => vec![leaf(0), leaf(2)],
            _ => vec![left.0],
        };
        let count = siblings.len() as u32;
        let path = [&[1], &(index as u32).to_be_bytes()[..], &3u32.to_be_bytes(), &count.to_be_bytes()];
        let path = [path.concat(), siblings.concat()].concat();
        assert!(signed.cite().to_bytes().ends_with(&[&signature.0[..], &path].concat()));
        golden.value(&format!("run.citation.{index}"), &signed.cite());
    }
}

fn bundle_and_queue(golden: &mut Golden) -> Signed<Bundle> {
    let (client, key) = client();
    let content = content(client);
    golden.value("content", &content);
    let bundle = Bundle {
        client,
        number: BundleNumber(0),
        terms: TERMS,
        previous: Digest::ZERO,
        commitment: content.commitment(),
        expiry: Epoch(1_000_000),
        seen: None,
    };
    let salted = merkle::leaf(&[&[0xa5; 16][..], client.bytes(), &Digest::of(&[b"for one"]).0].concat());
    let payload = Digest::of(&[b"for all"]);
    let fields =
        [&[0; 32][..], &1u32.to_be_bytes(), &salted.0, &payload.0, &1_000_000u64.to_be_bytes(), &[0]]
            .concat();
    let by_hand = [head(0x11, &[&[1], &client.bytes()[..]].concat(), 0), fields].concat();
    assert_eq!(bundle.body(), by_hand);
    let bundle = golden.statement("bundle", bundle, &key);
    signed_run(golden, &bundle, &key);
    let tree = Tree::new((0..5u8).map(|i| merkle::leaf(&[i])).collect());
    golden.line("tree.root", tree.root().0);
    golden.value("tree.opening.none", &tree.open(&[]));
    golden.value("tree.opening.3", &tree.open(&[3]));
    golden.value("tree.opening.0.1.4", &tree.open(&[0, 1, 4]));
    let leaf = bundle_leaf(&bundle.cite());
    golden.line("bundle.leaf", leaf.0);
    let chain = Digest::ZERO.append(leaf);
    let first = Position(0);
    let receipt = Receipt { incoming: 0, first, terms: TERMS, count: 1, leaves: leaf, chain };
    golden.statement("receipt", receipt, &signer_of(incoming(0)));
    let reasons = [
        Reason::QueueFull { retry_after_ms: 50 },
        Reason::Gap { next: BundleNumber(3) },
        Reason::Equivocation { other: bundle.cite() },
        Reason::ForkedCut { known: bundle.cite() },
        Reason::Expired { cut: bundle.cite() },
        Reason::Misrouted,
        Reason::Malformed,
    ];
    for reason in reasons {
        let name = format!("refusal.{}", reason.name());
        let number = BundleNumber(0);
        let refusal = Refusal { incoming: 0, client, number, bundle: bundle.digest(), terms: TERMS, reason };
        golden.statement(&name, refusal, &signer_of(incoming(0)));
    }
    bundle
}

/// Seal, cut, attestation, ack, pruned maps and both kinds of evidence: the epoch that delivers the bundle.
fn epoch(golden: &mut Golden, bundle: &Signed<Bundle>, trust: Trust) {
    let ((client, key), leaf) = (client(), bundle_leaf(&bundle.cite()));
    let mut manifest = Manifest::default();
    manifest.insert(client, Positions(vec![Position(0)]));
    let tree = Tree::new(vec![leaf]);
    let seal = Seal {
        incoming: 0,
        batch: BatchNumber(0),
        terms: TERMS,
        start: Position(0),
        end: Position(1),
        chain: Digest::ZERO.append(leaf),
        previous: Digest::ZERO,
        leaves: tree.root(),
        manifest: manifest.root(),
        content_bytes: 14,
        seen: None,
    };
    let entry = Digest::of(&[&[2], client.bytes(), &1u32.to_be_bytes(), &0u64.to_be_bytes()]);
    let chain = Digest::of(&[&[5], &[0; 32], &leaf.0]);
    let range = [0u64.to_be_bytes(), 1u64.to_be_bytes()].concat();
    let fields = [&range[..], &chain.0, &[0; 32], &leaf.0, &entry.0, &14u64.to_be_bytes(), &[0]].concat();
    assert_eq!(seal.body(), [head(0x14, &[3, 0, 0, 0, 0], 0), fields].concat());
    let seal = golden.statement("seal", seal, &signer_of(incoming(0)));
    let taken = Reached { seal: Some(seal.cite()), end: Position(1) };
    let (base, total) = (SequenceId(0), SequenceId(1));
    let reached = vec![taken, Reached::default()];
    let cut = Cut { epoch: Epoch(1), terms: TERMS, previous: Digest::ZERO, base, total, reached };
    let numbers = [0u64.to_be_bytes(), 1u64.to_be_bytes()].concat();
    let reached =
        [&2u32.to_be_bytes()[..], &some(&seal.cite()), &1u64.to_be_bytes(), &[0], &0u64.to_be_bytes()]
            .concat();
    assert_eq!(
        cut.body(),
        [head(0x16, &[4, 0, 0, 0, 0], 1), [&[0; 32][..], &numbers, &reached].concat()].concat()
    );
    let other =
        golden.statement("cut.other", Cut { total: SequenceId(2), ..cut.clone() }, &signer_of(SEQUENCER));
    let cut = golden.statement("cut", cut, &signer_of(SEQUENCER));
    let mut mailboxes = Mailboxes::default();
    let held = MailboxHead::default().deliver(SequenceId(0), leaf);
    assert_eq!(held.head, Digest::of(&[&[4], &[0; 32], &0u64.to_be_bytes(), &leaf.0]));
    mailboxes.insert(client, held);
    let index = trust.roster.mailbox_of(&client);
    let attestation = Attestation {
        mailbox: index,
        epoch: Epoch(1),
        terms: TERMS,
        cut: cut.cite(),
        previous: Digest::ZERO,
        mailboxes: 1,
        root: mailboxes.root(),
    };
    let attestation = golden.statement("attestation", attestation, &signer_of(mailbox(index)));
    let (generation, count) = (Generation(0), Count(1));
    let cited = attestation.cite();
    let ack = Ack { client, clock: 0, terms: TERMS, generation, count, head: held.head, attestation: cited };
    golden.statement("ack", ack, &key);
    let mut map = Map::default();
    for label in ["client", "other", "third"] {
        map.insert(ClientId(signer(label).public()), label.len() as u64);
    }
    golden.line("map.root", map.root().0);
    golden.value::<Pruned<u64>>("map.pruned", &map.prune_to(&client));
    let part = SealPart {
        seal: seal.to_unverified(),
        manifest: manifest.prune_to(&client),
        leaves: tree.open(&[0]),
    };
    let derivation = Derivation {
        attestation: attestation.to_unverified(),
        previous: None,
        before: None,
        cuts: vec![cut.to_unverified()],
        base: Pruned::Empty,
        after: mailboxes.prune_to(&client),
        seals: vec![part],
    };
    assert!(derivation.check(&client, &trust).unwrap().holds());
    deliver(golden);
    let equivocation = Evidence::from(Equivocation { first: cut.cite(), second: other.cite() });
    let bad = Evidence::from(BadAttestation { client, derivation: Box::new(derivation) });
    for (name, evidence) in [("equivocation", equivocation), ("bad-attestation", bad)] {
        golden.value(&format!("evidence.{name}"), &evidence);
        golden.line(
            &format!("evidence.{name}.file.sha256"),
            Digest::of(&[evidence.to_json(trust.deployment).as_bytes()]).0,
        );
    }
    assert_eq!(ActorId::Server(Role::Sequencer, 0), SEQUENCER);
}

/// What client 3 is shown of the two epochs of the scene: cuts and seals that follow each other are written once.
fn deliver(golden: &mut Golden) {
    let (scene, reader) = (Scene::new(Pen::real()), support::client(3));
    let part = |seal: &Signed<Seal>, bundles: &[scene::Parcelled], own: &[u64]| SealPart {
        seal: seal.to_unverified(),
        manifest: scene::manifest(seal.start, bundles).prune_to(&reader),
        leaves: scene::tree(bundles).open(own),
    };
    let [early, late] = &scene.bundles;
    let delivery = Delivery {
        attestation: scene.other_attestations[1].to_unverified(),
        cuts: scene.cuts.iter().map(Signed::to_unverified).collect(),
        after: scene::mailboxes(&[1, 3]).prune_to(&reader),
        seals: vec![
            part(&scene.seals[0], early, &[1]),
            part(&scene.seals[1], late, &[1]),
            part(&scene.other_seal, &scene.others, &[]),
        ],
        parcels: Vec::new(),
        cosignatures: Vec::new(),
    };
    golden.value("message.delivery", &Message::Delivery(Box::new(delivery)));
}

#[test]
fn the_bytes_are_those_of_the_golden_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.txt");
    let rendered = render();
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(path, &rendered).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    for (expected, found) in golden.lines().zip(rendered.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(rendered.len(), golden.len());
}

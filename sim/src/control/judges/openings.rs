//! Wrong judges of openings: who opens what was signed, and is shown something else.

use server::protocol::{
    attestation::MailboxHead,
    derivation::SealPart,
    digest::Digest,
    id::{ActorId, ClientId, Position, Role},
    map::Lookup,
    merkle::{Opening, Tree},
    message::{Delivery, Introduction},
    predicate::{
        attestation::BadAttestation,
        promise::{BrokenPromise, PromiseProof},
        seal::{BadSeal, SealFault},
    },
    receipt::{Receipted, bundle_leaf},
    seal::Seal,
    statement::{Citation, Signed},
};

use super::{Conviction, Trial, mailbox_of};

/// Opens leaves that hold what a bundle says and not who signed it: the accuser exchanges the signature.
pub fn leaf_without_signature(trial: &Trial<'_>) -> Option<Conviction> {
    let leaf = |bundle: &Citation| Digest::of(&[&bundle.digest.0]);
    let (part, bundle, opening) = trial.deliveries().find_map(|(_, delivery)| first_bundle(delivery))?;
    let exchanged = Citation { endorsement: part.seal.cite().endorsement, ..bundle };
    let fooled = leaf(&exchanged) == leaf(&bundle) && !exchanged.verify(&trial.run.trust);
    let fault = SealFault::Leaf { bundle: exchanged, opening };
    let evidence = BadSeal { seal: part.seal.clone(), fault };
    fooled.then(|| (evidence.into(), part.seal.claimed_actor()))
}

/// The first bundle of a delivery, the seal that holds it, and the opening that shows it there.
fn first_bundle(delivery: &Delivery) -> Option<(&SealPart, Citation, Opening)> {
    let bundle = delivery.parcels.first()?.bundle.cite();
    delivery.seals.iter().find_map(|part| {
        let own = |(_, leaf): &&(u64, Digest)| *leaf == bundle_leaf(&bundle);
        let (index, _) = part.leaves.leaves().iter().find(own)?;
        Some((part, bundle.clone(), part.leaves.nodes()?.open(&[*index])?))
    })
}

/// Opens lists whose length nobody signed: an inner node passes for a leaf.
pub fn counts_left_out(trial: &Trial<'_>) -> Option<Conviction> {
    let seals = trial.deliveries().flat_map(|(_, delivery)| &delivery.seals);
    seals.into_iter().find_map(|part| {
        let seal = part.seal.clone().verify(&trial.run.trust).ok().filter(|seal| seal.count() > 1)?;
        let receipted = trial.receipts().find(|receipted| is_receipt_at(receipted, &seal, trial))?;
        let pairs: Vec<Digest> =
            leaves_of(trial, &seal).chunks(2).map(|pair| Tree::new(pair.to_vec()).root()).collect();
        let (promised, sealed) = (receipted.opening.clone(), Tree::new(pairs).open(&[0]));
        let (own, found) = (promised.leaves().first()?.1, sealed.leaf(0)?);
        let fooled = sealed.root() == Some(seal.leaves) && own != found;
        let proof = PromiseProof::Place { position: seal.start, promised, sealed };
        let evidence = BrokenPromise { receipt: receipted.receipt.clone(), seal: part.seal.clone(), proof };
        fooled.then(|| (evidence.into(), ActorId::Server(Role::Incoming, seal.incoming)))
    })
}

fn is_receipt_at(receipted: &Receipted, seal: &Signed<Seal>, trial: &Trial<'_>) -> bool {
    let index = receipted.opening.leaves().first().map_or(0, |(index, _)| *index);
    let receipt = receipted.receipt.clone().verify(&trial.run.trust);
    receipt.is_ok_and(|receipt| {
        receipt.incoming == seal.incoming && Position(receipt.first.0 + index) == seal.start
    })
}

fn leaves_of(trial: &Trial<'_>, seal: &Seal) -> Vec<Digest> {
    let queue = trial.run.record.queues.get(&seal.incoming);
    let run = queue.into_iter().flat_map(|queue| queue.range(seal.start..seal.end));
    run.map(|(_, appended)| appended.leaf).collect()
}

/// Measures a mailbox by the attestation of another mailbox actor, as if that had handed it over.
pub fn foreign_base(trial: &Trial<'_>) -> Option<Conviction> {
    trial.deliveries().find_map(|(client, delivery)| {
        let own = start_of(trial, delivery, |other| other == client)?;
        let host = mailbox_of(trial.run, &client);
        let foreign = start_of(trial, delivery, |other| mailbox_of(trial.run, &other) != host)?;
        let derived = delivery.derivation(Some(&own)).check(&client, &trial.run.trust).ok()?;
        let base = match foreign.mailbox.get(&client) {
            Lookup::Present(head) => *head,
            Lookup::Absent | Lookup::Hidden => MailboxHead::default(),
        };
        let due = derived.entries.iter().fold(base, |head, entry| head.deliver(entry.sequence, entry.leaf));
        let fooled = (due.count, due.head) != (derived.attested.count, derived.attested.head);
        let derivation = Box::new(delivery.derivation(Some(&foreign)));
        fooled.then(|| (BadAttestation { client, derivation }.into(), host))
    })
}

/// What a client like that was sent of the epoch before a delivery.
fn start_of(trial: &Trial<'_>, delivery: &Delivery, of: impl Fn(ClientId) -> bool) -> Option<Introduction> {
    let before = delivery.cuts.first()?.claimed_slot().checked_sub(1)?;
    let mut earlier = trial
        .deliveries()
        .filter(|(client, other)| of(*client) && other.attestation.claimed_slot() == before);
    earlier.find_map(|(_, earlier)| earlier.leaves())
}

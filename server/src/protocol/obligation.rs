//! Obligations: what an actor owes, and what discharges it.
//!
//! A challenge is *founded* if its target owes what it demands, and an exhibit *discharges* it if that is what was
//! demanded. A witness relays nothing else and takes nothing else, or liars could have honest actors suspected of not
//! doing the impossible.
//!
//! # Invariants
//! - Both are decided by content alone: whoever holds the roster decides alike.

use super::{
    attestation::{Attestation, MailboxHead},
    board::{Attachment, Entrusted, Exhibit, HandedOver, Promised, Resumption, Taken, Twin},
    challenge::{Challenge, Demand},
    complaint::{Charge, Complaint},
    cut::Cut,
    derivation::RETAINED,
    digest::Digest,
    id::{ActorId, BatchNumber, ClientId, Count, Epoch, Role},
    map::Lookup,
    message::{Delivery, Introduction},
    receipt::Receipted,
    refusal::Refusal,
    statement::{Citation, Kind, Signed, Statement, Trust, Unverified},
};

/// Whether a challenge demands what its target owes.
pub fn is_founded(challenge: &Challenge, attachment: &Attachment, trust: &Trust) -> bool {
    let Challenge { challenger, target, .. } = *challenge;
    let roster = &trust.roster;
    match (&challenge.demand, attachment) {
        (Demand::Admit { client, number, bundle }, Attachment::Submission(submission)) => {
            let Ok(signed) = submission.bundle.clone().verify(trust) else { return false };
            (signed.client, signed.number, signed.digest()) == (*client, *number, *bundle)
                && target == ActorId::Server(Role::Incoming, roster.incoming_of(client))
                && submission.content.commitment() == signed.commitment
        }
        (Demand::Place { receipt, position }, Attachment::Promised(promised)) => {
            let Promised { receipted, bundle, .. } = &**promised;
            receipted.receipt.cite() == *receipt
                && bundle.is_of(Kind::Bundle, ActorId::Client(receipted.client), receipted.number.0)
                && signed_by(&receipted.receipt, target, trust)
                    .is_some_and(|signed| signed.position_of(bundle, &receipted.opening) == Some(*position))
        }
        (Demand::Batch { seal, batch, mailbox }, Attachment::Taken(taken)) => {
            seal.is_of(Kind::Seal, target, seal.slot)
                && challenger == ActorId::Server(Role::Mailbox, *mailbox)
                && seal.verify(&trust.of_ordered_seals())
                && takes(taken, seal, *batch, trust)
        }
        (Demand::Order(seal), Attachment::Seal(sent)) => {
            target == ActorId::SEQUENCER
                && challenger == seal.actor
                && sent.cite() == *seal
                && sent.clone().verify(trust).is_ok()
        }
        (Demand::Deliver { client, .. }, attachment) => {
            let own = target == ActorId::Server(Role::Mailbox, roster.mailbox_of(client));
            let start = match attachment {
                Attachment::Start(start) => standing(start, client, target, trust).is_some(),
                Attachment::None => true,
                _ => false,
            };
            own && start && challenger == ActorId::Client(*client)
        }
        (Demand::Answer(cited), Attachment::Complaint(complained)) => {
            let complete = |complaint: &Complaint| match complaint.charge {
                Charge::Proven(evidence) => Digest::of(&[&complained.evidence]) == evidence,
                Charge::NotReceived(_) => true,
            };
            complained.complaint.cite() == *cited
                && complained.complaint.clone().verify(trust).is_ok_and(|complaint| complete(&complaint))
                && complained.complaint.claimed_actor() == challenger
                && challenger.client().is_some_and(|client| {
                    target == ActorId::Server(Role::Mailbox, roster.mailbox_of(&client))
                })
        }
        (Demand::Custody(cited), Attachment::Entrusted(entrusted)) => {
            let Entrusted { receipt, submission } = &**entrusted;
            receipt.cite() == *cited
                && submission.is_whole()
                && signed_by(receipt, target, trust).is_some_and(|receipt| {
                    receipt.bundle == submission.bundle.cite()
                        && receipt.bundle.actor == challenger
                        && receipt
                            .name()
                            .is_some_and(|(client, _)| receipt.incoming == roster.incoming_of(&client))
                })
        }
        _ => false,
    }
}

/// Whether an exhibit discharges a challenge, given what was posted with it.
pub fn discharges(challenge: &Challenge, attachment: &Attachment, exhibit: &Exhibit, trust: &Trust) -> bool {
    let target = challenge.target;
    match (&challenge.demand, exhibit) {
        (Demand::Admit { bundle, .. }, Exhibit::Receipted(receipted)) => {
            let Attachment::Submission(submission) = attachment else { return false };
            submission.bundle.digest() == *bundle
                && is_receipted(&submission.bundle.cite(), receipted, target, trust)
        }
        (Demand::Admit { bundle, .. }, Exhibit::Twin(twin)) => {
            let Attachment::Submission(submission) = attachment else { return false };
            submission.bundle.digest() == *bundle && is_twin(&submission.bundle.cite(), twin, target, trust)
        }
        (Demand::Admit { client, bundle, .. }, Exhibit::Refused(refusal)) => {
            is_refused((*client, *bundle), refusal, target, trust)
        }
        (Demand::Custody(_), exhibit) => {
            let Attachment::Entrusted(entrusted) = attachment else { return false };
            let receipt = entrusted.receipt.claimed();
            is_answered(&receipt.bundle, exhibit, receipt.target(), trust)
        }
        (Demand::Place { position, .. }, Exhibit::Placement(placement)) => {
            let Attachment::Promised(promised) = attachment else { return false };
            signed_by(&placement.seal, target, trust).is_some_and(|seal| {
                placement.opens(&seal)
                    && (seal.start..seal.end).contains(position)
                    && placement.leaves.leaf(position.0 - seal.start.0).is_some()
                    && placement.shows(&promised.recipients)
            })
        }
        (Demand::Seal(batch), Exhibit::Seal(seal)) => {
            signed_by(seal, target, trust).is_some_and(|seal| seal.batch >= *batch)
        }
        // of what was sealed long ago nothing is kept: whoever was away opens the next one, which leads on from it
        (Demand::Open(cited), Exhibit::Ledger(ledger)) => {
            (ledger.seal.digest() == cited.digest || ledger.seal.claimed_slot() > cited.slot)
                && signed_by(&ledger.seal, target, trust).is_some_and(|seal| ledger.opens(&seal))
        }
        (Demand::Batch { seal, batch: number, mailbox }, Exhibit::Batch(batch)) => {
            batch.seal.claimed_slot() == number.0
                && (number.0 < seal.slot || batch.seal.digest() == seal.digest)
                && batch.seal.claimed_actor() == target
                && *mailbox < trust.roster.mailboxes()
                && batch.clone().open(*mailbox, &trust.of_ordered_seals()).is_ok()
        }
        (Demand::Batch { batch, mailbox, .. }, Exhibit::HandedOver(handed)) => {
            let HandedOver { attestation, cut } = &**handed;
            let mailbox = ActorId::Server(Role::Mailbox, *mailbox);
            let attested =
                signed_by(attestation, mailbox, trust).is_some_and(|own| own.cut.digest == cut.digest());
            let cut = cut.clone().verify(trust).ok().filter(|_| attested);
            cut.and_then(|cut| reached(&cut, target)).is_some_and(|seal| seal.slot >= batch.0)
        }
        (Demand::Cut(epoch), Exhibit::Cut(cut)) => {
            signed_by(cut, target, trust).is_some_and(|cut| cut.epoch >= *epoch)
        }
        (Demand::Order(seal), Exhibit::Cut(cut)) => signed_by(cut, target, trust)
            .and_then(|cut| reached(&cut, seal.actor))
            .is_some_and(|reached| reached.slot >= seal.slot),
        (Demand::Attest(epoch), Exhibit::Attestation(attestation)) => {
            signed_by(attestation, target, trust).is_some_and(|attestation| attestation.epoch >= *epoch)
        }
        (Demand::Deliver { client, epoch, .. }, Exhibit::Delivery(delivery)) => {
            leads_on(delivery, start_of(attachment), client, (target, *epoch), trust)
        }
        (Demand::Deliver { client, epoch, .. }, Exhibit::Resumption(resumption)) => {
            resumes(resumption, start_of(attachment), client, target, trust)
                && match &resumption.delivery {
                    None => resumption.start.attestation.claimed_slot() >= epoch.0,
                    Some(delivery) => {
                        leads_on(delivery, Some(&resumption.start), client, (target, *epoch), trust)
                    }
                }
        }
        (Demand::Deliver { client, epoch, .. }, Exhibit::Ack(ack)) => {
            signed_by(ack, ActorId::Client(*client), trust)
                .is_some_and(|ack| ack.attestation.actor == target && ack.attestation.slot >= epoch.0)
        }
        (Demand::Answer(complaint), Exhibit::Admission(admission)) => signed_by(admission, target, trust)
            .is_some_and(|admission| admission.complaint.is_same(complaint)),
        (Demand::Answer(complaint), Exhibit::Defence(defended)) => {
            signed_by(&defended.defence, target, trust)
                .is_some_and(|defence| defence.complaint.is_same(complaint))
        }
        _ => false,
    }
}

/// Whether an incoming actor has answered this bundle, with a receipt or a refusal.
pub fn is_answered(bundle: &Citation, exhibit: &Exhibit, incoming: ActorId, trust: &Trust) -> bool {
    match (exhibit, bundle.actor.client()) {
        (Exhibit::Receipted(receipted), _) => is_receipted(bundle, receipted, incoming, trust),
        (Exhibit::Twin(twin), _) => is_twin(bundle, twin, incoming, trust),
        (Exhibit::Refused(refusal), Some(client)) => {
            is_refused((client, bundle.digest), refusal, incoming, trust)
        }
        _ => false,
    }
}

fn is_receipted(bundle: &Citation, receipted: &Receipted, incoming: ActorId, trust: &Trust) -> bool {
    bundle.actor == ActorId::Client(receipted.client)
        && signed_by(&receipted.receipt, incoming, trust)
            .is_some_and(|receipt| receipt.position_of(bundle, &receipted.opening).is_some())
}

/// Whether a bundle was admitted under another signature of its client.
fn is_twin(bundle: &Citation, twin: &Twin, incoming: ActorId, trust: &Trust) -> bool {
    let Twin { receipted, bundle: admitted } = twin;
    admitted.is_same(bundle) && admitted.verify(trust) && is_receipted(admitted, receipted, incoming, trust)
}

fn is_refused(
    (client, bundle): (ClientId, Digest),
    refusal: &Unverified<Refusal>,
    incoming: ActorId,
    trust: &Trust,
) -> bool {
    signed_by(refusal, incoming, trust)
        .is_some_and(|refusal| refusal.client == client && refusal.bundle == bundle)
}

/// Whether a cut takes this run of a queue, and the cut before it does not, as far as this seal.
fn takes(taken: &Taken, seal: &Citation, batch: BatchNumber, trust: &Trust) -> bool {
    let Taken { before, cut } = taken;
    let before = before.clone().map(|before| before.verify(trust)).transpose();
    let (Ok(before), Ok(cut)) = (before, cut.clone().verify(trust)) else { return false };
    let link = before.as_ref().map_or((Epoch(1), Digest::ZERO), |cut| (cut.epoch.next(), cut.digest()));
    let earlier = before.as_ref().and_then(|before| reached(before, seal.actor));
    link == (cut.epoch, cut.previous)
        && reached(&cut, seal.actor) == Some(seal.clone())
        && earlier.is_none_or(|earlier| earlier.slot < batch.0)
        && batch.0 <= seal.slot
}

/// The last seal of an incoming actor that a cut takes.
fn reached(cut: &Cut, incoming: ActorId) -> Option<Citation> {
    cut.reached.get(incoming.index_of(Role::Incoming)? as usize)?.seal.clone()
}

fn start_of(attachment: &Attachment) -> Option<&Introduction> {
    match attachment {
        Attachment::Start(start) => Some(start),
        _ => None,
    }
}

/// Whether a delivery of this mailbox actor leads from a start as far as this epoch, or to something new: one that has
/// not come for very long gets its mailbox piece by piece.
fn leads_on(
    delivery: &Delivery,
    start: Option<&Introduction>,
    client: &ClientId,
    (target, epoch): (ActorId, Epoch),
    trust: &Trust,
) -> bool {
    delivery.derivation(start).check(client, trust).is_ok_and(|derived| {
        let bundles = delivery.bundles(client);
        derived.attestation.actor() == target
            && delivery.is_cosigned(trust)
            && (derived.attestation.epoch >= epoch || !derived.entries.is_empty())
            && derived.entries.iter().all(|entry| bundles.contains_key(&entry.leaf))
    })
}

/// Whether a mailbox may go on from a later start than its client asks for: the client never had anything, or was away
/// for longer than anything is kept, or says itself elsewhere that it had come further.
fn resumes(
    resumption: &Resumption,
    asked: Option<&Introduction>,
    client: &ClientId,
    target: ActorId,
    trust: &Trust,
) -> bool {
    let Resumption { ack, start, .. } = resumption;
    let held = match asked {
        Some(asked) => head_in(asked, client),
        None => Some(MailboxHead::default()),
    };
    let (Some((attestation, head)), Some(held)) = (standing(start, client, target, trust), held) else {
        return false;
    };
    let from = asked.map_or(0, |asked| asked.attestation.claimed_slot());
    let ack = ack.as_ref().and_then(|ack| signed_by(ack, ActorId::Client(*client), trust));
    let came_further = ack.is_some_and(|ack| {
        let cited = &ack.attestation;
        cited.actor == target
            && cited.slot > from
            && cited.slot <= attestation.epoch.0
            && (ack.count, ack.head) == (head.count, head.head)
    });
    let unchanged = (head.count, head.head) == (held.count, held.head);
    let kept = head.count > Count(0) && attestation.epoch.0.saturating_sub(from) < RETAINED;
    came_further || (unchanged && !kept)
}

/// The attestation of this mailbox actor that a start names, and what it says of the client, if that opens to it.
fn standing(
    start: &Introduction,
    client: &ClientId,
    target: ActorId,
    trust: &Trust,
) -> Option<(Signed<Attestation>, MailboxHead)> {
    let attestation = signed_by(&start.attestation, target, trust)?;
    let opens = attestation.cut.digest == start.cut.digest() && attestation.root == start.mailbox.root();
    let head = head_in(start, client).filter(|_| opens)?;
    start.cut.clone().verify(trust).ok()?;
    Some((attestation, head))
}

fn head_in(start: &Introduction, client: &ClientId) -> Option<MailboxHead> {
    match start.mailbox.get(client) {
        Lookup::Present(head) => Some(*head),
        Lookup::Absent => Some(MailboxHead::default()),
        Lookup::Hidden => None,
    }
}

fn signed_by<T: Statement>(statement: &Unverified<T>, actor: ActorId, trust: &Trust) -> Option<Signed<T>> {
    statement.clone().verify(trust).ok().filter(|statement| statement.actor() == actor)
}

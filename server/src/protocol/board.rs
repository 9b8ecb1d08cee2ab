//! The board: what is posted to a witness, what answers it, and when an obligation is discharged.
//!
//! A challenge goes to its target together with the bytes that it is about, so the question whether they were sent
//! disappears: only whether the target answers the posted challenge remains.
//!
//! # Invariants
//! - An obligation is discharged by content alone. Whoever holds the roster decides alike.

use std::collections::BTreeSet;

use super::{
    ack::Ack,
    attestation::{Attestation, MailboxHead},
    batch::{Batch, Ledger, Placement},
    bundle::{RECIPIENTS_MAX, Submission},
    challenge::{Challenge, Demand, Response},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    complaint::{Admission, Charge, Complaint, Defence},
    cut::Cut,
    derivation::RETAINED,
    digest::Digest,
    id::{ActorId, ClientId, Count, Epoch, Role},
    map::Lookup,
    message::{Delivery, Introduction},
    receipt::{Receipted, bundle_leaf},
    refusal::Refusal,
    seal::Seal,
    statement::{Citation, Kind, Statement, Trust, Unverified},
};

/// Most bytes of evidence that travel with a complaint or a defence.
pub const EVIDENCE_MAX: usize = 16 << 20;

/// A challenge with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The challenge.
    pub challenge: Unverified<Challenge>,
    /// What comes with it.
    pub attachment: Attachment,
}

/// What comes with a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// Nothing.
    None,
    /// The bundle to admit.
    Submission(Box<Submission>),
    /// The receipt to keep.
    Promised(Box<Promised>),
    /// The seal to order.
    Seal(Unverified<Seal>),
    /// What the mailbox is to go on from.
    Start(Box<Introduction>),
    /// The complaint to answer.
    Complaint(Complained),
}

/// A receipt with what it is for: only in a dispute does a witness learn who the recipients are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// The receipt.
    pub receipted: Receipted,
    /// The bundle.
    pub bundle: Citation,
    /// Its recipients.
    pub recipients: BTreeSet<ClientId>,
}

/// A complaint with its evidence, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complained {
    /// The complaint.
    pub complaint: Unverified<Complaint>,
    /// The evidence that it names.
    pub evidence: Vec<u8>,
}

/// A defence with its evidence, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defended {
    /// The defence.
    pub defence: Unverified<Defence>,
    /// The evidence that it names.
    pub evidence: Vec<u8>,
}

/// A response with what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The response.
    pub response: Unverified<Response>,
    /// What it shows.
    pub exhibit: Exhibit,
}

/// A mailbox from a later start than its client asked for: what lies before is given up, and nothing of it is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// The client's own word how far it had come.
    pub ack: Option<Unverified<Ack>>,
    /// Where its mailbox stands there, or still does.
    pub start: Introduction,
    /// What came after; none if nothing is due.
    pub delivery: Option<Delivery>,
}

/// What a target shows to discharge an obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exhibit {
    /// Nothing: the target is blocked.
    Nothing,
    /// A receipt.
    Receipted(Receipted),
    /// A refusal.
    Refused(Unverified<Refusal>),
    /// Where bundles stand.
    Placement(Placement),
    /// A seal.
    Seal(Unverified<Seal>),
    /// What is sealed.
    Ledger(Ledger),
    /// A mailbox actor's part of it.
    Batch(Batch),
    /// A cut.
    Cut(Unverified<Cut>),
    /// An attestation.
    Attestation(Unverified<Attestation>),
    /// A mailbox.
    Delivery(Delivery),
    /// The client's own word that it holds its mailbox.
    Ack(Unverified<Ack>),
    /// A mailbox from where its client has something to come.
    Resumption(Box<Resumption>),
    /// The blame is accepted.
    Admission(Unverified<Admission>),
    /// It is somebody else's.
    Defence(Defended),
}

/// Whether an exhibit discharges a challenge, given what was posted with it.
pub fn discharges(challenge: &Challenge, attachment: &Attachment, exhibit: &Exhibit, trust: &Trust) -> bool {
    let target = challenge.target;
    match (&challenge.demand, exhibit) {
        (Demand::Admit { client, bundle, .. }, Exhibit::Receipted(receipted)) => {
            let Attachment::Submission(submission) = attachment else { return false };
            let receipt = receipted.receipt.clone().verify(trust);
            submission.bundle.digest() == *bundle
                && receipted.client == *client
                && receipt.is_ok_and(|receipt| {
                    receipt.actor() == target
                        && receipt.position_of(&submission.bundle.cite(), &receipted.opening).is_some()
                })
        }
        (Demand::Admit { client, bundle, .. }, Exhibit::Refused(refusal)) => {
            refusal.clone().verify(trust).is_ok_and(|refusal| {
                refusal.actor() == target && refusal.client == *client && refusal.bundle == *bundle
            })
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
        (Demand::Open(cited), Exhibit::Ledger(ledger)) => {
            ledger.seal.digest() == cited.digest
                && signed_by(&ledger.seal, target, trust)
                    .is_some_and(|seal| opens(&ledger.citations(), &seal))
        }
        (Demand::Batch { batch: number, mailbox, .. }, Exhibit::Batch(batch)) => {
            batch.seal.claimed_slot() == number.0
                && batch.seal.claimed_actor() == target
                && *mailbox < trust.roster.mailboxes()
                && batch.clone().open(*mailbox, trust).is_ok()
        }
        (Demand::Cut(epoch), Exhibit::Cut(cut)) => {
            signed_by(cut, target, trust).is_some_and(|cut| cut.epoch >= *epoch)
        }
        (Demand::Order(seal), Exhibit::Cut(cut)) => signed_by(cut, target, trust).is_some_and(|cut| {
            let reached = seal.actor.index_of(Role::Incoming).and_then(|j| cut.reached.get(j as usize));
            reached.and_then(|reached| reached.seal).is_some_and(|reached| reached.slot >= seal.slot)
        }),
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
        (Demand::Answer(complaint), Exhibit::Admission(admission)) => {
            signed_by(admission, target, trust).is_some_and(|admission| admission.complaint == *complaint)
        }
        (Demand::Answer(complaint), Exhibit::Defence(defended)) => {
            signed_by(&defended.defence, target, trust).is_some_and(|defence| defence.complaint == *complaint)
        }
        _ => false,
    }
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
        derived.attestation.actor() == target
            && (derived.attestation.epoch >= epoch || !derived.entries.is_empty())
            && derived.entries.iter().all(|entry| delivery.has(client, entry.leaf))
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
    let Some(attestation) = signed_by(&start.attestation, target, trust) else { return false };
    let sound = attestation.cut.digest == start.cut.digest()
        && start.cut.clone().verify(trust).is_ok()
        && attestation.root == start.mailbox.root();
    let held = match asked {
        Some(asked) => head_in(asked, client),
        None => Some(MailboxHead::default()),
    };
    let (Some(head), Some(held), true) = (head_in(start, client), held, sound) else { return false };
    let from = asked.map_or(0, |asked| asked.attestation.claimed_slot());
    let ack = ack.as_ref().and_then(|ack| signed_by(ack, ActorId::Client(*client), trust));
    let came_further = ack.is_some_and(|ack| {
        let cited = ack.attestation;
        cited.actor == target
            && cited.slot > from
            && cited.slot <= attestation.epoch.0
            && (ack.count, ack.head) == (head.count, head.head)
    });
    let unchanged = (head.count, head.head) == (held.count, held.head);
    let kept = head.count > Count(0) && attestation.epoch.0.saturating_sub(from) < RETAINED;
    came_further || (unchanged && !kept)
}

fn head_in(start: &Introduction, client: &ClientId) -> Option<MailboxHead> {
    match start.mailbox.get(client) {
        Lookup::Present(head) => Some(*head),
        Lookup::Absent => Some(MailboxHead::default()),
        Lookup::Hidden => None,
    }
}

/// Whether a challenge demands what its target owes: a witness relays no other, or liars could have honest actors
/// suspected of not doing the impossible.
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
        (Demand::Batch { seal, batch, mailbox }, Attachment::None) => {
            seal.is_of(Kind::Seal, target, seal.slot)
                && seal.slot >= batch.0
                && challenger == ActorId::Server(Role::Mailbox, *mailbox)
                && seal.verify(trust)
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
                Attachment::Start(start) => {
                    let attestation = signed_by(&start.attestation, target, trust);
                    attestation.is_some_and(|attestation| {
                        attestation.cut.digest == start.cut.digest()
                            && attestation.root == start.mailbox.root()
                            && start.mailbox.get(client) != Lookup::Hidden
                            && start.cut.clone().verify(trust).is_ok()
                    })
                }
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
        _ => false,
    }
}

fn signed_by<T: Statement>(
    statement: &Unverified<T>,
    actor: ActorId,
    trust: &Trust,
) -> Option<super::statement::Signed<T>> {
    statement.clone().verify(trust).ok().filter(|statement| statement.actor() == actor)
}

/// Whether these citations are the leaves of a seal.
fn opens(citations: &[Citation], seal: &Seal) -> bool {
    let tree = super::merkle::Tree::new(citations.iter().map(bundle_leaf).collect());
    citations.len() as u64 == seal.count() && tree.root() == seal.leaves
}

impl Exhibit {
    /// The digest by which a response names it.
    pub fn digest(&self) -> Digest {
        Digest::of(&[&self.to_bytes()])
    }
}

coded!(struct Complained { complaint, evidence: string("evidence", EVIDENCE_MAX) });

coded!(struct Defended { defence, evidence: string("evidence", EVIDENCE_MAX) });

coded!(struct Resumption { ack, start, delivery });

coded!(enum Attachment "attachment of a challenge" {
    0 None,
    1 Submission(submission),
    2 Seal(seal),
    3 Start(start),
    4 Complaint(complained),
    5 Promised(promised),
});

impl Encode for Promised {
    fn encode(&self, out: &mut Writer) {
        self.receipted.encode(out);
        self.bundle.encode(out);
        out.list(&self.recipients.iter().copied().collect::<Vec<_>>());
    }
}

impl Decode for Promised {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (receipted, bundle) = (Receipted::decode(input)?, Citation::decode(input)?);
        let recipients: Vec<ClientId> = input.list("recipients", RECIPIENTS_MAX)?;
        if !recipients.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Invalid("list of recipients"));
        }
        Ok(Promised { receipted, bundle, recipients: recipients.into_iter().collect() })
    }
}

coded!(enum Exhibit "exhibit of a response" {
    0 Nothing,
    1 Receipted(receipted),
    2 Refused(refusal),
    3 Placement(placement),
    4 Seal(seal),
    5 Ledger(ledger),
    6 Batch(batch),
    7 Cut(cut),
    8 Attestation(attestation),
    9 Delivery(delivery),
    10 Admission(admission),
    11 Defence(defended),
    12 Ack(ack),
    13 Resumption(resumption),
});

coded!(struct Posting { challenge, attachment });

coded!(struct Answered { response, exhibit });

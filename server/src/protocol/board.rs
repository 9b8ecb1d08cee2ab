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
    codec::{Decode, DecodeError, Encode, Reader, Writer},
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

fn tagged(out: &mut Writer, tag: u8, value: &impl Encode) {
    out.u8(tag);
    value.encode(out);
}

impl Encode for Complained {
    fn encode(&self, out: &mut Writer) {
        self.complaint.encode(out);
        out.string(&self.evidence);
    }
}

impl Decode for Complained {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let complaint = Unverified::decode(input)?;
        Ok(Complained { complaint, evidence: input.string("evidence", EVIDENCE_MAX)? })
    }
}

impl Encode for Defended {
    fn encode(&self, out: &mut Writer) {
        self.defence.encode(out);
        out.string(&self.evidence);
    }
}

impl Decode for Defended {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let defence = Unverified::decode(input)?;
        Ok(Defended { defence, evidence: input.string("evidence", EVIDENCE_MAX)? })
    }
}

impl Encode for Resumption {
    fn encode(&self, out: &mut Writer) {
        out.option(self.ack.as_ref());
        self.start.encode(out);
        out.option(self.delivery.as_ref());
    }
}

impl Decode for Resumption {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (ack, start) = (input.option()?, Introduction::decode(input)?);
        Ok(Resumption { ack, start, delivery: input.option()? })
    }
}

impl Encode for Attachment {
    fn encode(&self, out: &mut Writer) {
        match self {
            Attachment::None => out.u8(0),
            Attachment::Submission(submission) => tagged(out, 1, &**submission),
            Attachment::Seal(seal) => tagged(out, 2, seal),
            Attachment::Start(start) => tagged(out, 3, &**start),
            Attachment::Complaint(complained) => tagged(out, 4, complained),
            Attachment::Promised(promised) => {
                tagged(out, 5, &promised.receipted);
                promised.bundle.encode(out);
                out.list(&promised.recipients.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}

impl Decode for Attachment {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Attachment::None,
            1 => Attachment::Submission(Box::new(Submission::decode(input)?)),
            2 => Attachment::Seal(Unverified::decode(input)?),
            3 => Attachment::Start(Box::new(Introduction::decode(input)?)),
            4 => Attachment::Complaint(Complained::decode(input)?),
            5 => {
                let (receipted, bundle) = (Receipted::decode(input)?, Citation::decode(input)?);
                let recipients: Vec<ClientId> = input.list("recipients", RECIPIENTS_MAX)?;
                if !recipients.is_sorted_by(|a, b| a < b) {
                    return Err(DecodeError::Invalid("list of recipients"));
                }
                let recipients = recipients.into_iter().collect();
                Attachment::Promised(Box::new(Promised { receipted, bundle, recipients }))
            }
            _ => return Err(DecodeError::Invalid("attachment of a challenge")),
        })
    }
}

impl Encode for Exhibit {
    fn encode(&self, out: &mut Writer) {
        match self {
            Exhibit::Nothing => out.u8(0),
            Exhibit::Receipted(receipted) => tagged(out, 1, receipted),
            Exhibit::Refused(refusal) => tagged(out, 2, refusal),
            Exhibit::Placement(placement) => tagged(out, 3, placement),
            Exhibit::Seal(seal) => tagged(out, 4, seal),
            Exhibit::Ledger(ledger) => tagged(out, 5, ledger),
            Exhibit::Batch(batch) => tagged(out, 6, batch),
            Exhibit::Cut(cut) => tagged(out, 7, cut),
            Exhibit::Attestation(attestation) => tagged(out, 8, attestation),
            Exhibit::Delivery(delivery) => tagged(out, 9, delivery),
            Exhibit::Admission(admission) => tagged(out, 10, admission),
            Exhibit::Defence(defended) => tagged(out, 11, defended),
            Exhibit::Ack(ack) => tagged(out, 12, ack),
            Exhibit::Resumption(resumption) => tagged(out, 13, &**resumption),
        }
    }
}

impl Decode for Exhibit {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Exhibit::Nothing,
            1 => Exhibit::Receipted(Receipted::decode(input)?),
            2 => Exhibit::Refused(Unverified::decode(input)?),
            3 => Exhibit::Placement(Placement::decode(input)?),
            4 => Exhibit::Seal(Unverified::decode(input)?),
            5 => Exhibit::Ledger(Ledger::decode(input)?),
            6 => Exhibit::Batch(Batch::decode(input)?),
            7 => Exhibit::Cut(Unverified::decode(input)?),
            8 => Exhibit::Attestation(Unverified::decode(input)?),
            9 => Exhibit::Delivery(Delivery::decode(input)?),
            10 => Exhibit::Admission(Unverified::decode(input)?),
            11 => Exhibit::Defence(Defended::decode(input)?),
            12 => Exhibit::Ack(Unverified::decode(input)?),
            13 => Exhibit::Resumption(Box::new(Resumption::decode(input)?)),
            _ => return Err(DecodeError::Invalid("exhibit of a response")),
        })
    }
}

impl Encode for Posting {
    fn encode(&self, out: &mut Writer) {
        self.challenge.encode(out);
        self.attachment.encode(out);
    }
}

impl Decode for Posting {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Posting { challenge: Unverified::decode(input)?, attachment: Attachment::decode(input)? })
    }
}

impl Encode for Answered {
    fn encode(&self, out: &mut Writer) {
        self.response.encode(out);
        self.exhibit.encode(out);
    }
}

impl Decode for Answered {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Answered { response: Unverified::decode(input)?, exhibit: Exhibit::decode(input)? })
    }
}

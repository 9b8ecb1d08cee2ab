//! The board: what is posted to a witness, and what answers it.
//!
//! A challenge goes to its target together with the bytes that it is about, so the question whether they were sent
//! disappears: only whether the target answers the posted challenge remains ([`super::obligation`]).

use std::collections::BTreeSet;

use super::{
    ack::Ack,
    attestation::Attestation,
    batch::{Batch, Ledger, Placement},
    bundle::{RECIPIENTS_MAX, Submission},
    challenge::{Challenge, Response},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    complaint::{Admission, Complaint, Defence},
    cut::Cut,
    digest::Digest,
    handler_receipt::HandlerReceipt,
    id::ClientId,
    message::{Delivery, Introduction},
    receipt::Receipted,
    refusal::Refusal,
    seal::Seal,
    statement::{Citation, Unverified},
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
    /// The bundle that a handler signed for.
    Entrusted(Box<Entrusted>),
    /// The cut that takes the run to hand over.
    Taken(Box<Taken>),
}

/// An attestation with the cut that it is of: whoever signs that has every run that the cut reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The attestation.
    pub attestation: Unverified<Attestation>,
    /// The cut.
    pub cut: Unverified<Cut>,
}

/// A cut with the one before it, if there is one: together they show what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The cut before it.
    pub before: Option<Unverified<Cut>>,
    /// The cut.
    pub cut: Unverified<Cut>,
}

/// A bundle with the receipt of the handler that has it: the handler may have given both up against an answer, and can
/// go on from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrusted {
    /// The handler's receipt.
    pub receipt: Unverified<HandlerReceipt>,
    /// The bundle with its content.
    pub submission: Submission,
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

/// A client may sign one bundle twice; it is admitted once, and its receipt is for that signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The receipt.
    pub receipted: Receipted,
    /// The bundle as it was admitted.
    pub bundle: Citation,
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
    /// A receipt for the same bundle with another signature of its client.
    Twin(Box<Twin>),
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
    /// The mailbox actor's own word that it has the run, or had it.
    HandedOver(Box<HandedOver>),
    /// The blame is accepted.
    Admission(Unverified<Admission>),
    /// It is somebody else's.
    Defence(Defended),
}

impl Exhibit {
    /// The digest by which a response names it.
    pub fn digest(&self) -> Digest {
        Digest::of(&[&self.to_bytes()])
    }
}

coded!(struct Complained { complaint, evidence: string("evidence", EVIDENCE_MAX) });

coded!(struct Defended { defence, evidence: string("evidence", EVIDENCE_MAX) });

coded!(struct Twin { receipted, bundle });

coded!(struct Resumption { ack, start, delivery });

coded!(enum Attachment "attachment of a challenge" {
    0 None,
    1 Submission(submission),
    2 Seal(seal),
    3 Start(start),
    4 Complaint(complained),
    5 Promised(promised),
    6 Entrusted(entrusted),
    7 Taken(taken),
});

coded!(struct Taken { before, cut });

coded!(struct Entrusted { receipt, submission });

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
    14 Twin(twin),
    15 HandedOver(handed),
});

coded!(struct HandedOver { attestation, cut });

coded!(struct Posting { challenge, attachment });

coded!(struct Answered { response, exhibit });

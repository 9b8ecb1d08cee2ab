//! Complaints and their answers: a client accuses, its mailbox actor accepts the blame or shows whose it is.
//!
//! Complaint, fields after the terms: `against: actor ‖ acks(8) ‖ charge(1) ‖ what the charge carries`; slot: the
//! complainer's own count, from 0. Charges: 1 proven `digest of the evidence(32)`, 2 not received `count(8)`.
//! Admission: `citation of the complaint`. Defence: `citation of the complaint ‖ ground(1) ‖ what the ground carries`.
//! Grounds: 1 evidence `digest(32)`, 2 served `count(8) ‖ citation of the attestation`, 3 blocked `citation of a
//! challenge`, 4 unfounded. Slots of both: the answerer's own count, from 0.
//!
//! Evidence travels beside the statement that names its digest, so that a complaint stays small and evidence never
//! nests. `acks` is how many acks the client had signed before: the client's own clock, by which a denial is
//! told from a loss (predicate *denial*).

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, Count},
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// A signed accusation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Who complains.
    pub complainer: ActorId,
    /// Its number among the complainer's complaints.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// Whom it accuses.
    pub against: ActorId,
    /// How many acks the complainer had signed before.
    pub acks: u64,
    /// Of what.
    pub charge: Charge,
}

/// What a complaint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Evidence with this digest proves it.
    Proven(Digest),
    /// The mailbox was not received up to this count.
    NotReceived(Count),
}

/// The accused accepts the blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Who admits.
    pub actor: ActorId,
    /// Its number among the actor's admissions.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// What it answers.
    pub complaint: Citation,
}

/// It was someone else, or nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defence {
    /// Who defends itself.
    pub actor: ActorId,
    /// Its number among the actor's defences.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// What it answers.
    pub complaint: Citation,
    /// Why it is not to blame.
    pub ground: Ground,
}

/// Why the accused is not to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Evidence with this digest names another.
    Evidence(Digest),
    /// The mailbox is served up to this count, as attested.
    Served {
        /// The count.
        upto: Count,
        /// The attestation.
        attestation: Citation,
    },
    /// It waits for another, whom it has challenged.
    Blocked(Citation),
    /// The evidence of the complaint proves nothing.
    Unfounded,
}

impl Ground {
    /// What it comes to, in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Ground::Evidence(_) => "defence: it was another, and this proves it",
            Ground::Served { .. } => "defence: the mailbox is served",
            Ground::Blocked(_) => "defence: it waits for another, whom it has challenged",
            Ground::Unfounded => "defence: the evidence proves nothing",
        }
    }
}

coded!(enum Charge "charge of a complaint" { 1 Proven(evidence), 2 NotReceived(upto) });

coded!(enum Ground "ground of a defence" {
    1 Evidence(evidence),
    2 Served { upto, attestation },
    3 Blocked(challenge),
    4 Unfounded,
});

impl Statement for Complaint {
    const KIND: Kind = Kind::Complaint;

    fn head(&self) -> Head {
        Head { actor: self.complainer, slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.against.encode(out);
        out.u64(self.acks);
        self.charge.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Complaint {
            complainer: head.actor,
            number: head.slot,
            terms: head.terms,
            against: ActorId::decode(input)?,
            acks: input.u64()?,
            charge: Charge::decode(input)?,
        })
    }
}

impl Statement for Admission {
    const KIND: Kind = Kind::Admission;

    fn head(&self) -> Head {
        Head { actor: self.actor, slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.complaint.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let complaint = Citation::decode(input)?;
        Ok(Admission { actor: head.actor, number: head.slot, terms: head.terms, complaint })
    }
}

impl Statement for Defence {
    const KIND: Kind = Kind::Defence;

    fn head(&self) -> Head {
        Head { actor: self.actor, slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.complaint.encode(out);
        self.ground.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Defence {
            actor: head.actor,
            number: head.slot,
            terms: head.terms,
            complaint: Citation::decode(input)?,
            ground: Ground::decode(input)?,
        })
    }
}

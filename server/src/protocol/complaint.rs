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
    codec::{Decode, DecodeError, Encode, Reader, Writer},
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Encode for Charge {
    fn encode(&self, out: &mut Writer) {
        match self {
            Charge::Proven(evidence) => {
                out.u8(1);
                evidence.encode(out);
            }
            Charge::NotReceived(upto) => {
                out.u8(2);
                upto.encode(out);
            }
        }
    }
}

impl Decode for Charge {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Charge::Proven(Digest::decode(input)?)),
            2 => Ok(Charge::NotReceived(Count::decode(input)?)),
            _ => Err(DecodeError::Invalid("charge of a complaint")),
        }
    }
}

impl Encode for Ground {
    fn encode(&self, out: &mut Writer) {
        match self {
            Ground::Evidence(evidence) => {
                out.u8(1);
                evidence.encode(out);
            }
            Ground::Served { upto, attestation } => {
                out.u8(2);
                upto.encode(out);
                attestation.encode(out);
            }
            Ground::Blocked(challenge) => {
                out.u8(3);
                challenge.encode(out);
            }
            Ground::Unfounded => out.u8(4),
        }
    }
}

impl Decode for Ground {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Ground::Evidence(Digest::decode(input)?),
            2 => Ground::Served { upto: Count::decode(input)?, attestation: Citation::decode(input)? },
            3 => Ground::Blocked(Citation::decode(input)?),
            4 => Ground::Unfounded,
            _ => return Err(DecodeError::Invalid("ground of a defence")),
        })
    }
}

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

//! Challenges and responses: an obligation that is open for all to see, and what discharges it.
//!
//! Challenge, fields after the terms: `target: actor ‖ demand(1) ‖ what the demand carries`; slot: the challenger's own
//! count, from 0. Response: `citation of the challenge ‖ answer(1) ‖ what the answer carries`; slot: the target's own
//! count. Demands: 1 admit `client(32) ‖ bundle number(8) ‖ bundle digest(32)`, 2 place `citation of the receipt ‖
//! position(8)`, 3 seal `batch(8)`, 4 open `citation of the seal`, 5 batch `citation of a seal ‖
//! batch(8) ‖ mailbox actor(4)`,
//! 6 cut `epoch(8)`, 7 order `citation of the seal`, 8 attest `epoch(8)`, 9 deliver `client(32) ‖ count held(8) ‖
//! epoch(8)`, 10 answer `citation of the complaint`, 11 custody `citation of the handler receipt`. Answers: 1 shown `digest
//! of the exhibit(32)`, 2 blocked `citation of the target's own challenge`.
//!
//! Absence and unsigned bytes are no evidence (rule R11): a demand only opens an obligation, and what discharges
//! it is content, checked by whoever relays it. An open obligation makes its target *suspected*, never exposed.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, BatchNumber, BundleNumber, ClientId, Count, Epoch, Position},
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// An obligation that someone wants discharged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Who demands.
    pub challenger: ActorId,
    /// Its number among the challenger's.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// Of whom.
    pub target: ActorId,
    /// What.
    pub demand: Demand,
}

/// What a target owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Of an incoming actor: a receipt or a refusal for this bundle, which is posted beside the challenge.
    Admit {
        /// Whose bundle.
        client: ClientId,
        /// Which.
        number: BundleNumber,
        /// Its digest.
        bundle: Digest,
    },
    /// Of an incoming actor: a seal that covers the position of this receipt, opened there.
    Place {
        /// The receipt.
        receipt: Citation,
        /// The position.
        position: Position,
    },
    /// Of an incoming actor: a seal of this number or a later one.
    Seal(BatchNumber),
    /// Of an incoming actor: the bundles under this seal.
    Open(Citation),
    /// Of an incoming actor: the part of a sealed run that concerns a mailbox actor.
    Batch {
        /// A seal that a cut takes: this run's or a later one's.
        seal: Citation,
        /// Which run.
        batch: BatchNumber,
        /// Whose part.
        mailbox: u32,
    },
    /// Of the sequencer: a cut of this epoch or a later one.
    Cut(Epoch),
    /// Of the sequencer: a cut that reaches this seal.
    Order(Citation),
    /// Of a mailbox actor: an attestation of this epoch or a later one.
    Attest(Epoch),
    /// Of a mailbox actor: the mailbox of a client from a count on, as of an epoch or later.
    Deliver {
        /// Whose.
        client: ClientId,
        /// What the client holds.
        held: Count,
        /// How far it must go.
        epoch: Epoch,
    },
    /// Of a mailbox actor: an admission or a defence.
    Answer(Citation),
    /// Of a request handler: what the incoming actor said to the bundle of this receipt of its own, which is posted
    /// beside the challenge with the bundle.
    Custody(Citation),
}

impl Demand {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Demand::Admit { .. } => "admit",
            Demand::Place { .. } => "place",
            Demand::Seal(_) => "seal",
            Demand::Open(_) => "open",
            Demand::Batch { .. } => "batch",
            Demand::Cut(_) => "cut",
            Demand::Order(_) => "order",
            Demand::Attest(_) => "attest",
            Demand::Deliver { .. } => "deliver",
            Demand::Answer(_) => "answer",
            Demand::Custody(_) => "custody",
        }
    }

    /// The obligation that it is, demanded of a target: whoever demands the same demands this.
    pub fn key(&self, target: ActorId) -> Vec<u8> {
        [target.to_bytes(), self.to_bytes()].concat()
    }
}

/// What a target says to a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The target.
    pub target: ActorId,
    /// Its number among the target's responses.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// What it answers.
    pub challenge: Citation,
    /// How.
    pub answer: Answer,
}

/// How a challenge is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With an exhibit of this digest, which is posted beside the response.
    Shown(Digest),
    /// Not yet: the target waits for another, whom it has challenged.
    Blocked(Citation),
}

coded!(enum Demand "demand of a challenge" {
    1 Admit { client, number, bundle },
    2 Place { receipt, position },
    3 Seal(batch),
    4 Open(seal),
    5 Batch { seal, batch, mailbox },
    6 Cut(epoch),
    7 Order(seal),
    8 Attest(epoch),
    9 Deliver { client, held, epoch },
    10 Answer(complaint),
    11 Custody(receipt),
});

coded!(enum Answer "answer of a response" { 1 Shown(exhibit), 2 Blocked(challenge) });

impl Statement for Challenge {
    const KIND: Kind = Kind::Challenge;

    fn head(&self) -> Head {
        Head { actor: self.challenger, slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.target.encode(out);
        self.demand.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Challenge {
            challenger: head.actor,
            number: head.slot,
            terms: head.terms,
            target: ActorId::decode(input)?,
            demand: Demand::decode(input)?,
        })
    }
}

impl Statement for Response {
    const KIND: Kind = Kind::Response;

    fn head(&self) -> Head {
        Head { actor: self.target, slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.challenge.encode(out);
        self.answer.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Response {
            target: head.actor,
            number: head.slot,
            terms: head.terms,
            challenge: Citation::decode(input)?,
            answer: Answer::decode(input)?,
        })
    }
}

//! Messages: what actors send each other over a connection.
//!
//! One tag byte, then the fields. All that travels downstream is *pulled by a cursor*: whoever needs seals,
//! batches, cuts or deliveries connects to who has them and says from where on ([`Message::Subscribe`]); after a lost
//! connection it does so again. So nothing is lost between two actors, and no message needs an answer of its own.

use super::{
    ack::Ack,
    attestation::{Attestation, MailboxHead},
    bundle::{Parcel, Submission},
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    cut::Cut,
    derivation::{Derivation, EPOCHS_MAX, SEALS_MAX, SealPart},
    id::{ActorId, BundleNumber, ClientId, Count, Epoch},
    map::Pruned,
    merkle::{LEAVES_MAX, Opening},
    receipt::Receipted,
    refusal::Refusal,
    seal::{Positions, Seal},
    statement::Unverified,
};

/// A sealed run, as one mailbox actor gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The seal.
    pub seal: Unverified<Seal>,
    /// Its manifest over all clients that the actor hosts.
    pub manifest: Pruned<Positions>,
    /// Its leaves at their positions.
    pub leaves: Opening,
    /// The bundles at those positions, with the hosted clients' envelopes.
    pub parcels: Vec<Parcel>,
}

/// What a client got since the attestation that it holds; nothing, perhaps, and that is shown too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The attestation of its mailbox actor.
    pub attestation: Unverified<Attestation>,
    /// The cuts after the one it holds, up to the one that the attestation cites.
    pub cuts: Vec<Unverified<Cut>>,
    /// Its mailbox in the attestation.
    pub after: Pruned<MailboxHead>,
    /// What the seals that these cuts take say of it.
    pub seals: Vec<SealPart>,
    /// The bundles, in the order in which the mailbox actor delivers them.
    pub parcels: Vec<Parcel>,
}

/// What the next delivery of a mailbox is measured by. A client holds it; one that holds nothing yet is given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The attestation to start from.
    pub attestation: Unverified<Attestation>,
    /// The cut that it cites.
    pub cut: Unverified<Cut>,
    /// The client's mailbox in it.
    pub mailbox: Pruned<MailboxHead>,
}

/// What actors send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The first message of whoever opened the connection.
    Hello(ActorId),
    /// Client → handler → incoming actor.
    Submit(Submission),
    /// Incoming actor → handler → client.
    Receipted(Receipted),
    /// Incoming actor → handler → this client.
    Refused(Unverified<Refusal>, ClientId),
    /// Handler → client: not now, and nobody has taken it.
    RetryLater {
        /// Whose bundle.
        client: ClientId,
        /// Which one.
        number: BundleNumber,
        /// When to try again.
        after_ms: u32,
    },
    /// From here on: a batch number of an incoming actor, an epoch of the sequencer.
    Subscribe(u64),
    /// Client → mailbox actor: it holds its mailbox up to this count, as attested in this epoch.
    Read {
        /// How many deliveries.
        held: Count,
        /// In which epoch they were attested; 0 if nothing is held.
        epoch: Epoch,
    },
    /// Subscriber → sequencer: all cuts before this epoch are done with.
    Have(u64),
    /// Mailbox actor → incoming actor: what the cited cut reaches is in its mailboxes. Custody moves with it.
    Attested(Unverified<Attestation>),
    /// Incoming actor → sequencer.
    Sealed(Unverified<Seal>),
    /// Incoming actor → mailbox actor.
    Batch(Box<Batch>),
    /// Sequencer → incoming and mailbox actors.
    Ordered(Unverified<Cut>),
    /// Mailbox actor → client.
    Delivery(Box<Delivery>),
    /// Mailbox actor → client.
    Introduction(Box<Introduction>),
    /// Client → mailbox actor.
    Acknowledged(Unverified<Ack>),
}

impl Delivery {
    /// All that it follows from, measured by what the client holds.
    pub fn derivation(&self, held: Option<&Introduction>) -> Derivation {
        Derivation {
            attestation: self.attestation.clone(),
            previous: held.map(|held| held.attestation.clone()),
            before: held.map(|held| held.cut.clone()),
            cuts: self.cuts.clone(),
            base: held.map_or(Pruned::Empty, |held| held.mailbox.clone()),
            after: self.after.clone(),
            seals: self.seals.clone(),
        }
    }

    /// What the next delivery is measured by; none if this one shows no cut.
    pub fn leaves(&self) -> Option<Introduction> {
        let (attestation, mailbox) = (self.attestation.clone(), self.after.clone());
        Some(Introduction { attestation, cut: self.cuts.last()?.clone(), mailbox })
    }
}

impl Message {
    /// The message's name in traces.
    pub fn name(&self) -> &'static str {
        match self {
            Message::Hello(_) => "hello",
            Message::Submit(_) => "submit",
            Message::Receipted(_) => "receipted",
            Message::Refused(..) => "refused",
            Message::RetryLater { .. } => "retry-later",
            Message::Subscribe(_) => "subscribe",
            Message::Have(_) => "have",
            Message::Attested(_) => "attested",
            Message::Sealed(_) => "sealed",
            Message::Batch(_) => "batch",
            Message::Ordered(_) => "ordered",
            Message::Delivery(_) => "delivery",
            Message::Read { .. } => "read",
            Message::Introduction(_) => "introduction",
            Message::Acknowledged(_) => "acknowledged",
        }
    }
}

impl Encode for Message {
    fn encode(&self, out: &mut Writer) {
        match self {
            Message::Hello(actor) => tagged(out, 1, actor),
            Message::Submit(submission) => tagged(out, 2, submission),
            Message::Receipted(receipted) => tagged(out, 3, receipted),
            Message::Refused(refusal, client) => {
                tagged(out, 4, refusal);
                client.encode(out);
            }
            Message::RetryLater { client, number, after_ms } => {
                tagged(out, 5, client);
                number.encode(out);
                out.u32(*after_ms);
            }
            Message::Subscribe(from) => tagged(out, 6, from),
            Message::Have(upto) => tagged(out, 7, upto),
            Message::Sealed(seal) => tagged(out, 8, seal),
            Message::Batch(batch) => tagged(out, 9, &**batch),
            Message::Ordered(cut) => tagged(out, 10, cut),
            Message::Delivery(delivery) => tagged(out, 11, &**delivery),
            Message::Acknowledged(ack) => tagged(out, 12, ack),
            Message::Attested(attestation) => tagged(out, 13, attestation),
            Message::Read { held, epoch } => {
                tagged(out, 14, held);
                epoch.encode(out);
            }
            Message::Introduction(introduction) => tagged(out, 15, &**introduction),
        }
    }
}

fn tagged(out: &mut Writer, tag: u8, value: &impl Encode) {
    out.u8(tag);
    value.encode(out);
}

impl Decode for Message {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Message::Hello(ActorId::decode(input)?),
            2 => Message::Submit(Submission::decode(input)?),
            3 => Message::Receipted(Receipted::decode(input)?),
            4 => Message::Refused(Unverified::decode(input)?, ClientId::decode(input)?),
            5 => Message::RetryLater {
                client: ClientId::decode(input)?,
                number: BundleNumber::decode(input)?,
                after_ms: input.u32()?,
            },
            6 => Message::Subscribe(input.u64()?),
            7 => Message::Have(input.u64()?),
            8 => Message::Sealed(Unverified::decode(input)?),
            9 => Message::Batch(Box::new(Batch::decode(input)?)),
            10 => Message::Ordered(Unverified::decode(input)?),
            11 => Message::Delivery(Box::new(Delivery::decode(input)?)),
            12 => Message::Acknowledged(Unverified::decode(input)?),
            13 => Message::Attested(Unverified::decode(input)?),
            14 => Message::Read { held: Count::decode(input)?, epoch: Epoch::decode(input)? },
            15 => Message::Introduction(Box::new(Introduction::decode(input)?)),
            _ => return Err(DecodeError::Invalid("message tag")),
        })
    }
}

impl Encode for Batch {
    fn encode(&self, out: &mut Writer) {
        self.seal.encode(out);
        self.manifest.encode(out);
        self.leaves.encode(out);
        out.list(&self.parcels);
    }
}

impl Decode for Batch {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Batch {
            seal: Unverified::decode(input)?,
            manifest: Pruned::decode(input)?,
            leaves: Opening::decode(input)?,
            parcels: input.list("parcels", LEAVES_MAX as usize)?,
        })
    }
}

impl Encode for Delivery {
    fn encode(&self, out: &mut Writer) {
        self.attestation.encode(out);
        out.list(&self.cuts);
        self.after.encode(out);
        out.list(&self.seals);
        out.list(&self.parcels);
    }
}

impl Decode for Delivery {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Delivery {
            attestation: Unverified::decode(input)?,
            cuts: input.list("cuts", EPOCHS_MAX)?,
            after: Pruned::decode(input)?,
            seals: input.list("seals", SEALS_MAX)?,
            parcels: input.list("parcels", LEAVES_MAX as usize)?,
        })
    }
}

impl Encode for Introduction {
    fn encode(&self, out: &mut Writer) {
        self.attestation.encode(out);
        self.cut.encode(out);
        self.mailbox.encode(out);
    }
}

impl Decode for Introduction {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Introduction {
            attestation: Unverified::decode(input)?,
            cut: Unverified::decode(input)?,
            mailbox: Pruned::decode(input)?,
        })
    }
}

//! Messages: what actors send each other over a connection.
//!
//! One tag byte, then the fields. All that travels downstream is *pulled by a cursor*: whoever needs seals,
//! batches, cuts or deliveries connects to who has them and says from where on ([`Message::Subscribe`]); after a lost
//! connection it does so again. So nothing is lost between two actors, and no message needs an answer of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    abridged,
    ack::Ack,
    attestation::{Attestation, MailboxHead},
    batch::{Batch, Ledger, Placement},
    board::{Answered, Complained, Defended, Posting},
    bundle::{Bundle, Parcel, Submission},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    complaint::Admission,
    cosignature::Cosignature,
    cut::Cut,
    derivation::{Derivation, SealPart},
    digest::Digest,
    evidence::Evidence,
    handler_receipt::HandlerReceipt,
    id::{ActorId, BundleNumber, ClientId, Count, Epoch},
    map::Pruned,
    merkle::LEAVES_MAX,
    receipt::{Receipted, bundle_leaf},
    recovery::Recovery,
    refusal::Refusal,
    roster::MEMBERS_MAX,
    seal::Seal,
    seal_ack::SealAck,
    statement::{Kind, Signed, Trust, Unverified},
};

use tag::{ACKNOWLEDGED, COMPLAINED, EXPOSED, POSTED, RECEIPTED, SUBMIT, UNPLACED};

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
    pub parcels: Vec<Arc<Parcel>>,
    /// Witnesses that have seen the attestation.
    pub cosignatures: Vec<Unverified<Cosignature>>,
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

/// An attestation and the witnesses that have cosigned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The attestation.
    pub attestation: Unverified<Attestation>,
    /// A cosignature of each.
    pub cosignatures: Vec<Unverified<Cosignature>>,
}

/// Tags of what clients bring: who takes a body looks at them before anything is decoded.
pub mod tag {
    /// Of [`Message::Submit`](super::Message).
    pub const SUBMIT: u8 = 2;
    /// Of `Receipted`.
    pub const RECEIPTED: u8 = 3;
    /// Of `Acknowledged`.
    pub const ACKNOWLEDGED: u8 = 12;
    /// Of `Complained`.
    pub const COMPLAINED: u8 = 19;
    /// Of `Posted`.
    pub const POSTED: u8 = 23;
    /// Of `Exposed`.
    pub const EXPOSED: u8 = 25;
    /// Of `Unplaced`.
    pub const UNPLACED: u8 = 30;
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
    /// Handler → client: it has this bundle in its custody.
    HandlerReceipted(Unverified<HandlerReceipt>),
    /// From here on: a batch number of an incoming actor, an epoch of the sequencer.
    Subscribe(u64),
    /// Client → mailbox actor: it holds its mailbox up to this count, as attested in this epoch.
    Read {
        /// How many deliveries.
        held: Count,
        /// In which epoch they were attested; 0 if nothing is held.
        epoch: Epoch,
    },
    /// Mailbox actor → incoming actor: what the cited cut reaches is in its mailboxes. Custody moves with it. → sequencer: cuts
    /// before this epoch are done with. → witness: a head to cosign.
    Attested(Unverified<Attestation>),
    /// Incoming actor → sequencer.
    Sealed(Unverified<Seal>),
    /// Incoming actor → mailbox actor.
    Batch(Box<Batch>),
    /// Incoming actor → witness.
    Ledger(Box<Ledger>),
    /// Incoming actor → handler → client.
    Placed(Box<Placement>),
    /// Client → handler → incoming actor: the placement of this bundle did not come.
    Unplaced(Receipted),
    /// Sequencer → incoming and mailbox actors, and witnesses.
    Ordered(Unverified<Cut>),
    /// Sequencer → incoming actors.
    SealsHeld(Unverified<SealAck>),
    /// Mailbox actor → client.
    Delivery(Box<Delivery>),
    /// Mailbox actor → client.
    Introduction(Box<Introduction>),
    /// Client → mailbox actor.
    Acknowledged(Unverified<Ack>),
    /// Client → mailbox actor.
    Complained(Box<Complained>),
    /// Mailbox actor → client.
    Admitted(Unverified<Admission>),
    /// Mailbox actor → client.
    Defended(Box<Defended>),
    /// Witness → mailbox actors.
    Cosigned(Unverified<Cosignature>),
    /// Incoming actor → mailbox actor: which witnesses stand by its attestation of this epoch?
    Vouch(Epoch),
    /// Mailbox actor → incoming actor: these do.
    Vouched(Box<Vouched>),
    /// Challenger → witness → target.
    Posted(Box<Posting>),
    /// Target → witness → challenger.
    Answered(Box<Answered>),
    /// Anyone → witness: someone cheated, and this proves it.
    Exposed(Box<Evidence>),
    /// Retired actor → anyone: it lost state.
    Retired(Unverified<Recovery>),
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

    /// The bundles by their leaves, as far as they are there as they should be: each with the client's own envelope and with the
    /// content that it commits to. Whether its signature is valid is a question to whoever committed to the leaf.
    pub fn bundles(&self, client: &ClientId) -> BTreeMap<Digest, (&Parcel, &Bundle)> {
        let whole = |parcel: &&Parcel| {
            let own = matches!(&parcel.envelopes[..], [(envelope, _)] if envelope.recipient == *client);
            own && parcel.matches(&parcel.bundle.claimed().commitment)
        };
        let named = |parcel: &'_ Parcel| bundle_leaf(&parcel.bundle.cite());
        let all = self.parcels.iter().map(|parcel| &**parcel).filter(whole);
        all.map(|parcel| (named(parcel), (parcel, parcel.bundle.claimed()))).collect()
    }

    /// Whether a cosignature names a later roster than this one, whose keys are not known yet.
    pub fn names_later_witness(&self, trust: &Trust) -> bool {
        self.cosignatures.iter().any(|one| one.claimed_terms().roster > trust.roster.version())
    }

    /// Whether as many witnesses have seen the attestation as the roster asks for.
    pub fn is_cosigned(&self, trust: &Trust) -> bool {
        let quorum = trust.roster.quorum() as usize;
        if quorum == 0 {
            return true;
        }
        let head = self.attestation.cite();
        let covers = |cosignature: &Signed<Cosignature>| {
            cosignature.covers(Kind::Attestation, head.actor, head.slot, head.digest)
        };
        let sound = self
            .cosignatures
            .iter()
            .filter_map(|cosignature| cosignature.clone().verify(trust).ok())
            .filter(covers);
        let witnesses: BTreeSet<u32> = sound.map(|cosignature| cosignature.witness).collect();
        witnesses.len() >= quorum
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
            Message::Attested(_) => "attested",
            Message::Sealed(_) => "sealed",
            Message::Batch(_) => "batch",
            Message::Ordered(_) => "ordered",
            Message::Delivery(_) => "delivery",
            Message::Read { .. } => "read",
            Message::Introduction(_) => "introduction",
            Message::Ledger(_) => "ledger",
            Message::Placed(_) => "placed",
            Message::Unplaced(_) => "unplaced",
            Message::SealsHeld(_) => "seals-held",
            Message::Complained(_) => "complained",
            Message::Admitted(_) => "admitted",
            Message::Defended(_) => "defended",
            Message::Cosigned(_) => "cosigned",
            Message::Posted(_) => "posted",
            Message::Answered(_) => "answered",
            Message::Exposed(_) => "exposed",
            Message::Acknowledged(_) => "acknowledged",
            Message::Retired(_) => "retired",
            Message::Vouch(_) => "vouch",
            Message::Vouched(_) => "vouched",
            Message::HandlerReceipted(_) => "handler-receipted",
        }
    }
}

coded!(enum Message "message tag" {
    1 Hello(actor),
    SUBMIT Submit(submission),
    RECEIPTED Receipted(receipted),
    4 Refused(refusal, client),
    5 RetryLater { client, number, after_ms },
    6 Subscribe(from),
    8 Sealed(seal),
    9 Batch(batch),
    10 Ordered(cut),
    11 Delivery(delivery),
    ACKNOWLEDGED Acknowledged(ack),
    13 Attested(attestation),
    14 Read { held, epoch },
    15 Introduction(introduction),
    16 Ledger(ledger),
    17 Placed(placement),
    18 SealsHeld(ack),
    COMPLAINED Complained(complained),
    20 Admitted(admission),
    21 Defended(defended),
    22 Cosigned(cosignature),
    POSTED Posted(posting),
    24 Answered(answered),
    EXPOSED Exposed(evidence),
    26 Retired(recovery),
    27 Vouch(epoch),
    28 Vouched(vouched),
    29 HandlerReceipted(receipt),
    UNPLACED Unplaced(receipted),
});

/// The fields in order, cuts and seals [`abridged`].
impl Encode for Delivery {
    fn encode(&self, out: &mut Writer) {
        self.attestation.encode(out);
        abridged::encode(&self.cuts, &self.seals, out);
        self.after.encode(out);
        out.list(&self.parcels);
        out.list(&self.cosignatures);
    }
}

impl Decode for Delivery {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let attestation = Decode::decode(input)?;
        let (cuts, seals) = abridged::decode(input)?;
        Ok(Delivery {
            attestation,
            cuts,
            after: Decode::decode(input)?,
            seals,
            parcels: input.list("parcels", LEAVES_MAX as usize)?,
            cosignatures: input.list("cosignatures", MEMBERS_MAX)?,
        })
    }
}

coded!(struct Vouched { attestation, cosignatures: list("cosignatures", MEMBERS_MAX) });

coded!(struct Introduction { attestation, cut, mailbox });

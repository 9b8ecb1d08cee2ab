//! Statements: what anyone signs, and how it is cited.
//!
//! The preimage of a signature has a fixed shape (see the parent module), so that two 110-byte citations prove an
//! equivocation without the contents; and every reference to another's statement carries that signature, so that
//! nobody can be blamed for citing what does not exist.
//!
//! # Invariants
//! - A [`Signed`] was verified, or signed by the holder of the key: its body can be believed to be its signer's.
//! - The slot of a statement holds neither key epoch nor roster version: changing either licenses nothing.

use std::sync::Arc;

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    crypto::{Claim, Signer},
    digest::Digest,
    endorsement::{Endorsement, OwnedClaim, Pen, borrowed, check_all, paths_of, signatures},
    id::{ActorId, ClientId, Deployment, Role},
    merkle::{self, Path},
    roster::Roster,
    trust::Named,
};

pub use super::{citation::Citation, trust::Trust};

/// The kinds of statements; the byte is the first of every body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// [`Roster`].
    Roster = 0x10,
    /// [`super::bundle::Bundle`].
    Bundle = 0x11,
    /// [`super::receipt::Receipt`].
    Receipt = 0x12,
    /// [`super::refusal::Refusal`].
    Refusal = 0x13,
    /// [`super::seal::Seal`].
    Seal = 0x14,
    /// [`super::seal_ack::SealAck`].
    SealAck = 0x15,
    /// [`super::cut::Cut`].
    Cut = 0x16,
    /// [`super::attestation::Attestation`].
    Attestation = 0x17,
    /// [`super::ack::Ack`].
    Ack = 0x18,
    /// [`super::challenge::Challenge`].
    Challenge = 0x19,
    /// [`super::challenge::Response`].
    Response = 0x1a,
    /// [`super::complaint::Complaint`].
    Complaint = 0x1b,
    /// [`super::complaint::Admission`].
    Admission = 0x1c,
    /// [`super::complaint::Defence`].
    Defence = 0x1d,
    /// [`super::recovery::Recovery`].
    Recovery = 0x1e,
    /// [`super::cosignature::Cosignature`].
    Cosignature = 0x1f,
    /// [`super::handler_receipt::HandlerReceipt`].
    HandlerReceipt = 0x20,
    /// [`super::agency::Agency`].
    Agency = 0x21,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 18] = [
        Kind::Roster,
        Kind::Bundle,
        Kind::Receipt,
        Kind::Refusal,
        Kind::Seal,
        Kind::SealAck,
        Kind::Cut,
        Kind::Attestation,
        Kind::Ack,
        Kind::Challenge,
        Kind::Response,
        Kind::Complaint,
        Kind::Admission,
        Kind::Defence,
        Kind::Recovery,
        Kind::Cosignature,
        Kind::HandlerReceipt,
        Kind::Agency,
    ];

    /// The kind's name in evidence and reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Roster => "roster",
            Kind::Bundle => "bundle",
            Kind::Receipt => "receipt",
            Kind::Refusal => "refusal",
            Kind::Seal => "seal",
            Kind::SealAck => "seal-ack",
            Kind::Cut => "cut",
            Kind::Attestation => "attestation",
            Kind::Ack => "ack",
            Kind::Challenge => "challenge",
            Kind::Response => "response",
            Kind::Complaint => "complaint",
            Kind::Admission => "admission",
            Kind::Defence => "defence",
            Kind::Recovery => "recovery",
            Kind::Cosignature => "cosignature",
            Kind::HandlerReceipt => "handler-receipt",
            Kind::Agency => "agency",
        }
    }

    /// The kind with this byte.
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Whether many may be signed at once.
    pub fn is_signed_in_runs(self) -> bool {
        self == Kind::Bundle
    }

    /// Whether one slot may hold one digest only. A refusal may be given again for another reason, and a handler may be an
    /// agent for many.
    pub fn exclusive(self) -> bool {
        !matches!(self, Kind::Refusal | Kind::Agency)
    }
}

impl Encode for Kind {
    fn encode(&self, out: &mut Writer) {
        out.u8(*self as u8);
    }
}

impl Decode for Kind {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Kind::from_byte(input.u8()?).ok_or(DecodeError::Invalid("statement kind"))
    }
}

/// Under which roster and key a statement was signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Version of the roster.
    pub roster: u32,
    /// Which of the signer's keys.
    pub key: u32,
}

/// How every body begins, after its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Who signs it.
    pub actor: ActorId,
    /// Which of the signer's statements of this kind it is.
    pub slot: u64,
    /// Under which roster and key.
    pub terms: Terms,
}

impl Head {
    /// The signer's index, if it has this role.
    pub fn index_of(&self, role: Role) -> Result<u32, DecodeError> {
        self.actor.index_of(role).ok_or(DecodeError::Invalid("role of a signer"))
    }

    /// The signer, if it is a client.
    pub fn client(&self) -> Result<ClientId, DecodeError> {
        self.actor.client().ok_or(DecodeError::Invalid("role of a signer"))
    }
}

/// A statement that an actor or client can sign.
pub trait Statement: Clone {
    /// Its kind.
    const KIND: Kind;
    /// Signer, slot and terms.
    fn head(&self) -> Head;
    /// Appends the fields after the head.
    fn encode_fields(&self, out: &mut Writer);
    /// Reads them back.
    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Who signs it.
    fn actor(&self) -> ActorId {
        self.head().actor
    }

    /// Which of the signer's statements of this kind it is.
    fn slot(&self) -> u64 {
        self.head().slot
    }

    /// The canonical body.
    fn body(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.encode_body(&mut out);
        out.into_bytes()
    }

    /// Appends the canonical body.
    fn encode_body(&self, out: &mut Writer) {
        let Head { actor, slot, terms } = self.head();
        out.u8(Self::KIND as u8);
        actor.encode(out);
        out.u64(slot);
        out.u32(terms.roster);
        out.u32(terms.key);
        self.encode_fields(out);
    }

    /// Reads a body.
    fn from_body(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        if Kind::decode(&mut input)? != Self::KIND {
            return Err(DecodeError::Invalid(Self::KIND.name()));
        }
        let actor = ActorId::decode(&mut input)?;
        let slot = input.u64()?;
        let terms = Terms { roster: input.u32()?, key: input.u32()? };
        let statement = Self::decode_fields(Head { actor, slot, terms }, &mut input)?;
        input.end()?;
        Ok(statement)
    }
}

/// Bytes of the longest preimage: a client's.
const PREIMAGE_MAX: usize = 6 + 8 + 1 + 33 + 8 + 32;

/// What a signature covers.
pub fn preimage(deployment: Deployment, kind: Kind, actor: ActorId, slot: u64, digest: Digest) -> Vec<u8> {
    let mut out = Writer::after(Vec::with_capacity(PREIMAGE_MAX));
    out.bytes(b"ord/v1");
    out.bytes(&deployment.0);
    out.u8(kind as u8);
    actor.encode(&mut out);
    out.u64(slot);
    digest.encode(&mut out);
    out.into_bytes()
}

/// A statement with its signature, believed to be its signer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    body: T,
    digest: Digest,
    endorsement: Endorsement,
}

impl<T> std::ops::Deref for Signed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T: Statement> Signed<T> {
    /// Signs a statement. The caller has made it durable.
    pub fn sign(body: T, deployment: Deployment, signer: &dyn Signer) -> Self {
        Self::sign_in_run(body, None, deployment, signer, &mut Pen::default())
    }

    /// Signs a statement with those to which this path leads, if there is one.
    pub fn sign_in_run(
        body: T,
        path: Option<Arc<Path>>,
        deployment: Deployment,
        signer: &dyn Signer,
        pen: &mut Pen,
    ) -> Self {
        let digest = Digest::of(&[&body.body()]);
        let preimage = preimage(deployment, T::KIND, body.actor(), body.slot(), digest);
        Signed { endorsement: pen.sign(&preimage, path, signer), body, digest }
    }

    /// Signs statements together, in as few runs as they make. The caller has made them durable, and how they are signed.
    pub fn sign_together(bodies: Vec<T>, deployment: Deployment, signer: &dyn Signer) -> Vec<Self> {
        let preimage = |body: &T| {
            let digest = Digest::of(&[&body.body()]);
            preimage(deployment, T::KIND, body.actor(), body.slot(), digest)
        };
        let paths = paths_of(&bodies.iter().map(preimage).collect::<Vec<_>>());
        let mut pen = Pen::default();
        let signed = bodies.into_iter().zip(paths);
        signed.map(|(body, path)| Self::sign_in_run(body, path, deployment, signer, &mut pen)).collect()
    }

    /// The digest of the body.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether others are signed with it.
    pub fn is_of_a_run(&self) -> bool {
        self.endorsement.is_of_a_run()
    }

    /// The compact form.
    pub fn cite(&self) -> Citation {
        Citation {
            kind: T::KIND,
            actor: self.body.actor(),
            slot: self.body.slot(),
            digest: self.digest,
            endorsement: self.endorsement.clone(),
        }
    }

    /// What is sent and stored.
    pub fn to_unverified(&self) -> Unverified<T> {
        Unverified { body: self.body.clone(), digest: self.digest, endorsement: self.endorsement.clone() }
    }
}

/// A statement as it arrived. Its body is out of reach until its signature has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified<T> {
    body: T,
    digest: Digest,
    endorsement: Endorsement,
}

/// Why a statement is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature is not the claimed signer's.
    #[error("the signature of {kind} {slot} is not that of {actor}", kind = .kind.name())]
    Forged {
        /// What was signed.
        kind: Kind,
        /// Who is said to have signed it.
        actor: ActorId,
        /// Which of its statements it is said to be.
        slot: u64,
    },
    /// It names a later roster than the verifier has, who cannot know the key.
    #[error("{kind} {slot} of {actor} is of the time of roster {roster}, which is not known here", kind = .kind.name())]
    Later {
        /// What was signed.
        kind: Kind,
        /// Who is said to have signed it.
        actor: ActorId,
        /// Which of its statements it is said to be.
        slot: u64,
        /// The roster.
        roster: u32,
    },
}

impl<T: Statement> Unverified<T> {
    /// Who is said to have signed it. For routing alone: nothing is proved yet.
    pub fn claimed_actor(&self) -> ActorId {
        self.body.actor()
    }

    /// Which of the signer's statements it is said to be.
    pub fn claimed_slot(&self) -> u64 {
        self.body.slot()
    }

    /// The body, whoever signed it. To find what contradicts itself: nothing is proved yet.
    pub(crate) fn claimed(&self) -> &T {
        &self.body
    }

    /// A statement of these parts, put together again by a reader.
    pub(crate) fn of(body: T, endorsement: Endorsement) -> Result<Self, DecodeError> {
        let bytes = body.body();
        match bytes.len() {
            length if length > BODY_MAX => {
                Err(DecodeError::TooLong { what: "statement body", length, bound: BODY_MAX })
            }
            _ => Ok(Unverified { digest: Digest::of(&[&bytes]), body, endorsement }),
        }
    }

    /// How it is said to be signed.
    pub(crate) fn endorsement(&self) -> &Endorsement {
        &self.endorsement
    }

    /// Whether this is its citation.
    pub fn is_cited_as(&self, citation: &Citation) -> bool {
        citation.is_of(T::KIND, self.body.actor(), self.body.slot())
            && (citation.digest, &citation.endorsement) == (self.digest, &self.endorsement)
    }

    /// The digest of the body, whoever signed it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The compact form, as yet unverified.
    pub fn cite(&self) -> Citation {
        Citation {
            kind: T::KIND,
            actor: self.body.actor(),
            slot: self.body.slot(),
            digest: self.digest,
            endorsement: self.endorsement.clone(),
        }
    }

    /// The body, if another has committed to just this statement by the hash of its citation. Whether the
    /// signature is valid is then a question to whoever committed to it.
    pub fn committed_as(&self, leaf: Digest) -> Option<&T> {
        (merkle::leaf(&self.cite().to_bytes()) == leaf).then_some(&self.body)
    }

    /// Under which roster and key it is said to have been signed.
    pub fn claimed_terms(&self) -> Terms {
        self.body.head().terms
    }

    /// The signature to check, if the roster lists the key for it.
    pub fn claim(&self, trust: &Trust) -> Option<OwnedClaim> {
        let (actor, slot, digest) = (self.body.actor(), self.body.slot(), self.digest);
        let key = trust.key_under(self.claimed_terms(), &Named { kind: T::KIND, actor, slot, digest })?;
        Some(self.endorsement.claim(key, preimage(trust.deployment, T::KIND, actor, slot, digest)))
    }

    /// How many signatures there are to check, if those of one run come one after the other.
    pub fn signatures<'a>(statements: impl Iterator<Item = &'a Self>) -> u64
    where
        T: 'a,
    {
        signatures(statements.map(|statement| &statement.endorsement))
    }

    /// Checks the signature and gives the statement.
    pub fn verify(self, trust: &Trust) -> Result<Signed<T>, SignatureError> {
        let valid = self.claim(trust).is_some_and(|claim| trust.verifier.verify(borrowed(&claim)));
        if valid { Ok(self.believed()) } else { Err(self.refused(trust)) }
    }

    /// Checks many at once; each keeps its own answer. One bad signature costs the others a second check.
    pub fn verify_all(statements: Vec<Self>, trust: &Trust) -> Vec<Result<Signed<T>, SignatureError>> {
        let claims: Vec<_> = statements.iter().map(|statement| statement.claim(trust)).collect();
        let known: Vec<Claim<'_>> = claims.iter().flatten().map(borrowed).collect();
        let mut valid = check_all(&known, &*trust.verifier).valid.into_iter();
        let answer = |(statement, claim): (Self, &Option<OwnedClaim>)| {
            let valid = claim.is_some() && valid.next() == Some(true);
            if valid { Ok(statement.believed()) } else { Err(statement.refused(trust)) }
        };
        statements.into_iter().zip(&claims).map(answer).collect()
    }

    /// The statement, its signature having been checked among others.
    pub(crate) fn believed(self) -> Signed<T> {
        Signed { body: self.body, digest: self.digest, endorsement: self.endorsement }
    }

    fn refused(&self, trust: &Trust) -> SignatureError {
        let Head { actor, slot, terms: Terms { roster, .. } } = self.body.head();
        match roster > trust.roster.version() {
            true => SignatureError::Later { kind: T::KIND, actor, slot, roster },
            false => SignatureError::Forged { kind: T::KIND, actor, slot },
        }
    }
}

impl Unverified<Roster> {
    /// The body. A first roster is signed under itself, so it must be read before it can be checked; whoever trusts
    /// it has it from elsewhere.
    pub fn self_certified(&self) -> &Roster {
        &self.body
    }
}

/// Most bytes a statement's body may have: a cut over 4,096 incoming actors stays below.
pub const BODY_MAX: usize = 1 << 20;

impl<T: Statement> Encode for Unverified<T> {
    fn encode(&self, out: &mut Writer) {
        out.string_of(|out| self.body.encode_body(out));
        self.endorsement.encode_of(T::KIND, out);
    }
}

impl<T: Statement> Decode for Unverified<T> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = input.count("statement body", BODY_MAX)?;
        let bytes = input.take(length)?;
        let body = T::from_body(bytes)?;
        Ok(Unverified {
            body,
            digest: Digest::of(&[bytes]),
            endorsement: Endorsement::decode_of(T::KIND, input)?,
        })
    }
}

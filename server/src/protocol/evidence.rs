//! Evidence: a self-contained set of statements and openings that names who broke which promise.
//!
//! As a file it shows the statements in it, and holds their bytes ([`super::file`]).

use serde::{Deserialize, Serialize};

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    derivation::Derivation,
    file::{self, FileError},
    id::{ActorId, ClientId, Deployment},
    statement::{Citation, Statement, Unverified},
};

/// Names the format of an evidence file.
const FORMAT: &str = "noise-evidence/1";

/// What is put before the judge. The predicates are a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "rare, and never in bulk")]
pub enum Evidence {
    /// Predicate *equiv*: two statements of one slot.
    Equivocation {
        /// One of them.
        first: Citation,
        /// The other.
        second: Citation,
    },
    /// Predicate *badattestation*: an attestation that does not follow from the cut it cites.
    BadAttestation {
        /// Whose mailbox shows it.
        client: ClientId,
        /// What should have been attested.
        derivation: Box<Derivation>,
    },
}

impl Evidence {
    /// The predicate's name.
    pub fn predicate(&self) -> &'static str {
        match self {
            Evidence::Equivocation { .. } => "equiv",
            Evidence::BadAttestation { .. } => "badattestation",
        }
    }

    /// Whom it accuses.
    pub fn accused(&self) -> ActorId {
        match self {
            Evidence::Equivocation { first, .. } => first.actor,
            Evidence::BadAttestation { derivation, .. } => derivation.mailbox(),
        }
    }

    /// The statements in it, for a reader.
    fn statements(&self) -> Vec<Shown> {
        match self {
            Evidence::Equivocation { first, second } => [first, second].map(Shown::cited).to_vec(),
            Evidence::BadAttestation { derivation, .. } => {
                let Derivation { attestation, previous, cut, before, seals, .. } = &**derivation;
                let mut shown = vec![Shown::whole(attestation)];
                shown.extend(previous.iter().map(Shown::whole));
                shown.push(Shown::whole(cut));
                shown.extend(before.iter().map(Shown::whole));
                shown.extend(seals.iter().map(|part| Shown::whole(&part.seal)));
                shown
            }
        }
    }

    /// The evidence file.
    pub fn to_json(&self, deployment: Deployment) -> String {
        let file = File {
            format: FORMAT.to_owned(),
            deployment: deployment.to_string(),
            predicate: self.predicate().to_owned(),
            accused: self.accused().to_string(),
            statements: self.statements(),
            bytes: hex::encode(self.to_bytes()),
        };
        file::render(&file)
    }

    /// Reads an evidence file of this deployment.
    pub fn from_json(text: &str, deployment: Deployment) -> Result<Self, FileError> {
        let file: File = file::parse(text)?;
        let evidence: Evidence = file::decode(&file.format, FORMAT, &file.bytes)?;
        if file.deployment != deployment.to_string() {
            return Err(FileError::Deployment { file: file.deployment, roster: deployment.to_string() });
        }
        if evidence.to_json(deployment) != text {
            return Err(FileError::Altered);
        }
        Ok(evidence)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    deployment: String,
    predicate: String,
    accused: String,
    statements: Vec<Shown>,
    bytes: String,
}

/// A statement as the file shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    statement: String,
    actor: String,
    slot: u64,
    digest: String,
}

impl Shown {
    fn whole<T: Statement>(statement: &Unverified<T>) -> Shown {
        Shown {
            statement: T::KIND.name().to_owned(),
            actor: statement.claimed_actor().to_string(),
            slot: statement.claimed_slot(),
            digest: statement.digest().to_string(),
        }
    }

    fn cited(citation: &Citation) -> Shown {
        Shown {
            statement: citation.kind.name().to_owned(),
            actor: citation.actor.to_string(),
            slot: citation.slot,
            digest: citation.digest.to_string(),
        }
    }
}

impl Encode for Evidence {
    fn encode(&self, out: &mut Writer) {
        match self {
            Evidence::Equivocation { first, second } => {
                out.u8(1);
                first.encode(out);
                second.encode(out);
            }
            Evidence::BadAttestation { client, derivation } => {
                out.u8(2);
                client.encode(out);
                derivation.encode(out);
            }
        }
    }
}

impl Decode for Evidence {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Evidence::Equivocation {
                first: Citation::decode(input)?,
                second: Citation::decode(input)?,
            }),
            2 => Ok(Evidence::BadAttestation {
                client: ClientId::decode(input)?,
                derivation: Box::new(Derivation::decode(input)?),
            }),
            _ => Err(DecodeError::Invalid("predicate")),
        }
    }
}

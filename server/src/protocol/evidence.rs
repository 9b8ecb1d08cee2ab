//! Evidence: a self-contained set of statements and openings that names who broke which promise.
//!
//! The predicates are a closed list; each stands in a file of [`super::predicate`]. As a file, evidence shows the
//! statements in it, and holds their bytes ([`super::file`]).

use serde::{Deserialize, Serialize};

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    file::{self, FileError},
    id::{ActorId, Deployment},
    judge::Verdict,
    predicate::{
        Finding, Predicate,
        accusation::FalseAccusation,
        agent::Represented,
        anchored::Anchored,
        attestation::{BadAttestation, BadCitation, BadHosting},
        chain::BrokenChain,
        cosignature::SplitView,
        cut::BadCut,
        denial::Denial,
        equivocation::Equivocation,
        promise::BrokenPromise,
        receipt::TwoPlaces,
        refusal::BadRefusal,
        seal::BadSeal,
        seal_ack::BrokenSealAck,
        seals::CrossSeal,
    },
    statement::{Citation, Trust},
};

/// Names the format of an evidence file.
const FORMAT: &str = "noise-evidence/1";

macro_rules! predicates {
    ($($tag:literal $predicate:ident),* $(,)?) => {
        /// What is put before the judge.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each predicate is documented where it stands")]
        pub enum Evidence { $($predicate($predicate)),* }

        $(impl From<$predicate> for Evidence {
            fn from(predicate: $predicate) -> Evidence { Evidence::$predicate(predicate) }
        })*

        impl Evidence {
            /// The names of all predicates.
            pub const PREDICATES: &[&str] = &[$($predicate::NAME),*];

            /// The predicate's name.
            pub fn predicate(&self) -> &'static str {
                match self { $(Evidence::$predicate(_) => $predicate::NAME),* }
            }

            /// Whom it accuses.
            pub fn accused(&self) -> ActorId {
                match self { $(Evidence::$predicate(predicate) => predicate.accused()),* }
            }

            /// The statements in it, for a reader.
            pub fn statements(&self) -> Vec<Citation> {
                match self { $(Evidence::$predicate(predicate) => predicate.statements()),* }
            }

            /// The newest roster that the accused names in it.
            pub(super) fn roster(&self) -> Option<u32> {
                match self { $(Evidence::$predicate(predicate) => predicate.roster()),* }
            }

            /// What the accused did; or why this proves nothing.
            pub(super) fn find(&self, trust: &Trust) -> Finding {
                let known = trust.roster.version();
                if let Some(named) = self.roster().filter(|named| *named > known) {
                    return Err(format!("it is of the time of roster {named}, and this is roster {known}"));
                }
                let trust = trust.judging(self.accused(), self.roster());
                match self { $(Evidence::$predicate(predicate) => predicate.judge(&trust)),* }
            }

            pub(super) fn judge(&self, trust: &Trust) -> Verdict {
                match self.find(&trust.anchored([])) {
                    Ok(offence) => {
                        Verdict::Exposed { actor: self.accused(), predicate: self.predicate(), offence }
                    }
                    Err(why) => Verdict::NotProven(why),
                }
            }
        }

        coded!(enum Evidence "predicate" { $($tag $predicate(predicate)),* });
    };
}

predicates! {
    1 Equivocation,
    2 BadAttestation,
    3 BrokenChain,
    4 BrokenPromise,
    5 TwoPlaces,
    6 BadSeal,
    7 CrossSeal,
    8 BadCut,
    9 BrokenSealAck,
    10 BadHosting,
    11 BadCitation,
    12 BadRefusal,
    13 Denial,
    14 FalseAccusation,
    15 SplitView,
    16 Anchored,
    17 Represented,
}

impl Evidence {
    /// The evidence file.
    pub fn to_json(&self, deployment: Deployment) -> String {
        let file = File {
            format: FORMAT.to_owned(),
            deployment: deployment.to_string(),
            predicate: self.predicate().to_owned(),
            accused: self.accused().to_string(),
            statements: self.statements().iter().map(Shown::cited).collect(),
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
    fn cited(citation: &Citation) -> Shown {
        Shown {
            statement: citation.kind.name().to_owned(),
            actor: citation.actor.to_string(),
            slot: citation.slot,
            digest: citation.digest.to_string(),
        }
    }
}

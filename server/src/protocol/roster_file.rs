//! The roster as a file: what a stranger needs beside the evidence.
//!
//! JSON like an evidence file: readable fields, and the canonical bytes that alone count; the rest must be exactly
//! what they render to.

use serde::{Deserialize, Serialize};

use super::{
    codec::{Decode, DecodeError, Encode},
    crypto::Ed25519,
    roster::Roster,
    statement::{Signed, Trust, Unverified},
};

/// Names the format of a roster file.
const FORMAT: &str = "noise-roster/1";

/// Why a file is no roster.
#[derive(Debug, thiserror::Error)]
pub enum RosterFileError {
    /// Not JSON, or not these fields.
    #[error("no roster file: {0}")]
    Json(#[from] serde_json::Error),
    /// Another format.
    #[error("the format is {0:?}, this judge reads {FORMAT:?}")]
    Format(String),
    /// `bytes` is not hexadecimal.
    #[error("`bytes` is not hexadecimal: {0}")]
    Hex(#[from] hex::FromHexError),
    /// `bytes` is not the encoding of a roster.
    #[error("`bytes` is no roster: {0}")]
    Bytes(#[from] DecodeError),
    /// Not signed by its operator.
    #[error(
        "the roster is not signed by its operator (that of a run with modelled signatures proves nothing)"
    )]
    Signature,
    /// What the file shows is not what its bytes say.
    #[error("the file was altered: it is not what its `bytes` render to")]
    Altered,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    deployment: String,
    version: u32,
    challenge_bound_epochs: u32,
    actors: Vec<Actor>,
    bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Actor {
    actor: String,
    operator: u32,
    key: String,
}

/// The file of a signed roster.
pub fn to_json(roster: &Signed<Roster>) -> String {
    render(roster, &roster.to_unverified())
}

fn render(roster: &Roster, bytes: &Unverified<Roster>) -> String {
    let actors = roster.members().iter().map(|member| Actor {
        actor: member.actor.to_string(),
        operator: member.operator,
        key: hex::encode(member.key.0),
    });
    let file = File {
        format: FORMAT.to_owned(),
        deployment: roster.deployment().to_string(),
        version: roster.version(),
        challenge_bound_epochs: roster.challenge_bound(),
        actors: actors.collect(),
        bytes: hex::encode(bytes.to_bytes()),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("strings and numbers always serialize");
    text.push('\n');
    text
}

/// Reads a roster file; what it trusts is checked with Ed25519.
pub fn from_json(text: &str) -> Result<Trust, RosterFileError> {
    let file: File = serde_json::from_str(text)?;
    if file.format != FORMAT {
        return Err(RosterFileError::Format(file.format));
    }
    let unverified = Unverified::<Roster>::from_bytes(&hex::decode(&file.bytes)?)?;
    let trust = Trust::new(unverified.self_certified().clone(), std::sync::Arc::new(Ed25519));
    let roster = unverified.clone().verify(&trust).map_err(|_| RosterFileError::Signature)?;
    if render(&roster, &unverified) != text {
        return Err(RosterFileError::Altered);
    }
    Ok(trust)
}

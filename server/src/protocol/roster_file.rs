//! The roster as a file: what a stranger needs beside the evidence.
//!
//! It lists the actors with their keys, and holds the bytes of the signed statement ([`super::file`]).

use serde::{Deserialize, Serialize};

use super::{
    codec::Encode,
    file::{self, FileError},
    roster::Roster,
    signing::{Signing, UNSIGNED},
    statement::{Signed, Trust, Unverified},
};

/// Names the format of a roster file.
const FORMAT: &str = "noise-roster/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    deployment: String,
    version: u32,
    challenge_bound_epochs: u32,
    quorum: u32,
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
        quorum: roster.quorum(),
        actors: actors.collect(),
        bytes: hex::encode(bytes.to_bytes()),
    };
    file::render(&file)
}

/// Reads a roster file; what it trusts is checked with Ed25519. That of a deployment in which nothing is signed is refused.
pub fn from_json(text: &str) -> Result<Trust, FileError> {
    from_json_of(Signing::Ed25519, text)
}

/// Reads the roster file of a deployment that signs in this way; that of any other is refused.
pub fn from_json_of(signing: Signing, text: &str) -> Result<Trust, FileError> {
    let file: File = file::parse(text)?;
    let unverified: Unverified<Roster> = file::decode(&file.format, FORMAT, &file.bytes)?;
    match (signing, unverified.cite().signature == UNSIGNED) {
        (Signing::Ed25519, true) => return Err(FileError::Unsigned),
        (Signing::UnsignedForMeasuring, false) => return Err(FileError::NotUnsigned),
        _ => {}
    }
    let trust = Trust::new(unverified.self_certified().clone(), signing.verifier());
    let roster = unverified.clone().verify(&trust).map_err(|_| FileError::Signature)?;
    if render(&roster, &unverified) != text {
        return Err(FileError::Altered);
    }
    Ok(trust)
}

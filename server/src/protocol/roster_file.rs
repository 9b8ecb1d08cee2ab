//! The roster as a file: what a stranger needs beside the evidence.
//!
//! It lists the actors with their keys, and holds the bytes of the signed statement ([`super::file`]), and of every version before it:
//! the first founds the deployment, and each is signed by the operator whom the one before it names.

use serde::{Deserialize, Serialize};

use super::{
    codec::{Decode as _, Encode as _},
    file::{self, FileError},
    id::{ActorId, Role},
    roster::{Member, Roster, keys::Former},
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    agents: Vec<String>,
    bytes: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Actor {
    actor: String,
    operator: u32,
    key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former_keys: Vec<FormerKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormerKey {
    key: String,
    since_version: u32,
    until_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_by_version: Option<u32>,
}

/// The file of a deployment whose rosters are these, the first one first. There is at least one.
pub fn to_json(rosters: &[Signed<Roster>]) -> String {
    render(&rosters.iter().map(Signed::to_unverified).collect::<Vec<_>>())
}

fn render(rosters: &[Unverified<Roster>]) -> String {
    let [earlier @ .., newest] = rosters else { return String::new() };
    let roster = newest.self_certified();
    let file = File {
        format: FORMAT.to_owned(),
        deployment: roster.deployment().to_string(),
        version: roster.version(),
        challenge_bound_epochs: roster.challenge_bound(),
        quorum: roster.quorum(),
        actors: roster.members().iter().map(|member| shown(roster, member)).collect(),
        agents: roster
            .agents()
            .iter()
            .map(|index| ActorId::Server(Role::Handler, *index).to_string())
            .collect(),
        bytes: hex::encode(newest.to_bytes()),
        earlier: earlier.iter().map(|roster| hex::encode(roster.to_bytes())).collect(),
    };
    file::render(&file)
}

fn shown(roster: &Roster, member: &Member) -> Actor {
    let former = |former: &Former| FormerKey {
        key: hex::encode(former.key.0),
        since_version: former.since,
        until_version: former.until,
        revoked_by_version: former.revoked.as_ref().map(|revoked| revoked.version),
    };
    Actor {
        actor: member.actor.to_string(),
        operator: member.operator,
        key: hex::encode(member.key.0),
        former_keys: roster.formers_of(&member.actor).iter().map(former).collect(),
    }
}

/// Reads a roster file; what it trusts is checked with Ed25519. That of a deployment in which nothing is signed is refused.
pub fn from_json(text: &str) -> Result<Trust, FileError> {
    from_json_of(Signing::Ed25519, text)
}

/// Reads the roster file of a deployment that signs in this way; that of any other is refused.
pub fn from_json_of(signing: Signing, text: &str) -> Result<Trust, FileError> {
    let rosters = rosters_of(signing, text)?;
    // there is at least one: that of `bytes`
    let newest = rosters.last().ok_or(FileError::Altered)?;
    Ok(Trust::new((**newest).clone(), signing.verifier()))
}

/// Whether what a server tells goes on from what is kept.
///
/// # Errors
/// One of them cannot be read, or they contradict each other.
pub fn is_succeeded(kept: &str, told: &str) -> Result<bool, FileError> {
    let [kept, told] = [rosters_of(Signing::Ed25519, kept)?, rosters_of(Signing::Ed25519, told)?];
    match kept.iter().zip(&told).all(|(kept, told)| kept == told) {
        true => Ok(told.len() > kept.len()),
        false => Err(FileError::Other),
    }
}

/// Reads all rosters of a deployment that signs in this way, the first one first; there is at least one.
pub fn rosters_of(signing: Signing, text: &str) -> Result<Vec<Signed<Roster>>, FileError> {
    let file: File = file::parse(text)?;
    let newest: Unverified<Roster> = file::decode(&file.format, FORMAT, &file.bytes)?;
    match (signing, newest.cite().endorsement.signature() == UNSIGNED) {
        (Signing::Ed25519, true) => return Err(FileError::Unsigned),
        (Signing::UnsignedForMeasuring, false) => return Err(FileError::NotUnsigned),
        _ => {}
    }
    let mut rosters = Vec::new();
    for earlier in &file.earlier {
        rosters.push(Unverified::<Roster>::from_bytes(&hex::decode(earlier)?)?);
    }
    rosters.push(newest);
    let first = rosters[0].self_certified();
    let founds = first.version() == 0;
    let chain = rosters.windows(2).all(|pair| pair[1].self_certified().follows(pair[0].self_certified()));
    if !founds || !chain {
        return Err(FileError::Succession);
    }
    let signed = |roster: &Unverified<Roster>| {
        // every version names the same operators, so each may be checked under itself
        let trust = Trust::new(roster.self_certified().clone(), signing.verifier());
        roster.clone().verify(&trust).map_err(|_| FileError::Signature)
    };
    let signed = rosters.iter().map(signed).collect::<Result<_, _>>()?;
    if render(&rosters) != text {
        return Err(FileError::Altered);
    }
    Ok(signed)
}

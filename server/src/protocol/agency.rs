//! Agencies: a request handler signs for a client that signs nothing itself.
//!
//! Fields after the terms: `client(32) ‖ digest of the device's name(32)`. Slot: always 0; a handler says it as often as it is asked,
//! each time in the same bytes.
//!
//! The device is known by its name alone, and whatever its client signs, the handler has signed. So a verdict against that client is one
//! against the handler ([`super::predicate::agent`]), if the roster names it as an agent. The device itself can be blamed for nothing.

use serde::{Deserialize, Serialize};

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
    file::{self, FileError},
    id::{ActorId, ClientId, Role},
    statement::{Head, Kind, Statement, Terms, Trust, Unverified},
};

/// Names the format of an agency file.
const FORMAT: &str = "noise-agency/1";

/// Who bears this name is this client, and I sign for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agency {
    /// Which request handler.
    pub handler: u32,
    /// Roster and key.
    pub terms: Terms,
    /// The client.
    pub client: ClientId,
    /// The digest of its device's name.
    pub device: Digest,
}

/// The digest by which a device is named.
pub fn device_digest(name: &str) -> Digest {
    Digest::of(&[b"noise/device/1", name.as_bytes()])
}

impl Statement for Agency {
    const KIND: Kind = Kind::Agency;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Handler, self.handler), slot: 0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.client.encode(out);
        self.device.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if head.slot != 0 {
            return Err(DecodeError::Invalid("slot of an agency"));
        }
        Ok(Agency {
            handler: head.index_of(Role::Handler)?,
            terms: head.terms,
            client: ClientId::decode(input)?,
            device: Digest::decode(input)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    deployment: String,
    device: String,
    client: String,
    agent: String,
    bytes: String,
}

/// The agency of a device as a file.
pub fn to_json(agency: &Unverified<Agency>, device: &str, trust: &Trust) -> String {
    file::render(&File {
        format: FORMAT.to_owned(),
        deployment: trust.deployment.to_string(),
        device: device.to_owned(),
        client: hex::encode(agency.claimed().client.bytes()),
        agent: agency.claimed_actor().to_string(),
        bytes: hex::encode(agency.to_bytes()),
    })
}

/// Reads an agency file of this deployment. Whether the handler has signed it is a question to the judge.
pub fn from_json(text: &str, trust: &Trust) -> Result<Unverified<Agency>, FileError> {
    let file: File = file::parse(text)?;
    let agency: Unverified<Agency> = file::decode(&file.format, FORMAT, &file.bytes)?;
    if file.deployment != trust.deployment.to_string() {
        return Err(FileError::Deployment { file: file.deployment, roster: trust.deployment.to_string() });
    }
    let named = agency.claimed().device == device_digest(&file.device);
    if !named || to_json(&agency, &file.device, trust) != text {
        return Err(FileError::Altered);
    }
    Ok(agency)
}

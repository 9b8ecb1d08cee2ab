//! Who signs, and which of its statements it is: actors, clients and the counters of the pipeline.
//!
//! Every counter is a type of its own, so that a position cannot be used where an epoch is meant.
//!
//! # Invariants
//! - The byte form of an [`ActorId`] tells its own length, so the signed preimage is unambiguous.
//! - A client *is* its public key: no directory can lie about which key belongs to which client.

use std::{fmt, str::FromStr};

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    crypto::PublicKey,
};

/// The roles of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Submits bundles, reads its mailbox.
    Client = 1,
    /// Takes the requests of clients.
    Handler = 2,
    /// Appends bundles to its queue and seals runs of it.
    Incoming = 3,
    /// Orders the seals, one cut an epoch.
    Sequencer = 4,
    /// Keeps mailboxes, attests and delivers.
    Mailbox = 5,
    /// Cosigns heads and relays challenges.
    Witness = 6,
    /// Signs the roster.
    Operator = 7,
}

impl Role {
    /// Every role, in the order of their byte.
    pub const ALL: [Role; 7] = [
        Role::Client,
        Role::Handler,
        Role::Incoming,
        Role::Sequencer,
        Role::Mailbox,
        Role::Witness,
        Role::Operator,
    ];

    /// The role's name in files, reports and scenario keys.
    pub fn name(self) -> &'static str {
        match self {
            Role::Client => "client",
            Role::Handler => "handler",
            Role::Incoming => "incoming",
            Role::Sequencer => "sequencer",
            Role::Mailbox => "mailbox",
            Role::Witness => "witness",
            Role::Operator => "operator",
        }
    }

    fn from_byte(byte: u8) -> Option<Role> {
        Role::ALL.into_iter().find(|role| *role as u8 == byte)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Role::ALL.into_iter().find(|role| role.name() == text).ok_or(())
    }
}

/// A client's identity: its public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub PublicKey);

impl ClientId {
    /// The id as a key of authenticated maps.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0.0
    }

    /// Which of `count` equal ranges of the key space holds this client: the routing function.
    ///
    /// Ranges, not remainders: what one mailbox actor hosts is one contiguous piece of every manifest.
    pub fn range(&self, count: u32) -> u32 {
        let prefix = u64::from_be_bytes(first_eight(self.bytes()));
        ((u128::from(prefix) * u128::from(count)) >> 64) as u32
    }
}

fn first_eight(bytes: &[u8; 32]) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[..8]);
    out
}

/// Anyone who signs statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorId {
    /// A client, named by its key.
    Client(ClientId),
    /// An actor of the server (or an operator), named by role and index in the roster.
    Server(Role, u32),
}

impl ActorId {
    /// The single sequencer of a deployment.
    pub const SEQUENCER: ActorId = ActorId::Server(Role::Sequencer, 0);

    /// The actor's role.
    pub fn role(&self) -> Role {
        match self {
            ActorId::Client(_) => Role::Client,
            ActorId::Server(role, _) => *role,
        }
    }

    /// The client this is, if it is one.
    pub fn client(&self) -> Option<ClientId> {
        match self {
            ActorId::Client(client) => Some(*client),
            ActorId::Server(..) => None,
        }
    }

    /// The index of a server actor of that role.
    pub fn index_of(&self, wanted: Role) -> Option<u32> {
        match self {
            ActorId::Server(role, index) if *role == wanted => Some(*index),
            _ => None,
        }
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActorId::Client(id) => write!(f, "client:{}", hex::encode(id.bytes())),
            ActorId::Server(Role::Sequencer, 0) => f.write_str("sequencer"),
            ActorId::Server(role, index) => write!(f, "{role}/{index}"),
        }
    }
}

/// Why a text names no actor.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} names no actor: write handler/0, incoming/0, sequencer, mailbox/0, witness/0 or client:<64 hex digits>"
)]
pub struct ActorNameError(String);

impl FromStr for ActorId {
    type Err = ActorNameError;
    fn from_str(text: &str) -> Result<Self, ActorNameError> {
        let wrong = || ActorNameError(text.to_owned());
        if text == "sequencer" {
            return Ok(ActorId::SEQUENCER);
        }
        if let Some(key) = text.strip_prefix("client:") {
            let mut bytes = [0; 32];
            hex::decode_to_slice(key, &mut bytes).map_err(|_| wrong())?;
            return Ok(ActorId::Client(ClientId(PublicKey(bytes))));
        }
        let (role, index) = text.split_once('/').ok_or_else(wrong)?;
        match Role::from_str(role).map_err(|()| wrong())? {
            Role::Client => Err(wrong()),
            role => Ok(ActorId::Server(role, index.parse().map_err(|_| wrong())?)),
        }
    }
}

impl Encode for ActorId {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.role() as u8);
        match self {
            ActorId::Client(id) => out.bytes(id.bytes()),
            ActorId::Server(_, index) => out.u32(*index),
        }
    }
}

impl Decode for ActorId {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let role = Role::from_byte(input.u8()?).ok_or(DecodeError::Invalid("role"))?;
        match role {
            Role::Client => Ok(ActorId::Client(ClientId::decode(input)?)),
            role => Ok(ActorId::Server(role, input.u32()?)),
        }
    }
}

impl Encode for ClientId {
    fn encode(&self, out: &mut Writer) {
        out.bytes(self.bytes());
    }
}

impl Decode for ClientId {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(ClientId(PublicKey(input.array()?)))
    }
}

/// The deployment a statement belongs to: the first eight bytes of the digest of its first roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deployment(pub [u8; 8]);

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The next one; at the end of the number space it stays there.
            #[must_use]
            pub fn next(self) -> Self {
                $name(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Writer) {
                out.u64(self.0);
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok($name(input.u64()?))
            }
        }
    )*};
}

counters! {
    /// One cut of the sequencer; the first is 1, and 0 means 'before any cut'.
    Epoch;
    /// A place in the queue of one incoming actor, from 0.
    Position;
    /// The number of a seal of one incoming actor, from 0.
    BatchNumber;
    /// The number of a bundle of one client, from 0.
    BundleNumber;
    /// A place in the one total order of the deployment, from 0.
    SequenceId;
    /// How many deliveries a mailbox has had.
    Count;
    /// How often a mailbox has moved.
    Generation;
}

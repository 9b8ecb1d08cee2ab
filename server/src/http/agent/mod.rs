//! The JSON API of the earlier server, for its clients unchanged: the request handler signs as their agent.
//!
//! Such a client signs nothing and names itself by a device id alone, which nobody checks. So for each device the handler
//! runs a client actor ([`crate::client`]) with a key that it derives from a secret of its own: to the rest of the
//! deployment the device is that client. Blame for what happens before the agent ends at the handler: the roster names it as an
//! agent, and it signs for which clients it is one ([`Agency`]).
//!
//! # Invariants
//! - A message is in the mailroom, synced, before the agent's client can forget it; it stays until the device deletes it.
//! - A mailroom that is full takes no more: what is under way to the device waits where it is, in order ([`device`]).
//! - A device that gives up its place to another has nothing here: no message, no key, no stream, no request. What its client has signed
//!   stays in its store.
//! - A one-time key is out of the mailroom, synced, before it is handed out.

mod device;
mod mailroom;
pub mod routes;

use std::{
    collections::BTreeMap,
    future::Future,
    ops::ControlFlow,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    actor::Notice,
    client::{Client, ClientError},
    deployment::keys::{self, KeyError},
    port::{Clock, StorageError, any_clock::AnyClock},
    protocol::{
        agency::{self, Agency},
        crypto::{Ed25519Signer, Signer},
        digest::Digest,
        id::{ActorId, ClientId, Role},
        statement::{Signed, Trust},
    },
};

use super::Limits;
use device::{Device, Keeper};

pub use mailroom::Mailroom;

/// Longest device id.
pub const DEVICE_BYTES_MAX: usize = 256;
/// Told of every notice of a device's client before the client goes on, which it does not after a break.
pub type Hook = Box<dyn FnMut(&Notice) -> ControlFlow<()> + Send>;

/// Starts the client of a device: its secret key, where it stores, who is told.
pub type Start = Box<
    dyn Fn([u8; 32], PathBuf, Hook) -> Pin<Box<dyn Future<Output = Result<Client, ClientError>> + Send>>
        + Send
        + Sync,
>;

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its secret.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its mailroom.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// The agent of all devices.
pub struct Agent {
    directory: PathBuf,
    secret: [u8; 32],
    handler: Handler,
    mailroom: Arc<Mailroom>,
    start: Arc<Start>,
    clock: AnyClock,
    /// Most devices whose clients run at once.
    devices_max: usize,
    /// How long a device that has nothing here keeps its place when others want one.
    idle_ns: u64,
    devices: Mutex<BTreeMap<String, Arc<Device>>>,
}

/// The request handler whose agent it is.
pub struct Handler {
    /// Which.
    pub index: u32,
    /// Its key.
    pub signer: Box<dyn Signer>,
    /// The roster, which names it as an agent.
    pub trust: Trust,
}

impl Agent {
    /// An agent that keeps what it must in this directory, for so many devices at once and of each so many bytes as the limits say;
    /// `handler` signs for which clients it is one.
    pub fn open(
        directory: PathBuf,
        handler: Handler,
        start: Start,
        clock: AnyClock,
        limits: &Limits,
    ) -> Result<Agent, AgentError> {
        keys::private_directory(&directory)?;
        keys::private_directory(&directory.join("devices"))?;
        let secret = keys::read_or_make(&directory.join("agent.key"))?.0;
        let mailroom = Arc::new(Mailroom::open(&directory.join("mailroom.redb"), limits.mailroom_bytes)?);
        let (start, devices) = (Arc::new(start), Mutex::default());
        let (devices_max, idle_ns) = (limits.devices, limits.device_idle_ns);
        Ok(Agent { directory, secret, handler, mailroom, start, clock, devices_max, idle_ns, devices })
    }

    /// The client that a device is.
    pub fn client_of(&self, device: &str) -> ClientId {
        ClientId(Ed25519Signer::from_secret(&client_key(self.secret, device)).public())
    }

    fn running(&self, device: &str) -> Option<Arc<Device>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    /// A device, its client running if there is room for what it is sent. `None` if there are too many, and none has been idle for
    /// long that has nothing here: such a one gives its place up, and gets another when it asks again.
    fn device(&self, device: &str) -> Option<Arc<Device>> {
        let now = self.clock.now();
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = devices.get(device) {
            running.used(now);
            return Some(running.clone());
        }
        if devices.len() >= self.devices_max {
            let is_idle = |(id, other): &(&String, &Arc<Device>)| {
                other.is_idle(now, self.idle_ns)
                    && Arc::strong_count(other) == 1
                    && self.mailroom.is_empty(id)
            };
            let idle = devices.iter().find(is_idle).map(|(id, _)| id.clone())?;
            // its client ends with it; its store stays, with all that it has signed
            devices.remove(&idle);
        }
        let name = hex::encode(&Digest::of(&[device.as_bytes()]).0[..16]);
        let keeper = Keeper {
            device: device.to_owned(),
            secret: self.secret,
            store: self.directory.join("devices").join(name).with_extension("redb"),
            mailroom: self.mailroom.clone(),
            start: self.start.clone(),
            clock: self.clock.clone(),
        };
        let running = Arc::new(keeper.start(now));
        devices.insert(device.to_owned(), running.clone());
        Some(running)
    }

    /// The handler's word that it signs for a device, as a file.
    pub fn agency(&self, device: &str) -> String {
        let Handler { index, signer, trust } = &self.handler;
        let terms = trust.roster.terms_of(&ActorId::Server(Role::Handler, *index));
        let (client, digest) = (self.client_of(device), agency::device_digest(device));
        let agency = Agency { handler: *index, terms, client, device: digest };
        let signed = Signed::sign(agency, trust.deployment, &**signer);
        agency::to_json(&signed.to_unverified(), device, trust)
    }
}

/// The secret key of the client that a device is.
fn client_key(secret: [u8; 32], device: &str) -> [u8; 32] {
    Digest::of(&[b"noise/agent/device/1", &secret, device.as_bytes()]).0
}

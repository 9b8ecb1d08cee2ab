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
mod text;
mod writes;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    client::Client,
    port::{Clock, any_clock::AnyClock, any_spawn::AnySpawn},
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

pub use device::Post;
pub use mailroom::Mailroom;
pub use writes::Unstored;

/// Longest device id.
pub const DEVICE_BYTES_MAX: usize = 256;
/// Starts the client of a device: its secret key, what its store is called, who keeps what it is told.
pub type Start = Box<dyn Fn([u8; 32], &str, Post) -> Client + Send + Sync>;

/// What an agent is made of, wherever it is.
pub struct Parts {
    /// What the keys of its clients come from.
    pub secret: [u8; 32],
    /// Who answers for it.
    pub handler: Handler,
    /// What it keeps.
    pub mailroom: Mailroom,
    /// Starts its clients.
    pub start: Start,
    /// Time.
    pub clock: AnyClock,
    /// Runs what looks after each of them.
    pub spawn: AnySpawn,
}

/// The agent of all devices.
pub struct Agent {
    secret: [u8; 32],
    handler: Handler,
    mailroom: Arc<Mailroom>,
    start: Arc<Start>,
    clock: AnyClock,
    spawn: AnySpawn,
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
    /// An agent for so many devices at once as the limits say.
    pub fn new(parts: Parts, limits: &Limits) -> Agent {
        let Parts { secret, handler, mailroom, start, clock, spawn } = parts;
        let (mailroom, start, devices) = (Arc::new(mailroom), Arc::new(start), Mutex::default());
        let (devices_max, idle_ns) = (limits.devices, limits.device_idle_ns);
        Agent { secret, handler, mailroom, start, clock, spawn, devices_max, idle_ns, devices }
    }

    /// Ends its clients, and closes its mailroom when what is on its way there is stored.
    pub fn close(&self) {
        self.mailroom.close();
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
        let keeper = Keeper {
            device: device.to_owned(),
            secret: self.secret,
            mailroom: self.mailroom.clone(),
            start: self.start.clone(),
            clock: self.clock.clone(),
        };
        let running = Arc::new(keeper.start(now, &self.spawn));
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

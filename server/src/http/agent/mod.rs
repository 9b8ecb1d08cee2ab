//! The JSON API of the earlier server, for its clients unchanged: the request handler signs as their agent.
//!
//! Such a client signs nothing and names itself by a device id alone, which nobody checks. So for each device the handler
//! runs a client actor ([`crate::client`]) with a key that it derives from a secret of its own: to the rest of the
//! deployment the device is that client. Blame for what happens before the agent ends at the handler, which vouches for
//! the keys of its devices by the key that the roster lists for it ([`Voucher`]).
//!
//! # Invariants
//! - A message is in the mailroom, synced, before the agent's client can forget it; it stays until the device deletes it.
//! - A mailroom that is full takes no more: what is under way to the device waits where it is, in order ([`device`]).
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
    port::{StorageError, any_clock::AnyClock},
    protocol::{
        crypto::{Ed25519Signer, Signer},
        digest::Digest,
        id::{ClientId, Deployment},
    },
};

use device::{Device, Keeper};

pub use mailroom::Mailroom;

/// Most devices whose clients run at once.
const DEVICES_MAX: usize = 4096;
/// Longest device id.
pub const DEVICE_BYTES_MAX: usize = 256;
/// What a voucher's signature begins with.
const VOUCHER_TAG: &[u8] = b"noise/agent/1";

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
    deployment: Deployment,
    handler: Box<dyn Signer>,
    mailroom: Arc<Mailroom>,
    start: Arc<Start>,
    clock: AnyClock,
    devices: Mutex<BTreeMap<String, Arc<Device>>>,
}

/// The handler's word that a client is a device of its own: the signature is by its key in the roster, over
/// `"noise/agent/1" ‖ deployment(8) ‖ client(32) ‖ device id`.
pub struct Voucher {
    client: ClientId,
    signature: String,
}

impl Agent {
    /// An agent that keeps what it must in this directory, and of each device so many bytes at most until it deletes them;
    /// `handler` signs its vouchers.
    pub fn open(
        directory: PathBuf,
        deployment: Deployment,
        handler: Box<dyn Signer>,
        start: Start,
        clock: AnyClock,
        mailroom_bytes: usize,
    ) -> Result<Agent, AgentError> {
        keys::private_directory(&directory)?;
        keys::private_directory(&directory.join("devices"))?;
        let secret = keys::read_or_make(&directory.join("agent.key"))?.0;
        let mailroom = Arc::new(Mailroom::open(&directory.join("mailroom.redb"), mailroom_bytes)?);
        let (start, devices) = (Arc::new(start), Mutex::default());
        Ok(Agent { directory, secret, deployment, handler, mailroom, start, clock, devices })
    }

    /// The client that a device is.
    pub fn client_of(&self, device: &str) -> ClientId {
        ClientId(Ed25519Signer::from_secret(&client_key(self.secret, device)).public())
    }

    fn running(&self, device: &str) -> Option<Arc<Device>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    /// A device, its client running if there is room for what it is sent. `None` if there are too many.
    fn device(&self, device: &str) -> Option<Arc<Device>> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = devices.get(device) {
            return Some(running.clone());
        }
        if devices.len() >= DEVICES_MAX {
            return None;
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
        let running = Arc::new(keeper.start());
        devices.insert(device.to_owned(), running.clone());
        Some(running)
    }

    /// The handler vouches for a device.
    pub fn voucher(&self, device: &str) -> Voucher {
        let client = self.client_of(device);
        let preimage = [VOUCHER_TAG, &self.deployment.0, client.bytes(), device.as_bytes()].concat();
        Voucher { client, signature: hex::encode(self.handler.sign(&preimage).0) }
    }
}

/// The secret key of the client that a device is.
fn client_key(secret: [u8; 32], device: &str) -> [u8; 32] {
    Digest::of(&[b"noise/agent/device/1", &secret, device.as_bytes()]).0
}

//! The JSON API of the earlier server, for its clients unchanged: the request handler signs as their agent.
//!
//! Such a client signs nothing and names itself by a device id alone, which nobody checks. So for each device the handler
//! runs a client actor ([`crate::client`]) with a key that it derives from a secret of its own: to the rest of the
//! deployment the device is that client. Blame for what happens before the agent ends at the handler, which vouches for
//! the keys of its devices by the key that the roster lists for it ([`Voucher`]).
//!
//! # Invariants
//! - A message is in the mailroom, synced, before the agent's client can forget it; it stays until the device deletes it.
//! - A one-time key is out of the mailroom, synced, before it is handed out.

mod mailroom;
pub mod routes;

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{Either, select};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    actor::Notice,
    client::{Client, ClientError},
    deployment::keys::{self, KeyError},
    port::StorageError,
    protocol::{
        crypto::{Ed25519Signer, PublicKey, Signer},
        digest::Digest,
        id::{BundleNumber, ClientId, Deployment},
    },
};

pub use mailroom::Mailroom;

/// Most devices whose clients run at once.
const DEVICES_MAX: usize = 4096;
/// Longest device id.
pub const DEVICE_BYTES_MAX: usize = 256;
/// Messages of a device on their way to its client.
const OUTGOING_MAX: usize = 64;
/// What a voucher's signature begins with.
const VOUCHER_TAG: &[u8] = b"noise/agent/1";

/// Told of every notice of a device's client before the client goes on.
pub type Hook = Box<dyn FnMut(&Notice) + Send>;

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

/// What a device sends: to each recipient a payload.
struct Outgoing {
    batch: Vec<(ClientId, Vec<u8>)>,
    receipted: oneshot::Sender<()>,
}

/// A device whose client runs.
pub struct Device {
    outgoing: mpsc::Sender<Outgoing>,
    /// Something changed in its part of the mailroom.
    changed: watch::Sender<()>,
}

/// The agent of all devices.
pub struct Agent {
    directory: PathBuf,
    secret: [u8; 32],
    deployment: Deployment,
    handler: Box<dyn Signer>,
    mailroom: Arc<Mailroom>,
    start: Start,
    devices: Mutex<BTreeMap<String, Arc<Device>>>,
    /// Held while a device's client is being started: it must not be started twice.
    starting: tokio::sync::Mutex<()>,
}

/// The handler's word that a client is a device of its own: the signature is by its key in the roster, over
/// `"noise/agent/1" ‖ deployment(8) ‖ client(32) ‖ device id`.
pub struct Voucher {
    client: ClientId,
    signature: String,
}

impl Agent {
    /// An agent that keeps what it must in this directory; `handler` signs its vouchers.
    pub fn open(
        directory: PathBuf,
        deployment: Deployment,
        handler: Box<dyn Signer>,
        start: Start,
    ) -> Result<Agent, AgentError> {
        keys::private_directory(&directory)?;
        keys::private_directory(&directory.join("devices"))?;
        let secret = keys::read_or_make(&directory.join("agent.key"))?.0;
        let mailroom = Arc::new(Mailroom::open(&directory.join("mailroom.redb"))?);
        let (devices, starting) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Agent { directory, secret, deployment, handler, mailroom, start, devices, starting })
    }

    fn key(&self, device: &str) -> [u8; 32] {
        Digest::of(&[b"noise/agent/device/1", &self.secret, device.as_bytes()]).0
    }

    /// The client that a device is.
    pub fn client_of(&self, device: &str) -> ClientId {
        ClientId(Ed25519Signer::from_secret(&self.key(device)).public())
    }

    fn running(&self, device: &str) -> Option<Arc<Device>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned()
    }

    /// A device, its client running. `None` if there are too many, or it cannot be started.
    async fn device(&self, device: &str) -> Option<Arc<Device>> {
        if let Some(running) = self.running(device) {
            return Some(running);
        }
        let _starting = self.starting.lock().await;
        if let Some(running) = self.running(device) {
            return Some(running);
        }
        if self.devices.lock().unwrap_or_else(PoisonError::into_inner).len() >= DEVICES_MAX {
            return None;
        }
        let (changed, _) = watch::channel(());
        let (outgoing, orders) = mpsc::channel(OUTGOING_MAX);
        let name = hex::encode(&Digest::of(&[device.as_bytes()]).0[..16]);
        let store = self.directory.join("devices").join(name).with_extension("redb");
        let hook = self.hook(device, changed.clone());
        let client = (self.start)(self.key(device), store, hook).await;
        let client = client.map_err(|error| tracing::warn!(device, %error, "no client")).ok()?;
        tokio::spawn(run(client, device.to_owned(), orders));
        let running = Arc::new(Device { outgoing, changed });
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.insert(device.to_owned(), running.clone());
        Some(running)
    }

    /// Puts every delivery into the mailroom before the client takes its next step.
    fn hook(&self, device: &str, changed: watch::Sender<()>) -> Hook {
        let (device, mailroom, secret) = (device.to_owned(), self.mailroom.clone(), self.secret);
        Box::new(move |notice| {
            let Notice::Delivered { count, sender, content: Some(content), .. } = notice else { return };
            let message = read(secret, *sender, &content.payload, &content.ciphertext);
            if let Err(error) = mailroom.put_message(&device, count.0, &message) {
                // what cannot be stored must not be acknowledged: the client must not go on
                tracing::error!(device, %error, "the mailroom cannot store");
                std::process::abort();
            }
            changed.send_replace(());
        })
    }

    /// Sends for a device, and waits for the receipts. None if it cannot be sent now.
    async fn send(&self, from: &str, batch: Vec<(ClientId, Vec<u8>)>) -> Option<()> {
        let device = self.device(from).await?;
        let (receipted, receipt) = oneshot::channel();
        device.outgoing.send(Outgoing { batch, receipted }).await.ok()?;
        receipt.await.ok()
    }

    /// The handler vouches for a device.
    pub fn voucher(&self, device: &str) -> Voucher {
        let client = self.client_of(device);
        let preimage = [VOUCHER_TAG, &self.deployment.0, client.bytes(), device.as_bytes()].concat();
        Voucher { client, signature: hex::encode(self.handler.sign(&preimage).0) }
    }
}

/// What a device is shown of a delivery: of another device its id and JSON, of any other client its key and bytes.
fn read(secret: [u8; 32], sender: ClientId, payload: &[u8], ciphertext: &[u8]) -> Value {
    let of_device = |device: &str| {
        let key = Digest::of(&[b"noise/agent/device/1", &secret, device.as_bytes()]).0;
        Ed25519Signer::from_secret(&key).public() == sender.0
    };
    let device = std::str::from_utf8(payload).ok().filter(|device| of_device(device));
    match (device, serde_json::from_slice::<Value>(ciphertext)) {
        (Some(device), Ok(payload)) => json!({ "sender": device, "encPayload": payload }),
        _ => {
            let PublicKey(key) = sender.0;
            json!({ "sender": hex::encode(key), "encPayload": hex::encode(ciphertext) })
        }
    }
}

/// Runs the client of a device: sends what it is told to, and tells when that has its receipt.
async fn run(mut client: Client, device: String, mut orders: mpsc::Receiver<Outgoing>) {
    let mut drawn: BTreeMap<u64, oneshot::Sender<()>> = BTreeMap::new();
    let mut submitted: BTreeMap<BundleNumber, oneshot::Sender<()>> = BTreeMap::new();
    loop {
        let order = {
            let (next, order) = (std::pin::pin!(client.next()), std::pin::pin!(orders.recv()));
            match select(next, order).await {
                Either::Left((None, _)) | Either::Right((None, _)) => return,
                Either::Left((Some(notice), _)) => Either::Left(notice),
                Either::Right((Some(order), _)) => Either::Right(order),
            }
        };
        match order {
            Either::Right(Outgoing { batch, receipted }) => {
                // without a token nobody waits, and the device is told to try again
                if let Some(token) = client.send(device.clone().into_bytes(), batch) {
                    drawn.insert(token, receipted);
                }
            }
            Either::Left(Notice::Submitted { token, number, .. }) => {
                submitted.extend(drawn.remove(&token).map(|receipted| (number, receipted)));
            }
            Either::Left(Notice::Overloaded { token }) => drop(drawn.remove(&token)),
            Either::Left(Notice::Receipted { number, .. }) => {
                if let Some(receipted) = submitted.remove(&number) {
                    // whoever asked may be gone
                    let _ = receipted.send(());
                }
            }
            Either::Left(_) => {}
        }
    }
}

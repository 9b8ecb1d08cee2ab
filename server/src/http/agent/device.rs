//! A device: the client that runs for it, and what stands between that and its mailroom.
//!
//! # Invariants
//! - A delivery that finds no room in the mailroom ends the client before its next step: what it has told and not deleted stays in its
//!   store, and what it was not sent stays with the mailbox actor. It is started again when the device has made room, and tells
//!   again what was not taken.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::{Either, select};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Mailroom, Start, client_key, text::Text};
use crate::{
    actor::Notice,
    client::{Client, Keep},
    port::{Clock, Spawn, Time, any_clock::AnyClock},
    protocol::{
        crypto::{Ed25519Signer, PublicKey, Signer},
        digest::Digest,
        id::{ActorId, BundleNumber, ClientId},
    },
};

/// Messages of a device on their way to its client.
const OUTGOING_MAX: usize = 64;
/// The pause before a client is started again: its store is closed a moment after it has ended.
const PAUSE_NS: u64 = 100_000_000;

/// What a device sends: to each recipient a payload.
struct Outgoing {
    batch: Vec<(ClientId, Vec<u8>)>,
    receipted: oneshot::Sender<()>,
}

/// The way to a device's client.
pub struct Device {
    outgoing: mpsc::Sender<Outgoing>,
    changed: watch::Sender<()>,
    /// When it was last asked for, in nanoseconds.
    used: AtomicU64,
}

impl Device {
    /// Sends these, one after the other, and waits for the receipts of all. None if one cannot be sent now.
    pub async fn send(&self, batches: Vec<Vec<(ClientId, Vec<u8>)>>) -> Option<()> {
        let mut receipts = Vec::with_capacity(batches.len());
        for batch in batches {
            let (receipted, receipt) = oneshot::channel();
            self.outgoing.send(Outgoing { batch, receipted }).await.ok()?;
            receipts.push(receipt);
        }
        for receipt in receipts {
            receipt.await.ok()?;
        }
        Some(())
    }

    /// Hears of every change in its part of the mailroom.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Somebody asks for it.
    pub fn used(&self, now: Time) {
        self.used.store(now.0, Ordering::Relaxed);
    }

    /// Whether nobody has asked for it for so long, nor hears of its changes.
    pub fn is_idle(&self, now: Time, idle_ns: u64) -> bool {
        let keeper = 1;
        self.changed.receiver_count() <= keeper
            && Time(self.used.load(Ordering::Relaxed)).after(idle_ns) <= now
    }

    /// Something changed there.
    pub fn change(&self) {
        self.changed.send_replace(());
    }
}

/// What runs a device's client.
pub struct Keeper {
    /// The device's id.
    pub device: String,
    /// The agent's secret.
    pub secret: [u8; 32],
    /// Where its deliveries go.
    pub mailroom: Arc<Mailroom>,
    /// Starts it.
    pub start: Arc<Start>,
    /// Time.
    pub clock: AnyClock,
}

/// Why a client is no longer served.
#[derive(PartialEq, Eq)]
enum Over {
    /// It has ended.
    Ended,
    /// Nobody can want anything of the device any more.
    Forgotten,
}

impl Keeper {
    /// Runs the client from now on, whenever there is room for what it is sent, until the mailroom is closed.
    pub fn start(self, now: Time, spawn: &impl Spawn) -> Device {
        let (changed, changes) = watch::channel(());
        let (outgoing, orders) = mpsc::channel(OUTGOING_MAX);
        let (mailroom, telling) = (self.mailroom.clone(), changed.clone());
        spawn.spawn(async move {
            let closed = std::pin::pin!(mailroom.closed());
            select(closed, std::pin::pin!(self.run(telling, changes, orders))).await;
        });
        Device { outgoing, changed, used: AtomicU64::new(now.0) }
    }

    async fn run(
        self,
        changed: watch::Sender<()>,
        mut changes: watch::Receiver<()>,
        mut orders: mpsc::Receiver<Outgoing>,
    ) {
        loop {
            if self.wait_for_room(&mut changes, &mut orders).await == Over::Forgotten {
                return;
            }
            let post = Post {
                device: self.device.clone(),
                secret: self.secret,
                mailroom: self.mailroom.clone(),
                changed: changed.clone(),
            };
            let client = (self.start)(client_key(self.secret, &self.device), &self.store(), post);
            if self.serve(client, &mut orders).await == Over::Forgotten {
                return;
            }
            self.clock.sleep(self.clock.now().after(PAUSE_NS)).await;
        }
    }

    /// Waits until there is room. What is to be sent meanwhile is not: whoever asked hears that by the end of its channel.
    async fn wait_for_room(
        &self,
        changes: &mut watch::Receiver<()>,
        orders: &mut mpsc::Receiver<Outgoing>,
    ) -> Over {
        loop {
            changes.borrow_and_update();
            if self.mailroom.has_room(&self.device) {
                return Over::Ended;
            }
            // changes first: an order that comes when room was made is not dropped
            match select(std::pin::pin!(changes.changed()), std::pin::pin!(orders.recv())).await {
                Either::Left(_) => {}
                Either::Right((Some(order), _)) => drop(order),
                Either::Right((None, _)) => return Over::Forgotten,
            }
        }
    }

    /// What the client's store is called.
    fn store(&self) -> String {
        hex::encode(&Digest::of(&[self.device.as_bytes()]).0[..16])
    }

    /// Sends what the client is told to, and tells when that has its receipt.
    async fn serve(&self, mut client: Client, orders: &mut mpsc::Receiver<Outgoing>) -> Over {
        let mut drawn: BTreeMap<u64, oneshot::Sender<()>> = BTreeMap::new();
        let mut submitted: BTreeMap<BundleNumber, oneshot::Sender<()>> = BTreeMap::new();
        loop {
            let order = {
                let (next, order) = (std::pin::pin!(client.next()), std::pin::pin!(orders.recv()));
                match select(next, order).await {
                    Either::Left((None, _)) => return Over::Ended,
                    Either::Right((None, _)) => return Over::Forgotten,
                    Either::Left((Some(notice), _)) => Either::Left(notice),
                    Either::Right((Some(order), _)) => Either::Right(order),
                }
            };
            match order {
                Either::Right(Outgoing { batch, receipted }) => {
                    // without a token nobody waits, and the device is told to try again
                    if let Ok(token) = client.send(self.device.clone().into_bytes(), batch) {
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
                Either::Left(Notice::Caught(evidence)) => {
                    let (accused, predicate) = (evidence.accused(), evidence.predicate());
                    tracing::warn!(client = %ActorId::Client(client.id), %accused, predicate, "a device's client has caught a cheat");
                }
                Either::Left(Notice::Retired { .. }) => {
                    let store = self.store();
                    tracing::error!(
                        client = %ActorId::Client(client.id), store,
                        "a device's client has lost what it had stored and signs nothing more: nothing is sent for that device"
                    );
                }
                Either::Left(_) => {}
            }
        }
    }
}

/// Puts every delivery to a device into its mailroom before its client takes the next step; without room there is none.
pub struct Post {
    device: String,
    secret: [u8; 32],
    mailroom: Arc<Mailroom>,
    changed: watch::Sender<()>,
}

impl Keep for Post {
    async fn keep(&mut self, notices: &[Notice]) -> ControlFlow<()> {
        let message = |notice: &Notice| match notice {
            Notice::Delivered { count, sender, content: Some(content), .. } => {
                Some((count.0, read(self.secret, *sender, &content.payload, &content.ciphertext)))
            }
            _ => None,
        };
        let messages: Vec<(u64, Text)> = notices.iter().filter_map(message).collect();
        if messages.is_empty() {
            return ControlFlow::Continue(());
        }
        let kept = self.mailroom.put_messages(&self.device, messages).await;
        self.changed.send_replace(());
        match kept {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => {
                tracing::debug!(device = self.device, "the mailroom is full");
                ControlFlow::Break(())
            }
            // what cannot be stored must not be forgotten
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// What a device is shown of a delivery.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    /// Of another device its JSON, of any other client its ciphertext in hexadecimal digits.
    enc_payload: Text,
    /// Of a client that is no device what it sent to all, if there is anything.
    #[serde(skip_serializing_if = "str::is_empty")]
    payload: &'a str,
    /// A device's id, or a client's key.
    sender: &'a str,
}

/// What a device is shown of a delivery: of another device its id and JSON, of any other client its key and bytes.
fn read(secret: [u8; 32], sender: ClientId, payload: &[u8], ciphertext: &[u8]) -> Text {
    let of_device =
        |device: &str| Ed25519Signer::from_secret(&client_key(secret, device)).public() == sender.0;
    let device = std::str::from_utf8(payload).ok().filter(|device| of_device(device));
    match (device, Text::read(ciphertext)) {
        (Some(sender), Ok(enc_payload)) => Text::of(&Shown { enc_payload, payload: "", sender }),
        _ => {
            let PublicKey(key) = sender.0;
            let (enc_payload, payload) = (Text::of(&hex::encode(ciphertext)), &hex::encode(payload));
            Text::of(&Shown { enc_payload, payload, sender: &hex::encode(key) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_shown_as_a_device_but_itself() {
        let secret = [7; 32];
        let key = |device: &str| Ed25519Signer::from_secret(&client_key(secret, device)).public();
        let shown = |from: PublicKey| read(secret, ClientId(from), b"ann", b"\"hello\"");
        assert_eq!(shown(key("ann")).as_str(), "{\"encPayload\":\"hello\",\"sender\":\"ann\"}");
        // another device, and a client that is none
        for other in [key("eve"), Ed25519Signer::from_secret(&[8; 32]).public()] {
            let [key, bytes, payload] = [&other.0[..], b"\"hello\"", b"ann"].map(hex::encode);
            let bytes =
                format!("{{\"encPayload\":\"{bytes}\",\"payload\":\"{payload}\",\"sender\":\"{key}\"}}");
            assert_eq!(shown(other).as_str(), bytes);
        }
    }
}

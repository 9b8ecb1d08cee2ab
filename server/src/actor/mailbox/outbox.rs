//! The outbox: what each client has not acknowledged, and the statements that go with it.
//!
//! # Invariants
//! - A client is sent its deliveries in order, at most [`UNACKNOWLEDGED_MAX`] beyond what it has acknowledged.
//! - Cuts and attestations are kept as long as a delivery needs them: its own epoch's and those before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    actor::Step,
    protocol::{
        attestation::{Attestation, MailboxHead},
        bundle::Parcel,
        codec::{Decode, DecodeError, Encode, Reader, Writer},
        cut::Cut,
        derivation::{Derivation, SEALS_MAX, SealPart},
        id::{ActorId, ClientId, Count, Epoch},
        map::Pruned,
        merkle::LEAVES_MAX,
        message::{Delivery, Message},
        statement::Signed,
    },
};

/// Most deliveries on the way to a client: it verifies and stores them at its own pace.
const UNACKNOWLEDGED_MAX: u64 = 256;

/// What one client gets of one epoch, less what all clients of the epoch share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personal {
    /// Who.
    pub client: ClientId,
    /// When.
    pub epoch: Epoch,
    /// The client's count after it.
    pub upto: Count,
    /// Its entry in the attestation before.
    pub base: Pruned<MailboxHead>,
    /// Its entry in the attestation.
    pub after: Pruned<MailboxHead>,
    /// What the seals of the epoch say of it.
    pub seals: Vec<SealPart>,
    /// The bundles, in the order of delivery.
    pub parcels: Vec<Parcel>,
}

impl Personal {
    /// The key of its row.
    pub fn key(&self) -> Vec<u8> {
        [self.client.to_bytes(), self.epoch.to_bytes()].concat()
    }
}

struct Subscriber {
    /// The client has been sent everything up to this count.
    sent: Count,
    acknowledged: Count,
}

/// What is to be delivered.
#[derive(Default)]
pub struct Outbox {
    pending: BTreeMap<ClientId, BTreeMap<Epoch, Personal>>,
    /// Epochs that pending deliveries are of, with how many.
    epochs: BTreeMap<Epoch, BTreeSet<ClientId>>,
    cuts: BTreeMap<Epoch, Signed<Cut>>,
    attestations: BTreeMap<Epoch, Signed<Attestation>>,
    subscribers: BTreeMap<ClientId, Subscriber>,
    /// Epochs that may not be needed any more.
    candidates: BTreeSet<Epoch>,
}

impl Outbox {
    /// A cut that deliveries will show.
    pub fn ordered(&mut self, cut: Signed<Cut>) {
        self.candidates.insert(cut.epoch);
        self.cuts.insert(cut.epoch, cut);
    }

    /// An attestation that is out.
    pub fn attested(&mut self, attestation: Signed<Attestation>) {
        self.attestations.insert(attestation.epoch, attestation);
    }

    /// Something to deliver once its epoch is attested.
    pub fn add(&mut self, personal: Personal) {
        self.epochs.entry(personal.epoch).or_default().insert(personal.client);
        self.pending.entry(personal.client).or_default().insert(personal.epoch, personal);
    }

    /// Who gets something in an epoch.
    pub fn clients_of(&self, epoch: Epoch) -> Vec<ClientId> {
        self.epochs.get(&epoch).into_iter().flatten().copied().collect()
    }

    /// A client is there and holds its mailbox up to a count.
    pub fn subscribe(&mut self, client: ClientId, from: Count) {
        self.subscribers.insert(client, Subscriber { sent: from, acknowledged: from });
    }

    /// A client is gone.
    pub fn disconnect(&mut self, client: ClientId) {
        self.subscribers.remove(&client);
    }

    /// A client holds its mailbox up to a count: gives the keys of what need not be kept for it.
    pub fn acknowledged(&mut self, client: ClientId, upto: Count) -> Vec<Vec<u8>> {
        if let Some(subscriber) = self.subscribers.get_mut(&client) {
            subscriber.acknowledged = subscriber.acknowledged.max(upto);
        }
        let Some(pending) = self.pending.get_mut(&client) else { return Vec::new() };
        let mut keys = Vec::new();
        while let Some(entry) = pending.first_entry().filter(|entry| entry.get().upto <= upto) {
            let personal = entry.remove();
            keys.push(personal.key());
            if let Some(clients) = self.epochs.get_mut(&personal.epoch) {
                clients.remove(&client);
                if clients.is_empty() {
                    self.epochs.remove(&personal.epoch);
                    self.candidates.extend([personal.epoch, Epoch(personal.epoch.0.saturating_sub(1))]);
                }
            }
        }
        if pending.is_empty() {
            self.pending.remove(&client);
        }
        keys
    }

    /// Gives up the epochs that no delivery needs. The last two stay: the next delivery needs them.
    pub fn prune(&mut self) -> Vec<Epoch> {
        let newest = self.attestations.last_key_value().map_or(0, |(epoch, _)| epoch.0);
        let candidates = std::mem::take(&mut self.candidates);
        let needed = |epoch: &Epoch| {
            epoch.0 + 1 >= newest
                || self.epochs.contains_key(epoch)
                || self.epochs.contains_key(&epoch.next())
        };
        let (keep, gone): (BTreeSet<Epoch>, BTreeSet<Epoch>) = candidates.into_iter().partition(needed);
        // the newest will be asked about again; what a delivery needs comes up when that is acknowledged
        self.candidates = keep.into_iter().filter(|epoch| epoch.0 + 1 >= newest).collect();
        for epoch in &gone {
            self.attestations.remove(epoch);
            self.cuts.remove(epoch);
        }
        gone.into_iter().collect()
    }

    /// Sends a client what it may be sent.
    pub fn push(&mut self, client: ClientId, step: &mut Step) {
        let Some(subscriber) = self.subscribers.get_mut(&client) else { return };
        let Some(pending) = self.pending.get(&client) else { return };
        for (epoch, personal) in pending {
            if personal.upto <= subscriber.sent {
                continue;
            }
            let window = Count(subscriber.acknowledged.0 + UNACKNOWLEDGED_MAX);
            let shared = (self.attestations.get(epoch), self.cuts.get(epoch));
            let (Some(attestation), Some(cut)) = shared else { return };
            if subscriber.sent >= window {
                return;
            }
            let earlier = Epoch(epoch.0 - 1);
            let derivation = Derivation {
                attestation: attestation.to_unverified(),
                previous: self.attestations.get(&earlier).map(Signed::to_unverified),
                cut: cut.to_unverified(),
                before: self.cuts.get(&earlier).map(Signed::to_unverified),
                base: personal.base.clone(),
                after: personal.after.clone(),
                seals: personal.seals.clone(),
            };
            let delivery = Delivery { derivation, parcels: personal.parcels.clone() };
            step.send(ActorId::Client(client), Message::Delivery(Box::new(delivery)));
            subscriber.sent = personal.upto;
        }
    }
}

impl Encode for Personal {
    fn encode(&self, out: &mut Writer) {
        self.client.encode(out);
        self.epoch.encode(out);
        self.upto.encode(out);
        self.base.encode(out);
        self.after.encode(out);
        out.list(&self.seals);
        out.list(&self.parcels);
    }
}

impl Decode for Personal {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Personal {
            client: ClientId::decode(input)?,
            epoch: Epoch::decode(input)?,
            upto: Count::decode(input)?,
            base: Pruned::decode(input)?,
            after: Pruned::decode(input)?,
            seals: input.list("seals", SEALS_MAX)?,
            parcels: input.list("parcels", LEAVES_MAX as usize)?,
        })
    }
}

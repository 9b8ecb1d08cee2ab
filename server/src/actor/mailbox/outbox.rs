//! The outbox: what each client has not acknowledged, and how far each client has come.
//!
//! # Invariants
//! - A client is sent its deliveries in order, at most [`UNACKNOWLEDGED_MAX`] beyond what it has acknowledged; and of more than
//!   [`UNDER_WAY_BYTES`] beyond what it holds none.
//! - A client that got nothing is sent a quiet delivery every [`QUIET_EPOCHS`]: it checks that nothing was due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::archive::Archive;
use crate::{
    actor::{Step, step::Notice},
    port::Time,
    protocol::{
        attestation::MailboxHead,
        bundle::Parcel,
        codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
        derivation::RETAINED,
        id::{ActorId, ClientId, Count, Epoch},
        map::Pruned,
        merkle::LEAVES_MAX,
        message::{Delivery, Introduction, Message},
    },
};

/// Most deliveries on the way to a client: it verifies and stores them at its own pace.
const UNACKNOWLEDGED_MAX: u64 = 256;
/// With so many bytes of bundles on the way to a client it is sent no further delivery.
const UNDER_WAY_BYTES: usize = 8 << 20;
/// Room for both proofs of a delivery; and for each of its bundles, without what they carry.
const PROOFS_BYTES: usize = 2048;
const PARCEL_BYTES: usize = 640;
/// After so many epochs a client is shown that nothing was due. An omission shows within as many.
pub const QUIET_EPOCHS: u64 = 32;

/// What one client gets of one epoch, less what all clients share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personal {
    /// Who.
    pub client: ClientId,
    /// When.
    pub epoch: Epoch,
    /// The client's count after it.
    pub upto: Count,
    /// Its entry in the attestation before: where a client starts that comes for the first time.
    pub base: Pruned<MailboxHead>,
    /// Its entry in the attestation.
    pub after: Pruned<MailboxHead>,
    /// The bundles, in the order of delivery.
    pub parcels: Vec<Arc<Parcel>>,
}

impl Personal {
    /// Bytes of its bundles.
    fn bytes(&self) -> usize {
        self.parcels.iter().map(|parcel| parcel.bytes()).sum()
    }

    /// Its row: of many bundles, so that it does not move while it is written.
    pub fn written(&self) -> Vec<u8> {
        let room = PROOFS_BYTES + self.bytes() + self.parcels.len() * PARCEL_BYTES;
        let mut out = Writer::after(Vec::with_capacity(room));
        self.encode(&mut out);
        out.into_bytes()
    }

    /// The key of its row.
    pub fn key(&self) -> Vec<u8> {
        [self.client.to_bytes(), self.epoch.to_bytes()].concat()
    }
}

/// A client that is there.
struct Subscriber {
    /// It has been sent everything up to this count and epoch.
    sent: Count,
    upto: Epoch,
    acknowledged: Count,
    /// The epoch whose attestation it holds for certain.
    held: Epoch,
    /// When it was last sent something.
    sent_at: Time,
    /// It has said what it holds, or was told where to start.
    introduced: bool,
}

/// What is to be delivered.
#[derive(Default)]
pub struct Outbox {
    pending: BTreeMap<ClientId, BTreeMap<Epoch, Personal>>,
    /// Epochs that pending deliveries are of.
    epochs: BTreeMap<Epoch, BTreeSet<ClientId>>,
    /// The epoch whose attestation each client holds, as it signed.
    held: BTreeMap<ClientId, Epoch>,
    /// Of those for whom nothing is pending: how many hold the attestation of an epoch. The first of them is what the archive
    /// must reach back to, and is asked for in every step.
    resting: BTreeMap<Epoch, u32>,
    subscribers: BTreeMap<ClientId, Subscriber>,
}

impl Outbox {
    /// Something to deliver once its epoch is attested.
    pub fn add(&mut self, personal: Personal) {
        self.epochs.entry(personal.epoch).or_default().insert(personal.client);
        self.rouse(&personal.client);
        self.pending.entry(personal.client).or_default().insert(personal.epoch, personal);
    }

    /// A client for whom nothing is pending is not counted among the resting from here on.
    fn rouse(&mut self, client: &ClientId) {
        let Some(epoch) = self.held.get(client).filter(|_| !self.pending.contains_key(client)) else {
            return;
        };
        if let Some(count) = self.resting.get_mut(epoch) {
            *count -= 1;
            if *count == 0 {
                self.resting.remove(epoch);
            }
        }
    }

    /// A client is counted among the resting from here on, if nothing is pending for it.
    fn rest(&mut self, client: &ClientId) {
        if let Some(epoch) = self.held.get(client).filter(|_| !self.pending.contains_key(client)) {
            *self.resting.entry(*epoch).or_default() += 1;
        }
    }

    /// Who gets something in an epoch.
    pub fn clients_of(&self, epoch: Epoch) -> Vec<ClientId> {
        self.epochs.get(&epoch).into_iter().flatten().copied().collect()
    }

    /// Who is there and has been shown nothing for a while.
    pub fn quiet(&self, newest: Epoch, now: Time, pause_ns: u64) -> Vec<ClientId> {
        let due = |(client, subscriber): &(&ClientId, &Subscriber)| {
            !self.pending.contains_key(client)
                && (!subscriber.introduced
                    || newest.0 >= subscriber.upto.0.saturating_add(QUIET_EPOCHS)
                    || (newest > subscriber.upto && subscriber.sent_at.after(pause_ns) <= now))
        };
        self.subscribers.iter().filter(due).map(|(client, _)| *client).collect()
    }

    /// A client is there and holds its mailbox up to a count, as attested in an epoch; 0 if it holds nothing.
    pub fn subscribe(&mut self, client: ClientId, held: Count, epoch: Epoch) {
        let introduced = epoch > Epoch(0);
        let subscriber = Subscriber {
            sent: held,
            upto: epoch,
            acknowledged: held,
            held: epoch,
            sent_at: Time(0),
            introduced,
        };
        self.subscribers.insert(client, subscriber);
    }

    /// A client is gone.
    pub fn disconnect(&mut self, client: ClientId) {
        self.subscribers.remove(&client);
    }

    /// Puts back how far a client had come.
    pub fn recover_held(&mut self, client: ClientId, epoch: Epoch) {
        self.rouse(&client);
        self.held.insert(client, epoch);
        self.rest(&client);
    }

    /// Whether a client's ack says something new.
    pub fn is_news(&self, client: &ClientId, epoch: Epoch) -> bool {
        self.held.get(client).is_none_or(|held| *held < epoch)
    }

    /// A client holds its mailbox up to a count and epoch: gives the keys of what need not be kept for it.
    pub fn acknowledged(&mut self, client: ClientId, upto: Count, epoch: Epoch) -> Vec<Vec<u8>> {
        self.rouse(&client);
        self.held.insert(client, epoch);
        let keys = self.purge(client, epoch);
        self.rest(&client);
        if let Some(subscriber) = self.subscribers.get_mut(&client) {
            subscriber.acknowledged = subscriber.acknowledged.max(upto);
            (subscriber.sent, subscriber.upto) = (subscriber.sent.max(upto), subscriber.upto.max(epoch));
            subscriber.held = subscriber.held.max(epoch);
            subscriber.introduced = true;
        }
        keys
    }

    /// Gives up what is pending for a client up to an epoch; the keys of that.
    fn purge(&mut self, client: ClientId, epoch: Epoch) -> Vec<Vec<u8>> {
        let Some(pending) = self.pending.get_mut(&client) else { return Vec::new() };
        let mut keys = Vec::new();
        while let Some(entry) = pending.first_entry().filter(|entry| *entry.key() <= epoch) {
            let personal = entry.remove();
            keys.push(personal.key());
            if let Some(clients) = self.epochs.get_mut(&personal.epoch) {
                clients.remove(&client);
                if clients.is_empty() {
                    self.epochs.remove(&personal.epoch);
                }
            }
        }
        if pending.is_empty() {
            self.pending.remove(&client);
        }
        keys
    }

    /// The first epoch that a client may still need.
    pub fn floor(&self, newest: Epoch) -> Epoch {
        let retained = Epoch(newest.0.saturating_sub(RETAINED));
        let held = self.resting.keys().next().map(|epoch| (*epoch).max(retained));
        let owed = self.epochs.keys().next().map(|epoch| Epoch(epoch.0.saturating_sub(1)));
        // one that has something to fetch and was there before needs all
        // since, up to where it may be told to start anew
        let fetching = self.pending.iter().filter_map(|(client, pending)| {
            let first = pending.keys().next()?.0;
            Some((*self.held.get(client)?).max(Epoch(first.saturating_sub(1 + RETAINED))))
        });
        let there = self.subscribers.values().filter(|one| one.introduced).map(|one| one.held.max(retained));
        held.into_iter().chain(owed).chain(fetching).chain(there).min().unwrap_or(newest)
    }

    /// What a client can be shown now, of the newest attestation, if it is quiet.
    pub fn push_quiet(
        &mut self,
        client: ClientId,
        mailbox: Pruned<MailboxHead>,
        archive: &Archive,
        step: &mut Step,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&client) else { return };
        let Some(newest) = archive.newest().filter(|newest| archive.is_out(newest.epoch)) else { return };
        if !subscriber.introduced {
            return introduce(client, subscriber, newest.epoch, mailbox, archive, step);
        }
        match delivery(client, subscriber.upto, newest.epoch, mailbox.clone(), Vec::new(), archive) {
            Some(delivery) => {
                step.send(ActorId::Client(client), Message::Delivery(Box::new(delivery)));
                (subscriber.upto, subscriber.sent_at) = (newest.epoch, step.now);
            }
            None => introduce(client, subscriber, newest.epoch, mailbox, archive, step),
        }
    }

    /// The bundles of a client after an epoch, in the order of delivery.
    pub fn parcels_after(&self, client: &ClientId, epoch: Epoch) -> Vec<Arc<Parcel>> {
        let pending = self.pending.get(client).into_iter().flat_map(|pending| pending.range(epoch.next()..));
        pending.flat_map(|(_, personal)| personal.parcels.iter().cloned()).collect()
    }

    /// The first thing after an epoch that a client has not acknowledged.
    pub fn first_after(&self, client: &ClientId, epoch: Epoch) -> Option<&Personal> {
        self.pending.get(client)?.range(epoch.next()..).next().map(|(_, personal)| personal)
    }

    /// The client's entry in the attestation of an epoch, if something is still pending for it.
    pub fn entry_at(&self, client: &ClientId, epoch: Epoch) -> Option<&Pruned<MailboxHead>> {
        let pending = self.pending.get(client)?;
        let last = pending.range(..=epoch).next_back().map(|(_, personal)| &personal.after);
        last.or_else(|| pending.values().next().map(|first| &first.base))
    }

    /// Sends a client what it may be sent.
    pub fn push(&mut self, client: ClientId, archive: &Archive, step: &mut Step) {
        let Some(subscriber) = self.subscribers.get_mut(&client) else { return };
        let Some(pending) = self.pending.get(&client) else { return };
        let mut under_way = 0;
        for (epoch, personal) in pending.range(subscriber.held.next()..) {
            if *epoch <= subscriber.upto {
                under_way += personal.bytes();
                continue;
            }
            let window = Count(subscriber.acknowledged.0.saturating_add(UNACKNOWLEDGED_MAX));
            if subscriber.sent >= window || under_way >= UNDER_WAY_BYTES || !archive.is_out(*epoch) {
                return;
            }
            under_way += personal.bytes();
            let before = Epoch(epoch.0 - 1);
            let known = subscriber.introduced && subscriber.upto >= archive.floor();
            if before > Epoch(0) && !known {
                introduce(client, subscriber, before, personal.base.clone(), archive, step);
            }
            let (after, parcels) = (personal.after.clone(), personal.parcels.clone());
            let Some(delivery) = delivery(client, subscriber.upto, *epoch, after, parcels, archive) else {
                return;
            };
            step.send(ActorId::Client(client), Message::Delivery(Box::new(delivery)));
            (subscriber.sent, subscriber.upto, subscriber.introduced) = (personal.upto, *epoch, true);
            subscriber.sent_at = step.now;
        }
    }
}

/// Tells a client where its mailbox starts: it has no attestation yet, or was away for too long.
fn introduce(
    client: ClientId,
    subscriber: &mut Subscriber,
    epoch: Epoch,
    mailbox: Pruned<MailboxHead>,
    archive: &Archive,
    step: &mut Step,
) {
    let shared = (archive.attestation(epoch), archive.cut(epoch));
    let (Some(attestation), Some(cut)) = shared else { return };
    if subscriber.introduced {
        step.notice(Notice::Reached("a client was away for longer than the archive goes back"));
    }
    let introduction =
        Introduction { attestation: attestation.to_unverified(), cut: cut.to_unverified(), mailbox };
    step.send(ActorId::Client(client), Message::Introduction(Box::new(introduction)));
    (subscriber.upto, subscriber.held, subscriber.introduced) = (epoch, epoch, true);
}

/// A delivery that leads from one attestation to another.
pub fn delivery(
    client: ClientId,
    from: Epoch,
    upto: Epoch,
    after: Pruned<MailboxHead>,
    parcels: Vec<Arc<Parcel>>,
    archive: &Archive,
) -> Option<Delivery> {
    Some(Delivery {
        attestation: archive.attestation(upto)?.to_unverified(),
        cuts: archive.cuts_between(from, upto)?,
        after,
        seals: archive.parts_between(&client, from, upto)?,
        parcels,
        cosignatures: archive.cosignatures(upto),
    })
}

coded!(struct Personal { client, epoch, upto, base, after, parcels: list("parcels", LEAVES_MAX as usize) });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{crypto::PublicKey, digest::Digest};

    fn client(number: u8) -> ClientId {
        ClientId(PublicKey([number; 32]))
    }

    fn personal(number: u8, epoch: u64) -> Personal {
        let nothing = Pruned::Hidden(Digest::ZERO);
        let (base, after) = (nothing.clone(), nothing);
        Personal {
            client: client(number),
            epoch: Epoch(epoch),
            upto: Count(1),
            base,
            after,
            parcels: Vec::new(),
        }
    }

    /// The floor as it is defined: over every client, one by one.
    fn floor_of_all(outbox: &Outbox, newest: Epoch) -> Epoch {
        let resting = outbox.held.iter().filter(|(client, _)| !outbox.pending.contains_key(client));
        let resting = resting.map(|(_, epoch)| *epoch).min();
        let rest = Outbox { resting: BTreeMap::new(), epochs: outbox.epochs.clone(), ..Outbox::default() };
        let rest = Outbox { pending: outbox.pending.clone(), held: outbox.held.clone(), ..rest };
        resting.map_or(rest.floor(newest), |first| rest.floor(newest).min(first))
    }

    #[test]
    fn the_floor_is_that_of_whoever_holds_least() {
        let mut outbox = Outbox::default();
        let mut check = |step: &mut dyn FnMut(&mut Outbox)| {
            step(&mut outbox);
            let floor = outbox.floor(Epoch(50));
            assert_eq!(floor, floor_of_all(&outbox, Epoch(50)));
            floor.0
        };
        assert_eq!(check(&mut |_| {}), 50);
        assert_eq!(check(&mut |outbox| outbox.recover_held(client(1), Epoch(7))), 7);
        assert_eq!(check(&mut |outbox| outbox.recover_held(client(2), Epoch(9))), 7);
        assert_eq!(
            check(&mut |outbox| outbox.add(personal(1, 20))),
            7,
            "what is pending is measured from there"
        );
        let ack = |number: u8, epoch: u64| {
            move |outbox: &mut Outbox| drop(outbox.acknowledged(client(number), Count(1), Epoch(epoch)))
        };
        assert_eq!(check(&mut ack(1, 20)), 9);
        assert_eq!(check(&mut ack(1, 21)), 9);
        assert_eq!(check(&mut ack(2, 30)), 21);
        assert_eq!(check(&mut |outbox| outbox.add(personal(3, 40))), 21);
        assert_eq!(check(&mut ack(3, 40)), 21);
    }
}

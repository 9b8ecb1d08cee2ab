//! Flaws of mailbox actors.

use std::collections::BTreeMap;

use server::{
    actor::{
        Actor as _, Recovered, Step,
        mailbox::{MAILBOX, Mailbox, PERSONAL, Personal},
    },
    protocol::{
        attestation::MailboxHead,
        codec::{Decode as _, Encode as _},
        derivation::Entry,
        id::{ClientId, Count},
        statement::Trust,
    },
};

use super::{Fallible, Flaw, Weakness};

impl Fallible for Mailbox {
    fn flaw(weakness: Weakness, _: &Trust) -> Option<Box<dyn Flaw<Self>>> {
        match weakness {
            Weakness::MisorderedMerge => Some(Box::new(MisorderedMerge)),
            Weakness::Hoard => Some(Box::new(Hoard)),
            Weakness::EarlyPurge => Some(Box::<EarlyPurge>::default()),
            _ => None,
        }
    }
}

/// Takes the queues of an epoch in the order of their actors, whatever the epoch.
struct MisorderedMerge;

impl Flaw<Mailbox> for MisorderedMerge {
    fn settle(&mut self, actor: &mut Mailbox, step: &mut Step) {
        while let Some(cut) = actor.next_epoch(step) {
            let mut deliveries = actor.derive(cut);
            deliveries.by_client.values_mut().for_each(|entries| merge_by_index(entries));
            actor.attest(deliveries, step);
        }
        actor.settle(step);
    }
}

fn merge_by_index(entries: &mut [Entry]) {
    let sequence: Vec<_> = entries.iter().map(|entry| entry.sequence).collect();
    entries.sort_by_key(|entry| (entry.incoming, entry.position));
    entries.iter_mut().zip(sequence).for_each(|(entry, sequence)| entry.sequence = sequence);
}

/// Takes what is attested for delivered.
#[derive(Default)]
struct EarlyPurge {
    attested: Vec<Vec<u8>>,
}

impl Flaw<Mailbox> for EarlyPurge {
    fn settle(&mut self, actor: &mut Mailbox, step: &mut Step) {
        actor.settle(step);
        self.attested.drain(..).for_each(|key| step.delete(key));
        let stored = step.changes.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| key);
        self.attested.extend(stored.filter(|key| key.first() == Some(&PERSONAL)).cloned());
    }
}

/// Deletes nothing.
struct Hoard;

impl Flaw<Mailbox> for Hoard {
    fn settle(&mut self, actor: &mut Mailbox, step: &mut Step) {
        actor.settle(step);
        step.changes.retain(|_, value| value.is_some());
    }
}

/// A mailbox has as many deliveries as there are in storage.
pub(super) fn count_what_is_stored(recovered: &mut Recovered) {
    let mut stored: BTreeMap<ClientId, u64> = BTreeMap::new();
    for value in table(recovered, PERSONAL).map(|(_, value)| value) {
        let Ok(personal) = Personal::from_bytes(value) else { continue };
        *stored.entry(personal.client).or_default() += personal.parcels.len() as u64;
    }
    for (key, value) in table(recovered, MAILBOX) {
        let head = (ClientId::from_bytes(&key[1..]), MailboxHead::from_bytes(value));
        let (Ok(client), Ok(head)) = head else { continue };
        let count = Count(stored.get(&client).copied().unwrap_or(0));
        *value = MailboxHead { count, ..head }.to_bytes();
    }
}

fn table(recovered: &mut Recovered, table: u8) -> impl Iterator<Item = (&Vec<u8>, &mut Vec<u8>)> {
    recovered.rows.range_mut(vec![table]..vec![table + 1])
}

//! Histories to judge: several epochs of a small deployment, honest or with one mailbox actor that lies.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::{
        Actor, Input, Issued, Recovered, Setup, Step,
        mailbox::{EpochDeliveries, Mailbox},
    },
    port::Time,
    protocol::{
        derivation::Derivation,
        evidence::Evidence,
        id::{ActorId, ClientId},
        message::{Delivery, Introduction, Message},
        statement::Trust,
    },
};

use super::{Bench, World, caught, client, mailbox, signer_of};

/// What a lying mailbox actor does to the deliveries of an epoch before it attests them.
pub type Lie = fn(&mut EpochDeliveries) -> bool;

/// A mailbox actor that lies in the first epoch in which it can.
struct Liar {
    honest: Mailbox,
    lie: Lie,
    lied: bool,
}

impl Actor for Liar {
    fn me(&self) -> ActorId {
        self.honest.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.honest.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.honest.handle(input, step);
    }

    fn settle(&mut self, step: &mut Step) {
        while let Some(cut) = self.honest.next_epoch(step) {
            let mut deliveries = self.honest.derive(cut);
            // not in the first epochs: the lie is to stand on honest attestations
            if !self.lied && deliveries.cut.epoch.0 > 2 {
                self.lied = (self.lie)(&mut deliveries);
            }
            self.honest.attest(deliveries, step);
        }
        self.honest.settle(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.honest.release(issued, step);
    }

    fn deadline(&self) -> Option<Time> {
        self.honest.deadline()
    }
}

/// Mailbox actor 0 with this lie.
pub fn liar(setup: &Setup, lie: Lie) -> Bench {
    let own = setup.clone();
    let build = move |recovered: Recovered| {
        let honest = Mailbox::recover(0, own.clone(), recovered).unwrap();
        Box::new(Liar { honest, lie, lied: false }) as Box<dyn Actor>
    };
    Bench::new(mailbox(0), signer_of(mailbox(0)), setup.trust.deployment, Box::new(build))
}

/// Swaps the first two deliveries of a client that has two.
pub fn swap(deliveries: &mut EpochDeliveries) -> bool {
    let Some(entries) = deliveries.by_client.values_mut().find(|entries| entries.len() > 1) else {
        return false;
    };
    entries.swap(0, 1);
    true
}

/// Leaves out the first of several deliveries of a client.
pub fn omit(deliveries: &mut EpochDeliveries) -> bool {
    let Some(entries) = deliveries.by_client.values_mut().find(|entries| entries.len() > 1) else {
        return false;
    };
    entries.remove(0);
    true
}

/// Delivers something twice.
pub fn repeat(deliveries: &mut EpochDeliveries) -> bool {
    let Some(entries) = deliveries.by_client.values_mut().next() else { return false };
    entries.push(entries[0]);
    true
}

/// Gives a delivery another sequence id.
pub fn renumber(deliveries: &mut EpochDeliveries) -> bool {
    let Some(entries) = deliveries.by_client.values_mut().next() else { return false };
    entries[0].sequence = entries[0].sequence.next();
    true
}

/// What a history leaves behind.
pub struct History {
    pub trust: Trust,
    /// Every delivery's derivation, with whose it was.
    pub derivations: Vec<(ClientId, Derivation)>,
    /// Every delivery.
    pub deliveries: Vec<(ClientId, Delivery)>,
    /// What the clients caught.
    pub caught: Vec<Evidence>,
    pub world: World,
}

/// Six rounds in which four clients write to two of them and themselves, over two incoming and two mailbox actors.
pub fn history(lie: Option<Lie>) -> History {
    history_of(lie, |from| vec![0, 1, from])
}

/// The same, but clients write only to those whose mailbox lies beside their own: no seal of one incoming actor
/// has anything for a client of the other half.
pub fn parted_history(lie: Option<Lie>) -> History {
    history_of(lie, |from| vec![from, (from + 2) % 4])
}

fn history_of(lie: Option<Lie>, recipients: fn(usize) -> Vec<usize>) -> History {
    let mut world = World::new(2, 2, 4);
    if let Some(lie) = lie {
        world.replace(liar(&world.setup, lie));
    }
    let derivations = Arc::new(Mutex::new(Vec::new()));
    let deliveries = Arc::new(Mutex::new(Vec::new()));
    let (kept, kept_deliveries) = (derivations.clone(), deliveries.clone());
    let mut held: BTreeMap<ClientId, Introduction> = BTreeMap::new();
    world.tamper = Some(Box::new(move |_, to, message| {
        match (to, &message) {
            (ActorId::Client(client), Message::Introduction(introduction)) => {
                held.insert(client, (**introduction).clone());
            }
            (ActorId::Client(client), Message::Delivery(delivery)) => {
                kept.lock().unwrap().push((client, delivery.derivation(held.get(&client))));
                kept_deliveries.lock().unwrap().push((client, (**delivery).clone()));
                held.extend(delivery.leaves().map(|next| (client, next)));
            }
            _ => {}
        }
        Some(message)
    }));
    world.connect_all();
    for round in 0..6u64 {
        for from in 0..4 {
            for part in 0..2 {
                let token = 10 * round + part;
                world.submit(from, token, &[from as u8, round as u8, part as u8], &recipients(from));
            }
        }
        world.run_for(4);
    }
    world.run_for(20);
    let caught = (0..4).flat_map(|index| caught(world.told(ActorId::Client(client(index))))).collect();
    let derivations = std::mem::take(&mut *derivations.lock().unwrap());
    let deliveries = std::mem::take(&mut *deliveries.lock().unwrap());
    History { trust: world.setup.trust.clone(), derivations, deliveries, caught, world }
}

/// Random numbers for mutations: splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.draw() % bound.max(1) as u64) as usize
    }
}

//! Who plays in a run: the actors, honest, flawed or in the hands of an adversary, and their keys.

use std::{collections::BTreeMap, sync::Arc};

use server::{
    actor::{
        RecoverError, Recovered, Setup,
        client::Client,
        handler::{Custody, Handler},
        incoming::Incoming,
        mailbox::Mailbox,
        sequencer::Sequencer,
        witness::Witness,
    },
    architecture::Monolith,
    protocol::{
        crypto::Signer,
        digest::Digest,
        id::{ActorId, Role},
    },
};

use super::{World, governance::signer};
use crate::{
    adversary::{AnyActor, Boxed, Cheat, Corrupt, Discreet, Scheme, Schemes, Task},
    barrier::Barrier,
    control::flaw::{self, Fallible, Flawed},
    crowd::{Crowd, Manners},
    history::History,
    model::clock::VirtualTime,
    random::Streams,
    scenario::{ActorName, Drawn, DrawnTopology as Topology, Waits},
    workload,
};

impl World {
    /// The first key of an actor: that of a client, which has no other.
    pub(super) fn signer(&self, name: ActorName) -> Box<dyn Signer> {
        signer(&self.drawn, self.streams, name, 0)
    }

    /// The actor of a process: one, or the parts of a monolith, which say nothing against each other if one of them cheats.
    pub(super) fn actor(
        &self,
        name: ActorName,
        setup: Setup,
        recovered: Recovered,
    ) -> Result<AnyActor, RecoverError> {
        if !self.is_monolith(name) {
            return self.part(name, setup, recovered);
        }
        let monolith = Monolith::of(recovered, |role, stored| {
            self.part(ActorName::new(role, 0), setup.clone(), stored)
        })?;
        Ok(match self.parts_of(name).any(|part| self.schemes.contains_key(&part)) {
            true => Box::new(Discreet::new(monolith, Monolith::actors())),
            false => Box::new(monolith),
        })
    }

    fn part(
        &self,
        name: ActorName,
        setup: Setup,
        mut recovered: Recovered,
    ) -> Result<AnyActor, RecoverError> {
        if let Some(schemes) = self.schemes.get(&name) {
            schemes.recovered(&mut recovered);
        }
        flaw::recover(self.weakness, name.role, &mut recovered);
        Ok(match name.role {
            Role::Witness => self.corruptible(name, Witness::recover(name.index, setup, recovered)?),
            Role::Handler => {
                let signs = self.drawn.topology.handler_receipts;
                let custody = if signs { Custody::Taken } else { Custody::NotTaken };
                self.corruptible(name, Handler::recover(name.index, setup, custody, recovered)?)
            }
            Role::Incoming => self.corruptible(name, Incoming::recover(name.index, setup, recovered)?),
            Role::Mailbox => self.corruptible(name, Mailbox::recover(name.index, setup, recovered)?),
            Role::Client => {
                let id = self.clients[name.index as usize];
                let salting = Digest::of(&[b"salting", &self.streams.seed().to_be_bytes(), id.bytes()]);
                let handler = name.index % self.drawn.topology.handlers;
                self.corruptible(name, Client::recover(id, salting, handler, setup, recovered)?)
            }
            _ => {
                let incoming = setup.trust.roster.incoming();
                let sequencer = self.corruptible(name, Sequencer::recover(setup, recovered)?);
                match self.drawn.topology.cut {
                    Waits::Nobody => sequencer,
                    Waits::Everybody => Box::new(Barrier::new(Boxed(sequencer), incoming)),
                }
            }
        })
    }

    /// The actor, in the hands of an adversary if there is one; flawed, if the weakness of the world is its own.
    fn corruptible<A: Corrupt + Fallible>(&self, name: ActorName, honest: A) -> AnyActor {
        let trust = self.setup().trust;
        match self.schemes.get(&name) {
            None => match A::flaw(self.weakness, &trust) {
                None => Box::new(honest),
                Some(flaw) => Box::new(Flawed::new(honest, flaw)),
            },
            Some(schemes) => {
                let cheat = Cheat::new(honest, schemes.clone(), trust, self.keyring(name));
                let several = self.is_monolith(self.process_of(name));
                Box::new(if several { cheat.by_turns() } else { cheat })
            }
        }
    }
}

/// What each adversary is told to do.
pub(super) fn schemes(
    drawn: &Drawn,
    ids: &BTreeMap<ActorName, ActorId>,
    history: &History,
    streams: Streams,
) -> BTreeMap<ActorName, Schemes> {
    let mut all: BTreeMap<ActorName, Vec<Scheme>> = BTreeMap::new();
    for (index, adversary) in drawn.adversaries.iter().enumerate() {
        let task = Task {
            who: adversary.actor,
            me: ids[&adversary.actor],
            kind: adversary.attack,
            from_ns: adversary.from_ns,
            until_ns: adversary.until_ns,
            every: adversary.every,
            victim: adversary.victim.and_then(|victim| ids[&victim].client()),
            epoch_ns: drawn.topology.epoch_ns,
            history: history.clone(),
        };
        let random = streams.stream(&format!("adversary/{}/{index}", adversary.actor));
        all.entry(adversary.actor).or_default().push(Scheme::new(task, random));
    }
    all.into_iter().map(|(name, schemes)| (name, Schemes::new(schemes))).collect()
}

/// The crowd, if there is one.
pub(super) fn crowd(
    drawn: &Drawn,
    setup: &Setup,
    history: &History,
    time: &VirtualTime,
    streams: Streams,
    manners: Manners,
) -> Option<Arc<Crowd>> {
    let Topology { clients, crowd, crypto, .. } = drawn.topology;
    let [_, share] = workload::shares(&drawn.workload, clients, crowd);
    let (history, around) = (history.clone(), (time.clone(), streams));
    (crowd > 0).then(|| Arc::new(Crowd::new(crowd, crypto, share, setup.clone(), history, around, manners)))
}

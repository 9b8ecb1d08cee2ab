//! The rosters of a run: the first, and those that its operator publishes while it goes on.
//!
//! A process learns of a new roster when it starts, as it would from a file. So whoever publishes one has everybody started anew.

use std::sync::{Mutex, MutexGuard, PoisonError};

use server::{
    actor::Setup,
    protocol::{
        crypto::{Keyring, PublicKey, Signer},
        roster::{Member, Roster, Rules, succession::Change},
        statement::{Signed, Trust},
    },
};

use super::World;
use crate::{
    history::SeenSigner,
    model::crypto,
    random::Streams,
    scenario::{ActorName, Drawn},
};

/// The rosters, and who signs them.
pub struct Governance {
    operator: Box<dyn Signer>,
    published: Mutex<Published>,
}

struct Published {
    setup: Setup,
    rosters: Vec<Signed<Roster>>,
}

impl Governance {
    /// With this roster in the setup, signed by its operator.
    pub fn new(setup: Setup, operator: Box<dyn Signer>) -> Self {
        let first = Signed::sign((*setup.trust.roster).clone(), setup.trust.deployment, &*operator);
        let published = Mutex::new(Published { setup, rosters: vec![first] });
        Governance { operator, published }
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an actor is told that starts now.
    pub fn setup(&self) -> Setup {
        self.published().setup.clone()
    }

    /// All rosters, the first one first.
    pub fn rosters(&self) -> Vec<Signed<Roster>> {
        self.published().rosters.clone()
    }

    /// Publishes the next roster.
    pub fn publish(&self, changes: Vec<Change>) {
        let mut published = self.published();
        let trust = &published.setup.trust;
        let next = trust.roster.successor(changes).expect("a fault changes keys that there are");
        let signed = Signed::sign(next.clone(), trust.deployment, &*self.operator);
        published.setup.trust = Trust::new(next, trust.verifier.clone());
        published.rosters.push(signed);
    }
}

impl World {
    /// What an actor is told that starts now.
    pub(super) fn setup(&self) -> Setup {
        self.governance.setup()
    }

    /// The number of the key with which an actor signs that starts now.
    pub fn key_number(&self, name: ActorName) -> u32 {
        self.setup().trust.roster.current_number(&self.id_of(name))
    }

    /// The public key of this number of an actor.
    pub fn public_key(&self, name: ActorName, number: u32) -> PublicKey {
        signer(&self.drawn, self.streams, name, number).public()
    }

    /// The keys that an actor has when it starts now.
    pub(super) fn keyring(&self, name: ActorName) -> Keyring {
        let numbers = 0..=self.key_number(name);
        Keyring::new(numbers.map(|number| signer(&self.drawn, self.streams, name, number)).collect())
    }

    /// The same, seen by the history whenever it signs for one of these.
    pub(super) fn seen_keyring(&self, who: ActorName, parts: &[ActorName]) -> Keyring {
        let numbers = 0..=self.key_number(parts[0]);
        let seen = |number| {
            let signer = signer(&self.drawn, self.streams, who, number);
            Box::new(SeenSigner { who, parts: parts.to_vec(), signer, history: self.history.clone() }) as _
        };
        Keyring::new(numbers.map(seen).collect())
    }
}

/// A key of an actor, the first or one that took its place: the parts of a monolith have one.
pub fn signer(drawn: &Drawn, streams: Streams, name: ActorName, number: u32) -> Box<dyn Signer> {
    let name = drawn.architecture.process_of(name);
    let stream = if number == 0 { format!("keys/{name}") } else { format!("keys/{name}/{number}") };
    crypto::signer(drawn.topology.crypto, &mut streams.stream(&stream))
}

/// The key of the operator.
pub(super) fn operator(drawn: &Drawn, streams: Streams) -> Box<dyn Signer> {
    crypto::signer(drawn.topology.crypto, &mut streams.stream("keys/operator/0"))
}

/// The roster of a topology, whose first request handler is an agent or not.
pub(super) fn first_roster(
    drawn: &Drawn,
    members: Vec<Member>,
    operator: &dyn Signer,
    agent: bool,
) -> Roster {
    let topology = &drawn.topology;
    let rules = Rules { challenge_bound: topology.challenge_bound as u32, quorum: topology.quorum };
    let roster = Roster::first(rules, vec![operator.public()], members);
    let roster = roster.expect("a topology has every role, by index");
    let agents = if agent { vec![0] } else { Vec::new() };
    roster.with_agents(agents).expect("a topology has a handler")
}

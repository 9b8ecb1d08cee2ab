//! Adversaries: honest actors in a wrapper that cheats.
//!
//! [`Cheat`] drives any honest actor and lets [`Attack`]s interfere: with what arrives, with what the actor makes of
//! it, with what it promises and with what it sends. An attack has the actor's key and no other privilege, and
//! honest code knows nothing of it. One file a family of the catalogue; adding an attack is adding a small struct
//! there and a row to [`crate::scenario::ATTACKS`].
//!
//! # Invariants
//! - An attack remembers across crashes of its actor: whoever lies keeps track of its lies.
//! - An attack confesses ([`Context::fired`]) only when it has changed or withheld what an honest party would get.

mod cheat;
mod client;
mod discreet;
mod handler;
mod incoming;
mod keys;
mod mailbox;
mod queue;
mod sequencer;
mod witness;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use cheat::{AnyActor, Boxed, Cheat, Corrupt, Hands};
pub use discreet::Discreet;

use server::{
    actor::{Draft, Input, Recovered, incoming::Run, mailbox::EpochDeliveries},
    port::Time,
    protocol::{
        codec::{Decode, Encode},
        crypto::{Keyring, Signature},
        digest::Digest,
        id::{ActorId, ClientId, Role},
        message::Message,
        statement::{Citation, Kind, Signed, Statement, Trust, Unverified},
    },
};

use crate::{
    history::History,
    random::Stream,
    scenario::{ActorName, AttackKind},
};

/// The first complaints, challenges and responses that an adversary signs itself: above what its honest part will ever count to.
const OWN_NUMBERS: u64 = 1 << 32;

/// What an attack does; each hook does nothing unless an attack says otherwise.
pub trait Attack: Send {
    /// Before the actor takes an input: what it takes instead.
    fn before(&mut self, input: Input, _: &mut Context<'_>) -> Vec<Input> {
        vec![input]
    }

    /// A run of an incoming actor's queue, about to be sealed.
    fn run(&mut self, _: &mut Run, _: &mut Context<'_>) {}

    /// The deliveries of an epoch, about to be attested.
    fn deliveries(&mut self, _: &mut EpochDeliveries, _: &mut Context<'_>) {}

    /// The statements of a step, about to be made durable and signed. A second digest for a slot stops the node: who
    /// equivocates signs the second statement itself, with [`Context::sign`].
    fn drafts(&mut self, _: &mut Vec<Draft>, _: &mut Context<'_>) {}

    /// What is about to leave.
    fn sends(&mut self, _: &mut Vec<(ActorId, Message)>, _: &mut Context<'_>) {}

    /// What the actor finds in its storage when it starts.
    fn recovered(&mut self, _: &mut Recovered) {}

    /// When it wants to be called though nothing arrived.
    fn deadline(&self) -> Option<Time> {
        None
    }
}

/// What every adversary knows of its task.
#[derive(Clone)]
pub struct Task {
    /// Who it is.
    pub who: ActorName,
    /// Its id.
    pub me: ActorId,
    /// The attack.
    pub kind: &'static AttackKind,
    /// Nanoseconds from the start until it first cheats.
    pub from_ns: u64,
    /// Nanoseconds from the start after which it is honest again.
    pub until_ns: Option<u64>,
    /// It cheats on every n-th occasion.
    pub every: u64,
    /// The client against whom.
    pub victim: Option<ClientId>,
    /// Nanoseconds of an epoch.
    pub epoch_ns: u64,
    /// Where it confesses: attacks that never fired prove nothing.
    pub history: History,
}

/// An attack with its task and its memory.
pub struct Scheme {
    task: Task,
    attack: Box<dyn Attack>,
    random: Stream,
    occasions: u64,
}

impl Scheme {
    /// The attack of a task.
    ///
    /// # Panics
    /// If the catalogue names an attack that nobody wrote.
    pub fn new(task: Task, random: Stream) -> Self {
        let attack = attack(task.kind.name).expect("every attack of the catalogue is written");
        Scheme { task, attack, random, occasions: 0 }
    }
}

fn attack(name: &str) -> Option<Box<dyn Attack>> {
    client::attack(name)
        .or_else(|| handler::attack(name))
        .or_else(|| incoming::attack(name))
        .or_else(|| keys::attack(name))
        .or_else(|| sequencer::attack(name))
        .or_else(|| mailbox::attack(name))
        .or_else(|| witness::attack(name))
}

/// The schemes of one actor; they outlive its node.
#[derive(Clone, Default)]
pub struct Schemes(Arc<Mutex<Vec<Scheme>>>);

impl Schemes {
    /// These schemes.
    pub fn new(schemes: Vec<Scheme>) -> Self {
        Schemes(Arc::new(Mutex::new(schemes)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Scheme>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tampers with what the actor finds in its storage.
    pub fn recovered(&self, recovered: &mut Recovered) {
        self.lock().iter_mut().for_each(|scheme| scheme.attack.recovered(recovered));
    }
}

/// What an attack can see and do.
pub struct Context<'a> {
    /// The actor's clock.
    pub now: Time,
    /// Roster and verification.
    pub trust: &'a Trust,
    /// The actor's own keys.
    pub keys: &'a Keyring,
    /// The adversary's own randomness.
    pub random: &'a mut Stream,
    /// To send besides.
    pub more: &'a mut Vec<(ActorId, Message)>,
    task: &'a Task,
    occasions: &'a mut u64,
}

impl Context<'_> {
    /// Who the adversary is.
    pub fn me(&self) -> ActorId {
        self.task.me
    }

    /// Nanoseconds of an epoch.
    pub fn epoch_ns(&self) -> u64 {
        self.task.epoch_ns
    }

    /// Whether it is time to cheat.
    pub fn is_time(&self) -> bool {
        let now = self.now.0;
        now >= self.task.from_ns && self.task.until_ns.is_none_or(|until| now < until)
    }

    /// Whether to cheat on this occasion.
    pub fn on(&mut self) -> bool {
        if !self.is_time() {
            return false;
        }
        *self.occasions += 1;
        (*self.occasions - 1).is_multiple_of(self.task.every)
    }

    /// Confesses.
    pub fn fired(&self) {
        let epoch = self.task.history.record().epoch();
        self.task.history.attack(self.task.who, self.task.kind.name, epoch);
    }

    /// Whether a message answers a challenge, and is not sent: who withholds does not answer either.
    pub fn refuses(&self, message: &Message) -> bool {
        let refused = matches!(message, Message::Answered(_)) && self.is_time();
        if refused {
            self.fired();
        }
        refused
    }

    /// The client against whom, if one was named.
    pub fn victim(&self) -> Option<ClientId> {
        self.task.victim
    }

    /// Whether it goes against this client; if none was named, against everyone.
    pub fn is_against(&self, client: &ClientId) -> bool {
        self.task.victim.is_none_or(|victim| victim == *client)
    }

    /// Whether it goes against this actor: the victim, or the actor of that role that serves it; the first one of the
    /// role if no victim was named.
    pub fn is_target(&self, actor: ActorId) -> bool {
        match actor {
            ActorId::Client(client) => self.is_against(&client),
            ActorId::Server(role, index) => index == self.target(role),
        }
    }

    /// The index of the actor of this role that serves the victim; 0 if no victim was named.
    pub fn target(&self, role: Role) -> u32 {
        match (role, self.task.victim) {
            (Role::Incoming, Some(victim)) => self.trust.roster.incoming_of(&victim),
            (Role::Mailbox, Some(victim)) => self.trust.roster.mailbox_of(&victim),
            _ => 0,
        }
    }

    /// Signs with the actor's key that the statement names, whatever it signed before.
    pub fn sign<T: Statement>(&self, body: T) -> Signed<T> {
        let key = self.keys.key(body.head().terms.key).expect("an adversary names keys that it has");
        Signed::sign(body, self.trust.deployment, key)
    }

    /// Signs statements at once, all with the key that the first names.
    pub fn sign_together<T: Statement>(&self, bodies: Vec<T>) -> Vec<Signed<T>> {
        let key = bodies.first().map_or(0, |body| body.head().terms.key);
        let key = self.keys.key(key).expect("an adversary names keys that it has");
        Signed::sign_together(bodies, self.trust.deployment, key)
    }

    /// Sends besides.
    pub fn send(&mut self, to: ActorId, message: Message) {
        self.more.push((to, message));
    }

    /// A digest of nothing.
    pub fn digest(&mut self) -> Digest {
        Digest::of(&[b"adversary", &self.random.below(u64::MAX).to_be_bytes()])
    }

    /// A citation that nobody signed.
    pub fn citation(&mut self, kind: Kind, actor: ActorId, slot: u64) -> Citation {
        let (one, two) = (self.digest(), self.digest());
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&one.0);
        Citation { kind, actor, slot, digest: two, endorsement: Signature(signature).into() }
    }
}

/// The statement with a signature that is none.
fn forged<T: Statement>(statement: &Unverified<T>) -> Unverified<T> {
    let mut bytes = statement.to_bytes();
    let [a, b, c, d, ..] = bytes[..] else { unreachable!("the length of the body comes first") };
    let signature = 4 + u32::from_be_bytes([a, b, c, d]) as usize;
    bytes[signature] ^= 1;
    Unverified::from_bytes(&bytes).expect("only the signature has changed")
}

#[cfg(test)]
mod tests {
    use crate::scenario::ATTACKS;

    #[test]
    fn every_attack_of_the_catalogue_is_written() {
        for kind in ATTACKS {
            assert!(super::attack(kind.name).is_some(), "{} {}", kind.id, kind.name);
        }
    }

    #[test]
    fn names_and_numbers_are_unique_and_rows_are_sound() {
        for (index, kind) in ATTACKS.iter().enumerate() {
            assert!(!ATTACKS[..index].iter().any(|other| other.name == kind.name || other.id == kind.id));
            assert!(!kind.roles.is_empty() && !kind.line.ends_with('.'), "{}", kind.name);
        }
    }
}

//! The attacks and faults that a scenario may name.
//!
//! One table each, which the reader checks scenarios against and `cargo sim list` prints, so that what is listed is
//! what is accepted.

use server::protocol::id::Role;

/// An attack that an adversary can carry out.
#[derive(Debug, PartialEq, Eq)]
pub struct AttackKind {
    /// Its name in scenario files.
    pub name: &'static str,
    /// The roles of the actors that can carry it out.
    pub roles: &'static [Role],
    /// What the adversary does, in a line.
    pub line: &'static str,
}

/// Every attack.
pub const ATTACKS: &[AttackKind] = &[AttackKind {
    name: "swap-deliveries",
    roles: &[Role::Mailbox],
    line: "delivers two bundles of a mailbox in the other order than the cuts say",
}];

impl AttackKind {
    /// The attack of that name.
    pub fn named(name: &str) -> Option<&'static AttackKind> {
        ATTACKS.iter().find(|attack| attack.name == name)
    }
}

/// A fault that can happen to the deployment.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultKind {
    /// Its name in scenario files.
    pub name: &'static str,
    /// The keys it must have besides `at`, `kind` and `for`, each with an example of what to write.
    pub required: &'static [(&'static str, &'static str)],
    /// The keys it may have.
    pub optional: &'static [&'static str],
    /// What happens, in a line.
    pub line: &'static str,
}

/// Every fault.
pub const FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "crash",
        required: &[("actor", "\"incoming/0\"")],
        optional: &[],
        line: "the actor loses all it has not synced, and starts again from its disk when the fault ends",
    },
    FaultKind {
        name: "partition",
        required: &[("actors", "[\"incoming/0\"]")],
        optional: &[],
        line: "nothing passes between these actors and all others",
    },
    FaultKind {
        name: "loss",
        required: &[("rate", "0.01")],
        optional: &["actor"],
        line: "links, or only those of the actor, lose this share of their packets",
    },
    FaultKind {
        name: "delay",
        required: &[("extra", "\"5ms\"")],
        optional: &["actor"],
        line: "links, or only those of the actor, take this much longer",
    },
];

/// The keys that every fault must have, each with an example of what to write.
pub(super) const FAULT_KEYS: &[(&str, &str)] =
    &[("at", "\"1s\""), ("kind", "\"crash\""), ("for", "\"200ms\"")];

impl FaultKind {
    /// The fault of that name.
    pub fn named(name: &str) -> Option<&'static FaultKind> {
        FAULTS.iter().find(|fault| fault.name == name)
    }

    /// Every key that such a fault may have.
    pub fn keys(&self) -> Vec<&'static str> {
        let needed = FAULT_KEYS.iter().chain(self.required).map(|(key, _)| *key);
        needed.chain(self.optional.iter().copied()).collect()
    }
}

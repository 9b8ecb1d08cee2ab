//! The table of faults.

use super::{Family, FaultKind, Of, Parameter};

const fn needs(key: &'static str, of: Of, example: &'static str) -> Parameter {
    Parameter { key, of, needed: true, example, usual: (1, 1) }
}

const fn may(key: &'static str, of: Of, example: &'static str) -> Parameter {
    Parameter { key, of, needed: false, example, usual: (1, 1) }
}

impl Parameter {
    /// The same, of which a swarm draws this much.
    const fn usually(self, low: u64, high: u64) -> Parameter {
        Parameter { usual: (low, high), ..self }
    }
}

const ACTOR: Parameter = needs("actor", Of::Actor, "\"incoming/0\"");
const MEMBER: Parameter = needs("actor", Of::Member, "\"incoming/0\"");
const ACTORS: Parameter = needs("actors", Of::Actors, "[\"incoming/0\"]");
/// Whose links; everyone's if nothing.
const WHO: Parameter = may("actor", Of::Actor, "\"incoming/0\"");
/// Only the link to this one.
const PEER: Parameter = may("peer", Of::Actor, "\"mailbox/0\"");
const RATE: Parameter = needs("rate", Of::Share, "0.01").usually(1, 20);
const EXTRA: Parameter = needs("extra", Of::Time, "\"5ms\"").usually(1, 30);
const FACTOR: Parameter = needs("factor", Of::Count, "10").usually(2, 50);
const PPM: Parameter = needs("ppm", Of::Count, "500").usually(10, 500_000);
const BY: Parameter = needs("by", Of::Time, "\"50ms\"").usually(1, 2_000);

/// The places in a node's loop between which a crash makes a difference.
const BOUNDARIES: &[&str] = &["before-commit", "in-commit", "after-commit", "sending"];

const fn fault(
    family: Family,
    name: &'static str,
    takes: &'static [Parameter],
    line: &'static str,
) -> FaultKind {
    FaultKind { name, family, takes, lasts: true, line }
}

const fn instant(
    family: Family,
    name: &'static str,
    takes: &'static [Parameter],
    line: &'static str,
) -> FaultKind {
    FaultKind { name, family, takes, lasts: false, line }
}

/// Every fault, by family.
pub const FAULTS: &[FaultKind] = &[
    fault(
        Family::Crash,
        "crash",
        &[ACTOR],
        "the actor loses all it has not synced, and starts again from its disk when the fault ends",
    ),
    instant(Family::Crash, "restart", &[ACTOR], "the actor crashes and starts again at once"),
    fault(
        Family::Crash,
        "crash-at",
        &[
            ACTOR,
            needs("boundary", Of::Word(BOUNDARIES), "\"after-commit\""),
            may("count", Of::Count, "3").usually(1, 20),
        ],
        "the actor crashes when it next (or the count-th time) comes to this boundary between storing and sending",
    ),
    fault(Family::Crash, "zone", &[ACTORS], "these actors, which share a zone, crash together"),
    fault(
        Family::Crash,
        "power-lost",
        &[ACTOR],
        "power fails in the middle of a commit, and nothing that was not synced is left",
    ),
    fault(
        Family::Crash,
        "power-torn",
        &[ACTOR],
        "power fails in the middle of a commit, and of what was not synced some sectors are left",
    ),
    fault(
        Family::Crash,
        "power-reordered",
        &[ACTOR],
        "power fails in the middle of a commit, and of what was not synced later writes are left without earlier ones",
    ),
    instant(Family::Crash, "dies", &[ACTOR], "the actor crashes and never comes back"),
    fault(Family::Partition, "partition", &[ACTORS], "nothing passes between these actors and all others"),
    fault(
        Family::Partition,
        "one-way",
        &[needs("from", Of::Actors, "[\"incoming/0\"]"), may("to", Of::Actors, "[\"mailbox/0\"]")],
        "nothing passes from these actors to those (or to all others), but the other way it does",
    ),
    fault(
        Family::Partition,
        "split",
        &[needs("groups", Of::Groups, "[[\"incoming/0\"], [\"mailbox/0\", \"client/0\"]]")],
        "nothing passes between these groups and between them and the rest",
    ),
    fault(
        Family::Partition,
        "clog",
        &[ACTOR, PEER],
        "what the actor (or it and its peer) sends and gets is held up and comes when the fault ends",
    ),
    fault(
        Family::Partition,
        "swizzle",
        &[ACTORS],
        "these actors are clogged one after the other, and unclogged in another order",
    ),
    fault(
        Family::Link,
        "loss",
        &[RATE, WHO, PEER],
        "links, or only those of the actor, lose this share of their packets",
    ),
    fault(
        Family::Link,
        "delay",
        &[EXTRA, WHO, PEER],
        "links, or only those of the actor, take this much longer",
    ),
    fault(
        Family::Link,
        "jitter",
        &[EXTRA, WHO, PEER],
        "links, or only those of the actor, take up to this much longer, each time another",
    ),
    fault(
        Family::Link,
        "duplicate",
        &[RATE, WHO, PEER],
        "links, or only those of the actor, carry this share of their packets twice",
    ),
    fault(
        Family::Link,
        "reorder",
        &[RATE, EXTRA, WHO, PEER],
        "this share of the packets of links, or only those of the actor, is overtaken by what is sent within `extra` after",
    ),
    fault(
        Family::Link,
        "corrupt",
        &[RATE, WHO, PEER],
        "links, or only those of the actor, flip a bit in this share of what they carry",
    ),
    fault(
        Family::Link,
        "throttle",
        &[
            needs("bandwidth", Of::Bandwidth, "\"1Mbit/s\"").usually(1_000_000, 100_000_000),
            may("buffer", Of::Size, "\"16kB\"").usually(4_000, 64_000),
            WHO,
            PEER,
        ],
        "links, or only those of the actor, carry no more than this, and hold no more than the buffer",
    ),
    fault(
        Family::Connection,
        "reset",
        &[WHO, PEER, may("every", Of::Time, "\"20ms\"").usually(10, 100)],
        "connections, or only those of the actor, are reset, once or again and again",
    ),
    fault(
        Family::Connection,
        "half-open",
        &[ACTOR, PEER],
        "the actor's end of its connections is gone, and the other end is not told",
    ),
    fault(Family::Process, "pause", &[ACTOR], "the actor stands still, as if stopped by its system"),
    fault(Family::Process, "slow", &[ACTOR, FACTOR], "the actor's processor is slower by this factor"),
    fault(Family::Clock, "clock-ahead", &[ACTOR, BY], "the actor's clock steps ahead, and back at the end"),
    fault(Family::Clock, "clock-behind", &[ACTOR, BY], "the actor's clock steps back, and ahead at the end"),
    fault(Family::Clock, "clock-fast", &[ACTOR, PPM], "the actor's clock gains so many parts per million"),
    fault(Family::Clock, "clock-slow", &[ACTOR, PPM], "the actor's clock loses so many parts per million"),
    fault(Family::Clock, "clock-freeze", &[ACTOR], "the actor's clock stands still"),
    fault(Family::DiskTime, "disk-slow", &[ACTOR, FACTOR], "the actor's disk is slower by this factor"),
    fault(
        Family::DiskTime,
        "disk-stall",
        &[ACTOR],
        "the actor's disk completes nothing until the fault ends",
    ),
    fault(
        Family::DiskError,
        "disk-full",
        &[ACTOR],
        "the actor's disk takes no more; the actor stops, and starts again when there is room",
    ),
    fault(
        Family::DiskError,
        "disk-sync-error",
        &[ACTOR],
        "a sync of the actor's disk fails and may have lost what it covered; the actor stops, and starts again at the end",
    ),
    fault(
        Family::DiskError,
        "disk-read-error",
        &[ACTOR],
        "the actor crashes and cannot read its disk until the fault ends",
    ),
    fault(
        Family::State,
        "disk-rot",
        &[ACTOR, may("count", Of::Count, "3").usually(3, 64)],
        "the actor crashes, and bits of what it had stored are flipped: it must admit that it lost state",
    ),
    fault(
        Family::State,
        "disk-misdirect",
        &[ACTOR, may("count", Of::Count, "3").usually(1, 8)],
        "writes of the actor land in the wrong place, and the actor crashes: it must admit that it lost state",
    ),
    fault(
        Family::State,
        "wipe",
        &[ACTOR],
        "the actor crashes and its disk is empty: it must admit that it lost state",
    ),
    fault(
        Family::State,
        "restore",
        &[ACTOR],
        "the operator puts the actor's disk back to what it was when the fault began, at its end: the actor may be exposed",
    ),
    fault(
        Family::Keys,
        "rotate",
        &[MEMBER],
        "the operator gives the actor another key; everybody is started anew with the new roster, one after the other",
    ),
    fault(
        Family::Keys,
        "revoke",
        &[MEMBER],
        "the same, and the key before is revoked, as if stolen: the actor is down until everybody has the new roster",
    ),
];

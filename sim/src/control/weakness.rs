//! Weaknesses: what of the world may be broken, by name.
//!
//! A weakness is a value of the world ([`crate::world::run_weak`]): a run of any scenario can have one. Those of storage
//! and machines stand where the simulated part stands (`model/storage.rs`, `world.rs`); those of actors are
//! [`super::flaw`]s.

use server::protocol::id::Role;

/// What of the world is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weakness {
    /// Nothing.
    #[default]
    None,
    /// The storage port says that a commit is durable before it is: statements are signed before they are kept.
    EarlyDurable,
    /// Disks lose one commit of many, though they have synced it.
    LostSyncs,
    /// Storage syncs one commit of many: a crash takes those since.
    UnsyncedWrites,
    /// The sequencer runs twice, with one key.
    Twin,
    /// The slots of the sequencer hold the number of its key: under another one every slot is free again.
    KeyInSlot,
    /// Incoming actors admit bundles that cite cuts which they have not seen.
    NoHoldBack,
    /// Incoming actors forget after a crash which bundle of a client comes next.
    ForgottenSenders,
    /// Incoming actors hand on the last bundle of their queue once more after a crash.
    DoubleRelease,
    /// Incoming actors keep no proof of having handed over the runs that they give up.
    GivenUpUnproven,
    /// Mailbox actors merge the queues of an epoch by index, without rotation.
    MisorderedMerge,
    /// Mailbox actors count after a crash what they find in storage, from which acknowledged deliveries are gone.
    RangeFromStorage,
    /// Mailbox actors give up deliveries when they have attested them.
    EarlyPurge,
    /// Mailbox actors delete nothing that they have stored.
    Hoard,
    /// Clients tell their application what they are sent, unchecked.
    Gullible,
    /// Clients acknowledge a step before they store.
    EarlyAck,
    /// Clients complain without having judged what they complain with.
    RashComplaint,
    /// Witnesses relay no challenge.
    DeafWitness,
    /// Storage takes longer by what this clock of the world outside shows: no control, a plant.
    WallClock(u64),
}

impl Weakness {
    /// What of it concerns an actor of this role.
    #[must_use]
    pub fn of(self, role: Role) -> Weakness {
        match self {
            Weakness::KeyInSlot if role != Role::Sequencer => Weakness::None,
            all => all,
        }
    }
}

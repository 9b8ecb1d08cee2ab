//! How the clients of a crowd behave, as far as an experiment may choose.

/// How the clients of a crowd behave at their mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Deliveries between two acks.
    pub acks_every: u64,
    /// Whether they stay when nothing is due.
    pub stays: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Manners { acks_every: 1, stays: false }
    }
}

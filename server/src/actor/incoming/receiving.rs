//! The receiving half: the run that is being gathered.

use super::Logged;
use crate::protocol::{digest::Digest, id::Position};

/// Most bundles in a run: it is sealed early then.
pub const RUN_MAX: usize = 16_384;
/// Most bytes of a run of several bundles: a batch must fit into a frame ([`crate::node`]).
const RUN_BYTES_MAX: u64 = 16 << 20;
/// Most bytes that a run of several bundles takes in the mailboxes: a mailbox actor stores it in one step.
const RUN_DELIVERED_MAX: u64 = 64 << 20;

/// The run that is being gathered.
pub struct Receiving {
    /// Where it starts.
    pub start: Position,
    /// The chain over all before it and over it.
    pub chain: Digest,
    /// Its bundles.
    pub run: Vec<Logged>,
    /// How many of the run have a receipt.
    pub receipted: usize,
    /// Bytes of the run.
    pub bytes: u64,
}

impl Receiving {
    /// None yet.
    pub fn new() -> Self {
        Receiving { start: Position(0), chain: Digest::ZERO, run: Vec::new(), receipted: 0, bytes: 0 }
    }

    /// Where the next bundle comes.
    pub fn end(&self) -> Position {
        Position(self.start.0 + self.run.len() as u64)
    }

    /// How many bundles of the run fit into one batch.
    pub fn fitting(&self) -> usize {
        let sizes = self.run.iter().scan((0, 0), |(wire, delivered), logged| {
            *wire += logged.submission.content.wire_bytes();
            *delivered += logged.submission.content.delivered_bytes();
            Some((*wire, *delivered))
        });
        let fits = |sum: &(u64, u64)| sum.0 <= RUN_BYTES_MAX && sum.1 <= RUN_DELIVERED_MAX;
        sizes.take_while(fits).count().clamp(1, RUN_MAX).min(self.run.len())
    }
}

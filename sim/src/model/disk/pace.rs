//! How long a disk takes for what it does.

use crate::{
    model::costs,
    random::{Stream, Streams},
};

/// The pace of one disk.
pub struct Pace {
    costs: costs::Disk,
    random: Stream,
    /// How long it was busy, in all.
    busy_ns: u64,
}

impl Pace {
    /// A disk of this name.
    pub fn new(costs: costs::Disk, streams: Streams, name: &str) -> Self {
        Pace { costs, random: streams.stream(&format!("pace/{name}")), busy_ns: 0 }
    }

    /// Writing so many bytes.
    pub fn write_ns(&self, bytes: usize) -> f64 {
        bytes as f64 * self.costs.byte
    }

    /// A sync.
    pub fn sync_ns(&mut self) -> f64 {
        self.costs.sync.draw(&mut self.random)
    }

    /// It is busy for so long.
    pub fn spend(&mut self, ns: u64) -> u64 {
        self.busy_ns += ns;
        ns
    }

    /// How long it was busy, in all.
    pub fn busy_ns(&self) -> u64 {
        self.busy_ns
    }
}

//! How long a disk takes for what it does.

use crate::{
    model::costs,
    random::{Stream, Streams},
    windows::Windows,
};

/// The pace of one disk.
pub struct Pace {
    costs: costs::Disk,
    random: Stream,
    /// How long it was busy, and when.
    busy: Windows,
}

impl Pace {
    /// A disk of this name.
    pub fn new(costs: costs::Disk, streams: Streams, name: &str) -> Self {
        Pace { costs, random: streams.stream(&format!("pace/{name}")), busy: Windows::default() }
    }

    /// Writing so many bytes.
    pub fn write_ns(&self, bytes: usize) -> f64 {
        bytes as f64 * self.costs.byte
    }

    /// A sync.
    pub fn sync_ns(&mut self) -> f64 {
        self.costs.sync.draw(&mut self.random)
    }

    /// It is busy from then to then.
    pub fn spend(&mut self, from_ns: u64, to_ns: u64) {
        self.busy.span(from_ns, to_ns);
    }

    /// How long it was busy.
    pub fn busy(&self) -> &Windows {
        &self.busy
    }
}

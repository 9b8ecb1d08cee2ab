//! What a fault can change about a machine, and which faults are over.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::World;
use crate::{
    model::{clock::VirtualTime, cores::Cores, cpu::Throttle, skew::Skew},
    scenario::Machines,
};

/// A process that runs, or was killed.
const RUNS: u8 = 0;
/// A process that has stopped by itself.
const ENDED: u8 = 1;
/// The same, and nothing of it is left.
const BURIED: u8 = 2;

/// What a fault can change about a machine, and whether its process has stopped by itself.
pub(super) struct Tuning {
    pub throttle: Throttle,
    pub skew: Skew,
    /// What whatever runs here shares.
    pub cores: Cores,
    ended: AtomicU8,
    /// How many faults make its process stand still.
    pauses: AtomicU32,
    /// How often its process has started.
    starts: AtomicU64,
}

impl Tuning {
    pub fn new(time: &VirtualTime, cores: Cores) -> Self {
        let (throttle, skew) = (Throttle::default(), Skew::new(time.clone()));
        Tuning {
            throttle,
            skew,
            cores,
            ended: AtomicU8::new(RUNS),
            pauses: AtomicU32::new(0),
            starts: AtomicU64::new(0),
        }
    }

    /// A process starts.
    pub fn begins(&self) {
        self.ended.store(RUNS, Ordering::Relaxed);
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    /// A process is about to start, and nothing is left of the one before it: there is nothing to bury.
    pub fn is_raised(&self) {
        self.ended.store(RUNS, Ordering::Relaxed);
    }

    /// One fault more makes its process stand still; whether it is the first.
    pub fn pauses(&self) -> bool {
        self.pauses.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// One of them is over; whether it was the last.
    pub fn resumes(&self) -> bool {
        self.pauses.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Whether its process stands still.
    pub fn is_paused(&self) -> bool {
        self.pauses.load(Ordering::Relaxed) > 0
    }

    /// How often a process has started here.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Its process stops by itself.
    pub fn ends(&self) {
        self.ended.store(ENDED, Ordering::Relaxed);
    }

    /// Whether its process has stopped by itself.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed) != RUNS
    }

    /// Whether something of such a process is left, which goes now.
    pub fn bury(&self) -> bool {
        self.ended.compare_exchange(ENDED, BURIED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl World {
    /// Lets others take what they take of the machines' cores.
    pub(super) fn withhold_cores(&self) {
        let Some(withheld) = &self.profile.withheld else { return };
        let machines = match self.drawn.topology.machines {
            Machines::One => 1,
            _ => self.machines.len(),
        };
        for (tuning, name) in self.machines[..machines].iter().zip(&self.processes) {
            for core in 0..self.drawn.topology.cores {
                let random = self.streams.stream(&format!("withheld/{name}/{core}"));
                let (cores, time, withheld) = (tuning.cores.clone(), self.time.clone(), withheld.clone());
                madsim::task::spawn(async move { cores.withhold(&time, &withheld, random).await });
            }
        }
    }
}

/// Which faults are over.
pub struct Health {
    sick: AtomicU64,
    healed_ns: AtomicU64,
}

impl Health {
    pub(super) fn of(faults: u64) -> Self {
        Health { sick: AtomicU64::new(faults), healed_ns: AtomicU64::new(0) }
    }

    /// A fault is over.
    pub fn healed(&self, now_ns: u64) {
        self.healed_ns.fetch_max(now_ns, Ordering::Relaxed);
        self.sick.fetch_sub(1, Ordering::Relaxed);
    }

    /// Since when all are.
    pub(super) fn since_ns(&self) -> Option<u64> {
        (self.sick.load(Ordering::Relaxed) == 0).then(|| self.healed_ns.load(Ordering::Relaxed))
    }
}

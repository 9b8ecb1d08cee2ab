//! The simulated processor: the time that an actor's work takes.
//!
//! An actor is one thread of control. What its step did is added up and takes its time before the results leave;
//! only batches of signatures are checked on all cores at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use server::{actor::Ledger, port::Work};

use super::{
    clock::VirtualTime,
    costs::{Profile, StepCost},
};
use crate::random::Stream;

/// By how much a processor is slower than it should be; 1 if it is not.
#[derive(Clone)]
pub struct Throttle(Arc<AtomicU64>);

impl Default for Throttle {
    fn default() -> Self {
        Throttle(Arc::new(AtomicU64::new(1)))
    }
}

impl Throttle {
    /// So many times slower from now on.
    pub fn slow(&self, factor: u64) {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now * factor)).ok();
    }

    /// No longer slower by that.
    pub fn heal(&self, factor: u64) {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some((now / factor).max(1))).ok();
    }
}

/// For how long the cores of a machine were busy, in all.
#[derive(Clone, Default)]
pub struct Busy(Arc<AtomicU64>);

impl Busy {
    /// In nanoseconds of one core.
    pub fn busy_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn spend(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::Relaxed);
    }
}

/// The processor of one machine, as one actor uses it.
pub struct Cpu {
    profile: Arc<Profile>,
    role: &'static str,
    random: Stream,
    cores: f64,
    throttle: Throttle,
    busy: Busy,
    time: VirtualTime,
}

impl Cpu {
    /// A processor with this many cores, for an actor of this role. What its work takes is drawn from the stream.
    pub fn new(
        profile: Arc<Profile>,
        role: &'static str,
        random: Stream,
        cores: u32,
        (throttle, busy): (Throttle, Busy),
        time: VirtualTime,
    ) -> Self {
        Cpu { profile, role, random, cores: f64::from(cores), throttle, busy, time }
    }

    fn cost_ns(&mut self, ledger: &Ledger) -> u64 {
        let handling = self.profile.handling(self.role);
        let StepCost { alone_ns, shared_ns } = self.profile.draw_step(handling, ledger, &mut self.random);
        let factor = self.throttle.0.load(Ordering::Relaxed);
        self.busy.spend((alone_ns + shared_ns) as u64 * factor);
        (alone_ns + shared_ns / self.cores) as u64 * factor
    }
}

impl Work for Cpu {
    async fn spend(&mut self, ledger: &Ledger) {
        let cost = self.cost_ns(ledger);
        if cost > 0 {
            self.time.sleep_until(self.time.now_ns() + cost).await;
        }
    }
}

//! The simulated processor: the time that work takes on the cores of a machine.
//!
//! Whatever runs on a machine shares its cores ([`super::cores`]): work waits until it has one, and takes its time there before its
//! results leave. An actor is one thread of control, and so is each request of an HTTP front and each task of its checker. Only a
//! batch of signatures may be spread over all cores that are free. A step goes on with its transaction, and after that with its
//! signatures. A transaction is done in several turns, between which a thread of production sleeps until another thread or the disk
//! wakes it: before each it waits for a core again.
//!
//! # Invariants
//! - What work takes is drawn when it comes.
//! - A signature that the process remembers costs nothing more ([`super::memory`]).

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use server::{actor::Ledger, port::Work};

use super::{
    clock::VirtualTime,
    cores::{Cores, Thread, Turn},
    costs::{Profile, StepCost},
    memory::Memory,
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

/// On how many cores a batch of signatures is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batches {
    /// On one.
    OnOne,
    /// On all that are free.
    OnAllFree,
}

/// What does the work of one thread of control: the cores of its machine, and what it costs there.
#[derive(Clone)]
pub struct Cpu {
    profile: Arc<Profile>,
    role: &'static str,
    /// What the work of this process takes is drawn from it.
    random: Arc<Mutex<Stream>>,
    cores: Cores,
    batches: Batches,
    memory: Option<Memory>,
    throttle: Throttle,
    time: VirtualTime,
    /// It has slept before each piece of its work.
    wakes: bool,
    /// It is that of an actor.
    thread: Option<Thread>,
}

impl Cpu {
    /// A thread of an actor of this role on these cores, which remembers no signature.
    pub fn new(
        profile: Arc<Profile>,
        (role, random): (&'static str, Stream),
        cores: Cores,
        batches: Batches,
        throttle: Throttle,
        time: VirtualTime,
    ) -> Self {
        let (random, thread) = (Arc::new(Mutex::new(random)), Some(cores.thread()));
        Cpu { profile, role, random, cores, batches, memory: None, throttle, time, wakes: false, thread }
    }

    /// The same, in a process that remembers signatures.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        Cpu { memory: Some(memory), ..self }
    }

    /// The same thread, when it wakes.
    #[must_use]
    pub fn waking(&self) -> Self {
        Cpu { wakes: true, batches: Batches::OnOne, ..self.clone() }
    }

    /// In how many turns it does a transaction.
    pub fn turns(&self) -> u64 {
        self.profile.disk.whole_turns()
    }

    /// Another thread of the process, which does all its work on one core.
    #[must_use]
    pub fn on_one(&self) -> Self {
        Cpu { batches: Batches::OnOne, thread: None, ..self.clone() }
    }

    /// Pieces of work, each by a thread of its own: until all are done.
    pub async fn spend_apart(&self, pieces: &[Ledger]) {
        let piece = |ledger: &Ledger| {
            let StepCost { alone_ns, shared_ns } = self.cost(ledger);
            (alone_ns + shared_ns) as u64
        };
        self.cores.work_apart(&self.time, pieces.iter().map(piece).collect()).await;
    }

    /// What somebody of another role does on the same cores, one core at a time.
    #[must_use]
    pub fn as_role(&self, role: &'static str) -> Self {
        Cpu { role, ..self.on_one() }
    }

    fn cost(&self, ledger: &Ledger) -> StepCost {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let StepCost { alone_ns, shared_ns } = self.profile.draw_step(self.role, ledger, &mut random);
        let factor = self.throttle.0.load(Ordering::Relaxed) as f64;
        StepCost { alone_ns: alone_ns * factor, shared_ns: shared_ns * factor }
    }
}

impl Work for Cpu {
    async fn spend(&mut self, ledger: &Ledger) {
        let ledger = self.memory.as_ref().map_or(*ledger, |memory| memory.spare(ledger));
        let cost = self.cost(&ledger);
        self.cores.count(self.role, ledger, cost);
        if cost.alone_ns + cost.shared_ns < 1.0 {
            return;
        }
        let goes_on = ledger.steps == 0 && ledger.signed + ledger.commits > 0;
        let turn = if goes_on && !self.wakes { Turn::GoesOn } else { Turn::Comes };
        let helpers_max = if self.batches == Batches::OnAllFree { usize::MAX } else { 0 };
        let since_ns = self.cores.work(&self.time, turn, helpers_max, cost).await;
        if let Some(thread) = self.thread {
            self.cores.had(thread, since_ns, self.time.now_ns());
        }
    }
}

//! The simulated processor: the time that work takes on the cores of a machine.
//!
//! Whatever runs on a machine shares its cores: work waits, in the order in which it comes, until a core is free, and
//! takes its time there before its results leave. An actor is one thread of control, and so is each request of an HTTP
//! front and each task of its checker. Only a batch of signatures may be spread over all cores that are free. A transaction
//! is done in several turns, between which a thread of production sleeps until another thread or the disk wakes it: it waits
//! for a core before each.
//!
//! # Invariants
//! - Work is placed when it comes: which core it gets, and when, follows from what came before and from nothing else.
//! - What a process has not done when it is killed is taken off its cores.
//! - A signature that the process remembers costs nothing more ([`super::memory`]).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use server::{actor::Ledger, port::Work};

use super::{
    clock::VirtualTime,
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

/// The cores of one machine.
#[derive(Clone)]
pub struct Cores(Arc<Mutex<Schedule>>);

struct Schedule {
    /// When each has done what was placed on it so far.
    free_ns: Vec<u64>,
    /// For how long they were taken, in all.
    busy_ns: u64,
    /// What actors did there, by role.
    actors: BTreeMap<&'static str, Done>,
}

/// What was done on cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Its operations.
    pub ledger: Ledger,
    /// Nanoseconds of it.
    pub ns: u64,
}

impl std::ops::AddAssign for Done {
    fn add_assign(&mut self, other: Done) {
        self.ledger += other.ledger;
        self.ns += other.ns;
    }
}

/// How long a piece of work takes, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    /// Of it the first part, in which other cores help.
    together_ns: u64,
    /// All of it.
    total_ns: u64,
}

impl Cores {
    /// So many idle cores.
    pub fn new(count: u32) -> Self {
        let free_ns = vec![0; count.max(1) as usize];
        Cores(Arc::new(Mutex::new(Schedule { free_ns, busy_ns: 0, actors: BTreeMap::new() })))
    }

    /// For how long they were busy, in nanoseconds of one core.
    pub fn busy_ns(&self) -> u64 {
        self.with(|schedule| schedule.busy_ns)
    }

    /// What actors did there, by role.
    pub fn actors(&self) -> BTreeMap<&'static str, Done> {
        self.with(|schedule| schedule.actors.clone())
    }

    /// Counts what somebody of a role does, if it is an actor: nobody else takes steps, signs or stores.
    fn count(&self, role: &'static str, ledger: Ledger, cost: StepCost) {
        if ledger.steps + ledger.signed + ledger.commits > 0 {
            let ns = (cost.alone_ns + cost.shared_ns) as u64;
            self.with(|schedule| *schedule.actors.entry(role).or_default() += Done { ledger, ns });
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Schedule) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Places work on the core that is free first, and on those that are free by then as far as they help. The cost is
    /// that on so many cores.
    fn place(&self, now_ns: u64, helpers_max: usize, cost: impl FnOnce(usize) -> Cost) -> Placed {
        self.with(|Schedule { free_ns, busy_ns, .. }| {
            let own = (0..free_ns.len()).min_by_key(|core| free_ns[*core]).unwrap_or(0);
            let start_ns = now_ns.max(free_ns[own]);
            let idle = (0..free_ns.len()).filter(|core| *core != own && free_ns[*core] <= start_ns);
            let helpers: Vec<usize> = idle.take(helpers_max).collect();
            let cost = cost(1 + helpers.len());
            let mut until_ns = vec![(own, start_ns + cost.total_ns)];
            if cost.together_ns > 0 {
                until_ns.extend(helpers.iter().map(|core| (*core, start_ns + cost.together_ns)));
            }
            for (core, until) in &until_ns {
                free_ns[*core] = *until;
                *busy_ns += until - start_ns;
            }
            Placed { cores: self.clone(), until_ns }
        })
    }
}

/// Work on the cores of a machine.
struct Placed {
    cores: Cores,
    /// Its cores, its own one first, and until when it has them.
    until_ns: Vec<(usize, u64)>,
}

impl Placed {
    fn end_ns(&self) -> u64 {
        self.until_ns[0].1
    }

    /// Takes what is left of it off its cores, but where other work stands behind it.
    fn withdraw(&self, now_ns: u64) {
        self.cores.with(|Schedule { free_ns, busy_ns, .. }| {
            for (core, until) in self.until_ns.iter().filter(|(_, until)| *until > now_ns) {
                if free_ns[*core] == *until {
                    free_ns[*core] = now_ns;
                    *busy_ns = busy_ns.saturating_sub(until - now_ns);
                }
            }
        });
    }
}

/// Withdraws work when whoever did it is gone.
struct Busy<'a> {
    placed: Placed,
    time: &'a VirtualTime,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.placed.withdraw(self.time.now_ns());
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
        let random = Arc::new(Mutex::new(random));
        Cpu { profile, role, random, cores, batches, memory: None, throttle, time }
    }

    /// The same, in a process that remembers signatures.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        Cpu { memory: Some(memory), ..self }
    }

    /// In how many turns it does a transaction.
    pub fn turns(&self) -> u64 {
        self.profile.disk.whole_turns()
    }

    /// Another thread of the process, which does all its work on one core.
    #[must_use]
    pub fn on_one(&self) -> Self {
        Cpu { batches: Batches::OnOne, ..self.clone() }
    }

    /// The same work so many times, each by a thread of its own: until all have done it.
    pub async fn spend_apart(&self, ledger: &Ledger, times: u64) {
        let place = |_| Busy { placed: self.place(self.cost(ledger)), time: &self.time };
        let busy: Vec<Busy<'_>> = (0..times).map(place).collect();
        if let Some(end_ns) = busy.iter().map(|busy| busy.placed.end_ns()).max() {
            self.time.sleep_until(end_ns).await;
        }
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

    fn place(&self, cost: StepCost) -> Placed {
        let helpers_max = if self.batches == Batches::OnAllFree { usize::MAX } else { 0 };
        self.cores.place(self.time.now_ns(), helpers_max, |cores| {
            let together_ns = (cost.shared_ns / cores as f64) as u64;
            Cost { together_ns, total_ns: cost.alone_ns as u64 + together_ns }
        })
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
        let busy = Busy { placed: self.place(cost), time: &self.time };
        self.time.sleep_until(busy.placed.end_ns()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(total_ns: u64) -> impl FnOnce(usize) -> Cost {
        move |_| Cost { together_ns: 0, total_ns }
    }

    fn batch(total_ns: u64) -> impl FnOnce(usize) -> Cost {
        move |cores| Cost { together_ns: total_ns / cores as u64, total_ns: total_ns / cores as u64 }
    }

    #[test]
    fn work_waits_for_a_free_core_in_the_order_in_which_it_comes() {
        let cores = Cores::new(2);
        let ends = [100, 40, 30, 30].map(|ns| cores.place(0, 0, alone(ns)).end_ns());
        assert_eq!(ends, [100, 40, 70, 100]);
        assert_eq!(cores.place(500, 0, alone(5)).end_ns(), 505);
    }

    #[test]
    fn what_actors_do_is_told_by_role_and_what_others_do_is_not() {
        let cores = Cores::new(1);
        let cost = StepCost { alone_ns: 5.0, shared_ns: 1.0 };
        let step = Ledger { steps: 1, inputs: 3, ..Ledger::default() };
        cores.count("incoming", step, cost);
        cores.count("incoming", Ledger { signed: 2, ..Ledger::default() }, cost);
        cores.count("incoming", Ledger { requests: 1, verified: 4, ..Ledger::default() }, cost);
        let done = Done { ledger: Ledger { signed: 2, ..step }, ns: 12 };
        assert_eq!(cores.actors(), BTreeMap::from([("incoming", done)]));
    }

    #[test]
    fn a_batch_is_spread_over_the_cores_that_are_free_and_no_others() {
        let cores = Cores::new(4);
        assert_eq!(cores.place(0, usize::MAX, batch(400)).end_ns(), 100);
        cores.place(100, 0, alone(1000));
        assert_eq!(cores.place(100, usize::MAX, batch(300)).end_ns(), 200);
        assert_eq!(cores.place(100, 0, alone(1)).end_ns(), 201, "the helpers are busy as long");
        assert_eq!(Cores::new(4).place(0, 0, batch(400)).end_ns(), 400);
    }

    #[test]
    fn what_is_withdrawn_frees_its_core_unless_other_work_stands_behind_it() {
        let cores = Cores::new(1);
        let first = cores.place(0, 0, alone(100));
        first.withdraw(30);
        assert_eq!(cores.place(30, 0, alone(10)).end_ns(), 40);
        let second = cores.place(40, 0, alone(100));
        let third = cores.place(40, 0, alone(5));
        second.withdraw(50);
        assert_eq!((third.end_ns(), cores.place(50, 0, alone(1)).end_ns()), (145, 146));
    }
}

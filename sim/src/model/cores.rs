//! The cores of a machine, and what waits for one.
//!
//! A thread that has a core keeps it from one piece of its work to the next, so what goes on goes first. What comes anew, and a
//! thread that wakes does, waits for its turn. Of a core that somebody outside takes away the machine has nothing meanwhile: whatever
//! waits is done on the others, and what is under way ends first, for it is short beside that.
//!
//! # Invariants
//! - No core is idle while anything waits.
//! - What comes anew is done in the order in which it comes.
//! - What a process has not done when it is killed leaves its core, or the queue.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use server::actor::Ledger;
use tokio::sync::oneshot;

use super::{
    clock::VirtualTime,
    costs::{Pauses, StepCost},
};
use crate::{random::Stream, windows::Windows};

/// How a piece of work gets a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Before everything: somebody outside takes the core.
    Withheld,
    /// Before all that comes anew: its thread was at work until now.
    GoesOn,
    /// After all that came before it.
    Comes,
}

/// A thread of a machine that is told apart.
#[derive(Clone, Copy, Debug)]
pub struct Thread(usize);

/// When something came, among all that came to this machine.
type Ticket = u64;

/// The cores of one machine.
#[derive(Clone)]
pub struct Cores(Arc<Mutex<Queue>>);

struct Queue {
    count: usize,
    idle: usize,
    waiting: BTreeMap<(Turn, Ticket), oneshot::Sender<Core>>,
    next: Ticket,
    /// For how long they were taken, in all, and when.
    busy: Windows,
    /// For how long each thread that is told apart had a core, and when.
    threads: Vec<Windows>,
    /// What actors did there, by role.
    actors: BTreeMap<&'static str, Done>,
    /// Times that something was written to a connection.
    written: u64,
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

/// A core, until this is dropped.
struct Core {
    cores: Cores,
    time: VirtualTime,
    since_ns: u64,
    /// It is of no use to this machine.
    is_withheld: bool,
}

impl Core {
    /// One of these, from now on.
    fn of(cores: &Cores, time: &VirtualTime) -> Core {
        Core { cores: cores.clone(), time: time.clone(), since_ns: time.now_ns(), is_withheld: false }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let now_ns = self.time.now_ns();
        let next = self.cores.with(|queue| {
            if !self.is_withheld {
                queue.busy.span(self.since_ns, now_ns);
            }
            loop {
                match queue.waiting.pop_first() {
                    // whoever was killed waits no more
                    Some((_, next)) if next.is_closed() => {}
                    Some((_, next)) => return Some(next),
                    None => {
                        queue.idle += 1;
                        return None;
                    }
                }
            }
        });
        if let Some(next) = next {
            // nobody else runs between the question whether it waits and this
            let _ = next.send(Core::of(&self.cores, &self.time));
        }
    }
}

impl Cores {
    /// So many idle cores.
    pub fn new(count: u32) -> Self {
        let count = count.max(1) as usize;
        Cores(Arc::new(Mutex::new(Queue {
            count,
            idle: count,
            waiting: BTreeMap::new(),
            next: 0,
            busy: Windows::default(),
            threads: Vec::new(),
            actors: BTreeMap::new(),
            written: 0,
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Queue) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For how long they were busy, in nanoseconds of one core.
    pub fn busy(&self) -> Windows {
        self.with(|queue| queue.busy.clone())
    }

    /// A thread that is told apart from now on.
    pub fn thread(&self) -> Thread {
        self.with(|queue| {
            queue.threads.push(Windows::default());
            Thread(queue.threads.len() - 1)
        })
    }

    /// For how long each of these had a core.
    pub fn threads(&self) -> Vec<Windows> {
        self.with(|queue| queue.threads.clone())
    }

    /// A thread had a core from then until now.
    pub fn had(&self, thread: Thread, since_ns: u64, now_ns: u64) {
        self.with(|queue| queue.threads[thread.0].span(since_ns, now_ns));
    }

    /// What actors did there, by role.
    pub fn actors(&self) -> BTreeMap<&'static str, Done> {
        self.with(|queue| queue.actors.clone())
    }

    /// Times that something was written to a connection.
    pub fn written(&self) -> u64 {
        self.with(|queue| queue.written)
    }

    /// Counts what somebody of a role does, if it is an actor: nobody else takes steps, signs or stores.
    pub fn count(&self, role: &'static str, ledger: Ledger, cost: StepCost) {
        if ledger.written > 0 {
            self.with(|queue| queue.written += ledger.written);
        }
        if ledger.steps + ledger.signed + ledger.commits > 0 {
            let ns = (cost.alone_ns + cost.shared_ns) as u64;
            self.with(|queue| *queue.actors.entry(role).or_default() += Done { ledger, ns });
        }
    }

    /// Waits for a core.
    async fn take(&self, time: &VirtualTime, turn: Turn) -> Core {
        let waiting = self.with(|queue| {
            if queue.idle > 0 {
                queue.idle -= 1;
                return None;
            }
            let (sender, core) = oneshot::channel();
            queue.waiting.insert((turn, queue.next), sender);
            queue.next += 1;
            Some(core)
        });
        match waiting {
            None => Core::of(self, time),
            Some(core) => match core.await {
                Ok(core) => core,
                Err(_) => std::future::pending().await, // the machine is gone
            },
        }
    }

    /// Cores that nobody needs now, at most so many.
    fn take_idle(&self, time: &VirtualTime, most: usize) -> Vec<Core> {
        let count = self.with(|queue| {
            let count = queue.idle.min(most);
            queue.idle -= count;
            count
        });
        (0..count).map(|_| Core::of(self, time)).collect()
    }

    /// Does work on one core, and the first part of it on as many more as are idle then and help; when it got the one.
    pub async fn work(&self, time: &VirtualTime, turn: Turn, helpers_max: usize, cost: StepCost) -> u64 {
        let _own = self.take(time, turn).await;
        let start_ns = time.now_ns();
        let helpers = if cost.shared_ns > 0.0 { self.take_idle(time, helpers_max) } else { Vec::new() };
        let together_ns = (cost.shared_ns / (1 + helpers.len()) as f64) as u64;
        if !helpers.is_empty() {
            time.sleep_until(start_ns + together_ns).await;
            drop(helpers);
        }
        time.sleep_until(start_ns + together_ns + cost.alone_ns as u64).await;
        start_ns
    }

    /// Takes one core away from time to time.
    pub async fn withhold(&self, time: &VirtualTime, withheld: &Pauses, mut random: Stream) {
        loop {
            let (begins_ns, ends_ns) = withheld.next(time.now_ns(), &mut random);
            time.sleep_until(begins_ns).await;
            let mut core = self.take(time, Turn::Withheld).await;
            core.is_withheld = true;
            time.sleep_until(time.now_ns().saturating_add(ends_ns - begins_ns)).await;
        }
    }

    /// Does these pieces of work, each by a thread of its own and all of them there at once: until all are done.
    pub async fn work_apart(&self, time: &VirtualTime, pieces_ns: Vec<u64>) {
        // in the order in which they come, each core does one after the other: as long as all take together
        let lanes = self.with(|queue| queue.count).min(pieces_ns.len());
        let mut shares_ns = vec![0; lanes];
        for piece_ns in pieces_ns {
            if let Some(least) = shares_ns.iter_mut().min() {
                *least += piece_ns;
            }
        }
        let share = |alone_ns: u64| {
            let cost = StepCost { alone_ns: alone_ns as f64, shared_ns: 0.0 };
            self.work(time, Turn::Comes, 0, cost)
        };
        futures_util::future::join_all(shares_ns.into_iter().map(share)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::costs::Cost, random::Streams};

    /// When each of these pieces of work is done: when it comes, how, and how long it takes. And for how long cores were busy.
    fn ends<const N: usize>(cores: u32, pieces: [(u64, Turn, u64); N]) -> ([u64; N], u64) {
        run(cores, pieces.map(|(at_ns, turn, ns)| (at_ns, turn, 0, alone(ns))), None)
    }

    fn alone(ns: u64) -> StepCost {
        StepCost { alone_ns: ns as f64, shared_ns: 0.0 }
    }

    fn batch(ns: u64) -> StepCost {
        StepCost { alone_ns: 0.0, shared_ns: ns as f64 }
    }

    /// The same with helpers; one of them is killed at a time.
    fn run<const N: usize>(
        cores: u32,
        pieces: [(u64, Turn, usize, StepCost); N],
        killed: Option<(usize, u64)>,
    ) -> ([u64; N], u64) {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
        runtime.block_on(async move {
            let (time, cores) = (VirtualTime::current(), Cores::new(cores));
            let ends = Arc::new(Mutex::new([0; N]));
            let mut tasks = Vec::new();
            for (index, (at_ns, turn, helpers, cost)) in pieces.into_iter().enumerate() {
                let (time, cores, ends) = (time.clone(), cores.clone(), ends.clone());
                // tasks that are ready at once run in any order
                let at_ns = at_ns * 1000 + index as u64;
                tasks.push(madsim::task::spawn(async move {
                    time.sleep_until(at_ns).await;
                    let cost = StepCost { alone_ns: 1e3 * cost.alone_ns, shared_ns: 1e3 * cost.shared_ns };
                    cores.work(&time, turn, helpers, cost).await;
                    ends.lock().unwrap_or_else(PoisonError::into_inner)[index] = (time.now_ns() + 500) / 1000;
                }));
            }
            if let Some((index, at_ns)) = killed {
                time.sleep_until(at_ns * 1000).await;
                tasks[index].abort();
            }
            for task in tasks {
                // one was killed
                let _ = task.await;
            }
            let ends = *ends.lock().unwrap_or_else(PoisonError::into_inner);
            (ends, (cores.busy().total() + 500) / 1000)
        })
    }

    use Turn::{Comes, GoesOn};

    #[test]
    fn work_waits_for_a_free_core_in_the_order_in_which_it_comes() {
        let pieces = [(0, Comes, 100), (0, Comes, 40), (0, Comes, 30), (0, Comes, 30), (500, Comes, 5)];
        assert_eq!(ends(2, pieces), ([100, 40, 70, 100, 505], 205));
    }

    #[test]
    fn what_goes_on_goes_first_and_interrupts_nothing() {
        let pieces = [(0, Comes, 100), (10, Comes, 50), (20, GoesOn, 30), (30, GoesOn, 20)];
        assert_eq!(ends(1, pieces), ([100, 200, 130, 150], 200));
    }

    #[test]
    fn a_batch_is_spread_over_the_cores_that_are_idle_and_no_others() {
        let all = usize::MAX;
        assert_eq!(run(4, [(0, Comes, all, batch(400))], None), ([100], 400));
        assert_eq!(run(4, [(0, Comes, 0, batch(400))], None), ([400], 400));
        let beside = [(0, Comes, 0, alone(1000)), (1, Comes, all, batch(300))];
        assert_eq!(run(4, beside, None), ([1000, 101], 1300));
        let then = StepCost { alone_ns: 50.0, shared_ns: 200.0 };
        let helped = [(0, Comes, all, then), (10, Comes, 0, alone(10))];
        assert_eq!(run(2, helped, None), ([150, 110], 260), "the helper is free when it has helped");
    }

    #[test]
    fn what_is_killed_leaves_its_core_and_the_queue() {
        let pieces = [100, 100, 10].map(|ns| (0, Comes, 0, alone(ns)));
        assert_eq!(run(1, pieces, Some((0, 30))), ([0, 130, 140], 140));
        assert_eq!(run(1, pieces, Some((1, 30))), ([100, 0, 110], 110));
    }

    #[test]
    fn a_core_that_is_withheld_is_there_for_nobody_and_is_not_busy() {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
        let (took_ns, busy_ns) = runtime.block_on(async {
            let (time, cores) = (VirtualTime::current(), Cores::new(1));
            let withheld = Pauses { per_s: 100.0, ns: Cost::always(5e6) };
            let (thief, thieves_time) = (cores.clone(), time.clone());
            madsim::task::spawn(async move {
                thief.withhold(&thieves_time, &withheld, Streams::new(1).stream("withheld")).await;
            });
            for _ in 0..10_000 {
                cores.work(&time, Comes, 0, alone(1_000_000)).await;
            }
            (time.now_ns(), cores.busy().total())
        });
        // 10 ms on average, and until the piece of work that is under way ends; then 5 ms
        assert!((14_200_000_000..15_300_000_000).contains(&took_ns), "{took_ns}");
        assert_eq!(busy_ns, 10_000_000_000);
    }

    #[test]
    fn pieces_of_threads_of_their_own_are_spread_over_the_cores() {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default());
        let end_ns = runtime.block_on(async {
            let (time, cores) = (VirtualTime::current(), Cores::new(2));
            cores.work_apart(&time, vec![40_000, 30_000, 20_000, 10_000]).await;
            cores.work_apart(&time, Vec::new()).await;
            time.now_ns()
        });
        assert_eq!((end_ns + 500) / 1000, 50);
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
}

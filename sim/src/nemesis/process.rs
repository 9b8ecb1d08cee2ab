//! Faults of processes: they end, stand still, are slow, and their clocks are wrong.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use futures_util::future::{Either, select};
use madsim::runtime::Handle;

use super::{actor, machine};
use crate::{
    model::{disk::Unsynced, network::Machine, trap::Boundary},
    scenario::{ActorName, DrawnFault},
    world::World,
};

/// How long a trap waits for its actor to come by.
const TRAP_NS: u64 = 1_000_000_000;

/// How many faults hold a machine's process down at a time.
#[derive(Default)]
pub struct Down(Mutex<BTreeMap<Machine, u32>>);

impl Down {
    fn with<T>(&self, machine: Machine, f: impl FnOnce(&mut u32) -> T) -> T {
        f(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(machine).or_default())
    }

    fn holds(&self, machine: Machine) -> bool {
        self.with(machine, |count| *count > 0)
    }
}

/// Kills an actor's process, or holds it down if another fault has; whether it was this one that killed it.
pub(super) fn take_down(world: &World, actor: ActorName) -> bool {
    let first = world.down.with(world.machine_of(actor), |count| {
        *count += 1;
        *count == 1
    });
    if first {
        world.history.event(Some(actor), || "is killed".to_owned());
        world.disk_of(actor).crash();
        Handle::current().kill(world.node_of(actor));
    }
    first
}

/// Starts an actor's process again, when no other fault holds it down.
pub(super) fn bring_up(world: &World, actor: ActorName) {
    let last = world.down.with(world.machine_of(actor), |count| {
        *count -= 1;
        *count == 0
    });
    if last {
        world.neighbours_of(actor).into_iter().for_each(|part| world.history.comes_back(part));
        world.restart(actor);
    }
}

/// Starts an actor's process again if it had stopped by itself, as its operator would.
pub(super) fn revive(world: &World, actor: ActorName) {
    if world.has_ended(actor) && !world.down.holds(world.machine_of(actor)) {
        take_down(world, actor);
        bring_up(world, actor);
    }
}

/// Crashes.
pub(super) async fn crash(world: &World, fault: &DrawnFault) -> bool {
    match fault.kind.name {
        "zone" => return crash_zone(world, fault).await,
        "crash-at" => {
            let boundary = Boundary::named(fault.word("boundary").unwrap_or_default());
            let count = fault.number("count").unwrap_or(1);
            return crash_at(world, fault, boundary, count, Unsynced::Torn).await;
        }
        "power-lost" => return crash_at(world, fault, Boundary::InCommit, 1, Unsynced::Lost).await,
        "power-torn" => return crash_at(world, fault, Boundary::InCommit, 1, Unsynced::Torn).await,
        "power-reordered" => return crash_at(world, fault, Boundary::InCommit, 1, Unsynced::Reordered).await,
        _ => {}
    }
    let actor = actor(fault);
    let fired = take_down(world, actor);
    if fault.kind.name == "dies" {
        world.neighbours_of(actor).into_iter().for_each(|part| world.history.dies(part));
        return fired;
    }
    world.time.sleep_until(fault.end_ns()).await;
    bring_up(world, actor);
    fired
}

async fn crash_zone(world: &World, fault: &DrawnFault) -> bool {
    let actors = fault.actors("actors");
    let killed = actors.iter().filter(|actor| take_down(world, **actor)).count();
    world.time.sleep_until(fault.end_ns()).await;
    actors.iter().for_each(|actor| bring_up(world, *actor));
    killed > 0
}

/// Waits for an actor at a boundary, and kills it there.
async fn crash_at(
    world: &World,
    fault: &DrawnFault,
    boundary: Boundary,
    count: u64,
    unsynced: Unsynced,
) -> bool {
    let Some(decided) = kill_at(world, fault, boundary, count, unsynced).await else { return false };
    world.time.sleep_until(world.time.now_ns() + fault.for_ns).await;
    bring_up(world, actor(fault));
    decided
}

/// Waits for an actor at a boundary, and kills it there: whether that was not in vain; none if it never came.
pub(super) async fn kill_at(
    world: &World,
    fault: &DrawnFault,
    boundary: Boundary,
    count: u64,
    unsynced: Unsynced,
) -> Option<bool> {
    let (actor, machine) = (actor(fault), machine(world, fault));
    let told = world.traps.set(machine, boundary, count)?;
    let late = world.time.sleep_until(fault.at_ns + TRAP_NS);
    let came = matches!(select(std::pin::pin!(told.notified()), late).await, Either::Left(_));
    let decided = came.then(|| {
        world.history.cover(match boundary {
            Boundary::BeforeCommit => "an actor was killed before it committed",
            Boundary::InCommit => "an actor was killed in the middle of a commit",
            Boundary::AfterCommit => "an actor was killed after it committed and before it sent",
            Boundary::Sending => "an actor was killed when it had sent some of a step",
        });
        let undecided = world.disk_of(actor).fail(unsynced);
        take_down(world, actor) && (boundary != Boundary::InCommit || undecided)
    });
    world.traps.take(machine);
    decided
}

/// Stands still, or is slow.
pub(super) async fn hinder(world: &World, fault: &DrawnFault) -> bool {
    let Some(factor) = fault.number("factor") else {
        let works = !world.down.holds(machine(world, fault));
        world.pause(actor(fault));
        world.time.sleep_until(fault.end_ns()).await;
        world.resume(actor(fault));
        return works;
    };
    let (throttle, before_ns) = (world.throttle_of(actor(fault)), world.computed_ns(actor(fault)));
    throttle.slow(factor);
    world.time.sleep_until(fault.end_ns()).await;
    throttle.heal(factor);
    // who has nothing to do, or does it in no time, is as fast as ever
    factor > 1 && world.computed_ns(actor(fault)) > before_ns
}

/// Sets a clock wrong.
pub(super) async fn set_clock(world: &World, fault: &DrawnFault) -> bool {
    let skew = world.skew_of(actor(fault));
    let number = |key| fault.number(key).unwrap_or(0) as i64;
    let works = !world.down.holds(machine(world, fault));
    let (step_ns, ppm) = match fault.kind.name {
        "clock-ahead" => (number("by"), 0),
        "clock-behind" => (-number("by"), 0),
        "clock-fast" => (0, number("ppm")),
        "clock-slow" => (0, -number("ppm")),
        _ => {
            skew.stop();
            world.time.sleep_until(fault.end_ns()).await;
            skew.let_go();
            return works;
        }
    };
    let stepped_ns = skew.step(step_ns);
    skew.drift(ppm);
    world.time.sleep_until(fault.end_ns()).await;
    // forward it can always step
    let _ = skew.step(-stepped_ns);
    skew.drift(-ppm);
    works
}

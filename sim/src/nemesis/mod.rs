//! The nemesis: makes the faults of a scenario happen, heals them, and says which had an effect.

use std::{collections::BTreeMap, sync::Arc};

use madsim::runtime::Handle;

use crate::{
    model::wires::Condition,
    scenario::{ActorName, DrawnFault, FaultAction},
    world::World,
};

/// How many faults hold an actor down at a time.
type Down = std::sync::Mutex<BTreeMap<ActorName, u32>>;

/// Starts every fault of the scenario.
pub fn unleash(world: &Arc<World>) {
    let down = Arc::new(Down::default());
    for (number, fault) in world.drawn.faults.iter().cloned().enumerate() {
        let (world, down) = (world.clone(), down.clone());
        madsim::task::spawn(async move { inflict(&world, number, &fault, &down).await });
    }
}

async fn inflict(world: &World, number: usize, fault: &DrawnFault, down: &Down) {
    world.time.sleep_until(fault.at_ns).await;
    let kind = fault.action.kind();
    world.history.event(None, || format!("fault {number} {kind} begins"));
    match &fault.action {
        FaultAction::Crash { actor } => {
            take_down(world, *actor, down);
            world.time.sleep_until(fault.end_ns()).await;
            bring_up(world, *actor, down);
        }
        action => {
            world.fabric.begin(number, condition(world, action));
            world.time.sleep_until(fault.end_ns()).await;
            if world.fabric.end(number) > 0 {
                world.history.fault(kind);
            }
        }
    }
    world.history.event(None, || format!("fault {number} {kind} is healed"));
}

fn condition(world: &World, action: &FaultAction) -> Condition {
    let machine = |actor: &ActorName| world.machine_of(*actor);
    match action {
        FaultAction::Partition { actors } => Condition::Cut(actors.iter().map(machine).collect()),
        FaultAction::Loss { rate, actor } => Condition::Loss(*rate, actor.as_ref().map(machine)),
        FaultAction::Delay { extra_ns, actor } => Condition::Delay(*extra_ns, actor.as_ref().map(machine)),
        FaultAction::Crash { .. } => unreachable!("a crash is no condition of the network"),
    }
}

fn with_count<T>(down: &Down, actor: ActorName, f: impl FnOnce(&mut u32) -> T) -> T {
    f(down.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(actor).or_default())
}

fn take_down(world: &World, actor: ActorName, down: &Down) {
    let first = with_count(down, actor, |count| {
        *count += 1;
        *count == 1
    });
    if first {
        world.history.event(Some(actor), || "is killed".to_owned());
        world.disk_of(actor).crash();
        Handle::current().kill(world.node_of(actor));
        world.history.fault("crash");
    }
}

fn bring_up(world: &World, actor: ActorName, down: &Down) {
    let last = with_count(down, actor, |count| {
        *count -= 1;
        *count == 0
    });
    if last {
        world.history.event(Some(actor), || "starts again".to_owned());
        Handle::current().restart(world.node_of(actor));
    }
}

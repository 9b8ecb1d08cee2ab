//! The nemesis: makes the faults of a scenario happen, heals them, and says which had an effect.
//!
//! One file a group of families: [`network`], [`process`], [`disk`], [`keys`]. Each fault is a task that waits for its time.
//!
//! # Invariants
//! - A fault counts as fired only if something was different for it.
//! - A run is not over before every fault is healed.

mod disk;
mod keys;
mod network;
mod process;

use std::sync::Arc;

use crate::{
    model::network::Machine,
    scenario::{ActorName, DrawnFault, fault::Family},
    world::World,
};

pub use process::Down;

/// Starts every fault of the scenario.
pub fn unleash(world: &Arc<World>) {
    for (number, fault) in world.drawn.faults.iter().cloned().enumerate() {
        let world = world.clone();
        madsim::task::spawn(async move {
            inflict(&world, number, &fault).await;
            world.health.healed(world.time.now_ns());
        });
    }
}

async fn inflict(world: &World, number: usize, fault: &DrawnFault) {
    world.time.sleep_until(fault.at_ns).await;
    let kind = fault.kind.name;
    world.history.event(None, || format!("fault {number} {kind} begins"));
    let fired = match fault.kind.family {
        Family::Link | Family::Partition => network::hinder(world, number, fault).await,
        Family::Connection => network::disconnect(world, fault).await,
        Family::Crash => process::crash(world, fault).await,
        Family::Process => process::hinder(world, fault).await,
        Family::Clock => process::set_clock(world, fault).await,
        Family::DiskTime | Family::DiskError => disk::hinder(world, number, fault).await,
        Family::State => disk::lose(world, fault).await,
        Family::Keys => keys::replace(world, fault).await,
    };
    if fired {
        world.history.fault(kind);
    }
    world.history.event(None, || format!("fault {number} {kind} is healed"));
}

/// The actor of a fault that must have one.
fn actor(fault: &DrawnFault) -> ActorName {
    fault.actor("actor").expect("the table says that it needs an actor")
}

/// Its machine.
fn machine(world: &World, fault: &DrawnFault) -> Machine {
    world.machine_of(actor(fault))
}

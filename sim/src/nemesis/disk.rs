//! Faults of disks: slow ones, failing ones, and ones that are not what they were.

use super::{
    actor,
    process::{bring_up, kill_at, revive, take_down},
};
use crate::{
    model::{
        disk::{Ailment, Unsynced},
        trap::Boundary,
    },
    scenario::{ActorName, DrawnFault},
    world::World,
};

/// How long an actor takes to read its disk when it starts, and to say what it found.
const READING_NS: u64 = 20_000_000;

/// A disk that is slow, or says that it failed. Its actor may stop for it; then its operator starts it again.
pub(super) async fn hinder(world: &World, number: usize, fault: &DrawnFault) -> bool {
    let (actor, disk) = (actor(fault), world.disk_of(actor(fault)));
    let ailment = match fault.kind.name {
        "disk-slow" => Ailment::Slow(fault.number("factor").unwrap_or(1)),
        "disk-stall" => Ailment::Stall(fault.end_ns()),
        "disk-full" => Ailment::Full,
        "disk-sync-error" => Ailment::SyncFails,
        _ => Ailment::ReadFails,
    };
    disk.begin(number, ailment);
    if ailment == Ailment::ReadFails {
        // a disk is read when its actor starts
        take_down(world, actor);
        bring_up(world, actor);
    }
    world.time.sleep_until(fault.end_ns()).await;
    let effects = disk.end(number);
    revive(world, actor);
    effects > 0
}

/// A disk that is not what it was.
pub(super) async fn lose(world: &World, fault: &DrawnFault) -> bool {
    match fault.kind.name {
        "wipe" => wipe(world, fault).await,
        "restore" => restore(world, fault).await,
        "disk-rot" => {
            take_down(world, actor(fault));
            world.disk_of(actor(fault)).rot(fault.number("count").unwrap_or(3));
            read_again(world, fault).await
        }
        _ => mislead(world, fault).await,
    }
}

async fn wipe(world: &World, fault: &DrawnFault) -> bool {
    let (actor, disk) = (actor(fault), world.disk_of(actor(fault)));
    take_down(world, actor);
    disk.wipe();
    if disk.is_used() {
        loses(world, actor);
    }
    world.time.sleep_until(fault.end_ns()).await;
    bring_up(world, actor);
    world.time.sleep_until(world.time.now_ns() + READING_NS).await;
    disk.is_used()
}

/// The operator puts the disk back to what it was when the fault began.
async fn restore(world: &World, fault: &DrawnFault) -> bool {
    let (actor, disk) = (actor(fault), world.disk_of(actor(fault)));
    let before = disk.snapshot();
    world.time.sleep_until(fault.end_ns()).await;
    let changed = disk.snapshot() != before;
    take_down(world, actor);
    disk.put_back(before);
    // what it had lost meanwhile it has again, or loses again
    let neighbours = world.neighbours_of(actor);
    world.history.record().lost.retain(|lost| !neighbours.contains(lost));
    if changed {
        let epoch = world.history.record().epoch();
        world.history.attack(actor, fault.kind.name, epoch);
    }
    bring_up(world, actor);
    changed
}

/// Writes of an actor's next commit go astray, and the actor crashes before its next one makes up for it.
async fn mislead(world: &World, fault: &DrawnFault) -> bool {
    let disk = world.disk_of(actor(fault));
    // the writes of a commit that is under way have left already
    let under_way = disk.busy_until_ns() > world.time.now_ns();
    disk.mislead(fault.number("count").unwrap_or(3));
    let commits = 1 + u64::from(under_way);
    let killed = kill_at(world, fault, Boundary::AfterCommit, commits, Unsynced::Torn).await;
    killed.is_some() && read_again(world, fault).await
}

/// The actor starts again: whether it finds that its disk is not what it was.
async fn read_again(world: &World, fault: &DrawnFault) -> bool {
    let (actor, disk) = (actor(fault), world.disk_of(actor(fault)));
    let asides = disk.asides();
    world.time.sleep_until(world.time.now_ns().max(fault.end_ns())).await;
    bring_up(world, actor);
    let neighbours = world.neighbours_of(actor);
    world.history.record().begin_to_read(&neighbours);
    world.time.sleep_until(world.time.now_ns() + READING_NS).await;
    let found = disk.asides() > asides;
    if found {
        loses(world, actor);
    }
    world.history.record().have_read(&neighbours);
    found
}

/// An actor has lost its state, and whoever lives on its disk with it.
fn loses(world: &World, actor: ActorName) {
    let neighbours = world.neighbours_of(actor);
    let mut record = world.history.record();
    neighbours.into_iter().for_each(|name| record.loses(name));
}

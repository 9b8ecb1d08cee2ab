//! Keys that are replaced: the operator publishes another roster, and everybody is started anew with it.
//!
//! One after the other, those who check signatures before those who make them, so that few meet what they cannot check yet; the
//! owner of the key comes last. What some process drops of others that are ahead of it, they send again when it has started anew.

use server::{
    node,
    protocol::{
        id::{ActorId, Role},
        roster::{keys::Bounds, succession::Change},
        statement::Kind,
    },
};

use super::{
    actor,
    process::{bring_up, take_down},
};
use crate::{
    scenario::{ActorName, DrawnFault},
    world::World,
};

/// Those who check more before those who check less.
const ORDER: [Role; 6] =
    [Role::Client, Role::Witness, Role::Mailbox, Role::Sequencer, Role::Incoming, Role::Handler];

/// An actor gets another key; the one before is revoked, if it may be in other hands.
pub(super) async fn replace(world: &World, fault: &DrawnFault) -> bool {
    let owner = world.process_of(actor(fault));
    let revokes = fault.kind.name == "revoke";
    if revokes {
        // what it has signed is what its disk says, once it signs nothing more
        take_down(world, owner);
    }
    let number = world.key_number(owner) + 1;
    let mut changes = Vec::new();
    for part in world.neighbours_of(owner) {
        let (actor, key) = (world.id_of(part), world.public_key(owner, number));
        changes.push(Change::Rotate { actor, key });
        if revokes {
            match bounds(world, owner, actor, number - 1).await {
                Ok(bounds) => changes.push(Change::Revoke { actor, number: number - 1, bounds }),
                // to revoke it would take back all that the actor has signed
                Err(why) => world.history.event(Some(part), || format!("has no fences: {why}")),
            }
        }
    }
    world.governance.publish(changes);
    world.history.cover(if revokes { "a key was revoked" } else { "a key was replaced" });
    roll_out(world, fault, owner).await;
    if revokes {
        bring_up(world, owner);
    }
    true
}

/// Starts everybody anew, over the time of the fault.
async fn roll_out(world: &World, fault: &DrawnFault, owner: ActorName) {
    let mut others: Vec<ActorName> = world.processes().filter(|process| *process != owner).collect();
    others.sort_by_key(|process| ORDER.iter().position(|role| *role == process.role));
    let each_ns = fault.for_ns / (others.len() as u64 + 1);
    for process in others.into_iter().chain([owner]) {
        world.time.sleep_until(world.time.now_ns() + each_ns).await;
        take_down(world, process);
        bring_up(world, process);
    }
}

/// What counts of what was signed with a key of an actor.
async fn bounds(world: &World, process: ActorName, actor: ActorId, key: u32) -> Result<Bounds, String> {
    let rows = world.stored(process).await.map_err(|error| error.to_string())?;
    if rows.is_empty() && process.role != Role::Handler {
        return Err("its store is empty".to_owned());
    }
    let fences = node::fences(&rows, actor, key).map_err(|error| error.to_string())?;
    if fences.iter().any(|fence| fence.kind == Kind::Recovery) {
        return Err("it has retired".to_owned());
    }
    // each witness tells how many it has signed
    let mut cosigned = Vec::new();
    for witness in world.processes().filter(|process| process.role == Role::Witness) {
        cosigned.push(world.history.record().signed_next(witness, Kind::Cosignature));
    }
    Ok(Bounds { fences, cosigned })
}

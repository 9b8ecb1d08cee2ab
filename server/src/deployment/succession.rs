//! The next roster of a deployment on disk: an actor gets another key, and the one before may be revoked.
//!
//! Whoever runs actors starts them anew with it. Until all have it, what some sign is left by others, and comes again.
//!
//! # Invariants
//! - The key is on disk before the roster that lists it. A change that was cut short goes on with the key that is there.

use std::{
    fs::{self, File},
    path::Path,
};

use super::{
    DeploymentError, key_path,
    keys::{self, publish},
};
use crate::{
    architecture::Architecture,
    node::fences,
    port::{Storage as _, file::FileStorage},
    protocol::{
        id::{ActorId, Role},
        recovery::Fence,
        roster::{Roster, RosterError, keys::Bounds, succession::Change},
        roster_file,
        signing::Signing,
        statement::{Kind, Signed},
    },
};

/// What becomes of the key that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// It goes on to prove what was signed with it.
    Counts,
    /// It may be in other hands.
    Revoked {
        /// Of each witness, by index, how many cosignatures it has signed; none if its store in the directory tells.
        cosigned: Option<Vec<u64>>,
    },
}

/// Gives an actor of the deployment in a directory another key; gives the roster that lists it. To revoke a key its store must be in the
/// directory, and not in use.
///
/// # Errors
/// The directory holds no deployment with its operator's key, or no such actor, or not what is to be known of the key.
pub async fn rotate(directory: &Path, actor: ActorId, before: Before) -> Result<Roster, DeploymentError> {
    let path = directory.join("roster.json");
    let unread = |error| DeploymentError::File { path: path.clone(), error };
    fs::metadata(&path).map_err(unread)?;
    // of two at once the second would write over what the first has made
    let lock = directory.join("rotate.lock");
    let busy = |error| DeploymentError::File { path: lock.clone(), error };
    let locked = File::create(&lock).map_err(busy)?;
    locked.try_lock().map_err(|error| busy(error.into()))?;
    let text = fs::read_to_string(&path).map_err(unread)?;
    let rosters = roster_file::rosters_of(Signing::Ed25519, &text);
    let mut rosters = rosters.map_err(|error| DeploymentError::Roster { path: path.clone(), error })?;
    let newest = rosters.last().map(|newest| (**newest).clone()).ok_or_else(|| super::no_roster(&path))?;
    if newest.members().iter().all(|member| member.actor != actor) {
        return Err(RosterError::NotListed(actor).into());
    }
    let number = newest.current_number(&actor);
    let architecture = architecture_of(&newest);
    let replaced = key_path(directory, architecture, actor, number);
    if newest.key_of(&actor) != Some(Signing::Ed25519.signer(&keys::read(&replaced)?.0).public()) {
        return Err(DeploymentError::NotListed { path, key: replaced, actor });
    }
    let next = keys::read_or_make(&key_path(directory, architecture, actor, number + 1))?;
    let key = Signing::Ed25519.signer(&next.0).public();
    let mut changes = Vec::new();
    // the parts of a monolith have one key
    let owners = newest.members().iter().filter(|member| Some(member.key) == newest.key_of(&actor));
    for actor in owners.map(|member| member.actor) {
        changes.push(Change::Rotate { actor, key });
        if let Before::Revoked { cosigned } = &before {
            let bounds = bounds(directory, &newest, actor, cosigned.clone()).await?;
            changes.push(Change::Revoke { actor, number, bounds });
        }
    }
    let roster = newest.successor(changes)?;
    let operator = Signing::Ed25519.signer(&keys::read(&directory.join("keys/operator-0.key"))?.0);
    rosters.push(Signed::sign(roster.clone(), roster.deployment(), &*operator));
    publish(&path, roster_file::to_json(&rosters).as_bytes(), 0o644)
        .map_err(|error| DeploymentError::File { path, error })?;
    Ok(roster)
}

/// One key for all is that of a server in one piece.
fn architecture_of(roster: &Roster) -> Architecture {
    let key = roster.members().first().map(|member| member.key);
    let one = roster.members().iter().all(|member| Some(member.key) == key);
    if one { Architecture::Central } else { Architecture::Parallel }
}

/// What counts of what was signed with the present key of an actor.
async fn bounds(
    directory: &Path,
    roster: &Roster,
    actor: ActorId,
    cosigned: Option<Vec<u64>>,
) -> Result<Bounds, DeploymentError> {
    let fences = stored(directory, roster, actor).await?;
    let cosigned = match cosigned {
        Some(cosigned) => cosigned,
        None => {
            let mut cosigned = Vec::new();
            for witness in (0..roster.witnesses()).map(|index| ActorId::Server(Role::Witness, index)) {
                let signed = stored(directory, roster, witness).await?;
                let newest = signed.iter().find(|fence| fence.kind == Kind::Cosignature);
                cosigned.push(newest.map_or(0, |fence| fence.next));
            }
            cosigned
        }
    };
    Ok(Bounds { fences, cosigned })
}

/// What the store of an actor says that it has signed.
async fn stored(directory: &Path, roster: &Roster, actor: ActorId) -> Result<Vec<Fence>, DeploymentError> {
    let path = super::store_path(directory, architecture_of(roster), actor);
    if !FileStorage::has_stored(&path) {
        return match actor.role() {
            Role::Handler => Ok(Vec::new()), // one that takes no custody signs nothing
            _ => Err(DeploymentError::NoStore { path, actor }),
        };
    }
    let rows = FileStorage::of_actor(&path).load().await;
    let rows = rows.map_err(|error| DeploymentError::Store { path: path.clone(), why: error.to_string() })?;
    if rows.is_empty() {
        // a store that was lost: without fences all that its actor has signed would be void
        return Err(DeploymentError::NoStore { path, actor });
    }
    let fences = fences(&rows, actor)
        .map_err(|error| DeploymentError::Store { path: path.clone(), why: error.to_string() })?;
    match fences.iter().any(|fence| fence.kind == Kind::Recovery) {
        true => Err(DeploymentError::Retired { path, actor }),
        false => Ok(fences),
    }
}

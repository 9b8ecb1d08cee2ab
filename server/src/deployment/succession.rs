//! The next roster of a deployment on disk: an actor gets another key, or one that it had is revoked.
//!
//! Whoever runs actors starts them anew with it. Until all have it, what some sign is left by others, and comes again.
//!
//! # Invariants
//! - The key is on disk before the roster that lists it. A change that was cut short goes on with the key that is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    DeploymentError, Lock, Plan, key_path,
    keys::{self, publish},
};
use crate::{
    node::fences,
    port::{Storage as _, file::FileStorage},
    protocol::{
        crypto::Signer,
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
    Revoked(Cosigned),
}

/// How many cosignatures each witness has signed, by index; none if its store in the directory tells.
pub type Cosigned = Option<Vec<u64>>;

/// Gives an actor of the deployment in a directory another key; gives the roster that lists it. To revoke the key before, the store of
/// the actor must be in the directory, and not in use.
///
/// # Errors
/// The directory holds no deployment with its operator's key, or no such actor, or not what is to be known of the key.
pub async fn rotate(directory: &Path, actor: ActorId, before: Before) -> Result<Roster, DeploymentError> {
    let rosters = Rosters::open(directory)?;
    let newest = rosters.newest();
    rosters.lists(actor)?;
    let number = newest.current_number(&actor);
    let architecture = Plan::of(newest).architecture;
    let replaced = key_path(directory, architecture, actor, number);
    if newest.key_of(&actor) != Some(Signing::Ed25519.signer(&keys::read(&replaced)?.0).public()) {
        let path = rosters.path;
        return Err(DeploymentError::NotListed { path, key: replaced, actor });
    }
    let next = keys::read_or_make(&key_path(directory, architecture, actor, number + 1))?;
    let key = Signing::Ed25519.signer(&next.0).public();
    let mut changes = Vec::new();
    for actor in owners(newest, actor) {
        changes.push(Change::Rotate { actor, key });
        if let Before::Revoked(cosigned) = &before {
            changes.push(revocation(directory, newest, (actor, number), cosigned.clone()).await?);
        }
    }
    rosters.publish(changes)
}

/// Revokes a key that an actor of the deployment in a directory had before; gives the roster that says so. The store of the actor must
/// be in the directory, and not in use.
///
/// # Errors
/// The directory holds no deployment with its operator's key, or no such actor or key, or not what is to be known of it.
pub async fn revoke(
    directory: &Path,
    actor: ActorId,
    number: u32,
    cosigned: Cosigned,
) -> Result<Roster, DeploymentError> {
    let rosters = Rosters::open(directory)?;
    let newest = rosters.newest();
    rosters.lists(actor)?;
    let former = newest.formers_of(&actor).get(number as usize);
    if former.is_none_or(|former| former.revoked.is_some()) {
        return Err(RosterError::NotFormer { actor, number }.into());
    }
    let mut changes = Vec::new();
    for actor in owners(newest, actor) {
        changes.push(revocation(directory, newest, (actor, number), cosigned.clone()).await?);
    }
    rosters.publish(changes)
}

/// The rosters of a deployment on disk, which nobody else changes meanwhile.
struct Rosters {
    path: PathBuf,
    rosters: Vec<Signed<Roster>>,
    operator: Box<dyn Signer>,
    /// Kept until it is done.
    _locks: (Lock, Lock),
}

impl Rosters {
    fn open(directory: &Path) -> Result<Self, DeploymentError> {
        let path = directory.join("roster.json");
        let unread = |error| DeploymentError::File { path: path.clone(), error };
        fs::metadata(&path).map_err(unread)?;
        let locks = Lock::roster(directory)?;
        let operator = Signing::Ed25519.signer(&keys::read(&super::operator_key(directory))?.0);
        let text = fs::read_to_string(&path).map_err(unread)?;
        let rosters = roster_file::rosters_of(Signing::Ed25519, &text);
        let rosters = rosters.map_err(|error| DeploymentError::Roster { path: path.clone(), error })?;
        if rosters.is_empty() {
            return Err(super::no_roster(&path));
        }
        Ok(Rosters { path, rosters, operator, _locks: locks })
    }

    fn newest(&self) -> &Roster {
        &self.rosters[self.rosters.len() - 1]
    }

    fn lists(&self, actor: ActorId) -> Result<(), DeploymentError> {
        let listed = self.newest().members().iter().any(|member| member.actor == actor);
        if listed { Ok(()) } else { Err(RosterError::NotListed(actor).into()) }
    }

    /// Adds the next one, signed by the operator.
    fn publish(mut self, changes: Vec<Change>) -> Result<Roster, DeploymentError> {
        let roster = self.newest().successor(changes)?;
        self.rosters.push(Signed::sign(roster.clone(), roster.deployment(), &*self.operator));
        let path = self.path;
        publish(&path, roster_file::to_json(&self.rosters).as_bytes(), 0o644)
            .map_err(|error| DeploymentError::File { path, error })?;
        Ok(roster)
    }
}

/// Who has the key of this actor: the parts of a monolith have one.
fn owners(roster: &Roster, actor: ActorId) -> impl Iterator<Item = ActorId> {
    let key = roster.key_of(&actor);
    roster.members().iter().filter(move |member| Some(member.key) == key).map(|member| member.actor)
}

/// Of what was signed with this key of an actor counts what its store and those of the witnesses tell.
async fn revocation(
    directory: &Path,
    roster: &Roster,
    (actor, number): (ActorId, u32),
    cosigned: Cosigned,
) -> Result<Change, DeploymentError> {
    let mut fences = stored(directory, roster, actor, number).await?;
    // a store forgets which key signed what long ago: it had gone no further than a later one that is revoked
    let later = roster.formers_of(&actor).iter().skip(number as usize + 1);
    for known in later.filter_map(|former| former.revoked.as_ref()).flat_map(|revoked| &revoked.bounds.fences)
    {
        let own = fences.iter_mut().find(|fence| fence.kind == known.kind);
        own.into_iter().for_each(|fence| fence.next = fence.next.min(known.next));
    }
    let mut known = Vec::new();
    for witness in (0..roster.witnesses()).map(|index| ActorId::Server(Role::Witness, index)) {
        known.push((witness, cosigned_by(directory, roster, witness).await));
    }
    let cosigned = match cosigned {
        None => known.into_iter().map(|(_, known)| known).collect::<Result<_, _>>()?,
        Some(cosigned) => {
            for ((witness, known), given) in known.into_iter().zip(&cosigned) {
                // where its store is not here, whoever runs it knows
                let known = known.unwrap_or(u64::MAX);
                if *given > known {
                    let path = super::store_path(directory, Plan::of(roster).architecture, witness);
                    return Err(DeploymentError::NotCosigned { path, witness, known, given: *given });
                }
            }
            cosigned
        }
    };
    Ok(Change::Revoke { actor, number, bounds: Bounds { fences, cosigned } })
}

/// How many cosignatures a witness has signed, as its store says.
async fn cosigned_by(directory: &Path, roster: &Roster, witness: ActorId) -> Result<u64, DeploymentError> {
    let signed = stored(directory, roster, witness, u32::MAX).await?;
    let newest = signed.iter().find(|fence| fence.kind == Kind::Cosignature);
    Ok(newest.map_or(0, |fence| fence.next))
}

/// What the store of an actor says that it has signed with this key, and those before it.
async fn stored(
    directory: &Path,
    roster: &Roster,
    actor: ActorId,
    key: u32,
) -> Result<Vec<Fence>, DeploymentError> {
    let path = super::store_path(directory, Plan::of(roster).architecture, actor);
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
    let fences = fences(&rows, actor, key)
        .map_err(|error| DeploymentError::Store { path: path.clone(), why: error.to_string() })?;
    match fences.iter().any(|fence| fence.kind == Kind::Recovery) {
        true => Err(DeploymentError::Retired { path, actor }),
        false => Ok(fences),
    }
}

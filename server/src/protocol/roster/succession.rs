//! One roster after another: a chain of versions, each signed by the operator that the one before it names.
//!
//! What changes from one to the next is keys. Everything else stays, the deployment included.

use super::{
    Member, Roster, RosterError,
    keys::{Bounds, Former, Revocation},
};
use crate::protocol::{
    crypto::PublicKey,
    digest::Digest,
    id::ActorId,
    statement::{BODY_MAX, Statement as _},
};

/// What a roster changes of the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An actor signs with another key from now on.
    Rotate {
        /// Who.
        actor: ActorId,
        /// Its next key.
        key: PublicKey,
    },
    /// A former key may be in other hands.
    Revoke {
        /// Whose.
        actor: ActorId,
        /// Which one, from 0.
        number: u32,
        /// What of it counts.
        bounds: Bounds,
    },
}

impl Roster {
    /// The next roster.
    ///
    /// # Errors
    /// A change names an actor or a key that this roster does not list, or gives an actor a key that it had before; or there is no
    /// room for another version.
    pub fn successor(&self, changes: impl IntoIterator<Item = Change>) -> Result<Roster, RosterError> {
        let mut next = Roster {
            version: self.version.checked_add(1).ok_or(RosterError::TooLong { length: usize::MAX })?,
            previous: Digest::of(&[&self.body()]),
            founded: Some(self.deployment()),
            ..self.clone()
        };
        changes.into_iter().try_for_each(|change| next.change(change))?;
        let next = next.checked()?;
        // a list of former keys of the most bytes has fewer than the most entries
        match next.body().len() {
            length if length > BODY_MAX => Err(RosterError::TooLong { length }),
            _ => Ok(next),
        }
    }

    fn change(&mut self, change: Change) -> Result<(), RosterError> {
        match change {
            Change::Rotate { actor, key } => {
                let since = self.numbered(&actor, self.current_number(&actor)).map(|listed| listed.since);
                let (Some(since), Some(member)) = (since, self.member_mut(&actor)) else {
                    return Err(RosterError::NotListed(actor));
                };
                let former = std::mem::replace(&mut member.key, key);
                let former = Former { actor, key: former, since, until: self.version, revoked: None };
                let place = self.formers.partition_point(|known| known.actor <= actor);
                self.formers.insert(place, former);
            }
            Change::Revoke { actor, number, bounds } => {
                let version = self.version;
                let place = self.formers.partition_point(|known| known.actor < actor) + number as usize;
                match self.formers.get_mut(place).filter(|former| former.actor == actor) {
                    Some(former) if former.revoked.is_none() => {
                        former.revoked = Some(Revocation { version, bounds });
                    }
                    _ => return Err(RosterError::NotFormer { actor, number }),
                }
            }
        }
        Ok(())
    }

    fn member_mut(&mut self, actor: &ActorId) -> Option<&mut Member> {
        let found = self.members.binary_search_by_key(actor, |member| member.actor).ok()?;
        Some(&mut self.members[found])
    }

    /// What this roster, of some version before, said of keys. It is for looking up keys: its bytes are not those that were signed.
    #[must_use]
    pub fn as_of(&self, version: u32) -> Roster {
        let mut then = Roster { version: version.min(self.version), ..self.clone() };
        for former in &self.formers {
            if (former.since..former.until).contains(&version)
                && let Some(member) = then.member_mut(&former.actor)
            {
                member.key = former.key;
            }
        }
        then.formers.retain(|former| former.until <= version);
        for former in &mut then.formers {
            former.revoked.take_if(|revoked| revoked.version > version);
        }
        then
    }

    /// Whether this is a roster that may come after that one.
    pub fn follows(&self, before: &Roster) -> bool {
        let linked = before.version.checked_add(1) == Some(self.version)
            && self.previous == Digest::of(&[&before.body()])
            && self.founded == Some(before.deployment());
        let then = self.as_of(before.version);
        linked
            && (self.rules, &self.operators, &self.agents)
                == (before.rules, &before.operators, &before.agents)
            && (&then.members, &then.formers) == (&before.members, &before.formers)
    }
}

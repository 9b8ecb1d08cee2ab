//! What the threads of a server's actors do: each is called as its actor is.

use serde::{Deserialize, Serialize};
use server::protocol::id::{ActorId, Role};

/// The actors of a role together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct OfRole {
    /// Nanoseconds of processors.
    pub ns: f64,
    /// Transactions.
    pub commits: f64,
}

/// Something of it that can be counted.
pub type Quantity<'a> = &'a dyn Fn(&Threads) -> f64;

/// By role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Threads([OfRole; Role::ALL.len()]);

impl Threads {
    /// All that did anything.
    pub fn roles(&self) -> impl Iterator<Item = (Role, OfRole)> {
        Role::ALL.into_iter().zip(self.0).filter(|(_, of_role)| of_role.ns > 0.0)
    }

    /// All together, in nanoseconds.
    pub fn ns(&self) -> f64 {
        self.0.iter().map(|of_role| of_role.ns).sum()
    }

    /// Transactions of all.
    pub fn commits(&self) -> f64 {
        self.0.iter().map(|of_role| of_role.commits).sum()
    }

    /// The actor's thread used so much; nothing, if no actor is called so.
    pub(super) fn used(&mut self, name: &str, ns: f64) {
        self.of(name).into_iter().for_each(|of_role| of_role.ns += ns);
    }

    /// The actor has committed so often.
    pub(super) fn committed(&mut self, name: &str, commits: f64) {
        self.of(name).into_iter().for_each(|of_role| of_role.commits += commits);
    }

    fn of(&mut self, name: &str) -> Option<&mut OfRole> {
        let actor: ActorId = name.parse().ok()?;
        let at = Role::ALL.iter().position(|role| *role == actor.role())?;
        self.0.get_mut(at)
    }

    /// In each quantity the value of that function.
    #[must_use]
    pub fn each(of: &dyn Fn(Quantity<'_>) -> f64) -> Threads {
        Threads(std::array::from_fn(|at| OfRole {
            ns: of(&|threads| threads.0[at].ns),
            commits: of(&|threads| threads.0[at].commits),
        }))
    }

    /// Those since then.
    #[must_use]
    pub fn since(self, then: Threads) -> Threads {
        Threads::each(&|quantity| quantity(&self) - quantity(&then))
    }

    /// The same with so many times the processor time.
    #[must_use]
    pub fn times(self, factor: f64) -> Threads {
        Threads(self.0.map(|of_role| OfRole { ns: of_role.ns * factor, ..of_role }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_called_as_an_actor_is_its_own() {
        let mut threads = Threads::default();
        for name in ["incoming/0", "tokio-rt-worker", "server", "incoming/1", "sequencer"] {
            threads.used(name, 3.0);
        }
        threads.committed("incoming/1", 7.0);
        let roles: Vec<_> = threads.roles().collect();
        let of = |ns, commits| OfRole { ns, commits };
        assert_eq!(roles, [(Role::Incoming, of(6.0, 7.0)), (Role::Sequencer, of(3.0, 0.0))]);
        assert_eq!((threads.ns(), threads.times(2.0).ns(), threads.since(threads).ns()), (9.0, 18.0, 0.0));
    }
}

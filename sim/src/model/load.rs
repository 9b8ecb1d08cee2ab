//! How busy the machines of a run were.

use std::collections::BTreeMap;

use server::protocol::id::Role;

use super::cores::{Cores, Done};
use crate::scenario::ActorName;

/// What can be the bottleneck of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Its cores.
    Cores,
    /// Its disk.
    Disk,
    /// Its busiest link to another machine.
    Link,
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Resource::Cores => "cores",
            Resource::Disk => "disk",
            Resource::Link => "link",
        }
    }
}

/// Whose machines they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Each actor has one.
    #[default]
    Actors,
    /// One server is all of the roles but the witnesses, and has one; and so has each of the others.
    OneServer,
    /// One machine is everybody's, the clients' too.
    Everybody,
}

/// How busy each resource of each machine was, as a share of the time in which bundles were sent; of cores, of all of
/// them.
#[derive(Clone, Debug, Default)]
pub struct Load {
    shares: BTreeMap<(ActorName, Resource), f64>,
    /// For how long the machines of a role kept cores busy, together, in nanoseconds of one.
    work_ns: BTreeMap<Role, u64>,
    cores: u32,
    whose: Whose,
    /// For how long all cores were busy, in nanoseconds of one.
    pub busy_ns: u64,
    /// What actors did there, by role.
    pub actors: BTreeMap<&'static str, Done>,
    /// Times that something was written to a connection.
    pub written: u64,
}

impl Load {
    /// Machines with so many cores each.
    pub fn of_machines(cores: u32, whose: Whose) -> Load {
        Load { cores, whose, ..Load::default() }
    }

    /// These cores, which are of no machine that is counted already, were busy.
    pub fn count(&mut self, cores: &Cores) {
        self.busy_ns += cores.busy().total();
        self.written += cores.written();
        for (role, done) in cores.actors() {
            *self.actors.entry(role).or_default() += done;
        }
    }

    /// A machine's cores were busy for so long in all, in nanoseconds of one.
    pub fn worked(&mut self, who: ActorName, ns: u64) {
        *self.work_ns.entry(who.role).or_default() += ns;
    }

    /// Something was busy for so long of the time.
    pub fn add(&mut self, who: ActorName, what: Resource, (busy_ns, of_ns): (f64, u64)) {
        let count = if what == Resource::Cores { self.cores } else { 1 };
        let of_ns = of_ns.saturating_mul(u64::from(count));
        let share = (busy_ns / of_ns.max(1) as f64).min(1.0);
        self.shares.insert((who, what), share);
    }

    /// What was busiest of all that serves, and the share of its time.
    pub fn busiest(&self) -> Option<(String, f64)> {
        let serves = self.shares.iter().filter(|((who, _), _)| who.role != Role::Client);
        let ((who, what), share) = serves.max_by(|one, other| one.1.total_cmp(other.1))?;
        // of many actors of a role chance decides which
        let whose = match who.role {
            _ if self.whose == Whose::Everybody => "of the machine".to_owned(),
            Role::Sequencer if self.whose == Whose::OneServer => "of the server".to_owned(),
            Role::Sequencer => "of the sequencer".to_owned(),
            Role::Incoming => "of an incoming actor".to_owned(),
            Role::Mailbox => "of a mailbox actor".to_owned(),
            role => format!("of a {}", role.name()),
        };
        Some((format!("{} {whose}", what.name()), *share))
    }

    /// For how long the machines of a role worked, together, in nanoseconds of one core; none if it has none of its own. Of
    /// no role: of the one server that is all of them.
    pub fn work_of(&self, role: Option<Role>) -> Option<u64> {
        match (self.whose, role) {
            (Whose::Actors, Some(role)) => self.work_ns.get(&role).copied(),
            (Whose::OneServer, None) => self.work_ns.get(&Role::Sequencer).copied(),
            _ => None,
        }
    }

    /// How many cores the actors of a role keep busy, together; none if it has no machine of its own.
    pub fn cores_of(&self, role: Role) -> Option<f64> {
        if self.whose != Whose::Actors {
            return None;
        }
        let of_role =
            self.shares.iter().filter(|((who, what), _)| who.role == role && *what == Resource::Cores);
        let shares: Vec<f64> = of_role.map(|(_, share)| share * f64::from(self.cores)).collect();
        (!shares.is_empty()).then(|| shares.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_of_all_that_serves_is_named_with_its_share() {
        let mut load = Load::of_machines(2, Whose::Actors);
        load.add(ActorName::new(Role::Client, 0), Resource::Cores, (2000.0, 1000));
        load.add(ActorName::new(Role::Incoming, 1), Resource::Disk, (700.0, 1000));
        load.add(ActorName::SEQUENCER, Resource::Cores, (1000.0, 1000));
        load.worked(ActorName::SEQUENCER, 1500);
        assert_eq!(load.busiest(), Some(("disk of an incoming actor".to_owned(), 0.7)));
        assert_eq!(load.cores_of(Role::Sequencer), Some(1.0));
        assert_eq!(load.cores_of(Role::Witness), None);
        assert_eq!((load.work_of(Some(Role::Sequencer)), load.work_of(None)), (Some(1500), None));
    }

    #[test]
    fn one_server_has_its_work_and_no_role_of_it() {
        let mut load = Load::of_machines(2, Whose::OneServer);
        load.worked(ActorName::SEQUENCER, 700);
        assert_eq!((load.work_of(None), load.work_of(Some(Role::Mailbox))), (Some(700), None));
    }

    #[test]
    fn what_everybody_shares_is_the_work_of_no_role() {
        let mut load = Load::of_machines(2, Whose::Everybody);
        for role in [Role::Sequencer, Role::Mailbox] {
            load.worked(ActorName::new(role, 0), 700);
            load.add(ActorName::new(role, 0), Resource::Cores, (700.0, 1000));
        }
        assert_eq!((load.work_of(None), load.work_of(Some(Role::Mailbox))), (None, None));
        assert_eq!(load.cores_of(Role::Sequencer), None);
        assert_eq!(load.busiest(), Some(("cores of the machine".to_owned(), 0.35)));
    }
}

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
    /// The one thread of an actor, which signatures alone can be spread beyond.
    Thread,
    /// Its disk.
    Disk,
    /// Its busiest link to another machine.
    Link,
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Resource::Cores => "cores",
            Resource::Thread => "the thread",
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

/// How busy each resource of each machine was, as a share of the time in which bundles were sent that are measured; of cores, of all
/// of them, and of threads of actors the one that was busiest.
#[derive(Clone, Debug, Default)]
pub struct Load {
    shares: BTreeMap<(ActorName, Resource), f64>,
    /// For how long the machines of a role kept cores busy, together, in nanoseconds of one.
    work_ns: BTreeMap<Role, f64>,
    cores: u32,
    whose: Whose,
    /// From when to when bundles were sent that are measured.
    pub measured_ns: (u64, u64),
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

    /// A machine's cores were busy for so long from when it is measured on, in nanoseconds of one.
    pub fn worked(&mut self, who: ActorName, ns: f64) {
        *self.work_ns.entry(who.role).or_default() += ns;
    }

    /// Something was busy for so long of the time.
    pub fn add(&mut self, who: ActorName, what: Resource, (busy_ns, of_ns): (f64, u64)) {
        let count = if what == Resource::Cores { self.cores } else { 1 };
        let of_ns = of_ns.saturating_mul(u64::from(count));
        let share = (busy_ns / of_ns.max(1) as f64).min(1.0);
        let known = self.shares.entry((who, what)).or_default();
        *known = known.max(share);
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
    pub fn work_of(&self, role: Option<Role>) -> Option<f64> {
        match (self.whose, role) {
            (Whose::Actors, Some(role)) => self.work_ns.get(&role).copied(),
            // a server that is all of them has no part in its witnesses
            (Whose::OneServer, Some(Role::Witness)) => self.work_ns.get(&Role::Witness).copied(),
            (Whose::OneServer, None) => self.work_ns.get(&Role::Sequencer).copied(),
            _ => None,
        }
    }

    /// The same of all that serve; none if clients are on the same machine.
    pub fn work_of_server(&self) -> Option<f64> {
        let serves = self.work_ns.iter().filter(|(role, _)| **role != Role::Client);
        (self.whose != Whose::Everybody).then(|| serves.map(|(_, ns)| ns).sum())
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
        load.worked(ActorName::SEQUENCER, 1500.0);
        assert_eq!(load.busiest(), Some(("disk of an incoming actor".to_owned(), 0.7)));
        assert_eq!(load.cores_of(Role::Sequencer), Some(1.0));
        assert_eq!(load.cores_of(Role::Witness), None);
        assert_eq!((load.work_of(Some(Role::Sequencer)), load.work_of(None)), (Some(1500.0), None));
    }

    #[test]
    fn a_thread_without_rest_is_busier_than_the_cores_of_which_it_has_one() {
        let mut load = Load::of_machines(4, Whose::Actors);
        load.add(ActorName::SEQUENCER, Resource::Cores, (1200.0, 1000));
        for ns in [950.0, 20.0] {
            load.add(ActorName::SEQUENCER, Resource::Thread, (ns, 1000));
        }
        assert_eq!(load.busiest(), Some(("the thread of the sequencer".to_owned(), 0.95)));
    }

    #[test]
    fn one_server_has_its_work_and_no_role_of_it() {
        let mut load = Load::of_machines(2, Whose::OneServer);
        load.worked(ActorName::SEQUENCER, 700.0);
        load.worked(ActorName::new(Role::Witness, 0), 100.0);
        load.worked(ActorName::new(Role::Client, 0), 5000.0);
        assert_eq!((load.work_of(None), load.work_of(Some(Role::Mailbox))), (Some(700.0), None));
        assert_eq!(load.work_of(Some(Role::Witness)), Some(100.0));
        assert_eq!(load.work_of_server(), Some(800.0), "witnesses are a part of what it costs");
    }

    #[test]
    fn what_everybody_shares_is_the_work_of_no_role() {
        let mut load = Load::of_machines(2, Whose::Everybody);
        for role in [Role::Sequencer, Role::Mailbox] {
            load.worked(ActorName::new(role, 0), 700.0);
            load.add(ActorName::new(role, 0), Resource::Cores, (700.0, 1000));
        }
        assert_eq!((load.work_of(None), load.work_of(Some(Role::Mailbox))), (None, None));
        assert_eq!(load.cores_of(Role::Sequencer), None);
        assert_eq!(load.busiest(), Some(("cores of the machine".to_owned(), 0.35)));
    }
}

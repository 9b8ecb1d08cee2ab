//! Which actors a deployment has, and whom it serves.

use std::fmt;

use crate::{
    architecture::Architecture,
    protocol::{
        id::{ActorId, Role},
        roster::Roster,
    },
};

/// Which actors a deployment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One key for all roles, or one for each.
    pub architecture: Architecture,
    /// How many incoming actors.
    pub incoming: u32,
    /// How many mailbox actors.
    pub mailboxes: u32,
    /// How many witnesses.
    pub witnesses: u32,
    /// Who else is served.
    pub legacy: Legacy,
}

/// Whether clients of the earlier server are served, which sign nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legacy {
    /// They are not.
    #[default]
    Refused,
    /// The request handler signs as their agent, and the roster says so.
    Served,
}

impl Legacy {
    /// Whether they are, as somebody wants it.
    pub fn of(wanted: bool) -> Legacy {
        if wanted { Legacy::Served } else { Legacy::Refused }
    }

    /// The request handlers that are agents: there is one.
    pub(super) fn agents(self) -> Vec<u32> {
        match self {
            Legacy::Refused => Vec::new(),
            Legacy::Served => vec![0],
        }
    }
}

impl Plan {
    /// So many actors, where the architecture has them; no clients that sign nothing.
    pub fn new(architecture: Architecture, incoming: u32, mailboxes: u32, witnesses: u32) -> Plan {
        let (incoming, mailboxes, witnesses) = match architecture {
            Architecture::Parallel => (incoming, mailboxes, witnesses),
            // one server, one key: a witness in its own process would see nothing that it does not
            Architecture::Central | Architecture::Multithreaded => (1, 1, 0),
        };
        Plan { architecture, incoming, mailboxes, witnesses, legacy: Legacy::Refused }
    }

    /// That of a deployment with this roster. One key for all but the witnesses is that of a server in one piece.
    pub fn of(roster: &Roster) -> Plan {
        let key = roster.key_of(&ActorId::SEQUENCER);
        let mut others = roster.members().iter().filter(|member| member.actor.role() != Role::Witness);
        let one = others.all(|member| Some(member.key) == key);
        Plan {
            architecture: if one { Architecture::Central } else { Architecture::Parallel },
            incoming: roster.incoming(),
            mailboxes: roster.mailboxes(),
            witnesses: roster.witnesses(),
            legacy: Legacy::of(!roster.agents().is_empty()),
        }
    }

    /// Whether the roster of one is that of the other: servers in one piece have the same.
    pub(super) fn serves_as(&self, other: &Plan) -> bool {
        let same = self.architecture.is_monolith() == other.architecture.is_monolith();
        same && *other == Plan { architecture: other.architecture, ..*self }
    }

    /// Its actors, in the order of the roster.
    pub fn actors(&self) -> Vec<ActorId> {
        let roles = [
            (Role::Handler, 1),
            (Role::Incoming, self.incoming),
            (Role::Sequencer, 1),
            (Role::Mailbox, self.mailboxes),
            (Role::Witness, self.witnesses),
        ];
        let each = |(role, count): (Role, u32)| (0..count).map(move |index| ActorId::Server(role, index));
        roles.into_iter().flat_map(each).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { incoming, mailboxes, witnesses, legacy, .. } = self;
        let agents = if *legacy == Legacy::Served { "clients of the JSON API" } else { "nobody" };
        match self.architecture.is_monolith() {
            true => write!(f, "one server, {witnesses} witnesses")?,
            false => write!(f, "{incoming} incoming, {mailboxes} mailbox actors and {witnesses} witnesses")?,
        }
        write!(f, ", signing for {agents}")
    }
}

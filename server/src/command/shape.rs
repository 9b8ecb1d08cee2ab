//! Options of how a deployment is built.

use clap::Args;
use server::{architecture::Architecture, deployment::Plan};

/// So many incoming actors, and mailbox actors, has a deployment unless it is told otherwise.
const ACTORS: u32 = 2;
/// So many witnesses.
const WITNESSES: u32 = 1;

/// How a deployment is built.
#[derive(Args)]
pub struct Shape {
    /// How it is built: central, multithreaded or parallel.
    #[arg(long, default_value = "parallel")]
    pub architecture: Architecture,
    /// How many incoming actors (parallel; 2 unless given).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    incoming: Option<u32>,
    /// How many mailbox actors (parallel; 2 unless given).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    mailboxes: Option<u32>,
    /// How many witnesses (1 unless given). More trust is in those that others run; one in the process of a server that has one key
    /// would see nothing that it does not, so there are none in it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=64))]
    witnesses: Option<u32>,
}

/// Where the witnesses of a deployment run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Witnesses {
    /// In the process of the server.
    Inside,
    /// In processes of their own: there they are worth something to a server of one key, too.
    Apart,
}

impl Shape {
    /// The actors; what the architecture has no use for is refused.
    pub fn plan(&self, witnesses: Witnesses) -> Result<Plan, String> {
        let needless = [
            ("--incoming", self.incoming.is_some_and(|count| count != 1)),
            ("--mailboxes", self.mailboxes.is_some_and(|count| count != 1)),
            ("--witnesses", witnesses == Witnesses::Inside && self.witnesses.is_some_and(|count| count != 0)),
        ];
        let needless = needless.iter().find(|(_, given)| *given && self.architecture.is_monolith());
        if let Some((option, _)) = needless {
            let name = self.architecture.name();
            return Err(format!(
                "{option}: a {name} server is one of each role, without witnesses in its process; leave it out, or use \
                 --architecture parallel (for witnesses in processes of their own: `cargo server init`)"
            ));
        }
        let [incoming, mailboxes] = [self.incoming, self.mailboxes].map(|count| count.unwrap_or(ACTORS));
        let count = self.witnesses.unwrap_or(WITNESSES);
        let plan = Plan::new(self.architecture, incoming, mailboxes, count);
        Ok(match witnesses {
            Witnesses::Inside => plan,
            Witnesses::Apart => Plan { witnesses: count, ..plan },
        })
    }
}

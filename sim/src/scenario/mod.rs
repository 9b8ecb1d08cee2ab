//! Scenario files: one TOML file, one claim.
//!
//! A scenario says what there is (`[topology]`, `[network]`), what is asked of it (`[workload]`), what goes wrong
//! (`[[fault]]`), who cheats (`[[adversary]]`) and what must come of it (`[expect]`). Its first line is a comment
//! that says the claim in one sentence. Any number, duration, size or rate may be a range, `"3..9"`, of which each
//! seed draws one value: a [`Scenario`] has the ranges, a [`Drawn`] what a seed drew of them.
//!
//! ```
//! let text = "# Honest traffic is delivered.\n[topology]\nclients = \"3..9\"\n";
//! let scenario = sim::scenario::Scenario::parse("calm.toml", text, &["workload.bundles=50".to_owned()])?;
//! let drawn = scenario.draw(7);
//! assert!((3..=9).contains(&drawn.topology.clients));
//! assert_eq!(drawn.workload.bundles, 50);
//! # Ok::<(), sim::scenario::ScenarioError>(())
//! ```
//!
//! # Invariants
//! - Whatever the file holds, reading it ends in a scenario or in an error with a place; it never panics.
//! - Each value is drawn from a stream named after its key: setting one key changes no other.
//! - What a seed drew can be written out as a scenario that draws the same for every seed.

mod catalogue;
mod chaos;
mod draw;
mod drawn;
mod error;
pub mod fault;
mod name;
mod nemesis;
mod read;
mod section;
mod set;
mod swarm;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod write;

use std::path::PathBuf;

use server::protocol::id::Role;

pub use catalogue::{ATTACKS, AttackKind, Ending};
pub use chaos::{Chaos, FaultSwarm, Mode};
pub use drawn::{
    Drawn, DrawnAdversary, DrawnExpect, DrawnNetwork, DrawnTopology, DrawnWorkload, Latency, Pace,
};
pub use error::{ScenarioError, Wrong};
pub use fault::{DrawnFault, FAULTS, Fault, FaultKind, Given};
pub use name::{ActorName, ActorPattern};
pub(crate) use tree::{in_words, line_and_column, place_of};
pub use value::Range;

/// A scenario as its file says it, ranges and wildcards included.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file, as it was named.
    pub name: String,
    /// The first line of the file: what it claims.
    pub claim: String,
    /// `architecture`: how the server is built; `"parallel"` unless given.
    pub architecture: Architecture,
    /// `[topology]`: the machines and actors.
    pub topology: Topology,
    /// `[network]`: the links between all of them.
    pub network: Network,
    /// `[workload]`: what the clients send.
    pub workload: Workload,
    /// `chaos` or `[chaos]`: faults that each seed draws besides; none unless given.
    pub chaos: Option<Chaos>,
    /// `[[fault]]`: what goes wrong.
    pub faults: Vec<Fault>,
    /// `[[adversary]]`: who cheats.
    pub adversaries: Vec<Adversary>,
    /// `[swarm]`: random cheaters besides.
    pub swarm: Option<Swarm>,
    /// `[expect]`: what must come of it.
    pub expect: Expect,
}

/// How the server is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// One server: all roles in one actor with one key and one store.
    Central,
    /// The same server; signatures are checked by all of its cores.
    Multithreaded,
    /// The pipeline: any number of each actor.
    Parallel,
    /// Stateless front ends over a transactional database.
    Transactional,
    /// The pipeline over several operators.
    Federated,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Architecture; 5] = [
        Architecture::Central,
        Architecture::Multithreaded,
        Architecture::Parallel,
        Architecture::Transactional,
        Architecture::Federated,
    ];

    /// The architectures that run; a scenario of another one is refused.
    pub const BUILT: &[Architecture] =
        &[Architecture::Central, Architecture::Multithreaded, Architecture::Parallel];

    /// Its name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Central => "central",
            Architecture::Multithreaded => "multithreaded",
            Architecture::Parallel => "parallel",
            Architecture::Transactional => "transactional",
            Architecture::Federated => "federated",
        }
    }

    /// Whether one server is all of the roles but the witnesses.
    pub fn is_monolith(self) -> bool {
        matches!(self, Architecture::Central | Architecture::Multithreaded)
    }

    /// The actor by whose name the process goes in which an actor lives: its own, but for the parts of a monolith.
    pub fn process_of(self, actor: ActorName) -> ActorName {
        let part = matches!(actor.role, Role::Handler | Role::Incoming | Role::Sequencer | Role::Mailbox);
        if self.is_monolith() && part { ActorName::SEQUENCER } else { actor }
    }
}

/// The machines and actors.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// `handlers`: request handlers; 1 unless given.
    pub handlers: Range<u32>,
    /// `incoming`: incoming actors; 2 unless given, 1 of a monolith.
    pub incoming: Range<u32>,
    /// `mailboxes`: mailbox actors; 2 unless given, 1 of a monolith.
    pub mailboxes: Range<u32>,
    /// `clients`: clients; 12 unless given, none only beside a crowd.
    pub clients: Range<u32>,
    /// `crowd`: aggregated clients besides ([`crate::crowd`]); none unless given.
    pub crowd: Range<u32>,
    /// `witnesses`: witnesses; 1 unless given.
    pub witnesses: Range<u32>,
    /// `quorum`: how many witnesses must have cosigned what a client accepts; 0 unless given.
    pub quorum: Range<u32>,
    /// `challenge_bound`: epochs that an obligation may stay open; `"40 epochs"` unless given.
    pub challenge_bound: Range<u64>,
    /// `epoch`: nanoseconds from one cut of the sequencer to the next; `"5ms"` unless given.
    pub epoch_ns: Range<u64>,
    /// `cores`: cores of each simulated machine; 2 unless given.
    pub cores: Range<u32>,
    /// `transport`: how clients speak to the server; `"links"` unless given.
    pub transport: Transport,
    /// `cut`: what a cut waits for; `"nobody"` unless given.
    pub cut: Waits,
    /// `handler_receipts`: whether request handlers sign for what they take; not unless given.
    pub handler_receipts: bool,
    /// `machines`: on how many machines all this runs; `"each"` unless given.
    pub machines: Machines,
    /// `costs`: how long the work of an actor takes; `"default"` unless given.
    pub costs: Costs,
    /// `crypto`: what signs; `"ed25519"` unless given.
    pub crypto: Crypto,
    /// `storage`: what stores; `"redb"` unless given.
    pub storage: Storage,
}

/// How clients speak to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Frames over a connection to each actor, as actors do among themselves.
    Links,
    /// The HTTP API: requests, answers and event streams.
    Http,
}

/// What a cut waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// It takes the seals that are there: production.
    Nobody,
    /// For a seal of every incoming actor, as a barrier would: to compare with.
    Everybody,
}

/// On how many machines the processes of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machines {
    /// Each on one of its own.
    Each,
    /// All on one, the clients too: they share its cores, and the links between them have no bound of bandwidth.
    One,
}

/// How long the work of an actor takes on a simulated machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Costs {
    /// The profile that comes with the simulator.
    Default,
    /// The same, but signatures are free.
    Unsigned,
    /// Nothing takes any time.
    Zero,
    /// A profile made by `cargo sim calibrate`, named as seen from the working directory.
    File(PathBuf),
    /// The same, but signatures are free.
    UnsignedFile(PathBuf),
}

/// What signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// Real signatures.
    Ed25519,
    /// Signatures that cannot be forged inside the run: same costs in virtual time, far faster.
    Modelled,
}

/// What stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// The real database on a simulated disk.
    Redb,
    /// A plain simulated log: same promises, same disk faults, far faster.
    Modelled,
}

/// The links between all actors.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// `latency`: one way; `{ median = "300us", p99 = "2ms" }` unless given.
    pub latency: LatencyRange,
    /// `bandwidth`: bits per second from each machine to each other one, nothing if unlimited; `"1Gbit/s"` unless given. What a machine
    /// sends to all others together has no bound.
    pub bandwidth_bit_s: Option<Range<u64>>,
    /// `loss`: the share of packets that are lost; 0 unless given.
    pub loss: Range<f64>,
}

/// How long a packet takes one way, as ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LatencyRange {
    /// Always the same.
    Constant(Range<u64>),
    /// Log-normal.
    LogNormal {
        /// Nanoseconds.
        median_ns: Range<u64>,
        /// Nanoseconds; its smallest value is not below the median's largest.
        p99_ns: Range<u64>,
    },
    /// As it was measured: `{ quantiles = [...] }`, evenly spaced, from the smallest value to the largest.
    Empirical(Vec<u64>),
}

/// What the clients send.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// `bundles`: how many, by all clients together; 500 unless given.
    pub bundles: Range<u64>,
    /// `rate` or `closed`: how fast; `rate = "500/s"` unless given.
    pub pace: PaceRange,
    /// `per_request`: how many of these a client wants sent at once, in one request and signed together; 1 unless given.
    pub per_request: Range<u32>,
    /// `warm_up`: nanoseconds from when the first may be wanted; what is wanted in them is checked and not measured. Shorter
    /// than an open loop; 0 unless given.
    pub warm_up_ns: Range<u64>,
    /// `recipients`: of each bundle, drawn per bundle; `"1..5"` unless given.
    pub recipients: Range<u32>,
    /// `payload`: bytes of each bundle, drawn per bundle; `"64B..1kB"` unless given.
    pub payload_bytes: Range<u64>,
}

/// How fast the clients send, as ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PaceRange {
    /// Open loop: a Poisson process over all clients, bundles per second.
    Open(Range<f64>),
    /// Closed loop: bundles in flight per client.
    Closed(Range<u32>),
}

/// Someone who cheats.
#[derive(Clone, Debug, PartialEq)]
pub struct Adversary {
    /// `actor`: who.
    pub actor: ActorPattern,
    /// `attack`: how.
    pub attack: &'static AttackKind,
    /// `from`: nanoseconds from the start of the run until the actor first cheats; 0 unless given.
    pub from_ns: Range<u64>,
    /// `until`: nanoseconds from the start of the run after which it is honest again; never unless given.
    pub until_ns: Option<Range<u64>>,
    /// `every`: it cheats on every n-th occasion; 1 unless given.
    pub every: Range<u64>,
    /// `victim`: the client against whom; whoever comes first unless given.
    pub victim: Option<ActorPattern>,
    /// `optional`: whether it may find no occasion; not unless given.
    pub optional: bool,
}

/// Random cheaters: each seed draws who cheats, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// `cheaters`: how many, of all but one actors; drawn from 1 on unless given.
    pub cheaters: Option<Range<u32>>,
    /// `roles`: the roles that may cheat; all but witnesses unless given.
    pub roles: Vec<Role>,
}

/// Whom a run may blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Those whom the scenario names, and no others.
    Exact,
    /// Whoever cheats, or nobody.
    Guilty,
}

/// What must come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// `blame`: whether the lists below are exact; `"exact"` unless given.
    pub blame: Blame,
    /// `exposed`: these and no others; a wildcard means the adversaries and victims drawn from the same wildcard.
    pub exposed: Vec<ActorPattern>,
    /// `suspected`: these are suspected at the end, and no others.
    pub suspected: Vec<ActorPattern>,
    /// `pairs`: of each pair one is to blame, or the link between them.
    pub pairs: Vec<[ActorPattern; 2]>,
    /// `unserved`: clients that find that nobody serves them.
    pub unserved: Vec<ActorPattern>,
    /// `within`: epochs from the cheat to the verdict, exposure or suspicion; 10 unless given.
    pub within_epochs: Range<u64>,
    /// `catch_up`: nanoseconds of virtual time after the last fault has healed, in which everything accepted must
    /// be delivered; `"5s"` unless given.
    pub catch_up_ns: Range<u64>,
}

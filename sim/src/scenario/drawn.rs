//! A scenario of which everything is decided.
//!
//! A scenario claims something for every seed; a run is about one. Everything concrete about a run is in its
//! [`Drawn`], so that it can be printed, written out as a plain scenario, and changed value by value to shrink it.
//!
//! # Invariants
//! - No wildcard and no range is left, but recipients and payload: they are distributions, the workload draws from
//!   them per bundle.

use super::{
    Architecture, Blame, Costs, Crypto, Machines, Storage, Transport, Waits, catalogue::AttackKind,
    fault::DrawnFault, name::ActorName, value::Range,
};

/// A scenario of which everything is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// What the scenario claims.
    pub claim: String,
    /// How the server is built.
    pub architecture: Architecture,
    /// The machines and actors.
    pub topology: DrawnTopology,
    /// The links between all of them.
    pub network: DrawnNetwork,
    /// What the clients send.
    pub workload: DrawnWorkload,
    /// What goes wrong, in the order of the file.
    pub faults: Vec<DrawnFault>,
    /// Who cheats, in the order of the file.
    pub adversaries: Vec<DrawnAdversary>,
    /// What must come of it.
    pub expect: DrawnExpect,
}

/// The machines and actors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnTopology {
    /// Request handlers.
    pub handlers: u32,
    /// Incoming actors.
    pub incoming: u32,
    /// Mailbox actors.
    pub mailboxes: u32,
    /// Clients.
    pub clients: u32,
    /// Aggregated clients.
    pub crowd: u32,
    /// Witnesses.
    pub witnesses: u32,
    /// Witnesses that must have cosigned what a client accepts.
    pub quorum: u32,
    /// Epochs that an obligation may stay open.
    pub challenge_bound: u64,
    /// Nanoseconds from one cut of the sequencer to the next.
    pub epoch_ns: u64,
    /// Cores of each simulated machine.
    pub cores: u32,
    /// How clients speak to the server.
    pub transport: Transport,
    /// What a cut waits for.
    pub cut: Waits,
    /// Whether request handlers sign for what they take.
    pub handler_receipts: bool,
    /// On how many machines all this runs.
    pub machines: Machines,
    /// How long the work of an actor takes.
    pub costs: Costs,
    /// What signs.
    pub crypto: Crypto,
    /// What stores.
    pub storage: Storage,
}

/// The links between all actors.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnNetwork {
    /// One way.
    pub latency: Latency,
    /// Bits per second; nothing if unlimited.
    pub bandwidth_bit_s: Option<u64>,
    /// The share of packets that are lost.
    pub loss: f64,
}

/// How long a packet takes one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same.
    Constant {
        /// Nanoseconds.
        ns: u64,
    },
    /// Log-normal.
    LogNormal {
        /// Nanoseconds, above 0.
        median_ns: u64,
        /// Nanoseconds, not below the median.
        p99_ns: u64,
    },
    /// As it was measured.
    Empirical {
        /// Nanoseconds: evenly spaced quantiles, the smallest and the largest value among them.
        quantiles_ns: Vec<u64>,
    },
}

impl Latency {
    /// Half of all packets take no longer, in nanoseconds.
    pub fn median_ns(&self) -> u64 {
        match self {
            Latency::Constant { ns } => *ns,
            Latency::LogNormal { median_ns, .. } => *median_ns,
            Latency::Empirical { quantiles_ns } => {
                quantiles_ns.get(quantiles_ns.len() / 2).copied().unwrap_or(0)
            }
        }
    }
}

/// What the clients send.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnWorkload {
    /// How many bundles, by all clients together.
    pub bundles: u64,
    /// How fast.
    pub pace: Pace,
    /// How many of them a client wants sent at once; 1 in a closed loop.
    pub per_request: u32,
    /// Nanoseconds from when the first may be wanted, in which nothing is measured.
    pub warm_up_ns: u64,
    /// Recipients of each bundle; never more than there are clients, or aggregated clients if those are more.
    pub recipients: Range<u32>,
    /// Bytes of each bundle's payload.
    pub payload_bytes: Range<u64>,
}

/// How fast the clients send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Open loop: a Poisson process over all clients.
    Open {
        /// Bundles per second.
        rate_per_s: f64,
    },
    /// Closed loop.
    Closed {
        /// Bundles in flight per client.
        in_flight: u32,
    },
}

/// Someone who cheats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnAdversary {
    /// Who.
    pub actor: ActorName,
    /// How.
    pub attack: &'static AttackKind,
    /// Nanoseconds from the start of the run until the actor first cheats.
    pub from_ns: u64,
    /// Nanoseconds from the start of the run after which it is honest again.
    pub until_ns: Option<u64>,
    /// It cheats on every n-th occasion.
    pub every: u64,
    /// The client against whom.
    pub victim: Option<ActorName>,
    /// Whether it may find no occasion.
    pub optional: bool,
}

/// What must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnExpect {
    /// Whether the lists below are exact.
    pub blame: Blame,
    /// These are exposed and no others; in order, nobody twice.
    pub exposed: Vec<ActorName>,
    /// These are suspected at the end and no others; in order, nobody twice.
    pub suspected: Vec<ActorName>,
    /// Of each pair one is to blame; each in order.
    pub pairs: Vec<[ActorName; 2]>,
    /// These clients find that nobody serves them.
    pub unserved: Vec<ActorName>,
    /// Epochs from the cheat to the verdict.
    pub within_epochs: u64,
    /// Nanoseconds after the last fault has healed, in which everything accepted must be delivered.
    pub catch_up_ns: u64,
}

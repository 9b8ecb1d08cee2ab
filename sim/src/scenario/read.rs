//! Reads a scenario: TOML in, [`Scenario`] or the first mistake out.
//!
//! By hand, not through serde: every message must say where the mistake is and what would be right, also for
//! ranges, units and names of actors, and also for values given on the command line.
//!
//! # Invariants
//! - A key that is not read is refused; a key that is not given has the default that [`Scenario`] documents.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use server::actor::incoming::IN_FLIGHT_MAX;

use super::{
    Architecture, Costs, Crypto, LatencyRange, Machines, Network, PaceRange, Scenario, ScenarioError,
    Storage, Topology, Transport, Waits, Workload, chaos,
    error::{Wrong, hint},
    name::Sizes,
    nemesis,
    section::{Section, list, one_of},
    set, swarm,
    tree::{self, Data, Entry, Node, Place, Problem},
    value::{BANDWIDTH, COUNT, DURATION, EPOCHS, RATE, Range, SHARE, SIZE},
};

/// Scenarios are written by hand or by the simulator; the largest drawn ones have a few thousand lines.
const FILE_MAX: u64 = 1 << 20;
/// Actors of each role: as many as a roster can usefully hold.
const ACTORS_MAX: u32 = 4096;
/// Clients: as many as a run holds in memory.
const CLIENTS_MAX: u32 = 100_000;
/// Aggregated clients: a hundred bytes each, and as much at the server for each that has sent or got something.
const CROWD_MAX: u32 = 10_000_000;
/// Cores of a machine: the largest there are.
const CORES_MAX: u32 = 256;
/// Bundles of a run: a day at a thousand a second.
const BUNDLES_MAX: u64 = 100_000_000;
/// Bundles a second: more than the pipeline can order.
const RATE_MAX: f64 = 1_000_000_000.0;
/// Bundles in flight per client.
const CLOSED_MAX: u32 = 10_000;
/// Bundles of a request: what a client may have under way without a receipt.
const PER_REQUEST_MAX: u32 = IN_FLIGHT_MAX as u32;
/// Bytes of a payload: what fits into the body of a statement.
const PAYLOAD_MAX: u64 = 1_000_000;
/// Recipients of a bundle.
const RECIPIENTS_MAX: u32 = 4096;
/// Below ten microseconds an epoch is shorter than its own work.
const EPOCH_MIN_NS: u64 = 10_000;
/// Epochs that an obligation may stay open.
const BOUND_MAX: u64 = 1_000_000;
/// A minute.
const EPOCH_MAX_NS: u64 = 60_000_000_000;
/// A simulated day: sums of a few times stay far from overflow.
pub(super) const TIME_MAX_NS: u64 = 86_400_000_000_000;
/// A terabit per second.
pub(super) const BANDWIDTH_MAX: u64 = 1_000_000_000_000;

const TABLES: &[&str] =
    &["topology", "network", "workload", "chaos", "fault", "adversary", "swarm", "expect"];
const TABLES_SHOWN: &str =
    "[topology], [network], [workload], [chaos], [[fault]], [[adversary]], [swarm], [expect]";
const TOP_KEYS: &[&str] =
    &["architecture", "chaos", "topology", "network", "workload", "fault", "adversary", "swarm", "expect"];

impl Scenario {
    /// Reads a scenario file; each of `sets` is a `key=value` that overrides it.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn read(path: &Path, sets: &[String]) -> Result<Scenario, ScenarioError> {
        let name = path.display().to_string();
        match read_text(path) {
            Ok(text) => Scenario::parse(&name, &text, sets),
            Err(source) => Err(ScenarioError::Unreadable { file: name, source }),
        }
    }

    /// Reads a scenario from the text of the file called `name`; each of `sets` is a `key=value` that overrides it.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(name: &str, text: &str, sets: &[String]) -> Result<Scenario, ScenarioError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        scenario(name, text, sets).map_err(|problem| problem.in_file(name))
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > FILE_MAX {
        true => Err(io::Error::other("longer than 1 MiB")),
        false => Ok(text),
    }
}

fn scenario(name: &str, text: &str, sets: &[String]) -> Result<Scenario, Problem> {
    let claim = claim(text)?;
    let mut root = tree::parse(text)?;
    for set in sets {
        set::apply(&mut root, set)?;
    }
    let top = top(&root)?;
    let architecture = architecture(&top)?;
    let topology = topology(&table(&top, "topology", "[topology] above its keys")?, architecture)?;
    let sizes = smallest(&topology);
    let adversaries = nemesis::adversaries(&top, &sizes, topology.handler_receipts)?;
    Ok(Scenario {
        name: name.to_owned(),
        claim,
        architecture,
        network: network(&table(&top, "network", "[network] above its keys")?)?,
        workload: workload(
            &table(&top, "workload", "[workload] above its keys")?,
            topology.clients.high.saturating_add(topology.crowd.high),
        )?,
        chaos: chaos::read(&top)?,
        faults: nemesis::faults(&top, &sizes)?,
        expect: nemesis::expect(&table(&top, "expect", "[expect] above its keys")?, &sizes, &adversaries)?,
        swarm: swarm::read(&top)?,
        adversaries,
        topology,
    })
}

fn claim(text: &str) -> Result<String, Problem> {
    let first = text.lines().next().unwrap_or_default();
    let claim = first.strip_prefix('#').unwrap_or_default().trim();
    match claim.is_empty() {
        true => Err(Problem { place: Place::File { line: 1, column: 1 }, wrong: Wrong::NoClaim }),
        false => Ok(claim.to_owned()),
    }
}

fn top(root: &Node) -> Result<Section<'_>, Problem> {
    let top = Section::of("the scenario", "the scenario", root, "keys and tables")?;
    if let Some(table) = top.entries().iter().find(|entry| is_unknown_table(entry)) {
        return Err(Problem { place: table.place.clone(), wrong: unknown_table(&table.key) });
    }
    top.only(TOP_KEYS)?;
    Ok(top)
}

fn is_unknown_table(entry: &Entry) -> bool {
    let is_table = match &entry.node.data {
        Data::Table(_) => true,
        Data::List(items) => items.iter().any(|item| matches!(item.data, Data::Table(_))),
        _ => false,
    };
    is_table && !TOP_KEYS.contains(&entry.key.as_str())
}

fn unknown_table(table: &str) -> Wrong {
    Wrong::UnknownTable { table: table.to_owned(), hint: hint(table, TABLES), known: TABLES_SHOWN.to_owned() }
}

fn table<'a>(top: &Section<'a>, key: &'static str, example: &'static str) -> Result<Section<'a>, Problem> {
    let title = format!("[{key}]");
    match top.find(key) {
        Some(node) => Section::of(title, key, node, example),
        None => Ok(Section::absent(&title)),
    }
}

fn architecture(top: &Section<'_>) -> Result<Architecture, Problem> {
    let words = Architecture::ALL.map(|architecture| (architecture.name(), architecture));
    let architecture = top.word("architecture", "architecture", &words, Architecture::Parallel)?;
    match top.find("architecture") {
        Some(node) if !Architecture::BUILT.contains(&architecture) => {
            Err(node.problem(Wrong::NotBuilt(architecture.name())))
        }
        _ => Ok(architecture),
    }
}

fn topology(section: &Section<'_>, architecture: Architecture) -> Result<Topology, Problem> {
    section.only(&[
        "handlers",
        "incoming",
        "mailboxes",
        "clients",
        "crowd",
        "witnesses",
        "quorum",
        "challenge_bound",
        "epoch",
        "cores",
        "transport",
        "cut",
        "handler_receipts",
        "machines",
        "costs",
        "crypto",
        "storage",
    ])?;
    let witnesses = section.count("witnesses", 0..=ACTORS_MAX, 1)?;
    let parts = |key, default| parts(section, architecture, key, default);
    let crowd = section.count("crowd", 0..=CROWD_MAX, 0)?;
    Ok(Topology {
        handlers: parts("handlers", 1)?,
        incoming: parts("incoming", 2)?,
        mailboxes: parts("mailboxes", 2)?,
        clients: clients(section, crowd)?,
        crowd,
        quorum: quorum(section, witnesses)?,
        witnesses,
        challenge_bound: section.quantity("challenge_bound", &EPOCHS, 1..=BOUND_MAX, 40)?,
        epoch_ns: section.quantity("epoch", &DURATION, EPOCH_MIN_NS..=EPOCH_MAX_NS, 5_000_000)?,
        cores: section.count("cores", 1..=CORES_MAX, 2)?,
        transport: section.word("transport", "transport", TRANSPORT, Transport::Links)?,
        cut: section.word("cut", "choice", WAITS, Waits::Nobody)?,
        handler_receipts: handler_receipts(section, architecture)?,
        machines: section.word("machines", "choice", MACHINES, Machines::Each)?,
        costs: costs(section)?,
        crypto: section.word("crypto", "crypto", CRYPTO, Crypto::Ed25519)?,
        storage: section.word("storage", "storage", STORAGE, Storage::Redb)?,
    })
}

/// How many actors of a role the server has; a monolith has one of each.
fn parts(
    section: &Section<'_>,
    architecture: Architecture,
    key: &'static str,
    default: u32,
) -> Result<Range<u32>, Problem> {
    let default = if architecture.is_monolith() { 1 } else { default };
    let count = section.count(key, 1..=ACTORS_MAX, default)?;
    match section.find(key).filter(|_| architecture.is_monolith() && count != Range::fixed(1)) {
        Some(node) => Err(node.problem(Wrong::OneOfEach { architecture: architecture.name(), key })),
        None => Ok(count),
    }
}

/// Whether handlers sign for what they take; the one of a monolith signs with the key of those it hands it to.
fn handler_receipts(section: &Section<'_>, architecture: Architecture) -> Result<bool, Problem> {
    let signs = section.word_of("handler_receipts", BOOL, false)?;
    match section.find("handler_receipts").filter(|_| signs && architecture.is_monolith()) {
        Some(node) => Err(node.problem(Wrong::OneKey { architecture: architecture.name() })),
        None => Ok(signs),
    }
}

/// Somebody must be there: clients, or a crowd.
fn clients(section: &Section<'_>, crowd: Range<u32>) -> Result<Range<u32>, Problem> {
    let clients = section.count("clients", 0..=CLIENTS_MAX, 12)?;
    match section.find("clients").filter(|_| clients.low == 0 && crowd.low == 0) {
        None => Ok(clients),
        Some(node) => Err(node.problem(Wrong::Nobody)),
    }
}

fn quorum(section: &Section<'_>, witnesses: Range<u32>) -> Result<Range<u32>, Problem> {
    let quorum = section.count("quorum", 0..=ACTORS_MAX, 0)?;
    match section.find("quorum").filter(|_| quorum.high > witnesses.low) {
        None => Ok(quorum),
        Some(node) => Err(node.problem(Wrong::Quorum { witnesses: witnesses.low })),
    }
}

/// Yes or no.
pub(super) const BOOL: &[(&str, bool)] = &[("true", true), ("false", false)];

const TRANSPORT: &[(&str, Transport)] = &[("links", Transport::Links), ("http", Transport::Http)];
const WAITS: &[(&str, Waits)] = &[("nobody", Waits::Nobody), ("everybody", Waits::Everybody)];
const MACHINES: &[(&str, Machines)] = &[("each", Machines::Each), ("one", Machines::One)];
const CRYPTO: &[(&str, Crypto)] = &[("ed25519", Crypto::Ed25519), ("modelled", Crypto::Modelled)];
const STORAGE: &[(&str, Storage)] = &[("redb", Storage::Redb), ("modelled", Storage::Modelled)];

fn costs(section: &Section<'_>) -> Result<Costs, Problem> {
    let Some(node) = section.find("costs") else { return Ok(Costs::Default) };
    match &node.data {
        Data::Text(path) if path.contains(['/', '.']) => Ok(match path.strip_prefix("unsigned:") {
            Some(path) => Costs::UnsignedFile(PathBuf::from(path)),
            None => Costs::File(PathBuf::from(path)),
        }),
        _ => match one_of(
            node,
            "costs",
            &[
                "default",
                "unsigned",
                "zero",
                "the path of a profile such as ./profile.toml, or unsigned:./profile.toml",
            ],
        )? {
            "unsigned" => Ok(Costs::Unsigned),
            "zero" => Ok(Costs::Zero),
            _ => Ok(Costs::Default),
        },
    }
}

fn smallest(topology: &Topology) -> Sizes {
    Sizes {
        handlers: topology.handlers.low,
        incoming: topology.incoming.low,
        mailboxes: topology.mailboxes.low,
        clients: topology.clients.low,
        witnesses: topology.witnesses.low,
    }
}

fn network(section: &Section<'_>) -> Result<Network, Problem> {
    section.only(&["latency", "bandwidth", "loss"])?;
    Ok(Network {
        latency: latency(section)?,
        bandwidth_bit_s: bandwidth(section)?,
        loss: section.quantity("loss", &SHARE, 0.0..=1.0, 0.0)?,
    })
}

fn latency(section: &Section<'_>) -> Result<LatencyRange, Problem> {
    match section.find("latency") {
        Some(node) if matches!(node.data, Data::Table(_)) => measured(node),
        Some(_) => Ok(LatencyRange::Constant(section.quantity("latency", &DURATION, 0..=TIME_MAX_NS, 0)?)),
        None => {
            Ok(LatencyRange::LogNormal { median_ns: Range::fixed(300_000), p99_ns: Range::fixed(2_000_000) })
        }
    }
}

/// A distribution: log-normal, or as it was measured.
fn measured(node: &Node) -> Result<LatencyRange, Problem> {
    let section = Section::of("network.latency", "latency", node, "{ median = \"300us\", p99 = \"2ms\" }")?;
    section.only(&["median", "p99", "quantiles"])?;
    match section.find("quantiles") {
        Some(quantiles) => match section.find("median").or(section.find("p99")) {
            Some(other) => {
                Err(other.problem(Wrong::Exclusive { left: "quantiles", right: "median and p99" }))
            }
            None => empirical(quantiles),
        },
        None => log_normal(&section),
    }
}

fn empirical(node: &Node) -> Result<LatencyRange, Problem> {
    const EXAMPLE: &str = "[\"100us\", \"300us\", \"900us\", \"20ms\"]";
    let items = list("quantiles", node, "a list of durations", EXAMPLE)?;
    let wrong = || node.problem(Wrong::Quantiles { example: EXAMPLE });
    let mut quantiles: Vec<u64> = Vec::new();
    for item in items {
        let range =
            DURATION.read("quantiles", item, &(0..=TIME_MAX_NS)).map_err(|wrong| item.problem(wrong))?;
        if !range.is_fixed() || quantiles.last().is_some_and(|last| *last > range.low) {
            return Err(wrong());
        }
        quantiles.push(range.low);
    }
    if quantiles.len() < 2 { Err(wrong()) } else { Ok(LatencyRange::Empirical(quantiles)) }
}

fn log_normal(section: &Section<'_>) -> Result<LatencyRange, Problem> {
    let p99_node = section.need("p99", "\"2ms\"")?;
    section.need("median", "\"300us\"")?;
    let median_ns = section.quantity("median", &DURATION, 1..=TIME_MAX_NS, 1)?;
    let p99_ns = section.quantity("p99", &DURATION, 1..=TIME_MAX_NS, 1)?;
    match p99_ns.low < median_ns.high {
        true => {
            Err(p99_node.problem(Wrong::PercentileBelowMedian { median: (DURATION.show)(median_ns.high) }))
        }
        false => Ok(LatencyRange::LogNormal { median_ns, p99_ns }),
    }
}

fn bandwidth(section: &Section<'_>) -> Result<Option<Range<u64>>, Problem> {
    match section.find("bandwidth").map(|node| &node.data) {
        Some(Data::Text(text)) if text == "unlimited" => Ok(None),
        _ => Ok(Some(section.quantity("bandwidth", &BANDWIDTH, 1..=BANDWIDTH_MAX, 1_000_000_000)?)),
    }
}

fn workload(section: &Section<'_>, clients: u32) -> Result<Workload, Problem> {
    section.only(&["bundles", "rate", "closed", "per_request", "warm_up", "recipients", "payload"])?;
    if let Some(node) = section.find("per_request").filter(|_| section.find("closed").is_some()) {
        return Err(node.problem(Wrong::Exclusive { left: "per_request", right: "closed" }));
    }
    let recipients = section.given("recipients", &COUNT, 1..=RECIPIENTS_MAX.into())?;
    if let (Some(recipients), Some(node)) = (&recipients, section.find("recipients"))
        && recipients.low > u64::from(clients)
    {
        return Err(node.problem(Wrong::TooManyRecipients { clients }));
    }
    let payload = section.given("payload", &SIZE, 0..=PAYLOAD_MAX)?;
    let bundles = section.quantity("bundles", &COUNT, 0..=BUNDLES_MAX, 500)?;
    let pace = pace(section)?;
    Ok(Workload {
        bundles,
        pace,
        per_request: section.count("per_request", 1..=PER_REQUEST_MAX, 1)?,
        warm_up_ns: warm_up(section, bundles, pace)?,
        recipients: recipients.unwrap_or(Range { low: 1, high: 5 }).map(|count| count as u32),
        payload_bytes: payload.unwrap_or(Range { low: 64, high: 1000 }),
    })
}

/// For how long nothing is measured: for less than bundles are sent. How long a closed loop takes is not known before.
fn warm_up(section: &Section<'_>, bundles: Range<u64>, pace: PaceRange) -> Result<Range<u64>, Problem> {
    let warm_up_ns = section.quantity("warm_up", &DURATION, 0..=TIME_MAX_NS, 0)?;
    let (Some(node), PaceRange::Open(rate)) = (section.find("warm_up"), pace) else { return Ok(warm_up_ns) };
    let shortest_ns = (bundles.low as f64 * 1e9 / rate.high) as u64;
    if warm_up_ns.high > 0 && warm_up_ns.high >= shortest_ns {
        let load = (DURATION.show)(shortest_ns);
        return Err(node.problem(Wrong::AllWarmUp { bundles: bundles.low, load }));
    }
    Ok(warm_up_ns)
}

fn pace(section: &Section<'_>) -> Result<PaceRange, Problem> {
    let rate = section.quantity("rate", &RATE, 0.001..=RATE_MAX, 500.0)?;
    let Some(closed) = section.find("closed") else { return Ok(PaceRange::Open(rate)) };
    if section.find("rate").is_some() {
        return Err(closed.problem(Wrong::Exclusive { left: "rate", right: "closed" }));
    }
    Ok(PaceRange::Closed(section.count("closed", 1..=CLOSED_MAX, 1)?))
}

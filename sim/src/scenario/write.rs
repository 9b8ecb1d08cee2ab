//! Writes what a seed drew: as parameters to print, and as a plain scenario file.
//!
//! Both come from the same list of keys and values, in the order of the file, so that what is printed under a run is
//! what its file would say.
//!
//! # Invariants
//! - Every key is written, those at their default too: the file means the same when a default changes.
//! - The file has no wildcards, and no ranges but the two distributions of the workload.

use toml_edit::{Array, InlineTable, Value};

use super::{
    Blame, Costs, Crypto, Machines, Storage, Transport, Waits,
    drawn::{Drawn, DrawnAdversary, DrawnExpect, DrawnNetwork, DrawnTopology, DrawnWorkload, Latency, Pace},
    fault::{DrawnFault, Parameter},
    name::ActorName,
    value::{BANDWIDTH, COUNT, DURATION, EPOCHS, RATE, SIZE},
};

/// One table of the file: its header, the path of its keys, and what is in it.
struct Table {
    header: &'static str,
    path: String,
    keys: Vec<(&'static str, Value)>,
}

impl Drawn {
    /// What was drawn, as key path and value in the order of the file, for printing.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let dotted =
            |path: &str, key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let tables = self.tables();
        let keys =
            tables.iter().flat_map(|table| table.keys.iter().map(|(key, value)| (&table.path, key, value)));
        keys.map(|(path, key, value)| (dotted(path, key), bare(value))).collect()
    }

    /// A plain scenario file that draws the same for every seed.
    pub fn to_toml(&self) -> String {
        let mut text = format!("# {}\n", self.claim);
        for table in self.tables() {
            text += &header(table.header);
            for (key, value) in &table.keys {
                text += &format!("{key} = {value}\n");
            }
        }
        text
    }

    fn tables(&self) -> Vec<Table> {
        let table = |header, keys| Table { header, path: header.to_owned(), keys };
        let mut tables = vec![
            table("", vec![("architecture", self.architecture.name().into())]),
            table("topology", topology(&self.topology)),
            table("network", network(&self.network)),
            table("workload", workload(&self.workload)),
        ];
        let item = |header, index, keys| Table { header, path: format!("{header}.{index}"), keys };
        tables.extend(self.faults.iter().enumerate().map(|(index, one)| item("fault", index, fault(one))));
        let adversaries = self.adversaries.iter().enumerate();
        tables.extend(adversaries.map(|(index, one)| item("adversary", index, adversary(one))));
        tables.push(table("expect", expect(&self.expect)));
        tables
    }
}

fn header(name: &str) -> String {
    match name {
        "" => String::new(),
        "fault" | "adversary" => format!("\n[[{name}]]\n"),
        _ => format!("\n[{name}]\n"),
    }
}

/// A value without quotes.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

type Keys = Vec<(&'static str, Value)>;

fn topology(topology: &DrawnTopology) -> Keys {
    vec![
        ("handlers", integer(topology.handlers)),
        ("incoming", integer(topology.incoming)),
        ("mailboxes", integer(topology.mailboxes)),
        ("clients", integer(topology.clients)),
        ("crowd", integer(topology.crowd)),
        ("witnesses", integer(topology.witnesses)),
        ("quorum", integer(topology.quorum)),
        ("challenge_bound", (EPOCHS.show)(topology.challenge_bound).into()),
        ("epoch", duration(topology.epoch_ns)),
        ("cores", integer(topology.cores)),
        ("transport", if topology.transport == Transport::Links { "links" } else { "http" }.into()),
        ("cut", if topology.cut == Waits::Nobody { "nobody" } else { "everybody" }.into()),
        ("handler_receipts", topology.handler_receipts.into()),
        ("machines", if topology.machines == Machines::Each { "each" } else { "one" }.into()),
        ("costs", costs(&topology.costs)),
        ("crypto", if topology.crypto == Crypto::Ed25519 { "ed25519" } else { "modelled" }.into()),
        ("storage", if topology.storage == Storage::Redb { "redb" } else { "modelled" }.into()),
    ]
}

fn costs(costs: &Costs) -> Value {
    match costs {
        Costs::Default => "default".into(),
        Costs::Unsigned => "unsigned".into(),
        Costs::Zero => "zero".into(),
        Costs::File(path) => path.display().to_string().into(),
        Costs::UnsignedFile(path) => format!("unsigned:{}", path.display()).into(),
    }
}

fn network(network: &DrawnNetwork) -> Keys {
    let bandwidth = network.bandwidth_bit_s.map_or_else(|| "unlimited".to_owned(), BANDWIDTH.show);
    vec![
        ("latency", latency(&network.latency)),
        ("bandwidth", bandwidth.into()),
        ("loss", network.loss.into()),
    ]
}

fn latency(latency: &Latency) -> Value {
    match latency {
        Latency::Constant { ns } => duration(*ns),
        Latency::LogNormal { median_ns, p99_ns } => {
            let keys = [("median", duration(*median_ns)), ("p99", duration(*p99_ns))];
            InlineTable::from_iter(keys).into()
        }
        Latency::Empirical { quantiles_ns } => {
            let quantiles = Array::from_iter(quantiles_ns.iter().map(|ns| duration(*ns)));
            InlineTable::from_iter([("quantiles", quantiles)]).into()
        }
    }
}

fn workload(workload: &DrawnWorkload) -> Keys {
    let pace = match workload.pace {
        Pace::Open { rate_per_s } => ("rate", (RATE.show)(rate_per_s).into()),
        Pace::Closed { in_flight } => ("closed", integer(in_flight)),
    };
    let mut keys = vec![
        ("bundles", integer(workload.bundles)),
        pace,
        ("recipients", COUNT.show_range(&workload.recipients.map(u64::from)).into()),
        ("payload", SIZE.show_range(&workload.payload_bytes).into()),
    ];
    keys.extend((workload.warm_up_ns > 0).then(|| ("warm_up", duration(workload.warm_up_ns))));
    keys.extend((workload.per_request > 1).then(|| ("per_request", integer(workload.per_request))));
    keys
}

fn fault(fault: &DrawnFault) -> Keys {
    let mut keys = vec![("at", duration(fault.at_ns)), ("kind", fault.kind.name.into())];
    let given = |parameter: &'static Parameter| {
        fault.parameters.get(parameter.key).map(|given| (parameter.key, given.to_toml(parameter.of)))
    };
    keys.extend(fault.kind.takes.iter().filter_map(given));
    keys.extend(fault.kind.lasts.then(|| ("for", duration(fault.for_ns))));
    if fault.optional {
        keys.push(("optional", true.into()));
    }
    keys
}

fn adversary(adversary: &DrawnAdversary) -> Keys {
    let mut keys: Keys = vec![
        ("actor", adversary.actor.to_string().into()),
        ("attack", adversary.attack.name.into()),
        ("from", duration(adversary.from_ns)),
    ];
    keys.extend(adversary.until_ns.map(|until_ns| ("until", duration(until_ns))));
    keys.extend(adversary.attack.has_occasions().then(|| ("every", integer(adversary.every))));
    keys.extend(adversary.victim.map(|victim| ("victim", victim.to_string().into())));
    keys.extend(adversary.optional.then(|| ("optional", true.into())));
    keys
}

fn expect(expect: &DrawnExpect) -> Keys {
    vec![
        ("blame", if expect.blame == Blame::Exact { "exact" } else { "guilty" }.into()),
        ("exposed", names(&expect.exposed)),
        ("suspected", names(&expect.suspected)),
        ("pairs", Array::from_iter(expect.pairs.iter().map(|pair| names(pair))).into()),
        ("unserved", names(&expect.unserved)),
        ("within", (EPOCHS.show)(expect.within_epochs).into()),
        ("catch_up", duration(expect.catch_up_ns)),
    ]
}

/// Every integer of a scenario is bounded far below what TOML can hold.
pub(super) fn integer(value: impl Into<u64>) -> Value {
    i64::try_from(value.into()).unwrap_or(i64::MAX).into()
}

fn duration(ns: u64) -> Value {
    (DURATION.show)(ns).into()
}

/// A list of actors.
pub(super) fn names(actors: &[ActorName]) -> Value {
    Array::from_iter(actors.iter().map(ActorName::to_string)).into()
}

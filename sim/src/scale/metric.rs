//! What can be measured of a run, with its name and unit.

use reports::chart::Dimension;
use server::protocol::id::Role;

use super::inversion;
use crate::{check::expectation, outcome::Outcome, scenario::ActorName, speed::peak_bytes, windows::Windows};

/// Something that is measured of a run.
#[derive(Debug)]
pub struct Metric {
    /// Its name in experiment files and columns.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What that means, if the title does not say it.
    pub means: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Whether its axis has powers of ten.
    pub logarithmic: bool,
    /// Whether it is of the machine that ran it, and so measured only where it is asked for.
    pub here: bool,
    /// Whether it is of what arrived, and says nothing where something did not.
    pub of_arrivals: bool,
    /// Reads it off a run; nothing if there is nothing to read.
    read: fn(&Outcome) -> Option<f64>,
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The name of the highest rate that was sustained.
pub const PEAK: &str = "peak";

/// Characters for which an axis has room.
const AXIS_MAX: usize = 38;

/// Everything that can be measured.
pub const METRICS: &[Metric] = &[
    Metric {
        name: PEAK,
        title: "highest rate sustained",
        means: "",
        unit: "bundles/s",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        // no run knows it: it is what a search found
        read: |_| None,
    },
    Metric {
        name: "throughput",
        title: "throughput",
        means: "Bundles that reach all their recipients a second, while bundles are sent",
        unit: "bundles/s",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: Outcome::served_per_s,
    },
    Metric {
        name: "deliveries",
        title: "deliveries",
        means: "Deliveries a second, while bundles are sent",
        unit: "deliveries/s",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: Outcome::deliveries_per_s,
    },
    Metric {
        name: "receipt-p50",
        title: "receipt latency, median",
        means: "",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: true,
        read: |outcome| outcome.record().receipt.summary().map(|summary| summary.p50 / 1e3),
    },
    Metric {
        name: "receipt-p99",
        title: "receipt latency, 99th percentile",
        means: "",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: true,
        read: |outcome| outcome.record().receipt.summary().map(|summary| summary.p99 / 1e3),
    },
    Metric {
        name: "delivery-p50",
        title: "delivery latency, median",
        means: "",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: true,
        read: |outcome| outcome.record().delivery.summary().map(|summary| summary.p50 / 1e3),
    },
    Metric {
        name: "delivery-p99",
        title: "delivery latency, 99th percentile",
        means: "",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: true,
        read: |outcome| outcome.record().delivery.summary().map(|summary| summary.p99 / 1e3),
    },
    Metric {
        name: "untouched-p50",
        title: "latency of the others, median",
        means: "Time until a bundle has come to all its recipients, median of those through incoming actors that no fault strikes",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: true,
        read: |outcome| untouched_ms(outcome, 50),
    },
    Metric {
        name: "untouched-p99",
        title: "latency of the others, 99th percentile",
        means: "Time until a bundle has come to all its recipients, 99th percentile of those through incoming actors that no fault strikes",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: true,
        read: |outcome| untouched_ms(outcome, 99),
    },
    Metric {
        name: "arrived",
        title: "bundles that arrived",
        means: "Bundles that reached all of their recipients before the run was over",
        unit: "% of bundles",
        logarithmic: false,
        here: false,
        of_arrivals: false,
        read: |outcome| {
            let wanted = outcome.drawn.workload.bundles;
            (wanted > 0).then(|| 100.0 * outcome.bundles().delivered as f64 / wanted as f64)
        },
    },
    Metric {
        name: "server-signatures",
        title: "signatures of the server",
        means: "",
        unit: "signatures per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| {
            let signed = outcome.record().signed.iter();
            per_bundle(outcome, of_server(outcome, signed))
        },
    },
    Metric {
        name: "server-bytes",
        title: "bytes that the server sends",
        means: "",
        unit: "B per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| {
            let bytes = outcome.run.wire_bytes.iter();
            per_bundle(outcome, of_server(outcome, bytes))
        },
    },
    Metric {
        name: "sequencer-cores",
        title: "cores that the sequencer keeps busy",
        means: "",
        unit: "cores",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| outcome.run.load.cores_of(Role::Sequencer),
    },
    Metric {
        name: "sequencer-bytes",
        title: "bytes that the sequencer sends",
        means: "",
        unit: "B/s",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| {
            let bytes = outcome.run.wire_bytes.get(Role::Sequencer.name())?;
            let (from_ns, to_ns) = outcome.run.load.measured_ns;
            Some(bytes.within(from_ns, to_ns) * 1e9 / (to_ns - from_ns) as f64)
        },
    },
    Metric {
        name: "handler-work",
        title: "request handlers",
        means: "Processor time of the request handlers per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| work(outcome, Some(Role::Handler)),
    },
    Metric {
        name: "incoming-work",
        title: "incoming actors",
        means: "Processor time of the incoming actors per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| work(outcome, Some(Role::Incoming)),
    },
    Metric {
        name: "sequencer-work",
        title: "sequencer",
        means: "Processor time of the sequencer per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| work(outcome, Some(Role::Sequencer)),
    },
    Metric {
        name: "mailbox-work",
        title: "mailbox actors",
        means: "Processor time of the mailbox actors per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| work(outcome, Some(Role::Mailbox)),
    },
    Metric {
        name: "witness-work",
        title: "witnesses",
        means: "Processor time of the witnesses per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| work(outcome, Some(Role::Witness)),
    },
    Metric {
        name: "server-work",
        title: "one server",
        means: "Processor time of the one server that is all of them per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| work(outcome, None),
    },
    Metric {
        name: "work",
        title: "processor time",
        means: "Processor time of the server's machines per bundle",
        unit: "µs per bundle",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: |outcome| per_bundle(outcome, outcome.run.load.work_of_server()? / 1e3),
    },
    Metric {
        name: "real-time-inversions",
        title: "real-time inversions",
        means: "Bundles that stand before one that had its receipt when they were made",
        unit: "% of bundles",
        logarithmic: false,
        here: false,
        of_arrivals: false,
        read: |outcome| inverted(outcome, |inversions| inversions.real_time),
    },
    Metric {
        name: "causal-inversions",
        title: "causal inversions",
        means: "Bundles that stand before one that their client held when it made them",
        unit: "% of bundles",
        logarithmic: false,
        here: false,
        of_arrivals: false,
        read: |outcome| inverted(outcome, |inversions| inversions.causal),
    },
    Metric {
        name: "sender-inversions",
        title: "inversions of a sender",
        means: "Bundles that stand before an earlier one of their sender",
        unit: "% of bundles",
        logarithmic: false,
        here: false,
        of_arrivals: false,
        read: |outcome| inverted(outcome, |inversions| inversions.of_sender),
    },
    Metric {
        name: "detection-epochs",
        title: "epochs to detection",
        means: "Epochs from an actor's first cheat to the evidence against it",
        unit: "epochs",
        logarithmic: false,
        here: false,
        of_arrivals: false,
        read: detection,
    },
    Metric {
        name: "detection",
        title: "time to detection",
        means: "Time from an actor's first cheat to the evidence against it",
        unit: "ms",
        logarithmic: true,
        here: false,
        of_arrivals: false,
        read: detection_ms,
    },
    Metric {
        name: "wall",
        title: "time that the run took here",
        means: "",
        unit: "s",
        logarithmic: false,
        here: true,
        of_arrivals: false,
        read: |outcome| Some(outcome.wall.as_secs_f64()),
    },
    Metric {
        name: "memory",
        title: "most memory of the process",
        means: "",
        unit: "GB",
        logarithmic: false,
        here: true,
        of_arrivals: false,
        read: |_| peak_bytes().map(|bytes| bytes as f64 / 1e9),
    },
];

impl Metric {
    /// Measures it.
    pub fn of(&self, outcome: &Outcome) -> Option<f64> {
        (self.read)(outcome).filter(|value| value.is_finite())
    }

    /// What a caption says of it.
    pub fn caption(&self) -> String {
        let means = if self.means.is_empty() { self.title } else { self.means };
        let mut letters = means.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// What stands at its axis; where it has no room for both its unit, for the title stands above the plot.
    pub fn axis(&self) -> String {
        let both = format!("{} ({})", self.title, self.unit);
        if both.chars().count() <= AXIS_MAX { both } else { self.unit.to_owned() }
    }

    /// The axis along which it is plotted.
    pub fn dimension(&self) -> Dimension {
        match (self.logarithmic, self.unit.starts_with('%')) {
            (true, _) => Dimension::log10(self.axis()),
            (false, true) => Dimension::share(self.axis()),
            (false, false) => Dimension::linear(self.axis()),
        }
    }
}

/// The metric of a name.
///
/// # Errors
/// There is none: what there is.
pub fn find(name: &str) -> Result<&'static Metric, String> {
    METRICS.iter().find(|metric| metric.name == name).ok_or_else(|| {
        let known: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        format!("unknown metric {name:?}; known: {}", known.join(", "))
    })
}

/// What comes to a bundle, of all that were delivered from when it is measured on.
fn per_bundle(outcome: &Outcome, total: f64) -> Option<f64> {
    let delivered = outcome.flow().delivered.since(outcome.run.load.measured_ns.0);
    (delivered > 0.0).then(|| total / delivered)
}

/// All of it that is not of clients, from when it is measured on.
fn of_server<'a>(outcome: &Outcome, by_role: impl Iterator<Item = (&'a &'static str, &'a Windows)>) -> f64 {
    let clients = [Role::Client.name(), "crowd"];
    let of_server = by_role.filter(|(role, _)| !clients.contains(role));
    of_server.map(|(_, counted)| counted.since(outcome.run.load.measured_ns.0)).sum()
}

fn work(outcome: &Outcome, role: Option<Role>) -> Option<f64> {
    per_bundle(outcome, outcome.run.load.work_of(role)? / 1e3)
}

/// Of all who cheated and were exposed the one that took longest.
fn detection(outcome: &Outcome) -> Option<f64> {
    let case = outcome.case();
    let exposed = case.exposed();
    let epochs = exposed.iter().filter_map(|name| {
        let (caught, cheated) =
            (expectation::first_caught(&case, *name)?, expectation::first_cheat(&case, *name)?);
        Some(caught.0.saturating_sub(cheated.0))
    });
    epochs.max().map(|epochs| epochs as f64)
}

/// The same in time: from when a step had cheated to when somebody had the evidence.
fn detection_ms(outcome: &Outcome) -> Option<f64> {
    let case = outcome.case();
    let exposed = case.exposed();
    let ns = exposed.iter().filter_map(|name| {
        let (caught_ns, cheated_ns) =
            (expectation::first_caught_ns(&case, *name)?, expectation::first_cheat_ns(&case, *name)?);
        Some(caught_ns.saturating_sub(cheated_ns))
    });
    ns.max().map(|ns| ns as f64 / 1e6)
}

/// Until a bundle had come to all of its recipients, of those that passed no incoming actor that a fault strikes, in milliseconds:
/// the smallest that so many of a hundred did not exceed. Of a crowd it is not known.
fn untouched_ms(outcome: &Outcome, percent: u64) -> Option<f64> {
    let struck = |incoming: u32| {
        let name = ActorName::new(Role::Incoming, incoming);
        outcome.drawn.faults.iter().any(|fault| fault.strikes(name))
    };
    let from_ns = outcome.flow().from_ns;
    let measured = outcome.record().submitted.values().filter(|bundle| bundle.wanted_ns >= from_ns);
    let took_ns = measured.filter_map(|bundle| {
        bundle.receipt.filter(|(_, incoming, _)| !struck(*incoming))?;
        Some(bundle.delivered_ns?.saturating_sub(bundle.wanted_ns))
    });
    let mut took_ns: Vec<u64> = took_ns.collect();
    took_ns.sort_unstable();
    let rank = (took_ns.len() as u64 * percent).div_ceil(100).saturating_sub(1);
    took_ns.get(rank as usize).map(|ns| *ns as f64 / 1e6)
}

fn inverted(outcome: &Outcome, which: fn(&inversion::Inversions) -> u64) -> Option<f64> {
    let inversions = inversion::count(outcome.record());
    (inversions.bundles > 0).then(|| which(&inversions) as f64 * 100.0 / inversions.bundles as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_name_of_its_own() {
        for metric in METRICS {
            assert_eq!(find(metric.name).unwrap().title, metric.title);
        }
        assert!(find("speed").unwrap_err().contains("throughput"));
    }
}

//! The links between machines: when what is sent on them arrives, and what is wrong with them for a while.
//!
//! A link has a latency (constant or log-normal), a bandwidth and a loss rate, drawn from a random stream of its own.
//! On top come the conditions that the nemesis sets: cut, lossy, slow. A lost segment is sent again one retransmission
//! timeout later (twice the median round trip, 1 ms at least), which doubles with each loss.

use std::collections::BTreeMap;

use super::network::Machine;
use crate::{
    random::{Stream, Streams},
    scenario::{DrawnNetwork, Latency},
};

/// Bytes of a segment: what is lost at once.
const SEGMENT: usize = 1460;
/// A lost segment is sent again at most this often before it passes: a rate of 1 must not stop the run.
const RETRIES_MAX: u32 = 12;

/// Something that is wrong with some links.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Nothing passes between these machines and the others.
    Cut(Vec<Machine>),
    /// Segments are lost, on one machine's links or on all.
    Loss(f64, Option<Machine>),
    /// Everything takes longer, on one machine's links or on all.
    Delay(u64, Option<Machine>),
}

impl Condition {
    fn touches(machine: Option<Machine>, from: Machine, to: Machine) -> bool {
        machine.is_none_or(|machine| machine == from || machine == to)
    }

    /// Whether nothing passes from one to the other.
    pub fn cuts(&self, from: Machine, to: Machine) -> bool {
        matches!(self, Condition::Cut(side) if side.contains(&from) != side.contains(&to))
    }

    fn loss(&self, from: Machine, to: Machine) -> f64 {
        match self {
            Condition::Loss(rate, machine) if Condition::touches(*machine, from, to) => *rate,
            _ => 0.0,
        }
    }

    fn delay(&self, from: Machine, to: Machine) -> u64 {
        match self {
            Condition::Delay(extra, machine) if Condition::touches(*machine, from, to) => *extra,
            _ => 0,
        }
    }
}

/// A condition in force.
struct Active {
    since_ns: u64,
    condition: Condition,
    /// How often it had an effect.
    effects: u64,
}

struct Link {
    random: Stream,
    free_at_ns: u64,
}

/// The links between all machines, and what is wrong with them.
pub struct Wires {
    network: DrawnNetwork,
    streams: Streams,
    links: BTreeMap<(Machine, Machine), Link>,
    conditions: BTreeMap<usize, Active>,
    /// Segments lost, by whatever cause.
    pub lost: u64,
    /// Bytes put on links, by machine.
    pub sent: BTreeMap<Machine, u64>,
}

impl Wires {
    /// Links without conditions.
    pub fn new(network: DrawnNetwork, streams: Streams) -> Self {
        let (links, conditions, sent) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Wires { network, streams, links, conditions, lost: 0, sent }
    }

    /// Sets a condition, which had so many effects at once.
    pub fn begin(&mut self, number: usize, condition: Condition, since_ns: u64, effects: u64) {
        self.conditions.insert(number, Active { since_ns, condition, effects });
    }

    /// Ends a condition: what it was, since when, and how often it had an effect.
    pub fn end(&mut self, number: usize) -> Option<(Condition, u64, u64)> {
        let Active { since_ns, condition, effects } = self.conditions.remove(&number)?;
        Some((condition, since_ns, effects))
    }

    /// Whether nothing passes from one to the other.
    pub fn is_cut(&self, from: Machine, to: Machine) -> bool {
        self.conditions.values().any(|active| active.condition.cuts(from, to))
    }

    /// Counts an effect of every condition that is behind it.
    fn count(&mut self, is_behind: impl Fn(&Condition) -> bool) {
        let behind = self.conditions.values_mut().filter(|active| is_behind(&active.condition));
        behind.for_each(|active| active.effects += 1);
    }

    /// When so many bytes, sent now, arrive; none if the link is cut.
    pub fn transmit(&mut self, from: Machine, to: Machine, bytes: usize, now: u64) -> Option<u64> {
        if self.is_cut(from, to) {
            self.count(|condition| condition.cuts(from, to));
            return None;
        }
        Some(self.arrival(from, to, bytes, now))
    }

    /// When so many bytes, sent now over a link that is not cut, arrive.
    pub fn arrival(&mut self, from: Machine, to: Machine, bytes: usize, now: u64) -> u64 {
        *self.sent.entry(from).or_default() += bytes as u64;
        let loss: f64 = self.conditions.values().map(|active| active.condition.loss(from, to)).sum();
        let loss = (self.network.loss + loss).min(1.0);
        let extra: u64 = self.conditions.values().map(|active| active.condition.delay(from, to)).sum();
        let streams = self.streams;
        let link = self.links.entry((from, to)).or_insert_with(|| Link {
            random: streams.stream(&format!("network/{from}->{to}")),
            free_at_ns: 0,
        });
        let on_wire = self
            .network
            .bandwidth_bit_s
            .map_or(0, |rate| (bytes as u128 * 8_000_000_000 / u128::from(rate.max(1))) as u64);
        link.free_at_ns = link.free_at_ns.max(now) + on_wire;
        let (latency, timeout) = match self.network.latency {
            Latency::Constant { ns } => (ns, 4 * ns),
            Latency::LogNormal { median_ns, p99_ns } => {
                (link.random.log_normal(median_ns as f64, p99_ns as f64) as u64, 4 * median_ns)
            }
        };
        let mut again = 0;
        if loss > 0.0 {
            let segments = bytes.div_ceil(SEGMENT).max(1);
            let passes = (0..segments).fold(1.0, |all, _| all * (1.0 - loss));
            let mut retries = 0;
            while retries < RETRIES_MAX && link.random.chance(1.0 - passes) {
                again += timeout.max(1_000_000) << retries.min(6);
                retries += 1;
            }
            self.lost += u64::from(retries);
        }
        let arrival = link.free_at_ns + latency + extra + again;
        if again > 0 {
            self.count(|condition| condition.loss(from, to) > 0.0);
        }
        if extra > 0 {
            self.count(|condition| condition.delay(from, to) > 0);
        }
        arrival
    }
}

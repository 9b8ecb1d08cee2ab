//! The links between machines: when what is sent on them arrives, and what is wrong with them for a while.
//!
//! A link has a latency, a bandwidth and a loss rate, drawn from a random stream of its own. On top come the
//! conditions that the nemesis sets. A lost segment is sent again one retransmission timeout later (twice the median
//! round trip, 1 ms at least), which doubles with each loss.
//!
//! # Invariants
//! - A condition that is not in force draws nothing: a run without it is the same run.

use std::collections::BTreeMap;

use super::{condition::Condition, network::Machine};
use crate::{
    random::{Stream, Streams},
    scenario::{DrawnNetwork, Latency},
    windows::Windows,
};

/// Bytes of a segment: what is lost at once.
const SEGMENT: usize = 1460;
/// A lost segment is sent again at most this often before it passes: a rate of 1 must not stop the run.
const RETRIES_MAX: u32 = 12;

/// A condition in force.
struct Active {
    since_ns: u64,
    condition: Condition,
    /// How often it had an effect.
    effects: u64,
}

#[derive(Default)]
struct Link {
    /// Made when something is drawn: of a million links most may never need one.
    random: Option<Box<Stream>>,
    free_at_ns: u64,
    /// For how long it was taken, in all.
    busy_ns: u64,
}

impl Link {
    fn random(&mut self, streams: Streams, from: Machine, to: Machine) -> &mut Stream {
        let stream = || Box::new(streams.stream(&format!("network/{from}->{to}")));
        self.random.get_or_insert_with(stream)
    }
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
    pub sent: BTreeMap<Machine, Windows>,
}

/// What the conditions add to one transmission.
#[derive(Default)]
struct Toll {
    loss: f64,
    extra_ns: u64,
    bandwidth_bit_s: Option<u64>,
    copies: u64,
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

    /// For how long the busiest link of each machine was taken.
    pub fn busiest_ns(&self) -> BTreeMap<Machine, u64> {
        let mut busiest = BTreeMap::new();
        for ((from, _), link) in &self.links {
            let most = busiest.entry(*from).or_insert(0);
            *most = link.busy_ns.max(*most);
        }
        busiest
    }

    /// When so many bytes, sent now, arrive; none if the link is cut.
    pub fn transmit(&mut self, from: Machine, to: Machine, bytes: usize, now: u64) -> Option<u64> {
        if self.is_cut(from, to) {
            let behind = self.conditions.values_mut().filter(|active| active.condition.cuts(from, to));
            behind.for_each(|active| active.effects += 1);
            return None;
        }
        Some(self.arrival(from, to, bytes, now))
    }

    /// When so many bytes, sent now over a link that is not cut, arrive.
    pub fn arrival(&mut self, from: Machine, to: Machine, bytes: usize, now: u64) -> u64 {
        self.sent.entry(from).or_default().add(now, bytes as u64);
        let toll = self.toll(from, to);
        let loss = (self.network.loss + toll.loss).min(1.0);
        let network = &self.network;
        let rate = [network.bandwidth_bit_s, toll.bandwidth_bit_s].into_iter().flatten().min();
        let bits = bytes as u128 * 8_000_000_000 * u128::from(1 + toll.copies);
        let on_wire = rate.map_or(0, |rate| (bits / u128::from(rate.max(1))) as u64);
        let timeout = 4 * network.latency.median_ns();
        let link = self.links.entry((from, to)).or_default();
        link.free_at_ns = link.free_at_ns.max(now) + on_wire;
        link.busy_ns += on_wire;
        let free_at_ns = link.free_at_ns;
        let latency = draw(&network.latency, || link.random(self.streams, from, to));
        let again = if loss > 0.0 { self.resent_ns(from, to, bytes, loss, timeout) } else { 0 };
        // a wide distribution draws latencies beyond any run
        [latency, toll.extra_ns, again].into_iter().fold(free_at_ns, u64::saturating_add)
    }

    fn random(&mut self, from: Machine, to: Machine) -> &mut Stream {
        self.links.entry((from, to)).or_default().random(self.streams, from, to)
    }

    /// How much later something arrives because segments of it are lost and sent again.
    fn resent_ns(&mut self, from: Machine, to: Machine, bytes: usize, loss: f64, timeout: u64) -> u64 {
        let random = self.random(from, to);
        let segments = bytes.div_ceil(SEGMENT).max(1);
        let passes = (0..segments).fold(1.0, |all, _| all * (1.0 - loss));
        let (mut again, mut retries) = (0, 0);
        while retries < RETRIES_MAX && random.chance(1.0 - passes) {
            again += timeout.max(1_000_000) << retries.min(6);
            retries += 1;
        }
        self.lost += u64::from(retries);
        if retries > 0 {
            self.count(|condition| matches!(condition, Condition::Loss(..)) && condition.touches(from, to));
        }
        again
    }

    /// Counts an effect of every condition that is behind it.
    fn count(&mut self, is_behind: impl Fn(&Condition) -> bool) {
        let behind = self.conditions.values_mut().filter(|active| is_behind(&active.condition));
        behind.for_each(|active| active.effects += 1);
    }

    /// What the conditions add to this transmission, and that they did.
    fn toll(&mut self, from: Machine, to: Machine) -> Toll {
        let mut toll = Toll::default();
        if self.conditions.is_empty() {
            return toll;
        }
        let mut conditions = std::mem::take(&mut self.conditions);
        for active in conditions.values_mut().filter(|active| active.condition.touches(from, to)) {
            let random = self.random(from, to);
            let effect = match &active.condition {
                Condition::Loss(rate, _) => {
                    toll.loss += rate;
                    false
                }
                Condition::Delay(extra, _) => {
                    toll.extra_ns += extra;
                    true
                }
                Condition::Jitter(most, _) => {
                    let extra = random.within(0..=*most);
                    toll.extra_ns += extra;
                    extra > 0
                }
                Condition::Duplicate(rate, _) => {
                    let twice = random.chance(*rate);
                    toll.copies += u64::from(twice);
                    twice
                }
                Condition::Reorder(rate, most, _) => {
                    let late = random.chance(*rate);
                    toll.extra_ns += if late { random.within(0..=*most) } else { 0 };
                    late
                }
                Condition::Throttle(rate, _, _) => {
                    toll.bandwidth_bit_s = Some(toll.bandwidth_bit_s.map_or(*rate, |other| other.min(*rate)));
                    self.network.bandwidth_bit_s.is_none_or(|has| *rate < has)
                }
                Condition::Corrupt(..) | Condition::Cut(_) | Condition::Clog(_) => false,
            };
            active.effects += u64::from(effect);
        }
        self.conditions = conditions;
        toll
    }

    /// Flips a bit of what goes from one to the other, if a condition says so.
    pub fn corrupt(&mut self, from: Machine, to: Machine, bytes: &mut [u8]) {
        let rate_of = |condition: &Condition| match condition {
            Condition::Corrupt(rate, whose) if whose.touches(from, to) => Some(*rate),
            _ => None,
        };
        let rates: Vec<f64> =
            self.conditions.values().filter_map(|active| rate_of(&active.condition)).collect();
        let flips = |random: &mut Stream, rate: &f64| !bytes.is_empty() && random.chance(*rate);
        if !rates.iter().any(|rate| flips(self.random(from, to), rate)) {
            return;
        }
        let random = self.random(from, to);
        let (at, bit) = (random.below(bytes.len() as u64) as usize, random.below(8));
        bytes[at] ^= 1 << bit;
        self.count(|condition| rate_of(condition).is_some());
    }

    /// The most bytes that may be on the way from one to the other, if that is bounded.
    pub fn buffer(&self, from: Machine, to: Machine) -> Option<u64> {
        let buffer_of = |condition: &Condition| match condition {
            Condition::Throttle(_, buffer, whose) if whose.touches(from, to) => *buffer,
            _ => None,
        };
        self.conditions.values().filter_map(|active| buffer_of(&active.condition)).min()
    }

    /// A writer had to wait for that.
    pub fn holds_back(&mut self, from: Machine, to: Machine) {
        let least = self.buffer(from, to);
        self.count(|condition| match condition {
            Condition::Throttle(_, buffer, whose) => {
                buffer.is_some() && *buffer == least && whose.touches(from, to)
            }
            _ => false,
        });
    }
}

fn draw<'a>(latency: &Latency, random: impl FnOnce() -> &'a mut Stream) -> u64 {
    match latency {
        Latency::Constant { ns } => *ns,
        Latency::LogNormal { median_ns, p99_ns } => {
            random().log_normal(*median_ns as f64, *p99_ns as f64) as u64
        }
        Latency::Empirical { quantiles_ns } => random().quantile(quantiles_ns) as u64,
    }
}

//! Draws what a scenario leaves to the seed.
//!
//! # Invariants
//! - Each value comes from the stream `scenario/<key path>`: setting one key changes no other. Only wildcards look
//!   at other values, the sizes of the topology.

use super::{
    Adversary, Expect, LatencyRange, Network, PaceRange, Scenario, Topology, Workload,
    drawn::{Drawn, DrawnAdversary, DrawnExpect, DrawnNetwork, DrawnTopology, DrawnWorkload, Latency, Pace},
    fault::DrawnFault,
    name::{ActorName, ActorPattern, Sizes},
    value::Range,
};
use crate::random::{Stream, Streams};

impl Scenario {
    /// Decides everything that the scenario leaves to the seed.
    pub fn draw(&self, seed: u64) -> Drawn {
        let draw = Draw(Streams::new(seed));
        let topology = draw.topology(&self.topology);
        let sizes = Sizes {
            handlers: topology.handlers,
            incoming: topology.incoming,
            mailboxes: topology.mailboxes,
            clients: topology.clients,
            witnesses: topology.witnesses,
        };
        let mut adversaries: Vec<DrawnAdversary> = self
            .adversaries
            .iter()
            .enumerate()
            .map(|(index, item)| draw.adversary(index, item, &sizes))
            .collect();
        let workload = draw.workload(&self.workload, topology.clients.max(topology.crowd));
        let faults = self.faults.iter().enumerate();
        let mut faults: Vec<DrawnFault> =
            faults.map(|(index, item)| item.draw(index, &sizes, draw.0)).collect();
        let mut expect = draw.expect(&self.expect, &self.adversaries, &adversaries);
        if let Some(swarm) = &self.swarm {
            adversaries.extend(swarm.draw(&sizes, &adversaries, topology.handler_receipts, draw.0));
        }
        if let Some(chaos) = &self.chaos {
            faults.extend(chaos.draw(&workload, &sizes, draw.0));
            chaos.allow_for(&mut expect);
            // who cheats may be down when it could
            adversaries.iter_mut().for_each(|adversary| adversary.optional = true);
        }
        Drawn {
            claim: self.claim.clone(),
            architecture: self.architecture,
            network: draw.network(&self.network),
            workload,
            faults,
            expect,
            adversaries,
            topology,
        }
    }
}

/// Draws values by their key path.
struct Draw(Streams);

impl Draw {
    fn stream(&self, path: &str) -> Stream {
        self.0.stream(&format!("scenario/{path}"))
    }

    fn count(&self, path: &str, range: &Range<u32>) -> u32 {
        range.draw(&mut self.stream(path))
    }

    /// A quantity with a unit.
    fn quantity(&self, path: &str, range: &Range<u64>) -> u64 {
        range.draw_round(&mut self.stream(path))
    }

    fn float(&self, path: &str, range: &Range<f64>) -> f64 {
        range.draw(&mut self.stream(path))
    }

    fn topology(&self, topology: &Topology) -> DrawnTopology {
        DrawnTopology {
            handlers: self.count("topology.handlers", &topology.handlers),
            incoming: self.count("topology.incoming", &topology.incoming),
            mailboxes: self.count("topology.mailboxes", &topology.mailboxes),
            clients: self.count("topology.clients", &topology.clients),
            crowd: self.count("topology.crowd", &topology.crowd),
            witnesses: self.count("topology.witnesses", &topology.witnesses),
            quorum: self.count("topology.quorum", &topology.quorum),
            challenge_bound: topology.challenge_bound.draw(&mut self.stream("topology.challenge_bound")),
            epoch_ns: self.quantity("topology.epoch", &topology.epoch_ns),
            cores: self.count("topology.cores", &topology.cores),
            transport: topology.transport,
            cut: topology.cut,
            handler_receipts: topology.handler_receipts,
            machines: topology.machines,
            costs: topology.costs.clone(),
            crypto: topology.crypto,
            storage: topology.storage,
        }
    }

    fn network(&self, network: &Network) -> DrawnNetwork {
        let bandwidth = network.bandwidth_bit_s.as_ref();
        DrawnNetwork {
            latency: self.latency(&network.latency),
            bandwidth_bit_s: bandwidth.map(|range| self.quantity("network.bandwidth", range)),
            loss: self.float("network.loss", &network.loss),
        }
    }

    fn latency(&self, latency: &LatencyRange) -> Latency {
        match latency {
            LatencyRange::Constant(range) => {
                Latency::Constant { ns: self.quantity("network.latency", range) }
            }
            LatencyRange::LogNormal { median_ns, p99_ns } => Latency::LogNormal {
                median_ns: self.quantity("network.latency.median", median_ns),
                p99_ns: self.quantity("network.latency.p99", p99_ns),
            },
            LatencyRange::Empirical(quantiles) => Latency::Empirical { quantiles_ns: quantiles.clone() },
        }
    }

    fn workload(&self, workload: &Workload, clients: u32) -> DrawnWorkload {
        DrawnWorkload {
            bundles: workload.bundles.draw(&mut self.stream("workload.bundles")),
            pace: match &workload.pace {
                PaceRange::Open(rate) => Pace::Open { rate_per_s: self.float("workload.rate", rate) },
                PaceRange::Closed(range) => Pace::Closed { in_flight: self.count("workload.closed", range) },
            },
            per_request: self.count("workload.per_request", &workload.per_request),
            warm_up_ns: self.quantity("workload.warm_up", &workload.warm_up_ns),
            recipients: workload.recipients.map(|count| count.min(clients)),
            payload_bytes: workload.payload_bytes,
        }
    }

    fn adversary(&self, index: usize, adversary: &Adversary, sizes: &Sizes) -> DrawnAdversary {
        let path = |key: &str| format!("adversary.{index}.{key}");
        let until_ns = adversary.until_ns.as_ref();
        let victim = adversary.victim.as_ref();
        DrawnAdversary {
            actor: adversary.actor.draw(sizes, adversary.attack.roles, &mut self.stream(&path("actor"))),
            attack: adversary.attack,
            from_ns: self.quantity(&path("from"), &adversary.from_ns),
            until_ns: until_ns.map(|range| self.quantity(&path("until"), range)),
            every: adversary.every.draw(&mut self.stream(&path("every"))),
            victim: victim.map(|pattern| pattern.draw_any(sizes, &mut self.stream(&path("victim")))),
            optional: adversary.optional,
        }
    }

    fn expect(&self, expect: &Expect, plans: &[Adversary], drawn: &[DrawnAdversary]) -> DrawnExpect {
        let meant = |pattern: &ActorPattern| match pattern {
            ActorPattern::One(actor) => vec![*actor],
            wildcard => drawn_from(wildcard, plans, drawn),
        };
        let all = |patterns: &[ActorPattern]| {
            let names: std::collections::BTreeSet<ActorName> = patterns.iter().flat_map(meant).collect();
            names.into_iter().collect::<Vec<_>>()
        };
        let pair = |[one, two]: &[ActorPattern; 2]| {
            let (ones, twos) = (meant(one), meant(two));
            let all = ones.iter().flat_map(|one| twos.iter().map(|two| [*one.min(two), *one.max(two)]));
            all.collect::<Vec<_>>()
        };
        let pairs: std::collections::BTreeSet<[ActorName; 2]> = expect.pairs.iter().flat_map(pair).collect();
        DrawnExpect {
            blame: expect.blame,
            exposed: all(&expect.exposed),
            suspected: all(&expect.suspected),
            pairs: pairs.into_iter().collect(),
            unserved: all(&expect.unserved),
            within_epochs: expect.within_epochs.draw(&mut self.stream("expect.within")),
            catch_up_ns: self.quantity("expect.catch_up", &expect.catch_up_ns),
        }
    }
}

/// The adversaries and victims that were drawn from that wildcard.
fn drawn_from(wildcard: &ActorPattern, plans: &[Adversary], drawn: &[DrawnAdversary]) -> Vec<ActorName> {
    let pairs = || plans.iter().zip(drawn);
    let actors = pairs().filter(|(plan, _)| plan.actor == *wildcard).map(|(_, drawn)| drawn.actor);
    let victims = pairs().filter(|(plan, _)| plan.victim.as_ref() == Some(wildcard));
    actors.chain(victims.filter_map(|(_, drawn)| drawn.victim)).collect()
}

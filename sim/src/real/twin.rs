//! The twin of a real server in the simulator: the same deployment on one machine under the same load.

use super::Load;
use crate::{
    crowd::Manners,
    model::costs::Profile,
    outcome::Outcome,
    scenario::{Architecture, Latency, Scenario, ScenarioError},
    world::{self, Circumstances},
};

/// Bundles of a run, at most: more make nothing clearer.
const BUNDLES_MAX: u64 = 100_000;

/// The load generator's readers.
const MANNERS: Manners = Manners { acks_every: 64, stays: true };

/// The deployment of `cargo server run`, on one machine with its clients. Each client sends and receives.
const DEPLOYMENT: &str = "# The twin of a server on this machine.
[topology]
clients = 0
machines = \"one\"
crypto = \"modelled\"
storage = \"modelled\"
challenge_bound = \"4000 epochs\"
[expect]
catch_up = \"60s\"
";

/// Runs the twin of a server for so many bundles, with the costs of this profile and this seed.
///
/// # Errors
/// The scenario is none: a mistake in here.
pub fn run(load: &Load, bundles: u64, profile: &Profile, seed: u64) -> Result<Outcome, ScenarioError> {
    let parallel = load.architecture == Architecture::Parallel;
    let [actors, witnesses] = if parallel { [2, 1] } else { [1, 0] };
    let sets = [
        format!("architecture={}", load.architecture.name()),
        format!("topology.cores={}", load.cores),
        format!("topology.crowd={}", load.connections),
        format!("topology.incoming={actors}"),
        format!("topology.mailboxes={actors}"),
        format!("topology.witnesses={witnesses}"),
        format!("topology.epoch={}ms", load.epoch_ms),
        format!("workload.bundles={}", bundles.min(BUNDLES_MAX)),
        format!("workload.recipients={}", load.recipients),
        format!("workload.payload={}B", load.payload),
        // the loopback interface takes no time, but whoever is told something must wake up
        format!("network.latency={}us", (profile.wake.mean() / 1e3).round()),
    ];
    let pace = match (load.rate_per_s, load.bundles) {
        (None, bundles) => format!("closed = {bundles}"),
        (Some(rate), bundles) => {
            format!("rate = \"{}/s\"\nper_request = {bundles}", u64::from(rate) * u64::from(bundles))
        }
    };
    let scenario = Scenario::parse("twin", &format!("{DEPLOYMENT}[workload]\n{pace}\n"), &sets)?;
    let mut drawn = scenario.draw(seed);
    if profile.wake.varies() {
        let quantiles_ns = profile.wake.parts().iter().map(|ns| ns.round() as u64).collect();
        drawn.network.latency = Latency::Empirical { quantiles_ns };
    }
    let circumstances =
        Circumstances { profile: Some(profile.clone()), manners: MANNERS, ..Circumstances::default() };
    let stopwatch = crate::command::Stopwatch::start();
    let run = world::run_in(&drawn, seed, circumstances).expect("no profile is read: one is given");
    Ok(Outcome::of("twin".to_owned(), seed, drawn, run, stopwatch.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::costs::{Cost, Disk, Pauses};

    /// The slowest receipt of a second in which so much is not there, and the fingerprint.
    fn slowest_receipt_us(withheld: Option<Pauses>, standstills: Option<Pauses>) -> (f64, String) {
        let load = Load {
            architecture: Architecture::Central,
            connections: 4,
            rate_per_s: Some(1000),
            bundles: 1,
            readers: 4,
            recipients: 1,
            payload: 64,
            seconds: 1,
            epoch_ms: 5,
            cores: 2,
        };
        let standard = Profile::standard();
        let disk = Disk { standstills, ..standard.disk.clone() };
        let outcome = run(&load, 1000, &Profile { withheld, disk, ..standard }, 1).unwrap();
        assert_eq!(outcome.bundles().delivered, 1000);
        (outcome.record().receipt.summary().unwrap().max, outcome.fingerprint())
    }

    #[test]
    fn what_is_not_there_from_time_to_time_is_waited_for() {
        let pauses = |per_s, ms: f64| Some(Pauses { per_s, ns: Cost::always(ms * 1e6) });
        let (undisturbed, alike) = slowest_receipt_us(None, None);
        let (withheld, _) = slowest_receipt_us(pauses(20.0, 60.0), None);
        let (stood_still, _) = slowest_receipt_us(None, pauses(10.0, 50.0));
        assert!(undisturbed < 20e3, "{undisturbed} µs");
        assert!(withheld > 30e3 && stood_still > 30e3, "{withheld} and {stood_still} µs");
        // one that never comes changes nothing
        assert_eq!(slowest_receipt_us(pauses(0.0, 50.0), pauses(0.0, 50.0)), (undisturbed, alike));
    }
}

//! What actors compute besides signatures: production's state machines, measured at work.
//!
//! Some deployments run under some loads in the simulator, with signatures and storage that cost next to nothing, and each
//! step of each actor is timed by a clock outside ([`super::meter`]). What a step took is then explained by a fixed part,
//! its inputs, its outputs and its bytes; what is left is the spread.

use std::collections::BTreeMap;

use super::{
    CalibrateError, fit,
    meter::{Meter, Steps},
    pace,
};
use crate::{
    model::costs::{Handling, OTHER, significant},
    scenario::Scenario,
    world::{self, Circumstances},
};

/// The deployment; its loads are laid over it.
const DEPLOYMENT: &str = "# Actors at work.
[topology]
clients = 40
crypto = \"modelled\"
storage = \"modelled\"
[workload]
payload = \"64B\"
";

/// Deployments that are measured: the pipeline, and all of it in one actor.
const ARCHITECTURES: [&str; 2] = ["parallel", "central"];

/// Loads, from idle to full: bundles, rate, recipients of each.
const LOADS: [(u32, u32, &str); 5] =
    [(300, 300, "1"), (3000, 5000, "1"), (6000, 60_000, "1"), (1500, 5000, "10"), (3000, 40_000, "4")];

/// Of so many samples the slowest is left out of a fit: the machine did something else meanwhile.
const OUTLIER_OF: usize = 200;

/// Measures them, by role, and the pace at which that was.
///
/// # Errors
/// A run that does not hold: it would measure something else.
pub fn actors() -> Result<(BTreeMap<String, Handling>, f64), CalibrateError> {
    let mut paces = Vec::new();
    let mut all: BTreeMap<&'static str, Steps> = BTreeMap::new();
    for ((bundles, rate, recipients), architecture) in
        LOADS.into_iter().flat_map(|load| ARCHITECTURES.map(|architecture| (load, architecture)))
    {
        let sets = [
            format!("architecture={architecture}"),
            format!("workload.bundles={bundles}"),
            format!("workload.rate={rate}/s"),
            format!("workload.recipients={recipients}"),
        ];
        paces.push(pace::look());
        for (role, samples) in run(&sets)? {
            all.entry(role).or_default().extend(samples);
        }
    }
    let handling = all.iter_mut().map(|(role, samples)| ((*role).to_owned(), handling(samples)));
    let mut by_role: BTreeMap<String, Handling> = handling.collect();
    if let Some(client) = by_role.get("client").cloned() {
        by_role.insert(OTHER.to_owned(), client);
    }
    Ok((by_role, pace::mean(&paces)))
}

fn run(sets: &[String]) -> Result<BTreeMap<&'static str, Steps>, CalibrateError> {
    let scenario = Scenario::parse("calibrate", DEPLOYMENT, sets)?;
    let meter = Meter::default();
    let circumstances = Circumstances { meter: Some(meter.clone()), ..Circumstances::default() };
    let run = world::run_in(&scenario.draw(0), 0, circumstances)?;
    match run.record.missing {
        0 => Ok(meter.take()),
        missing => Err(CalibrateError::Undelivered(missing)),
    }
}

fn handling(samples: &mut Steps) -> Handling {
    samples.sort_by(|one, other| one.ns.total_cmp(&other.ns));
    samples.truncate(samples.len() - samples.len() / OUTLIER_OF);
    let fit = fit::fit(samples);
    let spread = fit::factor(&fit, samples);
    let [step, input, output, byte] = fit.map(significant);
    Handling { step, input, output, byte, step_byte: 0.0, spread }
}

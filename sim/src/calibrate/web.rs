//! The HTTP API: what remains of a real server's time when everything else that it does is taken off.
//!
//! A request passes through the system's sockets, hyper, axum, checks and queues; no part of that can be measured where it
//! counts, under load. So the central server is loaded, with one recipient a bundle and with several, with short payloads and
//! with long ones, with one bundle a request and with many, fast and slowly, and its twin in the simulator runs the same, at first with the HTTP API for nothing. What
//! the real one needs more than all else in the twin is what requests, their bundles, events and the bytes of events cost; how many there are
//! of each the twin tells. With that the twin runs again, for at another speed it puts its work together otherwise. The same for
//! the load generator, which does nothing else.
//!
//! In the parallel server actors also speak to each other, over connections whose two ends are tasks of the runtime. What remains of its
//! time when requests are taken off, too, is what it costs to write to such a connection ([`Profile::link`]).
//!
//! Loads of one size would not do: an event's fixed cost would pass for one of its bytes, and events that are ten times as long
//! would seem ten times as dear.
//!
//! What actors compute there is told apart first, for each has a thread of its own ([`super::place`]): of the central server and, under
//! some more loads, of the parallel one. The rest of the server's time, and of its twin's, is what HTTP is found by.
//!
//! So it is with the way to the server and back, through sockets and threads that sleep and must be woken: an echo between two threads
//! shows a part of it. A receipt that hardly anything else delays takes longer than that of the twin by the way there and back.

use std::{collections::BTreeMap, fmt};

use server::protocol::id::Role;

use super::{
    CalibrateError,
    fit::{self, Sample, WHOLE_NS},
    place::{InPlace, Worked},
};
use crate::{
    history::Commits,
    model::costs::{Cost, Http, Profile, significant},
    outcome::Outcome,
    real::{self, Load, Measured, threads::OfRole, twin},
    scenario::Architecture,
};

/// Connections of all loads.
const CONNECTIONS: u32 = 64;

/// What is asked of a server.
#[derive(Clone, Copy)]
struct Shape {
    /// Bundles of a request.
    bundles: u32,
    /// Recipients of a bundle.
    recipients: u32,
    /// Bytes of a payload.
    payload: u32,
    /// Requests a second; none if each comes when the one before is answered.
    rate_per_s: Option<u32>,
}

/// One bundle of 64 bytes for one recipient, as fast as it goes.
const PLAIN: Shape = Shape { bundles: 1, recipients: 1, payload: 64, rate_per_s: None };
/// Those of the central server. The slow ones have many events, for what comes slowly shares none; two have many bundles a request.
const LOADS: [Shape; 7] = [
    PLAIN,
    Shape { payload: 4096, ..PLAIN },
    Shape { recipients: 8, ..PLAIN },
    Shape { recipients: 8, rate_per_s: Some(800), ..PLAIN },
    Shape { recipients: 8, payload: 4096, rate_per_s: Some(400), ..PLAIN },
    Shape { bundles: 16, rate_per_s: Some(200), ..PLAIN },
    Shape { bundles: 32, rate_per_s: Some(200), ..PLAIN },
];
/// Those of the parallel server, by which is found what its actors compute, and what their connections cost.
const OF_ACTORS: [Shape; 5] = [
    PLAIN,
    Shape { rate_per_s: Some(1500), ..PLAIN },
    Shape { recipients: 8, rate_per_s: Some(800), ..PLAIN },
    Shape { recipients: 8, payload: 4096, rate_per_s: Some(400), ..PLAIN },
    Shape { bundles: 32, rate_per_s: Some(100), ..PLAIN },
];
/// One that keeps processors idle most of the time.
const LIGHT: Shape = Shape { rate_per_s: Some(500), ..PLAIN };
/// Milliseconds of an epoch.
const EPOCH_MS: u32 = 5;
/// Bundles of the twin's runs.
const BUNDLES: u64 = 6000;
/// What the HTTP API's time is divided among: requests of all kinds, bundles in them, events, and their bytes.
const CAUSES: usize = 4;

/// How often the twin runs with what was found so far: what steps take in together depends on how fast requests come, and
/// that on what they cost.
const ROUNDS: usize = 4;

/// What one bundle of a load comes to.
#[derive(Clone, Copy, Debug)]
struct PerBundle {
    /// Nanoseconds of the server without its actors; in the twin without its HTTP API and its connections, too.
    server_ns: f64,
    twin_ns: f64,
    generator_ns: f64,
    /// Of actors.
    actors_ns: [f64; 2],
    /// Microseconds of a commit in the twin and in the real server.
    commit_us: [f64; 2],
    /// How much of each cause.
    causes: [f64; CAUSES],
    /// Times that something was written to a connection between actors.
    written: f64,
}

impl PerBundle {
    /// What HTTP takes of the server.
    fn served_ns(&self) -> f64 {
        (self.server_ns - self.twin_ns).max(0.0)
    }

    /// Of what takes so long, as if it took [`WHOLE_NS`]: a load counts as much as any other, however heavy it is.
    fn sample(&self, ns: f64) -> Sample<CAUSES> {
        Sample { causes: self.causes.map(|count| count * WHOLE_NS / ns.max(1.0)), ns: WHOLE_NS }
    }

    /// What requests and events take of the server by this.
    fn http_ns(&self, http: &Http) -> f64 {
        of_server(http).iter().zip(self.causes).map(|(each, count)| each * count).sum()
    }

    /// What connections take besides, as a share of [`WHOLE_NS`].
    fn connected(&self, http: &Http) -> Sample<1> {
        let weight = WHOLE_NS / self.server_ns.max(1.0);
        let left_ns = self.server_ns - self.twin_ns - self.http_ns(http);
        Sample { causes: [self.written * weight], ns: left_ns * weight }
    }
}

/// What one of each cause takes of the server, on average.
fn of_server(http: &Http) -> [f64; CAUSES] {
    let once = [http.request.mean(), http.bundle, http.event.mean(), http.event_byte];
    once.map(|ns| ns * http.spread.mean())
}

/// What one of each takes of the load generator.
fn of_generator(http: &Http) -> [f64; CAUSES] {
    let once = [http.ask.mean(), http.hand_in, http.hear.mean(), http.hear_byte];
    once.map(|ns| ns * http.client_spread.mean())
}

impl fmt::Display for PerBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PerBundle { server_ns, twin_ns, generator_ns, .. } = self;
        let [requests, _, events, bytes] = self.causes;
        let ([twin_actors_ns, actors_ns], [twin_us, real_us]) = (self.actors_ns, self.commit_us);
        write!(
            f,
            "a bundle takes {:.1} µs of actors, of the twin's {:.1}; besides {:.1} µs of the server, of its twin {:.1} without HTTP; \
             {:.1} µs of the load generator; {requests:.2} requests, {events:.2} events of {bytes:.0} bytes together; a commit takes \
             {real_us:.0} µs, of the twin {twin_us:.0} µs",
            actors_ns / 1e3,
            twin_actors_ns / 1e3,
            server_ns / 1e3,
            twin_ns / 1e3,
            generator_ns / 1e3,
        )
    }
}

/// The loads by which it is found, each of so many seconds. The last is the light one.
pub fn loads(seconds: u32) -> Vec<Load> {
    let load = |architecture, Shape { bundles, recipients, payload, rate_per_s }| Load {
        architecture,
        connections: CONNECTIONS,
        rate_per_s,
        bundles,
        readers: CONNECTIONS,
        recipients,
        payload,
        seconds,
        epoch_ms: EPOCH_MS,
        cores: real::cores(),
    };
    let central = LOADS.into_iter().chain([LIGHT]).map(|shape| load(Architecture::Central, shape));
    OF_ACTORS.into_iter().map(|shape| load(Architecture::Parallel, shape)).chain(central).collect()
}

/// The profile with it, given everything else, by what was measured of these loads; the median of each counts.
///
/// # Errors
/// A twin fails.
pub fn profile(
    loads: &[Load],
    measured: &[Vec<Measured>],
    rest: Profile,
    told: &dyn Fn(&str),
) -> Result<Profile, CalibrateError> {
    let at_pace = |runs: &Vec<Measured>| {
        let runs: Vec<Measured> = runs.iter().map(|run| run.at_pace(rest.pace)).collect();
        Measured::median(&runs)
    };
    let real: Vec<(&Load, Measured)> = loads.iter().zip(measured.iter().map(at_pace)).collect();
    let (Some(((light, _), asking)), Some(light_runs)) = (real.split_last(), measured.last()) else {
        return Ok(rest);
    };
    let (lights, pace) = (Measured::median(light_runs), rest.pace);
    let mut places = BTreeMap::new();
    let alone = Profile { http: Profile::zero().http, wake: Profile::zero().wake, link: 0.0, ..rest };
    let mut profile = alone.clone();
    for round in 1..=ROUNDS {
        let (mut loads, mut of_actors, mut each) = (Vec::new(), Vec::new(), Vec::new());
        let mut worked: BTreeMap<&'static str, Vec<Worked>> = BTreeMap::new();
        for (at, ((load, real), runs)) in real.iter().zip(measured).enumerate() {
            let outcome = run_twin(load, &profile)?;
            for (role, of_load) in work(load, real, &outcome, &alone) {
                worked.entry(role).or_default().push(of_load);
            }
            if at < asking.len() {
                let alike = if load.architecture.is_monolith() { &mut loads } else { &mut of_actors };
                alike.push(per_bundle(load, real, &outcome, &profile));
                let runs = runs.iter().filter(|_| load.architecture.is_monolith());
                each.extend(runs.map(|run| per_bundle(load, &run.at_pace(pace), &outcome, &profile)));
            }
        }
        for (role, worked) in worked {
            let place = InPlace::explaining(&worked);
            profile.role.insert(role.to_owned(), place.handling(alone.handling(role)));
            places.insert(role, (place, worked));
        }
        profile.http = with_spread(explained(&loads), &each);
        profile.link = linked(&profile.http, &of_actors);
        let twin_us = receipt_us(light, &profile.at_pace(lights.pace_ns))?;
        profile.wake = way(profile.wake.mean(), light_runs, twin_us);
        if round == ROUNDS {
            places.iter().for_each(|(role, (place, worked))| told(&told_place(role, *place, worked)));
            loads.iter().for_each(|load| told(&format!("{load}; {}", off(&profile.http, load))));
            of_actors.iter().for_each(|load| told(&format!("{load}; {}", told_link(&profile, load))));
            let [real_us, way_us] = [lights.receipt_us[0], profile.wake.mean() / 1e3];
            told(&format!(
                "at {} requests a second a receipt takes {real_us:.0} µs, of the twin {twin_us:.0} µs with the way before this \
                 one: {way_us:.0} µs",
                light.rate_per_s.unwrap_or_default()
            ));
        }
    }
    Ok(profile)
}

fn told_place(role: &str, place: InPlace, worked: &[Worked]) -> String {
    let off: Vec<String> = worked.iter().map(|load| format!("{:+.0}", place.off_percent(load))).collect();
    format!("{role}: {place}; explained {} %", off.join(", "))
}

/// What a receipt of the twin takes in the median.
fn receipt_us(load: &Load, profile: &Profile) -> Result<f64, CalibrateError> {
    let outcome = run_twin(load, profile)?;
    Ok(outcome.record().receipt.summary().map_or(0.0, |receipts| receipts.p50))
}

/// The way to a server, if receipts of the twin take so long with this one before. What one run takes longer than the others is no spread of it: in
/// one of five the disk stood still for most of the time, and drawn as a fifth of all ways that is 0.2 s for each of them.
fn way(before_ns: f64, light_runs: &[Measured], twin_us: f64) -> Cost {
    let real_us = Measured::median(light_runs).receipt_us[0];
    Cost::always(significant((before_ns + (real_us - twin_us) * 1e3 / 2.0).max(0.0)))
}

/// What requests, bundles, events and their bytes cost, by several loads.
fn explained(loads: &[PerBundle]) -> Http {
    let fitted = |ns: fn(&PerBundle) -> f64| {
        fit::fit(&loads.iter().map(|load| load.sample(ns(load))).collect::<Vec<_>>()).map(significant)
    };
    let [request, bundle, event, event_byte] = fitted(PerBundle::served_ns);
    let [ask, hand_in, hear, hear_byte] = fitted(|load| load.generator_ns);
    let [request, event, ask, hear] = [request, event, ask, hear].map(Cost::always);
    let [spread, client_spread] = [Cost::one(), Cost::one()];
    Http { request, bundle, event, event_byte, ask, hand_in, hear, hear_byte, spread, client_spread }
}

/// The same with the factors by which single runs took more or less: no request can be timed by itself.
fn with_spread(http: Http, runs: &[PerBundle]) -> Http {
    let spread = |costs: [f64; CAUSES], ns: fn(&PerBundle) -> f64| {
        let samples: Vec<_> = runs.iter().map(|run| run.sample(ns(run))).collect();
        match samples.iter().any(|sample| fit::predict(&costs, sample) > 0.0) {
            true => fit::factor(&costs, &samples),
            false => Cost::one(),
        }
    };
    let spreads =
        [spread(of_server(&http), PerBundle::served_ns), spread(of_generator(&http), |run| run.generator_ns)];
    let [spread, client_spread] = spreads;
    Http { spread, client_spread, ..http }
}

/// What it takes to write to a connection between actors, by several loads of a server that has some.
fn linked(http: &Http, loads: &[PerBundle]) -> f64 {
    let [each] = fit::fit(&loads.iter().map(|load| load.connected(http)).collect::<Vec<_>>());
    significant(each)
}

/// By how much a load with connections is not explained.
fn told_link(profile: &Profile, load: &PerBundle) -> String {
    let (written, each_us) = (load.written, profile.link / 1e3);
    let explained_ns = load.twin_ns + load.http_ns(&profile.http) + written * profile.link;
    let off = 100.0 * (explained_ns / load.server_ns.max(1.0) - 1.0);
    format!("{written:.2} times {each_us:.1} µs to write to connections; explained {off:+.0} %")
}

/// By how much the two sides of a load are not explained.
fn off(http: &Http, load: &PerBundle) -> String {
    let share =
        |costs: [f64; CAUSES], ns: f64| 100.0 * (fit::predict(&costs, &load.sample(ns)) / WHOLE_NS - 1.0);
    let served = share(of_server(http), load.served_ns());
    let heard = share(of_generator(http), load.generator_ns);
    format!("explained {served:+.0} and {heard:+.0} %")
}

fn run_twin(load: &Load, profile: &Profile) -> Result<Outcome, CalibrateError> {
    let outcome = twin::run(load, BUNDLES, profile, 0)?;
    match BUNDLES - outcome.bundles().delivered.min(BUNDLES) {
        0 => Ok(outcome),
        missing => Err(CalibrateError::Undelivered(missing)),
    }
}

/// What actors did for a bundle, by the role of the twin's.
fn work(load: &Load, real: &Measured, twin: &Outcome, alone: &Profile) -> Vec<(&'static str, Worked)> {
    let done = &twin.run.load.actors;
    let of_role = |(role, thread): (Role, OfRole)| {
        // one that is the whole server has the thread of its sequencer
        let role = if load.architecture.is_monolith() { "server" } else { role.name() };
        let ledger = &done.get(role)?.ledger;
        let real = (thread.ns / real.bundles(load), thread.commits / real.bundles(load));
        Some((role, Worked::of((ledger, BUNDLES as f64), real, alone.handling(role), alone)))
    };
    real.threads.roles().filter_map(of_role).collect()
}

/// What a bundle takes of the real server, and of its twin with this profile.
fn per_bundle(load: &Load, real: &Measured, twin: &Outcome, profile: &Profile) -> PerBundle {
    let counts = twin.crowd().unwrap_or_default();
    let each = |count: u64| count as f64 / BUNDLES as f64;
    let handed_in = counts.sent + counts.again;
    let causes = [counts.requests, handed_in, counts.events, counts.event_bytes].map(each);
    let both = of_server(&profile.http).into_iter().zip(of_generator(&profile.http));
    let http_ns: f64 = causes.iter().zip(both).map(|(count, (served, asked))| count * (served + asked)).sum();
    let twin_actors_ns = each(twin.run.load.actors.values().map(|done| done.ns).sum());
    let bundles = real.bundles(load);
    let actors_ns = real.threads.ns() / bundles;
    let done = &twin.run.load;
    let commits: u64 = done.actors.values().map(|done| done.ledger.commits).sum();
    let of_twin = each(commits) / profile.disk.whole_turns() as f64;
    // what is said together leaves with one transaction: the real server has more or fewer of these
    let ratio = if of_twin > 0.0 { real.threads.commits() / bundles / of_twin } else { 1.0 };
    PerBundle {
        server_ns: real.server_ns as f64 / bundles - actors_ns,
        twin_ns: each(done.busy_ns) - http_ns - each(done.written) * profile.link - twin_actors_ns,
        generator_ns: real.generator_ns as f64 / bundles,
        actors_ns: [twin_actors_ns, actors_ns],
        commit_us: [twin.record().commits, real.commits].map(Commits::mean_us),
        causes,
        written: each(done.written) * ratio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load of so many requests, events and bytes a bundle, of which the server and the load generator take what these cost.
    fn load(causes: [f64; CAUSES], twin_ns: f64) -> PerBundle {
        let [requests, bundles, events, bytes] = causes;
        let server_ns = twin_ns + 20e3 * requests + 4e3 * bundles + 5e3 * events + 2.0 * bytes;
        let generator_ns = 30e3 * requests + 8e3 * bundles + 3.0 * bytes;
        let actors_ns = [30e3, 50e3];
        PerBundle {
            server_ns,
            twin_ns,
            generator_ns,
            actors_ns,
            commit_us: [300.0, 400.0],
            causes,
            written: 0.0,
        }
    }

    fn loads() -> [PerBundle; 5] {
        [
            load([1.1, 1.0, 1.0, 2e3], 70e3),
            load([1.2, 1.0, 4.0, 12e3], 200e3),
            load([1.1, 1.0, 1.0, 7e3], 90e3),
            load([1.3, 1.0, 5.0, 60e3], 300e3),
            load([0.1, 1.0, 0.7, 2e3], 60e3),
        ]
    }

    #[test]
    fn requests_bundles_events_and_their_bytes_are_told_apart() {
        let http = explained(&loads());
        let near = |found: f64, given: f64| assert!((found - given).abs() < 1e-3 * given + 1e-6, "{http:?}");
        near(http.request.mean(), 20e3);
        near(http.bundle, 4e3);
        near(http.event.mean(), 5e3);
        near(http.event_byte, 2.0);
        near(http.ask.mean(), 30e3);
        near(http.hand_in, 8e3);
        near(http.hear.mean(), 0.0);
        near(http.hear_byte, 3.0);
        assert_eq!(off(&http, &loads()[3]).replace('-', "+"), "explained +0 and +0 %");
    }

    #[test]
    fn what_is_left_where_actors_are_connected_is_what_connections_cost() {
        let http = explained(&loads());
        let connected = |(written, load): (f64, PerBundle)| {
            let server_ns = load.server_ns + 15e3 * written;
            PerBundle { server_ns, written, ..load }
        };
        let of_actors: Vec<_> = [2.0, 5.0, 9.0, 0.5, 1.0].into_iter().zip(loads()).map(connected).collect();
        let link = linked(&http, &of_actors);
        assert!((link - 15e3).abs() < 20.0, "{link}");
        assert_eq!(linked(&http, &loads()), 0.0, "nothing is written there");
        let less: Vec<_> =
            of_actors.iter().map(|load| PerBundle { server_ns: load.server_ns / 2.0, ..*load }).collect();
        assert_eq!(linked(&http, &less), 0.0, "it takes no time back");
    }

    #[test]
    fn a_run_in_which_the_disk_stood_still_is_no_part_of_the_way() {
        let run = |receipt_us| Measured {
            requests: 1500.0,
            requests_per_s: 500.0,
            deliveries_per_s: 500.0,
            receipt_us: [receipt_us; 2],
            delivery_us: [5e3; 2],
            commits: Commits::default(),
            server_ns: 1,
            threads: crate::real::threads::Threads::default(),
            generator_ns: 1,
            pace_ns: 24e3,
        };
        let runs = [540.0, 560.0, 387_000.0, 580.0, 520.0].map(run);
        let found = way(100e3, &runs, 500.0);
        assert!(!found.varies() && (found.mean() - 130e3).abs() < 1.0, "{found:?}");
        assert_eq!(way(0.0, &runs, 900.0).mean(), 0.0, "it takes no time back");
    }

    #[test]
    fn runs_that_took_more_or_less_than_others_are_the_spread() {
        let http = explained(&loads());
        let near = |found: f64, given: f64| assert!((found / given - 1.0).abs() < 0.01, "{found}, {given}");
        let by = |factor: f64| {
            let of_http = move |load: PerBundle| PerBundle {
                server_ns: load.twin_ns + factor * load.served_ns(),
                generator_ns: load.generator_ns / factor,
                ..load
            };
            loads().map(of_http)
        };
        let told = with_spread(http.clone(), &[by(0.8), by(1.0), by(1.4)].concat());
        near(told.spread.at(0.0), 0.8);
        near(told.spread.slowest(), 1.4);
        near(told.client_spread.slowest(), 1.25);
        assert_eq!(
            (&told.request, told.bundle),
            (&http.request, http.bundle),
            "what it costs on average stays"
        );
        assert!(with_spread(Profile::zero().http, &loads()).spread.is_one());
    }

    #[test]
    fn what_the_twin_overestimates_costs_nothing_more() {
        let over = loads().map(|load| PerBundle { twin_ns: load.server_ns + 1e3, ..load });
        let http = explained(&over);
        assert!(of_server(&http).iter().sum::<f64>() < 2.0, "{http:?}");
    }
}

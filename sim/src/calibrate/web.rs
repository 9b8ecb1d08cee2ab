//! The HTTP API: what remains of a real server's time when everything else that it does is taken off.
//!
//! A request passes through the system's sockets, hyper, axum, checks and queues; no part of that can be measured where it
//! counts, under load. So the central server is loaded, once with one recipient a bundle and once with several, and its
//! twin in the simulator runs the same, at first with the HTTP API for nothing. What the real one needs more than all else in
//! the twin is what requests and the bytes of events cost; how many there are of each the twin tells. With that the twin runs
//! again, for at another speed it puts its work together otherwise. The same for the load generator, which does nothing else.

use std::{fmt, path::Path};

use super::CalibrateError;
use crate::{
    model::costs::{Cost, Http, Profile, significant},
    outcome::Outcome,
    real::{Load, Measured, Server, twin},
    scenario::Architecture,
};

/// Connections of both loads.
const CONNECTIONS: u32 = 64;
/// Recipients of a bundle, in the one and the other load.
const RECIPIENTS: [u32; 2] = [1, 8];
/// Seconds of each.
const SECONDS: u32 = 5;
/// How often each is measured: the median counts.
const REPEATS: usize = 3;
/// Milliseconds of an epoch.
const EPOCH_MS: u32 = 5;
/// Requests of the twin's runs.
const REQUESTS: u64 = 6000;

/// How often the twin runs with what was found so far: what steps take in together depends on how fast requests come, and
/// that on what they cost.
const ROUNDS: usize = 4;

/// What one request of a load comes to.
#[derive(Clone, Copy, Debug)]
struct PerRequest {
    /// Nanoseconds of the server, without its HTTP API in the twin.
    server_ns: f64,
    twin_ns: f64,
    generator_ns: f64,
    /// Requests of all kinds.
    requests: f64,
    /// Bytes of events.
    bytes: f64,
}

impl fmt::Display for PerRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PerRequest { server_ns, twin_ns, generator_ns, requests, bytes } = self;
        write!(
            f,
            "a bundle takes {:.1} µs of the server, {:.1} µs of its twin besides HTTP, {:.1} µs of the load generator; \
             {requests:.2} requests and {bytes:.0} bytes of events",
            server_ns / 1e3,
            twin_ns / 1e3,
            generator_ns / 1e3,
        )
    }
}

/// Measures it, given everything else.
///
/// # Errors
/// The server or the load generator fails.
pub fn http(directory: &Path, rest: &Profile, told: &dyn Fn(&str)) -> Result<Http, CalibrateError> {
    let server = Server::beside_this()?;
    let mut real = Vec::new();
    for recipients in RECIPIENTS {
        let load = load(recipients);
        let measured =
            (0..REPEATS).map(|_| server.measure(&load, directory)).collect::<Result<Vec<_>, _>>()?;
        let measured: Vec<Measured> = measured.into_iter().map(|run| run.at_pace(rest.pace)).collect();
        real.push((load, Measured::median(&measured)));
    }
    let mut http = Profile::zero().http;
    for round in 1..=ROUNDS {
        let profile = Profile { http: http.clone(), ..rest.clone() };
        let loads = real.iter().map(|(load, real)| per_request(load, real, &profile));
        let loads = loads.collect::<Result<Vec<_>, _>>()?;
        http = explained(&loads[0], &loads[1]);
        if round == ROUNDS {
            loads.iter().for_each(|load| told(&load.to_string()));
        }
    }
    Ok(http)
}

fn load(recipients: u32) -> Load {
    Load {
        architecture: Architecture::Central,
        connections: CONNECTIONS,
        rate_per_s: None,
        readers: CONNECTIONS,
        recipients,
        seconds: SECONDS,
        epoch_ms: EPOCH_MS,
    }
}

/// What requests and bytes of events cost, by two loads.
fn explained(one: &PerRequest, several: &PerRequest) -> Http {
    let server = solve(one, several, |load| load.server_ns - load.twin_ns);
    let generator = solve(one, several, |load| load.generator_ns);
    let cost = |ns: f64| Cost::always(significant(ns));
    Http {
        request: cost(server[0]),
        event_byte: significant(server[1]),
        ask: cost(generator[0]),
        hear_byte: significant(generator[1]),
    }
}

/// What a request of the real server takes, and of its twin with this profile.
fn per_request(load: &Load, real: &Measured, profile: &Profile) -> Result<PerRequest, CalibrateError> {
    let answered = real.requests_per_s * f64::from(load.seconds);
    let outcome = twin::run(load, REQUESTS, profile, 0)?;
    delivered(&outcome)?;
    let counts = outcome.crowd().unwrap_or_default();
    let per_request = |count: u64| count as f64 / REQUESTS as f64;
    let (requests, bytes) = (per_request(counts.requests), per_request(counts.event_bytes));
    let Http { request, event_byte, ask, hear_byte } = &profile.http;
    let http_ns = requests * (request.mean() + ask.mean()) + bytes * (event_byte + hear_byte);
    Ok(PerRequest {
        server_ns: real.server_ns as f64 / answered,
        twin_ns: per_request(outcome.run.load.busy_ns) - http_ns,
        generator_ns: real.generator_ns as f64 / answered,
        requests,
        bytes,
    })
}

fn delivered(outcome: &Outcome) -> Result<(), CalibrateError> {
    match REQUESTS - outcome.bundles().delivered.min(REQUESTS) {
        0 => Ok(()),
        missing => Err(CalibrateError::Undelivered(missing)),
    }
}

/// What a request and a byte cost, so that both loads come out; nothing costs less than nothing.
fn solve(one: &PerRequest, other: &PerRequest, total: impl Fn(&PerRequest) -> f64) -> [f64; 2] {
    let determinant = one.requests * other.bytes - other.requests * one.bytes;
    let byte = (one.requests * total(other) - other.requests * total(one)) / determinant;
    let byte = if byte.is_finite() { byte.max(0.0) } else { 0.0 };
    let request = (total(one) - one.bytes * byte) / one.requests;
    [request.max(0.0), byte]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(server_ns: f64, twin_ns: f64, requests: f64, bytes: f64) -> PerRequest {
        PerRequest { server_ns, twin_ns, generator_ns: 0.0, requests, bytes }
    }

    #[test]
    fn requests_and_bytes_are_told_apart_by_two_loads() {
        let (one, several) = (load(80.0 + 23.0, 80.0, 1.0, 0.6), load(200.0 + 40.0, 200.0, 1.0, 4.0));
        let [request, byte] = solve(&one, &several, |load| load.server_ns - load.twin_ns);
        assert!((request - 20.0).abs() < 1e-9 && (byte - 5.0).abs() < 1e-9, "{request} {byte}");
    }

    #[test]
    fn what_the_twin_overestimates_costs_nothing_more() {
        let (one, several) = (load(50.0, 80.0, 1.0, 0.6), load(100.0, 200.0, 1.0, 4.0));
        assert_eq!(solve(&one, &several, |load| load.server_ns - load.twin_ns), [0.0, 0.0]);
    }
}

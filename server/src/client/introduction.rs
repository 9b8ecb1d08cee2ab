//! What a server says of itself, before a client starts.

use std::{collections::BTreeMap, fs, io, ops::RangeInclusive, path::Path, pin::pin};

use bytes::Bytes;
use futures_util::future::{Either, select};
use hyper::Method;
use serde::Deserialize;

use super::{ClientError, Scheme, Url, UrlError, Web};
use crate::{
    actor::Timing,
    deployment::keys,
    http::client::{Connection, SILENCE_NS, Takes},
    port::{
        Clock, Network,
        tokio::{SystemClock, TokioTasks},
    },
    protocol::{
        id::{ActorId, ActorNameError, Role},
        roster_file,
        statement::Trust,
    },
};

/// Microseconds that an epoch can have. Nobody signs them, and how long an obligation may stay open is counted in epochs: with very long ones
/// nobody would ever be challenged, and with very short ones everybody.
const EPOCH_US: RangeInclusive<u64> = 1000..=60_000_000;
/// Most microseconds that a heartbeat can take, or that a client waits before it says something again.
const PAUSE_US_MAX: u64 = 1_200_000_000;

/// What a client must know beside the roster.
#[derive(Deserialize)]
struct Pace {
    epoch_us: u64,
    heartbeat_us: u64,
    retry_us: u64,
    /// Where actors are that this server does not serve.
    #[serde(default)]
    elsewhere: BTreeMap<String, String>,
    limits: Limits,
}

/// What a server takes.
#[derive(Clone, Copy, Deserialize)]
pub struct Limits {
    /// Recipients of a bundle.
    pub recipients: usize,
    /// Bytes of a request.
    pub body_bytes: usize,
    messages: usize,
    client_rate_per_s: u32,
}

impl Limits {
    /// What it takes in one request.
    pub fn takes(&self) -> Takes {
        Takes::of(self.messages, self.client_rate_per_s, self.body_bytes)
    }
}

/// What a server says of itself; its roster is the one that the client has seen first.
pub struct Introduced {
    /// Whom to believe.
    pub trust: Trust,
    /// Its pace.
    pub timing: Timing,
    /// Where actors are that it does not serve.
    pub elsewhere: BTreeMap<ActorId, Url>,
    /// What it takes.
    pub limits: Limits,
}

impl Introduced {
    /// Asks a server, and gives up when it says nothing; the roster is kept in this directory.
    pub async fn by(server: &Url, web: &Web, directory: &Path) -> Result<Introduced, ClientError> {
        let clock = SystemClock::default();
        let silence = pin!(clock.sleep_until(clock.now().after(SILENCE_NS)));
        match select(pin!(ask(server, web, directory)), silence).await {
            Either::Left((told, _)) => told,
            Either::Right(_) => {
                let why = format!("it has said nothing for {} s", SILENCE_NS / 1_000_000_000);
                Err(ClientError::Server { server: server.to_string(), why })
            }
        }
    }
}

async fn ask(server: &Url, web: &Web, directory: &Path) -> Result<Introduced, ClientError> {
    let failed = |why: String| ClientError::Server { server: server.to_string(), why };
    let handler = ActorId::Server(Role::Handler, 0);
    let stream = web.connect(handler).await.map_err(|error| failed(error.to_string()))?;
    let mut connection = Connection::over(stream, &server.authority(), &TokioTasks).await?;
    let unheard = |error: io::Error| match server.scheme {
        // what a server that speaks TLS says to this is no answer
        Scheme::Http => {
            format!("{error}; if it serves TLS, write {}", Url { scheme: Scheme::Https, ..server.clone() })
        }
        Scheme::Https => error.to_string(),
    };
    let pace = get(&mut connection, "/v1/deployment", unheard).await.map_err(failed)?;
    let pace: Pace = serde_json::from_slice(&pace).map_err(|error| failed(error.to_string()))?;
    if !EPOCH_US.contains(&pace.epoch_us) || pace.heartbeat_us.max(pace.retry_us) > PAUSE_US_MAX {
        let Pace { epoch_us, heartbeat_us, retry_us, .. } = pace;
        return Err(failed(format!(
            "its pace cannot be: an epoch of {epoch_us} µs, heartbeats of {heartbeat_us} µs, {retry_us} µs before a bundle is sent again; an \
             epoch has {} to {} µs, the others at most {PAUSE_US_MAX}",
            EPOCH_US.start(),
            EPOCH_US.end()
        )));
    }
    let known = directory.join("roster.json");
    let told = get(&mut connection, "/v1/roster", unheard).await.map_err(failed)?;
    let told = String::from_utf8_lossy(&told);
    let kept = if known.exists() { fs::read_to_string(&known)? } else { String::new() };
    if kept.is_empty() || roster_file::is_succeeded(&kept, &told)? {
        roster_file::from_json(&told)?;
        keys::publish(&known, told.as_bytes(), 0o600)?;
    }
    let trust = roster_file::from_json(&fs::read_to_string(&known)?)?;
    let nanoseconds = |us: u64| us.saturating_mul(1000);
    let timing = Timing {
        epoch_ns: nanoseconds(pace.epoch_us),
        heartbeat_ns: nanoseconds(pace.heartbeat_us),
        retry_ns: nanoseconds(pace.retry_us).max(1_000_000),
    };
    let mut elsewhere = BTreeMap::new();
    for (actor, url) in pace.elsewhere {
        let actor = actor.parse().map_err(|error: ActorNameError| failed(error.to_string()))?;
        elsewhere.insert(actor, url.parse().map_err(|error: UrlError| failed(error.to_string()))?);
    }
    Ok(Introduced { trust, timing, elsewhere, limits: pace.limits })
}

async fn get(
    connection: &mut Connection,
    path: &str,
    unheard: impl Fn(io::Error) -> String,
) -> Result<Bytes, String> {
    let answer = connection.ask(Method::GET, path, &[], Bytes::new()).await.map_err(unheard)?;
    if answer.status.is_success() { Ok(answer.body) } else { Err(answer.told()) }
}

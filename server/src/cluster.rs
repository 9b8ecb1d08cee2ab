//! A cluster file: where each actor of a deployment is, if each is a process of its own; or where one server is that is all
//! roles, and its witnesses.
//!
//! ```toml
//! epoch_ms = 5
//! heartbeat_ms = 1000
//! handler_receipts = true      # request handlers sign for what they take; they do not unless told to
//! [actor."handler/0"]
//! listen = "10.0.0.1:7000"     # for other actors
//! http = "10.0.0.1:8080"       # for clients: handlers, mailbox actors, witnesses
//! url = "https://a.example"    # how clients reach that, if not by http:// and this address: needed where it serves TLS
//! ```
//!
//! With `architecture = "central"`, or `"multithreaded"`, the server is the process of the actor `sequencer`, and serves clients there. Each of its
//! parts to which witnesses connect, `incoming/0`, `sequencer` and `mailbox/0`, listens at an address of its own.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    actor::{Timing, handler::Custody},
    architecture::Architecture,
    client::{Url, UrlError},
    protocol::id::{ActorId, ActorNameError},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    architecture: Option<String>,
    epoch_ms: u32,
    heartbeat_ms: u32,
    #[serde(default)]
    handler_receipts: bool,
    actor: BTreeMap<String, Place>,
}

/// Where an actor is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// For other actors.
    pub listen: SocketAddr,
    /// For clients.
    pub http: Option<SocketAddr>,
    /// How clients reach it, if not in the clear by this address. An actor that serves TLS must say it: everybody tells clients by this file.
    pub url: Option<String>,
}

impl Place {
    /// Whether clients are told to reach it over TLS.
    pub fn url_is_https(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// Where all actors are, and their pace.
pub struct Cluster {
    architecture: Architecture,
    timing: Timing,
    custody: Custody,
    places: BTreeMap<ActorId, Place>,
}

/// Why a file is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// It cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It says something else.
    #[error("{}: {error}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        error: Box<toml_edit::de::Error>,
    },
    /// It names somebody who is none.
    #[error("{}: {error}", .path.display())]
    Name {
        /// Which file.
        path: PathBuf,
        /// Who.
        error: ActorNameError,
    },
    /// An architecture that is none.
    #[error("{}: {error}", .path.display())]
    Architecture {
        /// Which file.
        path: PathBuf,
        /// What it says.
        error: String,
    },
    /// A URL that is none.
    #[error("{}: [actor.\"{actor}\"]: url: {error}", path.display())]
    Url {
        /// Which file.
        path: PathBuf,
        /// Whose.
        actor: ActorId,
        /// Why.
        error: UrlError,
    },
    /// Where it listens is nowhere that a client could turn to.
    #[error(
        "{}: [actor.\"{actor}\"]: clients cannot turn to {http}: give url = \"http://host:port\" besides", path.display()
    )]
    Everywhere {
        /// Which file.
        path: PathBuf,
        /// Whose.
        actor: ActorId,
        /// Where it listens.
        http: SocketAddr,
    },
    /// A pace that is none.
    #[error("{}: epoch_ms must lie in 1..=60000 and heartbeat_ms not below it, up to 600000", .0.display())]
    Pace(PathBuf),
}

impl Cluster {
    /// Reads a cluster file.
    pub fn read(path: &Path) -> Result<Cluster, ClusterError> {
        let text =
            fs::read_to_string(path).map_err(|error| ClusterError::File { path: path.to_owned(), error })?;
        let file: File = toml_edit::de::from_str(&text)
            .map_err(|error| ClusterError::Malformed { path: path.to_owned(), error: Box::new(error) })?;
        if !(1..=60_000).contains(&file.epoch_ms) || !(file.epoch_ms..=600_000).contains(&file.heartbeat_ms) {
            return Err(ClusterError::Pace(path.to_owned()));
        }
        let architecture = file.architecture.map_or(Ok(Architecture::Parallel), |name| name.parse());
        let architecture =
            architecture.map_err(|error| ClusterError::Architecture { path: path.to_owned(), error })?;
        let named = |(name, place): (String, Place)| {
            let actor = name.parse().map_err(|error| ClusterError::Name { path: path.to_owned(), error })?;
            match (&place.url, place.http) {
                (Some(url), _) => {
                    let wrong = |error| ClusterError::Url { path: path.to_owned(), actor, error };
                    url.parse::<Url>().map_err(wrong)?;
                }
                (None, Some(http)) if http.ip().is_unspecified() => {
                    return Err(ClusterError::Everywhere { path: path.to_owned(), actor, http });
                }
                _ => {}
            }
            Ok((actor, place))
        };
        let places = file.actor.into_iter().map(named).collect::<Result<_, ClusterError>>()?;
        let timing = Timing::of_epoch(u64::from(file.epoch_ms) * 1_000_000);
        let heartbeat_ns = u64::from(file.heartbeat_ms) * 1_000_000;
        let custody = if file.handler_receipts { Custody::Taken } else { Custody::NotTaken };
        Ok(Cluster { architecture, timing: Timing { heartbeat_ns, ..timing }, custody, places })
    }

    /// How it is built.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The pace.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether its request handlers sign for what they take.
    pub fn custody(&self) -> Custody {
        self.custody
    }

    /// Where an actor is.
    pub fn place(&self, actor: ActorId) -> Option<&Place> {
        self.places.get(&actor)
    }

    /// Where actors reach each other.
    pub fn addresses(&self) -> BTreeMap<ActorId, SocketAddr> {
        self.places.iter().map(|(actor, place)| (*actor, place.listen)).collect()
    }

    /// Where clients reach actors.
    pub fn urls(&self) -> BTreeMap<ActorId, String> {
        let url = |place: &Place| {
            place.url.clone().or_else(|| place.http.map(|address| format!("http://{address}")))
        };
        self.places.iter().filter_map(|(actor, place)| Some((*actor, url(place)?))).collect()
    }
}

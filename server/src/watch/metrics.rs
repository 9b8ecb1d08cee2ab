//! Metrics, in the text format that Prometheus reads.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Which actor.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByActor {
    /// Its name.
    pub actor: String,
}

/// Which actor, and which of its statements.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByHead {
    /// Its name.
    pub actor: String,
    /// `seal`, `cut` or `attestation`.
    pub kind: &'static str,
}

/// Which actor's statements, of which kind, and which witness has cosigned them.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByCosigned {
    /// The witness's name.
    pub witness: String,
    /// The actor's.
    pub actor: String,
    /// `seal`, `cut` or `attestation`.
    pub kind: &'static str,
}

/// Which request, and how it ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByRequest {
    /// The route, as in the description of the API.
    pub route: &'static str,
    /// The method, or `other`.
    pub method: &'static str,
    /// The status of the answer.
    pub status: u16,
}

/// Which route.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByRoute {
    /// The route, as in the description of the API.
    pub route: &'static str,
}

/// How the submission of a bundle ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ByOutcome {
    /// `receipt`, `refusal` or `later`.
    pub outcome: &'static str,
}

/// Latencies by something.
pub type LatencyOf<L> = Family<L, Histogram, fn() -> Histogram>;

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    /// Steps of each actor.
    pub steps: Family<ByActor, Counter>,
    /// Inputs that each actor has handled.
    pub inputs: Family<ByActor, Counter>,
    /// Statements that each actor has signed.
    pub signed: Family<ByActor, Counter>,
    /// Signatures that each actor has checked.
    pub verified: Family<ByActor, Counter>,
    /// What each actor found suspicious.
    pub suspicious: Family<ByActor, Counter>,
    /// Who was exposed.
    pub exposed: Family<ByActor, Counter>,
    /// Who was challenged in public.
    pub challenged: Family<ByActor, Counter>,
    /// Who was suspected.
    pub suspected: Family<ByActor, Counter>,
    /// Who has lost its state here, and signs nothing more.
    pub retired: Family<ByActor, Gauge<i64, AtomicI64>>,
    /// How long each actor's transactions take until they are synced.
    pub commit_seconds: LatencyOf<ByActor>,
    /// The newest seal, cut and attestation of each actor: one that stands still while there is load is stuck.
    pub newest: Family<ByHead, Gauge<i64, AtomicI64>>,
    /// The newest of these that a witness here has seen, checked and cosigned.
    pub cosigned: Family<ByCosigned, Gauge<i64, AtomicI64>>,
    /// Requests.
    pub requests: Family<ByRequest, Counter>,
    /// From the head of a request to the head of its answer.
    pub request_seconds: LatencyOf<ByRoute>,
    /// Bundles.
    pub bundles: Family<ByOutcome, Counter>,
    /// Events sent to clients.
    pub events: Counter,
    /// Bytes of these.
    pub event_bytes: Counter,
    /// Connections that are open.
    pub connections: Gauge<i64, AtomicI64>,
    /// Event streams that are open.
    pub readers: Gauge<i64, AtomicI64>,
}

fn latencies() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("noise"),
            steps: Family::default(),
            inputs: Family::default(),
            signed: Family::default(),
            verified: Family::default(),
            suspicious: Family::default(),
            exposed: Family::default(),
            challenged: Family::default(),
            suspected: Family::default(),
            retired: Family::default(),
            commit_seconds: Family::new_with_constructor(latencies as fn() -> Histogram),
            newest: Family::default(),
            cosigned: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latencies as fn() -> Histogram),
            bundles: Family::default(),
            events: Counter::default(),
            event_bytes: Counter::default(),
            connections: Gauge::default(),
            readers: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// The same of a deployment in which nothing is signed, which says so first.
    pub fn for_measuring() -> Self {
        let mut metrics = Metrics::default();
        let unsigned = Gauge::<i64, AtomicI64>::default();
        unsigned.set(1);
        metrics.registry.register("unsigned_for_measuring", "Nothing here is signed or checked", unsigned);
        metrics
    }

    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("steps", "Steps of an actor", self.steps.clone());
        all.register("inputs", "Inputs that an actor has handled", self.inputs.clone());
        all.register("signed", "Statements that an actor has signed", self.signed.clone());
        all.register("verified", "Signatures that an actor has checked", self.verified.clone());
        all.register("suspicious", "Messages that no honest peer sends", self.suspicious.clone());
        all.register("exposed", "Pieces of evidence against an actor", self.exposed.clone());
        all.register("challenged", "Challenges to an actor, in public", self.challenged.clone());
        all.register("suspected", "Times that an actor was suspected", self.suspected.clone());
        all.register("retired", "Actors here that have lost their state", self.retired.clone());
        all.register("commit_seconds", "Time until a step is on disk", self.commit_seconds.clone());
        all.register("newest", "Number of the newest seal, cut or attestation", self.newest.clone());
        let cosigned = "Number of the newest of these that a witness has cosigned";
        all.register("cosigned", cosigned, self.cosigned.clone());
        all.register("requests", "Requests answered", self.requests.clone());
        all.register("request_seconds", "Time until the answer", self.request_seconds.clone());
        all.register("bundles", "Bundles submitted", self.bundles.clone());
        all.register("events", "Events sent to clients", self.events.clone());
        all.register("event_bytes", "Bytes of events sent to clients", self.event_bytes.clone());
        all.register("connections", "Connections that are open", self.connections.clone());
        all.register("readers", "Event streams that are open", self.readers.clone());
    }

    /// The text that Prometheus scrapes.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics cannot be written: {error}\n"),
        }
    }
}

//! The HTTP API: how clients speak to the actors of this process.
//!
//! Requests and answers carry the protocol's own messages in frames ([`crate::protocol::frame`]); a request becomes
//! messages to an actor, and what that actor sends the client becomes the answer, or an event. There is no second
//! protocol, and nobody trusts what stands here: all that matters is signed by clients and actors.
//!
//! | request | becomes |
//! |---|---|
//! | `POST /v1/bundles` | `Submit` to the request handler; the answer holds `Receipted`, `Refused` or `RetryLater` for each |
//! | `POST /v1/placements` | `Unplaced` to the request handler; the placements are events |
//! | `GET /v1/mailbox` | `Read` to the mailbox actor; the answer holds what it delivers meanwhile |
//! | `GET /v1/events` | the same as server-sent events, with all else that actors tell the client |
//! | `POST /v1/acks`, `/v1/complaints` | `Acknowledged`, `Complained` to the mailbox actor |
//! | `POST /v1/postings` | `Posted`, `Exposed` to a witness |
//! | `GET /v1/cuts`, `/v1/seals/{i}`, `/v1/attestations/{k}` | statements as they were signed |
//!
//! # Invariants
//! - It has no state that a restart would miss: what it holds is who waits for what.
//! - Everything is bounded ([`Limits`]), and whoever exceeds a bound hears which, or loses the connection.
//! - Time is that of the clock port, and what is done is told to the work port, so all of this runs in the simulator.

pub mod agent;
mod body;
mod bundles;
mod checker;
mod events;
mod gate;
mod hub;
mod limits;
mod mailbox;
mod problem;
mod public;
mod rates;
mod serve;
mod stall;

pub mod client;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    handler::Handler,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use futures_util::future::{Either, FutureExt, select};
use http_body::Body;
use prometheus_client::metrics::{counter::Counter, histogram::Histogram};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    actor::{Ledger, Timing},
    architecture::Architecture,
    node::Door,
    port::{Clock, any_clock::AnyClock, any_work::AnyWork, room::Room},
    protocol::{id::ActorId, statement::Trust},
    watch::{
        Watch,
        metrics::{ByRequest, ByRoute, Metrics},
    },
};

use agent::Agent;
use gate::Gate;
use hub::{Gone, Hubs};
use rates::Rates;

pub use checker::Checker;
pub use gate::{Credentials, NONCE_HEADER, REQUEST_TAG, request_preimage};
pub use limits::Limits;
pub use problem::Problem;
pub use serve::{Serving, serve, serve_agent};

/// The media type of frames.
pub const FRAMES: &str = "application/octet-stream";

/// What the front is made of.
pub struct Parts {
    /// Roster and verification.
    pub trust: Trust,
    /// The roster as a file.
    pub roster: String,
    /// How the deployment is built.
    pub architecture: Architecture,
    /// Its pace.
    pub timing: Timing,
    /// The ways in to the actors of this process.
    pub doors: Vec<(ActorId, Door)>,
    /// Where the other actors are that clients speak to.
    pub elsewhere: BTreeMap<ActorId, String>,
    /// What may be asked for.
    pub limits: Limits,
    /// Time.
    pub clock: AnyClock,
    /// Told what each request costs.
    pub work: AnyWork,
    /// Log, metrics, public statements.
    pub watch: Watch,
    /// Makes the nonces of this life.
    pub secret: [u8; 32],
    /// Signs for clients that sign nothing, if there shall be such.
    pub agent: Option<Agent>,
}

/// What stands between the sockets and the actors.
pub struct Front {
    trust: Trust,
    roster: String,
    architecture: Architecture,
    timing: Timing,
    limits: Limits,
    /// For the bodies of requests under way.
    bodies: Room,
    /// For what evidence in them takes beyond their bytes.
    evidence: Room,
    /// For answers to who reads, until they are taken.
    answers: Room,
    clock: AnyClock,
    work: AnyWork,
    watch: Watch,
    hubs: Hubs,
    checker: Checker,
    gate: Gate,
    /// Of bundles.
    rates: Rates,
    /// Of all else that clients sign: in buckets of their own, so neither keeps the other out.
    asks: Rates,
    /// Of what devices that sign nothing send and keep here: their clients' bundles are counted besides.
    devices: Rates,
    doors: Vec<(ActorId, Door)>,
    elsewhere: BTreeMap<ActorId, String>,
    agent: Option<Agent>,
    counted: BTreeMap<&'static str, Counted>,
    /// Set when no more requests are taken, and streams end.
    stopping: watch::Sender<bool>,
}

impl Front {
    /// A front for these actors. The tasks that it needs are spawned with `spawn`.
    pub fn new(parts: Parts, spawn: &impl crate::port::Spawn) -> Arc<Front> {
        let Parts {
            trust,
            roster,
            architecture,
            timing,
            doors,
            elsewhere,
            limits,
            clock,
            work,
            watch,
            secret,
            agent,
        } = parts;
        Arc::new(Front {
            checker: Checker::new(trust.clone(), limits.checkers, &work, spawn),
            gate: Gate::new(trust.deployment, secret, clock.clone()),
            rates: Rates::new(&limits, clock.clone()),
            asks: Rates::new(&limits, clock.clone()),
            devices: Rates::new(&limits, clock.clone()),
            hubs: Hubs::new(&doors, &trust.roster, &clock, spawn),
            bodies: Room::new(limits.bodies_bytes),
            evidence: Room::new(limits.bodies_bytes),
            answers: Room::new(limits.answers_bytes),
            stopping: watch::Sender::new(false),
            counted: counted(&watch.metrics),
            doors,
            elsewhere,
            agent,
            trust,
            roster,
            architecture,
            timing,
            limits,
            clock,
            work,
            watch,
        })
    }
}

impl Front {
    /// What this comes to, if it does in so many nanoseconds. What is there already needs no deadline.
    async fn within<T>(&self, limit_ns: u64, comes: impl Future<Output = T>) -> Option<T> {
        let mut comes = std::pin::pin!(comes);
        if let Some(come) = comes.as_mut().now_or_never() {
            return Some(come);
        }
        match select(comes, self.clock.sleep(self.clock.now().after(limit_ns))).await {
            Either::Left((come, _)) => Some(come),
            Either::Right(_) => None,
        }
    }

    /// What an actor is told, if it takes it while a submission would wait for its answer: one that waits for its disk may not.
    async fn told<T>(&self, whom: &str, told: impl Future<Output = Result<T, Gone>>) -> Result<T, Problem> {
        match self.within(self.limits.answer_ns, told).await {
            Some(Ok(told)) => Ok(told),
            Some(Err(Gone)) => Err(Problem::unavailable(format!("the {whom} has stopped"))),
            None => Err(Problem::unavailable(format!("the {whom} has too much to do"))),
        }
    }
}

/// Waits until a front stops.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // a front that is gone has stopped
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// One route of the API.
struct Route {
    method: Method,
    path: &'static str,
    router: Router<Arc<Front>>,
}

fn route<T: 'static>(method: Method, path: &'static str, handler: impl Handler<T, Arc<Front>>) -> Route {
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Route { method, path, router: Router::new().route(path, on(filter, handler)) }
}

/// Every route: the description of the API is checked against this list.
fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/v1/bundles", bundles::submit),
        route(Method::POST, "/v1/placements", bundles::ask_again),
        route(Method::GET, "/v1/mailbox", mailbox::read),
        route(Method::GET, "/v1/events", events::open),
        route(Method::POST, "/v1/acks", mailbox::acknowledge),
        route(Method::POST, "/v1/complaints", mailbox::complain),
        route(Method::POST, "/v1/postings", mailbox::post),
        route(Method::GET, "/v1/deployment", public::deployment),
        route(Method::GET, "/v1/roster", public::roster),
        route(Method::GET, "/v1/cuts", public::cuts),
        route(Method::GET, "/v1/seals/{incoming}", public::seals),
        route(Method::GET, "/v1/attestations/{mailbox}", public::attestations),
        route(Method::GET, "/v1/agents/{device}", agent::routes::agency),
        route(Method::POST, "/message", agent::routes::send),
        route(Method::GET, "/self/messages", agent::routes::messages),
        route(Method::DELETE, "/self/messages", agent::routes::delete),
        route(Method::POST, "/self/otkeys", agent::routes::put_keys),
        route(Method::GET, "/devices/otkey", agent::routes::take_key),
        route(Method::GET, "/events", agent::routes::events),
        route(Method::GET, "/health", public::health),
        route(Method::GET, "/ready", public::ready),
        route(Method::GET, "/metrics", public::metrics),
        route(Method::GET, "/openapi.json", public::description),
    ]
}

/// Method and path of every route.
pub fn paths() -> Vec<(Method, &'static str)> {
    routes().into_iter().map(|route| (route.method, route.path)).collect()
}

/// The API over a front.
pub fn router(front: Arc<Front>) -> Router {
    let all = routes().into_iter().fold(Router::new(), |all, route| all.merge(route.router));
    all.fallback(|| async { Problem::not_found("there is no such resource: see /openapi.json") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(CatchPanicLayer::custom(|_| Problem::internal("the request failed").into_response()))
        .layer(middleware::from_fn_with_state(front.clone(), observe))
        .with_state(front)
}

/// What every answer says, unless it says otherwise: layers that do this cost more than all of the router.
const SAID: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Counts requests, what they cost and the time that they take.
async fn observe(
    State(front): State<Arc<Front>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let (began, method) = (front.clock.now(), name(request.method()));
    front.work.spend(Ledger { requests: 1, ..Ledger::default() }).await;
    let mut response = next.run(request).await;
    for (name, value) in SAID {
        response.headers_mut().entry(name).or_insert(value);
    }
    // a stream says itself what it costs
    let coded_bytes = response.body().size_hint().exact().unwrap_or(0);
    front.work.spend(Ledger { coded_bytes, ..Ledger::default() }).await;
    let seconds = front.clock.now().0.saturating_sub(began.0) as f64 / 1e9;
    let route = path.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    if let Some(counted) = front.counted.get(route) {
        counted.seconds.observe(seconds);
        counted.ends(method, response.status(), &front.watch.metrics);
    }
    response
}

/// What is counted of requests to no route.
const NO_ROUTE: &str = "none";

/// What a method is called where requests are counted: there are few, whatever peers make up.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// What is counted of the requests to a route: looked up once, for labels cost more than counting.
struct Counted {
    route: &'static str,
    seconds: Histogram,
    /// Those that were answered with 200, by its methods.
    ok: Vec<(&'static str, Counter)>,
}

impl Counted {
    fn of(route: &'static str, methods: &[&'static str], metrics: &Metrics) -> Self {
        let seconds = metrics.request_seconds.get_or_create(&ByRoute { route }).clone();
        let ended = |method| ByRequest { route, method, status: StatusCode::OK.as_u16() };
        let ok = |method: &&'static str| (*method, metrics.requests.get_or_create(&ended(*method)).clone());
        Counted { route, seconds, ok: methods.iter().map(ok).collect() }
    }

    /// One more has ended.
    fn ends(&self, method: &'static str, status: StatusCode, metrics: &Metrics) {
        let ok = self.ok.iter().find(|(of, _)| *of == method && status == StatusCode::OK);
        let _before = match ok {
            Some((_, ok)) => ok.inc(),
            None => {
                let ended = ByRequest { route: self.route, method, status: status.as_u16() };
                metrics.requests.get_or_create(&ended).inc()
            }
        };
    }
}

/// By route.
fn counted(metrics: &Metrics) -> BTreeMap<&'static str, Counted> {
    let mut methods: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::from([(NO_ROUTE, Vec::new())]);
    for (method, route) in paths() {
        methods.entry(route).or_default().push(name(&method));
    }
    methods.into_iter().map(|(route, methods)| (route, Counted::of(route, &methods, metrics))).collect()
}

//! What anybody may ask for: the deployment, signed statements, the state of the server.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Front, Problem};
use crate::protocol::{
    digest::Digest,
    id::{ActorId, Role},
    statement::Kind,
};

/// Most statements in one answer.
const LIST_MAX: usize = 512;

/// `GET /v1/deployment`: what a client must know beside the roster.
pub async fn deployment(State(front): State<Arc<Front>>) -> Json<Value> {
    let timing = &front.timing;
    let mut told = json!({
        "deployment": front.trust.deployment.to_string(),
        "architecture": front.architecture.name(),
        "epoch_us": timing.epoch_ns / 1000,
        "heartbeat_us": timing.heartbeat_ns / 1000,
        "retry_us": timing.retry_ns / 1000,
        "limits": {
            "body_bytes": front.limits.body_bytes,
            "messages": front.limits.messages,
            "recipients": front.limits.recipients,
            "client_rate_per_s": front.limits.client_rate,
        },
        "elsewhere": front.elsewhere.iter().map(|(actor, url)| (actor.to_string(), url)).collect::<BTreeMap<_, _>>(),
        "actors": front.doors.iter().map(|(actor, _)| actor.to_string()).collect::<Vec<_>>(),
    });
    if !front.trust.verifier.proves() {
        told["unsigned_for_measuring"] = true.into();
    }
    Json(told)
}

/// `GET /v1/roster`: the roster file.
pub async fn roster(State(front): State<Arc<Front>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], front.roster.clone()).into_response()
}

/// Which statements.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first slot.
    from: Option<u64>,
    /// How many.
    limit: Option<usize>,
}

type RangeQuery = Result<Query<Range>, axum::extract::rejection::QueryRejection>;
type Index = Result<Path<u32>, axum::extract::rejection::PathRejection>;

/// `GET /v1/cuts`.
pub async fn cuts(State(front): State<Arc<Front>>, range: RangeQuery) -> Result<Response, Problem> {
    front.statements(ActorId::SEQUENCER, Kind::Cut, range).await
}

/// `GET /v1/seals/{incoming}`.
pub async fn seals(
    State(front): State<Arc<Front>>,
    index: Index,
    range: RangeQuery,
) -> Result<Response, Problem> {
    let Path(index) = index.map_err(|error| Problem::malformed(error.body_text()))?;
    front.statements(ActorId::Server(Role::Incoming, index), Kind::Seal, range).await
}

/// `GET /v1/attestations/{mailbox}`.
pub async fn attestations(
    State(front): State<Arc<Front>>,
    index: Index,
    range: RangeQuery,
) -> Result<Response, Problem> {
    let Path(index) = index.map_err(|error| Problem::malformed(error.body_text()))?;
    front.statements(ActorId::Server(Role::Mailbox, index), Kind::Attestation, range).await
}

impl Front {
    async fn statements(&self, actor: ActorId, kind: Kind, range: RangeQuery) -> Result<Response, Problem> {
        let Query(range) = range.map_err(|error| Problem::malformed(error.body_text()))?;
        if self.trust.roster.key_of(&actor).is_none() {
            return Err(Problem::not_found(format!("the roster has no {actor}")));
        }
        if !self.doors.iter().any(|(here, _)| *here == actor) {
            return Err(Problem::elsewhere(format!("{actor} is not served here")));
        }
        let shelf = &self.watch.shelf;
        let newest = shelf.newest(actor, kind);
        let from = range.from.or(newest).unwrap_or(0);
        let limit = range.limit.unwrap_or(LIST_MAX).min(LIST_MAX);
        let found = shelf.from(actor, kind, from, limit).unwrap_or_default();
        let listed: Vec<Value> = found
            .into_iter()
            .map(|(slot, bytes)| {
                // string of the body, then the signature
                let body = &bytes[4..bytes.len() - 64];
                json!({ "slot": slot, "digest": Digest::of(&[body]).to_string(), "bytes": hex::encode(&bytes) })
            })
            .collect();
        let told = json!({
            "actor": actor.to_string(), "kind": kind.name(), "newest": newest, "statements": listed
        });
        self.in_room(Json(told).into_response()).await
    }
}

/// `GET /health`: the process answers.
pub async fn health() -> &'static str {
    "ok\n"
}

/// `GET /ready`: every actor runs, has what it had stored and can store, and if the sequencer is here it has made a cut.
pub async fn ready(State(front): State<Arc<Front>>) -> Result<&'static str, Problem> {
    if let Some((actor, _)) = front.doors.iter().find(|(_, door)| door.is_closed()) {
        return Err(Problem::unavailable(format!("{actor} has stopped")));
    }
    if let Some((actor, _)) = front.doors.iter().find(|(_, door)| !door.has_recovered()) {
        return Err(Problem::unavailable(format!("{actor} still reads what it had stored")));
    }
    let is_retired = |actor: &ActorId| front.watch.shelf.newest(*actor, Kind::Recovery).is_some();
    if let Some((actor, _)) = front.doors.iter().find(|(actor, _)| is_retired(actor)) {
        return Err(Problem::unavailable(format!("{actor} has lost its state, and signs nothing more")));
    }
    // whoever submits now would hear nothing in time
    if let Some(actor) = front.watch.commits.stalled(front.limits.answer_ns) {
        return Err(Problem::unavailable(format!("{actor} waits for its disk")));
    }
    let here = front.doors.iter().any(|(actor, _)| *actor == ActorId::SEQUENCER);
    if here && front.watch.shelf.newest(ActorId::SEQUENCER, Kind::Cut).is_none() {
        return Err(Problem::unavailable("the sequencer has made no cut yet"));
    }
    Ok("ready\n")
}

/// `GET /metrics`.
pub async fn metrics(State(front): State<Arc<Front>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], front.watch.metrics.text()).into_response()
}

/// `GET /openapi.json`.
pub async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

//! Server-sent events: what actors tell a client, as it comes.
//!
//! An event's name is that of its message, its data the message's canonical bytes in base64. A delivery has an id, `held-epoch`:
//! what the client holds once it has taken it; a stream that is opened with `Last-Event-ID` goes on from there. A comment
//! comes at least every [`super::Limits::heartbeat_ns`], so both ends notice a dead connection.
//!
//! # Invariants
//! - What is large is written only when there is room for it among all that waits to be read, and takes it until it has been read
//!   or its connection is gone: however many streams one client opens, and reads nothing of.

use std::sync::Arc;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{
    future::{Either, select},
    stream,
};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{Front, Problem, body::Kept, stopped};
use crate::{
    actor::Ledger,
    port::{
        Clock,
        room::{Room, SMALL, Taken},
    },
    protocol::{
        codec::{Encode, Writer},
        id::{ActorId, ClientId, Count, Epoch, Role},
        map::Lookup,
        message::Message,
    },
};

/// Bytes of events that are written at once.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Room that an event begins with: a delivery of one bundle fits.
const TEXT: usize = 4 << 10;
/// Bytes of a bundle in a delivery, besides its content.
const PARCEL_BYTES: usize = 640;
/// Most bytes that an idle stream keeps to write the next message in.
const SCRATCH_MAX: usize = 16 << 10;

/// What a client wants to be told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// How many deliveries it holds.
    #[serde(default)]
    held: u64,
    /// In which epoch they were attested.
    #[serde(default)]
    epoch: u64,
    /// Whose messages; of all actors here if none is named.
    actor: Option<String>,
}

/// `GET /v1/events`.
pub async fn open(
    State(front): State<Arc<Front>>,
    origin: Option<Extension<Origin>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let client = front.who(&method, &uri, &headers).await?;
    front.charge_ask(client)?;
    let Query(wanted) = wanted.map_err(|error| Problem::malformed(error.body_text()))?;
    let (held, epoch) = match headers.get("last-event-id") {
        None => (wanted.held, wanted.epoch),
        Some(id) => id.to_str().ok().and_then(parse_id).ok_or_else(|| {
            Problem::malformed("Last-Event-ID must be the id of an event of this stream: held-epoch")
        })?,
    };
    let (actors, of) = front.tellers(&client, wanted.actor.as_deref())?;
    let open = match origin {
        None => Open::count(&front)?,
        Some(Extension(Origin::Agent)) => Open(None),
    };
    if actors.iter().all(|actor| front.hubs.of(*actor).is_none()) {
        return Err(Problem::elsewhere("no actor that tells clients something is served here"));
    }
    let reader = front.hubs.read(client, &actors, of, (Count(held), Epoch(epoch)));
    let reader = front.told("actor that was asked", reader).await?;
    let events =
        Events { front: front.clone(), client, reader, large: None, first: true, open, scratch: Vec::new() };
    let mut response = Response::new(Body::from_stream(stream::unfold(events, Events::next)));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(front.with_nonce(response))
}

impl Front {
    /// Who may tell a client something, of the actors here; and of which role, if one was named.
    fn tellers(
        &self,
        client: &ClientId,
        named: Option<&str>,
    ) -> Result<(Vec<ActorId>, Option<Role>), Problem> {
        if let Some(named) = named {
            let actor: ActorId = named.parse().map_err(|error: crate::protocol::id::ActorNameError| {
                Problem::malformed(error.to_string())
            })?;
            let here = self.hubs.of(actor).map(|_| actor);
            let here = here.ok_or_else(|| Problem::elsewhere(format!("{actor} is not served here")))?;
            return Ok((vec![here], Some(here.role())));
        }
        let mailbox = self.mailbox_of(client).ok();
        let witnesses = self.hubs.witnesses(None).into_iter().map(|(actor, _)| actor);
        let handlers = (0..self.trust.roster.handlers()).map(|index| ActorId::Server(Role::Handler, index));
        Ok((handlers.chain(mailbox).chain(witnesses).collect(), None))
    }
}

/// An open stream, counted while it is: of whichever API, for all take a connection each and what is written to it.
/// The agent's clients are counted as devices instead ([`Origin::Agent`]).
pub(super) struct Open(Option<Arc<Front>>);

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client that the agent of this process runs for a device.
    Agent,
}

impl Open {
    /// One more, if there is room.
    pub(super) fn count(front: &Arc<Front>) -> Result<Self, Problem> {
        let bound = front.limits.readers;
        let before = front.watch.metrics.readers.inc();
        let open = Open(Some(front.clone()));
        match before < bound as i64 {
            true => Ok(open),
            false => Err(Problem::unavailable(format!("there are {bound} event streams already"))),
        }
    }

    /// Counts what is written to it.
    pub(super) async fn tells(&self, events: u64, text: &str) {
        let Some(front) = &self.0 else { return };
        front.watch.metrics.events.inc_by(events);
        front.watch.metrics.event_bytes.inc_by(text.len() as u64);
        let work = Ledger { events, coded_bytes: text.len() as u64, ..Ledger::default() };
        front.work.spend(work).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(front) = &self.0 {
            front.watch.metrics.readers.dec();
        }
    }
}

struct Events {
    front: Arc<Front>,
    client: ClientId,
    reader: mpsc::Receiver<Message>,
    /// Has come, and is too large to go with what came before it.
    large: Option<Message>,
    first: bool,
    open: Open,
    /// Where a message is written before it becomes text.
    scratch: Vec<u8>,
}

impl Events {
    /// What is written next: all events that have come, or a sign of life.
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        if std::mem::take(&mut self.first) {
            return Some((Ok(Bytes::from_static(b": open\n\n")), self));
        }
        let come = {
            let heartbeat =
                self.front.clock.sleep(self.front.clock.now().after(self.front.limits.heartbeat_ns));
            let stop = std::pin::pin!(stopped(self.front.stopping.subscribe()));
            let come = std::pin::pin!(next_of(&mut self.large, &mut self.reader, &self.front.answers));
            match select(select(come, stop), heartbeat).await {
                Either::Left((Either::Left((come, _)), _)) => Some(come?),
                Either::Left((Either::Right(_), _)) => return None,
                Either::Right(_) => None,
            }
        };
        let Some((message, room)) = come else { return Some((Ok(Bytes::from_static(b": alive\n\n")), self)) };
        let mut text = String::with_capacity(TEXT);
        let mut count = 1;
        self.write(&message, &mut text);
        while text.len() < CHUNK_BYTES {
            let Ok(more) = self.reader.try_recv() else { break };
            if text_bytes(&more) > SMALL {
                self.large = Some(more);
                break;
            }
            self.write(&more, &mut text);
            count += 1;
        }
        self.open.tells(count, &text).await;
        Some((Ok(Kept::bytes(text, room)), self))
    }

    fn write(&mut self, message: &Message, text: &mut String) {
        text.push_str("event: ");
        text.push_str(message.name());
        if let Some((held, epoch)) = leaves(&self.client, message) {
            text.push_str(&format!("\nid: {held}-{epoch}"));
        }
        text.push_str("\ndata: ");
        self.scratch.clear();
        let mut out = Writer::after(std::mem::take(&mut self.scratch));
        message.encode(&mut out);
        self.scratch = out.into_bytes();
        STANDARD.encode_string(&self.scratch, text);
        text.push_str("\n\n");
        // a stream is idle for most of its life
        self.scratch.shrink_to(SCRATCH_MAX);
    }
}

/// The next message, and room for its text. Until there is room it stays where it is, and signs of life come meanwhile.
async fn next_of(
    large: &mut Option<Message>,
    reader: &mut mpsc::Receiver<Message>,
    answers: &Room,
) -> Option<(Message, Taken)> {
    if large.is_none() {
        *large = Some(reader.recv().await?);
    }
    let room = answers.take(large.as_ref().map_or(0, text_bytes)).await;
    Some((large.take()?, room))
}

/// About how long the text of a message is: it is in base64, and what is large in one are its bundles.
fn text_bytes(message: &Message) -> usize {
    let Message::Delivery(delivery) = message else { return 0 };
    delivery.parcels.iter().map(|parcel| (parcel.bytes() + PARCEL_BYTES) / 3 * 4).sum()
}

/// What a client holds after a message: count and epoch.
pub fn leaves(client: &ClientId, message: &Message) -> Option<(u64, u64)> {
    let (mailbox, attestation) = match message {
        Message::Delivery(delivery) => (&delivery.after, &delivery.attestation),
        Message::Introduction(introduction) => (&introduction.mailbox, &introduction.attestation),
        _ => return None,
    };
    let held = match mailbox.get(client) {
        Lookup::Present(head) => head.count.0,
        _ => 0,
    };
    Some((held, attestation.claimed_slot()))
}

fn parse_id(text: &str) -> Option<(u64, u64)> {
    let (held, epoch) = text.split_once('-')?;
    Some((held.parse().ok()?, epoch.parse().ok()?))
}

//! A client and its mailbox: reading, acknowledging, complaining; and what goes to the witnesses.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, select};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{
    Front, NONCE_HEADER, Problem,
    body::{Read, framed},
};
use crate::{
    port::Clock,
    protocol::{
        id::{ActorId, ClientId, Count, Epoch, Role},
        message::{Message, tag},
        statement::{Statement, Unverified},
    },
};

/// Longest that a read waits for something to come.
const WAIT_MAX_MS: u64 = 30_000;
/// Most messages in the answer to a read.
const READ_MAX: usize = 256;

/// What a client holds already.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// How many deliveries.
    #[serde(default)]
    held: u64,
    /// In which epoch they were attested; 0 if it holds nothing.
    #[serde(default)]
    epoch: u64,
    /// How long to wait for something to come.
    #[serde(default)]
    wait_ms: u64,
}

/// `GET /v1/mailbox`.
pub async fn read(
    State(front): State<Arc<Front>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    cursor: Result<Query<Cursor>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let client = front.who(&method, &uri, &headers).await?;
    front.charge_ask(client)?;
    let Query(cursor) = cursor.map_err(|error| Problem::malformed(error.body_text()))?;
    let at = (Count(cursor.held), Epoch(cursor.epoch));
    let mailbox = [front.mailbox_of(&client)?];
    let reader = front.hubs.read(client, &mailbox, Some(Role::Mailbox), at);
    let reader = front.told("mailbox actor", reader).await?;
    let messages = front.arriving(reader, cursor.wait_ms.min(WAIT_MAX_MS)).await;
    let response = match messages.is_empty() {
        true => StatusCode::NO_CONTENT.into_response(),
        false => front.in_room(framed(StatusCode::OK, &messages)).await?,
    };
    Ok(front.with_nonce(response))
}

impl Front {
    /// The mailbox actor of a client, if it is served here.
    pub(super) fn mailbox_of(&self, client: &ClientId) -> Result<ActorId, Problem> {
        let mailbox = ActorId::Server(Role::Mailbox, self.trust.roster.mailbox_of(client));
        match self.hubs.of(mailbox) {
            Some(_) => Ok(mailbox),
            None => Err(Problem::elsewhere(format!("{mailbox} keeps that mailbox, and is not served here"))),
        }
    }

    /// Counts what a client asks for or says besides bundles: a read, a stream, an ack, a complaint, a challenge.
    pub(super) fn charge_ask(&self, client: ClientId) -> Result<(), Problem> {
        match self.asks.take(client, 1) {
            true => Ok(()),
            false => Err(Problem::too_many(format!(
                "a client may make {} reads and statements a second besides its bundles",
                self.limits.client_rate
            ))),
        }
    }

    /// The answer, with the nonce for the next request.
    pub(super) fn with_nonce(&self, mut response: Response) -> Response {
        if let Ok(nonce) = HeaderValue::from_str(&self.gate.nonce()) {
            response.headers_mut().insert(HeaderName::from_static(NONCE_HEADER), nonce);
        }
        response
    }

    /// Waits until something comes, and takes what has come by then.
    async fn arriving(&self, mut reader: mpsc::Receiver<Message>, wait_ms: u64) -> Vec<Message> {
        let deadline = self.clock.sleep(self.clock.now().after(wait_ms.max(1) * 1_000_000));
        let mut messages = Vec::new();
        let first = match select(std::pin::pin!(reader.recv()), deadline).await {
            Either::Left((first, _)) => first,
            Either::Right(_) => None,
        };
        if let Some(first) = first {
            messages.push(first);
            while let Some(more) = (messages.len() < READ_MAX).then(|| reader.try_recv().ok()).flatten() {
                messages.push(more);
            }
        }
        messages
    }

    /// Says something signed by a client to its mailbox actor.
    async fn tell<T: Statement>(
        &self,
        statement: &Unverified<T>,
        message: Message,
        bytes: usize,
    ) -> Result<(), Problem> {
        let client = statement.claimed_actor().client();
        let client = client.ok_or_else(|| Problem::malformed("the statement is of no client"))?;
        if !self.checker.are_signed(&[statement]).await {
            return Err(Problem::wrong_signature(
                "the statement is not signed by its client for this deployment",
            ));
        }
        self.charge_ask(client)?;
        let mailbox = self.mailbox_of(&client)?;
        let hub = self.hubs.of(mailbox).ok_or_else(|| Problem::elsewhere("not served here"))?;
        self.told("mailbox actor", hub.say(client, message, bytes)).await
    }
}

/// `POST /v1/acks`.
pub async fn acknowledge(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Read { content: messages, room: _room } =
        front.messages(&headers, body, ("acks", &[tag::ACKNOWLEDGED])).await?;
    for (message, bytes) in messages {
        let Message::Acknowledged(ack) = &message else { continue };
        front.tell(&ack.clone(), message, bytes).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// `POST /v1/complaints`.
pub async fn complain(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Read { content: messages, room: _room } =
        front.messages(&headers, body, ("complaints", &[tag::COMPLAINED])).await?;
    for (message, bytes) in messages {
        let Message::Complained(complained) = &message else { continue };
        front.tell(&complained.complaint.clone(), message, bytes).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// Which witness a posting is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    witness: Option<u32>,
}

/// What may be posted.
const POSTINGS: (&str, &[u8]) =
    ("challenges, receipts and evidence", &[tag::POSTED, tag::RECEIPTED, tag::EXPOSED]);

/// `POST /v1/postings`.
pub async fn post(
    State(front): State<Arc<Front>>,
    board: Result<Query<Board>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Query(board) = board.map_err(|error| Problem::malformed(error.body_text()))?;
    let wanted = board.witness.map(|index| ActorId::Server(Role::Witness, index));
    let witnesses = front.hubs.witnesses(wanted);
    if witnesses.is_empty() {
        return Err(Problem::elsewhere("no such witness is served here"));
    }
    let Read { content: messages, room: _room } = front.messages(&headers, body, POSTINGS).await?;
    for (message, bytes) in messages {
        let poster = front.poster(&message).await?;
        for (_, hub) in &witnesses {
            front.told("witness", hub.say(poster, message.clone(), bytes)).await?;
        }
    }
    Ok(StatusCode::ACCEPTED)
}

impl Front {
    /// Who posts this; whatever it is, it is signed.
    async fn poster(&self, message: &Message) -> Result<ClientId, Problem> {
        let nobody = || Problem::malformed("only clients post here");
        match message {
            Message::Posted(posting) => {
                let client = posting.challenge.claimed_actor().client().ok_or_else(nobody)?;
                if !self.checker.are_signed(&[&posting.challenge]).await {
                    return Err(Problem::wrong_signature(
                        "the challenge is not signed by its client for this deployment",
                    ));
                }
                self.charge_ask(client)?;
                Ok(client)
            }
            // evidence is signed by whom it accuses, a receipt by who gave it, and who brings them does not matter
            Message::Exposed(_) | Message::Receipted(_) => {
                Ok(ClientId(crate::protocol::crypto::PublicKey([0; 32])))
            }
            _ => Err(nobody()),
        }
    }
}

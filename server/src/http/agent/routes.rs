//! The routes of the earlier JSON API.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use futures_util::{
    future::{Either, select},
    stream,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::watch;

use super::{
    Agent, DEVICE_BYTES_MAX, Unstored,
    device::Device,
    mailroom::{KEYS_MAX, Keys, KeysRefused},
    text::{Named, Text},
};
use crate::{
    http::{
        Front, Problem,
        body::Kept,
        events::{CHUNK_BYTES, Open},
        stopped,
    },
    port::{
        Clock,
        room::{SMALL, Taken},
    },
    protocol::{bundle::CIPHERTEXT_MAX, id::ClientId},
};

/// Fewer one-time keys than this, and the device is asked for more.
const KEYS_LOW: usize = 10;
/// Bundles of a device that are sent at once: its client takes those of several requests.
const AT_ONCE: usize = 16;
/// Why a request to send fails that may have sent something.
const NOT_ACKNOWLEDGED: &str = "the messages are not all acknowledged: what is sent again may come twice";
/// As many as it shall have then.
const KEYS_WANTED: usize = 20;

fn stored(_: Unstored) -> Problem {
    Problem::internal("the server cannot store")
}

fn keys_refused(refused: KeysRefused) -> Problem {
    match refused {
        KeysRefused::TooMany | KeysRefused::TooLong(_) => Problem::malformed(refused.to_string()),
        KeysRefused::NoRoom => Problem::unavailable(refused.to_string()),
    }
}

/// Tells a device that something may have changed there, when the request that changes it is over or given up.
struct Telling(Option<Arc<Device>>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.iter().for_each(|device| device.change());
    }
}

fn too_many_devices() -> Problem {
    Problem::unavailable("there are too many devices")
}

impl Front {
    /// Counts what a device sends, keeps here or asks for against its rate.
    fn charge_device(&self, agent: &Agent, device: &str, items: usize) -> Result<(), Problem> {
        let rate = self.limits.client_rate;
        let told =
            format!("a device may send {rate} messages and one-time keys a second, and reads with them");
        if items > rate as usize {
            return Err(Problem::malformed(format!("{told}, and no more at once")));
        }
        match self.devices.take(agent.client_of(device), items as u64) {
            true => Ok(()),
            false => Err(Problem::too_many(told)),
        }
    }

    fn agent(&self) -> Result<&Agent, Problem> {
        let off = "the JSON API of the earlier server is off: it is for clients that sign nothing";
        self.agent.as_ref().ok_or_else(|| Problem::not_found(off))
    }

    /// What a body says, and the room that it takes until that is done with.
    async fn json<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(T, [Taken; 2]), Problem> {
        let read = self.bytes(headers, body).await?;
        let said = serde_json::from_slice(&read.content)
            .map_err(|error| Problem::malformed(format!("the body: {error}")))?;
        Ok((said, read.room))
    }
}

/// Which device asks; nobody checks it.
fn device(headers: &HeaderMap) -> Result<String, Problem> {
    let named =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let named = named.map(str::trim).filter(|device| is_device(device));
    named.map(str::to_owned).ok_or_else(|| Problem::malformed("write Authorization: Bearer <device id>"))
}

/// Whether a device can have this id: it must be able to say it in a header.
fn is_device(id: &str) -> bool {
    let is_text = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (1..=DEVICE_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_text) && id.trim() == id
}

/// Messages to devices.
#[derive(Deserialize)]
pub struct Batch {
    batch: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    device_id: String,
    payload: Text,
}

/// `POST /message`.
pub async fn send(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Empty>, Problem> {
    let (agent, from) = (front.agent()?, device(&headers)?);
    let (Batch { batch }, _room) = front.json(&headers, body).await?;
    if batch.len() > front.limits.messages {
        return Err(Problem::malformed(format!("a batch has at most {} messages", front.limits.messages)));
    }
    front.charge_device(agent, &from, batch.len())?;
    let running = agent.device(&from).ok_or_else(too_many_devices)?;
    for some in bundles(agent, batch, front.limits.recipients)?.chunks(AT_ONCE) {
        if !agent.mailroom.has_room(&from) {
            return Err(Problem::unavailable("the mailroom of this device is full: delete what was read"));
        }
        let deadline = front.clock.sleep(front.clock.now().after(front.limits.answer_ns));
        match select(std::pin::pin!(running.send(some.to_vec())), deadline).await {
            Either::Left((Some(()), _)) => {}
            _ => return Err(Problem::unavailable(NOT_ACKNOWLEDGED)),
        }
    }
    Ok(Json(Empty {}))
}

/// Nothing more to say.
#[derive(Serialize)]
pub struct Empty {}

type Bundle = Vec<(ClientId, Vec<u8>)>;

/// Most bytes of payloads in a bundle: with what else is in it, it stays far from the bounds of bundles and requests.
const BUNDLE_BYTES: usize = 4 << 20;

/// A bundle has a recipient once: the second message to one device goes with a later bundle, and so on.
fn bundles(agent: &Agent, batch: Vec<Item>, recipients: usize) -> Result<Vec<Bundle>, Problem> {
    let mut bundles: Vec<(usize, BTreeMap<ClientId, Vec<u8>>)> = Vec::new();
    for Item { device_id, payload } in batch {
        let bytes = payload.as_str().as_bytes().to_vec();
        if !is_device(&device_id) || bytes.len() > CIPHERTEXT_MAX {
            return Err(Problem::malformed(format!(
                "a device id has 1 to {DEVICE_BYTES_MAX} printable characters of ASCII and no space around them, a payload at \
                 most {CIPHERTEXT_MAX} bytes"
            )));
        }
        let client = agent.client_of(&device_id);
        let free = |(taken, bundle): &&mut (usize, BTreeMap<_, _>)| {
            bundle.len() < recipients && *taken + bytes.len() <= BUNDLE_BYTES
        };
        // what is for one device must stay in order, whatever else finds room before
        let after =
            bundles.iter().rposition(|(_, bundle)| bundle.contains_key(&client)).map_or(0, |at| at + 1);
        match bundles[after..].iter_mut().find(free) {
            Some((taken, bundle)) => {
                *taken += bytes.len();
                bundle.insert(client, bytes);
            }
            None => bundles.push((bytes.len(), BTreeMap::from([(client, bytes)]))),
        }
    }
    Ok(bundles.into_iter().map(|(_, bundle)| bundle.into_iter().collect()).collect())
}

fn shown(number: u64, message: &Text) -> Text {
    message.with("seqID", number)
}

/// `GET /self/messages`.
pub async fn messages(State(front): State<Arc<Front>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (agent, device) = (front.agent()?, device(&headers)?);
    front.charge_device(agent, &device, 1)?;
    agent.device(&device).ok_or_else(too_many_devices)?;
    let held = agent.mailroom.messages_after(&device, 0);
    let shown: Vec<Text> = held.iter().map(|(number, message)| shown(*number, message)).collect();
    front.in_room(Json(shown).into_response()).await
}

/// Up to where a device has read.
#[derive(Deserialize)]
pub struct Read {
    #[serde(rename = "seqID")]
    seq_id: u64,
}

/// `DELETE /self/messages`.
pub async fn delete(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Empty>, Problem> {
    let (agent, device) = (front.agent()?, device(&headers)?);
    let (Read { seq_id }, _room) = front.json(&headers, body).await?;
    front.charge_device(agent, &device, 1)?;
    // it may have waited for room
    let _telling = Telling(agent.running(&device));
    agent.mailroom.delete_messages(&device, seq_id).await.map_err(stored)?;
    Ok(Json(Empty {}))
}

/// `POST /self/otkeys`.
pub async fn put_keys(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<BTreeMap<String, Text>>, Problem> {
    let (agent, device) = (front.agent()?, device(&headers)?);
    let (Named(keys), _room): (Named<KEYS_MAX>, _) = front.json(&headers, body).await?;
    if keys.iter().any(|(id, key)| id.len() > DEVICE_BYTES_MAX || key.as_str().len() > CIPHERTEXT_MAX) {
        return Err(Problem::malformed("a key or its id is too long"));
    }
    front.charge_device(agent, &device, keys.len().max(1))?;
    // a device is counted before anything is kept for it: nobody fills the mailroom with ids that he makes up
    let running = agent.device(&device).ok_or_else(too_many_devices)?;
    // they may be too few
    let _telling = Telling(Some(running));
    agent.mailroom.put_keys(&device, &keys).await.map_err(stored)?.map_err(keys_refused)?;
    Ok(Json(keys))
}

/// Whose one-time key.
#[derive(Deserialize)]
pub struct Whose {
    device_id: String,
}

/// `GET /devices/otkey`.
pub async fn take_key(
    State(front): State<Arc<Front>>,
    method: Method,
    whose: Result<Query<Whose>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<BTreeMap<&'static str, Text>>, Problem> {
    let agent = front.agent()?;
    // a key that nobody is shown would be gone
    if method != Method::GET {
        return Err(Problem::method_not_allowed());
    }
    let Query(Whose { device_id }) = whose.map_err(|error| Problem::malformed(error.body_text()))?;
    // the earlier client escapes the id twice
    for device in [device_id.clone(), unescaped(&device_id)] {
        let _telling = Telling(agent.running(&device));
        if let Some(key) = agent.mailroom.take_key(&device).await.map_err(stored)? {
            return Ok(Json(BTreeMap::from([("otkey", key)])));
        }
    }
    Err(Problem::not_found("the device has no one-time key left"))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let mut byte = [0];
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        match escaped.map(|digits| hex::decode_to_slice(digits, &mut byte)) {
            Some(Ok(())) => (bytes.push(byte[0]), rest = &after[2..]).0,
            _ => (bytes.push(*first), rest = after).0,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `GET /v1/agents/{device}`: the handler's word that it signs for a device, as [`crate::protocol::agency`] writes it.
pub async fn agency(
    State(front): State<Arc<Front>>,
    device: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Path(device) = device.map_err(|error| Problem::malformed(error.body_text()))?;
    if !(1..=DEVICE_BYTES_MAX).contains(&device.len()) {
        return Err(Problem::malformed(format!("a device id has 1 to {DEVICE_BYTES_MAX} bytes")));
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], front.agent()?.agency(&device)))
}

/// `GET /events`.
pub async fn events(State(front): State<Arc<Front>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (agent, device) = (front.agent()?, device(&headers)?);
    front.charge_device(agent, &device, 1)?;
    let open = Open::count(&front)?;
    let running = agent.device(&device).ok_or_else(too_many_devices)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let changed = running.subscribe();
    let events = Events {
        front: front.clone(),
        device,
        changed,
        last: last.unwrap_or(0),
        asked: None,
        first: true,
        open,
    };
    let mut response = Response::new(Body::from_stream(stream::unfold(events, Events::next)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

struct Events {
    front: Arc<Front>,
    device: String,
    changed: watch::Receiver<()>,
    /// The last message told.
    last: u64,
    /// How often it had brought keys when it was last asked for more: once each time, for it may not hurry.
    asked: Option<u64>,
    first: bool,
    open: Open,
}

impl Events {
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        loop {
            let mut text =
                if std::mem::take(&mut self.first) { ": open\n\n".to_owned() } else { String::new() };
            self.changed.borrow_and_update();
            let (count, room) = self.tell(&mut text);
            if count > 0 {
                self.open.tells(count, &text).await;
            }
            if !text.is_empty() {
                return Some((Ok(Kept::bytes(text, room)), self));
            }
            let heartbeat =
                self.front.clock.sleep(self.front.clock.now().after(self.front.limits.heartbeat_ns));
            let stop = std::pin::pin!(stopped(self.front.stopping.subscribe()));
            let alive = match select(select(std::pin::pin!(self.changed.changed()), stop), heartbeat).await {
                Either::Left((Either::Left((Ok(()), _)), _)) => false,
                Either::Left(_) => return None,
                Either::Right(_) => true,
            };
            if alive {
                return Some((Ok(Bytes::from_static(b": alive\n\n")), self));
            }
        }
    }

    /// Writes what it has not been told, or a part of it; how many events that is, and the room that they take. A large message
    /// goes alone, when there is room for it: without, the next sign of life comes first.
    fn tell(&mut self, text: &mut String) -> (u64, Taken) {
        let mut room = Taken::default();
        let Some(agent) = &self.front.agent else { return (0, room) };
        let mut count = 0;
        for (number, message) in agent.mailroom.messages_after(&self.device, self.last) {
            let shown = shown(number, &message);
            if shown.as_str().len() > SMALL {
                let taken = match count {
                    0 => self.front.answers.try_take(shown.as_str().len()),
                    _ => None,
                };
                let Some(taken) = taken else { break };
                room = taken;
            }
            text.push_str(&format!("event: msg\nid: {number}\ndata: {}\n\n", shown.as_str()));
            self.last = number;
            count += 1;
            if text.len() >= CHUNK_BYTES {
                break;
            }
        }
        let Keys { left, brought } = agent.mailroom.keys(&self.device);
        if left < KEYS_LOW && self.asked.replace(brought) != Some(brought) {
            let needs = json!({ "deviceId": self.device, "needs": KEYS_WANTED - left });
            text.push_str(&format!("event: otkey\ndata: {needs}\n\n"));
            count += 1;
        }
        (count, room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_was_escaped_twice_is_read() {
        assert_eq!(unescaped("a%2Bb%2f%3D"), "a+b/=");
        assert_eq!(unescaped("100%"), "100%");
    }
}

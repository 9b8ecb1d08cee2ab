//! Bodies: read within a bound of bytes and of time, and taken as frames.

use std::error::Error;

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, FutureExt, select};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{FRAMES, Front, Problem};
use crate::{
    actor::Ledger,
    port::{
        Clock,
        room::{SMALL, Taken},
    },
    protocol::{
        frame::{self, FrameError},
        message::Message,
    },
};

/// What a body holds, and the room that is taken for it until it is done with.
pub struct Read<T> {
    /// Its messages, or its bytes.
    pub content: T,
    /// Given back when it is dropped.
    pub room: Taken,
}

impl Front {
    /// All bytes of a body.
    pub(super) async fn bytes(&self, headers: &HeaderMap, body: Body) -> Result<Read<Vec<u8>>, Problem> {
        let bound = self.limits.body_bytes;
        let claimed =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let too_large = || Problem::too_large(format!("a body has at most {bound} bytes"));
        if claimed.is_some_and(|claimed: u64| claimed > bound as u64) {
            return Err(too_large());
        }
        let mut read = std::pin::pin!(self.collect(Limited::new(body, bound), claimed));
        // one that has come with its head needs no deadline
        let (room, collected) = match read.as_mut().now_or_never() {
            Some(read) => read,
            None => {
                let deadline = self.clock.sleep(self.clock.now().after(self.limits.body_ns));
                let Either::Left((read, _)) = select(read, deadline).await else {
                    let seconds = self.limits.body_ns / 1_000_000_000;
                    return Err(Problem::too_slow(format!("a body must arrive within {seconds} s")));
                };
                read
            }
        };
        match collected {
            Ok(bytes) => {
                self.work.spend(Ledger { coded_bytes: bytes.len() as u64, ..Ledger::default() }).await;
                Ok(Read { content: bytes, room })
            }
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(Problem::malformed("the body ends before its length")),
        }
    }

    /// The bytes of a body as they come, and room for them if they are many: before they come, if it is known how many.
    async fn collect(
        &self,
        mut body: Limited<Body>,
        claimed: Option<u64>,
    ) -> (Taken, Result<Vec<u8>, Box<dyn Error + Send + Sync>>) {
        let known = claimed.map_or(0, |claimed| claimed as usize);
        let mut room = self.bodies.take(known).await;
        let mut bytes = Vec::with_capacity(known.min(SMALL));
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return (room, Err(error)),
            };
            let Ok(data) = frame.into_data() else { continue };
            if claimed.is_none() && bytes.len() <= SMALL && bytes.len() + data.len() > SMALL {
                room = self.bodies.take(self.limits.body_bytes).await;
            }
            bytes.extend_from_slice(&data);
        }
        (room, Ok(bytes))
    }

    /// All messages of a body, each with how many bytes it takes. It may hold only what has these tags: in words for who sends
    /// something else.
    pub(super) async fn messages(
        &self,
        headers: &HeaderMap,
        body: Body,
        (what, tags): (&str, &[u8]),
    ) -> Result<Read<Vec<(Message, usize)>>, Problem> {
        if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != FRAMES) {
            return Err(Problem::not_frames(format!(
                "the body must be frames of messages, of type {FRAMES}"
            )));
        }
        let Read { content: bytes, room } = self.bytes(headers, body).await?;
        let messages = frame::all(&bytes, self.limits.messages, |tag| tags.contains(&tag));
        let messages = messages.map_err(|error| match error {
            FrameError::Unwanted => Problem::malformed(format!("the body may hold {what} only")),
            error => Problem::malformed(format!("the body is no list of messages: {error}")),
        })?;
        if messages.is_empty() {
            return Err(Problem::malformed("the body holds no message"));
        }
        Ok(Read { content: messages, room })
    }
}

/// Room that an answer begins with: a receipt fits.
const ANSWER: usize = 1024;

/// An answer of frames.
pub fn framed<'a>(status: StatusCode, messages: impl IntoIterator<Item = &'a Message>) -> Response {
    let mut bytes = Vec::with_capacity(ANSWER);
    messages.into_iter().for_each(|message| frame::append(&mut bytes, message));
    (status, [(header::CONTENT_TYPE, FRAMES)], bytes).into_response()
}

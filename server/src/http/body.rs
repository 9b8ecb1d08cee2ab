//! Bodies: read within a bound of bytes and of time, and taken as frames.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, FutureExt, select};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{FRAMES, Front, Problem};
use crate::{
    actor::Ledger,
    port::Clock,
    protocol::{frame, message::Message},
};

impl Front {
    /// All bytes of a body.
    pub(super) async fn bytes(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
        let bound = self.limits.body_bytes;
        let claimed =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let too_large = || Problem::too_large(format!("a body has at most {bound} bytes"));
        if claimed.is_some_and(|claimed: u64| claimed > bound as u64) {
            return Err(too_large());
        }
        let mut collected = std::pin::pin!(Limited::new(body, bound).collect());
        // one that has come with its head needs no deadline
        let collected = match collected.as_mut().now_or_never() {
            Some(collected) => collected,
            None => {
                let deadline = self.clock.sleep(self.clock.now().after(self.limits.body_ns));
                let Either::Left((collected, _)) = select(collected, deadline).await else {
                    let seconds = self.limits.body_ns / 1_000_000_000;
                    return Err(Problem::too_slow(format!("a body must arrive within {seconds} s")));
                };
                collected
            }
        };
        match collected {
            Ok(collected) => {
                let bytes = collected.to_bytes();
                self.work.spend(Ledger { coded_bytes: bytes.len() as u64, ..Ledger::default() }).await;
                Ok(bytes)
            }
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(Problem::malformed("the body ends before its length")),
        }
    }

    /// All messages of a body.
    pub(super) async fn messages(&self, headers: &HeaderMap, body: Body) -> Result<Vec<Message>, Problem> {
        if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != FRAMES) {
            return Err(Problem::not_frames(format!(
                "the body must be frames of messages, of type {FRAMES}"
            )));
        }
        let bytes = self.bytes(headers, body).await?;
        let messages = frame::all(&bytes, self.limits.messages)
            .map_err(|error| Problem::malformed(format!("the body is no list of messages: {error}")))?;
        if messages.is_empty() {
            return Err(Problem::malformed("the body holds no message"));
        }
        Ok(messages)
    }
}

/// An answer of frames.
pub fn framed<'a>(status: StatusCode, messages: impl IntoIterator<Item = &'a Message>) -> Response {
    let mut bytes = Vec::new();
    messages.into_iter().for_each(|message| frame::append(&mut bytes, message));
    (status, [(header::CONTENT_TYPE, FRAMES)], bytes).into_response()
}

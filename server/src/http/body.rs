//! Bodies: read within a bound of bytes and of time, and taken as frames.

use std::error::Error;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{FRAMES, Front, Problem};
use crate::{
    actor::Ledger,
    port::{
        Clock, Time,
        room::{Room, SMALL, Taken},
    },
    protocol::{
        codec::FORK_MEMORY,
        frame::{self, FrameError},
        message::{Message, tag},
    },
};

/// Of a body that is large so many bytes must arrive in the time that a small one has.
const STRETCH: usize = 1 << 20;
/// All of it must arrive in so many times that.
const STRETCHES: u64 = 6;
/// How many times its bytes evidence may take in memory: maps in it may have many forks.
const EVIDENCE_TIMES: usize = 1 + FORK_MEMORY / 8;

/// What a body holds, and the room that is taken for it until it is done with.
pub struct Read<T> {
    /// Its messages, or its bytes.
    pub content: T,
    /// For its bytes, and for what evidence takes beyond them. Given back when it is dropped.
    pub room: [Taken; 2],
}

impl Front {
    /// All bytes of a body.
    pub(super) async fn bytes(&self, headers: &HeaderMap, body: Body) -> Result<Read<Vec<u8>>, Problem> {
        let bound = self.limits.body_bytes;
        let claimed =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if claimed.is_some_and(|claimed: u64| claimed > bound as u64) {
            return Err(Problem::too_large(format!("a body has at most {bound} bytes")));
        }
        // how long it will be is known, or it may be as long as any
        let expected = claimed.map_or(bound, |claimed| claimed as usize);
        let until = self.clock.now().after(STRETCHES * self.limits.body_ns);
        let mut body = Limited::new(body, bound);
        let mut bytes = Vec::with_capacity(expected.min(SMALL));
        // whoever only claims to send much takes no room for it
        let mut more = self.collect(&mut body, &mut bytes, SMALL + 1, until).await?;
        let room = if more { self.room_in(&self.bodies, expected).await? } else { Taken::default() };
        while more {
            let next = bytes.len() + STRETCH;
            more = self.collect(&mut body, &mut bytes, next, until).await?;
        }
        self.work.spend(Ledger { coded_bytes: bytes.len() as u64, ..Ledger::default() }).await;
        Ok(Read { content: bytes, room: [room, Taken::default()] })
    }

    /// Room for so many bytes; a problem if there is none for as long as a body may take to arrive.
    async fn room_in(&self, room: &Room, bytes: usize) -> Result<Taken, Problem> {
        let full = || Problem::unavailable("there is no room for a body of this size now");
        self.within(self.limits.body_ns, room.take(bytes)).await.ok_or_else(full)
    }

    /// Reads a body until there are so many bytes of it, or this time has come; whether there may be more.
    async fn collect(
        &self,
        body: &mut Limited<Body>,
        bytes: &mut Vec<u8>,
        upto: usize,
        until: Time,
    ) -> Result<bool, Problem> {
        let read = async {
            while bytes.len() < upto {
                let Some(frame) = body.frame().await.transpose()? else { return Ok(false) };
                if let Ok(data) = frame.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(true)
        };
        let late = || {
            let seconds = self.limits.body_ns / 1_000_000_000;
            let most = STRETCHES * seconds;
            Problem::too_slow(format!(
                "a body must arrive within {seconds} s, of a large one each MiB, and all within {most} s"
            ))
        };
        let bound = self.limits.body_bytes;
        let left_ns = until.0.saturating_sub(self.clock.now().0).min(self.limits.body_ns);
        let read = self.within(left_ns, read).await.ok_or_else(late)?;
        read.map_err(|error| match error.is::<LengthLimitError>() {
            true => Problem::too_large(format!("a body has at most {bound} bytes")),
            false => Problem::malformed("the body ends before its length"),
        })
    }

    /// All messages of a body, each with how many bytes it takes in memory. It may hold only what has these tags: in words for who sends
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
        let Read { content: bytes, mut room } = self.bytes(headers, body).await?;
        if tags.contains(&tag::EXPOSED) {
            // whoever waits here has all that it needs there
            let evidence = frame::bodies(&bytes).filter(|body| body.first() == Some(&tag::EXPOSED));
            let bytes = evidence.map(|body| body.len() * EVIDENCE_TIMES).sum();
            room[1] = self.room_in(&self.evidence, bytes).await?;
        }
        let messages = frame::all(&bytes, self.limits.messages, |tag| tags.contains(&tag));
        let messages = messages.map_err(|error| match error {
            FrameError::Unwanted => Problem::malformed(format!("the body may hold {what} only")),
            error => Problem::malformed(format!("the body is no list of messages: {error}")),
        })?;
        if messages.is_empty() {
            return Err(Problem::malformed("the body holds no message"));
        }
        let weighed = |(message, bytes)| match message {
            Message::Exposed(_) => (message, bytes * EVIDENCE_TIMES),
            _ => (message, bytes),
        };
        Ok(Read { content: messages.into_iter().map(weighed).collect(), room })
    }
}

/// Bytes for somebody who reads, and the room that they take until they are written, or given up.
pub struct Kept {
    bytes: Bytes,
    _room: Taken,
}

impl Kept {
    /// These bytes, for as long as they stay.
    pub fn bytes(bytes: impl Into<Bytes>, room: Taken) -> Bytes {
        Bytes::from_owner(Kept { bytes: bytes.into(), _room: room })
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Front {
    /// An answer to somebody who reads, which stays here until he has taken it: a problem instead where those that stay leave no room for it.
    pub(super) async fn in_room(&self, answer: Response) -> Result<Response, Problem> {
        if answer.body().size_hint().exact().is_some_and(|bytes| bytes <= SMALL as u64) {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await;
        let bytes = bytes.map_err(|_| Problem::internal("the answer has no end"))?;
        let full = || Problem::unavailable("others read too much just now");
        let room = self.answers.try_take(bytes.len()).ok_or_else(full)?;
        Ok(Response::from_parts(head, Kept::bytes(bytes, room).into()))
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

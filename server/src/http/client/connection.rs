//! One HTTP connection of a client: requests one after another.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, WWW_AUTHENTICATE},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Caller;
use crate::{
    http::{FRAMES, NONCE_HEADER},
    port::Spawn,
    protocol::frame::FRAME_MAX,
};

/// How often a request is signed: for a nonce that is stale, and for a counter that an earlier life of the client used.
const SIGNED_MAX: u32 = 4;

/// Longest that a server's word for when to ask again is heeded, in seconds.
const RETRY_MAX_S: u64 = 10;

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the body is frames of messages.
    pub fn is_frames(&self) -> bool {
        self.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == FRAMES)
    }

    /// When to ask again, as the server says; if it does not, in a second.
    pub fn retry_after_ns(&self) -> u64 {
        let told = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        told.unwrap_or(1u64).min(RETRY_MAX_S) * 1_000_000_000
    }

    /// Status and body, for people.
    pub fn told(&self) -> String {
        format!("{}: {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// A connection to a server.
pub struct Connection {
    requests: SendRequest<Full<Bytes>>,
    host: String,
}

fn lost(error: hyper::Error) -> io::Error {
    io::Error::other(error)
}

impl Connection {
    /// Speaks HTTP on a stream.
    pub async fn over<S>(stream: S, host: &str, spawn: &impl Spawn) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = handshake(TokioIo::new(stream)).await.map_err(lost)?;
        spawn.spawn(async move {
            // whoever waits for an answer is told
            let _ = connection.await;
        });
        Ok(Connection { requests, host: host.to_owned() })
    }

    /// Whether the server has closed it.
    pub fn is_over(&self) -> bool {
        self.requests.is_closed()
    }

    /// Sends a request; the body of its answer is still to be read.
    pub async fn begin(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(hyper::header::HeaderName, String)],
        body: Bytes,
    ) -> io::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            request = request.header(CONTENT_TYPE, FRAMES);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        self.requests.ready().await.map_err(lost)?;
        self.requests.send_request(request).await.map_err(lost)
    }

    /// Sends a request and reads its answer.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(hyper::header::HeaderName, String)],
        body: Bytes,
    ) -> io::Result<Answer> {
        whole(self.begin(method, path, headers, body).await?).await
    }

    /// The same for a request that the client must sign. If the server does not take its nonce or its counter, once more with
    /// the nonce that it tells and a higher counter: it may know both from before this client started.
    pub async fn begin_signed(
        &mut self,
        caller: &Caller,
        (method, path): (Method, &str),
        headers: &[(hyper::header::HeaderName, String)],
        body: Bytes,
    ) -> io::Result<Response<Incoming>> {
        for tries in 1.. {
            let mut all = headers.to_vec();
            let (header, used) = caller.sign_with(method.as_str(), path);
            all.push((AUTHORIZATION, header));
            let response = self.begin(method.clone(), path, &all, body.clone()).await?;
            let told = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            let nonce = told.and_then(|told| told.strip_prefix("Noise nonce=\"")?.strip_suffix('"'));
            let nonce =
                nonce.or_else(|| response.headers().get(NONCE_HEADER).and_then(|value| value.to_str().ok()));
            let told = caller.learn(nonce);
            if tries == SIGNED_MAX || response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            if told == Some(used) {
                caller.count_on();
            }
            whole(response).await?;
        }
        unreachable!("the last try returns")
    }
}

/// Reads the rest of an answer.
pub async fn whole(response: Response<Incoming>) -> io::Result<Answer> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, FRAME_MAX).collect().await.map_err(io::Error::other)?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}

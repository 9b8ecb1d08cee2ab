//! Problems: what is wrong with a request, as RFC 9457 writes it.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde_json::json;

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident $status:ident),* $(,)?) => {
        impl Problem {
            $($(#[$doc])*
            pub fn $name(detail: impl Into<String>) -> Self {
                Problem { status: StatusCode::$status, detail: detail.into(), header: None }
            })*
        }
    };
}

problems! {
    /// The bytes say nothing that can be done.
    malformed BAD_REQUEST,
    /// A signature is not that of whom it claims to be.
    wrong_signature FORBIDDEN,
    /// There is nothing there.
    not_found NOT_FOUND,
    /// Another process serves that actor.
    elsewhere MISDIRECTED_REQUEST,
    /// The body did not arrive in time.
    too_slow REQUEST_TIMEOUT,
    /// The body is too long.
    too_large PAYLOAD_TOO_LARGE,
    /// Bodies are frames.
    not_frames UNSUPPORTED_MEDIA_TYPE,
    /// A fault of ours.
    internal INTERNAL_SERVER_ERROR,
}

impl Problem {
    /// The resource is there, but not for this method.
    pub fn method_not_allowed() -> Self {
        let detail = "the resource does not have this method: see /openapi.json".to_owned();
        Problem { status: StatusCode::METHOD_NOT_ALLOWED, detail, header: None }
    }

    /// The request is not signed, or not by this client, or not now: with what it is to be signed.
    pub fn unauthorized(detail: impl Into<String>, nonce: &str) -> Self {
        let challenge = HeaderValue::from_str(&format!("Noise nonce=\"{nonce}\"")).ok();
        let header = challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge));
        Problem { status: StatusCode::UNAUTHORIZED, detail: detail.into(), header }
    }

    fn after(status: StatusCode, detail: impl Into<String>, seconds: u64) -> Self {
        let header = Some((header::RETRY_AFTER, HeaderValue::from(seconds)));
        Problem { status, detail: detail.into(), header }
    }

    /// More than this client may send.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Problem::after(StatusCode::TOO_MANY_REQUESTS, detail, 1)
    }

    /// Not now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Problem::after(StatusCode::SERVICE_UNAVAILABLE, detail, 1)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let title = self.status.canonical_reason().unwrap_or("problem");
        let body = json!({
            "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

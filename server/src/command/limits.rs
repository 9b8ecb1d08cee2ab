//! The bounds of the HTTP API as options.

use clap::Args;
use server::http::Limits;

/// The bounds of the HTTP API.
#[derive(Args)]
pub struct LimitOptions {
    /// Connections open at once; more are closed.
    #[arg(long, default_value_t = Limits::default().connections)]
    connections_max: usize,
    /// Bytes of a request's body.
    #[arg(long, default_value_t = Limits::default().body_bytes)]
    body_bytes_max: usize,
    /// Messages in a request.
    #[arg(long, default_value_t = Limits::default().messages)]
    messages_max: usize,
    /// Recipients of a bundle.
    #[arg(long, default_value_t = Limits::default().recipients)]
    recipients_max: usize,
    /// Bundles a second of one client, and as many of what else it says and asks.
    #[arg(long, default_value_t = Limits::default().client_rate)]
    client_rate: u32,
    /// Event streams open at once: fewer than connections, or they keep all requests out.
    #[arg(long, default_value_t = Limits::default().readers)]
    readers_max: usize,
    /// How long a connection may be idle, or take to send the head of a request.
    #[arg(long, default_value_t = Limits::default().head_ns / MILLISECOND)]
    idle_ms: u64,
    /// How long the body of a request may take.
    #[arg(long, default_value_t = Limits::default().body_ns / MILLISECOND)]
    body_ms: u64,
    /// How long a peer may take nothing of what is written to it.
    #[arg(long, default_value_t = Limits::default().write_ns / MILLISECOND)]
    write_ms: u64,
    /// How long a submission waits for its receipts.
    #[arg(long, default_value_t = Limits::default().answer_ns / MILLISECOND)]
    answer_ms: u64,
    /// How often an event stream shows that it is alive.
    #[arg(long, default_value_t = Limits::default().heartbeat_ns / MILLISECOND)]
    event_heartbeat_ms: u64,
    /// Devices of the JSON API that are served at once.
    #[arg(long, default_value_t = Limits::default().devices)]
    devices_max: usize,
    /// How long one of them without a message, a key or an event stream keeps its place when all are taken and another wants one.
    #[arg(long, default_value_t = Limits::default().device_idle_ns / MILLISECOND)]
    device_idle_ms: u64,
    /// Bytes of messages and one-time keys kept for a device of the JSON API: when they are reached, what else comes for it
    /// waits until it deletes some, and it can send nothing meanwhile.
    #[arg(long, default_value_t = Limits::default().mailroom_bytes)]
    mailroom_bytes_max: usize,
    /// Tasks that check signatures at once (not central).
    #[arg(long, default_value_t = Limits::default().checkers)]
    checkers: usize,
}

const MILLISECOND: u64 = 1_000_000;

impl LimitOptions {
    /// The bounds.
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.connections_max,
            body_bytes: self.body_bytes_max,
            messages: self.messages_max,
            recipients: self.recipients_max,
            client_rate: self.client_rate,
            readers: self.readers_max,
            head_ns: self.idle_ms.saturating_mul(MILLISECOND),
            body_ns: self.body_ms.saturating_mul(MILLISECOND),
            write_ns: self.write_ms.saturating_mul(MILLISECOND),
            answer_ns: self.answer_ms.saturating_mul(MILLISECOND),
            heartbeat_ns: self.event_heartbeat_ms.saturating_mul(MILLISECOND),
            devices: self.devices_max,
            device_idle_ns: self.device_idle_ms.saturating_mul(MILLISECOND),
            mailroom_bytes: self.mailroom_bytes_max,
            checkers: self.checkers,
        }
    }
}

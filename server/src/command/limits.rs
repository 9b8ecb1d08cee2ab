//! The bounds of the HTTP API as options.

use clap::{Args, builder::RangedU64ValueParser};
use server::http::Limits;

/// The bounds of the HTTP API.
#[derive(Args)]
pub struct LimitOptions {
    /// Connections open at once; more are closed.
    #[arg(long, default_value_t = Limits::default().connections, value_parser = up_to(MANY))]
    connections_max: usize,
    /// Connections that others have open to an actor's own port, besides two for each actor of the roster; more are closed (actor).
    #[arg(long, default_value_t = Limits::default().peers, value_parser = up_to(MANY))]
    peers_max: usize,
    /// Bytes of a request's body.
    #[arg(long, default_value_t = Limits::default().body_bytes, value_parser = up_to(GIGABYTE))]
    body_bytes_max: usize,
    /// Bytes of the bodies of over 64 KiB of all requests under way: more of them wait, as long as a body may take.
    #[arg(long, default_value_t = Limits::default().bodies_bytes, value_parser = up_to(u32::MAX.into()))]
    bodies_bytes_max: usize,
    /// Bytes of the answers of over 64 KiB to reads that their readers have not taken yet: who reads more of them is told to come later.
    #[arg(long, default_value_t = Limits::default().answers_bytes, value_parser = up_to(u32::MAX.into()))]
    answers_bytes_max: usize,
    /// Messages in a request.
    #[arg(long, default_value_t = Limits::default().messages, value_parser = up_to(MANY))]
    messages_max: usize,
    /// Recipients of a bundle.
    #[arg(long, default_value_t = Limits::default().recipients, value_parser = up_to(Limits::default().recipients as u64))]
    recipients_max: usize,
    /// Bundles a second of one client, and as many of what else it says and asks.
    #[arg(long, default_value_t = Limits::default().client_rate, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    client_rate: u32,
    /// Event streams open at once: fewer than connections, or they keep all requests out.
    #[arg(long, default_value_t = Limits::default().readers, value_parser = up_to(MANY))]
    readers_max: usize,
    /// How long a connection may be idle, or take to send the head of a request.
    #[arg(long, default_value_t = Limits::default().head_ns / MILLISECOND, value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    idle_ms: u64,
    /// How long the body of a request may take.
    #[arg(long, default_value_t = Limits::default().body_ns / MILLISECOND, value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    body_ms: u64,
    /// How long a peer may take less than 64 KiB of what is written to it, while not all of it is taken.
    #[arg(long, default_value_t = Limits::default().write_ns / MILLISECOND, value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    write_ms: u64,
    /// How long a submission waits for its receipts.
    #[arg(long, default_value_t = Limits::default().answer_ns / MILLISECOND, value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    answer_ms: u64,
    /// How often an event stream shows that it is alive.
    #[arg(long, default_value_t = Limits::default().heartbeat_ns / MILLISECOND, value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    event_heartbeat_ms: u64,
    /// Devices of the JSON API that are served at once.
    #[arg(long, default_value_t = Limits::default().devices, value_parser = up_to(MANY))]
    devices_max: usize,
    /// How long one of them without a message, a key or an event stream keeps its place when all are taken and another wants one.
    #[arg(long, default_value_t = Limits::default().device_idle_ns / MILLISECOND, value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    device_idle_ms: u64,
    /// Bytes of messages and one-time keys kept for a device of the JSON API: when they are reached, what else comes for it
    /// waits until it deletes some, and it can send nothing meanwhile.
    #[arg(long, default_value_t = Limits::default().mailroom_bytes, value_parser = up_to(GIGABYTE))]
    mailroom_bytes_max: usize,
    /// Tasks that check signatures at once (not central).
    #[arg(long, default_value_t = Limits::default().checkers, value_parser = up_to(1024))]
    checkers: usize,
}

const MILLISECOND: u64 = 1_000_000;
const DAY_MS: u64 = 86_400_000;
/// More than a process has sockets.
const MANY: u64 = 1 << 24;
const GIGABYTE: u64 = 1 << 30;

/// One at least: with none of it a server would serve nobody.
fn up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

impl LimitOptions {
    /// The bounds.
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.connections_max,
            peers: self.peers_max,
            body_bytes: self.body_bytes_max,
            bodies_bytes: self.bodies_bytes_max,
            answers_bytes: self.answers_bytes_max,
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        options: LimitOptions,
    }

    #[test]
    fn each_option_is_the_bound_that_it_names() {
        let options = [
            ("--connections-max", 101),
            ("--peers-max", 102),
            ("--body-bytes-max", 103),
            ("--bodies-bytes-max", 104),
            ("--answers-bytes-max", 105),
            ("--messages-max", 106),
            ("--recipients-max", 107),
            ("--client-rate", 108),
            ("--readers-max", 109),
            ("--idle-ms", 110),
            ("--body-ms", 111),
            ("--write-ms", 112),
            ("--answer-ms", 113),
            ("--event-heartbeat-ms", 114),
            ("--devices-max", 115),
            ("--device-idle-ms", 116),
            ("--mailroom-bytes-max", 117),
            ("--checkers", 118),
        ];
        let given = options.iter().map(|(option, value)| format!("{option}={value}"));
        let parsed = Parsed::try_parse_from(std::iter::once("server".to_owned()).chain(given)).unwrap();
        let expected = Limits {
            connections: 101,
            peers: 102,
            body_bytes: 103,
            bodies_bytes: 104,
            answers_bytes: 105,
            messages: 106,
            recipients: 107,
            client_rate: 108,
            readers: 109,
            head_ns: 110_000_000,
            body_ns: 111_000_000,
            write_ns: 112_000_000,
            answer_ns: 113_000_000,
            heartbeat_ns: 114_000_000,
            devices: 115,
            device_idle_ns: 116_000_000,
            mailroom_bytes: 117,
            checkers: 118,
        };
        assert_eq!(parsed.options.limits(), expected);
    }
}

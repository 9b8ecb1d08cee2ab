//! What may be asked for.

/// The bounds of the HTTP API, and of an actor's own port. Every one is an option of `cargo server run` and `actor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more are closed at once.
    pub connections: usize,
    /// Connections that others have open to an actor's own port, besides two for each actor of the roster; more are closed at once.
    pub peers: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of the larger bodies of all requests under way: more of them wait, as long as a body may take to arrive.
    pub bodies_bytes: usize,
    /// Bytes of the larger answers to reads that their readers have not taken yet: without room for one there is none.
    pub answers_bytes: usize,
    /// Messages in a request.
    pub messages: usize,
    /// Recipients of a bundle.
    pub recipients: usize,
    /// Bundles a second of one client, on average; a second's worth may come at once. As many again of what else it signs:
    /// reads, streams, acks, complaints, challenges.
    pub client_rate: u32,
    /// Event streams open at once: fewer than connections, or they keep all requests out.
    pub readers: usize,
    /// How long the head of a request may take to arrive, and a connection may be idle.
    pub head_ns: u64,
    /// How long a body may take to arrive.
    pub body_ns: u64,
    /// How long a peer may take less than 64 KiB of what is written to it, while not all of it is taken.
    pub write_ns: u64,
    /// How long a submission waits for its receipts.
    pub answer_ns: u64,
    /// How often an event stream shows that it is alive.
    pub heartbeat_ns: u64,
    /// Devices that sign nothing for which the agent runs a client at once.
    pub devices: usize,
    /// How long one of them that has nothing here keeps its place when all are taken and another wants one.
    pub device_idle_ns: u64,
    /// Bytes of messages and one-time keys that the agent keeps for such a device, 128 for each besides its text: from
    /// there on it takes no more for it until the device deletes some, and meanwhile sends nothing for it. Keys take half of it at most.
    pub mailroom_bytes: usize,
    /// How many tasks check signatures at once.
    pub checkers: usize,
}

const SECOND: u64 = 1_000_000_000;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4096,
            peers: 64,
            body_bytes: 20 << 20, // a bundle of the greatest size, and its frame
            bodies_bytes: 512 << 20,
            answers_bytes: 512 << 20,
            messages: 1024,
            recipients: crate::protocol::bundle::RECIPIENTS_MAX,
            client_rate: 2000,
            readers: 3072,
            head_ns: 15 * SECOND,
            body_ns: 20 * SECOND,
            write_ns: 20 * SECOND,
            answer_ns: 5 * SECOND,
            heartbeat_ns: 15 * SECOND,
            devices: 4096,
            device_idle_ns: 600 * SECOND,
            mailroom_bytes: 4 << 20,
            checkers: 2,
        }
    }
}

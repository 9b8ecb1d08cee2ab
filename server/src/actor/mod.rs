//! Actors: plain state machines that read messages and promise statements.
//!
//! A node drives an actor in steps, and a step is always the same (see [`crate::node`]):
//! ```text
//! for every input that has arrived:   actor.handle(input, &mut step)
//! actor.settle(&mut step)                        promises made once for all inputs: receipts, seals, cuts
//! one transaction, synced                        step.changes and every promised statement
//! sign the promised statements:       actor.release(statement, &mut step)
//! send step.sends
//! ```
//! So batches, signatures and syncs are amortised by the loop alone, and *durable before visible* (rule R8)
//! holds by its shape: nothing leaves before the sync, and nothing is signed before it.
//!
//! # Invariants
//! - An actor has no clock, socket, disk, thread or random source; the time is in the [`Step`].
//! - An actor that restarts recovers from its rows and its own statements alone, and says the same again.

pub mod client;
pub mod docket;
pub mod handler;
pub mod incoming;
pub mod mailbox;
mod numbers;
pub mod retired;
pub mod sequencer;
pub mod step;
pub mod witness;

use crate::{
    port::{Rows, Time},
    protocol::{
        codec::DecodeError,
        evidence::Evidence,
        id::{ActorId, ClientId},
        message::Message,
        statement::{Terms, Trust},
    },
};

pub use step::{Draft, Issued, Ledger, Notice, Received, Step};

/// One actor.
pub trait Actor: Send + 'static {
    /// Who it is.
    fn me(&self) -> ActorId;
    /// The actors it connects to, and keeps connected to.
    fn dials(&self) -> Vec<ActorId>;
    /// Takes one input.
    fn handle(&mut self, input: Input, step: &mut Step);
    /// Ends a step: does at once what many inputs asked for.
    fn settle(&mut self, step: &mut Step);
    /// Takes a statement of its own that is now durable and signed, and sends it where it belongs.
    fn release(&mut self, issued: Issued, step: &mut Step);
    /// Takes an input for one of several actors that it is.
    fn handle_as(&mut self, _part: ActorId, input: Input, step: &mut Step) {
        self.handle(input, step);
    }
    /// When it wants to be called though nothing arrived.
    fn deadline(&self) -> Option<Time>;
    /// The row in which its node keeps a statement of its own.
    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        step::statement_row(draft.kind(), draft.slot())
    }
}

/// What happens to an actor.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "moved once, from the inbox to the actor")]
pub enum Input {
    /// A connection with this peer is up; an older one with it is gone.
    Connected(ActorId),
    /// The connection with this peer is lost.
    Disconnected(ActorId),
    /// A message arrived. The peer is who it said it is when it connected; only signatures prove anything.
    Message(ActorId, Message),
    /// The application of a client wants something sent.
    Send(Draught),
    /// The application of a client brings evidence to complain with.
    Complain(Box<Evidence>),
    /// A deadline has passed.
    Wake,
}

/// What an application wants a client to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draught {
    /// Chosen by the application to recognise the bundle by.
    pub token: u64,
    /// For all recipients.
    pub payload: Vec<u8>,
    /// For each recipient.
    pub ciphertexts: Vec<(ClientId, Vec<u8>)>,
}

/// What every actor is told when it is made.
#[derive(Clone)]
pub struct Setup {
    /// Roster and verification.
    pub trust: Trust,
    /// Its pace.
    pub timing: Timing,
}

impl Setup {
    /// Under which roster and key an actor signs.
    pub fn terms_of(&self, actor: ActorId) -> Terms {
        self.trust.roster.terms_of(&actor)
    }

    /// How long an obligation may stay open before it is made public, and then before its debtor is suspected:
    /// the challenge bound of the roster in epochs of this pace.
    pub fn challenge_ns(&self) -> u64 {
        u64::from(self.trust.roster.challenge_bound()).saturating_mul(self.timing.epoch_ns)
    }
}

/// The pace of a deployment, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Least time from one seal of an actor to its next, and how long a cut waits for those who have not sealed.
    pub epoch_ns: u64,
    /// Longest time without a seal or a cut: silence is told from death by it.
    pub heartbeat_ns: u64,
    /// How long a client waits for a receipt before it submits again; doubles each time.
    pub retry_ns: u64,
}

impl Timing {
    /// The usual pace for an epoch of this length.
    pub fn of_epoch(epoch_ns: u64) -> Self {
        Timing { epoch_ns, heartbeat_ns: 10 * epoch_ns, retry_ns: (20 * epoch_ns).max(100_000_000) }
    }
}

/// What a node found in its storage.
#[derive(Default)]
pub struct Recovered {
    /// The actor's own rows.
    pub rows: Rows,
    /// Its statements that it had not given up, by kind and slot, signed again: the same bytes.
    pub statements: Vec<Issued>,
}

/// Stored bytes that do not make an actor.
#[derive(Debug, thiserror::Error)]
#[error("the stored {what} cannot be read: {why}")]
pub struct RecoverError {
    /// Which row.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: DecodeError,
}

impl RecoverError {
    /// For `map_err`.
    pub(crate) fn of(what: &'static str) -> impl Fn(DecodeError) -> RecoverError {
        move |why| RecoverError { what, why }
    }
}

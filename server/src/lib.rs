//! The Noise server: it orders end-to-end encrypted messages between clients, keeps their mailboxes, and need
//! not be trusted.
//!
//! - [`protocol`]: what is signed, in which bytes, and what it proves. Pure.
//! - [`actor`]: the state machines that sign it. Pure: input in, output drained, time an argument.
//! - [`port`]: the four things an actor needs of the world, and their production adapters.
//! - [`node`]: the loop that drives an actor over the ports.

pub mod actor;
pub mod node;
pub mod port;
pub mod protocol;

//! The Noise server: it orders end-to-end encrypted messages between clients, keeps their mailboxes, and need
//! not be trusted.
//!
//! - [`protocol`]: what is signed, in which bytes, and what it proves. Pure.
//! - [`actor`]: the state machines that sign it. Pure: input in, output drained, time an argument.
//! - [`port`]: the four things an actor needs of the world, and their production adapters.
//! - [`node`]: the loop that drives an actor over the ports.
//! - [`deployment`], [`architecture`]: keys and roster on disk; the actors of a deployment in one process.
//! - [`http`]: what clients speak to.
//! - [`client`]: a client for applications.
//! - [`cluster`], [`service`]: where each actor is; all of it together.
//! - [`watch`]: what a running server lets its operator know.

pub mod actor;
pub mod architecture;
pub mod client;
pub mod cluster;
pub mod deployment;
pub mod http;
pub mod node;
pub mod port;
pub mod protocol;
pub mod service;
pub mod watch;

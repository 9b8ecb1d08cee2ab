//! Faults of the real server under load: it is killed, its wall clock steps, its disk is slow, stalls, or is full. Nothing
//! acknowledged is lost, nothing comes twice or out of order, and nobody is exposed.
//!
//! The clients are client actors with stores of their own, so each also checks all that it is given. The server is always
//! a process of its own.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod clock;
mod crowd;
mod disk;
mod kills;
mod omission;
#[path = "../serving/port.rs"]
mod port;
mod process;
mod slow;
mod watched;

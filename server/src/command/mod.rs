//! The command line, one file a command.

pub mod actor;
pub mod client;
mod descriptors;
pub mod limits;
pub mod load;
pub mod log;
pub mod revoke;
pub mod rotate;
pub mod run;
pub mod serving;
pub mod shape;
pub mod verify;

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Says something to whoever listens.
pub fn say(text: impl Display) {
    match writeln!(io::stdout(), "{text}") {
        // who has closed the pipe wants no more
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => eprintln!("standard output: {error}"),
        _ => {}
    }
}

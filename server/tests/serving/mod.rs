//! A server in this process, and the command line beside it.

use std::process::{Command, Output};

pub fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_server")).args(arguments).output().unwrap()
}

/// It is refused, for this reason.
pub fn refused(arguments: &[&str], why: &str) {
    let output = command(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains(why), "{arguments:?}: {output:?}");
}

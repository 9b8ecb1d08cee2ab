//! A server in this process, and the command line beside it.

use std::{
    path::Path,
    process::{Command, Output},
};

use server::{
    actor::{Timing, handler::Custody},
    deployment::Plan,
    http::Limits,
    protocol::signing::Signing,
    service::{Legacy, Settings},
};

/// The usual settings, on any port.
pub fn settings(plan: Plan, signing: Signing, data: &Path) -> Settings {
    Settings {
        plan,
        signing,
        data: data.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        timing: Timing::of_epoch(5_000_000),
        limits: Limits::default(),
        custody: Custody::default(),
        legacy: Legacy::Refused,
    }
}

pub fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_server")).args(arguments).output().unwrap()
}

/// It is refused, for this reason.
pub fn refused(arguments: &[&str], why: &str) {
    let output = command(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains(why), "{arguments:?}: {output:?}");
}

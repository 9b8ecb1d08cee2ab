//! The program as a script calls it.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The directory of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program with these arguments, not yet started.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(arguments).current_dir(root());
    command
}

/// What the program prints when it is called so.
pub fn sim(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Bytes as a text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

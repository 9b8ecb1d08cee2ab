//! Where the numbers of a page come from: what to run to get them again.

use std::process::Command;

use reports::page::Reproduce;

use crate::sweep::BUILD;

/// Where the sources are that the program is built from.
const SOURCES: &str = env!("CARGO_MANIFEST_DIR");

/// How to get the numbers of an experiment again.
pub fn reproduce(command: String, seeds: u64, machine: &str) -> Reproduce {
    Reproduce {
        commands: vec![command],
        seeds: format!("0..{seeds}"),
        commit: commit(),
        machine: machine.to_owned(),
    }
}

/// The commit of the working tree, as far as there is one, and the digest of the sources that the program is built from.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        // of the sources, wherever this runs
        let output = Command::new("git").arg("-C").arg(SOURCES).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        (output.status.success()).then(|| text.trim().to_owned())
    };
    let sources = format!("sources {BUILD}");
    match git(&["rev-parse", "--short=12", "HEAD"]).filter(|commit| !commit.is_empty()) {
        None => sources,
        Some(commit) => {
            let changed =
                git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|text| !text.is_empty());
            format!("{commit}{}, {sources}", if changed { " with changes" } else { "" })
        }
    }
}

//! Directories that results go to: what stands there is replaced by the like alone.
//!
//! Names such as `run.csv` and `scenario.toml` are short, and a directory that is given by mistake may have one that
//! nobody can make again. So before anything is run it is asked whether what would be replaced is an earlier result of
//! the same kind, which what stands beside it tells: one run's row of measurements, a sweep's journal, the result of a merge,
//! the page of a validation. A file that is named itself tells what it is.

use std::path::{Path, PathBuf};

use reports::{
    page::{self, MARKDOWN_FILE},
    record::{RUN_FILE, read_runs},
};

use crate::{
    journal::JOURNAL_FILE,
    model::costs::Profile,
    outcome,
    sweep::{self, RESULT_FILE},
    validate::{self, COMMAND, MEASURED_FILE, PROFILE_FILE},
};

/// A file in the place of one that is to be written is somebody else's. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("{}: a {what} would replace this, and no {what} wrote it: move it away, or give another --out", .path.display())]
pub struct Taken {
    /// The file.
    path: PathBuf,
    /// What would write there.
    what: &'static str,
}

/// Whether a run may write there: nothing of what it writes is there, or all of it is an earlier run's.
///
/// # Errors
/// A file that a run would replace, and none wrote.
pub fn of_run(directory: &Path) -> Result<(), Taken> {
    let others = there(directory, &[JOURNAL_FILE, RESULT_FILE, MARKDOWN_FILE]);
    let is_of_run = others.is_none() && read_runs(directory).is_ok_and(|runs| runs.len() == 1);
    free(directory, is_of_run, &outcome::FILES, "run")
}

/// Whether a sweep may write there: it has its journal there, which says whether it is this one's, or nothing.
///
/// # Errors
/// A file that a sweep would replace, and none wrote.
pub fn of_sweep(directory: &Path) -> Result<(), Taken> {
    let is_of_sweep = there(directory, &[JOURNAL_FILE]).is_some();
    free(directory, is_of_sweep, &sweep::FILES, "sweep")
}

/// Whether a merge may write there: nothing of what it writes is there, or all of it is an earlier merge's, and no shard's.
///
/// # Errors
/// A file that a merge would replace, and none wrote.
pub fn of_merge(directory: &Path) -> Result<(), Taken> {
    let is_of_shard = there(directory, &[JOURNAL_FILE]).is_some();
    let has_both = [RUN_FILE, RESULT_FILE].iter().all(|name| directory.join(name).is_file());
    let is_of_merge = !is_of_shard && has_both && read_runs(directory).is_ok();
    free(directory, is_of_merge, &sweep::FILES, "merge")
}

/// Whether a validation may write there: nothing of what it writes is there, or all of it is an earlier validation's.
///
/// # Errors
/// A file that a validation would replace, and none wrote.
pub fn of_validation(directory: &Path) -> Result<(), Taken> {
    let has = |name: &str| directory.join(name).is_file();
    let has_all = [MARKDOWN_FILE, PROFILE_FILE, MEASURED_FILE].into_iter().all(has);
    let is_of_validation = has_all && !page::is_of_others(directory, &[COMMAND.to_owned()]);
    let files = validate::files();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    free(directory, is_of_validation, &files, "validation")
}

/// Whether a calibration may write to this file: it is not there, or empty, or a profile, also one of an earlier version.
///
/// # Errors
/// It is another file.
pub fn of_profile(path: &Path) -> Result<(), Taken> {
    let is_own = |text: String| text.is_empty() || Profile::is_in(&text);
    match !path.exists() || std::fs::read_to_string(path).is_ok_and(is_own) {
        true => Ok(()),
        false => Err(Taken { path: path.to_owned(), what: "calibration" }),
    }
}

fn free(directory: &Path, is_own: bool, files: &[&str], what: &'static str) -> Result<(), Taken> {
    match there(directory, files) {
        Some(path) if !is_own => Err(Taken { path, what }),
        _ => Ok(()),
    }
}

/// The first of these files that is there.
fn there(directory: &Path, files: &[&str]) -> Option<PathBuf> {
    files.iter().map(|name| directory.join(name)).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_replaces_a_profile_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profile.toml");
        of_profile(&path).unwrap();
        let profile = Profile::zero().to_toml();
        let outdated = profile.replacen("timer = 0.0\n", "", 1);
        assert_ne!(outdated, profile);
        for text in ["", &profile, &outdated] {
            std::fs::write(&path, text).unwrap();
            of_profile(&path).unwrap();
        }
        for text in ["precious", "# A claim.\n[topology]\ncrypto = \"modelled\"\n", "{}"] {
            std::fs::write(&path, text).unwrap();
            assert!(of_profile(&path).is_err(), "{text}");
        }
        assert!(of_profile(directory.path()).is_err());
    }
}

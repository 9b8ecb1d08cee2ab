//! Directories that results go to: what stands there is replaced by the like alone.
//!
//! Names such as `run.csv` and `scenario.toml` are short, and a directory that is given by mistake may have one that
//! nobody can make again. So before anything is run it is asked whether what would be replaced is an earlier result of
//! the same kind, which what stands beside it tells: one run's row of measurements, a sweep's journal, the result of a merge.

use std::path::{Path, PathBuf};

use reports::{
    page::MARKDOWN_FILE,
    record::{RUN_FILE, read_runs},
};

use crate::{
    journal::JOURNAL_FILE,
    outcome,
    sweep::{self, RESULT_FILE},
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

//! The journal of a sweep: a line a run, written as soon as it is done, so that a sweep that is killed loses nothing.
//!
//! The first line is the plan, every other line a run, each a JSON object. Lines stand in the order in which runs were
//! done. A process that is killed while it writes leaves a last line without an end; that run is done again.
//!
//! # Invariants
//! - Lines are only ever added; what is cut off is a last line that has no end.
//! - A journal holds the runs of one plan, each once; one process at a time writes to it.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Key, Plan, Row};

/// Its name in the directory of a sweep.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// The runs that are done, and the file that keeps them, if one does.
pub struct Journal {
    rows: BTreeMap<Key, Row>,
    file: Option<(PathBuf, File)>,
}

/// Why a journal cannot be used. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system says so.
    #[error("{}: cannot {act}: {why}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        act: &'static str,
        /// What the system says.
        why: io::Error,
    },
    /// Another process writes to it.
    #[error("{}: another sweep is writing here: wait for it, or give another --out", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// It is the journal of another sweep.
    #[error("{}: this is the journal of another sweep: it has {difference}; go on with that one, or give another --out", .path.display())]
    Another {
        /// The file.
        path: PathBuf,
        /// What is different.
        difference: String,
    },
    /// A line is none of this program's.
    #[error("{}:{line}: not a line of a journal: {why}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// A line after the first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    scenario: usize,
    row: Row,
}

/// What a journal says, and how many of its bytes say it.
struct Read {
    plan: Plan,
    rows: BTreeMap<Key, Row>,
    whole_bytes: u64,
}

impl Journal {
    /// One in memory alone.
    pub fn unwritten() -> Journal {
        Journal { rows: BTreeMap::new(), file: None }
    }

    /// The journal of a sweep in its directory: begun, or gone on with.
    ///
    /// # Errors
    /// It is of another plan, is written to, or cannot be read.
    pub fn open(directory: &Path, plan: &Plan) -> Result<Journal, JournalError> {
        let path = directory.join(JOURNAL_FILE);
        let failed = |act| {
            let path = path.clone();
            move |why| JournalError::File { path, act, why }
        };
        fs::create_dir_all(directory).map_err(failed("make the directory"))?;
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path);
        let mut file = file.map_err(failed("open"))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy { path }),
            Err(TryLockError::Error(why)) => return Err(failed("lock")(why)),
            Ok(()) => {}
        }
        let text = fs::read(&path).map_err(failed("read"))?;
        let Some(read) = parse(&path, &text)? else {
            file.set_len(0).and_then(|()| write_line(&mut file, plan)).map_err(failed("write"))?;
            return Ok(Journal { rows: BTreeMap::new(), file: Some((path, file)) });
        };
        if let Some(difference) = read.plan.difference(plan) {
            return Err(JournalError::Another { path, difference });
        }
        file.set_len(read.whole_bytes).map_err(failed("cut off a torn line"))?;
        Ok(Journal { rows: read.rows, file: Some((path, file)) })
    }

    /// The runs that are done.
    pub fn rows(&self) -> &BTreeMap<Key, Row> {
        &self.rows
    }

    /// Another run is done.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, key: Key, row: Row) -> Result<(), JournalError> {
        if let Some((path, file)) = &mut self.file {
            let line = Line { scenario: key.0, row: row.clone() };
            let failed = |why| JournalError::File { path: path.clone(), act: "write", why };
            write_line(file, &line).map_err(failed)?;
        }
        self.rows.insert(key, row);
        Ok(())
    }
}

/// Reads the journal in a directory, without touching it.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn read(directory: &Path) -> Result<(Plan, BTreeMap<Key, Row>), JournalError> {
    let path = directory.join(JOURNAL_FILE);
    let text = fs::read(&path).map_err(|why| JournalError::File { path: path.clone(), act: "read", why })?;
    let read = parse(&path, &text)?;
    let read = read.ok_or_else(|| wrong(&path, 1, "it does not say of which sweep it is".to_owned()))?;
    Ok((read.plan, read.rows))
}

/// In one write: a process that is killed leaves a whole line or a torn last one.
fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}

fn wrong(path: &Path, line: usize, why: String) -> JournalError {
    JournalError::Line { path: path.to_owned(), line, why }
}

/// What the whole lines say; nothing if not even the first is whole.
fn parse(path: &Path, text: &[u8]) -> Result<Option<Read>, JournalError> {
    let whole_bytes = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole_bytes].split_inclusive(|byte| *byte == b'\n').enumerate();
    let Some((_, first)) = lines.next() else { return Ok(None) };
    let plan: Plan = serde_json::from_slice(first).map_err(|why| wrong(path, 1, why.to_string()))?;
    let mut rows = BTreeMap::new();
    for (index, line) in lines {
        let refuse = |why: String| wrong(path, index + 1, why);
        let Line { scenario, row } = serde_json::from_slice(line).map_err(|why| refuse(why.to_string()))?;
        let key = (scenario, row.record.seed);
        if !plan.has(key) {
            return Err(refuse(format!("scenario {scenario} with seed {} is not of this sweep", key.1)));
        }
        if rows.insert(key, row).is_some() {
            return Err(refuse(format!("scenario {scenario} with seed {} stands here twice", key.1)));
        }
    }
    Ok(Some(Read { plan, rows, whole_bytes: whole_bytes as u64 }))
}

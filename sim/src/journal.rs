//! The journal of a sweep or an experiment: a line a run, written as soon as it is done, so that one that is killed loses
//! nothing.
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
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    command::Stopwatch,
    pool::{each, lock},
};

/// Its name in the directory of a sweep or an experiment.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// What a journal is of: which runs there are to be, pinned. A journal that was begun with another plan is not of this one.
pub trait Planned: Serialize + DeserializeOwned {
    /// What is done by such a plan, in a word.
    const NAME: &'static str;
    /// Tells runs apart.
    type Key: Copy + Ord + Serialize + DeserializeOwned;
    /// What came of a run.
    type Row: Clone + Serialize + DeserializeOwned;

    /// Whether there is to be such a run.
    fn has(&self, key: Self::Key) -> bool;
    /// In what this is another plan than that, in words.
    fn difference(&self, other: &Self) -> Option<String>;
}

/// The runs of a plan, by key.
pub type Rows<P> = BTreeMap<<P as Planned>::Key, <P as Planned>::Row>;

/// The runs that are done, and the file that keeps them, if one does.
pub struct Journal<P: Planned> {
    rows: Rows<P>,
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
    #[error("{}: another {name} is writing here: wait for it, or give another --out", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// What is being done.
        name: &'static str,
    },
    /// It is the journal of another plan.
    #[error("{}: this is the journal of another {name}: it has {difference}; go on with that one, or give another --out", .path.display())]
    Another {
        /// The file.
        path: PathBuf,
        /// What is being done.
        name: &'static str,
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
struct Line<K, R> {
    key: K,
    row: R,
}

/// What a journal says, and how many of its bytes say it.
struct Read<P: Planned> {
    plan: P,
    rows: Rows<P>,
    whole_bytes: u64,
}

impl<P: Planned> Journal<P> {
    /// One in memory alone.
    pub fn unwritten() -> Self {
        Journal { rows: BTreeMap::new(), file: None }
    }

    /// The journal of a plan in its directory: begun, or gone on with.
    ///
    /// # Errors
    /// It is of another plan, is written to, or cannot be read.
    pub fn open(directory: &Path, plan: &P) -> Result<Self, JournalError> {
        let path = directory.join(JOURNAL_FILE);
        let failed = |act| {
            let path = path.clone();
            move |why| JournalError::File { path, act, why }
        };
        fs::create_dir_all(directory).map_err(failed("make the directory"))?;
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path);
        let mut file = file.map_err(failed("open"))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy { path, name: P::NAME }),
            Err(TryLockError::Error(why)) => return Err(failed("lock")(why)),
            Ok(()) => {}
        }
        let text = fs::read(&path).map_err(failed("read"))?;
        let Some(read) = parse::<P>(&path, &text)? else {
            // what is cut off is the beginning of this one, and nothing that somebody else has put here
            if !line_of(plan).map_err(failed("write"))?.starts_with(&text) {
                let why = format!("it has no end, and does not begin as that of this {}", P::NAME);
                return Err(wrong(&path, 1, why));
            }
            file.set_len(0).and_then(|()| write_line(&mut file, plan)).map_err(failed("write"))?;
            return Ok(Journal { rows: BTreeMap::new(), file: Some((path, file)) });
        };
        if let Some(difference) = read.plan.difference(plan) {
            return Err(JournalError::Another { path, name: P::NAME, difference });
        }
        file.set_len(read.whole_bytes).map_err(failed("cut off a torn line"))?;
        Ok(Journal { rows: read.rows, file: Some((path, file)) })
    }

    /// The same; one that is of another plan, or cannot be read, is thrown away.
    ///
    /// # Errors
    /// The file is written to, or cannot be.
    pub fn open_anew(directory: &Path, plan: &P) -> Result<Self, JournalError> {
        match Journal::open(directory, plan) {
            Err(JournalError::Another { path, .. } | JournalError::Line { path, .. }) => {
                fs::remove_file(&path).map_err(|why| JournalError::File { path, act: "remove", why })?;
                Journal::open(directory, plan)
            }
            opened => opened,
        }
    }

    /// The runs that are done.
    pub fn rows(&self) -> &Rows<P> {
        &self.rows
    }

    /// Another run is done.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, key: P::Key, row: P::Row) -> Result<(), JournalError> {
        if let Some((path, file)) = &mut self.file {
            let line = Line { key, row: row.clone() };
            let failed = |why| JournalError::File { path: path.clone(), act: "write", why };
            write_line(file, &line).map_err(failed)?;
        }
        self.rows.insert(key, row);
        Ok(())
    }
}

/// When to start no more runs.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// After so long.
    pub time: Option<Duration>,
    /// When somebody says so.
    pub stop: &'a AtomicBool,
}

impl<P: Planned> Journal<P>
where
    P::Key: Send + Sync,
    P::Row: Send,
{
    /// Does every run that is not done yet, on so many threads; calls `progress` with each. How many were done.
    ///
    /// # Errors
    /// The first run that cannot be done, or a file that cannot be written. What was done is in the journal.
    pub fn complete<E: From<JournalError> + Send>(
        &mut self,
        keys: impl Iterator<Item = P::Key>,
        jobs: usize,
        limits: Limits<'_>,
        act: impl Fn(P::Key) -> Result<P::Row, E> + Sync,
        progress: &(dyn Fn(&P::Row) + Sync),
    ) -> Result<usize, E> {
        let stopwatch = Stopwatch::start();
        let todo: Vec<P::Key> = keys.filter(|key| !self.rows.contains_key(key)).collect();
        let failed = AtomicBool::new(false);
        let stopped = || {
            let late = limits.time.is_some_and(|time| stopwatch.elapsed() >= time);
            late || limits.stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed)
        };
        let shared = Mutex::new(self);
        let done = each(&todo, jobs, |key| {
            if stopped() {
                return Ok(0);
            }
            let kept = act(*key).and_then(|row| {
                progress(&row);
                Ok(lock(&shared).append(*key, row)?)
            });
            failed.fetch_or(kept.is_err(), Ordering::Relaxed);
            kept.map(|()| 1)
        });
        done.into_iter().sum()
    }
}

/// Reads the journal in a directory, without touching it.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn read<P: Planned>(directory: &Path) -> Result<(P, Rows<P>), JournalError> {
    let path = directory.join(JOURNAL_FILE);
    let text = fs::read(&path).map_err(|why| JournalError::File { path: path.clone(), act: "read", why })?;
    let read = parse::<P>(&path, &text)?;
    let unsaid = || wrong(&path, 1, format!("it does not say of which {} it is", P::NAME));
    let read = read.ok_or_else(unsaid)?;
    Ok((read.plan, read.rows))
}

/// In one write: a process that is killed leaves a whole line or a torn last one.
fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    file.write_all(&line_of(line)?)
}

fn line_of(line: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

fn wrong(path: &Path, line: usize, why: String) -> JournalError {
    JournalError::Line { path: path.to_owned(), line, why }
}

/// What the whole lines say; nothing if not even the first is whole.
fn parse<P: Planned>(path: &Path, text: &[u8]) -> Result<Option<Read<P>>, JournalError> {
    let whole_bytes = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole_bytes].split_inclusive(|byte| *byte == b'\n').enumerate();
    let Some((_, first)) = lines.next() else { return Ok(None) };
    let plan: P = serde_json::from_slice(first).map_err(|why| wrong(path, 1, why.to_string()))?;
    let mut rows = BTreeMap::new();
    for (index, line) in lines {
        let refuse = |why: String| wrong(path, index + 1, why);
        let Line { key, row } = serde_json::from_slice(line).map_err(|why| refuse(why.to_string()))?;
        let name = || serde_json::to_string(&key).unwrap_or_default();
        if !plan.has(key) {
            return Err(refuse(format!("run {} is not of this {}", name(), P::NAME)));
        }
        if rows.insert(key, row).is_some() {
            return Err(refuse(format!("run {} stands here twice", name())));
        }
    }
    Ok(Some(Read { plan, rows, whole_bytes: whole_bytes as u64 }))
}

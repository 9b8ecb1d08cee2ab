//! The storage port as it is in production: a log that takes each commit, and a database that takes the log over.
//!
//! A commit is one append to the [`Log`], with one sync; most rows of an actor live shorter than a second, so the database,
//! which takes over half a log at a time, never sees them. What is stored is what the database holds and then the log. The
//! database is the store of record: the log is read when a store is opened, and taken over whole, before anything else.
//!
//! # Invariants
//! - A block of the log is written over only when the database has taken it over, synced.
//! - Memory is bounded by the log: what is not taken over yet is kept for that, and is no more than the log holds.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use redb::StorageBackend;

use super::{
    Changes, Rows, StorageError,
    log::{Log, kept},
    redb::Redb,
};
use crate::protocol::codec::{DecodeError, Reader, Writer};

/// A store: a database, and the log beside it.
pub struct Store {
    redb: Arc<Redb>,
    log: Log,
    /// What the log holds and nobody takes over yet.
    pending: Vec<Changes>,
    folding: Arc<Folding>,
    /// Where records are written.
    buffer: Vec<u8>,
}

/// How the database is getting on with the log.
#[derive(Default)]
struct Folding {
    state: Mutex<State>,
    ended: Condvar,
    /// Somebody waits for it to end.
    is_awaited: AtomicBool,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Busy,
    /// Up to which block.
    Ended(Result<u64, StorageError>),
}

impl Folding {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, with: Result<u64, StorageError>) {
        *self.lock() = State::Ended(with);
        self.ended.notify_all();
    }

    /// What came of it, if it has ended.
    fn take(&self) -> Option<Result<u64, StorageError>> {
        let mut state = self.lock();
        match std::mem::take(&mut *state) {
            State::Ended(with) => Some(with),
            other => {
                *state = other;
                None
            }
        }
    }

    fn wait(&self) {
        self.is_awaited.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        while matches!(*state, State::Busy) {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.is_awaited.store(false, Ordering::Relaxed);
    }
}

/// A part of the log for the database to take over, on whichever thread: commits go on meanwhile.
pub struct Fold {
    redb: Arc<Redb>,
    changes: Vec<Changes>,
    upto: u64,
    folding: Arc<Folding>,
    ran: bool,
}

impl Fold {
    /// Takes it over. If that fails, so does the next commit. There is a pause after each piece of the work, unless
    /// somebody waits for it.
    pub fn run(mut self, mut pause: impl FnMut()) {
        let folding = self.folding.clone();
        let mut pause = || {
            if !folding.is_awaited.load(Ordering::Relaxed) {
                pause();
            }
        };
        let changes = merged(std::mem::take(&mut self.changes), &mut pause);
        let taken = self.redb.take_over(&changes, self.upto, &mut pause);
        // a panic in there ends it with an error, or commits would wait for ever
        self.ran = true;
        self.folding.end(taken.map(|()| self.upto));
    }
}

impl Drop for Fold {
    fn drop(&mut self) {
        if !self.ran {
            self.folding.end(Err(StorageError::Failed("the log was not taken over".to_owned())));
        }
    }
}

/// Many changes as one: of each row the last.
fn merged(changes: Vec<Changes>, pause: &mut impl FnMut()) -> Changes {
    let mut all = Changes::new();
    for changes in changes {
        all.extend(changes);
        pause();
    }
    all
}

impl Store {
    /// Opens a store in these two files, with a log of so many blocks if it must be made.
    pub fn open(
        database: impl StorageBackend,
        log: impl StorageBackend,
        blocks: u64,
    ) -> Result<Self, StorageError> {
        Store::beside(Redb::open(database)?, log, blocks)
    }

    /// Opens the store of a database that is open already.
    pub fn beside(redb: Redb, log: impl StorageBackend, blocks: u64) -> Result<Self, StorageError> {
        let taken = redb.taken()?;
        let (mut log, found) = Log::open(log, blocks, taken)?;
        let records: Result<Vec<Changes>, _> = found.records.iter().map(|record| decode(record)).collect();
        let records =
            records.map_err(|error| StorageError::Corrupt(format!("a record of the log: {error}")))?;
        if taken.is_none_or(|taken| taken < found.upto) {
            redb.take_over(&merged(records, &mut || ()), found.upto, &mut || ())?;
            log.taken_over(found.upto);
        }
        Ok(Store {
            redb: Arc::new(redb),
            log,
            pending: Vec::new(),
            folding: Arc::default(),
            buffer: Vec::new(),
        })
    }

    /// What was stored when it was opened.
    pub fn load(&self) -> Result<Rows, StorageError> {
        self.redb.load()
    }

    /// Applies all changes or none; when it returns they would survive a crash. The database may have something to take over
    /// then, which the caller lets run.
    pub fn commit(&mut self, changes: Changes) -> Result<Option<Fold>, StorageError> {
        let record = encode(&changes, std::mem::take(&mut self.buffer));
        self.take_note()?;
        if !self.log.fits(record.len()) {
            return self.commit_whole(changes).map(|()| None);
        }
        while !self.log.has_room(record.len()) {
            self.fold_now()?;
        }
        self.log.append(&record)?;
        self.buffer = kept(record);
        self.pending.push(changes);
        Ok(self.fold_if(self.log.is_half_full()))
    }

    /// Changes that are more than a log holds go into the database at once, after all that the log holds.
    fn commit_whole(&mut self, changes: Changes) -> Result<(), StorageError> {
        self.folding.wait();
        self.take_note()?;
        self.pending.push(changes);
        let all = merged(std::mem::take(&mut self.pending), &mut || ());
        self.redb.take_over(&all, self.log.last(), &mut || ())?;
        self.log.taken_over(self.log.last());
        Ok(())
    }

    /// Hears what came of what was taken over.
    fn take_note(&mut self) -> Result<(), StorageError> {
        if let Some(ended) = self.folding.take() {
            self.log.taken_over(ended?);
        }
        Ok(())
    }

    fn fold_if(&mut self, wanted: bool) -> Option<Fold> {
        let mut state = self.folding.lock();
        if !wanted || !matches!(*state, State::Idle) || self.pending.is_empty() {
            return None;
        }
        *state = State::Busy;
        let (redb, folding) = (self.redb.clone(), self.folding.clone());
        let changes = std::mem::take(&mut self.pending);
        Some(Fold { redb, changes, upto: self.log.last(), folding, ran: false })
    }

    /// Makes room: waits for what is being taken over, or takes over all there is.
    fn fold_now(&mut self) -> Result<(), StorageError> {
        if let Some(fold) = self.fold_if(true) {
            fold.run(|| ());
        }
        self.folding.wait();
        self.take_note()
    }
}

fn encode(changes: &Changes, mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    // it does not move while it is written
    let row = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len) + 9;
    buffer.reserve(4 + changes.iter().map(row).sum::<usize>());
    let mut out = Writer::after(buffer);
    out.count(changes.len());
    for (key, value) in changes {
        out.string(key);
        match value {
            None => out.u8(0),
            Some(value) => {
                out.u8(1);
                out.string(value);
            }
        }
    }
    out.into_bytes()
}

fn decode(record: &[u8]) -> Result<Changes, DecodeError> {
    let mut input = Reader::new(record);
    let mut changes = Changes::new();
    for _ in 0..input.count("rows of a record", record.len())? {
        let key = input.string("key of a row", record.len())?;
        let value = match input.u8()? {
            0 => None,
            1 => Some(input.string("row", record.len())?),
            _ => return Err(DecodeError::Invalid("option tag")),
        };
        changes.insert(key, value);
    }
    input.end()?;
    Ok(changes)
}

//! The simulated disk: what was written, and what of it a crash leaves.
//!
//! A disk takes one operation after the other, each for its time. A crash keeps everything before the last sync that
//! was complete by then; of what was written after it, each 512-byte sector is kept or lost by the seed.
//!
//! # Invariants
//! - What a completed sync covered survives every crash.
//! - A process that was killed cannot touch the disk any more, whatever its destructors try.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use redb::StorageBackend;

use super::{clock::VirtualTime, costs::Profile};
use crate::random::Stream;

const PAGE: usize = 4096;
/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A disk of one machine; it outlives the processes on it.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    time: VirtualTime,
    profile: Profile,
    random: Stream,
    /// As a running process reads it.
    current: Image,
    /// As it surely is after a crash.
    durable: Image,
    operations: VecDeque<Operation>,
    busy_until_ns: u64,
    incarnation: u64,
}

struct Operation {
    done_ns: u64,
    what: Effect,
}

enum Effect {
    Write { offset: u64, bytes: Vec<u8> },
    Resize(u64),
    Sync,
}

/// Sparse bytes.
#[derive(Clone, Default)]
struct Image {
    len: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Image {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (page, within, range) in pieces(offset, bytes.len()) {
            let page = self.pages.entry(page).or_insert_with(|| vec![0; PAGE].into_boxed_slice());
            page[within..within + range.len()].copy_from_slice(&bytes[range]);
        }
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    fn read(&self, offset: u64, out: &mut [u8]) {
        for (page, within, range) in pieces(offset, out.len()) {
            match self.pages.get(&page) {
                Some(page) => out[range.clone()].copy_from_slice(&page[within..within + range.len()]),
                None => out[range].fill(0),
            }
        }
    }

    fn resize(&mut self, len: u64) {
        if len < self.len {
            self.pages = {
                let mut pages = std::mem::take(&mut self.pages);
                pages.split_off(&len.div_ceil(PAGE as u64));
                pages
            };
            let within = (len % PAGE as u64) as usize;
            if let Some(page) = self.pages.get_mut(&(len / PAGE as u64)).filter(|_| within > 0) {
                page[within..].fill(0);
            }
        }
        self.len = len;
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Write { offset, bytes } => self.write(*offset, bytes),
            Effect::Resize(len) => self.resize(*len),
            Effect::Sync => {}
        }
    }
}

/// The pages that a range of bytes touches: page, offset in it, range of the bytes.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = (at % PAGE as u64) as usize;
        let take = (PAGE - within).min(len - done);
        let piece = (at / PAGE as u64, within, done..done + take);
        done += take;
        Some(piece)
    })
}

impl State {
    fn operate(&mut self, what: Effect) {
        let cost = match &what {
            Effect::Write { bytes, .. } => bytes.len() as f64 * self.profile.disk_byte_ns,
            Effect::Resize(_) => 0.0,
            Effect::Sync => self.profile.disk_sync_ns,
        };
        self.busy_until_ns = self.busy_until_ns.max(self.time.now_ns()) + cost as u64;
        self.current.apply(&what);
        let settle = matches!(what, Effect::Sync);
        self.operations.push_back(Operation { done_ns: self.busy_until_ns, what });
        if settle {
            self.settle();
        }
    }

    /// Makes durable what completed syncs cover.
    fn settle(&mut self) {
        let now = self.time.now_ns();
        let synced = |operation: &Operation| matches!(operation.what, Effect::Sync) && operation.done_ns <= now;
        if let Some(last) = self.operations.iter().rposition(synced) {
            for operation in self.operations.drain(..=last) {
                self.durable.apply(&operation.what);
            }
        }
    }

    fn crash(&mut self) {
        self.settle();
        let now = self.time.now_ns();
        for operation in std::mem::take(&mut self.operations) {
            // a process issues its next operation when the sync before it has returned
            if matches!(operation.what, Effect::Sync) {
                break;
            }
            if operation.done_ns <= now {
                self.survive(operation.what);
            }
        }
        self.current = self.durable.clone();
        self.busy_until_ns = now;
        self.incarnation += 1;
    }

    /// Something not synced reaches the disk in part.
    fn survive(&mut self, effect: Effect) {
        match effect {
            Effect::Write { offset, bytes } => {
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    if self.random.chance(0.5) {
                        self.durable.write(offset + (index * SECTOR) as u64, sector);
                    }
                }
            }
            resize if self.random.chance(0.5) => self.durable.apply(&resize),
            _ => {}
        }
    }
}

impl Disk {
    /// An empty disk.
    pub fn new(time: VirtualTime, profile: Profile, random: Stream) -> Self {
        Disk(Arc::new(Mutex::new(State {
            time,
            profile,
            random,
            current: Image::default(),
            durable: Image::default(),
            operations: VecDeque::new(),
            busy_until_ns: 0,
            incarnation: 0,
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The machine loses power, or the process is killed.
    pub fn crash(&self) {
        self.with(State::crash);
    }

    /// The disk as a file of a process that starts now.
    pub fn open(&self) -> DiskFile {
        DiskFile { incarnation: self.with(|state| state.incarnation), disk: self.clone() }
    }

    /// When everything asked of it so far is done.
    pub fn busy_until_ns(&self) -> u64 {
        self.with(|state| state.busy_until_ns)
    }
}

/// The file of one process.
pub struct DiskFile {
    disk: Disk,
    incarnation: u64,
}

impl std::fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiskFile({})", self.incarnation)
    }
}

impl DiskFile {
    fn alive<T>(&self, f: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.disk.with(|state| {
            if state.incarnation == self.incarnation {
                f(state)
            } else {
                Err(io::Error::other("the process was killed"))
            }
        })
    }

    /// Appends bytes and syncs, for storage that is not `redb`.
    pub fn append_synced(&self, bytes: &[u8]) -> io::Result<()> {
        self.alive(|state| {
            state.operate(Effect::Write { offset: state.current.len, bytes: bytes.to_vec() });
            state.operate(Effect::Sync);
            Ok(())
        })
    }

    /// Everything on the disk.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        self.alive(|state| {
            let mut bytes = vec![0; state.current.len as usize];
            state.current.read(0, &mut bytes);
            Ok(bytes)
        })
    }

    /// Cuts the disk off at a length.
    pub fn truncate(&self, len: u64) -> io::Result<()> {
        self.alive(|state| {
            state.operate(Effect::Resize(len));
            Ok(())
        })
    }
}

impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        self.alive(|state| Ok(state.current.len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.alive(|state| {
            if offset + out.len() as u64 > state.current.len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            state.current.read(offset, out);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.alive(|state| {
            state.operate(Effect::Resize(len));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.alive(|state| {
            state.operate(Effect::Sync);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.alive(|state| {
            state.operate(Effect::Write { offset, bytes: data.to_vec() });
            Ok(())
        })
    }
}

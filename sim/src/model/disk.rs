//! The simulated disk: what was written, and what of it a crash leaves.
//!
//! A disk takes one operation after the other, each for its time. A crash keeps everything before the last sync that
//! was complete by then; of what was written after it, each 512-byte sector is kept or lost by the seed. It holds two
//! files, as a store has: a sync covers one of them.
//!
//! # Invariants
//! - What a completed sync covered survives every crash.
//! - A process that was killed cannot touch the disk any more, whatever its destructors try.

mod device;
mod file;
mod pace;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use server::port::{Changes, Rows};

pub use device::Device;
pub use file::{DiskFile, FileName};
use pace::Pace;

use super::{
    clock::VirtualTime,
    costs,
    image::{Image, PAGE},
};
use crate::{
    random::{Stream, Streams},
    windows::Windows,
};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A disk of one machine; it outlives the processes on it.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    time: VirtualTime,
    device: Device,
    pace: Pace,
    random: Stream,
    /// As a running process reads it.
    current: Files,
    /// As it surely is after a crash.
    durable: Files,
    operations: VecDeque<Operation>,
    /// Modelled storage: rows that are durable, and transactions on their way.
    rows: Rows,
    journal: VecDeque<(u64, Changes)>,
    busy_until_ns: u64,
    incarnation: u64,
    ailments: BTreeMap<usize, Ailing>,
    /// Modelled storage: rows that are not what was stored.
    rotten: bool,
    /// So many of the next writes go elsewhere.
    astray: u64,
    /// Whether a commit was ever completed; the operator knows, whatever happens to the disk.
    used: bool,
    /// How often what was on it was put aside.
    asides: u64,
    /// Whether it has ever failed.
    failed: bool,
}

struct Ailing {
    what: Ailment,
    effects: u64,
}

/// Something that is wrong with a disk for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// Everything takes so many times as long.
    Slow(u64),
    /// Nothing is completed before then.
    Stall(u64),
    /// Nothing more is taken.
    Full,
    /// A sync fails, and what it covered may be lost.
    SyncFails,
    /// Nothing can be read.
    ReadFails,
}

/// What becomes of writes that were not synced when power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// Of each, any of its sectors may be there.
    Torn,
    /// Each is there or not, whatever became of those before it.
    Reordered,
    /// None is there.
    Lost,
}

/// A disk as it was at some time.
#[derive(Clone, PartialEq)]
pub struct Snapshot {
    files: Files,
    rows: Rows,
}

/// The files on a disk, by [`FileName`].
type Files = [Image; 2];

struct Operation {
    done_ns: u64,
    file: FileName,
    what: Effect,
}

enum Effect {
    Write { offset: u64, bytes: Vec<u8> },
    Resize(u64),
    Sync,
}

impl Effect {
    /// It reaches the disk.
    fn reach(&self, file: FileName, files: &mut Files) {
        match self {
            Effect::Write { offset, bytes } => files[file as usize].write(*offset, bytes),
            Effect::Resize(len) => files[file as usize].resize(*len),
            Effect::Sync => {}
        }
    }
}

impl State {
    fn operate(&mut self, file: FileName, what: Effect) -> io::Result<()> {
        let cost = match &what {
            Effect::Write { bytes, .. } => self.pace.write_ns(bytes.len()),
            Effect::Resize(_) => 0.0,
            Effect::Sync => self.pace.sync_ns(),
        };
        let is_sync = matches!(what, Effect::Sync);
        self.admit(is_sync)?;
        self.work(cost, is_sync);
        what.reach(file, &mut self.current);
        self.operations.push_back(Operation { done_ns: self.busy_until_ns, file, what });
        if is_sync {
            self.settle();
        }
        Ok(())
    }

    /// Refuses what an ailment does not allow.
    fn admit(&mut self, is_sync: bool) -> io::Result<()> {
        if self.ails(|ailment| ailment == Ailment::Full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match is_sync && self.ails(|ailment| ailment == Ailment::SyncFails) {
            true => Err(io::Error::other("input/output error while syncing")),
            false => Ok(()),
        }
    }

    /// Whether there is such an ailment, which then has had an effect.
    fn ails(&mut self, is_it: impl Fn(Ailment) -> bool) -> bool {
        let such = self.ailments.values_mut().filter(|ailing| is_it(ailing.what));
        let ails = such.map(|ailing| ailing.effects += 1).count() > 0;
        self.failed |= ails;
        ails
    }

    /// Takes the time of an operation that costs so much on a sound disk, and of the device if it is a sync.
    fn work(&mut self, cost_ns: f64, is_sync: bool) {
        let mut done = self.busy_until_ns.max(self.time.now_ns());
        let mut factor = 1;
        for ailing in self.ailments.values_mut() {
            match ailing.what {
                Ailment::Slow(slower) => factor *= slower,
                Ailment::Stall(until_ns) => done = done.max(until_ns),
                _ => continue,
            }
            ailing.effects += 1;
        }
        let takes_ns = cost_ns as u64 * factor;
        self.busy_until_ns = if is_sync { self.device.flush(done, takes_ns) } else { done + takes_ns };
        // one that joins another's flush may take longer by itself
        self.pace.spend(self.busy_until_ns.saturating_sub(takes_ns), self.busy_until_ns);
    }

    /// Makes durable what completed syncs cover.
    fn settle(&mut self) {
        let now = self.time.now_ns();
        let synced =
            |operation: &&Operation| matches!(operation.what, Effect::Sync) && operation.done_ns <= now;
        let mut left = FileName::ALL.map(|file| {
            self.operations.iter().filter(synced).filter(|operation| operation.file == file).count()
        });
        if left == [0, 0] {
            return;
        }
        self.operations.retain(|operation| {
            let covered = left[operation.file as usize] > 0;
            left[operation.file as usize] -= usize::from(covered && matches!(operation.what, Effect::Sync));
            if covered {
                operation.what.reach(operation.file, &mut self.durable);
            }
            !covered
        });
    }

    /// Modelled storage: takes a transaction, and its time.
    fn journal(&mut self, changes: Changes) -> io::Result<()> {
        let bytes: usize =
            changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum();
        let now = self.time.now_ns();
        self.settle_journal(now);
        if let Err(error) = self.admit(true) {
            if error.kind() != io::ErrorKind::StorageFull {
                // it may be there or not, and will be asked for only after a crash
                self.journal.push_back((u64::MAX, changes));
            }
            return Err(error);
        }
        let cost_ns = self.pace.write_ns(bytes) + self.pace.sync_ns();
        self.work(cost_ns, true);
        if std::mem::take(&mut self.astray) > 0 {
            // it lands on other rows, and its own stay what they were
            self.rotten = true;
            return Ok(());
        }
        self.journal.push_back((self.busy_until_ns, changes));
        Ok(())
    }

    fn settle_journal(&mut self, now: u64) {
        while let Some((_, changes)) = self.journal.pop_front_if(|(done, _)| *done <= now) {
            apply(&mut self.rows, changes);
        }
    }

    /// Power fails: whether anything was under way that the kind of failure decides about.
    fn crash(&mut self, unsynced: Unsynced) -> bool {
        self.settle();
        let now = self.time.now_ns();
        self.settle_journal(now);
        let mut undecided = !self.journal.is_empty();
        // of the transaction on its way all may have reached the disk, or not; none after it was begun
        let first = std::mem::take(&mut self.journal).into_iter().next();
        let kept = first.filter(|_| unsynced != Unsynced::Lost && self.random.chance(0.5));
        if let Some((_, changes)) = kept {
            apply(&mut self.rows, changes);
        }
        for operation in std::mem::take(&mut self.operations) {
            // a process issues its next operation when the sync before it has returned
            if matches!(operation.what, Effect::Sync) {
                break;
            }
            undecided = true;
            if operation.done_ns <= now {
                self.survive(operation.file, operation.what, unsynced);
            }
        }
        self.current = self.durable.clone();
        self.busy_until_ns = now;
        self.incarnation += 1;
        self.astray = 0;
        undecided
    }

    /// Something not synced reaches the disk in part.
    fn survive(&mut self, file: FileName, effect: Effect, unsynced: Unsynced) {
        match effect {
            _ if unsynced == Unsynced::Lost => {}
            Effect::Write { offset, bytes } if unsynced == Unsynced::Torn => {
                for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                    if self.random.chance(0.5) {
                        self.durable[file as usize].write(offset + (index * SECTOR) as u64, sector);
                    }
                }
            }
            whole if self.random.chance(0.5) => whole.reach(file, &mut self.durable),
            _ => {}
        }
    }

    fn readable(&mut self) -> io::Result<()> {
        match self.ails(|ailment| ailment == Ailment::ReadFails) {
            true => Err(io::Error::other("input/output error while reading")),
            false => Ok(()),
        }
    }

    /// Flips bits of what is stored.
    fn rot(&mut self, bits: u64) {
        self.rotten |= !self.rows.is_empty();
        let pages_of =
            |file: FileName| self.durable[file as usize].pages().into_iter().map(move |page| (file, page));
        let pages: Vec<_> = FileName::ALL.into_iter().flat_map(pages_of).collect();
        for _ in 0..bits {
            let Some((file, page)) = self.random.pick(&pages).copied() else { return };
            let (at, bit) = (self.random.below(PAGE as u64) as usize, self.random.below(8));
            self.durable[file as usize].flip(page, at, bit);
        }
        self.current = self.durable.clone();
    }

    /// Where a write to a file goes: to another page of it if it is led astray.
    fn place(&mut self, file: FileName, offset: u64) -> u64 {
        let (page, pages) = (offset / PAGE as u64, self.current[file as usize].len / PAGE as u64);
        // the first page holds the header, a write of which is small
        if page == 0 || pages < 3 || self.astray == 0 {
            return offset;
        }
        self.astray -= 1;
        let other = self.random.within(1..=pages - 2);
        (other + u64::from(other >= page)) * PAGE as u64
    }
}

fn apply(rows: &mut Rows, changes: Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
}

impl Disk {
    /// An empty disk of this name, with a device of its own.
    pub fn new(time: VirtualTime, costs: costs::Disk, streams: Streams, name: &str) -> Self {
        let device = Device::new(costs.standstills.clone(), streams.stream(&format!("standstills/{name}")));
        Disk::on(device, time, costs, streams, name)
    }

    /// The same on a device that others may be on.
    pub fn on(device: Device, time: VirtualTime, costs: costs::Disk, streams: Streams, name: &str) -> Self {
        Disk(Arc::new(Mutex::new(State {
            time,
            device,
            pace: Pace::new(costs, streams, name),
            random: streams.stream(&format!("disk/{name}")),
            current: Files::default(),
            durable: Files::default(),
            operations: VecDeque::new(),
            rows: Rows::new(),
            journal: VecDeque::new(),
            busy_until_ns: 0,
            incarnation: 0,
            ailments: BTreeMap::new(),
            rotten: false,
            astray: 0,
            used: false,
            asides: 0,
            failed: false,
        })))
    }

    /// How long it was busy.
    pub fn busy(&self) -> Windows {
        self.with(|state| state.pace.busy().clone())
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The machine loses power, or the process is killed.
    pub fn crash(&self) {
        self.fail(Unsynced::Torn);
    }

    /// The same, deciding about what was not synced: whether there was anything to decide about.
    pub fn fail(&self, unsynced: Unsynced) -> bool {
        self.with(|state| state.crash(unsynced))
    }

    /// Something is wrong with it from now on.
    pub fn begin(&self, number: usize, what: Ailment) {
        self.with(|state| {
            if let Ailment::Stall(until_ns) = what {
                state.busy_until_ns = state.busy_until_ns.max(until_ns);
            }
            state.ailments.insert(number, Ailing { what, effects: 0 });
        });
    }

    /// It is well again, of this: how often it had an effect.
    pub fn end(&self, number: usize) -> u64 {
        self.with(|state| state.ailments.remove(&number)).map_or(0, |ailing| ailing.effects)
    }

    /// Bits of what is stored flip, while nobody looks.
    pub fn rot(&self, bits: u64) {
        self.with(|state| state.rot(bits));
    }

    /// So many of the next writes go to other places than they should.
    pub fn mislead(&self, writes: u64) {
        self.with(|state| state.astray = writes);
    }

    /// Nothing is left on it.
    pub fn wipe(&self) {
        self.put_back(Snapshot { files: Files::default(), rows: Rows::new() });
    }

    /// What is durable on it now.
    pub fn snapshot(&self) -> Snapshot {
        self.with(|state| {
            state.settle();
            state.settle_journal(state.time.now_ns());
            Snapshot { files: state.durable.clone(), rows: state.rows.clone() }
        })
    }

    /// Makes it what it was, for the next process.
    pub fn put_back(&self, snapshot: Snapshot) {
        self.with(|state| {
            state.crash(Unsynced::Lost);
            (state.current, state.durable) = (snapshot.files.clone(), snapshot.files);
            (state.rows, state.rotten) = (snapshot.rows, false);
        });
    }

    /// What is on it cannot be read, and is put aside.
    pub fn set_aside(&self) {
        self.wipe();
        self.with(|state| state.asides += 1);
    }

    /// How often what was on it was put aside.
    pub fn asides(&self) -> u64 {
        self.with(|state| state.asides)
    }

    /// Whether it has ever failed a process.
    pub fn has_failed(&self) -> bool {
        self.with(|state| state.failed)
    }

    /// A commit is complete.
    pub fn mark_used(&self) {
        self.with(|state| state.used = true);
    }

    /// Whether a commit was ever completed.
    pub fn is_used(&self) -> bool {
        self.with(|state| state.used)
    }

    /// A file of the disk for a process that starts now.
    pub fn open(&self, file: FileName) -> DiskFile {
        DiskFile { incarnation: self.with(|state| state.incarnation), file, disk: self.clone() }
    }

    /// When everything asked of it so far is done.
    pub fn busy_until_ns(&self) -> u64 {
        self.with(|state| state.busy_until_ns)
    }
}

#[cfg(test)]
mod tests;

//! The log: what was committed since the database last took over, each commit one append and one sync.
//!
//! A ring of blocks in a file of fixed length, so that a sync has data to write and hardly ever anything about the file: a file
//! system gives a place its blocks when it is first written, so zeros are written ahead the first time around. A block says which one it is, so it proves by itself whether it stands where it should, and no bytes of a record can
//! be taken for a block. The database says up to which block it has taken over; what lies below is written over.
//!
//! ```text
//! file    header block ‖ blocks; block n stands at place (n - 1) mod their count
//! header  two slots, of one sector each, written in turn: magic(8) ‖ version(4) ‖ count of blocks(4) ‖ mark(8) ‖ XXH3-64(8)
//! block   XXH3-64 of the rest(8) ‖ number(8) ‖ number of its record's first block(8) ‖ the record's bytes(4) ‖ 0(4) ‖ 4,064 bytes
//! ```
//!
//! The version is that of all of a store, of what its rows mean, too. 0 stands where a store was made before there were versions, and counts
//! as 1.
//!
//! # Invariants
//! - A store of another version is refused, and left as it is: nothing in it is taken for lost.
//! - A record is synced before it is acknowledged, and before the next is begun. So power can tear the last one only,
//!   and never one that was acknowledged: a record before the last, or below the mark, that is not whole is corrupt.
//! - The mark says which block was acknowledged last. It is written after each sync and synced with the next record, so
//!   a process that is killed leaves it behind. If power fails before that, *and* the disk has spoiled just the last record,
//!   it looks torn: the one loss that one sync a commit cannot tell from power.
//! - A number is given to a block once: after a restart none is used that was ever seen in the file.

use std::{collections::BTreeMap, io};

use redb::StorageBackend;
use twox_hash::XxHash3_64;

use super::StorageError;
use crate::protocol::codec::{DecodeError, Reader, Writer};

/// Bytes of a block: what kernels write at once.
pub const BLOCK: usize = 4096;
/// Bytes of a block before those of its record.
const HEAD: usize = 32;
/// Bytes of a record in a block.
const ROOM: usize = BLOCK - HEAD;
/// Bytes of a slot of the header.
const SLOT: usize = 32;
/// How far apart slots are: a sector is written whole or not at all.
const APART: u64 = 512;
const MAGIC: u64 = u64::from_be_bytes(*b"noiselog");
/// How a store is written by this program.
const VERSION: u32 = 1;
/// Blocks that are written ahead the first time around: a sync that has to note new blocks of the file takes a third longer.
const AHEAD: u64 = 64;
/// Most blocks of a log: 4 GiB.
const BLOCKS_MAX: u64 = 1 << 20;
/// Largest buffer that is kept from one record to the next.
const BUFFER_MAX: usize = 4 << 20;
/// Blocks read at once.
const READ_BLOCKS: u64 = 256;

/// The log of one store.
pub struct Log {
    file: Box<dyn StorageBackend>,
    /// How many blocks there are.
    blocks: u64,
    /// The last block that was written.
    last: u64,
    /// Up to here blocks may be written over.
    taken: u64,
    /// Places that were ever written: all before this one.
    made: u64,
    /// Where the next mark goes.
    slot: u64,
    /// An append failed: what is in the file now is not known.
    failed: bool,
    /// Where blocks are put together.
    buffer: Vec<u8>,
}

/// What a log held.
#[derive(Default)]
pub struct Found {
    /// The records after what was taken over, in order.
    pub records: Vec<Vec<u8>>,
    /// The highest block number in the file: all up to it count as taken over when the records are.
    pub upto: u64,
    /// All places from here on hold no block.
    made: u64,
}

fn failed(error: io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::InvalidData => StorageError::Corrupt(error.to_string()),
        _ => StorageError::Failed(format!("the log: {error}")),
    }
}

fn corrupt(why: impl ToString) -> StorageError {
    StorageError::Corrupt(why.to_string())
}

fn blocks_of(bytes: usize) -> u64 {
    bytes.div_ceil(ROOM) as u64
}

impl Log {
    /// Opens the log in this file, or makes one of so many blocks. `taken` is up to which block the database has taken over;
    /// none if it never had a log.
    pub fn open(
        file: impl StorageBackend,
        blocks: u64,
        taken: Option<u64>,
    ) -> Result<(Log, Found), StorageError> {
        let mut log = Log {
            file: Box::new(file),
            blocks,
            last: 0,
            taken: 0,
            made: 0,
            slot: 0,
            failed: false,
            buffer: Vec::new(),
        };
        let mark = match (log.header()?, taken) {
            (None, Some(_)) => return Err(corrupt("the log is gone, or has no header")),
            (None, None) => {
                log.make()?;
                return Ok((log, Found::default()));
            }
            (Some(newest), _) => {
                (log.blocks, log.slot) = (newest.blocks, 1 - newest.slot);
                newest.mark
            }
        };
        log.taken = taken.unwrap_or(0);
        let found = log.read(mark)?;
        if taken.is_none() && (mark > 0 || found.upto > 0) {
            return Err(corrupt("there is a log, and its database is gone"));
        }
        (log.last, log.made) = (found.upto.max(log.taken), found.made);
        Ok((log, found))
    }

    fn make(&mut self) -> Result<(), StorageError> {
        self.file.set_len((1 + self.blocks) * BLOCK as u64).map_err(failed)?;
        self.mark()?;
        self.mark()?;
        self.file.sync_data().map_err(failed)
    }

    /// The newer slot of the header, if there is one.
    fn header(&self) -> Result<Option<Slot>, StorageError> {
        let len = self.file.len().map_err(failed)?;
        let mut newest: Option<Slot> = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT];
            if slot * APART + SLOT as u64 > len {
                break;
            }
            self.file.read(slot * APART, &mut bytes).map_err(failed)?;
            let Some((version, blocks, mark)) = parse_slot(&bytes) else { continue };
            if version > VERSION {
                return Err(StorageError::Failed(format!(
                    "the store is of version {version}, and this program reads version {VERSION}"
                )));
            }
            newest = newest.max(Some(Slot { mark, blocks, slot }));
        }
        match newest {
            Some(found) if (1 + found.blocks) * BLOCK as u64 > len => Err(corrupt("the log was cut off")),
            newest => Ok(newest),
        }
    }

    /// The records after what was taken over. A torn one at the end was never acknowledged, and is left out.
    fn read(&self, mark: u64) -> Result<Found, StorageError> {
        let (mut live, made) = self.live()?;
        let upto = live.last_key_value().map_or(0, |(number, _)| *number);
        let mut found = Found { upto, made, records: Vec::new() };
        let mut next = self.taken + 1;
        while let Some((record, count)) = assemble(&mut live, next) {
            found.records.push(record);
            next += count;
        }
        if live.values().any(|block| block.first != next) {
            return Err(corrupt(format!("block {next} of the log is gone, and later ones are there")));
        }
        if mark >= next {
            return Err(corrupt(format!("block {next} of the log was acknowledged, and is gone")));
        }
        Ok(found)
    }

    /// The blocks that were not taken over yet, each where it belongs; and behind which place there are no blocks at all.
    fn live(&self) -> Result<(BTreeMap<u64, Block>, u64), StorageError> {
        let (mut live, mut made) = (BTreeMap::new(), 0);
        let mut bytes = Vec::new();
        for start in (0..self.blocks).step_by(READ_BLOCKS as usize) {
            let count = READ_BLOCKS.min(self.blocks - start);
            bytes.resize(count as usize * BLOCK, 0);
            self.file.read(self.offset(start), &mut bytes).map_err(failed)?;
            for (place, bytes) in (start..).zip(bytes.chunks(BLOCK)) {
                let Some((number, block)) = parse(bytes) else { continue };
                made = place + 1;
                if number <= self.taken {
                    continue;
                }
                if self.place(number) != place {
                    return Err(corrupt(format!("block {number} of the log stands where another should")));
                }
                live.insert(number, block);
            }
        }
        Ok((live, made))
    }

    fn place(&self, number: u64) -> u64 {
        (number - 1) % self.blocks
    }

    fn offset(&self, place: u64) -> u64 {
        (1 + place) * BLOCK as u64
    }

    /// The last block that was written.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether a record of so many bytes could ever stand in it.
    pub fn fits(&self, bytes: usize) -> bool {
        blocks_of(bytes) <= self.blocks
    }

    /// Whether a record of so many bytes can stand in it now.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.last - self.taken + blocks_of(bytes) <= self.blocks
    }

    /// Whether the half of it waits to be taken over.
    pub fn is_half_full(&self) -> bool {
        2 * (self.last - self.taken) >= self.blocks
    }

    /// The database has taken over all up to a block.
    pub fn taken_over(&mut self, upto: u64) {
        self.taken = self.taken.max(upto);
    }

    /// Appends a record, for which there is room. When this returns it would survive a crash.
    pub fn append(&mut self, record: &[u8]) -> Result<(), StorageError> {
        if self.failed {
            return Err(StorageError::Failed("the log failed before".to_owned()));
        }
        assert!(!record.is_empty() && self.has_room(record.len()), "a record has bytes, and room");
        let first = self.last + 1;
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        append_blocks(&mut bytes, first, record);
        self.failed = true;
        let head = ((self.blocks - self.place(first)) as usize * BLOCK).min(bytes.len());
        self.file.write(self.offset(self.place(first)), &bytes[..head]).map_err(failed)?;
        if head < bytes.len() {
            self.file.write(self.offset(0), &bytes[head..]).map_err(failed)?;
        }
        self.write_ahead(self.place(first) + (head / BLOCK) as u64)?;
        self.file.sync_data().map_err(failed)?;
        self.last += blocks_of(record.len());
        self.mark()?;
        self.failed = false;
        self.buffer = kept(bytes);
        Ok(())
    }

    /// Has the file system give the next places their blocks, once what ends at this place needs some.
    fn write_ahead(&mut self, end: u64) -> Result<(), StorageError> {
        if end <= self.made {
            return Ok(());
        }
        self.made = (end + AHEAD).min(self.blocks);
        let zeros = vec![0; (self.made - end) as usize * BLOCK];
        self.file.write(self.offset(end), &zeros).map_err(failed)
    }

    /// Notes, for whoever opens it next, what was acknowledged.
    fn mark(&mut self) -> Result<(), StorageError> {
        let mut out = Writer::after(Vec::with_capacity(SLOT));
        out.u64(MAGIC);
        out.u32(VERSION);
        out.u32(self.blocks as u32);
        out.u64(self.last);
        let mut slot = out.into_bytes();
        slot.extend(XxHash3_64::oneshot(&slot).to_be_bytes());
        self.file.write(self.slot * APART, &slot).map_err(failed)?;
        self.slot = 1 - self.slot;
        Ok(())
    }
}

/// What the header says; the higher mark is the newer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    mark: u64,
    blocks: u64,
    slot: u64,
}

/// A block, less its number.
struct Block {
    first: u64,
    bytes: u32,
    piece: Vec<u8>,
}

/// A buffer for the next time, unless it is a large one.
pub(super) fn kept(buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() <= BUFFER_MAX { buffer } else { Vec::new() }
}

/// Appends the blocks of a record.
fn append_blocks(all: &mut Vec<u8>, first: u64, record: &[u8]) {
    all.reserve(blocks_of(record.len()) as usize * BLOCK);
    for (number, piece) in (first..).zip(record.chunks(ROOM)) {
        let start = all.len();
        let mut out = Writer::after(std::mem::take(all));
        out.u64(0);
        out.u64(number);
        out.u64(first);
        out.u32(record.len() as u32);
        out.u32(0);
        out.bytes(piece);
        *all = out.into_bytes();
        all.resize(start + BLOCK, 0);
        let checksum = XxHash3_64::oneshot(&all[start + 8..]);
        all[start..start + 8].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The record that begins with this block, and how many blocks it takes, if all of them are there: taken out.
fn assemble(live: &mut BTreeMap<u64, Block>, first: u64) -> Option<(Vec<u8>, u64)> {
    let bytes = live.get(&first).filter(|block| block.first == first)?.bytes;
    let numbers = first..first + blocks_of(bytes as usize);
    let belongs =
        |number| live.get(&number).is_some_and(|block| (block.first, block.bytes) == (first, bytes));
    if !numbers.clone().all(belongs) {
        return None;
    }
    let count = numbers.end - first;
    let mut record: Vec<u8> =
        numbers.filter_map(|number| live.remove(&number)).flat_map(|b| b.piece).collect();
    record.truncate(bytes as usize);
    Some((record, count))
}

/// A block and its number, if these bytes are one.
fn parse(bytes: &[u8]) -> Option<(u64, Block)> {
    let read = |input: &mut Reader<'_>| -> Result<_, DecodeError> {
        let checksum = input.u64()?;
        let valid = checksum == XxHash3_64::oneshot(input.left());
        let (number, first, bytes, _) = (input.u64()?, input.u64()?, input.u32()?, input.u32()?);
        Ok((valid, number, first, bytes))
    };
    let mut input = Reader::new(bytes);
    let (valid, number, first, bytes) = read(&mut input).ok()?;
    let inside = number > 0 && (first..first.saturating_add(blocks_of(bytes as usize))).contains(&number);
    (valid && inside).then(|| (number, Block { first, bytes, piece: input.left().to_vec() }))
}

/// The version, how many blocks there are, and the mark, if these bytes say that.
fn parse_slot(bytes: &[u8]) -> Option<(u32, u64, u64)> {
    let read = |mut input: Reader<'_>| -> Result<_, DecodeError> {
        Ok((input.u64()?, input.u32()?, u64::from(input.u32()?), input.u64()?, input.u64()?))
    };
    let (magic, version, blocks, mark, checksum) = read(Reader::new(bytes)).ok()?;
    let valid = checksum == XxHash3_64::oneshot(&bytes[..24]);
    (valid && magic == MAGIC && (1..=BLOCKS_MAX).contains(&blocks)).then_some((version, blocks, mark))
}

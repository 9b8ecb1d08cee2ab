//! The mailroom: what the agent keeps for devices, in one `redb` file and in memory.
//!
//! Rows: `1 ‖ device id, its length first ‖ number(8)` → a message; `2 ‖ device id, its length first ‖ key id` → a
//! one-time key; both JSON; `3 ‖ device id, its length first` → the number of the last message that it was kept before some were
//! deleted.
//!
//! # Invariants
//! - Of each device no more is kept than the bound and the message that exceeded it: one of any size finds room where nothing is.
//! - A message that was deleted does not come back, though the client that had it may tell of it once more after a crash.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::{
    port::{Changes, StorageError, redb::Redb},
    protocol::codec::{Reader, Writer},
};

const MESSAGE: u8 = 1;
const KEY: u8 = 2;
const LAST: u8 = 3;

/// Most one-time keys of a device.
pub const KEYS_MAX: usize = 1000;

/// What a message takes besides its text, in memory and on disk.
const MESSAGE_BYTES: usize = 128;

fn size(message: &Value) -> usize {
    MESSAGE_BYTES + message.to_string().len()
}

#[derive(Default)]
struct Held {
    messages: BTreeMap<u64, Value>,
    /// The size of all messages.
    bytes: usize,
    /// The number of the last message there ever was.
    last: u64,
    keys: BTreeMap<String, Value>,
}

/// What is kept for all devices.
pub struct Mailroom {
    redb: Redb,
    /// Bytes of messages of a device, from which on it is kept no more.
    bound: usize,
    held: Mutex<BTreeMap<String, Held>>,
}

impl Held {
    fn insert(&mut self, number: u64, message: Value) {
        self.bytes += size(&message);
        self.last = self.last.max(number);
        self.messages.insert(number, message);
    }

    fn remove(&mut self, number: u64) {
        if let Some(message) = self.messages.remove(&number) {
            self.bytes -= size(&message);
        }
    }
}

fn row(table: u8, device: &str, rest: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(table);
    out.string(device.as_bytes());
    out.bytes(rest);
    out.into_bytes()
}

/// The device and the rest of a row's key.
fn parse(key: &[u8]) -> Option<(u8, String, Vec<u8>)> {
    let mut input = Reader(key);
    let table = input.u8().ok()?;
    let device = input.string("device id", super::DEVICE_BYTES_MAX).ok()?;
    Some((table, String::from_utf8(device).ok()?, input.0.to_vec()))
}

impl Mailroom {
    /// Opens it, or makes one, with this bound for each device.
    pub fn open(path: &Path, bound: usize) -> Result<Mailroom, StorageError> {
        let redb = Redb::open_file(path)?;
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for (key, value) in redb.load()? {
            let unreadable = || StorageError::Corrupt("a row of the mailroom cannot be read".to_owned());
            let (table, device, rest) = parse(&key).ok_or_else(unreadable)?;
            let value: Value = serde_json::from_slice(&value).map_err(|_| unreadable())?;
            let held = held.entry(device).or_default();
            match table {
                MESSAGE => {
                    let number = rest.try_into().map(u64::from_be_bytes).map_err(|_| unreadable())?;
                    held.insert(number, value);
                }
                LAST => held.last = held.last.max(value.as_u64().ok_or_else(unreadable)?),
                _ => {
                    let key = String::from_utf8(rest).map_err(|_| unreadable())?;
                    held.keys.insert(key, value);
                }
            }
        }
        Ok(Mailroom { redb, bound, held: Mutex::new(held) })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message of a device would be kept.
    pub fn has_room(&self, device: &str) -> bool {
        self.held().get(device).is_none_or(|held| held.bytes < self.bound)
    }

    /// Keeps a message that comes after all that were kept before. False if there is no room. One that comes again is left out.
    pub fn put_message(&self, device: &str, number: u64, message: &Value) -> Result<bool, StorageError> {
        if self.held().get(device).is_some_and(|held| number <= held.last) {
            return Ok(true);
        }
        if !self.has_room(device) {
            return Ok(false);
        }
        let key = row(MESSAGE, device, &number.to_be_bytes());
        self.redb.commit(&Changes::from([(key, Some(message.to_string().into_bytes()))]))?;
        self.held().entry(device.to_owned()).or_default().insert(number, message.clone());
        Ok(true)
    }

    /// The messages of a device after a number, in order.
    pub fn messages_after(&self, device: &str, number: u64) -> Vec<(u64, Value)> {
        let held = self.held();
        let after = held.get(device).into_iter().flat_map(|held| held.messages.range(number + 1..));
        after.map(|(number, message)| (*number, message.clone())).collect()
    }

    /// Deletes the messages of a device up to a number.
    pub fn delete_messages(&self, device: &str, upto: u64) -> Result<(), StorageError> {
        let mut all = self.held();
        let Some(held) = all.get_mut(device) else { return Ok(()) };
        let gone: Vec<u64> = held.messages.range(..=upto).map(|(number, _)| *number).collect();
        let rows = gone.iter().map(|number| (row(MESSAGE, device, &number.to_be_bytes()), None));
        let mut rows: Changes = rows.collect();
        if !rows.is_empty() {
            rows.insert(row(LAST, device, &[]), Some(held.last.to_string().into_bytes()));
            self.redb.commit(&rows)?;
        }
        gone.into_iter().for_each(|number| held.remove(number));
        Ok(())
    }

    /// Keeps one-time keys. False if they are too many.
    pub fn put_keys(&self, device: &str, keys: &BTreeMap<String, Value>) -> Result<bool, StorageError> {
        let mut all = self.held();
        let held = all.entry(device.to_owned()).or_default();
        let new = keys.keys().filter(|key| !held.keys.contains_key(*key)).count();
        if held.keys.len() + new > KEYS_MAX {
            return Ok(false);
        }
        let rows = keys
            .iter()
            .map(|(key, value)| (row(KEY, device, key.as_bytes()), Some(value.to_string().into_bytes())));
        self.redb.commit(&rows.collect())?;
        held.keys.extend(keys.clone());
        Ok(true)
    }

    /// Takes out a one-time key of a device.
    pub fn take_key(&self, device: &str) -> Result<Option<Value>, StorageError> {
        let mut all = self.held();
        let Some(held) = all.get_mut(device) else { return Ok(None) };
        let Some((key, value)) = held.keys.first_key_value().map(|(key, value)| (key.clone(), value.clone()))
        else {
            return Ok(None);
        };
        self.redb.commit(&Changes::from([(row(KEY, device, key.as_bytes()), None)]))?;
        held.keys.remove(&key);
        Ok(Some(value))
    }

    /// How many one-time keys a device has left.
    pub fn keys_left(&self, device: &str) -> usize {
        self.held().get(device).map_or(0, |held| held.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_does_not_come_back_and_what_finds_no_room_can_come_later() {
        let directory = tempfile::tempdir().unwrap();
        let (path, message) = (directory.path().join("mailroom.redb"), Value::from("text"));
        let bound = size(&message) + 1;
        let numbers = |mailroom: &Mailroom| -> Vec<u64> {
            mailroom.messages_after("ann", 0).into_iter().map(|(number, _)| number).collect()
        };
        let mailroom = Mailroom::open(&path, bound).unwrap();
        assert!(mailroom.put_message("ann", 1, &message).unwrap());
        assert!(mailroom.put_message("ann", 2, &message).unwrap(), "the one that exceeds the bound");
        assert!(!mailroom.put_message("ann", 3, &message).unwrap());
        assert!(mailroom.put_message("bob", 1, &message).unwrap(), "another device has room of its own");
        mailroom.delete_messages("ann", 2).unwrap();
        drop(mailroom);
        let mailroom = Mailroom::open(&path, bound).unwrap();
        assert!(mailroom.put_message("ann", 2, &message).unwrap() && numbers(&mailroom).is_empty());
        assert!(mailroom.put_message("ann", 3, &message).unwrap());
        assert_eq!(numbers(&mailroom), [3]);
    }
}

//! The mailroom: what the agent keeps for devices, in one `redb` file and in memory.
//!
//! Rows: `1 ‖ device id, its length first ‖ number(8)` → a message; `2 ‖ device id, its length first ‖ key id` → a
//! one-time key; both JSON; `3 ‖ device id, its length first` → the number of the last message that it was kept before some were
//! deleted.
//!
//! # Invariants
//! - Of each device no more is kept than the bound and the message that exceeded it: one of any size finds room where nothing is.
//!   One-time keys take half of the bound at most, so there is room for messages whoever brings keys.
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

/// What a message or a one-time key takes besides its text, in memory and on disk.
const ROW_BYTES: usize = 128;

fn size(message: &Value) -> usize {
    ROW_BYTES + message.to_string().len()
}

fn size_of_key(id: &str, key: &Value) -> usize {
    id.len() + size(key)
}

/// Why one-time keys are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysRefused {
    /// They are too many.
    #[error("a device has at most {KEYS_MAX} one-time keys")]
    TooMany,
    /// They are too long.
    #[error("the one-time keys of a device take at most {0} bytes")]
    TooLong(usize),
    /// Messages are in their place.
    #[error("the mailroom of this device is full: delete what was read")]
    NoRoom,
}

/// The one-time keys of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// How many there are.
    pub left: usize,
    /// How often some were brought, since the mailroom was opened.
    pub brought: u64,
}

#[derive(Default)]
struct Held {
    messages: BTreeMap<u64, Value>,
    /// The size of all messages.
    bytes: usize,
    /// The number of the last message there ever was.
    last: u64,
    keys: BTreeMap<String, Value>,
    /// The size of all keys.
    key_bytes: usize,
    /// How often keys were brought.
    brought: u64,
}

/// What is kept for all devices.
pub struct Mailroom {
    redb: Redb,
    /// Bytes of messages and one-time keys of a device, from which on it is kept no more.
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

    fn insert_key(&mut self, id: String, key: Value) {
        self.remove_key(&id);
        self.key_bytes += size_of_key(&id, &key);
        self.keys.insert(id, key);
    }

    fn remove_key(&mut self, id: &str) {
        if let Some(key) = self.keys.remove(id) {
            self.key_bytes -= size_of_key(id, &key);
        }
    }

    /// Whether there is room for these, too, each in the place of one with its id.
    fn has_room_for(&self, keys: &BTreeMap<String, Value>, bound: usize) -> Result<(), KeysRefused> {
        let replaced = || keys.keys().filter_map(|id| self.keys.get_key_value(id));
        let count = self.keys.len() + keys.len() - replaced().count();
        let come: usize = keys.iter().map(|(id, key)| size_of_key(id, key)).sum();
        let gone: usize = replaced().map(|(id, key)| size_of_key(id, key)).sum();
        let bytes = self.key_bytes + come - gone;
        match () {
            () if count > KEYS_MAX => Err(KeysRefused::TooMany),
            () if bytes > bound / 2 => Err(KeysRefused::TooLong(bound / 2)),
            () if self.bytes + bytes > bound => Err(KeysRefused::NoRoom),
            () => Ok(()),
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
                    held.insert_key(key, value);
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
        self.held().get(device).is_none_or(|held| held.bytes + held.key_bytes < self.bound)
    }

    /// Whether nothing is kept for a device.
    pub fn is_empty(&self, device: &str) -> bool {
        self.held().get(device).is_none_or(|held| held.messages.is_empty() && held.keys.is_empty())
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

    /// Keeps one-time keys.
    pub fn put_keys(
        &self,
        device: &str,
        keys: &BTreeMap<String, Value>,
    ) -> Result<Result<(), KeysRefused>, StorageError> {
        let mut all = self.held();
        let nothing = Held::default();
        if let Err(refused) = all.get(device).unwrap_or(&nothing).has_room_for(keys, self.bound) {
            return Ok(Err(refused));
        }
        if keys.is_empty() {
            return Ok(Ok(()));
        }
        let rows = keys
            .iter()
            .map(|(key, value)| (row(KEY, device, key.as_bytes()), Some(value.to_string().into_bytes())));
        self.redb.commit(&rows.collect())?;
        let held = all.entry(device.to_owned()).or_default();
        keys.iter().for_each(|(id, key)| held.insert_key(id.clone(), key.clone()));
        held.brought += 1;
        Ok(Ok(()))
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
        held.remove_key(&key);
        Ok(Some(value))
    }

    /// What one-time keys a device has.
    pub fn keys(&self, device: &str) -> Keys {
        self.held()
            .get(device)
            .map_or_else(Keys::default, |held| Keys { left: held.keys.len(), brought: held.brought })
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

    #[test]
    fn keys_count_and_leave_room_for_messages() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mailroom.redb");
        let (key, bound) = (Value::from("k".repeat(98)), 1000);
        let keys = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), key.clone())).collect();
        let mailroom = Mailroom::open(&path, bound).unwrap();
        // 229 bytes each: half of the bound is two of them
        assert_eq!(mailroom.put_keys("ann", &keys(&["a", "b"])).unwrap(), Ok(()));
        assert_eq!(mailroom.put_keys("ann", &keys(&["a", "b"])).unwrap(), Ok(()), "in their own place");
        assert_eq!(mailroom.put_keys("ann", &keys(&["c"])).unwrap(), Err(KeysRefused::TooLong(500)));
        assert_eq!(mailroom.keys("ann"), Keys { left: 2, brought: 2 });
        drop(mailroom);
        // the next life counts the same
        let mailroom = Mailroom::open(&path, bound).unwrap();
        assert_eq!(mailroom.put_keys("ann", &keys(&["c"])).unwrap(), Err(KeysRefused::TooLong(500)));
        let message = Value::from("m".repeat(398));
        assert!(mailroom.put_message("ann", 1, &message).unwrap());
        assert!(mailroom.put_message("ann", 2, &message).unwrap(), "the one that exceeds the bound");
        assert!(!mailroom.has_room("ann"), "both count");
        assert!(mailroom.take_key("ann").unwrap().is_some());
        assert_eq!(mailroom.put_keys("ann", &keys(&["a"])).unwrap(), Err(KeysRefused::NoRoom));
        mailroom.delete_messages("ann", 2).unwrap();
        assert_eq!(mailroom.put_keys("ann", &keys(&["a"])).unwrap(), Ok(()));
        let many = (0..=KEYS_MAX).map(|number| (number.to_string(), Value::Null)).collect();
        assert_eq!(mailroom.put_keys("bob", &many).unwrap(), Err(KeysRefused::TooMany));
    }
}

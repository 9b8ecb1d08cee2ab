//! The mailroom: what the agent keeps for devices, in one `redb` file and in memory.
//!
//! Rows: `1 ‖ device id, its length first ‖ number(8)` → a message; `2 ‖ device id, its length first ‖ key id` → a
//! one-time key; both JSON.

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

/// Most one-time keys of a device.
pub const KEYS_MAX: usize = 1000;

#[derive(Default)]
struct Held {
    messages: BTreeMap<u64, Value>,
    keys: BTreeMap<String, Value>,
}

/// What is kept for all devices.
pub struct Mailroom {
    redb: Redb,
    held: Mutex<BTreeMap<String, Held>>,
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
    /// Opens it, or makes one.
    pub fn open(path: &Path) -> Result<Mailroom, StorageError> {
        let redb = Redb::open_file(path)?;
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for (key, value) in redb.load()? {
            let unreadable = || StorageError::Corrupt("a row of the mailroom cannot be read".to_owned());
            let (table, device, rest) = parse(&key).ok_or_else(unreadable)?;
            let value = serde_json::from_slice(&value).map_err(|_| unreadable())?;
            let held = held.entry(device).or_default();
            match table {
                MESSAGE => {
                    let number = rest.try_into().map(u64::from_be_bytes).map_err(|_| unreadable())?;
                    held.messages.insert(number, value);
                }
                _ => {
                    let key = String::from_utf8(rest).map_err(|_| unreadable())?;
                    held.keys.insert(key, value);
                }
            }
        }
        Ok(Mailroom { redb, held: Mutex::new(held) })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message.
    pub fn put_message(&self, device: &str, number: u64, message: &Value) -> Result<(), StorageError> {
        let key = row(MESSAGE, device, &number.to_be_bytes());
        self.redb.commit(&Changes::from([(key, Some(message.to_string().into_bytes()))]))?;
        self.held().entry(device.to_owned()).or_default().messages.insert(number, message.clone());
        Ok(())
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
        let rows: Changes = rows.collect();
        if !rows.is_empty() {
            self.redb.commit(&rows)?;
        }
        gone.iter().for_each(|number| drop(held.messages.remove(number)));
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

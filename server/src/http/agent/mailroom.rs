//! The mailroom: what the agent keeps for devices, in memory and in a store.
//!
//! Rows: `1 ‖ device id, its length first ‖ number(8)` → a message; `2 ‖ device id, its length first ‖ key id` → a
//! one-time key; both JSON; `3 ‖ device id, its length first` → the number of the last message that it was kept before some were
//! deleted.
//!
//! # Invariants
//! - Of each device no more is kept than the bound and the message that exceeded it: one of any size finds room where nothing is.
//!   One-time keys take half of the bound at most, so there is room for messages whoever brings keys.
//! - A message that was deleted does not come back, though the client that had it may tell of it once more after a crash.
//! - Changes are stored in the order in which they were made ([`super::writes`]); whoever made one is told when it is synced.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    text::Text,
    writes::{Unstored, Writes, store},
};
use crate::{
    port::{Changes, Spawn, Storage, StorageError},
    protocol::codec::{Reader, Writer},
};

const MESSAGE: u8 = 1;
const KEY: u8 = 2;
const LAST: u8 = 3;

/// Most one-time keys of a device.
pub const KEYS_MAX: usize = 1000;

/// What a message or a one-time key takes besides its text, in memory and on disk.
const ROW_BYTES: usize = 128;

fn size(message: &Text) -> usize {
    ROW_BYTES + message.as_str().len()
}

fn size_of_key(id: &str, key: &Text) -> usize {
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
    messages: BTreeMap<u64, Text>,
    /// The size of all messages.
    bytes: usize,
    /// The number of the last message there ever was.
    last: u64,
    keys: BTreeMap<String, Text>,
    /// The size of all keys.
    key_bytes: usize,
    /// How often keys were brought.
    brought: u64,
}

/// What is kept for all devices.
pub struct Mailroom {
    writes: Writes,
    /// Bytes of messages and one-time keys of a device, from which on it is kept no more.
    bound: usize,
    held: Mutex<BTreeMap<String, Held>>,
}

impl Held {
    fn insert(&mut self, number: u64, message: Text) {
        self.bytes += size(&message);
        self.last = self.last.max(number);
        self.messages.insert(number, message);
    }

    fn remove(&mut self, number: u64) {
        if let Some(message) = self.messages.remove(&number) {
            self.bytes -= size(&message);
        }
    }

    fn insert_key(&mut self, id: String, key: Text) {
        self.remove_key(&id);
        self.key_bytes += size_of_key(&id, &key);
        self.keys.insert(id, key);
    }

    fn remove_key(&mut self, id: &str) {
        if let Some(key) = self.keys.remove(id) {
            self.key_bytes -= size_of_key(id, &key);
        }
    }

    /// Whether there is room for a message.
    fn has_room(&self, bound: usize) -> bool {
        self.bytes + self.key_bytes < bound
    }

    /// Whether there is room for these, too, each in the place of one with its id.
    fn has_room_for(&self, keys: &BTreeMap<String, Text>, bound: usize) -> Result<(), KeysRefused> {
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
    let mut input = Reader::new(key);
    let table = input.u8().ok()?;
    let device = input.string("device id", super::DEVICE_BYTES_MAX).ok()?;
    Some((table, String::from_utf8(device).ok()?, input.left().to_vec()))
}

impl Mailroom {
    /// Opens it, with this bound for each device. What ends its store, later, `failed` is told.
    pub async fn open(
        mut storage: impl Storage,
        bound: usize,
        spawn: &impl Spawn,
        failed: impl FnOnce(StorageError) + Send + 'static,
    ) -> Result<Mailroom, StorageError> {
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for (key, value) in storage.load().await? {
            let unreadable = || StorageError::Corrupt("a row of the mailroom cannot be read".to_owned());
            let (table, device, rest) = parse(&key).ok_or_else(unreadable)?;
            let value = Text::read(&value).map_err(|_| unreadable())?;
            let held = held.entry(device).or_default();
            match table {
                MESSAGE => {
                    let number = rest.try_into().map(u64::from_be_bytes).map_err(|_| unreadable())?;
                    held.insert(number, value);
                }
                LAST => held.last = held.last.max(value.as_str().parse().map_err(|_| unreadable())?),
                _ => {
                    let key = String::from_utf8(rest).map_err(|_| unreadable())?;
                    held.insert_key(key, value);
                }
            }
        }
        Ok(Mailroom { writes: Writes::of(storage, spawn, failed), bound, held: Mutex::new(held) })
    }

    /// Takes no more changes; its store is closed when those on their way are stored.
    pub fn close(&self) {
        self.writes.close();
    }

    /// Waits until it takes no more: it is closed, or cannot store.
    pub async fn closed(&self) {
        self.writes.closed().await;
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message of a device would be kept.
    pub fn has_room(&self, device: &str) -> bool {
        self.held().get(device).is_none_or(|held| held.has_room(self.bound))
    }

    /// Whether it found nothing in its store, and nothing has come since.
    pub fn has_no_rows(&self) -> bool {
        self.held().is_empty()
    }

    /// Whether nothing is kept for a device.
    pub fn is_empty(&self, device: &str) -> bool {
        self.held().get(device).is_none_or(|held| held.messages.is_empty() && held.keys.is_empty())
    }

    /// Keeps messages that come after all that were kept before, as many as find room: whether all did. One that comes again is left
    /// out.
    pub async fn put_messages(&self, device: &str, messages: Vec<(u64, Text)>) -> Result<bool, Unstored> {
        let mut found_room = true;
        let place = self.writes.place().await?;
        let stored = {
            let mut all = self.held();
            let held = all.entry(device.to_owned()).or_default();
            let (mut changes, last) = (Changes::new(), held.last);
            for (number, message) in messages.into_iter().skip_while(|(number, _)| *number <= last) {
                found_room = held.has_room(self.bound);
                if !found_room {
                    break;
                }
                let key = row(MESSAGE, device, &number.to_be_bytes());
                changes.insert(key, Some(message.as_str().into()));
                held.insert(number, message);
            }
            store(place, changes)
        };
        stored.await.map(|()| found_room)
    }

    /// The messages of a device after a number, in order.
    pub fn messages_after(&self, device: &str, number: u64) -> Vec<(u64, Text)> {
        let held = self.held();
        let after =
            held.get(device).into_iter().flat_map(|held| held.messages.range((Excluded(number), Unbounded)));
        after.map(|(number, message)| (*number, message.clone())).collect()
    }

    /// Deletes the messages of a device up to a number.
    pub async fn delete_messages(&self, device: &str, upto: u64) -> Result<(), Unstored> {
        let place = self.writes.place().await?;
        let stored = {
            let mut all = self.held();
            let Some(held) = all.get_mut(device) else { return Ok(()) };
            let gone: Vec<u64> = held.messages.range(..=upto).map(|(number, _)| *number).collect();
            let rows = gone.iter().map(|number| (row(MESSAGE, device, &number.to_be_bytes()), None));
            let mut changes: Changes = rows.collect();
            if !changes.is_empty() {
                changes.insert(row(LAST, device, &[]), Some(held.last.to_string().into_bytes()));
            }
            gone.into_iter().for_each(|number| held.remove(number));
            store(place, changes)
        };
        stored.await
    }

    /// Keeps one-time keys.
    pub async fn put_keys(
        &self,
        device: &str,
        keys: &BTreeMap<String, Text>,
    ) -> Result<Result<(), KeysRefused>, Unstored> {
        let place = self.writes.place().await?;
        let stored = {
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
                .map(|(key, value)| (row(KEY, device, key.as_bytes()), Some(value.as_str().into())));
            let held = all.entry(device.to_owned()).or_default();
            keys.iter().for_each(|(id, key)| held.insert_key(id.clone(), key.clone()));
            held.brought += 1;
            store(place, rows.collect())
        };
        stored.await.map(Ok)
    }

    /// Takes out a one-time key of a device: nobody else gets it, whatever becomes of this.
    pub async fn take_key(&self, device: &str) -> Result<Option<Text>, Unstored> {
        let place = self.writes.place().await?;
        let (stored, value) = {
            let mut all = self.held();
            let Some(held) = all.get_mut(device) else { return Ok(None) };
            let first = held.keys.first_key_value();
            let Some((id, value)) = first.map(|(id, value)| (id.clone(), value.clone())) else {
                return Ok(None);
            };
            held.remove_key(&id);
            // something stays: who has kept anything is known by it
            let last = (row(LAST, device, &[]), Some(held.last.to_string().into_bytes()));
            (store(place, Changes::from([(row(KEY, device, id.as_bytes()), None), last])), value)
        };
        stored.await.map(|()| Some(value))
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
    use std::{path::Path, pin::pin};

    use tokio::sync::mpsc;

    use super::*;
    use crate::port::{Rows, file::FileStorage, tokio::TokioTasks};

    fn text(text: &str) -> Text {
        Text::of(&text)
    }

    /// One life of the mailroom in this file.
    fn life(path: &Path, bound: usize, act: impl AsyncFnOnce(Mailroom)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = FileStorage::of_client(path);
        runtime.block_on(async {
            let failed = |error| panic!("{error}");
            act(Mailroom::open(storage, bound, &TokioTasks, failed).await.unwrap()).await;
        });
    }

    async fn put(mailroom: &Mailroom, device: &str, number: u64, message: &Text) -> bool {
        mailroom.put_messages(device, vec![(number, message.clone())]).await.unwrap()
    }

    #[test]
    fn what_was_deleted_does_not_come_back_and_what_finds_no_room_can_come_later() {
        let directory = tempfile::tempdir().unwrap();
        let (path, message) = (directory.path().join("mailroom.redb"), text("text"));
        let bound = size(&message) + 1;
        let numbers = |mailroom: &Mailroom| -> Vec<u64> {
            mailroom.messages_after("ann", 0).into_iter().map(|(number, _)| number).collect()
        };
        life(&path, bound, async |mailroom| {
            assert!(put(&mailroom, "ann", 1, &message).await);
            assert!(put(&mailroom, "ann", 2, &message).await, "the one that exceeds the bound");
            assert!(!put(&mailroom, "ann", 3, &message).await);
            let both = vec![(1, message.clone()), (2, message.clone()), (3, message.clone())];
            assert!(!mailroom.put_messages("bob", both).await.unwrap());
            assert_eq!(
                mailroom.messages_after("bob", 0).len(),
                2,
                "another device has room of its own, for two"
            );
            mailroom.delete_messages("ann", 2).await.unwrap();
        });
        life(&path, bound, async |mailroom| {
            assert!(put(&mailroom, "ann", 2, &message).await && numbers(&mailroom).is_empty());
            assert!(put(&mailroom, "ann", 3, &message).await);
            assert_eq!(numbers(&mailroom), [3]);
        });
    }

    #[test]
    fn keys_count_and_leave_room_for_messages() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mailroom.redb");
        let (key, bound) = (text(&"k".repeat(98)), 1000);
        let keys = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), key.clone())).collect();
        life(&path, bound, async |mailroom| {
            let put = async |ids: &[&str]| mailroom.put_keys("ann", &keys(ids)).await.unwrap();
            // 229 bytes each: half of the bound is two of them
            assert_eq!(put(&["a", "b"]).await, Ok(()));
            assert_eq!(put(&["a", "b"]).await, Ok(()), "in their own place");
            assert_eq!(put(&["c"]).await, Err(KeysRefused::TooLong(500)));
            assert_eq!(mailroom.keys("ann"), Keys { left: 2, brought: 2 });
        });
        // the next life counts the same
        life(&path, bound, async |mailroom| {
            let bring = async |ids: &[&str]| mailroom.put_keys("ann", &keys(ids)).await.unwrap();
            assert_eq!(bring(&["c"]).await, Err(KeysRefused::TooLong(500)));
            let message = text(&"m".repeat(398));
            assert!(put(&mailroom, "ann", 1, &message).await);
            assert!(put(&mailroom, "ann", 2, &message).await, "the one that exceeds the bound");
            assert!(!mailroom.has_room("ann"), "both count");
            assert!(mailroom.take_key("ann").await.unwrap().is_some());
            assert_eq!(bring(&["a"]).await, Err(KeysRefused::NoRoom));
            mailroom.delete_messages("ann", 2).await.unwrap();
            assert_eq!(bring(&["a"]).await, Ok(()));
            let many = (0..=KEYS_MAX).map(|number| (number.to_string(), text(""))).collect();
            assert_eq!(mailroom.put_keys("bob", &many).await.unwrap(), Err(KeysRefused::TooMany));
        });
    }

    /// A store whose commits wait for a word: good or bad.
    struct Told(mpsc::UnboundedReceiver<Result<(), StorageError>>);

    impl Storage for Told {
        async fn load(&mut self) -> Result<Rows, StorageError> {
            Ok(Rows::new())
        }

        async fn set_aside(&mut self) -> Result<(), StorageError> {
            Ok(())
        }

        async fn commit(&mut self, _: Changes) -> Result<(), StorageError> {
            self.0.recv().await.unwrap()
        }
    }

    #[tokio::test]
    async fn nobody_is_told_that_something_is_stored_before_it_is_nor_when_it_cannot_be() {
        let (say, told) = mpsc::unbounded_channel();
        let (fail, mut failed) = mpsc::unbounded_channel();
        let failing = move |error| fail.send(error).unwrap();
        let mailroom = Mailroom::open(Told(told), 1000, &TokioTasks, failing).await.unwrap();
        let message = text("text");
        let mut first = pin!(put(&mailroom, "ann", 1, &message));
        assert!(futures_util::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
        assert!(futures_util::poll!(&mut first).is_pending());
        // who changes nothing, because it was changed before, waits for that
        let mut again = pin!(put(&mailroom, "ann", 1, &message));
        assert!(futures_util::poll!(&mut again).is_pending());
        say.send(Ok(())).unwrap();
        assert!(first.await && again.await);
        say.send(Err(StorageError::Failed("full".to_owned()))).unwrap();
        let second = || mailroom.put_messages("ann", vec![(2, message.clone())]);
        assert_eq!(second().await, Err(Unstored));
        assert_eq!(second().await, Err(Unstored), "it is in memory now, and still not stored");
        let keys = BTreeMap::from([("a".to_owned(), message.clone())]);
        assert_eq!(mailroom.put_keys("ann", &keys).await, Err(Unstored));
        assert!(failed.recv().await.unwrap().to_string().contains("full"));
        assert_eq!(mailroom.delete_messages("ann", 1).await, Err(Unstored));
        assert_eq!(mailroom.take_key("ann").await, Err(Unstored));
    }
}

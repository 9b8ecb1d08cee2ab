//! The store, log and database: what is committed is there after any restart, what was torn was never acknowledged, and
//! what is not what was stored is corrupt.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use proptest::prelude::*;
use redb::StorageBackend;
use server::port::{
    Changes, Rows, StorageError,
    log::BLOCK,
    store::{Fold, Store},
};
use twox_hash::XxHash3_64;

/// Blocks of the logs here.
const BLOCKS: u64 = 8;

/// A file in memory that outlives its store.
#[derive(Clone, Debug, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

/// The same, which counts the syncs before which blocks were written for the first time: a file system has to note those. It
/// panics in a sync, once that is wanted, as a database does that finds in itself what cannot be.
#[derive(Clone, Debug, Default)]
struct Counting {
    file: File,
    written: Arc<Mutex<(BTreeSet<u64>, bool, u64)>>,
    panics: Arc<AtomicBool>,
}

impl Counting {
    fn syncs_with_new_blocks(&self) -> u64 {
        self.written.lock().unwrap().2
    }
}

impl StorageBackend for Counting {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        assert!(!self.panics.load(Ordering::Relaxed), "this is what the test wants");
        let (_, fresh, syncs) = &mut *self.written.lock().unwrap();
        *syncs += u64::from(std::mem::take(fresh));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (blocks, fresh, _) = &mut *self.written.lock().unwrap();
        for block in offset / BLOCK as u64..(offset + data.len() as u64).div_ceil(BLOCK as u64) {
            *fresh |= blocks.insert(block);
        }
        self.file.write(offset, data)
    }
}

impl File {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    fn copy(&self) -> File {
        File(Arc::new(Mutex::new(self.with(|bytes| bytes.clone()))))
    }

    /// Spoils a block: the first one is the header.
    fn spoil(&self, block: usize) {
        self.with(|bytes| {
            bytes[block * BLOCK..(block + 1) * BLOCK].iter_mut().for_each(|byte| *byte ^= 0x55)
        });
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|bytes| bytes.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|bytes| out.copy_from_slice(&bytes[offset as usize..][..out.len()]));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|bytes| bytes.resize(len as usize, 0));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|bytes| bytes[offset as usize..][..data.len()].copy_from_slice(data));
        Ok(())
    }
}

/// The two files of a store.
#[derive(Clone, Default)]
struct Files {
    database: File,
    log: File,
}

impl Files {
    fn copy(&self) -> Files {
        Files { database: self.database.copy(), log: self.log.copy() }
    }

    fn open(&self) -> Result<Store, StorageError> {
        Store::open(self.database.clone(), self.log.clone(), BLOCKS)
    }

    fn rows(&self) -> Result<Rows, StorageError> {
        self.open()?.load()
    }

    /// Commits, and leaves the log as it is: nothing is taken over unless there is no room.
    fn filled(commits: &[Changes]) -> Files {
        let files = Files::default();
        let mut store = files.open().unwrap();
        commits.iter().for_each(|changes| drop_fold(store.commit(changes.clone())));
        files
    }

    fn is_corrupt(&self) -> bool {
        matches!(self.rows(), Err(StorageError::Corrupt(_)))
    }
}

/// A process that ends before it takes anything over.
fn drop_fold(fold: Result<Option<Fold>, StorageError>) {
    drop(fold.unwrap());
}

fn put(key: u8, bytes: usize) -> Changes {
    Changes::from([(vec![key], Some(vec![key; bytes]))])
}

fn after(commits: &[Changes]) -> Rows {
    let mut rows = Rows::new();
    for (key, value) in commits.iter().flatten() {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
    rows
}

#[test]
fn what_is_in_the_log_alone_is_stored() {
    let commits = [put(1, 10), put(2, 6000), Changes::from([(vec![1], None)])];
    assert_eq!(Files::filled(&commits).rows().unwrap(), after(&commits));
}

/// As another version of the program would have marked it.
fn set_version(log: &File, version: u32) {
    log.with(|bytes| {
        for slot in bytes[..1024].chunks_mut(512) {
            slot[8..12].copy_from_slice(&version.to_be_bytes());
            let checksum = XxHash3_64::oneshot(&slot[..24]);
            slot[24..32].copy_from_slice(&checksum.to_be_bytes());
        }
    });
}

#[test]
fn a_store_of_another_version_is_refused_and_left_as_it_is() {
    let commits = [put(1, 10), put(2, 6000)];
    let files = Files::filled(&commits);
    assert!(files.log.with(|bytes| bytes[8..12] == [0, 0, 0, 1]), "a new one says which it is");
    for version in [2, u32::MAX] {
        set_version(&files.log, version);
        let (before, why) = (files.log.copy(), files.rows().unwrap_err());
        assert!(matches!(why, StorageError::Failed(_)), "it is not corrupt: {why}");
        let told = format!("the store is of version {version}, and this program reads version 1");
        assert!(why.to_string().contains(&told), "{why}");
        assert!(before.with(|before| files.log.with(|bytes| before == bytes)));
    }
    // of before there were versions
    set_version(&files.log, 0);
    assert_eq!(files.rows().unwrap(), after(&commits));
}

#[test]
fn a_torn_record_was_never_stored_and_its_remains_never_matter() {
    let commits = [put(1, 10), put(2, 9000)];
    // the second record takes blocks 2 to 4; its mark is not there
    let before = Files::filled(&commits[..1]);
    for remains in 0..7 {
        let files = Files::filled(&commits);
        files
            .log
            .with(|bytes| bytes[..BLOCK].copy_from_slice(&before.log.with(|bytes| bytes[..BLOCK].to_vec())));
        let lost = (0..3).filter(|block| remains & (1 << block) == 0);
        lost.for_each(|block| files.log.spoil(2 + block));
        assert_eq!(files.rows().unwrap(), after(&commits[..1]), "remains {remains:b}");
        let mut store = files.open().unwrap();
        drop_fold(store.commit(put(3, 100)));
        drop(store);
        assert_eq!(files.rows().unwrap(), after(&[put(1, 10), put(3, 100)]), "remains {remains:b}");
    }
}

#[test]
fn a_record_before_the_last_that_is_gone_is_corruption() {
    let files = Files::filled(&[put(1, 10), put(2, 10), put(3, 10)]);
    for block in 1..=2 {
        let files = files.copy();
        files.log.spoil(block);
        assert!(files.is_corrupt(), "block {block}");
    }
}

#[test]
fn an_acknowledged_record_that_is_gone_is_corruption() {
    let files = Files::filled(&[put(1, 10), put(2, 10)]);
    files.log.spoil(2);
    assert!(files.is_corrupt(), "the last one too: the mark tells");
    files.log.spoil(1);
    assert!(files.is_corrupt(), "and all of them");
}

#[test]
fn a_record_that_stands_elsewhere_is_corruption() {
    let files = Files::filled(&[put(1, 10), put(2, 10)]);
    files.log.with(|bytes| {
        bytes.copy_within(2 * BLOCK..3 * BLOCK, 5 * BLOCK);
        bytes[2 * BLOCK..3 * BLOCK].fill(0);
    });
    assert!(files.is_corrupt());
}

#[test]
fn a_store_of_which_one_file_is_gone_is_corrupt() {
    let files = Files::filled(&[put(1, 10)]);
    assert!(Files { log: File::default(), ..files.clone() }.is_corrupt());
    assert!(Files { database: File::default(), ..files.clone() }.is_corrupt());
    let header = files.copy();
    header.log.spoil(0);
    assert!(header.is_corrupt());
    let cut = files.copy();
    cut.log.with(|bytes| bytes.truncate(3 * BLOCK));
    assert!(cut.is_corrupt());
}

#[test]
fn a_payload_that_looks_like_a_block_is_none() {
    let mut block = Files::filled(&[put(1, 10)]).log.with(|bytes| bytes[BLOCK..2 * BLOCK].to_vec());
    // wherever in a record it stands, no block begins with it
    block.extend_from_within(..);
    let commits = [Changes::from([(vec![9], Some(block))])];
    let files = Files::filled(&commits);
    files.log.spoil(1);
    files.log.with(|bytes| {
        bytes[..BLOCK].copy_from_slice(&Files::filled(&[]).log.with(|bytes| bytes[..BLOCK].to_vec()))
    });
    assert_eq!(files.rows().unwrap(), Rows::new(), "a torn record, and nothing in it is believed");
}

/// Until there is half a log to take over.
fn half_a_log(store: &mut Store) -> Fold {
    (0..).find_map(|key| store.commit(put(key, 100)).unwrap()).unwrap()
}

#[test]
fn a_database_pauses_while_it_takes_over_and_no_longer_when_somebody_waits() {
    let mut store = Files::default().open().unwrap();
    let mut pauses = 0;
    half_a_log(&mut store).run(|| pauses += 1);
    assert!(pauses as u64 >= BLOCKS / 2, "{pauses} pauses");

    let fold = half_a_log(&mut store);
    let (paused, wait) = std::sync::mpsc::channel();
    let taking_over = thread::spawn(move || {
        let mut pauses = 0;
        fold.run(|| {
            pauses += 1;
            let _ = paused.send(());
            thread::sleep(std::time::Duration::from_millis(300));
        });
        pauses
    });
    wait.recv().unwrap();
    for key in 0..BLOCKS as u8 {
        store.commit(put(key, 100)).unwrap().into_iter().for_each(|fold| fold.run(|| ()));
    }
    assert_eq!(taking_over.join().unwrap(), 1, "what was left of the log was full, so it was waited for");
}

#[test]
fn a_log_is_written_ahead_the_first_time_around_and_never_over_what_it_holds() {
    const LONG: u64 = 300;
    let (database, log) = (File::default(), Counting::default());
    let mut all = Vec::new();
    for life in 0..6u8 {
        let mut store = Store::open(database.clone(), log.clone(), LONG).unwrap();
        assert_eq!(store.load().unwrap(), after(&all), "life {life}");
        for commit in 0..20 {
            let changes = put(commit, 3000 * usize::from(commit % 4) + usize::from(life));
            all.push(changes.clone());
            store.commit(changes).unwrap().into_iter().for_each(|fold| fold.run(|| ()));
        }
    }
    assert_eq!(Store::open(database, log.clone(), LONG).unwrap().load().unwrap(), after(&all));
    // the header, each 64 blocks, and after each restart: nobody remembers how far it was then
    let most = 1 + LONG.div_ceil(64) + 5;
    assert!(log.syncs_with_new_blocks() <= most, "{} syncs", log.syncs_with_new_blocks());
}

fn changes() -> impl Strategy<Value = Changes> {
    let value = prop_oneof![Just(None), (any::<u8>(), 0usize..20_000).prop_map(|(b, n)| Some(vec![b; n]))];
    prop::collection::btree_map(prop::collection::vec(0u8..6, 1..2), value, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is committed, around the log many times and beyond what it holds, with restarts in between, and whether
    /// what is to be taken over is, is not yet, or never is.
    #[test]
    fn what_is_committed_is_there_after_any_restart(
        commits in prop::collection::vec((changes(), any::<bool>(), 0u8..4), 1..40)
    ) {
        let files = Files::default();
        let mut store = files.open().unwrap();
        let (mut all, mut threads) = (Vec::new(), Vec::new());
        for (changes, restarts, takes_over) in commits {
            all.push(changes.clone());
            let fold = store.commit(changes).unwrap();
            if restarts {
                drop(fold);
                drop(store);
                // a file has one process at a time
                threads.drain(..).for_each(|thread: JoinHandle<()>| thread.join().unwrap());
                store = files.open().unwrap();
                prop_assert_eq!(store.load().unwrap(), after(&all));
            } else if takes_over == 0 {
                // on another thread, whenever it comes to it
                threads.extend(fold.map(|fold| thread::spawn(move || fold.run(|| ()))));
            } else {
                fold.into_iter().for_each(|fold| fold.run(|| ()));
            }
        }
        drop(store);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        prop_assert_eq!(files.rows().unwrap(), after(&all));
    }
}

#[test]
fn a_panic_while_the_log_is_taken_over_ends_the_store_and_nobody_waits() {
    let database = Counting::default();
    let mut store = Store::open(database.clone(), File::default(), BLOCKS).unwrap();
    let changes = |index: u64| [(index.to_be_bytes().to_vec(), Some(vec![7; 100]))].into_iter().collect();
    let fold = (0..).find_map(|index| store.commit(changes(index)).unwrap()).unwrap();
    database.panics.store(true, Ordering::Relaxed);
    assert!(std::thread::spawn(move || fold.run(|| ())).join().is_err());
    assert!((0..10 * BLOCKS).any(|index| store.commit(changes(index)).is_err()), "it was told");
}

//! Durable writes: the production store on the disk at hand.

use std::{io, path::Path, thread::sleep, time::Duration};

use server::port::{Changes, Storage, StorageError, file::FileStorage};

use super::{
    clock,
    fit::{self, Sample},
    pace,
};
use crate::model::costs::{Cost, Disk, Pauses, significant};

/// Rows of a transaction, and how many transactions of each: one in some hundred takes ten times as long as most, and the
/// latency that one in a hundred exceeds is made by these.
const ROWS: [usize; 4] = [2, 16, 64, 256];
const COMMITS: usize = 2000;
/// The pauses before transactions, in turn: a disk that is asked all the time answers faster than one that is asked now and
/// then, processors too, and actors do both.
const PAUSES: [Duration; 4] = [
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
];
/// Who waits for longer waits for no sync, but for a disk that stands still: that comes as often as it does, however often
/// it is asked for something.
const STANDSTILL_NS: u64 = 10_000_000;
/// Bytes of a row: a statement, or a bundle of a short message.
const ROW_BYTES: usize = 300;
/// Rows are replaced after so many, as actors delete what is acknowledged.
const KEPT: usize = 4096;

/// Why a disk cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// There is no place to write to.
    #[error("cannot write to {path}: {why}")]
    Place {
        /// The directory.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// Measures a store in a directory, which is left as it was, and the pace at which that was.
///
/// # Errors
/// The disk fails.
pub fn disk(directory: &Path) -> Result<(Disk, f64), DiskError> {
    let place = |why| DiskError::Place { path: directory.display().to_string(), why };
    let scratch = tempfile::tempdir_in(directory).map_err(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(place)?;
    let (mut worked, mut waited) = (Vec::new(), Vec::new());
    let (mut slept, mut paces) = (0, Vec::new());
    let (mut stood_still, mut watched_ns) = (Vec::new(), 0);
    runtime.block_on(async {
        let mut store = FileStorage::of_actor(&scratch.path().join("store.redb")).in_place();
        store.load().await?;
        let mut number = 0;
        for rows in ROWS {
            paces.push(pace::look());
            let (began, began_ns) = (naps().unwrap_or(0), clock::now_ns());
            for pause in PAUSES.into_iter().cycle().take(COMMITS) {
                let changes = changes(&mut number, rows);
                let bytes = (rows * ROW_BYTES) as f64;
                sleep(pause);
                let (began, began_cpu) = (clock::now_ns(), clock::process_ns());
                store.commit(changes).await?;
                let (ns, cpu) = (clock::now_ns() - began, clock::process_ns() - began_cpu);
                let sample = |ns: u64| Sample { causes: [1.0, bytes], ns: ns as f64 };
                worked.push(sample(cpu));
                match ns.saturating_sub(cpu) {
                    waited_ns if waited_ns >= STANDSTILL_NS => stood_still.push(waited_ns),
                    waited_ns => waited.push(sample(waited_ns)),
                }
            }
            watched_ns += clock::now_ns() - began_ns;
            slept += naps().unwrap_or(0).saturating_sub(began);
            paces.push(pace::look());
        }
        Ok::<(), StorageError>(())
    })?;
    // each pause was one, too
    let turns = (slept as f64 / worked.len() as f64 - 1.0).max(1.0);
    let [commit, commit_byte] = fit::fit(&worked);
    let [_, byte] = fit::fit(&waited);
    let rest = |samples: &[Sample<2>], byte: f64| {
        let rest = samples.iter().map(|sample| (sample.ns - byte * sample.causes[1]).max(0.0));
        Cost::of_samples(rest.collect()).unwrap_or(Cost::always(commit))
    };
    let commit = rest(&worked, commit_byte);
    let disk = Disk {
        commit,
        turns: significant(turns),
        byte: byte + commit_byte,
        sync: rest(&waited, byte),
        standstills: Pauses::of(stood_still, watched_ns),
    };
    Ok((disk, pace::mean(&paces)))
}

/// How often threads of this process went to sleep so far: as often as they had to get a core again. None where the system
/// does not tell.
fn naps() -> Option<u64> {
    let naps = |task: io::Result<std::fs::DirEntry>| -> Option<u64> {
        let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse().ok()
    };
    Some(std::fs::read_dir("/proc/self/task").ok()?.filter_map(naps).sum())
}

fn changes(number: &mut usize, rows: usize) -> Changes {
    let row = |_| {
        *number += 1;
        ((*number % KEPT).to_be_bytes().to_vec(), Some(vec![*number as u8; ROW_BYTES]))
    };
    (0..rows).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_takes_time_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let (disk, _) = disk(directory.path()).unwrap();
        assert!(disk.commit.mean() > 0.0 && disk.sync.lies_within(60e9), "{disk:?}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = disk(Path::new("no/such/place")).unwrap_err().to_string();
        assert!(error.contains("no/such/place"), "{error}");
    }
}

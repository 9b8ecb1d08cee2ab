//! What the log gains: commits of steps as an incoming actor makes them, into the database at once as against the store,
//! which logs them first. On files, synced, in one run: disks and machines differ, the ratio is what can be compared.
//!
//! `cargo bench -p server`, or `cargo bench -p server -- DIR` for files elsewhere than in the system's temporary directory.

use std::{path::Path, time::Instant};

use redb::backends::FileBackend;
use server::port::{Changes, redb::Redb, store::Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bundles of a step.
const BUNDLES: [u64; 3] = [1, 16, 256];
/// Steps of a try, and tries.
const STEPS: u64 = 200;
const TRIES: usize = 5;
/// How many bundles stay in the queue: what is older is deleted.
const KEPT: u64 = 1024;
/// Bytes of a submission and of what is noted of its admission.
const ROWS: [usize; 2] = [500, 700];
const LOG_BLOCKS: u64 = 8192;

fn main() {
    let within = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let within = within.unwrap_or_else(|| std::env::temp_dir().display().to_string());
    println!("{STEPS} steps, synced, median of {TRIES}: steps a second");
    println!("{:>8}{:>12}{:>12}{:>8}", "bundles", "database", "log", "ratio");
    for bundles in BUNDLES {
        let mut tries: Vec<[f64; 2]> = (0..TRIES).map(|_| attempt(within.as_ref(), bundles)).collect();
        tries.sort_by(|a, b| (a[1] / a[0]).total_cmp(&(b[1] / b[0])));
        let [database, log] = tries[TRIES / 2];
        println!("{bundles:>8}{database:>12.0}{log:>12.0}{:>8.2}", log / database);
    }
}

/// Steps a second, into the database and into the store, one after the other.
fn attempt(within: &Path, bundles: u64) -> [f64; 2] {
    let directory = tempfile::tempdir_in(within).expect("a directory can be made there");
    let file = |name: &str| directory.path().join(name);
    let database = Redb::open_file(&file("alone.redb")).expect("it is made");
    let alone = steps_a_second(bundles, |changes| database.commit(&changes).expect("it is stored"));
    let log = std::fs::File::options().read(true).write(true).create_new(true).open(file("store.log"));
    let log = FileBackend::new(log.expect("it is made")).expect("it is a file");
    let redb = Redb::open_file(&file("store.redb")).expect("it is made");
    let mut store = Store::beside(redb, log, LOG_BLOCKS).expect("both are new");
    let logged = steps_a_second(bundles, |changes| {
        let fold = store.commit(changes).expect("it is stored");
        fold.into_iter().for_each(|fold| drop(std::thread::spawn(move || fold.run(|| ()))));
    });
    [alone, logged]
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn steps_a_second(bundles: u64, mut commit: impl FnMut(Changes)) -> f64 {
    let steps: Vec<Changes> = (0..STEPS).map(|step| changes(step * bundles, bundles)).collect();
    let began = Instant::now();
    steps.into_iter().for_each(&mut commit);
    STEPS as f64 / began.elapsed().as_secs_f64()
}

/// What a step stores that admits the bundles from this one on.
fn changes(first: u64, bundles: u64) -> Changes {
    let mut changes = Changes::new();
    for bundle in first..first + bundles {
        for (table, bytes) in (1u8..).zip(ROWS) {
            // a queue is in order; what is noted is by client
            let place = if table == 1 { bundle } else { bundle.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
            let old = bundle.wrapping_sub(KEPT);
            let old_place = if table == 1 { old } else { old.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
            changes.insert(key(table, place), Some(vec![bundle as u8; bytes]));
            changes.insert(key(table, old_place), None);
        }
    }
    changes
}

fn key(table: u8, place: u64) -> Vec<u8> {
    [&[table][..], &place.to_be_bytes()].concat()
}

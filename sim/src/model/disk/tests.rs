//! What a disk keeps, loses and takes time for.

use redb::StorageBackend as _;

use super::*;
use crate::model::costs::Profile;

fn with_disk<T: Send + 'static>(
    seed: u64,
    body: impl AsyncFnOnce(Disk, VirtualTime) -> T + Send + 'static,
) -> T {
    let thread = std::thread::spawn(move || {
        madsim::runtime::Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(async move {
            let time = VirtualTime::current();
            let costs = Profile::standard().disk;
            let disk = Disk::new(time.clone(), costs, Streams::new(seed), "x");
            body(disk, time).await
        })
    });
    thread.join().unwrap()
}

#[test]
fn what_a_completed_sync_covers_survives() {
    let read = with_disk(1, async |disk, time| {
        let file = disk.open(FileName::Database);
        file.write(0, b"kept").unwrap();
        file.sync_data().unwrap();
        time.sleep_until(disk.busy_until_ns()).await;
        disk.crash();
        let mut bytes = [0; 4];
        disk.open(FileName::Database).read(0, &mut bytes).unwrap();
        bytes
    });
    assert_eq!(&read, b"kept");
}

#[test]
fn what_was_not_synced_is_lost_torn_or_kept_by_the_seed() {
    let survivors: Vec<usize> = (0..20)
        .map(|seed| {
            with_disk(seed, async |disk, time| {
                let file = disk.open(FileName::Database);
                file.write(0, &[0; 4 * SECTOR]).unwrap();
                file.sync_data().unwrap();
                time.sleep_until(disk.busy_until_ns()).await;
                file.write(0, &[1; 4 * SECTOR]).unwrap();
                time.sleep_until(disk.busy_until_ns()).await;
                disk.crash();
                let mut bytes = [0; 4 * SECTOR];
                disk.open(FileName::Database).read(0, &mut bytes).unwrap();
                bytes.chunks(SECTOR).filter(|sector| sector.iter().all(|byte| *byte == 1)).count()
            })
        })
        .collect();
    assert!(survivors.iter().any(|count| (1..4).contains(count)), "{survivors:?}");
}

#[test]
fn a_crash_before_the_sync_is_complete_may_lose_a_transaction() {
    let kept = (0..20).filter(|seed| {
        with_disk(*seed, async |disk, _| {
            disk.open(FileName::Database).commit([(vec![1], Some(vec![2]))].into()).unwrap();
            disk.crash();
            !disk.open(FileName::Database).rows().unwrap().is_empty()
        })
    });
    assert!((1..20).contains(&kept.count()));
}

#[test]
fn a_sync_covers_the_writes_of_its_own_file() {
    let survives = |synced: FileName| {
        let kept = (0..20).filter(move |seed| {
            with_disk(*seed, async move |disk, time| {
                disk.open(FileName::Log).write(0, b"kept").unwrap();
                disk.open(synced).sync_data().unwrap();
                time.sleep_until(disk.busy_until_ns()).await;
                disk.crash();
                let mut bytes = [0; 4];
                disk.open(FileName::Log).read(0, &mut bytes).is_ok() && &bytes == b"kept"
            })
        });
        kept.count()
    };
    assert_eq!(survives(FileName::Log), 20);
    assert!((1..20).contains(&survives(FileName::Database)), "by the seed");
}

#[test]
fn a_killed_process_cannot_write() {
    let error = with_disk(1, async |disk, _| {
        let file = disk.open(FileName::Database);
        disk.crash();
        file.write(0, b"ghost").is_err() && file.commit(Changes::new()).is_err()
    });
    assert!(error);
}

#[test]
fn one_that_joins_the_flush_of_another_is_busy_no_longer_than_there_was_time() {
    let busy_ns = with_disk(1, async |_, time| {
        let device = Device::default();
        let costs = Profile::standard().disk;
        let on = |name: &str| Disk::on(device.clone(), time.clone(), costs.clone(), Streams::new(1), name);
        let disks = ["first", "second", "slow"].map(on);
        disks[2].begin(0, Ailment::Slow(1_000_000));
        // the third is flushed with the second, whatever it would take alone
        disks.iter().for_each(|disk| disk.open(FileName::Database).sync_data().unwrap());
        let until_ns = disks[2].busy_until_ns();
        assert_eq!(until_ns, disks[1].busy_until_ns());
        (disks[2].busy().total(), until_ns)
    });
    assert_eq!(busy_ns.0, busy_ns.1);
}

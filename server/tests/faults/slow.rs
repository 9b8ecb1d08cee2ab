//! The server on a disk that is slow, or stalls: its files are ones of the system behind a cache that a kill takes away, as
//! power takes that of a disk.
//!
//! A system gives a test no slow disk without being its administrator. So this test program is the server, started once
//! more as a process of its own, with everything as in production but the file under log and database.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use redb::{StorageBackend, backends::FileBackend};
use server::{
    actor::Timing,
    architecture::{self, Architecture, Running},
    deployment::{Deployment, Plan},
    http::{Front, Limits, Parts, router, serve},
    port::{
        Changes, Network, Rows, Storage, StorageError,
        any_clock::AnyClock,
        any_work::AnyWork,
        store::Store,
        tokio::{RealWork, SystemClock, Tcp, TokioTasks},
    },
    protocol::signing::Signing,
    watch::{Watch, commits::Commits},
};

use super::{crowd::on_tokio, process::Server};

/// How long syncs take, in turn.
const SYNC_MS: [u64; 7] = [50, 170, 60, 500, 90, 260, 50];
/// How long a submission waits, and a transaction may take: longer than several syncs.
const ANSWER_NS: u64 = 2_000_000_000;
/// Blocks of a log.
const BLOCKS: u64 = 1024;

/// A disk, as the server and the test see it: while there is a file `stall` in its directory no sync ends, and a file
/// `stalled` says that one waits. With a file `fast` it is as slow as the machine's otherwise.
#[derive(Clone)]
pub struct Disk(PathBuf);

impl Disk {
    /// The disk of this directory, which does not stall.
    pub fn at(directory: &Path) -> Disk {
        fs::create_dir_all(directory).unwrap();
        Disk(directory.to_owned())
    }

    /// From now on a sync takes no longer than the machine's.
    pub fn hasten(&self) {
        fs::write(self.0.join("fast"), []).unwrap();
    }

    /// From now on no sync ends.
    pub fn stall(&self) {
        fs::write(self.0.join("stall"), []).unwrap();
    }

    /// Waits until one does not.
    pub async fn stalled(&self) {
        while !self.0.join("stalled").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// From now on they end.
    pub fn go_on(&self) {
        fs::remove_file(self.0.join("stall")).unwrap();
        fs::remove_file(self.0.join("stalled")).unwrap();
    }

    /// Takes the time of a sync.
    fn sync(&self) {
        static SYNCS: AtomicUsize = AtomicUsize::new(0);
        if !self.0.join("fast").exists() {
            let turn = SYNCS.fetch_add(1, Ordering::Relaxed) % SYNC_MS.len();
            thread::sleep(Duration::from_millis(SYNC_MS[turn]));
        }
        while self.0.join("stall").exists() {
            fs::write(self.0.join("stalled"), []).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A file on the disk: what is written is in this process alone until it is synced.
struct SlowFile {
    file: FileBackend,
    written: Mutex<Vec<(u64, Vec<u8>)>>,
    syncing: Mutex<()>,
    disk: Disk,
}

impl SlowFile {
    fn open(path: &Path, disk: Disk) -> SlowFile {
        let options = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = FileBackend::new(options.unwrap()).unwrap();
        SlowFile { file, written: Mutex::default(), syncing: Mutex::default(), disk }
    }
}

impl std::fmt::Debug for SlowFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SlowFile")
    }
}

impl StorageBackend for SlowFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock().unwrap();
        self.file.read(offset, out)?;
        for (at, bytes) in &*written {
            let (from, to) = (offset.max(*at), (offset + out.len() as u64).min(at + bytes.len() as u64));
            if from < to {
                let part = &bytes[(from - at) as usize..(to - at) as usize];
                out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let _one = self.syncing.lock().unwrap();
        let covered = self.written.lock().unwrap().len();
        self.disk.sync();
        let mut written = self.written.lock().unwrap();
        for (at, bytes) in written.drain(..covered) {
            self.file.write(at, &bytes)?;
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written.lock().unwrap().push((offset, data.to_vec()));
        Ok(())
    }
}

/// The storage port on such files.
struct SlowStorage {
    path: PathBuf,
    disk: Disk,
    store: Option<Store>,
}

impl Storage for SlowStorage {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        let (path, disk) = (self.path.clone(), self.disk.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let (database, log) = (path.with_extension("redb"), path.with_extension("log"));
            let (database, log) = (SlowFile::open(&database, disk.clone()), SlowFile::open(&log, disk));
            let store = Store::open(database, log, BLOCKS)?;
            let rows = store.load()?;
            Ok((store, rows))
        });
        let (store, rows) = opened.await.unwrap()?;
        self.store = Some(store);
        Ok(rows)
    }

    async fn set_aside(&mut self) -> Result<(), StorageError> {
        Err(StorageError::Failed("a slow disk loses nothing".to_owned()))
    }

    async fn commit(&mut self, changes: Changes) -> Result<(), StorageError> {
        let mut store = self.store.take().unwrap();
        let (store, fold) = tokio::task::spawn_blocking(move || {
            let fold = store.commit(changes)?;
            Ok((store, fold))
        })
        .await
        .unwrap()?;
        self.store = Some(store);
        if let Some(fold) = fold {
            tokio::task::spawn_blocking(move || fold.run(|| ()));
        }
        Ok(())
    }
}

const ARCHITECTURE: &str = "SLOW_ARCHITECTURE";
const DATA: &str = "SLOW_DATA";
const PORT: &str = "SLOW_PORT";

/// Starts the server of [`serves_on_a_slow_disk`] as a process.
pub fn start(architecture: Architecture, data: &Path, port: u16) -> Server {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "slow::serves_on_a_slow_disk", "--nocapture"]);
    command
        .stderr(Stdio::null())
        .env(ARCHITECTURE, architecture.name())
        .env(DATA, data)
        .env(PORT, port.to_string());
    Server::spawn(&mut command)
}

#[test]
#[ignore = "is the server of other tests, which start it themselves"]
fn serves_on_a_slow_disk() {
    let Ok(architecture) = env::var(ARCHITECTURE) else { return };
    let (data, port) = (PathBuf::from(env::var(DATA).unwrap()), env::var(PORT).unwrap());
    let port: u16 = port.parse().unwrap();
    on_tokio(async {
        let mut running = serve_on(architecture.parse().unwrap(), &data, port).await;
        println!("listening on {port}");
        let stopped = running.stopped.recv().await;
        panic!("{stopped:?}");
    });
}

/// What [`server::service`] does, on another disk.
async fn serve_on(architecture: Architecture, data: &Path, port: u16) -> Running {
    let plan = Plan::new(architecture, 2, 2, 1);
    let timing = Timing { heartbeat_ns: 100_000_000, ..Timing::of_epoch(5_000_000) };
    let deployment = Deployment::open(data, plan, Signing::Ed25519).unwrap();
    let watch = Watch {
        metrics: Arc::default(),
        shelf: Arc::default(),
        commits: Arc::new(Commits::new(AnyClock::new(SystemClock::default()))),
        deployment: deployment.trust.deployment,
        evidence: deployment.evidence(),
        told: Arc::default(),
    };
    let disk = Disk::at(&data.join("disk"));
    let storage = |path: &Path| SlowStorage { path: path.to_owned(), disk: disk.clone(), store: None };
    let running = architecture::start_on(storage, &deployment, timing, &watch).unwrap();
    let parts = Parts {
        trust: deployment.trust.clone(),
        architecture,
        roster: deployment.roster,
        timing,
        doors: running.doors.clone(),
        elsewhere: Default::default(),
        limits: Limits { answer_ns: ANSWER_NS, ..Limits::default() },
        clock: AnyClock::new(SystemClock::default()),
        work: AnyWork::new(RealWork),
        watch,
        secret: [7; 32],
        agent: None,
    };
    let front = Front::new(parts, &TokioTasks);
    let network = Tcp { listen: ([127, 0, 0, 1], port).into(), addresses: Arc::default() };
    let listener = network.listen().await.unwrap();
    serve::<Tcp>(listener, &front, router(front.clone()), &TokioTasks);
    running
}

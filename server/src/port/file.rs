//! The storage port on files: a [`Store`] in two of them, opened when it is loaded.
//!
//! | file | what |
//! |---|---|
//! | `NAME.redb` | the database |
//! | `NAME.log` | the log beside it |
//! | `NAME.stored` | says that something was stored once: if the others are gone or empty then, state was lost |
//! | `NAME.redb.corrupt`, `NAME.log.corrupt` | what could not be read, put aside (the next time with `.1` behind it) |

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use redb::backends::FileBackend;

use super::{
    Changes, Clock, Rows, Storage, StorageError, Time,
    log::BLOCK,
    open::{Held, OpenStores},
    redb::Redb,
    store::Store,
    tokio::SystemClock,
};

/// Blocks of an actor's log, of 64 MiB: what is noted of a client's last 64 bundles is put and deleted many times before the
/// database sees it; and a restart has no more to read.
const ACTOR_BLOCKS: u64 = (64 << 20) / BLOCK as u64;
/// Blocks of a client's log, of 256 KiB: there may be many clients in a process.
const CLIENT_BLOCKS: u64 = (256 << 10) / BLOCK as u64;
/// Work from one break to the next, and how much longer a break is: a fifth of a processor is enough for what the log of a
/// busy actor holds, and who waits lets no more breaks be taken.
const BREAK_AFTER_NS: u64 = 500_000;
const RESTS: u64 = 4;

/// A store in files; it is read, and but for [`FileStorage::in_place`] written, on a thread where blocking is allowed.
pub struct FileStorage {
    path: PathBuf,
    blocks: u64,
    open: Option<Open>,
    marked: bool,
    in_place: bool,
    stores: OpenStores,
    /// Counts it among these.
    held: Held,
}

/// A store that is open, and counts as open until it is closed.
struct Open {
    store: Store,
    _held: Held,
}

impl FileStorage {
    /// The store of an actor, whose database is this file; it is made if it is not there.
    pub fn of_actor(path: &Path) -> Self {
        FileStorage::at(path, ACTOR_BLOCKS)
    }

    /// The store of a client.
    pub fn of_client(path: &Path) -> Self {
        FileStorage::at(path, CLIENT_BLOCKS)
    }

    fn at(path: &Path, blocks: u64) -> Self {
        let marked = FileStorage::has_stored(path);
        let stores = OpenStores::default();
        let held = stores.hold();
        FileStorage { path: path.to_owned(), blocks, open: None, marked, in_place: false, stores, held }
    }

    /// The same for somebody who has a thread of his own: commits run on it, which saves two threads from waking.
    #[must_use]
    pub fn in_place(self) -> Self {
        FileStorage { in_place: true, ..self }
    }

    /// The same, as one of these.
    #[must_use]
    pub fn among(self, stores: &OpenStores) -> Self {
        FileStorage { stores: stores.clone(), held: stores.hold(), ..self }
    }

    /// The stores that it is one of: by itself it is the only one.
    pub fn stores(&self) -> OpenStores {
        self.stores.clone()
    }

    /// Whether anything was ever stored in the store of this file.
    pub fn has_stored(path: &Path) -> bool {
        mark(path).exists()
    }
}

fn mark(path: &Path) -> PathBuf {
    path.with_extension("stored")
}

fn log(path: &Path) -> PathBuf {
    path.with_extension("log")
}

/// Where something unreadable is put: what was put there before stays.
fn aside(path: &Path) -> PathBuf {
    let named = |ending: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut free = named(".corrupt".to_owned());
    for number in 1.. {
        if !free.exists() {
            break;
        }
        free = named(format!(".corrupt.{number}"));
    }
    free
}

/// An entry in a directory is durable only when that is synced, too.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StorageError {
    move |error| StorageError::Failed(format!("{}: {error}", path.display()))
}

fn set_mark(mark: &Path) -> Result<(), StorageError> {
    let set = || {
        File::create(mark)?.sync_all()?;
        sync_directory_of(mark)
    };
    set().map_err(failed(mark))
}

/// A file that only its owner may read, made if it is not there.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The database first: it keeps other processes out.
fn open(path: &Path, blocks: u64) -> Result<Store, StorageError> {
    private(path).map_err(failed(path))?;
    let redb = Redb::open_file(path)?;
    let log = log(path);
    let open = || {
        let file = private(&log)?;
        sync_directory_of(&log)?;
        Ok(file)
    };
    let file = open().map_err(failed(&log))?;
    let file = FileBackend::new(file).map_err(|error| StorageError::Failed(error.to_string()))?;
    Store::beside(redb, file, blocks)
}

fn put_aside(path: &Path) -> Result<(), StorageError> {
    let to = aside(path);
    let failed = |error| StorageError::Failed(format!("cannot put {} aside: {error}", path.display()));
    match fs::rename(path, &to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.map_err(failed),
    }
}

/// Breaks of somebody who works beside others and has time: the database takes over half a log while the other half fills.
/// In one go that would take a processor for a tenth of a second, and all that arrives then would wait.
struct Breaks {
    clock: SystemClock,
    since: Time,
}

impl Breaks {
    /// Rests for a multiple of the time that was worked since the last break.
    fn pause(&mut self) {
        let worked_ns = self.clock.now().0 - self.since.0;
        if worked_ns >= BREAK_AFTER_NS {
            std::thread::sleep(Duration::from_nanos(RESTS * worked_ns));
            self.since = self.clock.now();
        }
    }
}

async fn blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let result = tokio::task::spawn_blocking(task).await;
    result.unwrap_or_else(|error| Err(StorageError::Failed(format!("the storage task failed: {error}"))))
}

impl Storage for FileStorage {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        let (path, blocks, held) = (self.path.clone(), self.blocks, self.held.clone());
        let before = self.open.take();
        let (open, rows) = blocking(move || {
            drop(before);
            let open = Open { store: open(&path, blocks)?, _held: held };
            let rows = open.store.load()?;
            Ok((open, rows))
        })
        .await?;
        self.open = Some(open);
        if !rows.is_empty() && !std::mem::replace(&mut self.marked, true) {
            // a crash came before it: and what was promised is signed next
            set_mark(&mark(&self.path))?;
        }
        Ok(rows)
    }

    async fn set_aside(&mut self) -> Result<(), StorageError> {
        self.open = None;
        let path = self.path.clone();
        blocking(move || {
            put_aside(&path)?;
            put_aside(&log(&path))
        })
        .await?;
        self.load().await.map(drop)
    }

    async fn commit(&mut self, changes: Changes) -> Result<(), StorageError> {
        // one that fails is not put back: what it holds is not known
        let Some(mut open) = self.open.take() else {
            return Err(StorageError::Failed("nothing is loaded".to_owned()));
        };
        let mark = (!std::mem::replace(&mut self.marked, true)).then(|| mark(&self.path));
        let write = move || {
            let fold = open.store.commit(changes)?;
            // before anything is signed: whoever has signed knows for ever that it has stored
            mark.as_deref().map_or(Ok(()), set_mark)?;
            Ok((open, fold))
        };
        let (open, fold) = if self.in_place { write()? } else { blocking(write).await? };
        self.open = Some(open);
        if let Some(fold) = fold {
            let held = self.held.clone();
            tokio::task::spawn_blocking(move || {
                let clock = SystemClock::default();
                let mut breaks = Breaks { since: clock.now(), clock };
                fold.run(|| breaks.pause());
                // it had the database, too
                drop(held);
            });
        }
        Ok(())
    }
}

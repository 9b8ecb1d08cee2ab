//! The production adapters: TCP, the system clock and a `redb` file, on tokio.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::{Changes, Clock, Network, Rows, Spawn, Storage, StorageError, Time, Work, redb::Redb};
use crate::{actor::Ledger, protocol::id::ActorId};

/// TCP, with an address book.
#[derive(Clone)]
pub struct Tcp {
    /// Where this node listens.
    pub listen: SocketAddr,
    /// Where the others do.
    pub addresses: Arc<BTreeMap<ActorId, SocketAddr>>,
}

impl Network for Tcp {
    type Stream = TcpStream;
    type Listener = TcpListener;

    async fn listen(&self) -> io::Result<TcpListener> {
        TcpListener::bind(self.listen).await
    }

    async fn accept(listener: &mut TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(&self, to: ActorId) -> io::Result<TcpStream> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("no address of {to}"));
        let stream = TcpStream::connect(self.addresses.get(&to).ok_or_else(unknown)?).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A monotonic clock that begins with the node.
#[derive(Clone)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, deadline: Time) {
        tokio::time::sleep_until(self.0 + Duration::from_nanos(deadline.0)).await;
    }
}

/// A `redb` file, opened when it is loaded; commits run on a thread where blocking is allowed.
///
/// A mark beside it says that something was stored in it once: if the file is gone or empty then, state was lost.
pub struct RedbFile {
    path: PathBuf,
    open: Option<Arc<Redb>>,
    marked: bool,
}

impl RedbFile {
    /// The database in this file, which is made if it is not there.
    pub fn at(path: &Path) -> Self {
        RedbFile { path: path.to_owned(), open: None, marked: RedbFile::has_stored(path) }
    }

    /// Whether anything was ever stored in the database of this file.
    pub fn has_stored(path: &Path) -> bool {
        mark(path).exists()
    }
}

fn mark(path: &Path) -> PathBuf {
    path.with_extension("stored")
}

fn set_mark(mark: &Path) -> Result<(), StorageError> {
    let set = || {
        std::fs::File::create(mark)?.sync_all()?;
        // the entry in its directory is durable only when that is synced, too
        std::fs::File::open(mark.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    set().map_err(|error: io::Error| StorageError::Failed(format!("{}: {error}", mark.display())))
}

async fn blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let result = tokio::task::spawn_blocking(task).await;
    result.unwrap_or_else(|error| Err(StorageError::Failed(format!("the storage task failed: {error}"))))
}

impl Storage for RedbFile {
    async fn load(&mut self) -> Result<Rows, StorageError> {
        let path = self.path.clone();
        let (redb, rows) = blocking(move || {
            let redb = Redb::open_file(&path)?;
            let rows = redb.load()?;
            Ok((redb, rows))
        })
        .await?;
        self.open = Some(Arc::new(redb));
        Ok(rows)
    }

    async fn set_aside(&mut self) -> Result<(), StorageError> {
        self.open = None;
        let aside = self.path.with_extension("corrupt");
        let (path, to) = (self.path.clone(), aside.clone());
        blocking(move || {
            let failed =
                |error| StorageError::Failed(format!("cannot put {} aside: {error}", path.display()));
            if to.exists() {
                let why = std::io::ErrorKind::AlreadyExists.into();
                return Err(failed(why));
            }
            std::fs::rename(&path, &to).map_err(failed)
        })
        .await?;
        self.load().await.map(drop)
    }

    async fn commit(&mut self, changes: Changes) -> Result<(), StorageError> {
        let Some(redb) = self.open.clone() else {
            return Err(StorageError::Failed("nothing is loaded".to_owned()));
        };
        let mark = (!std::mem::replace(&mut self.marked, true)).then(|| mark(&self.path));
        blocking(move || {
            redb.commit(&changes)?;
            // before anything is signed: whoever has signed knows for ever that it has stored
            mark.as_deref().map_or(Ok(()), set_mark)
        })
        .await
    }
}

/// Real work takes its own time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealWork;

impl Work for RealWork {
    async fn spend(&mut self, _: &Ledger) {}
}

/// Tasks on the tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTasks;

impl Spawn for TokioTasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

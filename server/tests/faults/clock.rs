//! The wall clock of the server steps, by years, while it serves and while it is down.
//!
//! Nothing of ours reads it (`clippy.toml` forbids that): it dates lines of the log, answers and certificates. This shows that no
//! library makes more of it. The monotonic clock is left alone, as it is by whoever sets a machine's clock.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    crowd::{Crowd, on_tokio},
    port::free_port,
    process::{Server, audited, nobody_is_exposed},
};

/// `libfaketime`: where `FAKETIME_LIBRARY` says, or where distributions put it.
fn library() -> PathBuf {
    let name = "faketime/libfaketimeMT.so.1";
    let usual = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let told = env::var_os("FAKETIME_LIBRARY").map(PathBuf::from);
    let found = told.into_iter().chain(usual.map(|directory| Path::new(directory).join(name)));
    found
        .into_iter()
        .find(|path| path.exists())
        .expect("install libfaketime, or say where it is by FAKETIME_LIBRARY")
}

/// The clock of a server: how far it is off stands in a file.
struct WallClock {
    file: PathBuf,
    log: PathBuf,
}

impl WallClock {
    fn set(&self, years: i32) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{years:+}y")).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    fn start(&self, architecture: &str, data: &Path, port: u16) -> Server {
        let mut command = Server::command();
        command.args(Server::run(architecture, data, port)).args(["--log", "json"]);
        command.stderr(File::create(&self.log).unwrap()).env("RUST_LOG", "server=trace");
        command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Server::spawn(&mut command)
    }

    /// The year of the last line of the server's log. There is one for every statement that is signed.
    fn year(&self) -> Option<i32> {
        let log = fs::read_to_string(&self.log).unwrap();
        let (_, rest) = log.rsplit_once("\"timestamp\":\"")?;
        rest.get(..4)?.parse().ok()
    }

    /// Waits until the server sees that it is this year.
    async fn shows(&self, year: i32) {
        while self.year() != Some(year) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn survives_steps(architecture: &str) {
    const EACH: usize = 10;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("server");
    let clock = WallClock { file: directory.path().join("clock"), log: directory.path().join("log") };
    let port = free_port();
    on_tokio(async {
        clock.set(0);
        let mut server = clock.start(architecture, &data, port);
        let mut crowd = Crowd::start(directory.path(), port, 7).await;
        crowd.send(EACH);
        crowd.all().await;
        let today = clock.year().unwrap();
        for years in [10, -10, 3] {
            crowd.send(EACH);
            crowd.receipts(crowd.receipted() + 1).await;
            clock.set(years);
            crowd.until(clock.shows(today + years)).await;
            crowd.send(EACH);
            crowd.all().await;
            crowd.send(EACH);
            crowd.receipts(crowd.receipted() + 1).await;
            drop(server);
            clock.set(2 * years);
            server = clock.start(architecture, &data, port);
            crowd.until(clock.shows(today + 2 * years)).await;
            crowd.all().await;
        }
        crowd.check();
        audited(&[port]).await;
    });
    assert!(nobody_is_exposed(&data));
}

#[test]
#[ignore = "needs libfaketime: cargo test -p server --test faults clock -- --ignored"]
fn central_survives_steps_of_the_wall_clock() {
    survives_steps("central");
}

#[test]
#[ignore = "needs libfaketime: cargo test -p server --test faults clock -- --ignored"]
fn multithreaded_survives_steps_of_the_wall_clock() {
    survives_steps("multithreaded");
}

#[test]
#[ignore = "needs libfaketime: cargo test -p server --test faults clock -- --ignored"]
fn parallel_survives_steps_of_the_wall_clock() {
    survives_steps("parallel");
}

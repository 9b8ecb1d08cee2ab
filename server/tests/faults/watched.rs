//! A server that is all roles, and a witness that somebody else runs: each has a directory of its own, with the roster and its own key.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    crowd::{Crowd, on_tokio},
    kills::{BACKLOG_MAX, Moments, kills},
    port::free_port,
    process::{Server, audited, get, nobody_is_exposed},
};

const PAYLOAD: usize = 7;
/// Ends a wait for something that does not come.
const LIMIT: Duration = Duration::from_secs(120);

/// The directories of both, and where clients find them.
struct Watched {
    directory: tempfile::TempDir,
    http: u16,
    witness_http: u16,
}

impl Watched {
    fn new(architecture: &str) -> Watched {
        let directory = tempfile::tempdir().unwrap();
        let watched = Watched { directory, http: free_port(), witness_http: free_port() };
        let init = ["init", "--architecture", architecture, "--witnesses", "1", "--data"];
        let made = Server::command().args(init).arg(watched.data("server")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let key = |of: &str| watched.data(of).join("keys/witness-0.key");
        fs::create_dir_all(watched.data("witness").join("keys")).unwrap();
        fs::rename(key("server"), key("witness")).unwrap();
        fs::copy(watched.data("server").join("roster.json"), watched.data("witness").join("roster.json"))
            .unwrap();
        fs::write(watched.cluster(), watched.places(architecture)).unwrap();
        watched
    }

    fn places(&self, architecture: &str) -> String {
        let mut file = format!("architecture = \"{architecture}\"\nepoch_ms = 5\nheartbeat_ms = 20\n");
        for actor in ["incoming/0", "mailbox/0", "sequencer", "witness/0"] {
            file += &format!("[actor.\"{actor}\"]\nlisten = \"127.0.0.1:{}\"\n", free_port());
            match actor {
                "sequencer" => file += &format!("http = \"127.0.0.1:{}\"\n", self.http),
                "witness/0" => file += &format!("http = \"127.0.0.1:{}\"\n", self.witness_http),
                _ => {}
            }
        }
        file
    }

    fn cluster(&self) -> PathBuf {
        self.directory.path().join("cluster.toml")
    }

    fn data(&self, of: &str) -> PathBuf {
        self.directory.path().join(of)
    }

    fn command(&self, actor: &str, data: &str) -> Command {
        let mut command = Server::command();
        command.args(["actor", actor, "--cluster"]).arg(self.cluster()).arg("--data").arg(self.data(data));
        command
    }

    fn server(&self) -> Server {
        Server::spawn(&mut self.command("sequencer", "server"))
    }

    fn witness(&self) -> Server {
        Server::spawn(&mut self.command("witness/0", "witness"))
    }

    /// How many heads it has cosigned in its life, at least.
    fn cosignatures(&self) -> u64 {
        let metrics = get(self.witness_http, "/metrics");
        let signed = metrics.lines().find(|line| line.starts_with("noise_signed_total{actor=\"witness/0\"}"));
        signed.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    }

    async fn until(&self, done: impl Fn() -> bool) {
        let waiting = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("it does not come");
    }

    fn evidence(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.data("witness").join("evidence")).unwrap();
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect()
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn survives(architecture: &str) {
    let watched = Watched::new(architecture);
    let mut moments = Moments::drawn();
    on_tokio(async {
        let (mut server, mut witness) = (watched.server(), watched.witness());
        let mut crowd = Crowd::start(watched.directory.path(), watched.http, PAYLOAD).await;
        for life in 0..kills(6) {
            crowd.at_most(BACKLOG_MAX).await;
            crowd.send(20);
            crowd.receipts(crowd.receipted() + 1 + life * 7 % 40).await;
            crowd.send(20);
            moments.go_on(&mut crowd).await;
            match life % 2 {
                0 => {
                    drop(server);
                    moments.cut_short(life, &mut watched.command("sequencer", "server"), &mut crowd).await;
                    server = watched.server();
                }
                _ => {
                    drop(witness);
                    moments.cut_short(life, &mut watched.command("witness/0", "witness"), &mut crowd).await;
                    witness = watched.witness();
                }
            }
        }
        crowd.all().await;
        crowd.check();
        audited(&[watched.http, watched.witness_http]).await;
        let metrics = get(watched.http, "/metrics");
        assert!(metrics.contains("noise_commit_seconds_count{actor=\"sequencer\"} "), "{metrics}");
        for kind in ["seal", "cut", "attestation"] {
            let newest = format!("noise_newest{{actor=\"sequencer\",kind=\"{kind}\"}} ");
            let newest = metrics.lines().find_map(|line| line.strip_prefix(&newest)?.parse::<u64>().ok());
            assert!(newest.is_some_and(|number| number > 0), "{kind}: {metrics}");
        }
    });
    assert!(nobody_is_exposed(&watched.data("server")) && nobody_is_exposed(&watched.data("witness")));
}

#[test]
fn a_central_server_and_its_witness_survive_kills() {
    survives("central");
}

#[test]
fn a_multithreaded_server_and_its_witness_survive_kills() {
    survives("multithreaded");
}

/// Its operator puts the server back to yesterday. It goes on from there, and so signs another cut than the witness has seen.
#[test]
fn a_server_that_is_put_back_is_exposed_by_its_witness() {
    let watched = Watched::new("central");
    let (store, yesterday) = (watched.data("server").join("store"), watched.data("yesterday"));
    on_tokio(async {
        let witness = watched.witness();
        let server = watched.server();
        let mut crowd = Crowd::start(watched.directory.path(), watched.http, PAYLOAD).await;
        crowd.send(5);
        crowd.all().await;
        drop(server);
        copy_files(&store, &yesterday);
        let (server, seen) = (watched.server(), watched.cosignatures());
        crowd.send(5);
        crowd.all().await;
        watched.until(|| watched.cosignatures() >= seen + 5).await; // of this day, too: it connects some time after the start
        drop((server, crowd));
        assert_eq!(watched.evidence(), Vec::<PathBuf>::new());
        fs::remove_dir_all(&store).unwrap();
        copy_files(&yesterday, &store);
        let server = watched.server();
        watched.until(|| !watched.evidence().is_empty()).await;
        drop((server, witness));
    });
    let roster = watched.data("witness").join("roster.json");
    for file in watched.evidence() {
        let verify =
            Server::command().arg("verify").arg(&file).arg("--roster").arg(&roster).output().unwrap();
        assert!(verify.status.success(), "{}: {verify:?}", file.display());
    }
}

#[test]
fn a_part_of_a_server_is_no_process() {
    let watched = Watched::new("central");
    let output = watched.command("mailbox/0", "server").stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("start sequencer"), "{output:?}");
}

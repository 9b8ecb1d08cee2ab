//! The server as a process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

/// Ends the wait for a witness that does not get on.
const AUDIT_LIMIT: Duration = Duration::from_secs(60);

/// A process that is killed when it is dropped.
pub struct Server(Child);

impl Server {
    /// All actors in one process.
    pub fn start(architecture: &str, data: &Path, port: u16) -> Server {
        Server::spawn(Server::command().args(Server::run(architecture, data, port)))
    }

    /// What becomes one actor of a cluster.
    pub fn actor(actor: &str, directory: &Path) -> Command {
        let (cluster, data) = (directory.join("cluster.toml"), directory.join("server"));
        let mut command = Server::command();
        command.args(["actor", actor, "--cluster"]).arg(cluster).arg("--data").arg(data);
        command
    }

    /// The program.
    pub fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.stderr(Stdio::null());
        command
    }

    /// What tells it to run all actors in one process.
    pub fn run(architecture: &str, data: &Path, port: u16) -> Vec<String> {
        let run = ["run", "--architecture", architecture, "--heartbeat-ms", "100", "--data"];
        let mut run: Vec<String> = run.map(str::to_owned).to_vec();
        run.extend([data.to_str().unwrap().to_owned(), "--listen".to_owned(), format!("127.0.0.1:{port}")]);
        run
    }

    /// Starts a command that becomes a server, and waits for nothing.
    pub fn begin(command: &mut Command) -> Server {
        Server(command.stdout(Stdio::null()).spawn().unwrap())
    }

    /// Starts a command that becomes a server, and waits until it listens.
    pub fn spawn(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = lines.map_while(Result::ok).any(|line| line.contains("listening on "));
        let server = Server(child);
        assert!(listens, "the server started");
        server
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The answer to a request, head and body.
pub fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A label of a line of metrics.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

/// The gauges of this name, as labels and what they show, of several servers.
fn gauges(metrics: &str, name: &str) -> Vec<(String, u64)> {
    let gauge = |line: &str| {
        let (labels, shown) = line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ")?;
        Some((labels.to_owned(), shown.parse().ok()?))
    };
    metrics.lines().filter_map(gauge).collect()
}

/// What these servers have signed last and no witness of them has cosigned yet.
fn unaudited(signed: &[(String, u64)], metrics: &str) -> Vec<(String, u64)> {
    let cosigned = gauges(metrics, "noise_cosigned");
    let is_audited = |(labels, slot): &(String, u64)| {
        let (actor, kind) = (label(labels, "actor").unwrap(), label(labels, "kind").unwrap());
        // a server in one piece is called by one of its names
        let actor = match (actor, kind) {
            ("sequencer", "seal") => "incoming/0",
            ("sequencer", "attestation") => "mailbox/0",
            _ => actor,
        };
        cosigned.iter().any(|(labels, cosigned)| {
            label(labels, "actor") == Some(actor) && label(labels, "kind") == Some(kind) && cosigned >= slot
        })
    };
    signed.iter().filter(|head| !is_audited(head)).cloned().collect()
}

/// Waits until the witness of these servers, if it is among them, has checked all that they have signed by now.
pub async fn audited(ports: &[u16]) {
    let metrics = || ports.iter().map(|port| get(*port, "/metrics")).collect::<String>();
    if !metrics().contains("actor=\"witness/0\"") {
        return;
    }
    // what comes of a check is written after it is signed for, and before the next one
    for _ in 0..2 {
        let signed = gauges(&metrics(), "noise_newest");
        let mut left = signed.clone();
        let waiting = async {
            while !left.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                left = unaudited(&signed, &metrics());
            }
        };
        let ended = tokio::time::timeout(AUDIT_LIMIT, waiting).await;
        assert!(ended.is_ok(), "the witness has not seen {:?}", unaudited(&signed, &metrics()));
    }
}

/// Whether a server has caught nobody: its witness must have seen all first ([`audited`]).
pub fn nobody_is_exposed(data: &Path) -> bool {
    std::fs::read_dir(data.join("evidence")).unwrap().count() == 0
}

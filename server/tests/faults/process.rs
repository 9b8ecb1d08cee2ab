//! The server as a process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

/// A process that is killed when it is dropped.
pub struct Server(Child);

impl Server {
    /// All actors in one process.
    pub fn start(architecture: &str, data: &Path, port: u16) -> Server {
        Server::spawn(Server::command().args(Server::run(architecture, data, port)))
    }

    /// One actor of a cluster.
    pub fn start_actor(actor: &str, directory: &Path) -> Server {
        let (cluster, data) = (directory.join("cluster.toml"), directory.join("server"));
        let mut command = Server::command();
        command.args(["actor", actor, "--cluster"]).arg(cluster).arg("--data").arg(data);
        Server::spawn(&mut command)
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

/// Whether a server has caught nobody.
pub fn nobody_is_exposed(data: &Path) -> bool {
    std::fs::read_dir(data.join("evidence")).unwrap().count() == 0
}

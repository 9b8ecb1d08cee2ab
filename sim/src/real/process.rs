//! A process that runs beside this one, and the time that it takes of processors.

use std::{
    io::Read,
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{HOST, RealError, system, threads::Threads};

/// How often it is looked whether a server listens, and for how long.
const LOOKS: u32 = 600;
const LOOK: Duration = Duration::from_millis(25);
/// Clock ticks a second, in which Linux tells the time of a process: the same on all its architectures.
const NS_OF_TICK: u64 = 1_000_000_000 / 100;

/// A process; it ends with this value.
pub(super) struct Running {
    child: Child,
    program: &'static str,
}

impl Running {
    pub(super) fn start(mut command: Command, program: &'static str) -> Result<Running, RealError> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().map_err(system(format!("{program} does not start")))?;
        Ok(Running { child, program })
    }

    /// Waits until somebody listens.
    pub(super) fn wait_for(&self, port: u16) -> Result<(), RealError> {
        for _ in 0..LOOKS {
            if TcpStream::connect((HOST, port)).is_ok() {
                return Ok(());
            }
            sleep(LOOK);
        }
        Err(RealError::Failed { program: self.program, said: format!("nobody listens at {HOST}:{port}") })
    }

    /// Nanoseconds of processors that it has used.
    pub(super) fn cpu_ns(&self) -> Result<u64, RealError> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).map_err(system(path))?;
        let unreadable =
            || RealError::Failed { program: self.program, said: "its times cannot be read".to_owned() };
        ticks(&stat).map(|(_, ticks)| ticks * NS_OF_TICK).ok_or_else(unreadable)
    }

    /// Of it what the threads of actors have used.
    pub(super) fn threads(&self) -> Result<Threads, RealError> {
        let path = format!("/proc/{}/task", self.child.id());
        let mut threads = Threads::default();
        for thread in std::fs::read_dir(&path).map_err(system(path))?.flatten() {
            // one that ends meanwhile is of no actor
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            if let Some((name, ticks)) = ticks(&stat) {
                threads.used(name, (ticks * NS_OF_TICK) as f64);
            }
        }
        Ok(threads)
    }

    /// Waits until it has ended, well: what it said, and nanoseconds of processors that it has used.
    pub(super) fn finish(mut self) -> Result<(String, u64), RealError> {
        let mut used_ns = 0;
        loop {
            used_ns = self.cpu_ns().unwrap_or(used_ns).max(used_ns);
            let ended = self.child.try_wait().map_err(system(format!("waiting for {}", self.program)))?;
            let Some(status) = ended else {
                sleep(LOOK);
                continue;
            };
            let mut said = String::new();
            if let Some(mut errors) = self.child.stderr.take() {
                let _ = errors.read_to_string(&mut said);
            }
            return match status.success() {
                true => Ok((said, used_ns)),
                false => Err(RealError::Failed {
                    program: self.program,
                    said: format!("{status}: {}", said.trim()),
                }),
            };
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process or thread is called, and its user and system time: the fields 2, 14 and 15, of which the name stands in
/// brackets and may hold anything.
fn ticks(stat: &str) -> Option<(&str, u64)> {
    let (before, fields) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some((name, fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_stand_behind_whatever_a_process_is_called() {
        assert_eq!(ticks("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0"), Some(("a) b", 300)));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn what_fails_says_why() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo broken >&2; exit 3"]);
        let error = Running::start(command, "it").unwrap().finish().unwrap_err().to_string();
        assert!(error.contains("it failed") && error.contains("broken"), "{error}");
    }
}

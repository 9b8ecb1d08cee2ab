//! How long the transactions of a real server take, by what it tells Prometheus.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{HOST, RealError, system, threads::Threads};
use crate::history::Commits;

/// Those of all actors of the server at this port, so far; those of each are told to its thread.
pub(super) fn so_far(port: u16, threads: &mut Threads) -> Result<Commits, RealError> {
    let asked = || {
        let mut stream = TcpStream::connect((HOST, port))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let said = asked().map_err(system("the server's metrics"))?;
    for (actor, count) in by_actor(&said) {
        threads.committed(actor, count);
    }
    told(&said).ok_or(RealError::Failed { program: "the server", said: "it tells of no commits".to_owned() })
}

/// Of each actor, how many.
fn by_actor(text: &str) -> impl Iterator<Item = (&str, f64)> {
    text.lines().filter_map(|line| {
        let (actor, count) = line.strip_prefix("noise_commit_seconds_count{actor=\"")?.split_once("\"} ")?;
        Some((actor, count.parse().ok()?))
    })
}

fn told(text: &str) -> Option<Commits> {
    let all = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(name));
        let values: Vec<f64> =
            lines.map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum())
    };
    Some(Commits { count: all("noise_commit_seconds_count")?, seconds: all("noise_commit_seconds_sum")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_actors_count_together_and_what_was_before_does_not() {
        let text = |one: &str, other: &str| {
            format!(
                "HTTP/1.1 200 OK\r\n\r\nnoise_commit_seconds_sum{{actor=\"incoming/0\"}} {one}\n\
                 noise_commit_seconds_count{{actor=\"incoming/0\"}} 10\n\
                 noise_commit_seconds_bucket{{le=\"0.1\",actor=\"incoming/0\"}} 10\n\
                 noise_commit_seconds_sum{{actor=\"sequencer\"}} 1.0\n\
                 noise_commit_seconds_count{{actor=\"sequencer\"}} {other}\n"
            )
        };
        let then = told(&text("0.5", "20")).unwrap();
        assert_eq!(then, Commits { count: 30.0, seconds: 1.5 });
        assert_eq!(
            by_actor(&text("0.5", "20")).collect::<Vec<_>>(),
            [("incoming/0", 10.0), ("sequencer", 20.0)]
        );
        let now = told(&text("0.6", "70")).unwrap();
        assert!((now.since(then).mean_us() - 2000.0).abs() < 1e-6);
        assert_eq!(told("noise_steps_total 5\n"), None);
    }
}

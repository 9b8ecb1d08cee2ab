//! Wake-ups: how long it takes until somebody who waits at a socket hears what was said on this machine.
//!
//! Whoever says something works on, as a server does: so the other may have to wait for that core, though another one is idle,
//! until the system moves it. An echo would not show it, for there the one goes to sleep as soon as it has spoken.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{CalibrateError, clock};
use crate::model::costs::Cost;

/// How often it is measured.
const ROUNDS: usize = 1500;
/// The pauses before, in turn: all long enough that whoever waits sleeps.
const PAUSES_US: [u64; 3] = [100, 500, 2000];
/// For how long whoever has spoken works on, in turn, after as many rounds as there are pauses.
const WORKS_ON_NS: [u64; 3] = [0, 100_000, 300_000];
/// For how long it worked before.
const WORKED_NS: u64 = 50_000;

/// From a write at one end of a loopback connection to when the reader at the other end runs.
///
/// # Errors
/// The system has no loopback interface.
pub fn socket() -> Result<Cost, CalibrateError> {
    let samples = rounds().map_err(CalibrateError::Loopback)?;
    Cost::of_samples(samples).ok_or_else(|| CalibrateError::Loopback(io::ErrorKind::NotConnected.into()))
}

fn rounds() -> io::Result<Vec<f64>> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut here = TcpStream::connect(listener.local_addr()?)?;
    let (mut there, _) = listener.accept()?;
    here.set_nodelay(true)?;
    let (heard, ears) = mpsc::channel();
    thread::spawn(move || {
        // it ends when nobody says anything any more
        while there.read_exact(&mut [0]).is_ok() {
            let _ = heard.send(clock::now_ns());
        }
    });
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        thread::sleep(Duration::from_micros(PAUSES_US[round % PAUSES_US.len()]));
        work(WORKED_NS);
        let said_ns = clock::now_ns();
        here.write_all(&[1])?;
        work(WORKS_ON_NS[round / PAUSES_US.len() % WORKS_ON_NS.len()]);
        let heard_ns: u64 = ears.recv().map_err(|_| io::Error::other("the other end is gone"))?;
        samples.push(heard_ns.saturating_sub(said_ns) as f64);
    }
    Ok(samples)
}

/// Keeps a core for so long.
fn work(ns: u64) {
    let began = clock::now_ns();
    while clock::now_ns() - began < ns {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_wake_up_takes_time() {
        let cost = socket().unwrap();
        assert!(cost.mean() > 100.0 && cost.lies_within(10e9), "{cost:?}");
    }
}

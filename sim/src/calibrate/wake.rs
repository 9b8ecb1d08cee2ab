//! Wake-ups: how long it takes until somebody who waits at a socket hears what was said on this machine.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::{CalibrateError, clock};
use crate::model::costs::Cost;

/// How often it is measured.
const ROUNDS: usize = 1000;
/// The pause before each: long enough that whoever waits sleeps, as between two requests.
const PAUSE: Duration = Duration::from_micros(500);

/// From a write at one end of a loopback connection to the return of the read at the other: half of a round.
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
    there.set_nodelay(true)?;
    let echo = thread::spawn(move || -> io::Result<()> {
        let mut byte = [0];
        for _ in 0..ROUNDS {
            there.read_exact(&mut byte)?;
            there.write_all(&byte)?;
        }
        Ok(())
    });
    let mut samples = Vec::new();
    for _ in 0..ROUNDS {
        thread::sleep(PAUSE);
        let began = clock::now_ns();
        here.write_all(&[1])?;
        here.read_exact(&mut [0])?;
        samples.push((clock::now_ns() - began) as f64 / 2.0);
    }
    match echo.join() {
        Ok(echoed) => echoed.map(|()| samples),
        Err(_) => Err(io::Error::other("the other end is gone")),
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

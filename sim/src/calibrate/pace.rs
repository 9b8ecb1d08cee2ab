//! The pace of a machine: how fast its processors are while something is measured.
//!
//! A core of a rented machine shares its arithmetic, caches and clock with neighbours that nobody sees: on the machine of the
//! default profile it changes between two speeds, one of them 1.7 times the other, several times a minute, and more often where it
//! idles. So beside whatever takes long a *yardstick* is measured again and again, one check of a signature, pinned to each core in
//! turn. What was measured at one pace can be told at another; what is measured itself is never changed by it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use server::protocol::crypto::{Claim, Ed25519, Ed25519Signer, Signer, Verifier};

use super::clock;

/// The pause between two looks at a core: the yardstick takes some hundredths of it.
const PAUSE: Duration = Duration::from_millis(10);
/// Checks of a look, of which the last counts: whoever was asleep finds cold caches.
const CHECKS: usize = 3;

/// Does something, and tells how long the yardstick took meanwhile, on average over all cores: nanoseconds.
pub fn beside<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let over = AtomicBool::new(false);
    let cores = crate::real::cores();
    thread::scope(|scope| {
        let looks = |core| {
            let over = &over;
            scope.spawn(move || {
                pin(core);
                let mut looks = vec![look()];
                while !over.load(Ordering::Relaxed) {
                    thread::sleep(PAUSE);
                    looks.push(look());
                }
                looks
            })
        };
        let looks: Vec<_> = (0..cores).map(looks).collect();
        let done = work();
        over.store(true, Ordering::Relaxed);
        let looks = looks.into_iter().map(|looks| mean(&looks.join().unwrap_or_default()));
        (done, mean(&looks.collect::<Vec<_>>()))
    })
}

/// Stays on one core, if the system lets us: else it looks where it happens to be.
pub(super) fn pin(core: usize) {
    #[cfg(target_os = "linux")]
    {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        let _ = rustix::thread::sched_setaffinity(None, &cores);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// How long the yardstick takes this thread, now.
pub(super) fn look() -> f64 {
    let (signer, text) = (Ed25519Signer::from_secret(&[7; 32]), [7; 96]);
    let (key, signature) = (signer.public(), signer.sign(&text));
    let claim: Claim<'_> = (key, &text, signature);
    for _ in 1..CHECKS {
        std::hint::black_box(Ed25519.verify(claim));
    }
    let began = clock::thread_ns();
    std::hint::black_box(Ed25519.verify(claim));
    (clock::thread_ns() - began) as f64
}

/// The mean of some.
pub(super) fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_is_looked_at_however_short_the_work() {
        let (done, pace) = beside(|| 7);
        assert!(done == 7 && (1e3..1e9).contains(&pace), "{pace} ns");
    }
}

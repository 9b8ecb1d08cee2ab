//! The fingerprint: a rolling hash over everything that happens in a run.
//!
//! Same scenario, seed and build must give the same fingerprint, on any machine and any number of threads, in debug
//! and release. Every delivery of bytes goes in with its time and content, every step of a node with what it took (what a timer
//! woke is a step, too), every statement that anyone promises, and every fault. What is drawn at random, and what an actor holds,
//! is in what it sends, signs and stores.

use std::sync::{Arc, Mutex, PoisonError};

use server::actor::Ledger;
use twox_hash::XxHash3_64;

/// The rolling hash of one run.
#[derive(Clone, Default)]
pub struct Fingerprint(Arc<Mutex<Rolling>>);

#[derive(Default)]
struct Rolling {
    hash: u64,
    events: u64,
}

impl Fingerprint {
    /// Bytes arrived at a machine.
    pub fn delivery(&self, now_ns: u64, from: usize, to: usize, bytes: &[u8]) {
        self.fold(&[1, now_ns, from as u64, to as u64, XxHash3_64::oneshot(bytes)]);
    }

    /// A step of a node is over: of the process of this index and role, and what it took.
    pub fn step(&self, now_ns: u64, (role, index): (&str, u32), took: &Ledger) {
        let Ledger {
            steps,
            inputs,
            outputs,
            signed,
            verified,
            verified_batched,
            hashed_bytes,
            coded_bytes,
            commits,
            requests,
            bundles,
            events,
            written: _, // in no step
        } = *took;
        let counts = [steps, inputs, outputs, signed, verified, verified_batched, commits];
        let words = counts.into_iter().chain([requests, bundles, events, hashed_bytes, coded_bytes]);
        let mut bytes = [0; 96];
        words.zip(bytes.chunks_exact_mut(8)).for_each(|(word, out)| out.copy_from_slice(&word.to_le_bytes()));
        let who = XxHash3_64::oneshot(role.as_bytes());
        self.fold(&[3, now_ns, who, u64::from(index), XxHash3_64::oneshot(&bytes)]);
    }

    /// Something happened that the bytes describe.
    pub fn event(&self, now_ns: u64, bytes: &[u8]) {
        self.fold(&[2, now_ns, XxHash3_64::oneshot(bytes)]);
    }

    fn fold(&self, words: &[u64]) {
        let mut rolling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = [0; 48];
        for (word, out) in words.iter().zip(bytes.chunks_exact_mut(8)) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        rolling.hash = XxHash3_64::oneshot_with_seed(rolling.hash, &bytes);
        rolling.events += 1;
    }

    /// The hash over everything so far.
    pub fn value(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hash
    }

    /// How many events went in.
    pub fn events(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(happens: impl Fn(&Fingerprint)) -> (u64, u64) {
        let fingerprint = Fingerprint::default();
        happens(&fingerprint);
        (fingerprint.value(), fingerprint.events())
    }

    #[test]
    fn everything_about_an_event_is_in_it() {
        let all = [
            of(|_| ()),
            of(|fingerprint| fingerprint.delivery(1, 2, 3, b"bytes")),
            of(|fingerprint| fingerprint.delivery(9, 2, 3, b"bytes")),
            of(|fingerprint| fingerprint.delivery(1, 9, 3, b"bytes")),
            of(|fingerprint| fingerprint.delivery(1, 2, 9, b"bytes")),
            of(|fingerprint| fingerprint.delivery(1, 2, 3, b"other")),
            of(|fingerprint| fingerprint.event(1, b"bytes")),
            of(|fingerprint| fingerprint.event(9, b"bytes")),
            of(|fingerprint| fingerprint.event(1, b"other")),
            of(|fingerprint| fingerprint.step(1, ("incoming", 2), &Ledger::default())),
            of(|fingerprint| fingerprint.step(9, ("incoming", 2), &Ledger::default())),
            of(|fingerprint| fingerprint.step(1, ("mailbox", 2), &Ledger::default())),
            of(|fingerprint| fingerprint.step(1, ("incoming", 9), &Ledger::default())),
            of(|fingerprint| {
                fingerprint.step(1, ("incoming", 2), &Ledger { hashed_bytes: 1, ..Ledger::default() });
            }),
            of(|fingerprint| {
                fingerprint.step(1, ("incoming", 2), &Ledger { coded_bytes: 1, ..Ledger::default() });
            }),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other.0 != one.0), "{index}");
            assert_eq!(one.1, u64::from(index > 0));
        }
    }

    #[test]
    fn the_order_of_events_is_in_it() {
        let in_order = |first: u64, second: u64| {
            of(|fingerprint| {
                fingerprint.event(first, b"a");
                fingerprint.event(second, b"a");
            })
        };
        assert_ne!(in_order(1, 2).0, in_order(2, 1).0);
        assert_eq!(in_order(1, 2), in_order(1, 2));
    }
}

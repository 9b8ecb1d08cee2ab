//! A verifier that remembers: what was checked once in this process need not be checked again.
//!
//! The request handler checks every signature before it hands a request on, so that bad input gets its answer at
//! once; the incoming actor must check it too, for it trusts no handler. In one process the second check is a look-up.
//!
//! # Invariants
//! - Only valid signatures are remembered, by a SHA-256 over key, preimage and signature: nobody can make another
//!   claim that looks the same.
//! - At most twice [`GENERATION`] of them: the older half is forgotten when the newer one is full.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::{
    crypto::{Claim, Verifier},
    digest::Digest,
};

/// Signatures remembered before the ones before them are forgotten.
const GENERATION: usize = 1 << 16;
/// Parts of the memory, each with a lock of its own.
const SHARDS: usize = 16;

#[derive(Default)]
struct Shard {
    new: BTreeSet<Digest>,
    old: BTreeSet<Digest>,
}

/// Remembers what another verifier has found valid.
pub struct Remembered<V> {
    verifier: V,
    shards: Vec<Mutex<Shard>>,
}

impl<V: Verifier> Remembered<V> {
    /// Remembers nothing yet.
    pub fn new(verifier: V) -> Self {
        Remembered { verifier, shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn with<T>(&self, name: &Digest, f: impl FnOnce(&mut Shard) -> T) -> T {
        let shard = &self.shards[usize::from(name.0[0]) % SHARDS];
        f(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn knows(&self, name: &Digest) -> bool {
        self.with(name, |shard| shard.new.contains(name) || shard.old.contains(name))
    }

    fn learn(&self, name: Digest) {
        self.with(&name, |shard| {
            if shard.new.len() >= GENERATION / SHARDS {
                shard.old = std::mem::take(&mut shard.new);
            }
            shard.new.insert(name);
        });
    }
}

fn name((key, preimage, signature): &Claim<'_>) -> Digest {
    Digest::of(&[&key.0, &signature.0, preimage])
}

impl<V: Verifier> Verifier for Remembered<V> {
    fn verify(&self, claim: Claim<'_>) -> bool {
        let name = name(&claim);
        if self.knows(&name) {
            return true;
        }
        let valid = self.verifier.verify(claim);
        if valid {
            self.learn(name);
        }
        valid
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        let names: Vec<_> = claims.iter().map(name).collect();
        let unknown = claims.iter().zip(&names).filter(|(_, name)| !self.knows(name));
        let unknown: Vec<Claim<'_>> = unknown.map(|(claim, _)| *claim).collect();
        let valid = self.verifier.verify_all(&unknown);
        if valid && !unknown.is_empty() {
            names.into_iter().for_each(|name| self.learn(name));
        }
        valid
    }

    fn proves(&self) -> bool {
        self.verifier.proves()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::protocol::crypto::{PublicKey, Signature};

    /// Takes signatures of ones, and counts.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Verifier for Counting {
        fn verify(&self, (_, _, signature): Claim<'_>) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            signature.0[0] == 1
        }

        fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
            claims.iter().all(|claim| self.verify(*claim))
        }
    }

    fn claim(text: &[u8], byte: u8) -> Claim<'_> {
        (PublicKey([7; 32]), text, Signature([byte; 64]))
    }

    #[test]
    fn a_valid_signature_is_checked_once_and_an_invalid_one_each_time() {
        let memory = Remembered::new(Counting::default());
        assert!(memory.verify(claim(b"a", 1)) && memory.verify(claim(b"a", 1)));
        assert!(!memory.verify(claim(b"a", 2)) && !memory.verify(claim(b"a", 2)));
        assert!(memory.verify_all(&[claim(b"a", 1), claim(b"b", 1)]));
        assert!(memory.verify_all(&[claim(b"b", 1)]));
        assert_eq!(memory.verifier.0.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Remembered::new(Counting::default());
        for number in 0..4 * GENERATION as u32 {
            assert!(memory.verify(claim(&number.to_be_bytes(), 1)));
        }
        let held: usize = memory
            .shards
            .iter()
            .map(|shard| {
                let shard = shard.lock().unwrap();
                shard.new.len() + shard.old.len()
            })
            .sum();
        assert!(held <= 2 * GENERATION);
    }
}

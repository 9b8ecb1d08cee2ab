//! What a process remembers of signatures: one that it has found valid once costs it nothing when it comes again.
//!
//! The memory is the production one ([`server::protocol::remembered`]), around whatever checks the signatures of the
//! run. What it spares is counted on both of its sides: what was asked for, and what had to be checked. Work is charged by
//! what actors and fronts say that they verify, so the difference comes off that.
//!
//! # Invariants
//! - Between a check and the charge for it nothing else of the process runs: what was spared belongs to who is charged.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use server::{
    actor::Ledger,
    protocol::{
        crypto::{Claim, Verifier},
        remembered::Remembered,
    },
};

/// How many signatures were checked since that was last asked: one by one, and in batches.
#[derive(Default)]
struct Count {
    alone: AtomicU64,
    batched: AtomicU64,
}

impl Count {
    fn take(&self) -> [u64; 2] {
        [&self.alone, &self.batched].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

/// The memory of one process.
#[derive(Clone, Default)]
pub struct Memory {
    asked: Arc<Count>,
    checked: Arc<Count>,
    /// What remembers: one for all that run in the process.
    verifier: Arc<OnceLock<Arc<dyn Verifier>>>,
}

impl Memory {
    /// A verifier that remembers what this one, which is that of the run, has found valid: the same for all in the process.
    pub fn around(&self, verifier: Arc<dyn Verifier>) -> Arc<dyn Verifier> {
        let remembering = || -> Arc<dyn Verifier> {
            let checked = Counted { verifier: Shared(verifier), count: self.checked.clone() };
            Arc::new(Counted { verifier: Remembered::new(checked), count: self.asked.clone() })
        };
        self.verifier.get_or_init(remembering).clone()
    }

    /// The work without the signatures that were remembered since the last time.
    pub fn spare(&self, ledger: &Ledger) -> Ledger {
        let ([alone, batched], [alone_checked, batched_checked]) = (self.asked.take(), self.checked.take());
        Ledger {
            verified: ledger.verified.saturating_sub(alone.saturating_sub(alone_checked)),
            verified_batched: ledger.verified_batched.saturating_sub(batched.saturating_sub(batched_checked)),
            ..*ledger
        }
    }
}

/// Counts what another verifier is asked.
struct Counted<V> {
    verifier: V,
    count: Arc<Count>,
}

impl<V: Verifier> Verifier for Counted<V> {
    fn verify(&self, claim: Claim<'_>) -> bool {
        self.count.alone.fetch_add(1, Ordering::Relaxed);
        self.verifier.verify(claim)
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        self.count.batched.fetch_add(claims.len() as u64, Ordering::Relaxed);
        self.verifier.verify_all(claims)
    }
}

/// The verifier of the run.
struct Shared(Arc<dyn Verifier>);

impl Verifier for Shared {
    fn verify(&self, claim: Claim<'_>) -> bool {
        self.0.verify(claim)
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        self.0.verify_all(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::crypto, random::Streams, scenario::Crypto};

    #[test]
    fn a_signature_is_charged_once_and_what_was_not_remembered_each_time() {
        let signer = crypto::signer(Crypto::Modelled, &mut Streams::new(1).stream("keys"));
        let memory = Memory::default();
        let verifier = memory.around(Arc::from(crypto::verifier(Crypto::Modelled)));
        let texts = [b"one", b"two"];
        let claims = texts.map(|text| (signer.public(), &text[..], signer.sign(text)));
        let batch = Ledger { verified_batched: 2, ..Ledger::default() };
        assert!(verifier.verify_all(&claims));
        assert_eq!(memory.spare(&batch), batch);
        // another actor of the process
        let verifier = memory.around(Arc::from(crypto::verifier(Crypto::Modelled)));
        assert!(verifier.verify_all(&claims));
        assert_eq!(memory.spare(&batch), Ledger::default());
        let alone = Ledger { verified: 1, signed: 3, ..Ledger::default() };
        assert!(verifier.verify(claims[0]));
        assert_eq!(memory.spare(&alone), Ledger { verified: 0, ..alone });
        assert!(!verifier.verify((signer.public(), b"three", signer.sign(b"two"))));
        assert_eq!(memory.spare(&alone), alone);
    }
}

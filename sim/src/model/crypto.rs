//! Simulated signatures: real ones, checked once a run, or modelled ones.
//!
//! A modelled signature is a hash of key and preimage. Anyone could compute it, but nobody in a run does without
//! holding the signer, so inside a run it is unforgeable; outside it proves nothing, and the evidence of such a run
//! convinces no judge.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use server::protocol::{
    crypto::{Claim, Ed25519, Ed25519Signer, PublicKey, Signature, Signer, Verifier},
    digest::Digest,
};
use twox_hash::XxHash3_128;

use crate::{random::Stream, scenario::Crypto};

/// Draws a key.
pub fn signer(crypto: Crypto, keys: &mut Stream) -> Box<dyn Signer> {
    let mut secret = [0; 32];
    rand::Rng::fill_bytes(keys, &mut secret);
    match crypto {
        Crypto::Ed25519 => Box::new(Ed25519Signer::from_secret(&secret)),
        Crypto::Modelled => Box::new(ModelledSigner(PublicKey(Digest::of(&[b"modelled key", &secret]).0))),
    }
}

/// What checks the signatures of such keys.
pub fn verifier(crypto: Crypto) -> Box<dyn Verifier> {
    match crypto {
        Crypto::Ed25519 => Box::<Remembering>::default(),
        Crypto::Modelled => Box::new(Modelled),
    }
}

struct ModelledSigner(PublicKey);

impl Signer for ModelledSigner {
    fn public(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, preimage: &[u8]) -> Signature {
        modelled(self.0, preimage)
    }
}

fn modelled(key: PublicKey, preimage: &[u8]) -> Signature {
    let digest = Digest::of(&[b"modelled signature", &key.0, preimage]);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&digest.0);
    Signature(signature)
}

struct Modelled;

impl Verifier for Modelled {
    fn verify(&self, (key, preimage, signature): Claim<'_>) -> bool {
        modelled(key, preimage) == signature
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        claims.iter().all(|claim| self.verify(*claim))
    }
}

/// Ed25519 that checks each signature once: in a run, many nodes are shown the same cuts and seals.
#[derive(Default)]
struct Remembering(Mutex<BTreeSet<u128>>);

impl Remembering {
    fn knows(&self, claim: &Claim<'_>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&fold(claim))
    }

    fn learn(&self, claim: &Claim<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(fold(claim));
    }
}

fn fold((key, preimage, signature): &Claim<'_>) -> u128 {
    let mut hasher = XxHash3_128::new();
    hasher.write(&key.0);
    hasher.write(&signature.0);
    hasher.write(preimage);
    hasher.finish_128()
}

impl Verifier for Remembering {
    fn verify(&self, claim: Claim<'_>) -> bool {
        self.verify_all(&[claim])
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        let unknown: Vec<Claim<'_>> = claims.iter().filter(|claim| !self.knows(claim)).copied().collect();
        let valid = Ed25519.verify_all(&unknown);
        if valid {
            unknown.iter().for_each(|claim| self.learn(claim));
        }
        valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    #[test]
    fn both_kinds_of_signatures_hold_for_their_text_only() {
        for crypto in [Crypto::Ed25519, Crypto::Modelled] {
            let signer = signer(crypto, &mut Streams::new(1).stream("keys"));
            let verifier = verifier(crypto);
            let signature = signer.sign(b"text");
            for _ in 0..2 {
                assert!(verifier.verify((signer.public(), b"text", signature)));
                assert!(!verifier.verify((signer.public(), b"Text", signature)));
                assert!(!verifier.verify_all(&[
                    (signer.public(), b"text", signature),
                    (signer.public(), b"Text", signature),
                ]));
            }
        }
    }
}

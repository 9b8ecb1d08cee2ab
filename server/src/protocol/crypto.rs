//! Keys and signatures: Ed25519, with one pinned verification equation.
//!
//! Ed25519 libraries disagree on edge cases, and single and batched verification disagree even inside most of
//! them. A signature that the incoming actor accepts in a batch and the judge refuses alone would convict the
//! incoming actor of admitting a forgery. So one equation is pinned, ZIP-215 (cofactored), for which batched
//! and single verification agree by construction; `ed25519-zebra` implements it, `ed25519-dalek` signs.
//!
//! Signing and verifying stand behind traits because a simulation may model them (design, `crypto = "modelled"`):
//! same protocol, same bytes, no curve arithmetic.

use ed25519_dalek::Signer as _;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest as _, Sha256};

/// A public key, 32 bytes as RFC 8032 writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", hex::encode(&self.0[..4]))
    }
}

/// A signature, 64 bytes as RFC 8032 writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({})", hex::encode(&self.0[..4]))
    }
}

/// A holder of one secret key. Signing is deterministic: the same preimage gives the same bytes, which is what
/// lets a restarted actor release the same statement again.
pub trait Signer: Send + Sync {
    /// The key that verifies what this signs.
    fn public(&self) -> PublicKey;
    /// Signs a preimage.
    fn sign(&self, preimage: &[u8]) -> Signature;
    /// Is told of each statement that it signs in a run ([`super::endorsement`]), by the statement's preimage: it sees that of the run alone.
    fn covers(&self, _preimage: &[u8]) {}
}

/// The secret keys of an actor, by number: what was promised under an earlier key is signed with that, however often.
pub struct Keyring(Vec<Box<dyn Signer>>);

impl Keyring {
    /// The key of an actor that never had another.
    pub fn of(key: Box<dyn Signer>) -> Self {
        Keyring(vec![key])
    }

    /// All keys of an actor, the oldest first.
    pub fn new(keys: Vec<Box<dyn Signer>>) -> Self {
        Keyring(keys)
    }

    /// The key of this number.
    pub fn key(&self, number: u32) -> Option<&dyn Signer> {
        self.0.get(number as usize).map(|key| &**key)
    }
}

/// One signature to check: `(key, preimage, signature)`.
pub type Claim<'a> = (PublicKey, &'a [u8], Signature);

/// Checks signatures; the same answer alone and in a batch.
pub trait Verifier: Send + Sync {
    /// Whether one signature is valid.
    fn verify(&self, claim: Claim<'_>) -> bool;
    /// Whether all of them are. Cheaper than one by one; false says nothing about which one is bad.
    fn verify_all(&self, claims: &[Claim<'_>]) -> bool;
    /// Whether what it finds valid proves anything to anybody: not if nothing was signed ([`super::signing`]).
    fn proves(&self) -> bool {
        true
    }
}

/// The secret key of a production actor or client.
pub struct Ed25519Signer(ed25519_dalek::SigningKey);

impl Ed25519Signer {
    /// The signer of a 32-byte secret.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Ed25519Signer(ed25519_dalek::SigningKey::from_bytes(secret))
    }
}

impl Signer for Ed25519Signer {
    fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, preimage: &[u8]) -> Signature {
        Signature(self.0.sign(preimage).to_bytes())
    }
}

/// Verifies Ed25519 by the ZIP-215 equation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ed25519;

impl Verifier for Ed25519 {
    fn verify(&self, (key, preimage, signature): Claim<'_>) -> bool {
        ed25519_zebra::VerificationKey::try_from(key.0)
            .is_ok_and(|key| key.verify(&signature.0.into(), preimage).is_ok())
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        match claims {
            [] => true,
            [one] => self.verify(*one),
            _ => {
                let mut batch = ed25519_zebra::batch::Verifier::new();
                for (key, preimage, signature) in claims {
                    batch.queue((key.0.into(), signature.0.into(), preimage));
                }
                batch.verify(weights(claims)).is_ok()
            }
        }
    }
}

/// The random weights of a batch, drawn from a hash of all that is checked: nobody can choose a batch after
/// having seen its weights, and the same batch always gets the same answer.
fn weights(claims: &[Claim<'_>]) -> rand_chacha::ChaCha20Rng {
    let mut hash = Sha256::new_with_prefix(b"noise/batch-weights/1");
    for (key, preimage, signature) in claims {
        hash.update(key.0);
        hash.update((preimage.len() as u64).to_be_bytes());
        hash.update(preimage);
        hash.update(signature.0);
    }
    rand_chacha::ChaCha20Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: u8, text: &[u8]) -> (PublicKey, Vec<u8>, Signature) {
        let signer = Ed25519Signer::from_secret(&[secret; 32]);
        (signer.public(), text.to_vec(), signer.sign(text))
    }

    fn claims(signed: &[(PublicKey, Vec<u8>, Signature)]) -> Vec<Claim<'_>> {
        signed.iter().map(|(key, text, signature)| (*key, text.as_slice(), *signature)).collect()
    }

    #[test]
    fn a_batch_holds_when_each_signature_holds() {
        let all: Vec<_> = (0..20).map(|i| signed(i % 5, &[i; 40])).collect();
        assert!(claims(&all).into_iter().all(|claim| Ed25519.verify(claim)));
        assert!(Ed25519.verify_all(&claims(&all)));
    }

    #[test]
    fn one_changed_byte_fails_alone_and_in_a_batch() {
        let mut all: Vec<_> = (0..20).map(|i| signed(i, &[i; 40])).collect();
        all[7].1[3] ^= 1;
        assert!(!Ed25519.verify(claims(&all)[7]));
        assert!(!Ed25519.verify_all(&claims(&all)));
    }

    #[test]
    fn a_signature_with_a_torsion_part_gets_one_answer_alone_and_in_a_batch() {
        // R is a point of order 8 and s is 0: cofactored verification accepts for a key of small order, a
        // cofactorless batch would accept it with probability 1/8 only. Whatever the answer, it must be one.
        let torsion: [u8; 32] = {
            let mut bytes = [0; 32];
            hex::decode_to_slice(
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                &mut bytes,
            )
            .unwrap();
            bytes
        };
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&torsion);
        let odd = (PublicKey(torsion), b"odd".to_vec(), Signature(signature));
        let alone = Ed25519.verify(claims(std::slice::from_ref(&odd))[0]);
        for i in 0..32 {
            let batch = vec![odd.clone(), signed(i, b"x")];
            assert_eq!(Ed25519.verify_all(&claims(&batch)), alone);
        }
    }
}

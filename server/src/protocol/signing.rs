//! How a deployment signs: with Ed25519, or not at all, to measure what signatures cost.
//!
//! A deployment that is made for measuring does everything that another does, but where a signature belongs stands [`UNSIGNED`],
//! which takes no time to write and none to compare. Whoever can reach it can speak for anybody in it.
//!
//! # Invariants
//! - Neither kind can be taken for the other. [`UNSIGNED`] is no signature: its scalar is out of range, so no key and no preimage
//!   make it one. The keys of one kind are none of the other, so the rosters differ, and with them the deployments.
//! - The roster says which kind a deployment is, by what stands for its operator's signature. Everybody reads a roster with the kind
//!   that he expects ([`super::roster_file`]), and whoever expects nothing expects Ed25519.

use std::sync::Arc;

use super::{
    crypto::{Claim, Ed25519, Ed25519Signer, PublicKey, Signature, Signer, Verifier},
    digest::Digest,
    remembered::Remembered,
};

/// What stands where a signature belongs.
pub const UNSIGNED: Signature = {
    let mut bytes = [0xff; 64];
    let text = b"unsigned, for measuring";
    let mut index = 0;
    while index < text.len() {
        bytes[index] = text[index];
        index += 1;
    }
    Signature(bytes)
};

/// How the actors and clients of a deployment sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// With Ed25519.
    #[default]
    Ed25519,
    /// Not at all.
    UnsignedForMeasuring,
}

impl Signing {
    /// The signer of a 32-byte secret.
    pub fn signer(self, secret: &[u8; 32]) -> Box<dyn Signer> {
        match self {
            Signing::Ed25519 => Box::new(Ed25519Signer::from_secret(secret)),
            Signing::UnsignedForMeasuring => {
                Box::new(Unsigned(PublicKey(Digest::of(&[b"noise/unsigned/1", secret]).0)))
            }
        }
    }

    /// What checks these signatures.
    pub fn verifier(self) -> Arc<dyn Verifier> {
        match self {
            Signing::Ed25519 => Arc::new(Ed25519),
            Signing::UnsignedForMeasuring => Arc::new(Unsigned(PublicKey([0; 32]))),
        }
    }

    /// The same where many are seen twice: it remembers, if that is cheaper.
    pub fn remembering(self) -> Arc<dyn Verifier> {
        match self {
            Signing::Ed25519 => Arc::new(Remembered::new(Ed25519)),
            Signing::UnsignedForMeasuring => self.verifier(),
        }
    }
}

/// Signs and checks nothing; the key is a name.
struct Unsigned(PublicKey);

impl Signer for Unsigned {
    fn public(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, _: &[u8]) -> Signature {
        UNSIGNED
    }
}

impl Verifier for Unsigned {
    fn verify(&self, (_, _, signature): Claim<'_>) -> bool {
        signature == UNSIGNED
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        claims.iter().all(|claim| self.verify(*claim))
    }

    fn proves(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Signing; 2] = [Signing::Ed25519, Signing::UnsignedForMeasuring];

    #[test]
    fn what_is_signed_in_one_way_is_refused_in_the_other() {
        for signs in BOTH {
            let signer = signs.signer(&[7; 32]);
            let claim = (signer.public(), b"text".as_slice(), signer.sign(b"text"));
            for checks in BOTH {
                let verifier = checks.verifier();
                assert_eq!(verifier.verify(claim), signs == checks);
                assert_eq!(verifier.verify_all(&[claim, claim]), signs == checks);
                assert_eq!(verifier.proves(), checks == Signing::Ed25519);
            }
        }
    }

    #[test]
    fn a_secret_makes_another_key_in_each() {
        let [one, other] = BOTH.map(|signing| signing.signer(&[7; 32]).public());
        assert_ne!(one, other);
    }

    #[test]
    fn no_signature_is_none_of_any_key() {
        // keys of small order take signatures that no secret made: not this one
        for key in [[0; 32], [1; 32], Ed25519Signer::from_secret(&[1; 32]).public().0] {
            assert!(!Ed25519.verify((PublicKey(key), b"", UNSIGNED)));
        }
    }
}

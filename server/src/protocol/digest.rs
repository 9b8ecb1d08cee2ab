//! SHA-256 digests, and the hash chains made of them.

use sha2::{Digest as _, Sha256};

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    id::SequenceId,
};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Stands for 'nothing before this': the `previous` of a first statement, the head of an empty chain, the
    /// root of an empty map. No known input hashes to it.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The digest of the concatenated parts.
    pub fn of(parts: &[&[u8]]) -> Digest {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Digest(hash.finalize().into())
    }

    /// The head of a delivery chain after one more delivery: `H(04 ‖ head ‖ sequence id ‖ leaf)`.
    #[must_use]
    pub fn deliver(self, sequence: SequenceId, leaf: Digest) -> Digest {
        Digest::of(&[&[4], &self.0, &sequence.0.to_be_bytes(), &leaf.0])
    }

    /// The head of a queue chain after one more bundle: `H(05 ‖ head ‖ leaf)`.
    #[must_use]
    pub fn append(self, leaf: Digest) -> Digest {
        Digest::of(&[&[5], &self.0, &leaf.0])
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..", hex::encode(&self.0[..6]))
    }
}

impl Encode for Digest {
    fn encode(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for Digest {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Digest(input.array()?))
    }
}

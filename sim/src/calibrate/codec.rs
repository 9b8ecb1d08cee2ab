//! The codec: what a byte costs from a message to a frame and back, checksum included.

use server::protocol::{
    bundle::{Bundle, Content, Envelope, Submission},
    crypto::{Ed25519Signer, Signer},
    digest::Digest,
    frame,
    id::{BundleNumber, ClientId, Deployment, Epoch},
    message::Message,
    statement::{Signed, Terms},
};

use super::{clock, crypto::cost};
use crate::model::costs::Cost;

/// Messages of a round, and rounds.
const MESSAGES: usize = 20;
const ROUNDS: usize = 1000;
/// Bytes of their payloads.
const PAYLOAD: usize = 256;

/// Nanoseconds to encode a byte, or to decode it: half of both.
pub fn byte() -> Cost {
    let message = message();
    let rounds = (0..ROUNDS).map(|_| {
        let began = clock::thread_ns();
        let mut bytes = Vec::new();
        (0..MESSAGES).for_each(|_| frame::append(&mut bytes, &message));
        let mut rest = &bytes[..];
        while let Ok(Some((read, length))) = frame::next(rest) {
            std::hint::black_box(read);
            rest = &rest[length..];
        }
        (clock::thread_ns() - began) as f64 / bytes.len() as f64 / 2.0
    });
    cost(rounds.collect())
}

/// A submission, the commonest of all.
fn message() -> Message {
    let signer = Ed25519Signer::from_secret(&[5; 32]);
    let client = ClientId(signer.public());
    let envelope = Envelope { recipient: client, salt: [3; 16], ciphertext: vec![0; 32] };
    let content = Content::new(vec![b'x'; PAYLOAD], vec![envelope]);
    let bundle = Bundle {
        client,
        number: BundleNumber(0),
        terms: Terms::default(),
        previous: Digest::ZERO,
        commitment: content.commitment(),
        expiry: Epoch(u64::MAX),
        seen: None,
    };
    let bundle = Signed::sign(bundle, Deployment([0; 8]), &signer);
    Message::Submit(Submission { bundle: bundle.to_unverified(), content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_takes_some_time_and_not_much() {
        let byte = byte();
        assert!((1e-4..1e4).contains(&byte.mean()) && byte.varies(), "{byte:?}");
    }
}

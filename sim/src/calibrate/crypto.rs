//! Signatures and hashes, on all cores at once: two threads of one core may share its arithmetic, and a loaded server keeps
//! all of them busy.

use server::protocol::{
    crypto::{Claim, Ed25519, Ed25519Signer, PublicKey, Signature, Signer, Verifier},
    digest::Digest,
};

use super::clock;
use crate::model::costs::{Cost, Crypto, PARTS};

/// Samples of each operation on each core.
const SAMPLES: usize = 400;
/// Sizes of batches.
const BATCHES: [usize; 8] = [1, 2, 4, 8, 16, 64, 256, 512];
/// Signatures checked in batches of each size, on each core; of large ones more, for [`PARTS`] are to be told.
const BATCHED: usize = 2048;
/// Bytes of what is signed, about: a statement's preimage.
const PREIMAGE: usize = 96;
/// Bytes hashed at a time, and how often.
const HASHED: (usize, usize) = (1024, 2000);

type Signed = (PublicKey, Vec<u8>, Signature);

fn signed(count: usize) -> Vec<Signed> {
    let sign = |index: usize| {
        let signer = Ed25519Signer::from_secret(&Digest::of(&[b"calibrate", &index.to_be_bytes()]).0);
        let text = vec![index as u8; PREIMAGE];
        (signer.public(), text.clone(), signer.sign(&text))
    };
    (0..count).map(sign).collect()
}

fn claim((key, text, signature): &Signed) -> Claim<'_> {
    (*key, text, *signature)
}

/// What `measure` returns on every core, all together, while every core is busy with it.
fn on_all_cores(measure: impl Fn() -> Vec<f64> + Sync) -> Vec<f64> {
    let cores = crate::real::cores();
    let start = std::sync::Barrier::new(cores);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    measure()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("nothing here panics")).collect()
    })
}

/// Nanoseconds of processor that an operation takes.
fn time<T>(operation: impl FnOnce() -> T) -> f64 {
    let began = clock::thread_ns();
    std::hint::black_box(operation());
    (clock::thread_ns() - began) as f64
}

/// Measures signatures.
pub fn crypto() -> Crypto {
    let all = signed(512);
    let signer = Ed25519Signer::from_secret(&[7; 32]);
    let sign = on_all_cores(|| {
        let texts = all.iter().cycle().take(SAMPLES);
        texts.map(|(_, text, _)| time(|| signer.sign(text))).collect()
    });
    let verify = on_all_cores(|| {
        let claims = all.iter().cycle().take(SAMPLES);
        claims.map(|one| time(|| Ed25519.verify(claim(one)))).collect()
    });
    let batch = BATCHES.map(|size| {
        let each = on_all_cores(|| {
            let claims: Vec<Claim<'_>> = all.iter().cycle().take(size).map(claim).collect();
            let rounds = 0..(BATCHED / size).max(PARTS);
            rounds.map(|_| time(|| Ed25519.verify_all(&claims)) / size as f64).collect()
        });
        (size as f64, cost(each))
    });
    Crypto { sign: cost(sign), verify: cost(verify), batch: batch.to_vec() }
}

/// What samples say that something costs.
pub(super) fn cost(samples: Vec<f64>) -> Cost {
    Cost::of_samples(samples).unwrap_or(Cost::NOTHING)
}

/// Measures the hashing of one byte.
pub fn hash_byte() -> Cost {
    let (bytes, times) = HASHED;
    let text = vec![3; bytes];
    cost(on_all_cores(|| (0..times).map(|_| time(|| Digest::of(&[&text])) / bytes as f64).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_has_a_spread_and_a_batch_is_cheaper_than_checks_alone() {
        let Crypto { sign, verify, batch } = crypto();
        let largest = batch.last().map(|(_, each)| each.mean()).unwrap_or_default();
        assert!(sign.mean() > 0.0 && verify.mean() > largest, "{verify:?} alone, {batch:?}");
        assert!(batch.is_sorted_by(|(one, _), (next, _)| one < next), "{batch:?}");
        let varying = [&sign, &verify].into_iter().chain(batch.iter().map(|(_, each)| each));
        assert!(varying.into_iter().all(|cost| cost.varies()), "{sign:?} {verify:?} {batch:?}");
        assert!(hash_byte().varies() && hash_byte().mean() > 0.0);
    }
}

//! The codec as an attacker meets it: whatever bytes come, decoding never panics, and what does decode is canonical,
//! that is, encodes to the very same bytes.
//!
//! The seeds are the messages and evidence of a whole run, so that every type is reached in depth.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::sync::{Arc, Mutex, OnceLock};

use proptest::prelude::*;
use server::{
    actor::Draft,
    protocol::{
        ack::Ack,
        attestation::{Attestation, MailboxHead},
        batch::Batch,
        bundle::{Bundle, Content, Parcel, Submission},
        codec::{Decode, DecodeError, Encode},
        cut::Cut,
        derivation::Derivation,
        evidence::Evidence,
        handler_receipt::HandlerReceipt,
        id::{ActorId, ClientId, Epoch},
        map::{Lookup, Pruned},
        merkle::Opening,
        message::{Delivery, Message},
        predicate::attestation::BadAttestation,
        receipt::{Receipt, Receipted},
        refusal::Refusal,
        roster::Roster,
        seal::{Positions, Seal},
        statement::{Citation, Kind, Unverified},
    },
};
use support::{Bench, World, client};

/// Decodes and, if that succeeds, insists on the same bytes.
fn canonical<T: Decode + Encode>(bytes: &[u8]) -> bool {
    let Ok(value) = T::from_bytes(bytes) else { return false };
    assert_eq!(hex::encode(value.to_bytes()), hex::encode(bytes), "{}", std::any::type_name::<T>());
    true
}

/// What decodes as any type at all must be canonical as that type.
fn all_canonical(bytes: &[u8]) -> usize {
    let decodes = [
        canonical::<Message>,
        canonical::<Submission>,
        canonical::<Content>,
        canonical::<Parcel>,
        canonical::<Batch>,
        canonical::<Delivery>,
        canonical::<Derivation>,
        canonical::<Evidence>,
        canonical::<Receipted>,
        canonical::<Opening>,
        canonical::<Citation>,
        canonical::<ActorId>,
        canonical::<ClientId>,
        canonical::<Epoch>,
        canonical::<Positions>,
        canonical::<MailboxHead>,
        canonical::<Pruned<Positions>>,
        canonical::<Pruned<MailboxHead>>,
        canonical::<Pruned<u64>>,
        canonical::<Unverified<Roster>>,
        canonical::<Unverified<Bundle>>,
        canonical::<Unverified<Receipt>>,
        canonical::<Unverified<Refusal>>,
        canonical::<Unverified<Seal>>,
        canonical::<Unverified<Cut>>,
        canonical::<Unverified<Attestation>>,
        canonical::<Unverified<Ack>>,
        canonical::<Unverified<HandlerReceipt>>,
    ];
    for kind in Kind::ALL {
        if let Ok(draft) = Draft::from_body(kind, bytes) {
            assert_eq!(draft.body(), bytes);
        }
    }
    decodes.into_iter().filter(|decodes| decodes(bytes)).count()
}

/// The bytes of real messages: the longest of each name, and what is inside the composed ones.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let mut world = World::new(2, 2, 4);
        let longest = Arc::new(Mutex::new(std::collections::BTreeMap::<&str, Message>::new()));
        let kept = longest.clone();
        world.tamper = Some(Box::new(move |_, _, message| {
            let mut kept = kept.lock().unwrap();
            let known = kept.get(message.name()).map_or(0, |known| known.to_bytes().len());
            if message.to_bytes().len() > known {
                kept.insert(message.name(), message.clone());
            }
            Some(message)
        }));
        world.connect_all();
        (0..4).for_each(|from| (0..3).for_each(|token| world.submit(from, token, &[7; 40], &[0, 1, 2, 3])));
        world.run_for(30);
        let mut refusing = Bench::incoming(1, &world.setup);
        let longest = std::mem::take(&mut *longest.lock().unwrap());
        let submit = server::actor::Input::Message(support::HANDLER, longest["submit"].clone());
        let refused = refusing.turn(world.now, vec![submit]).sends.into_iter().map(|(_, message)| message);
        let all: Vec<Message> = longest.into_values().chain(refused).collect();
        assert!(all.len() >= 9, "{:?}", all.iter().map(Message::name).collect::<Vec<_>>());
        let mut seeds: Vec<Vec<u8>> = all.iter().map(Encode::to_bytes).collect();
        for message in all {
            match message {
                Message::Delivery(delivery) => {
                    let derivation = Box::new(delivery.derivation(None));
                    seeds.push(derivation.attestation.to_bytes());
                    seeds.push(derivation.after.to_bytes());
                    seeds.push(derivation.seals[0].leaves.to_bytes());
                    seeds.push(Evidence::from(BadAttestation { client: client(0), derivation }).to_bytes());
                }
                Message::Batch(batch) => seeds.extend([batch.manifest.to_bytes(), batch.seal.to_bytes()]),
                _ => {}
            }
        }
        seeds
    })
}

#[test]
fn every_seed_decodes_as_something() {
    assert!(seeds().iter().all(|seed| all_canonical(seed) > 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        all_canonical(&bytes);
    }

    #[test]
    fn small_bytes_reach_deep_and_never_panic(bytes in prop::collection::vec(0u8..4, 0..200)) {
        all_canonical(&bytes);
    }

    #[test]
    fn changed_bytes_never_panic(pick: prop::sample::Index, at: prop::sample::Index, value: u8, second: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = seeds()[pick.index(seeds().len())].clone();
        let (at, second) = (at.index(bytes.len()), second.index(bytes.len()));
        bytes[at] = value;
        all_canonical(&bytes);
        bytes[second] ^= 1 << bit;
        all_canonical(&bytes);
    }

    #[test]
    fn cut_and_spliced_bytes_never_panic(pick: prop::sample::Index, from: prop::sample::Index, to: prop::sample::Index, at: prop::sample::Index) {
        let seed = &seeds()[pick.index(seeds().len())];
        all_canonical(&seed[..from.index(seed.len())]);
        all_canonical(&seed[from.index(seed.len())..]);
        let piece = seed[from.index(seed.len())..].iter().take(to.index(80)).copied();
        let mut spliced = seed.clone();
        let at = at.index(seed.len());
        spliced.splice(at..at, piece);
        all_canonical(&spliced);
    }

    #[test]
    fn any_huge_count_is_refused(pick: prop::sample::Index, at: prop::sample::Index, count in (1u32 << 20)..) {
        let mut bytes = seeds()[pick.index(seeds().len())].clone();
        let at = at.index(bytes.len().saturating_sub(4).max(1));
        bytes.splice(at..(at + 4).min(bytes.len()), count.to_be_bytes());
        all_canonical(&bytes);
    }
}

/// Forks nested deeper than a key has bits are refused before the stack is in danger.
#[test]
fn pruned_maps_nest_as_deep_as_keys_and_no_deeper() {
    let nested = |depth: usize| {
        let mut bytes = vec![3; depth];
        bytes.extend(vec![1; depth + 1]);
        bytes
    };
    assert!(canonical::<Pruned<u64>>(&nested(256)));
    let deepest = Pruned::<u64>::from_bytes(&nested(256)).unwrap();
    assert_eq!(deepest.get(&ClientId(server::protocol::crypto::PublicKey([0; 32]))), Lookup::Absent);
    assert_ne!(deepest.root(), server::protocol::digest::Digest::ZERO);
    for depth in [257, 1000, 1 << 20] {
        assert_eq!(Pruned::<u64>::from_bytes(&nested(depth)), Err(DecodeError::Invalid("map node")));
        assert_eq!(Pruned::<u64>::from_bytes(&vec![3; depth]), Err(DecodeError::Invalid("map node")));
    }
}

/// A statement over another's bytes: the outer length must be that of the body.
#[test]
fn a_statement_does_not_swallow_or_lose_bytes() {
    for seed in seeds() {
        for extra in [vec![0], vec![1; 64]] {
            let longer = [&seed[..], &extra].concat();
            assert_eq!(all_canonical(&longer), 0, "{}", hex::encode(&longer));
        }
    }
}

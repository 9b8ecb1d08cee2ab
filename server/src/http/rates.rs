//! Rates: how many bundles a client may submit, and how much else it may say and ask, by a token bucket each.
//!
//! Counted after the signature is checked, so nobody uses up another's rate.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::Limits;
use crate::{
    port::{Clock, any_clock::AnyClock},
    protocol::id::ClientId,
};

/// Buckets kept; beyond, the full ones are forgotten, which changes nothing for their clients; and if that is not
/// enough, all: then many clients share what the server takes, and their own rates matter no more.
const BUCKETS_MAX: usize = 1 << 16;

struct Bucket {
    /// Billionths of a bundle, or of what else is counted.
    level: u64,
    at_ns: u64,
}

/// The buckets of all clients.
pub struct Rates {
    rate: u64,
    clock: AnyClock,
    buckets: Mutex<BTreeMap<ClientId, Bucket>>,
}

const WHOLE: u64 = 1_000_000_000;

impl Rates {
    /// Nobody has sent anything yet.
    pub fn new(limits: &Limits, clock: AnyClock) -> Self {
        Rates { rate: u64::from(limits.client_rate), clock, buckets: Mutex::default() }
    }

    /// Whether a client may submit so many bundles now, or whatever is counted; if so they are counted.
    pub fn take(&self, client: ClientId, items: u64) -> bool {
        let (now, rate) = (self.clock.now().0, self.rate);
        let full = rate.saturating_mul(WHOLE);
        let filled = |bucket: &Bucket| {
            bucket.level.saturating_add(now.saturating_sub(bucket.at_ns).saturating_mul(rate)).min(full)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| filled(bucket) < full);
            if buckets.len() > BUCKETS_MAX / 2 {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(client).or_insert(Bucket { level: full, at_ns: now });
        (bucket.level, bucket.at_ns) = (filled(bucket), now);
        let wanted = items.saturating_mul(WHOLE);
        let enough = bucket.level >= wanted;
        if enough {
            bucket.level -= wanted;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{port::hand::Hand, protocol::crypto::PublicKey};

    #[test]
    fn a_bucket_fills_at_its_rate_and_holds_a_second() {
        let hand = Hand::default();
        let limits = Limits { client_rate: 10, ..Limits::default() };
        let rates = Rates::new(&limits, AnyClock::new(hand.clone()));
        let [ann, bob] = [1, 2].map(|key| ClientId(PublicKey([key; 32])));
        assert!(!rates.take(ann, 11), "never more than a second holds");
        assert!(rates.take(ann, 10) && !rates.take(ann, 1));
        assert!(rates.take(bob, 10), "each has its own");
        hand.set(300_000_000);
        assert!(!rates.take(ann, 4) && rates.take(ann, 3), "what was refused is not counted");
        hand.set(3_600_000_000_000);
        assert!(!rates.take(ann, 11), "who was idle for an hour has not saved it up");
        assert!(rates.take(ann, 10) && !rates.take(ann, 1));
    }
}

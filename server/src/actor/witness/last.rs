//! The last bundle of each client, where it was sealed: one that is sealed again after it shows.

use std::collections::BTreeMap;

use crate::protocol::{
    id::{BundleNumber, ClientId},
    predicate::seals::SealedBundle,
};

/// Of how many clients the last bundle is remembered: those that sent last.
const CLIENTS_MAX: usize = 1 << 16;

/// The last bundle of each client, where it was sealed.
#[derive(Default)]
pub struct LastBundles {
    last: BTreeMap<ClientId, (BundleNumber, SealedBundle, u64)>,
    /// Who sent when, in the order in which that was seen.
    order: BTreeMap<u64, ClientId>,
    next: u64,
}

impl LastBundles {
    /// The last bundle of a client.
    pub fn get(&self, client: &ClientId) -> Option<(BundleNumber, &SealedBundle)> {
        self.last.get(client).map(|(number, bundle, _)| (*number, bundle))
    }

    /// Remembers a bundle, and forgets the client that sent nothing for the longest if they are too many.
    pub fn insert(&mut self, client: ClientId, number: BundleNumber, bundle: SealedBundle) {
        let now = self.next;
        self.next += 1;
        if let Some((.., before)) = self.last.insert(client, (number, bundle, now)) {
            self.order.remove(&before);
        }
        self.order.insert(now, client);
        while self.last.len() > CLIENTS_MAX {
            self.order.pop_first().map(|(_, oldest)| self.last.remove(&oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        crypto::{Ed25519Signer, PublicKey},
        digest::Digest,
        id::{BatchNumber, Deployment, Position},
        merkle::Tree,
        seal::Seal,
        statement::{Signed, Terms},
    };

    #[test]
    fn of_too_many_clients_the_one_that_sent_nothing_for_the_longest_is_forgotten() {
        let seal = Seal {
            incoming: 0,
            batch: BatchNumber(0),
            terms: Terms::default(),
            start: Position(0),
            end: Position(1),
            chain: Digest::ZERO,
            previous: Digest::ZERO,
            leaves: Digest::ZERO,
            manifest: Digest::ZERO,
            content_bytes: 0,
            seen: None,
        };
        let seal = Signed::sign(seal, Deployment([0; 8]), &Ed25519Signer::from_secret(&[1; 32]));
        let (bundle, opening) = (seal.cite(), Tree::new(vec![Digest::ZERO]).open(&[0]));
        let sealed = SealedBundle { seal: seal.to_unverified(), bundle, opening };
        let client = |index: usize| ClientId(PublicKey(Digest::of(&[&index.to_be_bytes()]).0));
        let mut bundles = LastBundles::default();
        (0..CLIENTS_MAX).for_each(|index| bundles.insert(client(index), BundleNumber(0), sealed.clone()));
        bundles.insert(client(0), BundleNumber(1), sealed.clone());
        bundles.insert(client(CLIENTS_MAX), BundleNumber(0), sealed);
        let last = |index| bundles.get(&client(index)).map(|(number, _)| number.0);
        assert_eq!([0, 1, 2, CLIENTS_MAX].map(last), [Some(1), None, Some(0), Some(0)]);
        assert_eq!((bundles.last.len(), bundles.order.len()), (CLIENTS_MAX, CLIENTS_MAX));
    }
}

//! The people of a crowd: who they are, and what little each of them keeps.
//!
//! A client at rest takes about a hundred bytes: its name, its place in the index of names, and a [`Person`]. Its key is drawn
//! again from its stream whenever it signs.

use server::protocol::{
    crypto::Signer,
    digest::Digest,
    id::ClientId,
    statement::{Signed, Statement, Trust},
};

use crate::{model::crypto, random::Streams, scenario::Crypto};

/// What a client of a crowd keeps.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// The digest of its last bundle.
    pub previous: Digest,
    /// The number of its next one.
    pub next: u32,
    /// How many acks it has signed.
    pub acks: u32,
    /// How many deliveries it holds, and as of which epoch.
    pub held: u32,
    /// The epoch.
    pub epoch: u32,
    /// Bundles on their way to it.
    pub expected: u32,
    /// Bundles of its own that have a receipt and have not been shown in their place.
    pub unplaced: u32,
}

impl Default for Person {
    fn default() -> Self {
        Person { previous: Digest::ZERO, next: 0, acks: 0, held: 0, epoch: 0, expected: 0, unplaced: 0 }
    }
}

/// Who the people are.
pub struct Names {
    streams: Streams,
    crypto: Crypto,
    ids: Vec<ClientId>,
    /// Their indices, in the order of the ids.
    sorted: Vec<u32>,
}

impl Names {
    /// So many people.
    pub fn new(count: u32, crypto: Crypto, streams: Streams) -> Self {
        let ids: Vec<ClientId> =
            (0..count).map(|one| ClientId(signer(crypto, streams, one).public())).collect();
        let mut sorted: Vec<u32> = (0..count).collect();
        sorted.sort_unstable_by_key(|one| ids[*one as usize]);
        Names { streams, crypto, ids, sorted }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.ids.len() as u32
    }

    /// Who that is.
    pub fn id(&self, one: u32) -> ClientId {
        self.ids[one as usize]
    }

    /// Which of them has this id.
    pub fn find(&self, id: &ClientId) -> Option<u32> {
        let place = self.sorted.binary_search_by_key(id, |one| self.ids[*one as usize]).ok()?;
        Some(self.sorted[place])
    }

    /// Signs for one of them, what it hands in together with one signature.
    pub fn sign_together<T: Statement>(&self, one: u32, bodies: Vec<T>, trust: &Trust) -> Vec<Signed<T>> {
        Signed::sign_together(bodies, trust.deployment, &*signer(self.crypto, self.streams, one))
    }

    /// Signs for one of them.
    pub fn sign<T: Statement>(&self, one: u32, body: T, trust: &Trust) -> Signed<T> {
        Signed::sign(body, trust.deployment, &*signer(self.crypto, self.streams, one))
    }
}

fn signer(crypto: Crypto, streams: Streams, one: u32) -> Box<dyn Signer> {
    crypto::signer(crypto, &mut streams.stream(&format!("keys/crowd/{one}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_by_their_names_and_take_little_room() {
        let names = Names::new(500, Crypto::Modelled, Streams::new(1));
        assert!((0..500).all(|one| names.find(&names.id(one)) == Some(one)));
        let other = Names::new(1, Crypto::Modelled, Streams::new(2));
        assert_eq!(names.find(&other.id(0)), None);
        assert!(size_of::<Person>() + size_of::<ClientId>() + size_of::<u32>() < 200);
    }
}

//! The digests of one slot: nearly always one.
//!
//! They are kept of every slot that anybody signs or cosigns, many in each epoch, for as long as a run takes. So one has
//! its place here, and only more than one, which is a violation, take a set.

use std::collections::BTreeSet;

use server::protocol::digest::Digest;

/// The digests that were seen of one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Digests {
    /// None yet.
    #[default]
    Nothing,
    /// One, as it should be.
    One(Digest),
    /// Several.
    Several(BTreeSet<Digest>),
}

impl Digests {
    /// One more was seen: whether it is another than those before.
    pub fn insert(&mut self, digest: Digest) -> bool {
        match self {
            Digests::Nothing => *self = Digests::One(digest),
            Digests::One(known) if *known == digest => return false,
            Digests::One(known) => *self = Digests::Several([*known, digest].into()),
            Digests::Several(known) => return known.insert(digest),
        }
        true
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Digests::Nothing => 0,
            Digests::One(_) => 1,
            Digests::Several(known) => known.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once() {
        let digest = |text: &str| Digest::of(&[text.as_bytes()]);
        let mut digests = Digests::default();
        assert_eq!(digests.count(), 0);
        let seen = [("a", true, 1), ("a", false, 1), ("b", true, 2), ("a", false, 2), ("c", true, 3)];
        for (text, is_new, count) in seen {
            assert_eq!((digests.insert(digest(text)), digests.count()), (is_new, count), "{text}");
        }
    }

    #[test]
    fn one_takes_hardly_more_than_its_bytes() {
        assert!(size_of::<Digests>() <= size_of::<Digest>() + 8);
    }
}

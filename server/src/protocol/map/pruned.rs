//! Parts of maps: proofs of what a map says of some clients.

use super::{DEPTH_MAX, KeyRange, bit, descend, entry_hash, fork_hash};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
    id::ClientId,
};

/// A part of a map, with what is needed to compute the root of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pruned<V> {
    /// A subtree of which only the hash is given.
    Hidden(Digest),
    /// A subtree without entries.
    Empty,
    /// A subtree of one entry.
    Entry(ClientId, V),
    /// A subtree of several entries, with its hash: computed here, never taken from anyone.
    Fork(Box<[Pruned<V>; 2]>, Digest),
}

/// What a pruned map says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// This is its value.
    Present(T),
    /// The map has no such key.
    Absent,
    /// The part of the map that would show it was left out.
    Hidden,
}

impl<V: Encode> Pruned<V> {
    fn fork(children: [Pruned<V>; 2]) -> Self {
        let hash = fork_hash(children[0].root(), children[1].root());
        Pruned::Fork(Box::new(children), hash)
    }

    /// The root of the whole map.
    pub fn root(&self) -> Digest {
        match self {
            Pruned::Hidden(hash) => *hash,
            Pruned::Empty => Digest::ZERO,
            Pruned::Entry(key, value) => entry_hash(key, value),
            Pruned::Fork(_, hash) => *hash,
        }
    }

    /// What it says of a key.
    pub fn get(&self, key: &ClientId) -> Lookup<&V> {
        let mut node = self;
        for depth in 0..=DEPTH_MAX {
            match node {
                Pruned::Hidden(_) => return Lookup::Hidden,
                Pruned::Empty => return Lookup::Absent,
                Pruned::Entry(found, value) if found == key => return Lookup::Present(value),
                Pruned::Entry(..) => return Lookup::Absent,
                Pruned::Fork(..) if depth == DEPTH_MAX => return Lookup::Hidden,
                Pruned::Fork(children, _) => node = &children[usize::from(bit(key, depth))],
            }
        }
        Lookup::Hidden
    }

    /// The same map with all hidden but what it says of one client.
    pub fn pruned_to(&self, client: &ClientId) -> Pruned<V>
    where
        V: Clone,
    {
        self.prune(client, 0)
    }

    fn prune(&self, client: &ClientId, depth: usize) -> Pruned<V>
    where
        V: Clone,
    {
        match self {
            Pruned::Fork(children, hash) if depth < DEPTH_MAX => {
                let right = bit(client, depth);
                let shown = children[usize::from(right)].prune(client, depth + 1);
                let hidden = Pruned::Hidden(children[usize::from(!right)].root());
                Pruned::Fork(Box::new(if right { [hidden, shown] } else { [shown, hidden] }), *hash)
            }
            other => other.clone(),
        }
    }

    /// All entries in a range, by key; none if a part of the range is hidden.
    ///
    /// An entry that stands where its key does not belong is in the map for nobody: what [`Pruned::get`] does not
    /// find is left out, or two readers of one root could be made to disagree.
    pub fn range(&self, range: KeyRange) -> Option<Vec<(&ClientId, &V)>> {
        let mut found = Vec::new();
        let shown = self.collect(range, 0, 0, &mut found);
        found.retain(
            |(key, value)| matches!(self.get(key), Lookup::Present(own) if std::ptr::eq(own, *value)),
        );
        shown.then_some(found)
    }

    fn collect<'a>(
        &'a self,
        range: KeyRange,
        path: u64,
        depth: usize,
        found: &mut Vec<(&'a ClientId, &'a V)>,
    ) -> bool {
        if !range.touches(path, depth) {
            return true;
        }
        match self {
            Pruned::Hidden(_) => false,
            Pruned::Empty => true,
            Pruned::Entry(key, value) => {
                let prefix = key.bytes()[..8].try_into().map(u64::from_be_bytes).unwrap_or(0);
                if (range.first..=range.last).contains(&prefix) {
                    found.push((key, value));
                }
                true
            }
            Pruned::Fork(children, _) => (0..2)
                .all(|side| children[side].collect(range, descend(path, depth, side == 1), depth + 1, found)),
        }
    }
}

impl<V: Encode> Encode for Pruned<V> {
    fn encode(&self, out: &mut Writer) {
        match self {
            Pruned::Hidden(hash) => {
                out.u8(0);
                hash.encode(out);
            }
            Pruned::Empty => out.u8(1),
            Pruned::Entry(key, value) => {
                out.u8(2);
                key.encode(out);
                value.encode(out);
            }
            Pruned::Fork(children, _) => {
                out.u8(3);
                children.iter().for_each(|child| child.encode(out));
            }
        }
    }
}

impl<V: Decode + Encode> Decode for Pruned<V> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        decode_at(input, 0)
    }
}

fn decode_at<V: Decode + Encode>(input: &mut Reader<'_>, depth: usize) -> Result<Pruned<V>, DecodeError> {
    match input.u8()? {
        0 => Ok(Pruned::Hidden(Digest::decode(input)?)),
        1 => Ok(Pruned::Empty),
        2 => Ok(Pruned::Entry(ClientId::decode(input)?, V::decode(input)?)),
        3 if depth < DEPTH_MAX => {
            input.fork()?;
            let left = decode_at(input, depth + 1)?;
            Ok(Pruned::fork([left, decode_at(input, depth + 1)?]))
        }
        _ => Err(DecodeError::Invalid("map node")),
    }
}

//! Authenticated maps keyed by client: manifests and the set of all mailboxes.
//!
//! A binary trie over the bits of the key, most significant first, in which a subtree of one entry is that
//! entry: an empty subtree is 32 zero bytes, an entry `H(02 ‖ key ‖ value)`, a fork `H(03 ‖ left ‖ right)`. Unlike
//! a tree over a sorted list it takes an insertion in logarithmic time, and *absence* is proved by the same path
//! as presence: the place where the key would stand is empty or holds another key.
//!
//! One kind of proof serves all: [`Pruned`] is the trie with subtrees replaced by their hashes. It opens one
//! client, or a whole [`KeyRange`] (what a mailbox actor hosts) with nothing left out.
//!
//! # Invariants
//! - A root fixes the value, or the absence, of every key: two pruned maps of one root never disagree.
//! - A pruned map says `Hidden` of what it does not show; it never takes it for absent.

mod pruned;

use super::{codec::Encode, digest::Digest, id::ClientId};

pub use pruned::{Branch, Lookup, Pruned};

/// Bits of a key, and so the greatest depth of a trie.
const DEPTH_MAX: usize = 256;

fn bit(key: &ClientId, depth: usize) -> bool {
    key.bytes()[depth / 8] & (0x80 >> (depth % 8)) != 0
}

fn entry_hash(key: &ClientId, value: &impl Encode) -> Digest {
    Digest::of(&[&[2], key.bytes(), &value.to_bytes()])
}

fn fork_hash(left: Digest, right: Digest) -> Digest {
    Digest::of(&[&[3], &left.0, &right.0])
}

/// A contiguous piece of the key space: the keys whose first eight bytes lie in `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    first: u64,
    last: u64,
}

impl KeyRange {
    /// Range `index` of `count` equal ones: the clients for which [`ClientId::range`] gives `index`.
    pub fn of(index: u32, count: u32) -> KeyRange {
        assert!(index < count, "range {index} of {count}");
        let start = |i: u32| (u128::from(i) << 64).div_ceil(u128::from(count));
        KeyRange { first: start(index) as u64, last: (start(index + 1) - 1) as u64 }
    }

    /// Whether any key below the node reached by `path` of `depth` bits lies in the range.
    fn touches(&self, path: u64, depth: usize) -> bool {
        let width = u64::MAX.checked_shr(depth as u32).unwrap_or(0);
        path <= self.last && path | width >= self.first
    }
}

/// The path to a child: `path` holds the first 64 bits, below that nothing changes the range.
fn descend(path: u64, depth: usize, right: bool) -> u64 {
    if right && depth < 64 { path | (1 << (63 - depth)) } else { path }
}

/// A map with its hashes.
#[derive(Clone, Debug)]
pub struct Map<V> {
    root: Node<V>,
    len: u64,
}

#[derive(Clone, Debug)]
enum Node<V> {
    Empty,
    Entry { key: ClientId, value: V, hash: Digest },
    Fork { children: Box<[Node<V>; 2]>, hash: Option<Digest> },
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Map { root: Node::Empty, len: 0 }
    }
}

impl<V: Encode + Clone> Map<V> {
    /// How many entries it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &ClientId) -> Option<&V> {
        let mut node = &self.root;
        for depth in 0.. {
            match node {
                Node::Empty => return None,
                Node::Entry { key: found, value, .. } => return (found == key).then_some(value),
                Node::Fork { children, .. } => node = &children[usize::from(bit(key, depth))],
            }
        }
        None
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: ClientId, value: V) {
        let hash = entry_hash(&key, &value);
        self.len += u64::from(self.root.insert(0, Node::Entry { key, value, hash }));
    }

    /// The root hash. Recomputes what changed since it was last asked for.
    pub fn root(&mut self) -> Digest {
        self.root.rehash()
    }

    /// Shows what there is of one client.
    pub fn prune_to(&mut self, key: &ClientId) -> Pruned<V> {
        self.root.rehash();
        self.root.prune_to(key, 0)
    }

    /// Shows what there is of some clients.
    pub fn prune_to_all(&mut self, keys: &std::collections::BTreeSet<ClientId>) -> Pruned<V> {
        self.root.rehash();
        let keys: Vec<&ClientId> = keys.iter().collect();
        self.root.prune_to_all(&keys, 0)
    }

    /// Shows what there is in a range of clients.
    pub fn prune_to_range(&mut self, range: KeyRange) -> Pruned<V> {
        self.root.rehash();
        self.root.prune_to_range(range, 0, 0)
    }

    /// All entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ClientId, &V)> {
        let mut open = vec![&self.root];
        std::iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Node::Empty => {}
                    Node::Entry { key, value, .. } => return Some((key, value)),
                    Node::Fork { children, .. } => open.extend(children.iter().rev()),
                }
            }
        })
    }
}

impl<V: Clone + Encode> Node<V> {
    fn hash(&self) -> Option<Digest> {
        match self {
            Node::Empty => Some(Digest::ZERO),
            Node::Entry { hash, .. } => Some(*hash),
            Node::Fork { hash, .. } => *hash,
        }
    }

    fn known_hash(&self) -> Digest {
        self.hash().expect("a map is rehashed before it is pruned")
    }

    fn rehash(&mut self) -> Digest {
        if let Some(hash) = self.hash() {
            return hash;
        }
        let Node::Fork { children, hash } = self else { unreachable!("only a fork loses its hash") };
        let fresh = fork_hash(children[0].rehash(), children[1].rehash());
        *hash = Some(fresh);
        fresh
    }

    /// Puts an entry below this node; whether the key is new.
    fn insert(&mut self, depth: usize, entry: Node<V>) -> bool {
        let Node::Entry { key: new, .. } = &entry else { unreachable!("only entries are inserted") };
        match self {
            Node::Empty => {
                *self = entry;
                true
            }
            Node::Fork { children, hash } => {
                *hash = None;
                children[usize::from(bit(new, depth))].insert(depth + 1, entry)
            }
            Node::Entry { key, .. } if key == new => {
                *self = entry;
                false
            }
            Node::Entry { key, .. } => {
                let side = usize::from(bit(key, depth));
                let old = std::mem::replace(self, Node::Empty);
                let mut children = Box::new([Node::Empty, Node::Empty]);
                children[side] = old;
                *self = Node::Fork { children, hash: None };
                self.insert(depth, entry)
            }
        }
    }

    /// This fork with its children pruned: its hash stays.
    fn pruned(&self, children: [Pruned<V>; 2]) -> Pruned<V> {
        Pruned::over(children, self.known_hash())
    }

    fn prune_to(&self, wanted: &ClientId, depth: usize) -> Pruned<V> {
        match self {
            Node::Empty => Pruned::Empty,
            Node::Entry { key, value, .. } => Pruned::Entry(*key, value.clone()),
            Node::Fork { children, .. } => {
                let right = bit(wanted, depth);
                let shown = children[usize::from(right)].prune_to(wanted, depth + 1);
                let hidden = Pruned::Hidden(children[usize::from(!right)].known_hash());
                self.pruned(if right { [hidden, shown] } else { [shown, hidden] })
            }
        }
    }

    /// The keys are sorted, and share their first `depth` bits.
    fn prune_to_all(&self, wanted: &[&ClientId], depth: usize) -> Pruned<V> {
        if wanted.is_empty() {
            return Pruned::Hidden(self.known_hash());
        }
        match self {
            Node::Empty => Pruned::Empty,
            Node::Entry { key, value, .. } => Pruned::Entry(*key, value.clone()),
            Node::Fork { children, .. } => {
                let (left, right) = wanted.split_at(wanted.partition_point(|key| !bit(key, depth)));
                self.pruned([
                    children[0].prune_to_all(left, depth + 1),
                    children[1].prune_to_all(right, depth + 1),
                ])
            }
        }
    }

    fn prune_to_range(&self, range: KeyRange, path: u64, depth: usize) -> Pruned<V> {
        if !range.touches(path, depth) {
            return Pruned::Hidden(self.known_hash());
        }
        match self {
            Node::Empty => Pruned::Empty,
            Node::Entry { key, value, .. } => Pruned::Entry(*key, value.clone()),
            Node::Fork { children, .. } => self.pruned([
                children[0].prune_to_range(range, descend(path, depth, false), depth + 1),
                children[1].prune_to_range(range, descend(path, depth, true), depth + 1),
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{codec::Decode as _, crypto::PublicKey};
    use proptest::prelude::*;

    fn key(seed: u64) -> ClientId {
        ClientId(PublicKey(Digest::of(&[&seed.to_be_bytes()]).0))
    }

    fn map(keys: impl IntoIterator<Item = u64>) -> Map<u64> {
        let mut map = Map::default();
        keys.into_iter().for_each(|seed| map.insert(key(seed), seed));
        map
    }

    #[test]
    fn ranges_are_those_of_the_routing_function() {
        for count in [1, 2, 3, 7, 1024] {
            for seed in 0..200 {
                let id = key(seed);
                let prefix = u64::from_be_bytes(id.bytes()[..8].try_into().unwrap());
                for index in [0, count / 2, count - 1] {
                    let range = KeyRange::of(index, count);
                    let inside = (range.first..=range.last).contains(&prefix);
                    assert_eq!(inside, id.range(count) == index, "{index} of {count}");
                }
            }
        }
    }

    #[test]
    fn keys_that_share_all_but_the_last_bit_are_told_apart() {
        let (mut low, mut high) = ([0xaa; 32], [0xaa; 32]);
        (low[31], high[31]) = (0, 1);
        let (low, high) = (ClientId(PublicKey(low)), ClientId(PublicKey(high)));
        let mut map = Map::default();
        map.insert(low, 1u64);
        map.insert(high, 2u64);
        let pruned = map.prune_to(&high);
        let pruned = Pruned::<u64>::from_bytes(&pruned.to_bytes()).unwrap();
        assert_eq!((pruned.root(), pruned.get(&high)), (map.root(), Lookup::Present(&2)));
    }

    proptest! {
        #[test]
        fn the_root_does_not_depend_on_the_order_of_insertion(keys in prop::collection::vec(0u64..500, 0..60)) {
            let mut forward = map(keys.iter().copied());
            let mut backward = map(keys.iter().rev().copied());
            prop_assert_eq!(forward.root(), backward.root());
            prop_assert_eq!(forward.len() as usize, keys.iter().collect::<std::collections::BTreeSet<_>>().len());
            prop_assert!(forward.iter().map(|(key, _)| key).is_sorted());
        }

        #[test]
        fn a_pruned_map_shows_presence_and_absence(keys in prop::collection::btree_set(0u64..500, 0..60), wanted in 0u64..500) {
            let mut map = map(keys.iter().copied());
            let pruned = Pruned::<u64>::from_bytes(&map.prune_to(&key(wanted)).to_bytes()).unwrap();
            prop_assert_eq!(pruned.root(), map.root());
            let expected = if keys.contains(&wanted) { Lookup::Present(&wanted) } else { Lookup::Absent };
            prop_assert_eq!(pruned.get(&key(wanted)), expected);
        }

        #[test]
        fn several_keys_are_shown_together(keys in prop::collection::btree_set(0u64..500, 0..60), wanted in prop::collection::btree_set(0u64..500, 0..6)) {
            let mut map = map(keys.iter().copied());
            let pruned = map.prune_to_all(&wanted.iter().map(|seed| key(*seed)).collect());
            prop_assert_eq!(pruned.root(), map.root());
            for seed in wanted {
                let expected = if keys.contains(&seed) { Lookup::Present(&seed) } else { Lookup::Absent };
                prop_assert_eq!(pruned.get(&key(seed)), expected);
            }
        }

        #[test]
        fn a_part_of_a_part_is_the_part_of_the_whole(keys in prop::collection::btree_set(0u64..500, 0..60), wanted in prop::collection::vec(0u64..500, 2)) {
            let mut map = map(keys.iter().copied());
            let [one, other] = [0, 1].map(|at| key(wanted[at]));
            let part = map.prune_to_range(KeyRange::of(one.range(3), 3)).pruned_to(&one);
            prop_assert_eq!(&part, &map.prune_to(&one));
            prop_assert_eq!(&map.prune_to_all(&[one, other].into()).pruned_to(&one), &part);
            // what is hidden there stays hidden, and what is shown is shown
            let less = part.pruned_to(&other);
            prop_assert_eq!((less.root(), less.get(&other)), (map.root(), part.get(&other)));
            for pruned in [&part, &less, &less.pruned_to(&one), &map.prune_to_all(&[one, other].into())] {
                prop_assert_eq!(&Pruned::<u64>::from_bytes(&pruned.to_bytes()).unwrap(), pruned);
            }
        }

        #[test]
        fn a_range_is_shown_whole(keys in prop::collection::btree_set(0u64..500, 0..60), index in 0u32..5) {
            let mut map = map(keys.iter().copied());
            let range = KeyRange::of(index, 5);
            let pruned = Pruned::<u64>::from_bytes(&map.prune_to_range(range).to_bytes()).unwrap();
            prop_assert_eq!(pruned.root(), map.root());
            let shown: Option<Vec<u64>> = pruned.range(range).map(|all| all.into_iter().map(|(_, v)| *v).collect());
            let mut expected: Vec<u64> = keys.into_iter().filter(|seed| key(*seed).range(5) == index).collect();
            expected.sort_by_key(|seed| key(*seed));
            prop_assert_eq!(shown, Some(expected));
        }

        #[test]
        fn what_is_hidden_is_not_taken_for_absent(keys in prop::collection::btree_set(0u64..500, 8..60)) {
            let mut map = map(keys.iter().copied());
            let pruned = map.prune_to_range(KeyRange::of(0, 2));
            let elsewhere = keys.iter().find(|seed| key(**seed).range(2) == 1);
            if let Some(seed) = elsewhere {
                prop_assert_ne!(pruned.get(&key(*seed)), Lookup::Absent);
                if map.len() > 1 && keys.iter().any(|seed| key(*seed).range(2) == 0) {
                    prop_assert_eq!(pruned.range(KeyRange::of(1, 2)), None);
                }
            }
        }
    }
}

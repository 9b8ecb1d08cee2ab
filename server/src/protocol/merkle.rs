//! Merkle trees over lists, and proofs that open any set of their leaves.
//!
//! The tree is that of RFC 6962 (and RFC 9162): a leaf is `H(00 ‖ data)`, a node `H(01 ‖ left ‖ right)`, and a
//! list of n leaves splits at the largest power of two below n. Built level by level, that is: pair neighbours,
//! and an odd last node rises unchanged.
//!
//! One kind of proof serves all: an [`Opening`] of a set of leaves lists the roots of the largest subtrees that
//! hold none of them, from left to right. For one leaf it is RFC 9162's inclusion path, ordered by place
//! instead of by height.
//!
//! # Invariants
//! - [`Opening::root`] of an opening that [`Tree::open`] made is [`Tree::root`].
//! - A root and a size fix the leaf at every index: two openings of one root cannot differ in a leaf.

use std::collections::BTreeMap;

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
};

/// Most leaves a tree may have. A batch is closed long before.
pub const LEAVES_MAX: u64 = 1 << 20;

/// The hash of a leaf with this data.
pub fn leaf(data: &[u8]) -> Digest {
    Digest::of(&[&[0], data])
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest::of(&[&[1], &left.0, &right.0])
}

/// A tree with all its nodes; level 0 holds the leaves.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree over these leaf hashes.
    pub fn new(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => node(*left, *right),
                odd => odd[0],
            });
            levels.push(above.collect());
        }
        Tree { levels }
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The leaf hash at an index.
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// The root; of an empty tree, the hash of nothing.
    pub fn root(&self) -> Digest {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_else(|| Digest::of(&[]))
    }

    /// The way from the leaf at this index, which must be inside the tree, to the root.
    pub fn path(&self, index: u32) -> Path {
        let at = |level: usize| (index as usize >> level) ^ 1;
        let siblings = self.levels.iter().enumerate().filter_map(|(level, nodes)| nodes.get(at(level)));
        Path { index, size: self.size() as u32, siblings: siblings.copied().collect() }
    }

    /// Opens the leaves at these indices, which must be sorted, unique and inside the tree.
    pub fn open(&self, indices: &[u64]) -> Opening {
        debug_assert!(indices.is_sorted_by(|a, b| a < b) && indices.last().is_none_or(|i| *i < self.size()));
        let hidden = indices.len().saturating_mul(self.levels.len()).min(self.size() as usize);
        let leaves = Vec::with_capacity(indices.len());
        let mut opening = Opening { size: self.size(), leaves, hidden: Vec::with_capacity(hidden) };
        if self.size() > 0 {
            self.visit(self.levels.len() - 1, 0, indices, &mut opening);
        }
        opening
    }

    /// Whether this is the opening of one leaf of this tree.
    pub fn opens(&self, opening: &Opening) -> bool {
        let [(index, leaf)] = opening.leaves[..] else { return false };
        if opening.size != self.size() || self.leaf(index) != Some(leaf) {
            return false;
        }
        // from the top down, what is hidden on the left comes from the front and what is hidden on the right from behind
        let mut hidden = &opening.hidden[..];
        for level in (0..self.levels.len() - 1).rev() {
            let sibling = (index as usize >> level) ^ 1;
            let Some(hash) = self.levels[level].get(sibling) else { continue };
            let taken = if sibling.is_multiple_of(2) { hidden.split_first() } else { hidden.split_last() };
            match taken {
                Some((next, rest)) if next == hash => hidden = rest,
                _ => return false,
            }
        }
        hidden.is_empty()
    }

    fn visit(&self, level: usize, index: usize, wanted: &[u64], opening: &mut Opening) {
        if wanted.is_empty() {
            return opening.hidden.push(self.levels[level][index]);
        }
        if level == 0 {
            return opening.leaves.push((index as u64, self.levels[0][index]));
        }
        let middle = ((2 * index + 1) as u64) << (level - 1);
        let (left, right) = wanted.split_at(wanted.partition_point(|i| *i < middle));
        self.visit(level - 1, 2 * index, left, opening);
        if 2 * index + 1 < self.levels[level - 1].len() {
            self.visit(level - 1, 2 * index + 1, right, opening);
        }
    }
}

/// The way from one leaf to the root: the inclusion path of RFC 9162, without the leaf. Its index is in the tree, and it has as many
/// siblings as the tree is high there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    index: u32,
    size: u32,
    siblings: Vec<Digest>,
}

impl Path {
    /// How many leaves the tree has.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The root of the tree in which this leaf is there.
    pub fn root(&self, leaf: Digest) -> Digest {
        let siblings = self.siblings.iter().zip(Path::sides(self.index, self.size));
        siblings.fold(leaf, |hash, (sibling, on_the_left)| match on_the_left {
            true => node(*sibling, hash),
            false => node(hash, *sibling),
        })
    }

    /// At each height where there is a sibling, whether it stands on the left.
    fn sides(mut index: u32, size: u32) -> impl Iterator<Item = bool> {
        let mut last = size.saturating_sub(1);
        std::iter::from_fn(move || {
            while last > 0 {
                let (at, end) = (index, last);
                (index, last) = (index / 2, last / 2);
                if at % 2 == 1 || at < end {
                    return Some(at % 2 == 1);
                }
            }
            None
        })
    }
}

/// A set of leaves of one tree, with what is needed to compute its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    size: u64,
    leaves: Vec<(u64, Digest)>,
    hidden: Vec<Digest>,
}

impl Opening {
    /// That of no leaf, of a tree of this size and root.
    pub fn closed(size: u64, root: Digest) -> Self {
        let hidden = if size == 0 { Vec::new() } else { vec![root] };
        Opening { size, leaves: Vec::new(), hidden }
    }

    /// The size of the tree it claims to open.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The opened leaves: index and leaf hash, by index.
    pub fn leaves(&self) -> &[(u64, Digest)] {
        &self.leaves
    }

    /// The opened leaf at an index.
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        let found = self.leaves.binary_search_by_key(&index, |(i, _)| *i).ok()?;
        Some(self.leaves[found].1)
    }

    /// The root that these leaves belong to, or none if this is no opening of any tree.
    pub fn root(&self) -> Option<Digest> {
        let mut rest =
            Rest { size: self.size, leaves: &self.leaves, hidden: &self.hidden, seen: &mut |_, _| () };
        let root = if self.size > 0 { rest.visit(height(self.size), 0)? } else { Digest::of(&[]) };
        rest.is_used_up().then_some(root)
    }

    /// All nodes that follow from this opening, or none if it is no opening of any tree.
    pub fn nodes(&self) -> Option<Nodes> {
        let mut nodes = Nodes { size: self.size, hashes: BTreeMap::new() };
        let mut keep = |place, hash| {
            nodes.hashes.insert(place, hash);
        };
        let mut rest = Rest { size: self.size, leaves: &self.leaves, hidden: &self.hidden, seen: &mut keep };
        if self.size > 0 {
            rest.visit(height(self.size), 0)?;
        }
        rest.is_used_up().then_some(nodes)
    }
}

/// The nodes of a tree that an opening shows: it can be opened again at any of its leaves.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    size: u64,
    hashes: BTreeMap<(u32, u64), Digest>,
}

/// How many levels there are above the leaves of a tree of this size.
fn height(size: u64) -> u32 {
    size.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

impl Nodes {
    /// The root of the tree.
    pub fn root(&self) -> Digest {
        self.hashes.get(&(height(self.size), 0)).copied().unwrap_or_else(|| Digest::of(&[]))
    }

    /// The leaf hash at an index, if it is shown.
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        self.hashes.get(&(0, index)).copied()
    }

    /// Opens the leaves at these sorted indices; none if one of them is not shown.
    pub fn open(&self, indices: &[u64]) -> Option<Opening> {
        let mut opening = Opening { size: self.size, leaves: Vec::new(), hidden: Vec::new() };
        if self.size > 0 {
            self.visit(height(self.size), 0, indices, &mut opening)?;
        }
        (opening.leaves.len() == indices.len()).then_some(opening)
    }

    fn visit(&self, level: u32, index: u64, wanted: &[u64], opening: &mut Opening) -> Option<()> {
        if wanted.is_empty() || level == 0 {
            let hash = *self.hashes.get(&(level, index))?;
            match wanted {
                [] => opening.hidden.push(hash),
                _ => opening.leaves.push((index, hash)),
            }
            return Some(());
        }
        let middle = (2 * index + 1) << (level - 1);
        let (left, right) = wanted.split_at(wanted.partition_point(|i| *i < middle));
        self.visit(level - 1, 2 * index, left, opening)?;
        if middle < self.size {
            self.visit(level - 1, 2 * index + 1, right, opening)?;
        }
        Some(())
    }
}

/// What of an opening has not been used yet, and who is told the nodes that follow from it, each with level and index.
struct Rest<'a, 'b> {
    size: u64,
    leaves: &'a [(u64, Digest)],
    hidden: &'a [Digest],
    seen: &'b mut dyn FnMut((u32, u64), Digest),
}

impl Rest<'_, '_> {
    fn is_used_up(&self) -> bool {
        self.leaves.is_empty() && self.hidden.is_empty()
    }

    /// The hash of the subtree at this place, taken or computed from what is left.
    fn visit(&mut self, level: u32, index: u64) -> Option<Digest> {
        let first = index << level;
        let end = (first + (1 << level)).min(self.size);
        let opened = self.leaves.first().is_some_and(|(i, _)| (first..end).contains(i));
        let hash = if !opened {
            let (hash, rest) = self.hidden.split_first()?;
            self.hidden = rest;
            *hash
        } else if level == 0 {
            let ((_, hash), rest) = self.leaves.split_first()?;
            self.leaves = rest;
            *hash
        } else {
            let left = self.visit(level - 1, 2 * index)?;
            match (2 * index + 1) << (level - 1) >= self.size {
                true => left,
                false => node(left, self.visit(level - 1, 2 * index + 1)?),
            }
        };
        (self.seen)((level, index), hash);
        Some(hash)
    }
}

impl Encode for Path {
    fn encode(&self, out: &mut Writer) {
        out.u32(self.index);
        out.u32(self.size);
        out.list(&self.siblings);
    }
}

impl Decode for Path {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (index, size) = (input.u32()?, input.u32()?);
        let siblings = input.list("siblings", LEAVES_MAX.ilog2() as usize)?;
        match index < size && siblings.len() == Path::sides(index, size).count() {
            true => Ok(Path { index, size, siblings }),
            false => Err(DecodeError::Invalid("path in a Merkle tree")),
        }
    }
}

impl Encode for Opening {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.size);
        out.count(self.leaves.len());
        for (index, digest) in &self.leaves {
            out.u64(*index);
            digest.encode(out);
        }
        out.list(&self.hidden);
    }
}

impl Decode for Opening {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let size = input.u64()?;
        if size > LEAVES_MAX {
            return Err(DecodeError::Invalid("tree size"));
        }
        let count = input.count("opened leaves", LEAVES_MAX as usize)?;
        let mut leaves = Vec::with_capacity(count.min(input.left().len() / 40));
        for _ in 0..count {
            leaves.push((input.u64()?, Digest::decode(input)?));
        }
        Ok(Opening { size, leaves, hidden: input.list("hidden nodes", LEAVES_MAX as usize)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(size: u64) -> Tree {
        Tree::new((0..size).map(|i| leaf(&i.to_be_bytes())).collect())
    }

    /// The test vectors of the certificate-transparency reference implementation for RFC 6962.
    #[test]
    fn roots_are_those_of_rfc_6962() {
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, root) in roots.iter().enumerate() {
            let leaves = inputs[..size].iter().map(|text| leaf(&hex::decode(text).unwrap()));
            assert_eq!(Tree::new(leaves.collect()).root().to_string(), *root, "{size} leaves");
        }
    }

    proptest! {
        #[test]
        fn an_opening_gives_back_root_and_leaves(size in 1u64..70, picks in prop::collection::btree_set(0u64..70, 0..9)) {
            let tree = tree(size);
            let picks: Vec<u64> = picks.into_iter().filter(|i| *i < size).collect();
            let opening = Opening::from_bytes(&tree.open(&picks).to_bytes()).unwrap();
            prop_assert_eq!(opening.root(), Some(tree.root()));
            for i in 0..size {
                prop_assert_eq!(opening.leaf(i), picks.contains(&i).then(|| tree.leaf(i).unwrap()));
            }
        }

        #[test]
        fn a_tree_knows_its_openings_of_one_leaf(size in 1u64..70, pick in 0u64..70, other in 0usize..9, bit in 0usize..8) {
            let (tree, pick) = (tree(size), pick % size);
            let mut opening = tree.open(&[pick]);
            prop_assert!(tree.opens(&opening));
            prop_assert!(size == 1 || !tree.opens(&tree.open(&[])) && !tree.opens(&tree.open(&[0, size - 1])));
            if let Some(hidden) = opening.hidden.get_mut(other) {
                hidden.0[bit] ^= 1;
                prop_assert!(!tree.opens(&opening));
                opening.hidden[other].0[bit] ^= 1;
            }
            opening.hidden.push(Digest::ZERO);
            prop_assert!(!tree.opens(&opening));
            opening.hidden.pop();
            opening.leaves[0].0 ^= 1;
            prop_assert!(!tree.opens(&opening));
        }

        #[test]
        fn a_narrowed_opening_is_the_opening_of_fewer(size in 1u64..70, picks in prop::collection::btree_set(0u64..70, 0..9)) {
            let tree = tree(size);
            let picks: Vec<u64> = picks.into_iter().filter(|i| *i < size).collect();
            let fewer: Vec<u64> = picks.iter().copied().step_by(2).collect();
            prop_assert_eq!(tree.open(&picks).nodes().unwrap().open(&fewer), Some(tree.open(&fewer)));
            // a hidden neighbour of an opened leaf is a leaf hash too; what is opened there is still the truth
            for other in (0..size).filter(|i| !picks.contains(i)) {
                if let Some(opening) = tree.open(&picks).nodes().unwrap().open(&[other]) {
                    prop_assert_eq!(opening, tree.open(&[other]));
                }
            }
        }

        #[test]
        fn a_path_leads_from_its_leaf_alone_to_the_root(size in 1u64..70, at in 0u64..70, other in 0u64..70) {
            let tree = tree(size);
            let (at, other) = (at % size, other % size);
            let path = Path::from_bytes(&tree.path(at as u32).to_bytes()).unwrap();
            prop_assert_eq!(path.root(tree.leaf(other).unwrap()) == tree.root(), at == other);
        }

        #[test]
        fn a_changed_byte_of_a_path_gives_no_or_another_root_or_size(size in 1u64..40, pick in 0u64..40, at in 0usize..2000, bit in 0u8..8) {
            let tree = tree(size);
            let pick = pick % size;
            let mut bytes = tree.path(pick as u32).to_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(path) = Path::from_bytes(&bytes) {
                let same = path.root(tree.leaf(pick).unwrap()) == tree.root();
                prop_assert!(!same || u64::from(path.size()) != size);
            }
        }

        #[test]
        fn a_changed_byte_gives_no_or_another_root(size in 1u64..40, pick in 0u64..40, at in 0usize..2000, bit in 0u8..8) {
            let tree = tree(size);
            let mut bytes = tree.open(&[pick % size]).to_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(opening) = Opening::from_bytes(&bytes) {
                let same = opening.root() == Some(tree.root()) && opening.size() == size;
                prop_assert!(!same || opening.leaf(pick % size).is_none());
            }
        }
    }

    #[test]
    fn unused_parts_make_no_opening() {
        let mut opening = tree(5).open(&[2]);
        opening.hidden.push(Digest::ZERO);
        assert_eq!(opening.root(), None);
    }
}

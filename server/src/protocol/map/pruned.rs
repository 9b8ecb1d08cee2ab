//! Parts of maps: proofs of what a map says of some clients.
//!
//! Most show one client: then all that leaves the way to it is hidden. Such a branch is kept as the list of its turns, for a delivery has one of
//! each seal, and a node of its own for each fork is most of what making, sending and dropping it takes.
//!
//! # Invariants
//! - One tree has one form: a subtree is a [`Branch`] exactly where one of its two children is hidden.

use super::{DEPTH_MAX, KeyRange, bit, descend, entry_hash, fork_hash};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    digest::Digest,
    id::ClientId,
};

/// Room for turns that a branch begins with. Whoever sends many branches of one turn must not have more memory taken than is
/// reckoned for forks ([`FORK_MEMORY`](crate::protocol::codec::FORK_MEMORY)).
const TURNS: usize = 4;

/// A part of a map, with what is needed to compute the root of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pruned<V> {
    /// A subtree of which only the hash is given.
    Hidden(Digest),
    /// A subtree without entries.
    Empty,
    /// A subtree of one entry.
    Entry(ClientId, V),
    /// A subtree of several entries, both of its children shown or both hidden, with its hash: computed here, never taken from anyone.
    Fork(Box<[Pruned<V>; 2]>, Digest),
    /// A subtree of several entries, one of its children shown.
    Branch(Box<Branch<V>>),
}

/// A way down a subtree: what leaves it is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch<V> {
    /// The deepest first.
    turns: Vec<Turn>,
    /// Neither hidden nor a branch.
    end: Pruned<V>,
    /// The hash of the whole: computed here, never taken from anyone.
    hash: Digest,
}

/// A fork on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    /// To which side the way goes.
    right: bool,
    /// What is on the other.
    hidden: Digest,
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

impl<V> Pruned<V> {
    /// A fork of this hash.
    pub(super) fn over(children: [Pruned<V>; 2], hash: Digest) -> Self {
        match children {
            [Pruned::Hidden(hidden), shown] if !shown.is_hidden() => {
                shown.below(&[Turn { right: true, hidden }], hash)
            }
            [shown, Pruned::Hidden(hidden)] if !shown.is_hidden() => {
                shown.below(&[Turn { right: false, hidden }], hash)
            }
            children => Pruned::Fork(Box::new(children), hash),
        }
    }

    /// This with turns above it, the deepest first; together they have this hash.
    fn below(self, turns: &[Turn], hash: Digest) -> Self {
        match self {
            Pruned::Branch(mut branch) => {
                branch.turns.extend_from_slice(turns);
                branch.hash = hash;
                Pruned::Branch(branch)
            }
            end => {
                let mut all = Vec::with_capacity(turns.len().max(TURNS));
                all.extend_from_slice(turns);
                Pruned::Branch(Box::new(Branch { turns: all, end, hash }))
            }
        }
    }

    fn is_hidden(&self) -> bool {
        matches!(self, Pruned::Hidden(_))
    }
}

impl<V: Encode> Pruned<V> {
    fn fork(children: [Pruned<V>; 2]) -> Self {
        let hash = fork_hash(children[0].root(), children[1].root());
        Pruned::over(children, hash)
    }

    /// The root of the whole map.
    pub fn root(&self) -> Digest {
        match self {
            Pruned::Hidden(hash) => *hash,
            Pruned::Empty => Digest::ZERO,
            Pruned::Entry(key, value) => entry_hash(key, value),
            Pruned::Fork(_, hash) => *hash,
            Pruned::Branch(branch) => branch.hash,
        }
    }

    /// What it says of a key.
    pub fn get(&self, key: &ClientId) -> Lookup<&V> {
        let (mut node, mut depth) = (self, 0);
        loop {
            match node {
                Pruned::Hidden(_) => return Lookup::Hidden,
                Pruned::Empty => return Lookup::Absent,
                Pruned::Entry(found, value) if found == key => return Lookup::Present(value),
                Pruned::Entry(..) => return Lookup::Absent,
                Pruned::Fork(..) if depth == DEPTH_MAX => return Lookup::Hidden,
                Pruned::Fork(children, _) => {
                    node = &children[usize::from(bit(key, depth))];
                    depth += 1;
                }
                Pruned::Branch(branch) if branch.left_at(key, depth).is_some() => return Lookup::Hidden,
                Pruned::Branch(branch) => {
                    node = &branch.end;
                    depth += branch.turns.len();
                }
            }
        }
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
                Pruned::over(if right { [hidden, shown] } else { [shown, hidden] }, *hash)
            }
            Pruned::Branch(branch) => match branch.left_at(client, depth) {
                None => {
                    let end = branch.end.prune(client, depth + branch.turns.len());
                    end.below(&branch.turns, branch.hash)
                }
                // of what lies on either side of where it leaves nothing need be shown
                Some(at) => {
                    let (passed, Turn { right, hidden }) = (branch.root_below(at), branch.turns[at]);
                    let children = if right { [hidden, passed] } else { [passed, hidden] };
                    let fork = Pruned::fork(children.map(Pruned::Hidden));
                    match &branch.turns[at + 1..] {
                        [] => fork,
                        above => fork.below(above, branch.hash),
                    }
                }
            },
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
            Pruned::Branch(branch) => {
                let (mut path, mut depth) = (path, depth);
                for Turn { right, .. } in branch.turns.iter().rev() {
                    if range.touches(descend(path, depth, !right), depth + 1) {
                        return false;
                    }
                    (path, depth) = (descend(path, depth, *right), depth + 1);
                }
                branch.end.collect(range, path, depth, found)
            }
        }
    }
}

impl<V: Encode> Branch<V> {
    /// The turn at which a client's way leaves this one, which begins at a depth; none if it goes on to the end.
    fn left_at(&self, client: &ClientId, depth: usize) -> Option<usize> {
        let leaves = |(down, turn): (usize, &Turn)| {
            let depth = depth + down;
            depth >= DEPTH_MAX || bit(client, depth) != turn.right
        };
        let down = self.turns.iter().rev().enumerate().position(leaves)?;
        Some(self.turns.len() - 1 - down)
    }

    /// The hash of what lies below a turn.
    fn root_below(&self, at: usize) -> Digest {
        self.turns[..at].iter().fold(self.end.root(), |below, turn| match turn.right {
            true => fork_hash(turn.hidden, below),
            false => fork_hash(below, turn.hidden),
        })
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
            Pruned::Branch(branch) => {
                let hidden = |turn: &Turn, out: &mut Writer| {
                    out.u8(0);
                    turn.hidden.encode(out);
                };
                for turn in branch.turns.iter().rev() {
                    out.u8(3);
                    if turn.right {
                        hidden(turn, out);
                    }
                }
                branch.end.encode(out);
                branch.turns.iter().filter(|turn| !turn.right).for_each(|turn| hidden(turn, out));
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

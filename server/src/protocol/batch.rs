//! Batches, ledgers and placements: a sealed run as a mailbox actor, an auditor and a sender get it.
//!
//! All three open the same seal. A *batch* has the bundles of the clients that one mailbox actor hosts, with their
//! envelopes; a *ledger* has every bundle's statement and no content; a *placement* shows one sender that its bundles
//! stand where their receipts said, and that their recipients are in the manifest.
//!
//! # Invariants
//! - Bytes that do not open to the seal count as not delivered; they accuse nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    bundle::{Bundle, Parcel},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    id::{ClientId, Position},
    map::{Lookup, Pruned},
    merkle::{LEAVES_MAX, Nodes, Opening, Tree},
    receipt::bundle_leaf,
    seal::{Positions, Seal},
    statement::{Citation, Signed, Trust, Unverified},
};

/// A sealed run, as one mailbox actor gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The seal.
    pub seal: Unverified<Seal>,
    /// Its manifest over all clients that the actor hosts.
    pub manifest: Pruned<Positions>,
    /// Its leaves at their positions.
    pub leaves: Opening,
    /// The bundles at those positions, with the hosted clients' envelopes.
    pub parcels: Vec<Parcel>,
}

/// A batch that opens to its seal: manifest over all hosted clients, every leaf, every parcel.
pub struct OpenBatch {
    /// The seal.
    pub seal: Signed<Seal>,
    /// Its manifest over all hosted clients.
    pub manifest: Pruned<Positions>,
    /// Its leaves at their positions.
    pub leaves: Nodes,
    /// The same, as they came.
    pub opening: Opening,
    parcels: BTreeMap<Position, Parcel>,
}

impl OpenBatch {
    /// The bundle at a position.
    pub fn parcel(&self, position: Position) -> Option<&Parcel> {
        self.parcels.get(&position)
    }
}

impl Batch {
    /// Checks everything, for this mailbox actor.
    pub fn open(self, mailbox: u32, trust: &Trust) -> Result<OpenBatch, String> {
        let seal = self.seal.clone().verify(trust).map_err(|error| error.to_string())?;
        self.opened(seal, mailbox, trust)
    }

    /// The same, when the seal has been checked.
    pub fn opened(self, seal: Signed<Seal>, mailbox: u32, trust: &Trust) -> Result<OpenBatch, String> {
        let Batch { manifest, leaves: opening, parcels, .. } = self;
        if manifest.root() != seal.manifest {
            return Err("the manifest is not the sealed one".to_owned());
        }
        let hosted = manifest.range(trust.roster.hosted_by(mailbox));
        let hosted = hosted.ok_or("the manifest hides clients that are hosted here")?;
        let nodes = opening.nodes().filter(|_| opening.size() == seal.count());
        let leaves =
            nodes.filter(|nodes| nodes.root() == seal.leaves).ok_or("the leaves are not the sealed ones")?;
        let parcels: BTreeMap<Position, Parcel> =
            parcels.into_iter().map(|parcel| (parcel.position, parcel)).collect();
        // a bundle is checked once, however many of its recipients are hosted here
        let mut matched: BTreeSet<Position> = BTreeSet::new();
        for (client, positions) in hosted {
            for position in positions.inside(&seal) {
                let parcel = parcels.get(position).ok_or("a bundle is missing")?;
                let matches = matched.contains(position) || {
                    let leaf = leaves.leaf(position.0 - seal.start.0).ok_or("a leaf is missing")?;
                    let bundle = parcel.bundle.committed_as(leaf).ok_or("a bundle is not the sealed one")?;
                    parcel.matches(&bundle.commitment)
                };
                let shown = parcel.envelopes.iter().any(|(envelope, _)| envelope.recipient == *client);
                if !shown || !matches {
                    return Err("content is not what the bundle commits to".to_owned());
                }
                matched.insert(*position);
            }
        }
        Ok(OpenBatch { seal, manifest, leaves, opening, parcels })
    }
}

/// A sealed run, as an auditor gets it: what was committed to, and no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The seal.
    pub seal: Unverified<Seal>,
    /// Every bundle of the run, in order.
    pub bundles: Vec<Unverified<Bundle>>,
}

impl Ledger {
    /// The citations of its bundles: the preimages of the leaves.
    pub fn citations(&self) -> Vec<Citation> {
        self.bundles.iter().map(Unverified::cite).collect()
    }

    /// The tree over its bundles.
    pub fn tree(&self) -> Tree {
        Tree::new(self.bundles.iter().map(|bundle| bundle_leaf(&bundle.cite())).collect())
    }

    /// Whether its bundles are the leaves of the seal.
    pub fn opens(&self, seal: &Seal) -> bool {
        self.bundles.len() as u64 == seal.count() && self.tree().root() == seal.leaves
    }
}

/// A sealed run, as the sender of some of its bundles gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Whose bundles.
    pub client: ClientId,
    /// The seal.
    pub seal: Unverified<Seal>,
    /// Its leaves at their positions.
    pub leaves: Opening,
    /// Its manifest at their recipients.
    pub manifest: Pruned<Positions>,
}

impl Placement {
    /// Whether it opens to its seal.
    pub fn opens(&self, seal: &Seal) -> bool {
        self.leaves.size() == seal.count()
            && self.leaves.root() == Some(seal.leaves)
            && self.manifest.root() == seal.manifest
    }

    /// A recipient that the manifest does not name for a position, though it shows it.
    pub fn omits(&self, recipients: &BTreeSet<ClientId>, position: Position) -> Option<ClientId> {
        recipients.iter().copied().find(|recipient| match self.manifest.get(recipient) {
            Lookup::Present(positions) => !positions.0.contains(&position),
            Lookup::Absent => true,
            Lookup::Hidden => false,
        })
    }

    /// Whether the manifest shows every recipient.
    pub fn shows(&self, recipients: &BTreeSet<ClientId>) -> bool {
        recipients.iter().all(|recipient| self.manifest.get(recipient) != Lookup::Hidden)
    }
}

coded!(struct Batch { seal, manifest, leaves, parcels: list("parcels", LEAVES_MAX as usize) });

coded!(struct Ledger { seal, bundles: list("bundles", LEAVES_MAX as usize) });

coded!(struct Placement { client, seal, leaves, manifest });

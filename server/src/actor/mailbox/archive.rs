//! The archive: cuts, attestations and sealed runs that clients still need to check their mailboxes.
//!
//! What all clients share is stored once: of each run its seal, the manifest over the hosted clients and the leaves.
//! A client's [`Derivation`](crate::protocol::derivation::Derivation) is put together from it when it is sent.
//!
//! # Invariants
//! - Everything from the floor on is there; what lies below it no client needs.

use std::collections::BTreeMap;

use crate::{
    actor::{RecoverError, Step, step::row},
    protocol::{
        attestation::Attestation,
        batch::OpenBatch,
        codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
        cosignature::Cosignature,
        cut::Cut,
        derivation::SealPart,
        id::{BatchNumber, ClientId, Epoch},
        map::{Lookup, Pruned},
        merkle::{Nodes, Opening},
        seal::{Positions, Seal},
        statement::{Kind, Signed, Trust, Unverified},
    },
};

/// Rows: epoch → signed cut.
pub const CUT: u8 = 3;
/// Rows: incoming actor ‖ batch number → what a run says of the hosted clients.
pub const RUN: u8 = 5;

/// A sealed run, less its bundles.
struct Shelved {
    seal: Unverified<Seal>,
    manifest: Pruned<Positions>,
    leaves: Opening,
}

/// A shelved run, ready to be opened: its nodes are what its leaves give, and hashing them anew for each client that asks
/// is most of what a delivery costs.
struct Run {
    shelved: Shelved,
    nodes: Nodes,
}

/// What clients may still need.
pub struct Archive {
    cuts: BTreeMap<Epoch, Signed<Cut>>,
    attestations: BTreeMap<Epoch, Signed<Attestation>>,
    /// Boxed: nodes of the map are half empty, and there are many.
    runs: BTreeMap<(u32, BatchNumber), Box<Run>>,
    /// What witnesses have cosigned, of epochs that may still be delivered.
    cosignatures: BTreeMap<Epoch, BTreeMap<u32, Unverified<Cosignature>>>,
    /// How many of them a client asks for.
    quorum: u32,
    /// The epoch below which everything was given up last.
    pruned: Epoch,
}

impl Archive {
    /// Nothing yet.
    pub fn new(quorum: u32) -> Self {
        let (cuts, attestations, runs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Archive { cuts, attestations, runs, cosignatures: BTreeMap::new(), quorum, pruned: Epoch(0) }
    }

    /// A witness has seen an attestation; whether that is news.
    pub fn cosigned(&mut self, epoch: Epoch, witness: u32, cosignature: Unverified<Cosignature>) -> bool {
        self.cosignatures.entry(epoch).or_default().insert(witness, cosignature).is_none()
    }

    /// The cosignatures of an epoch's attestation.
    pub fn cosignatures(&self, epoch: Epoch) -> Vec<Unverified<Cosignature>> {
        self.cosignatures.get(&epoch).map(|all| all.values().cloned().collect()).unwrap_or_default()
    }

    /// Whether the attestation of an epoch may go to clients: signed, and cosigned by as many as they ask for.
    pub fn is_out(&self, epoch: Epoch) -> bool {
        let cosigned = self.cosignatures.get(&epoch).map_or(0, |all| all.len() as u32);
        self.attestations.contains_key(&epoch) && cosigned >= self.quorum
    }

    /// The attestations that too few witnesses have cosigned.
    pub fn lacking(&self) -> impl Iterator<Item = &Signed<Attestation>> {
        self.attestations.values().filter(|attestation| !self.is_out(attestation.epoch))
    }

    /// The attestations from an epoch on.
    pub fn attestations_from(&self, epoch: Epoch) -> impl Iterator<Item = &Signed<Attestation>> {
        self.attestations.range(epoch..).map(|(_, attestation)| attestation)
    }

    /// Puts back a row of the archive. The actor's own storage is the one place whose bytes it believes.
    pub fn recover(
        &mut self,
        table: u8,
        key: &[u8],
        value: &[u8],
        trust: &Trust,
    ) -> Result<(), RecoverError> {
        if table == CUT {
            let cut = Unverified::<Cut>::from_bytes(value).map_err(RecoverError::of("cut"))?;
            if let Ok(cut) = cut.verify(trust) {
                self.cuts.insert(cut.epoch, cut);
            }
            return Ok(());
        }
        let mut key = Reader::new(key);
        let (incoming, batch) = key
            .u32()
            .and_then(|incoming| Ok((incoming, BatchNumber::decode(&mut key)?)))
            .map_err(RecoverError::of("place of a run"))?;
        let shelved = Shelved::from_bytes(value).map_err(RecoverError::of("run"))?;
        let nodes = shelved.leaves.nodes().ok_or(DecodeError::Invalid("leaves of a run"));
        let nodes = nodes.map_err(RecoverError::of("run"))?;
        self.runs.insert((incoming, batch), Box::new(Run { shelved, nodes }));
        Ok(())
    }

    /// A cut is attested: it and the runs that it takes are shelved.
    pub fn shelve<'a>(
        &mut self,
        cut: &Signed<Cut>,
        runs: impl Iterator<Item = &'a OpenBatch>,
        step: &mut Step,
    ) {
        for held in runs {
            let seal = &held.seal;
            let shelved = Shelved {
                seal: seal.to_unverified(),
                manifest: held.manifest.clone(),
                leaves: held.opening.clone(),
            };
            step.put(run_row(seal.incoming, seal.batch), shelved.to_bytes());
            let run = Run { shelved, nodes: held.leaves.clone() };
            self.runs.insert((seal.incoming, seal.batch), Box::new(run));
        }
        step.put(row(CUT, &cut.epoch.to_bytes()), cut.to_unverified().to_bytes());
        self.cuts.insert(cut.epoch, cut.clone());
    }

    /// An attestation is out.
    pub fn attested(&mut self, attestation: Signed<Attestation>) {
        self.attestations.insert(attestation.epoch, attestation);
    }

    /// The attestation of an epoch.
    pub fn attestation(&self, epoch: Epoch) -> Option<&Signed<Attestation>> {
        self.attestations.get(&epoch)
    }

    /// The newest attestation.
    pub fn newest(&self) -> Option<&Signed<Attestation>> {
        self.attestations.last_key_value().map(|(_, attestation)| attestation)
    }

    /// The cut of an epoch.
    pub fn cut(&self, epoch: Epoch) -> Option<&Signed<Cut>> {
        self.cuts.get(&epoch)
    }

    /// The newest cut that is attested.
    pub fn last_cut(&self) -> Option<&Signed<Cut>> {
        self.cuts.last_key_value().map(|(_, cut)| cut)
    }

    /// The cuts after one epoch up to another; none if one of them is gone.
    pub fn cuts_between(&self, after: Epoch, upto: Epoch) -> Option<Vec<Unverified<Cut>>> {
        if after >= upto {
            return None;
        }
        let cuts = self.cuts.range(after.next()..=upto).map(|(_, cut)| cut.to_unverified());
        let cuts: Vec<_> = cuts.collect();
        (cuts.len() as u64 == upto.0.saturating_sub(after.0)).then_some(cuts)
    }

    /// What the runs that these epochs take say of a client; none if one of them is gone.
    pub fn parts_between(&self, client: &ClientId, after: Epoch, upto: Epoch) -> Option<Vec<SealPart>> {
        let last = self.cuts.get(&upto)?;
        let first = match after {
            Epoch(0) => None,
            after => Some(self.cuts.get(&after)?),
        };
        let mut parts = Vec::new();
        for (j, reached) in last.reached.iter().enumerate() {
            let from = first.and_then(|cut| cut.reached[j].seal.clone()).map_or(0, |seal| seal.slot + 1);
            let end = reached.seal.as_ref().map_or(0, |seal| seal.slot + 1);
            for batch in from..end {
                parts.push(self.runs.get(&(j as u32, BatchNumber(batch)))?.part_for(client));
            }
        }
        Some(parts)
    }

    /// The first epoch from which everything is there.
    pub fn floor(&self) -> Epoch {
        self.cuts.first_key_value().map_or(Epoch(0), |(epoch, _)| Epoch(epoch.0 - 1))
    }

    /// Gives up what lies below an epoch. That epoch's own cut and attestation stay: the next range starts there.
    pub fn prune(&mut self, floor: Epoch, step: &mut Step) {
        let Some(kept) = self.cuts.get(&floor).filter(|_| self.pruned < floor).cloned() else { return };
        self.pruned = floor;
        while let Some(entry) = self.cuts.first_entry().filter(|entry| *entry.key() < floor) {
            step.delete(row(CUT, &entry.key().to_bytes()));
            entry.remove();
        }
        while let Some(entry) = self.attestations.first_entry().filter(|entry| *entry.key() < floor) {
            step.forget(Kind::Attestation, entry.key().0);
            entry.remove();
        }
        self.cosignatures = self.cosignatures.split_off(&floor);
        for (j, reached) in kept.reached.iter().enumerate() {
            let Some(seal) = &reached.seal else { continue };
            let taken = (j as u32, BatchNumber(0))..=(j as u32, BatchNumber(seal.slot));
            let gone: Vec<_> = self.runs.range(taken).map(|(place, _)| *place).collect();
            for (incoming, batch) in gone {
                step.delete(run_row(incoming, batch));
                self.runs.remove(&(incoming, batch));
            }
        }
    }
}

fn run_row(incoming: u32, batch: BatchNumber) -> Vec<u8> {
    row(RUN, &[&incoming.to_be_bytes()[..], &batch.to_bytes()].concat())
}

impl Run {
    /// What the run says of one client, for the client to check.
    fn part_for(&self, client: &ClientId) -> SealPart {
        let Run { shelved: Shelved { seal, manifest, .. }, nodes } = self;
        let (manifest, unverified, seal) = (manifest.pruned_to(client), seal, seal.clone().believed());
        let positions = match manifest.get(client) {
            Lookup::Present(positions) => positions.inside(&seal),
            _ => &[],
        };
        let indices: Vec<u64> = positions.iter().map(|position| position.0 - seal.start.0).collect();
        let leaves = nodes.open(&indices).expect("the intake has checked every leaf");
        SealPart { seal: unverified.clone(), leaves, manifest }
    }
}

coded!(struct Shelved { seal, manifest, leaves });

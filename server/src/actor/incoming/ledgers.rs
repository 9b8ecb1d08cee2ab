//! What was sealed, without its content: kept for auditors and senders after the mailbox actors have the bundles.
//!
//! # Invariants
//! - Of the last [`LEDGERS_MAX`] sealed runs every bundle's statement and the whole manifest are here.

use std::collections::{BTreeMap, BTreeSet};

use super::Logged;
use crate::{
    actor::{Step, step::row},
    protocol::{
        batch::{Ledger, Placement},
        bundle::Bundle,
        codec::{Decode, DecodeError, Encode, Reader, Writer},
        id::{BatchNumber, ClientId, Position},
        map::Map,
        merkle::{LEAVES_MAX, Tree},
        seal::{Manifest, Positions, Seal},
        statement::{Citation, Signed, Unverified},
    },
};

/// Rows: batch number → ledger with manifest.
pub const LEDGER: u8 = 4;

/// How many runs are kept: what a sender may still want shown, and an auditor that was away.
const LEDGERS_MAX: usize = 1024;

struct Entry {
    ledger: Ledger,
    start: Position,
    tree: Tree,
    manifest: Manifest,
}

/// The ledgers of an incoming actor.
#[derive(Default)]
pub struct Ledgers {
    entries: BTreeMap<BatchNumber, Entry>,
    /// Not stored yet: they go with the next step, and until then the log has them.
    fresh: Vec<BatchNumber>,
}

impl Ledgers {
    /// Puts back a row.
    pub fn recover(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        let mut input = Reader::new(value);
        let (ledger, start) = (Ledger::decode(&mut input)?, Position::decode(&mut input)?);
        let count = input.count("manifest entries", LEAVES_MAX as usize)?;
        let mut manifest = Map::default();
        for _ in 0..count {
            manifest.insert(ClientId::decode(&mut input)?, Positions::decode(&mut input)?);
        }
        input.end()?;
        let batch = BatchNumber(ledger.seal.claimed_slot());
        self.entries.insert(batch, Entry { tree: ledger.tree(), ledger, start, manifest });
        Ok(())
    }

    /// Keeps a run that was just sealed.
    pub fn add(&mut self, seal: &Signed<Seal>, bundles: &[Logged], manifest: &Manifest) {
        let bundles: Vec<Unverified<Bundle>> =
            bundles.iter().map(|logged| logged.submission.bundle.clone()).collect();
        let ledger = Ledger { seal: seal.to_unverified(), bundles };
        let entry = Entry { tree: ledger.tree(), start: seal.start, manifest: manifest.clone(), ledger };
        self.entries.insert(seal.batch, entry);
        self.fresh.push(seal.batch);
    }

    /// Whether a run is here.
    pub fn has(&self, batch: BatchNumber) -> bool {
        self.entries.contains_key(&batch)
    }

    /// Stores what is new, and gives up what is old.
    pub fn store(&mut self, step: &mut Step) {
        for batch in std::mem::take(&mut self.fresh) {
            if let Some(entry) = self.entries.get(&batch) {
                step.put(row(LEDGER, &batch.to_bytes()), entry.to_bytes());
            }
        }
        while self.entries.len() > LEDGERS_MAX {
            if let Some((batch, _)) = self.entries.pop_first() {
                step.delete(row(LEDGER, &batch.to_bytes()));
            }
        }
    }

    /// The ledgers from a run on.
    pub fn from(&self, batch: BatchNumber) -> impl Iterator<Item = (BatchNumber, &Ledger)> {
        self.entries.range(batch..).map(|(batch, entry)| (*batch, &entry.ledger))
    }

    /// The newest ledger.
    pub fn newest(&self) -> Option<&Ledger> {
        self.entries.last_key_value().map(|(_, entry)| &entry.ledger)
    }

    /// The ledger of a run.
    pub fn ledger(&self, batch: BatchNumber) -> Option<&Ledger> {
        self.entries.get(&batch).map(|entry| &entry.ledger)
    }

    /// The run that holds a position.
    pub fn run_at(&self, position: Position) -> Option<BatchNumber> {
        let holds = |entry: &Entry| {
            (entry.start.0..entry.start.0 + entry.ledger.bundles.len() as u64).contains(&position.0)
        };
        self.entries.iter().rev().find(|(_, entry)| holds(entry)).map(|(batch, _)| *batch)
    }

    /// The bundle at a position, with its run.
    pub fn bundle_at(&self, position: Position) -> Option<(BatchNumber, Citation)> {
        let batch = self.run_at(position)?;
        let entry = self.entries.get(&batch)?;
        let bundle = entry.ledger.bundles.get((position.0 - entry.start.0) as usize)?;
        Some((batch, bundle.cite()))
    }

    /// What a run says to each sender: where its bundles stand, and that their recipients are named.
    pub fn placements(&mut self, batch: BatchNumber) -> Vec<Placement> {
        self.placements_for(batch, &BTreeSet::new(), |_| true)
    }

    /// What a run says to one sender, and of these clients: whether they are recipients or not, it is shown.
    pub fn placement(
        &mut self,
        batch: BatchNumber,
        client: ClientId,
        asked: &BTreeSet<ClientId>,
    ) -> Option<Placement> {
        self.placements_for(batch, asked, |sender| *sender == client).pop()
    }

    fn placements_for(
        &mut self,
        batch: BatchNumber,
        asked: &BTreeSet<ClientId>,
        wanted: impl Fn(&ClientId) -> bool,
    ) -> Vec<Placement> {
        let Some(entry) = self.entries.get_mut(&batch) else { return Vec::new() };
        let mut named = vec![BTreeSet::new(); entry.ledger.bundles.len()];
        for (recipient, positions) in entry.manifest.iter() {
            for position in &positions.0 {
                let index = position.0.checked_sub(entry.start.0).map(|index| index as usize);
                index.and_then(|index| named.get_mut(index)).into_iter().for_each(|set| {
                    set.insert(*recipient);
                });
            }
        }
        let mut senders: BTreeMap<ClientId, Vec<u64>> = BTreeMap::new();
        for (index, bundle) in entry.ledger.bundles.iter().enumerate() {
            let sender = bundle.claimed_actor().client().filter(&wanted);
            sender.into_iter().for_each(|sender| senders.entry(sender).or_default().push(index as u64));
        }
        let mut placements = Vec::new();
        for (client, indices) in senders {
            let recipients = indices.iter().flat_map(|index| &named[*index as usize]);
            let recipients = recipients.chain(asked).copied().collect();
            placements.push(Placement {
                client,
                seal: entry.ledger.seal.clone(),
                leaves: entry.tree.open(&indices),
                manifest: entry.manifest.prune_to_all(&recipients),
            });
        }
        placements
    }
}

impl Encode for Entry {
    fn encode(&self, out: &mut Writer) {
        self.ledger.encode(out);
        self.start.encode(out);
        out.count(self.manifest.len() as usize);
        for (client, positions) in self.manifest.iter() {
            client.encode(out);
            positions.encode(out);
        }
    }
}

//! *badseal*: a seal that does not follow from the queue it closes.
//!
//! All that a seal says is a function of the actor's own durable queue, its own seal before it and the last cut that
//! it saw; an honest incoming actor computes it and signs what it computed. What stands in the queue has passed its
//! admission: signed by its client, routed here, next in the client's order, citing no cut that this actor had not
//! seen, with the content that it commits to. The seal commits to all of it, client signatures included, so an
//! opening cannot show what was not there; and it names the last cut seen *when it is made*, which no earlier
//! admission is ahead of.
//!
//! An expired bundle convicts nobody: one that was in time when it was admitted may be sealed after its expiry.

use super::{
    Finding, Predicate, cites_a_cut, doubt, entry_of, follows, need, single_leaf, verified, verified_if_any,
};
use crate::protocol::{
    bundle::{self, Bundle},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, ClientId, Position},
    map::{KeyRange, Pruned},
    merkle::{LEAVES_MAX, Opening, Tree},
    receipt::bundle_leaf,
    seal::{Positions, Seal},
    statement::{Citation, Kind, Signed, Trust, Unverified},
};

/// A false seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSeal {
    /// The seal.
    pub seal: Unverified<Seal>,
    /// What is false.
    pub fault: SealFault,
}

/// What is false in a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealFault {
    /// It does not start where the one before it ends.
    Start {
        /// The seal before it.
        before: Unverified<Seal>,
    },
    /// It holds another number of bundles than positions.
    Count {
        /// All its bundles: not leaves, so that no inner node can pass for one.
        bundles: Vec<Citation>,
    },
    /// Its bundles do not lead to its chain.
    Chain {
        /// The seal before it; none before the first.
        before: Option<Unverified<Seal>>,
        /// All its bundles.
        bundles: Vec<Citation>,
    },
    /// A leaf that is no bundle, not signed by its client, or of a client of another actor.
    Leaf {
        /// What the leaf cites.
        bundle: Citation,
        /// The leaf.
        opening: Opening,
    },
    /// Two bundles of one client out of order, or one twice.
    Fifo {
        /// The one that stands first.
        first: Citation,
        /// The one that stands after it.
        second: Citation,
        /// Both leaves.
        opening: Opening,
    },
    /// A bundle that cites a cut which the actor says it had not seen, or no cut.
    Ahead {
        /// The bundle.
        bundle: Unverified<Bundle>,
        /// Its leaf.
        opening: Opening,
    },
    /// The last cut seen is older than that of the seal before it.
    Regress {
        /// The seal before it.
        before: Unverified<Seal>,
    },
    /// The last cut seen is not one that the sequencer signed.
    Seen,
    /// A recipient of a bundle is missing from the manifest at the bundle's position.
    Omitted {
        /// The bundle.
        bundle: Unverified<Bundle>,
        /// Its leaf.
        opening: Opening,
        /// Who is missing.
        recipient: ClientId,
        /// The salt of its envelope.
        salt: [u8; 16],
        /// The digest of its ciphertext.
        ciphertext: Digest,
        /// Its envelope in the bundle's commitment.
        envelope: Opening,
        /// What the manifest says of it.
        manifest: Pruned<Positions>,
    },
    /// The manifest names another number of recipients at a position than the bundle has.
    Padded {
        /// The bundle.
        bundle: Unverified<Bundle>,
        /// Its leaf.
        opening: Opening,
        /// The manifest, nothing hidden.
        manifest: Pruned<Positions>,
    },
    /// An entry of the manifest is not sorted, has a position twice, or one outside the seal.
    Entry {
        /// Whose entry.
        client: ClientId,
        /// The manifest at that client.
        manifest: Pruned<Positions>,
    },
    /// The first seal does not start at position 0.
    First,
}

impl Predicate for BadSeal {
    const NAME: &'static str = "badseal";

    fn accused(&self) -> ActorId {
        self.seal.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let mut all = vec![self.seal.cite()];
        match &self.fault {
            SealFault::Start { before } | SealFault::Regress { before } => all.push(before.cite()),
            SealFault::Count { bundles } => all.extend(bundles.iter().cloned()),
            SealFault::Chain { before, bundles } => {
                all.extend(before.iter().map(Unverified::cite));
                all.extend(bundles.iter().cloned());
            }
            SealFault::Leaf { bundle, .. } => all.push(bundle.clone()),
            SealFault::Fifo { first, second, .. } => all.extend([first.clone(), second.clone()]),
            SealFault::Ahead { bundle, .. }
            | SealFault::Omitted { bundle, .. }
            | SealFault::Padded { bundle, .. } => all.push(bundle.cite()),
            SealFault::Seen | SealFault::Entry { .. } | SealFault::First => {}
        }
        all
    }

    fn roster(&self) -> Option<u32> {
        Some(self.seal.claimed_terms().roster)
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let seal = verified(&self.seal, trust)?;
        let offence = match &self.fault {
            SealFault::Start { before } => start(&seal, &verified(before, trust)?),
            SealFault::Count { bundles } => count(&seal, bundles),
            SealFault::Chain { before, bundles } => {
                chain(&seal, verified_if_any(before.as_ref(), trust)?.as_ref(), bundles)
            }
            SealFault::Leaf { bundle, opening } => leaf(&seal, bundle, opening, trust),
            SealFault::Fifo { first, second, opening } => fifo(&seal, first, second, opening),
            SealFault::Ahead { bundle, opening } => ahead(&seal, bundle, opening, trust),
            SealFault::Regress { before } => regress(&seal, &verified(before, trust)?),
            SealFault::Seen => seen(&seal, trust),
            SealFault::Omitted { bundle, opening, recipient, salt, ciphertext, envelope, manifest } => {
                let (bundle, position) = sealed(&seal, bundle, opening)?;
                let leaf = bundle::recipient_leaf(salt, recipient, ciphertext);
                let recipients = u64::from(bundle.commitment.recipients);
                let (_, shown) = single_leaf(envelope, recipients, bundle.commitment.root)?;
                need(shown == leaf, "the envelope is not that of the recipient")?;
                omitted(&seal, position, recipient, manifest)
            }
            SealFault::Padded { bundle, opening, manifest } => {
                let (bundle, position) = sealed(&seal, bundle, opening)?;
                padded(&seal, position, bundle.commitment.recipients, manifest)
            }
            SealFault::Entry { client, manifest } => entry(&seal, client, manifest),
            SealFault::First => first(&seal),
        };
        Ok(format!("in seal {} {}", seal.batch, offence?))
    }
}

fn start(seal: &Seal, before: &Signed<Seal>) -> Finding {
    follows(Some(before), seal)?;
    need(seal.start != before.end, "it starts where the one before it ends")?;
    Ok(format!("began at position {}, but the seal before it ends at {}", seal.start, before.end))
}

fn first(seal: &Seal) -> Finding {
    follows(None, seal)?;
    need(seal.start != Position(0), "the first seal starts at position 0")?;
    Ok(format!("began its queue at position {}", seal.start))
}

/// Demands that these are all the bundles of a seal; gives their leaves.
fn leaves(seal: &Seal, bundles: &[Citation]) -> Result<Vec<Digest>, String> {
    let leaves: Vec<Digest> = bundles.iter().map(bundle_leaf).collect();
    need(Tree::new(leaves.clone()).root() == seal.leaves, "the bundles are not the sealed ones")?;
    Ok(leaves)
}

fn count(seal: &Seal, bundles: &[Citation]) -> Finding {
    let found = leaves(seal, bundles)?.len() as u64;
    need(found != seal.count(), "as many bundles as positions")?;
    Ok(format!("counted {} bundles, but sealed {found}", seal.count()))
}

fn chain(seal: &Seal, before: Option<&Signed<Seal>>, bundles: &[Citation]) -> Finding {
    follows(before, seal)?;
    let leaves = leaves(seal, bundles)?;
    need(leaves.len() as u64 == seal.count(), "these are not all bundles of the seal")?;
    let base = before.map_or(Digest::ZERO, |before| before.chain);
    let due = leaves.into_iter().fold(base, Digest::append);
    need(due != seal.chain, "the bundles lead to the chain")?;
    Ok(format!("signed the queue chain {:?}, but its bundles lead to {due:?}", seal.chain))
}

fn leaf(seal: &Seal, bundle: &Citation, opening: &Opening, trust: &Trust) -> Finding {
    let (_, shown) = single_leaf(opening, seal.count(), seal.leaves)?;
    need(shown == bundle_leaf(bundle), "the opening does not show the bundle")?;
    let Some(client) = bundle.actor.client().filter(|_| bundle.kind == Kind::Bundle) else {
        return Ok(format!("sealed a {} of {} as a bundle", bundle.kind.name(), bundle.actor));
    };
    let routed = trust.roster.incoming_of(&client);
    if routed != seal.incoming {
        return Ok(format!("sealed a bundle of {}, whom incoming/{routed} serves", bundle.actor));
    }
    need(!bundle.verify(trust), "the leaf is a bundle of a client of this actor")?;
    Ok(format!("sealed a bundle that {} did not sign", bundle.actor))
}

fn fifo(seal: &Seal, first: &Citation, second: &Citation, opening: &Opening) -> Finding {
    let opens = opening.size() == seal.count() && opening.root() == Some(seal.leaves);
    need(opens, "an opening does not open what was signed")?;
    let leaves: Vec<Digest> = opening.leaves().iter().map(|(_, leaf)| *leaf).collect();
    let shown = leaves == [bundle_leaf(first), bundle_leaf(second)];
    need(shown, "the opening does not show just these bundles in this order")?;
    let one_client = first.kind == Kind::Bundle && second.is_of(Kind::Bundle, first.actor, second.slot);
    need(one_client, "the bundles are not of one client")?;
    need(second.slot <= first.slot, "the bundles are in order")?;
    Ok(format!("sealed bundle {} of {} after bundle {}", second.slot, first.actor, first.slot))
}

/// The bundle that the seal commits to at the opened leaf, and its position.
fn sealed<'a>(
    seal: &Seal,
    bundle: &'a Unverified<Bundle>,
    opening: &Opening,
) -> Result<(&'a Bundle, Position), String> {
    let (index, leaf) = single_leaf(opening, seal.count(), seal.leaves)?;
    let position = seal.start.0.checked_add(index).ok_or("there is no such position")?;
    match bundle.committed_as(leaf) {
        Some(bundle) => Ok((bundle, Position(position))),
        None => doubt("the opening does not show the bundle"),
    }
}

fn ahead(seal: &Seal, bundle: &Unverified<Bundle>, opening: &Opening, trust: &Trust) -> Finding {
    let (body, position) = sealed(seal, bundle, opening)?;
    let Some(cited) = &body.seen else { return doubt("the bundle cites no cut") };
    if !cites_a_cut(cited, trust) {
        return Ok(format!("admitted at position {position} what cites no cut of the sequencer"));
    }
    let seen = seal.seen.as_ref().map(|seen| seen.slot);
    need(seen.is_none_or(|seen| cited.slot > seen), "the cited cut had been seen")?;
    let seen = seen.map_or("none".to_owned(), |seen| seen.to_string());
    Ok(format!("admitted at position {position} what cites cut {}, having seen {seen}", cited.slot))
}

fn regress(seal: &Seal, before: &Signed<Seal>) -> Finding {
    follows(Some(before), seal)?;
    let Some(earlier) = &before.seen else { return doubt("the seal before it had seen no cut") };
    let later = seal.seen.as_ref().map(|seen| seen.slot);
    need(later.is_none_or(|later| later < earlier.slot), "the last cut seen does not go back")?;
    let later = later.map_or("none".to_owned(), |later| later.to_string());
    Ok(format!("named {later} as the last cut seen, after cut {}", earlier.slot))
}

fn seen(seal: &Seal, trust: &Trust) -> Finding {
    let Some(seen) = &seal.seen else { return doubt("the seal cites no cut") };
    need(!cites_a_cut(seen, trust), "the seal cites a cut")?;
    Ok(format!("cited as the last cut seen what the sequencer did not sign as cut {}", seen.slot))
}

/// Whether an entry names a position, as a mailbox actor reads it.
fn names(positions: &Positions, seal: &Seal, position: Position) -> bool {
    positions.inside(seal).binary_search(&position).is_ok()
}

fn omitted(seal: &Seal, position: Position, recipient: &ClientId, manifest: &Pruned<Positions>) -> Finding {
    let entry = entry_of(manifest, seal.manifest, recipient)?;
    let named = entry.is_some_and(|positions| names(positions, seal, position));
    need(!named, "the manifest names the recipient")?;
    Ok(format!("left {} out of the manifest at position {position}", ActorId::Client(*recipient)))
}

fn padded(seal: &Seal, position: Position, recipients: u32, manifest: &Pruned<Positions>) -> Finding {
    need(manifest.root() == seal.manifest, "a map is not the one that was signed")?;
    let Some(entries) = manifest.range(KeyRange::of(0, 1)) else {
        return doubt("the manifest hides entries");
    };
    let named = entries.iter().filter(|(_, positions)| names(positions, seal, position)).count() as u64;
    need(named != u64::from(recipients), "the manifest names as many as the bundle")?;
    Ok(format!("named {named} recipients at position {position}, but the bundle there has {recipients}"))
}

fn entry(seal: &Seal, client: &ClientId, manifest: &Pruned<Positions>) -> Finding {
    let Some(positions) = entry_of(manifest, seal.manifest, client)? else {
        return doubt("the manifest has no such entry");
    };
    need(!positions.0.is_empty() && positions.inside(seal).is_empty(), "the entry is sound")?;
    Ok(format!("gave {} positions that are not sorted, not unique or not its own", ActorId::Client(*client)))
}

coded!(struct BadSeal { seal, fault });

coded!(enum SealFault "fault of a seal" {
    1 Start { before },
    2 Count { bundles: list("bundles", LEAVES_MAX as usize) },
    3 Chain { before, bundles: list("bundles", LEAVES_MAX as usize) },
    4 Leaf { bundle, opening },
    5 Fifo { first, second, opening },
    6 Ahead { bundle, opening },
    7 Regress { before },
    8 Seen,
    9 Omitted { bundle, opening, recipient, salt, ciphertext, envelope, manifest },
    10 Padded { bundle, opening, manifest },
    11 Entry { client, manifest },
    12 First,
});

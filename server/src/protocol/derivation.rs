//! Derivations: how the deliveries of one client over some epochs follow from signed statements.
//!
//! A mailbox is a pure function of the cuts and seals. A derivation holds all that this function needs for one
//! client, from one attestation of its mailbox actor to a later one: the cuts between them, the seals that those
//! cuts take with the client's manifest entries and leaves, and what both attestations say of the mailbox. Epochs
//! that brought the client nothing are part of the range, so an omission shows with the next delivery. The client
//! checks what it is given with it, and when the result differs from what was attested, the same bytes are the evidence.
//!
//! # Invariants
//! - Each hop is judged on its own function: the base is an earlier attestation of the *same* mailbox actor.
//! - An honest mailbox actor cannot be convicted whatever others sign: whatever does not fit together (a cut
//!   that does not follow the one before it, a seal that the cut does not reach) ends the derivation.

use super::{
    attestation::{Attestation, MailboxHead},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cut::{Cut, Span, spans},
    digest::Digest,
    endorsement::{OwnedClaim, borrowed},
    id::{ActorId, ClientId, Epoch, Position, Role, SequenceId},
    map::{Lookup, Pruned},
    merkle::Opening,
    seal::{Positions, Seal},
    statement::{Citation, Signed, Trust, Unverified},
};

/// Most seals a derivation may hold.
pub const SEALS_MAX: usize = 1 << 20;
/// Most epochs a derivation may span. A mailbox actor keeps no more for a client that stays away ([`RETAINED`]).
pub const EPOCHS_MAX: usize = 1 << 13;
/// For so many epochs a mailbox actor keeps what a client needs that has nothing to fetch. A client that was away for
/// longer goes on from a later attestation of its unchanged mailbox.
pub const RETAINED: u64 = 1 << 12;

/// What one seal says of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealPart {
    /// The seal.
    pub seal: Unverified<Seal>,
    /// Its manifest, at the client.
    pub manifest: Pruned<Positions>,
    /// Its leaves at the client's positions.
    pub leaves: Opening,
}

/// All that fixes a client's deliveries from one attestation to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The attestation in question.
    pub attestation: Unverified<Attestation>,
    /// The earlier attestation of the actor that it is measured by; none before the first epoch.
    pub previous: Option<Unverified<Attestation>>,
    /// The cut that the earlier attestation cites; none before the first epoch.
    pub before: Option<Unverified<Cut>>,
    /// The cuts after that, up to the one that the attestation cites.
    pub cuts: Vec<Unverified<Cut>>,
    /// The client's entry in the earlier attestation.
    pub base: Pruned<MailboxHead>,
    /// The client's entry in the attestation.
    pub after: Pruned<MailboxHead>,
    /// The seals that the cuts take: all of them, by incoming actor and batch number.
    pub seals: Vec<SealPart>,
}

/// Why a derivation derives nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A statement is not signed by whom it names.
    #[error("a signature is not that of its signer")]
    Signature,
    /// The mailbox is kept by another actor.
    #[error("the client's mailbox is not kept by this actor")]
    NotHosted,
    /// The cited cut is another one.
    #[error("the attestation does not cite this cut")]
    OtherCut,
    /// The statements are not neighbours.
    #[error("the {0} before it does not come before it")]
    Broken(&'static str),
    /// The two cuts contradict each other.
    #[error("the cut does not follow from the one before it")]
    Unordered,
    /// A seal is missing, superfluous or out of its chain.
    #[error("the seals of incoming/{0} do not lead from one cut to the next")]
    Seals(u32),
    /// An opening does not belong to its root.
    #[error("the {0} does not open what was signed")]
    Opening(&'static str),
    /// An opening does not show the client.
    #[error("the {0} does not show the client")]
    NotShown(&'static str),
}

/// One delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the total order.
    pub sequence: SequenceId,
    /// Whose queue it comes from.
    pub incoming: u32,
    /// Where it stands there.
    pub position: Position,
    /// The leaf of its bundle.
    pub leaf: Digest,
}

/// A derivation that holds together: what should have been attested, and what was.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The attestation.
    pub attestation: Signed<Attestation>,
    /// The cut that it cites.
    pub cut: Signed<Cut>,
    /// The mailbox as the actor attested it before.
    pub base: MailboxHead,
    /// The mailbox as the actor attests it now.
    pub attested: MailboxHead,
    /// The mailbox as it follows.
    pub expected: MailboxHead,
    /// The deliveries, in order.
    pub entries: Vec<Entry>,
}

impl Derived {
    /// Whether the actor attested what follows. What is acknowledged is not derived.
    pub fn holds(&self) -> bool {
        let key = |head: &MailboxHead| (head.generation, head.count, head.head);
        key(&self.attested) == key(&self.expected)
    }
}

/// The deliveries of one client among what the seals of one epoch hold for it: `(seal, positions, leaves)` each.
pub fn entries<'a>(
    spans: &[Span],
    parts: impl Iterator<Item = (u32, &'a [Position], &'a dyn Fn(Position) -> Option<Digest>)>,
) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for (incoming, positions, leaf_at) in parts {
        for position in positions {
            let inside =
                |span: &&Span| span.incoming == incoming && (span.start..span.end).contains(position);
            let span = spans.iter().find(inside)?;
            let leaf = leaf_at(*position)?;
            entries.push(Entry {
                sequence: span.sequence_of(*position),
                incoming,
                position: *position,
                leaf,
            });
        }
    }
    entries.sort_by_key(|entry| entry.sequence);
    Some(entries)
}

impl Derivation {
    /// The actor that attested.
    pub fn mailbox(&self) -> ActorId {
        self.attestation.claimed_actor()
    }

    /// The epoch attested.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.attestation.claimed_slot())
    }

    /// The newest roster that the actor names.
    pub fn roster(&self) -> u32 {
        let attested = self.previous.iter().chain([&self.attestation]);
        attested.map(|attestation| attestation.claimed_terms().roster).max().unwrap_or_default()
    }

    /// The statements in it.
    pub fn statements(&self) -> Vec<Citation> {
        let mut all = vec![self.attestation.cite()];
        all.extend(self.previous.iter().map(Unverified::cite));
        all.extend(self.before.iter().chain(&self.cuts).map(Unverified::cite));
        all.extend(self.seals.iter().map(|part| part.seal.cite()));
        all
    }

    /// Checks everything and derives.
    pub fn check(&self, client: &ClientId, trust: &Trust) -> Result<Derived, Flaw> {
        self.check_signatures(trust)?;
        let attestation = self.attestation.clone().believed();
        let cuts: Vec<Signed<Cut>> = self.cuts.iter().cloned().map(Unverified::believed).collect();
        let before = self.before.clone().map(Unverified::believed);
        let previous = self.previous.clone().map(Unverified::believed);
        if trust.roster.mailbox_of(client) != attestation.mailbox {
            return Err(Flaw::NotHosted);
        }
        let cut = cuts.last().ok_or(Flaw::OtherCut)?.clone();
        check_ends(&attestation, previous.as_ref(), &cut, before.as_ref())?;
        let spans = check_cuts(before.as_ref(), &cuts, trust.roster.incoming() as usize)?;
        self.check_seals(before.as_deref(), &cut)?;
        let entries = self.entries(client, &spans)?;
        let base_root = previous.map_or(Digest::ZERO, |previous| previous.root);
        let base = shown(&self.base, base_root, client, "base")?;
        let attested = shown(&self.after, attestation.root, client, "attested mailbox")?;
        let expected = entries.iter().fold(base, |head, entry| head.deliver(entry.sequence, entry.leaf));
        Ok(Derived { attestation, cut, base, attested, expected, entries })
    }

    fn check_signatures(&self, trust: &Trust) -> Result<(), Flaw> {
        let mut claims: Vec<Option<OwnedClaim>> = vec![self.attestation.claim(trust)];
        claims.extend(self.previous.iter().map(|previous| previous.claim(trust)));
        claims.extend(self.before.iter().chain(&self.cuts).map(|cut| cut.claim(trust)));
        let ordered = trust.of_ordered_seals(); // whether a cut leads to them is checked
        claims.extend(self.seals.iter().map(|part| part.seal.claim(&ordered)));
        let claims: Option<Vec<_>> = claims.into_iter().collect();
        let claims = claims.ok_or(Flaw::Signature)?;
        let claims: Vec<_> = claims.iter().map(borrowed).collect();
        if trust.verifier.verify_all(&claims) { Ok(()) } else { Err(Flaw::Signature) }
    }

    /// How many signatures a check verifies.
    pub fn signatures(&self) -> usize {
        1 + usize::from(self.previous.is_some())
            + usize::from(self.before.is_some())
            + self.cuts.len()
            + self.seals.len()
    }

    /// The seals of every actor must lead, link by link, from what the cut before reached to what this one does.
    fn check_seals(&self, before: Option<&Cut>, cut: &Cut) -> Result<(), Flaw> {
        let mut rest = &self.seals[..];
        for (j, reached) in cut.reached.iter().enumerate() {
            let flaw = || Flaw::Seals(j as u32);
            let actor = ActorId::Server(Role::Incoming, j as u32);
            let own = rest.iter().take_while(|part| part.seal.claimed_actor() == actor).count();
            let (parts, others) = rest.split_at(own);
            rest = others;
            let from = before.map(|before| before.reached[j].clone()).unwrap_or_default();
            let mut last = from.seal.map(|seal| (seal.slot, seal.digest));
            let mut end = from.end;
            for part in parts {
                let seal = part.seal.clone().believed();
                let (slot, previous) =
                    last.map_or((0, Digest::ZERO), |(slot, digest)| (slot.saturating_add(1), digest));
                if (seal.batch.0, seal.previous, seal.start) != (slot, previous, end) {
                    return Err(flaw());
                }
                last = Some((slot, seal.digest()));
                end = seal.end;
            }
            if last != reached.seal.as_ref().map(|seal| (seal.slot, seal.digest)) || end != reached.end {
                return Err(flaw());
            }
        }
        rest.first().map_or(Ok(()), |extra| {
            Err(Flaw::Seals(extra.seal.claimed_actor().index_of(Role::Incoming).unwrap_or(u32::MAX)))
        })
    }

    fn entries(&self, client: &ClientId, spans: &[Span]) -> Result<Vec<Entry>, Flaw> {
        let mut all = Vec::new();
        for part in &self.seals {
            let seal = part.seal.clone().believed();
            // checked though nothing may be taken from it: no byte of evidence is free
            if part.leaves.size() != seal.count() || part.leaves.root() != Some(seal.leaves) {
                return Err(Flaw::Opening("list of leaves"));
            }
            let positions = match lookup(&part.manifest, seal.manifest, client, "manifest")? {
                None => continue,
                Some(positions) => positions.inside(&seal),
            };
            let leaf_at = |position: Position| part.leaves.leaf(position.0.checked_sub(seal.start.0)?);
            let found =
                entries(spans, std::iter::once((seal.incoming, positions, &leaf_at as &dyn Fn(_) -> _)));
            all.extend(found.ok_or(Flaw::NotShown("list of leaves"))?);
        }
        all.sort_by_key(|entry| entry.sequence);
        Ok(all)
    }
}

/// The attestation cites the last cut, and the one before it the cut before the first.
fn check_ends(
    attestation: &Signed<Attestation>,
    previous: Option<&Signed<Attestation>>,
    cut: &Signed<Cut>,
    before: Option<&Signed<Cut>>,
) -> Result<(), Flaw> {
    if attestation.epoch != cut.epoch || attestation.cut.digest != cut.digest() {
        return Err(Flaw::OtherCut);
    }
    match (previous, before) {
        (None, None) => Ok(()),
        (Some(previous), Some(before))
            if previous.mailbox == attestation.mailbox
                && (previous.epoch, previous.cut.digest) == (before.epoch, before.digest()) =>
        {
            Ok(())
        }
        _ => Err(Flaw::Broken("attestation")),
    }
}

/// Each cut follows the one before it; gives all that they order.
fn check_cuts(before: Option<&Signed<Cut>>, cuts: &[Signed<Cut>], actors: usize) -> Result<Vec<Span>, Flaw> {
    let mut all = Vec::new();
    let mut last = before;
    for cut in cuts {
        let link = last.map_or((Epoch(1), Digest::ZERO), |last| (last.epoch.next(), last.digest()));
        if link != (cut.epoch, cut.previous) {
            return Err(Flaw::Broken("cut"));
        }
        if cut.reached.len() != actors {
            return Err(Flaw::Unordered);
        }
        all.extend(spans(last.map(|last| &**last), cut).ok_or(Flaw::Unordered)?);
        last = Some(cut);
    }
    Ok(all)
}

fn lookup<'a, V: Encode>(
    pruned: &'a Pruned<V>,
    root: Digest,
    client: &ClientId,
    what: &'static str,
) -> Result<Option<&'a V>, Flaw> {
    if pruned.root() != root {
        return Err(Flaw::Opening(what));
    }
    match pruned.get(client) {
        Lookup::Present(value) => Ok(Some(value)),
        Lookup::Absent => Ok(None),
        Lookup::Hidden => Err(Flaw::NotShown(what)),
    }
}

fn shown(
    pruned: &Pruned<MailboxHead>,
    root: Digest,
    client: &ClientId,
    what: &'static str,
) -> Result<MailboxHead, Flaw> {
    Ok(lookup(pruned, root, client, what)?.copied().unwrap_or_default())
}

coded!(struct SealPart { seal, manifest, leaves });

coded!(struct Derivation {
    attestation,
    previous,
    before,
    cuts: list("cuts", EPOCHS_MAX),
    base,
    after,
    seals: list("seals", SEALS_MAX),
});

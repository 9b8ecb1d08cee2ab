//! Cuts and seals that follow each other, with everything written once.
//!
//! Most of a delivery is cuts and seals of the epochs since the last one, and most of these says the same again: a seal names the digest of
//! the one before it, a cut cites each seal whose bytes stand beside it, and all seals of an epoch cite one cut. What follows from the rest is
//! left out and put back by the reader, bit by bit what was signed: nothing that is signed, judged or kept as evidence changes.
//!
//! # Bytes
//! `0 ‖ cuts: list ‖ seals: list` of what does not follow each other, as it is; else `1 ‖ cuts(4) ‖ incoming actors(4) ‖
//! cited cuts: list of citations`, and for each cut:
//! - for each incoming actor `seals that this cut takes(1)`, and those seals, each:
//!   - the actor's first one: `batch number(8) ‖ roster version(4) ‖ key epoch(4) ‖ start(8) ‖ previous seal digest(32)`; a later one: optional
//!     `roster version(4) ‖ key epoch(4)`, if it is another than before;
//!   - `bundles(4) ‖ queue chain head(32) ‖ leaves root(32) ‖ content bytes(8) ‖ seen(4) ‖ signature(64)`, where *seen* is 0 for no cut, 1 and more for a cited
//!     one, 65 and more for one of this list before this one;
//!   - its manifest at the client, whose root is the manifest root, and `0` if no leaf is opened, else `1 ‖ opening`;
//! - of the first cut, where it takes no seal of an actor: how far that is ordered, as in a cut;
//! - the first cut: `epoch(8) ‖ roster version(4) ‖ key epoch(4) ‖ previous cut digest(32) ‖ base(8)`; a later one: optional terms as above; `signature(64)`.
//!
//! # Invariants
//! - What follows each other is written in the second form and in no other way, so that no other bytes decode to it.
//! - No cut is made up from less than a byte for each of its actors, and no more than [`ENTRIES_MAX`] of all.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    cut::{Cut, Reached},
    derivation::{EPOCHS_MAX, SEALS_MAX, SealPart},
    digest::Digest,
    endorsement::Endorsement,
    id::{BatchNumber, Epoch, Position, SequenceId},
    map::Pruned,
    merkle::{LEAVES_MAX, Opening},
    roster::MEMBERS_MAX,
    seal::{Positions, Seal},
    statement::{Citation, Kind, Terms, Unverified},
};

/// Most entries of all cuts together: one may take a single byte here, and 150 of memory.
const ENTRIES_MAX: usize = 1 << 18;
/// Most cuts that are cited and not in the list. Incoming actors have seen one of the last few.
const CITED_MAX: usize = 64;
/// Most seals of an actor that one cut takes.
const TAKEN_MAX: usize = u8::MAX as usize;
/// As which the first cut of the list is written where it is seen. Below stand those that are cited, from 1 on.
const LISTED: u32 = 1 + CITED_MAX as u32;

const NO_FORM: DecodeError = DecodeError::Invalid("form of cuts and seals");

/// Appends cuts and the seals that they take, by incoming actor and batch number.
pub fn encode(cuts: &[Unverified<Cut>], seals: &[SealPart], out: &mut Writer) {
    match Plan::of(cuts, seals) {
        Some(plan) => {
            out.u8(1);
            plan.encode(cuts, seals, out);
        }
        None => {
            out.u8(0);
            out.list(cuts);
            out.list(seals);
        }
    }
}

/// Cuts, and the seals that they take.
pub type Row = (Vec<Unverified<Cut>>, Vec<SealPart>);

/// Reads them back.
pub fn decode(input: &mut Reader<'_>) -> Result<Row, DecodeError> {
    let (plan, cuts, seals) = match input.u8()? {
        0 => (None, input.list("cuts", EPOCHS_MAX)?, input.list("seals", SEALS_MAX)?),
        1 => {
            let (plan, (cuts, seals)) = decode_row(input)?;
            (Some(plan), cuts, seals)
        }
        _ => return Err(NO_FORM),
    };
    if plan == Plan::of(&cuts, &seals) { Ok((cuts, seals)) } else { Err(NO_FORM) }
}

/// How cuts and seals follow each other.
#[derive(PartialEq, Eq)]
struct Plan {
    /// How many seals each cut takes of each incoming actor.
    taken: Vec<usize>,
    /// As what the cut that each seal has seen is written.
    seen: Vec<u32>,
    /// The cuts that seals have seen and that are not in the list, in the order in which the seals are written.
    cited: Vec<Citation>,
}

impl Plan {
    /// The plan of these, if they follow each other.
    fn of(cuts: &[Unverified<Cut>], seals: &[SealPart]) -> Option<Plan> {
        let actors = cuts.first()?.claimed().reached.len();
        let bounded =
            cuts.len() <= EPOCHS_MAX && seals.len() <= SEALS_MAX && cuts.len() * actors <= ENTRIES_MAX;
        if !bounded || !(1..=MEMBERS_MAX).contains(&actors) {
            return None;
        }
        let mut queues = queues(seals, actors)?;
        let mut plan = Plan {
            taken: Vec::with_capacity(cuts.len() * actors),
            seen: vec![0; seals.len()],
            cited: Vec::new(),
        };
        for (at, cut) in cuts.iter().enumerate() {
            let (listed, before) = (&cuts[..at], at.checked_sub(1).map(|before| cuts[before].claimed()));
            let Cut { epoch, previous, base, total, reached, .. } = cut.claimed();
            let link =
                listed.last().map(|last| (last.claimed().epoch.next(), last.digest(), last.claimed().total));
            if reached.len() != actors || link.is_some_and(|link| link != (*epoch, *previous, *base)) {
                return None;
            }
            let mut next = *base;
            for (j, queue) in queues.iter_mut().enumerate() {
                let before = before.map(|before| &before.reached[j]);
                let taken = taken(&reached[j], before, queue.left)?;
                let (own, left) = queue.left.split_at(taken);
                for (part, seen) in own.iter().zip(&mut plan.seen[queue.at..]) {
                    *seen = see(part.seal.claimed().seen.as_ref(), listed, &mut plan.cited)?;
                }
                (queue.left, queue.at) = (left, queue.at + taken);
                next = after(next, &reached[j], before, own.first())?;
                plan.taken.push(taken);
            }
            if next != *total {
                return None;
            }
        }
        queues.iter().all(|queue| queue.left.is_empty()).then_some(plan)
    }

    fn encode(&self, cuts: &[Unverified<Cut>], seals: &[SealPart], out: &mut Writer) {
        let actors = self.taken.len() / cuts.len();
        out.count(cuts.len());
        out.count(actors);
        out.list(&self.cited);
        let mut queues = queues(seals, actors).expect("they follow each other");
        let mut taken = self.taken.iter();
        let mut last: Option<&Unverified<Cut>> = None;
        for cut in cuts {
            for ((queue, taken), reached) in queues.iter_mut().zip(&mut taken).zip(&cut.claimed().reached) {
                out.u8(*taken as u8);
                let (own, left) = queue.left.split_at(*taken);
                for part in own {
                    encode_part(part, queue.last, self.seen[queue.at], out);
                    (queue.last, queue.at) = (Some(&part.seal), queue.at + 1);
                }
                queue.left = left;
                if own.is_empty() && last.is_none() {
                    reached.encode(out);
                }
            }
            encode_cut(cut, last, out);
            last = Some(cut);
        }
    }
}

/// The seals of one incoming actor, while they are gone through.
struct Queue<'a> {
    /// Those that are still to come.
    left: &'a [SealPart],
    /// Where the next one stands among those of all.
    at: usize,
    /// The one before.
    last: Option<&'a Unverified<Seal>>,
}

/// The seals of each incoming actor, if they stand one actor after the other, and of each one behind the other.
fn queues(seals: &[SealPart], actors: usize) -> Option<Vec<Queue<'_>>> {
    let mut rest = seals;
    let mut queues = Vec::with_capacity(actors);
    for j in 0..actors as u32 {
        let own = rest.iter().take_while(|part| part.seal.claimed().incoming == j).count();
        let at = seals.len() - rest.len();
        let (left, others) = rest.split_at(own);
        let linked = left.windows(2).all(|pair| {
            let [last, next] = [&pair[0].seal, &pair[1].seal];
            next.claimed().extends(Some((last.claimed(), last.digest())))
        });
        if !linked || !left.iter().all(is_whole) {
            return None;
        }
        queues.push(Queue { left, at, last: None });
        rest = others;
    }
    rest.is_empty().then_some(queues)
}

/// Whether a seal's range and manifest are what they are read back as.
fn is_whole(part: &SealPart) -> bool {
    let seal = part.seal.claimed();
    seal.start <= seal.end && seal.count() <= LEAVES_MAX && seal.manifest == part.manifest.root()
}

/// How many of these seals an actor's part of a cut takes; none if they do not lead there.
fn taken(reached: &Reached, before: Option<&Reached>, seals: &[SealPart]) -> Option<usize> {
    let place = |seal: &Citation| seal.slot.checked_sub(seals.first()?.seal.claimed_slot());
    let at = reached.seal.as_ref().and_then(place).and_then(|at| usize::try_from(at).ok());
    let leads = |part: &SealPart| {
        reached.seal.as_ref().is_some_and(|seal| part.seal.is_cited_as(seal))
            && part.seal.claimed().end == reached.end
    };
    match at.filter(|at| seals.get(*at).is_some_and(leads)) {
        Some(at) => (at < TAKEN_MAX).then_some(at + 1),
        None => before.is_none_or(|before| before == reached).then_some(0),
    }
}

/// The sequence id after what a cut takes of an actor, the first seal of which is this one.
fn after(
    next: SequenceId,
    reached: &Reached,
    before: Option<&Reached>,
    first: Option<&SealPart>,
) -> Option<SequenceId> {
    let start = match (before, first) {
        (Some(before), _) => before.end,
        (None, Some(first)) => first.seal.claimed().start,
        (None, None) => reached.end,
    };
    next.0.checked_add(reached.end.0.checked_sub(start.0)?).map(SequenceId)
}

/// As what the cut is written that a seal has seen.
fn see(seen: Option<&Citation>, listed: &[Unverified<Cut>], cited: &mut Vec<Citation>) -> Option<u32> {
    let Some(seen) = seen else { return Some(0) };
    let place = |first: &Unverified<Cut>| usize::try_from(seen.slot.checked_sub(first.claimed_slot())?).ok();
    let at = listed.first().and_then(place);
    if let Some(at) = at.filter(|at| listed.get(*at).is_some_and(|cut| cut.is_cited_as(seen))) {
        return Some(LISTED + at as u32);
    }
    let at = cited.iter().position(|other| other == seen).unwrap_or_else(|| {
        cited.push(seen.clone());
        cited.len() - 1
    });
    (at < CITED_MAX).then_some(1 + at as u32)
}

fn encode_terms(terms: Terms, out: &mut Writer) {
    out.u32(terms.roster);
    out.u32(terms.key);
}

fn decode_terms(input: &mut Reader<'_>) -> Result<Terms, DecodeError> {
    Ok(Terms { roster: input.u32()?, key: input.u32()? })
}

/// Terms, if they are others than before.
fn encode_change(terms: Terms, last: Terms, out: &mut Writer) {
    out.u8(u8::from(terms != last));
    if terms != last {
        encode_terms(terms, out);
    }
}

fn decode_change(last: Terms, input: &mut Reader<'_>) -> Result<Terms, DecodeError> {
    match input.u8()? {
        0 => Ok(last),
        1 => Some(decode_terms(input)?).filter(|terms| *terms != last).ok_or(NO_FORM),
        _ => Err(NO_FORM),
    }
}

fn encode_cut(cut: &Unverified<Cut>, last: Option<&Unverified<Cut>>, out: &mut Writer) {
    let Cut { epoch, terms, previous, base, .. } = cut.claimed();
    match last {
        Some(last) => encode_change(*terms, last.claimed().terms, out),
        None => {
            epoch.encode(out);
            encode_terms(*terms, out);
            previous.encode(out);
            base.encode(out);
        }
    }
    cut.endorsement().encode_of(Kind::Cut, out);
}

/// Reads a cut that takes so much, by which so many bundles are ordered.
fn decode_cut(
    (reached, orders): (Vec<Reached>, u64),
    last: Option<&Unverified<Cut>>,
    input: &mut Reader<'_>,
) -> Result<Unverified<Cut>, DecodeError> {
    let (epoch, terms, previous, base) = match last {
        None => {
            (Epoch::decode(input)?, decode_terms(input)?, Digest::decode(input)?, SequenceId::decode(input)?)
        }
        Some(last) => {
            let Cut { epoch, terms, total, .. } = last.claimed();
            (epoch.next(), decode_change(*terms, input)?, last.digest(), *total)
        }
    };
    let total = base.0.checked_add(orders).map(SequenceId).ok_or(NO_FORM)?;
    let endorsement = Endorsement::decode_of(Kind::Cut, input)?;
    Unverified::of(Cut { epoch, terms, previous, base, total, reached }, endorsement)
}

fn encode_part(part: &SealPart, last: Option<&Unverified<Seal>>, seen: u32, out: &mut Writer) {
    let seal = part.seal.claimed();
    match last {
        Some(last) => encode_change(seal.terms, last.claimed().terms, out),
        None => {
            seal.batch.encode(out);
            encode_terms(seal.terms, out);
            seal.start.encode(out);
            seal.previous.encode(out);
        }
    }
    out.count(seal.count() as usize);
    seal.chain.encode(out);
    seal.leaves.encode(out);
    out.u64(seal.content_bytes);
    out.u32(seen);
    part.seal.endorsement().encode_of(Kind::Seal, out);
    part.manifest.encode(out);
    let closed = part.leaves == Opening::closed(seal.count(), seal.leaves);
    out.option((!closed).then_some(&part.leaves));
}

/// Reads a seal of this actor with what it says of the client, and as what the cut is written that it has seen.
fn decode_part(
    incoming: u32,
    last: Option<&SealPart>,
    (cited, listed): (&[Citation], &[Unverified<Cut>]),
    input: &mut Reader<'_>,
) -> Result<(SealPart, u32), DecodeError> {
    let (batch, terms, start, previous) = match last.map(|last| &last.seal) {
        None => (
            BatchNumber::decode(input)?,
            decode_terms(input)?,
            Position::decode(input)?,
            Digest::decode(input)?,
        ),
        Some(last) => {
            let Seal { batch, terms, end, .. } = last.claimed();
            (batch.next(), decode_change(*terms, input)?, *end, last.digest())
        }
    };
    let count = input.count("bundles", LEAVES_MAX as usize)? as u64;
    let end = start.0.checked_add(count).map(Position).ok_or(NO_FORM)?;
    let (chain, leaves, content_bytes) = (Digest::decode(input)?, Digest::decode(input)?, input.u64()?);
    let written = input.u32()?;
    let seen = match written.checked_sub(LISTED) {
        _ if written == 0 => None,
        None => Some(cited.get(written as usize - 1).ok_or(NO_FORM)?.clone()),
        Some(at) => Some(listed.get(at as usize).ok_or(NO_FORM)?.cite()),
    };
    let endorsement = Endorsement::decode_of(Kind::Seal, input)?;
    let manifest: Pruned<Positions> = Pruned::decode(input)?;
    let root = manifest.root();
    let closed = Opening::closed(count, leaves);
    let opening = match input.option()? {
        None => closed,
        Some(opening) if opening != closed => opening,
        Some(_) => return Err(NO_FORM),
    };
    let seal = Seal {
        incoming,
        batch,
        terms,
        start,
        end,
        chain,
        previous,
        leaves,
        manifest: root,
        content_bytes,
        seen,
    };
    Ok((SealPart { seal: Unverified::of(seal, endorsement)?, manifest, leaves: opening }, written))
}

/// Reads what follows each other.
fn decode_row(input: &mut Reader<'_>) -> Result<(Plan, Row), DecodeError> {
    let count = input.count("cuts", EPOCHS_MAX)?;
    let actors = input.count("incoming actors", MEMBERS_MAX)?;
    if count == 0 || actors == 0 || count * actors > ENTRIES_MAX {
        return Err(NO_FORM);
    }
    let cited: Vec<Citation> = input.list("cited cuts", CITED_MAX)?;
    let mut cuts: Vec<Unverified<Cut>> = Vec::new();
    let mut queues: Vec<(Vec<SealPart>, Vec<u32>)> = vec![Default::default(); actors];
    let mut taken = Vec::new();
    for _ in 0..count {
        let (mut reached, mut next) = (Vec::new(), SequenceId(0));
        for (j, (queue, seen)) in queues.iter_mut().enumerate() {
            let own = usize::from(input.u8()?);
            for _ in 0..own {
                let (part, written) = decode_part(j as u32, queue.last(), (&cited, &cuts), input)?;
                queue.push(part);
                seen.push(written);
            }
            let (own_seals, before) =
                (&queue[queue.len() - own..], cuts.last().map(|cut| &cut.claimed().reached[j]));
            let here = match (own_seals.last(), before) {
                (Some(last), _) => Reached { seal: Some(last.seal.cite()), end: last.seal.claimed().end },
                (None, Some(before)) => before.clone(),
                (None, None) => Reached::decode(input)?,
            };
            next = after(next, &here, before, own_seals.first()).ok_or(NO_FORM)?;
            reached.push(here);
            taken.push(own);
        }
        cuts.push(decode_cut((reached, next.0), cuts.last(), input)?);
    }
    let (seals, seen): (Vec<_>, Vec<_>) = queues.into_iter().unzip();
    let plan = Plan { taken, seen: seen.concat(), cited };
    Ok((plan, (cuts, seals.into_iter().flatten().collect())))
}

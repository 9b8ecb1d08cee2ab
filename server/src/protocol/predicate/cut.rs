//! *badcut*: a cut that does not follow from the seals it cites and the cut before it.
//!
//! An honest sequencer cites, for every incoming actor of the roster, the last seal that it verified and found to
//! extend, link by link, what its own last cut cites; the numbers are sums over that. A seal that does not extend,
//! whoever signed it, is never cited, so no incoming actor can make it sign a false cut.

use super::{Finding, Predicate, doubt, is_next, need, newest, verified, verified_if_any};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cut::{Cut, Reached},
    digest::Digest,
    id::{ActorId, Role, SequenceId},
    seal::Seal,
    statement::{Citation, Kind, Signed, Trust, Unverified},
};

/// Most seals in a walk from one cut back to the one before it.
const SEALS_MAX: usize = 1 << 16;

/// A false cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCut {
    /// The cut.
    pub cut: Unverified<Cut>,
    /// What is false.
    pub fault: CutFault,
}

/// What is false in a cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "rare, and never in bulk")]
pub enum CutFault {
    /// It misses an actor, cites what is no seal of its actor, miscounts, or reaches positions without a seal.
    Alone,
    /// It does not go on from the cut before it: the base, or how far a queue is ordered.
    Follows {
        /// The cut before it.
        before: Unverified<Cut>,
    },
    /// It names another end than the seal that it cites.
    End {
        /// The cited seal.
        seal: Unverified<Seal>,
    },
    /// The seal that it cites does not extend what the cut before it cites.
    Extends {
        /// The cut before it; none before the first.
        before: Option<Unverified<Cut>>,
        /// The cited seal, and those that it stands on, each named by the one before it in this list.
        seals: Vec<Unverified<Seal>>,
    },
}

impl Predicate for BadCut {
    const NAME: &'static str = "badcut";

    fn accused(&self) -> ActorId {
        ActorId::SEQUENCER
    }

    fn statements(&self) -> Vec<Citation> {
        let mut all = vec![self.cut.cite()];
        match &self.fault {
            CutFault::Alone => {}
            CutFault::Follows { before } => all.push(before.cite()),
            CutFault::End { seal } => all.push(seal.cite()),
            CutFault::Extends { before, seals } => {
                all.extend(before.iter().map(Unverified::cite));
                all.extend(seals.iter().map(Unverified::cite));
            }
        }
        all
    }

    fn roster(&self) -> Option<u32> {
        let before = match &self.fault {
            CutFault::Follows { before } => Some(before),
            CutFault::Extends { before, .. } => before.as_ref(),
            CutFault::Alone | CutFault::End { .. } => None,
        };
        newest(&[Some(&self.cut), before])
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let cut = verified(&self.cut, trust)?;
        let offence = match &self.fault {
            CutFault::Alone => alone(&cut, trust),
            CutFault::Follows { before } => continues(&cut, &verified(before, trust)?),
            CutFault::End { seal } => end(&cut, &verified(seal, trust)?),
            CutFault::Extends { before, seals } => {
                let before = verified_if_any(before.as_ref(), trust)?;
                let seals: Result<Vec<_>, _> = seals.iter().map(|seal| verified(seal, trust)).collect();
                extends(&cut, before.as_ref(), &seals?)
            }
        };
        Ok(format!("in cut {} {}", cut.epoch, offence?))
    }
}

fn alone(cut: &Cut, trust: &Trust) -> Finding {
    let (cited, known) = (cut.reached.len(), trust.roster.incoming());
    if cited != known as usize {
        return Ok(format!("ordered {cited} queues, but there are {known}"));
    }
    for (j, reached) in (0u32..).zip(&cut.reached) {
        let actor = ActorId::Server(Role::Incoming, j);
        match &reached.seal {
            None if reached.end.0 > 0 => {
                return Ok(format!("reached position {} of {actor} without a seal", reached.end));
            }
            Some(seal) if !seal.is_of(Kind::Seal, actor, seal.slot) || !seal.verify(trust) => {
                return Ok(format!("cited what {actor} did not sign as its seal {}", seal.slot));
            }
            _ => {}
        }
    }
    if cut.epoch.0 == 1 && cut.base != SequenceId(0) {
        return Ok(format!("began the first epoch at sequence id {}", cut.base));
    }
    let sum = cut.reached.iter().try_fold(0u64, |sum, reached| sum.checked_add(reached.end.0));
    need(sum != Some(cut.total.0), "the cut is sound in itself")?;
    Ok(format!("signed {} as the sum of what it reaches, which it is not", cut.total))
}

/// Demands that a cut names this one as the one before it; with none, that it is the first.
fn linked(cut: &Cut, before: Option<&Signed<Cut>>) -> Result<(), String> {
    let linked = match before {
        None => (cut.epoch.0, cut.previous) == (1, Digest::ZERO),
        Some(before) => is_next(before.epoch.0, cut.epoch.0) && before.digest() == cut.previous,
    };
    need(linked, "the cut before it does not come before it")
}

fn continues(cut: &Cut, before: &Signed<Cut>) -> Finding {
    linked(cut, Some(before))?;
    if cut.base != before.total {
        return Ok(format!(
            "began at sequence id {}, but the cut before it ends at {}",
            cut.base, before.total
        ));
    }
    let both = (0u32..).zip(before.reached.iter().zip(&cut.reached));
    let mut offences = both.filter_map(|(j, (before, reached))| Some((j, goes_back(before, reached)?)));
    match offences.next() {
        Some((j, what)) => Ok(format!("{what} in the queue of incoming/{j}")),
        None => doubt("the cut goes on from the one before it"),
    }
}

/// How a queue is ordered otherwise than before, if it is.
fn goes_back(before: &Reached, reached: &Reached) -> Option<&'static str> {
    let Some(earlier) = &before.seal else { return (reached.end < before.end).then_some("went back") };
    let Some(later) = &reached.seal else { return Some("went back to nothing") };
    if later.slot < earlier.slot || reached.end < before.end {
        return Some("went back");
    }
    let same = later.digest == earlier.digest && reached.end == before.end;
    (later.slot == earlier.slot && !same).then_some("ordered another seal of the same number")
}

/// The queue in which the cut cites this seal.
fn reached_at(cut: &Cut, seal: &Signed<Seal>) -> Result<Reached, String> {
    let reached = cut.reached.get(seal.incoming as usize).cloned().unwrap_or_default();
    let cited = reached.seal.as_ref().is_some_and(|cited| {
        cited.is_of(Kind::Seal, ActorId::Server(Role::Incoming, seal.incoming), seal.batch.0)
            && cited.digest == seal.digest()
    });
    need(cited, "the cut does not cite this seal")?;
    Ok(reached)
}

fn end(cut: &Cut, seal: &Signed<Seal>) -> Finding {
    let reached = reached_at(cut, seal)?;
    need(reached.end != seal.end, "the end is that of the cited seal")?;
    Ok(format!(
        "named {} as the end of seal {} of incoming/{}, which ends at {}",
        reached.end, seal.batch, seal.incoming, seal.end
    ))
}

fn extends(cut: &Cut, before: Option<&Signed<Cut>>, seals: &[Signed<Seal>]) -> Finding {
    linked(cut, before)?;
    let (Some(cited), Some(first)) = (seals.first(), seals.last()) else { return doubt("no seal") };
    reached_at(cut, cited)?;
    let from =
        before.and_then(|before| before.reached.get(cited.incoming as usize)).cloned().unwrap_or_default();
    let offence = |seal: &Seal| {
        Ok(format!(
            "cited seal {} of incoming/{}, which does not extend what it had ordered",
            seal.batch, cited.incoming
        ))
    };
    for pair in seals.windows(2) {
        let [later, earlier] = pair else { continue };
        need(later.previous == earlier.digest(), "the seals are not a chain")?;
        let fits = later.incoming == earlier.incoming
            && is_next(earlier.batch.0, later.batch.0)
            && later.start == earlier.end;
        if !fits {
            need(std::ptr::eq(earlier, first), "seals after the one that does not fit")?;
            return offence(later);
        }
    }
    let reaches = match from.seal {
        None => first.batch.0 == 0,
        Some(ref seal) => is_next(seal.slot, first.batch.0),
    };
    need(reaches, "the seals do not lead back to the cut before")?;
    let previous = from.seal.map_or(Digest::ZERO, |seal| seal.digest);
    need((first.previous, first.start) != (previous, from.end), "the seal extends what was ordered before")?;
    offence(first)
}

coded!(struct BadCut { cut, fault });

coded!(enum CutFault "fault of a cut" {
    1 Alone,
    2 Follows { before },
    3 End { seal },
    4 Extends { before, seals: list("seals", SEALS_MAX) },
});

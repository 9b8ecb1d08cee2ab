//! Cuts: the order of one epoch, made of references.
//!
//! Fields after the terms: `previous cut digest(32) ‖ base(8) ‖ total(8) ‖ reached: list, one for each incoming
//! actor of the roster, of (optional citation of its seal ‖ end position(8))`. Slot: the epoch, from 1.
//!
//! A cut takes, of each incoming actor, everything up to the cited seal. Sequence ids follow from two cuts alone:
//! the new positions of each actor, actor after actor, beginning with actor `epoch mod n`. An actor that is late
//! is cited as before (*unchanged is explicit*), and the next cut takes what this one missed.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, Epoch, Position, SequenceId},
    roster::MEMBERS_MAX,
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// The order of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The epoch.
    pub epoch: Epoch,
    /// Roster and key.
    pub terms: Terms,
    /// The digest of the cut before it.
    pub previous: Digest,
    /// The first sequence id of this epoch.
    pub base: SequenceId,
    /// The first sequence id of the next.
    pub total: SequenceId,
    /// How far each incoming actor's queue is ordered, by its index.
    pub reached: Vec<Reached>,
}

/// How far one queue is ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last seal taken, if any was.
    pub seal: Option<Citation>,
    /// Its end.
    pub end: Position,
}

/// A run of one queue that an epoch orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which incoming actor.
    pub incoming: u32,
    /// The first position.
    pub start: Position,
    /// The position after the last.
    pub end: Position,
    /// The sequence id of the first.
    pub first: SequenceId,
}

impl Span {
    /// The sequence id of a position in the run.
    pub fn sequence_of(&self, position: Position) -> SequenceId {
        SequenceId(self.first.0 + (position.0 - self.start.0))
    }
}

/// What a cut orders after the one before it (none before the first), in order. None if the two do not fit: one
/// of them misses an actor, a queue goes back, or the totals are wrong.
pub fn spans(before: Option<&Cut>, cut: &Cut) -> Option<Vec<Span>> {
    let actors = cut.reached.len();
    let base = before.map_or(SequenceId(0), |before| before.total);
    let same_size = before.is_none_or(|before| before.reached.len() == actors);
    if !same_size || actors == 0 || cut.base != base {
        return None;
    }
    let start_of = |j: usize| before.map_or(Position(0), |before| before.reached[j].end);
    let rotation = (cut.epoch.0 % actors as u64) as usize;
    let mut next = base.0;
    let mut spans = Vec::new();
    for j in (rotation..actors).chain(0..rotation) {
        let (start, end) = (start_of(j), cut.reached[j].end);
        let length = end.0.checked_sub(start.0)?;
        if length > 0 {
            spans.push(Span { incoming: j as u32, start, end, first: SequenceId(next) });
        }
        next = next.checked_add(length)?;
    }
    (cut.total.0 == next).then_some(spans)
}

coded!(struct Reached { seal, end });

impl Statement for Cut {
    const KIND: Kind = Kind::Cut;

    fn head(&self) -> Head {
        Head { actor: ActorId::SEQUENCER, slot: self.epoch.0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.previous.encode(out);
        self.base.encode(out);
        self.total.encode(out);
        out.list(&self.reached);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if head.actor != ActorId::SEQUENCER {
            return Err(DecodeError::Invalid("sequencer"));
        }
        Ok(Cut {
            epoch: Epoch(head.slot),
            terms: head.terms,
            previous: Digest::decode(input)?,
            base: SequenceId::decode(input)?,
            total: SequenceId::decode(input)?,
            reached: input.list("incoming actors", MEMBERS_MAX)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(epoch: u64, base: u64, ends: &[u64]) -> Cut {
        let reached = ends.iter().map(|end| Reached { seal: None, end: Position(*end) }).collect();
        let total = SequenceId(ends.iter().sum());
        Cut {
            epoch: Epoch(epoch),
            terms: Terms::default(),
            previous: Digest::ZERO,
            base: SequenceId(base),
            total,
            reached,
        }
    }

    fn order(before: Option<&Cut>, cut: &Cut) -> Option<Vec<(u32, u64, u64, u64)>> {
        let spans = spans(before, cut)?;
        Some(spans.iter().map(|s| (s.incoming, s.start.0, s.end.0, s.first.0)).collect())
    }

    #[test]
    fn queues_follow_each_other_in_rotation() {
        let first = cut(1, 0, &[2, 3, 0]);
        assert_eq!(order(None, &first), Some(vec![(1, 0, 3, 0), (0, 0, 2, 3)]));
        let second = cut(2, 5, &[4, 3, 1]);
        assert_eq!(order(Some(&first), &second), Some(vec![(2, 0, 1, 5), (0, 2, 4, 6)]));
    }

    #[test]
    fn a_queue_that_goes_back_has_no_order() {
        assert_eq!(order(Some(&cut(1, 0, &[2, 3])), &cut(2, 5, &[1, 5])), None);
    }

    #[test]
    fn a_wrong_base_or_total_has_no_order() {
        let first = cut(1, 0, &[2, 3]);
        assert_eq!(order(Some(&first), &cut(2, 4, &[3, 3])), None);
        let mut second = cut(2, 5, &[3, 3]);
        second.total = SequenceId(7);
        assert_eq!(order(Some(&first), &second), None);
    }
}

//! The order that recipients are shown: the sequence ids of what comes to them.
//!
//! A delivery brings the cuts since the one before it, and each of its bundles says where it stands in the queue of its
//! sender's incoming actor. Two cuts make a sequence id of that, as they do for every client. At each recipient the ids
//! must rise, and a bundle must have the same id at all its recipients: otherwise they were not shown one order.
//!
//! # Invariants
//! - At most twice [`GENERATION`] bundles are remembered, however many of their recipients never come.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, PoisonError},
};

use server::protocol::{
    cut::{Cut, Span, spans},
    id::{ClientId, Position, SequenceId},
    statement::Signed,
};

/// Bundles remembered before those before them are forgotten: some seconds of what a machine delivers, some 10 MB.
const GENERATION: usize = 1 << 17;

/// A bundle: its sender, and its number there.
pub type Name = (ClientId, u64);

/// How far one recipient has been shown the order.
#[derive(Default)]
pub struct Shown {
    cut: Option<Signed<Cut>>,
    newest: Option<SequenceId>,
}

impl Shown {
    /// The recipient is told that its mailbox starts after this cut.
    pub fn start(&mut self, cut: Signed<Cut>) {
        self.cut = Some(cut);
    }

    /// What the next cut orders. One that does not follow from the cut before it orders nothing.
    pub fn follow(&mut self, cut: Signed<Cut>) -> Vec<Span> {
        let ordered = spans(self.cut.as_deref(), &cut).unwrap_or_default();
        self.cut = Some(cut);
        ordered
    }

    /// Whether a sequence id is above all that came before it.
    pub fn rises(&mut self, id: SequenceId) -> bool {
        let rises = self.newest.is_none_or(|newest| newest < id);
        self.newest = self.newest.max(Some(id));
        rises
    }
}

/// The sequence id of a place in a queue, if that is in what was ordered.
pub fn id_of(ordered: &[Span], incoming: u32, position: Position) -> Option<SequenceId> {
    let holds = |span: &&Span| span.incoming == incoming && (span.start..span.end).contains(&position);
    ordered.iter().find(holds).map(|span| span.sequence_of(position))
}

/// Under which sequence ids the bundles were shown that have not come to all their recipients yet.
pub struct Agreement {
    /// Recipients of a bundle besides the first to whom it comes.
    others: u32,
    shown: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    new: BTreeMap<Name, Place>,
    old: BTreeMap<Name, Place>,
    forgotten: u64,
}

/// Under which id a bundle was shown first, and how many of its recipients it has not come to.
struct Place {
    id: SequenceId,
    left: u32,
}

impl Agreement {
    /// Among so many recipients of each bundle.
    pub fn among(recipients: u32) -> Self {
        Agreement { others: recipients.saturating_sub(1), shown: Mutex::default() }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Generations) -> T) -> T {
        f(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One of its recipients is shown a bundle under this id: whether it is the one under which it was shown first.
    pub fn holds(&self, bundle: Name, id: SequenceId) -> bool {
        match self.others {
            0 => true,
            others => self.with(|shown| shown.take(bundle, id, others)),
        }
    }

    /// How many bundles were forgotten before they had come to all their recipients.
    pub fn forgotten(&self) -> u64 {
        self.with(|shown| shown.forgotten)
    }
}

impl Generations {
    fn take(&mut self, bundle: Name, id: SequenceId, others: u32) -> bool {
        for generation in [&mut self.new, &mut self.old] {
            let Entry::Occupied(mut place) = generation.entry(bundle) else { continue };
            let first = place.get().id;
            place.get_mut().left -= 1;
            if place.get().left == 0 {
                place.remove();
            }
            return first == id;
        }
        if self.new.len() >= GENERATION {
            self.forgotten += self.old.len() as u64;
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(bundle, Place { id, left: others });
        true
    }
}

#[cfg(test)]
mod tests {
    use server::protocol::{
        cut::Reached,
        digest::Digest,
        id::{Deployment, Epoch},
        signing::Signing,
        statement::Terms,
    };

    use super::{super::sender::client_of, *};

    fn name(sender: u8, number: u64) -> Name {
        (client_of(&*Signing::UnsignedForMeasuring.signer(&[sender; 32])), number)
    }

    /// What each recipient is shown, one after the other: how many bundles are out of order in each.
    fn out_of_order(agreement: &Agreement, histories: &[&[(u8, u64)]]) -> Vec<usize> {
        let wrong = |history: &&[(u8, u64)]| {
            let mut shown = Shown::default();
            let one_order = |(sender, id): &&(u8, u64)| {
                let id = SequenceId(*id);
                shown.rises(id) & agreement.holds(name(*sender, 0), id)
            };
            history.len() - history.iter().filter(one_order).count()
        };
        histories.iter().map(wrong).collect()
    }

    #[test]
    fn recipients_that_are_shown_one_order_have_each_a_part_of_it() {
        let agreement = Agreement::among(2);
        let histories: [&[(u8, u64)]; 3] = [&[(1, 4), (2, 7)], &[(1, 4), (3, 9)], &[(2, 7), (3, 9)]];
        assert_eq!(out_of_order(&agreement, &histories), [0, 0, 0]);
        assert!(agreement.with(|shown| shown.new.is_empty()), "what all have had is not remembered");
    }

    #[test]
    fn two_recipients_that_are_shown_two_orders_are_caught() {
        let agreement = Agreement::among(2);
        let histories: [&[(u8, u64)]; 2] = [&[(1, 4), (2, 7)], &[(2, 4), (1, 7)]];
        assert_eq!(out_of_order(&agreement, &histories), [0, 2], "each of them rises");
        // nobody else has the id
        let histories: [&[(u8, u64)]; 2] = [&[(3, 9)], &[(3, 10)]];
        assert_eq!(out_of_order(&agreement, &histories), [0, 1]);
    }

    #[test]
    fn an_id_that_falls_or_comes_again_is_caught() {
        let alone = Agreement::among(1);
        assert_eq!(out_of_order(&alone, &[&[(1, 4), (2, 7), (3, 6), (4, 8)]]), [1]);
        assert_eq!(out_of_order(&alone, &[&[(1, 4), (2, 4)]]), [1]);
    }

    #[test]
    fn recipients_that_never_come_take_bounded_room() {
        let agreement = Agreement::among(3);
        let all = 3 * GENERATION as u64;
        for number in 0..all {
            assert!(agreement.holds(name(1, number), SequenceId(number)));
        }
        let held = agreement.with(|shown| (shown.new.len() + shown.old.len()) as u64);
        assert!(held <= 2 * GENERATION as u64);
        assert_eq!(held + agreement.forgotten(), all);
    }

    fn cut(epoch: u64, base: u64, ends: [u64; 2]) -> Signed<Cut> {
        let cut = Cut {
            epoch: Epoch(epoch),
            terms: Terms::default(),
            previous: Digest::ZERO,
            base: SequenceId(base),
            total: SequenceId(ends.iter().sum()),
            reached: ends.map(|end| Reached { seal: None, end: Position(end) }).to_vec(),
        };
        Signed::sign(cut, Deployment([0; 8]), &*Signing::UnsignedForMeasuring.signer(&[0; 32]))
    }

    #[test]
    fn a_position_has_its_id_from_the_cuts_that_follow_each_other() {
        let mut shown = Shown::default();
        // the even epochs begin with the first queue, the odd ones with the second
        let ordered = shown.follow(cut(1, 0, [2, 3]));
        let id = |ordered: &[Span], incoming, position| id_of(ordered, incoming, Position(position));
        assert_eq!(id(&ordered, 1, 2), Some(SequenceId(2)));
        assert_eq!(id(&ordered, 0, 0), Some(SequenceId(3)));
        assert_eq!(id(&ordered, 0, 2), None, "it is not ordered yet");
        let ordered = shown.follow(cut(2, 5, [4, 3]));
        assert_eq!(id(&ordered, 0, 2), Some(SequenceId(5)));
        assert!(shown.follow(cut(3, 6, [5, 3])).is_empty(), "an id would come again");
        shown.start(cut(8, 20, [10, 10]));
        assert_eq!(id(&shown.follow(cut(9, 20, [10, 11])), 1, 10), Some(SequenceId(20)));
    }
}

//! Inversions: bundles that stand in the one order before others that came before them.
//!
//! Three things may be meant by *before*:
//! - *of a sender*: it numbered the other lower. To stand otherwise convicts (predicates *badseal* and *xseal*).
//! - *causal*: its client held the other when it made this one. To stand otherwise convicts, by the cut that it cites.
//! - *real time*: the other had its receipt before this one was made, wherever that was. The order need not keep it, and
//!   nothing that is signed tells it: this is what strict serializability adds to what the server promises.

use std::collections::BTreeMap;

use server::protocol::id::SequenceId;

use crate::history::{BundleKey, Record};

/// How many bundles stand before one that came before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inversions {
    /// Bundles that have a place.
    pub bundles: u64,
    /// Of one sender.
    pub of_sender: u64,
    /// Causal.
    pub causal: u64,
    /// In real time.
    pub real_time: u64,
}

/// Counts the inversions of a run.
pub fn count(record: &Record) -> Inversions {
    let places = places(record);
    Inversions {
        bundles: places.len() as u64,
        of_sender: of_sender(&places),
        causal: causal(record, &places),
        real_time: real_time(record, &places),
    }
}

/// Where each bundle stands.
fn places(record: &Record) -> BTreeMap<BundleKey, SequenceId> {
    let delivered = record.delivered.values().flat_map(BTreeMap::values);
    delivered.filter_map(|one| Some((one.bundle?, one.entry.sequence))).collect()
}

fn of_sender(places: &BTreeMap<BundleKey, SequenceId>) -> u64 {
    let mut before: Option<(u32, SequenceId)> = None;
    let inverted = places.iter().filter(|((sender, _), place)| {
        let highest = before.filter(|(of, _)| of == sender).map(|(_, highest)| highest);
        before = Some((*sender, highest.map_or(**place, |highest| highest.max(**place))));
        highest.is_some_and(|highest| highest > **place)
    });
    inverted.count() as u64
}

fn causal(record: &Record, places: &BTreeMap<BundleKey, SequenceId>) -> u64 {
    let mut held: BTreeMap<u32, Vec<(u64, SequenceId)>> = BTreeMap::new();
    for (client, mailbox) in &record.delivered {
        for (count, one) in mailbox {
            if let Some(at_ns) = record.delivered_ns.get(&(*client, *count)) {
                held.entry(*client).or_default().push((*at_ns, one.entry.sequence));
            }
        }
    }
    let latest: BTreeMap<u32, Latest> =
        held.into_iter().map(|(client, held)| (client, Latest::of(held))).collect();
    let inverted = places.iter().filter(|(key, place)| {
        let made_ns = record.submitted.get(key).map(|bundle| bundle.made_ns);
        let seen = made_ns.zip(latest.get(&key.0)).and_then(|(made_ns, latest)| latest.before(made_ns));
        seen.is_some_and(|seen| seen > **place)
    });
    inverted.count() as u64
}

fn real_time(record: &Record, places: &BTreeMap<BundleKey, SequenceId>) -> u64 {
    let receipted = places.iter().filter_map(|(key, place)| {
        let (at_ns, _, _) = record.submitted.get(key)?.receipt?;
        Some((at_ns, *place))
    });
    let latest = Latest::of(receipted.collect());
    let inverted = places.iter().filter(|(key, place)| {
        let made_ns = record.submitted.get(key).map(|bundle| bundle.made_ns);
        made_ns.and_then(|made_ns| latest.before(made_ns)).is_some_and(|before| before > **place)
    });
    inverted.count() as u64
}

/// The highest place of all that happened before some time.
struct Latest(Vec<(u64, SequenceId)>);

impl Latest {
    fn of(mut events: Vec<(u64, SequenceId)>) -> Latest {
        events.sort_unstable();
        let mut highest = SequenceId(0);
        for (_, place) in &mut events {
            highest = highest.max(*place);
            *place = highest;
        }
        Latest(events)
    }

    fn before(&self, at_ns: u64) -> Option<SequenceId> {
        let count = self.0.partition_point(|(event_ns, _)| *event_ns < at_ns);
        count.checked_sub(1).map(|last| self.0[last].1)
    }
}

#[cfg(test)]
mod tests {
    use server::protocol::{
        derivation::Entry,
        digest::Digest,
        id::{BundleNumber, Count, Position},
    };

    use super::*;
    use crate::history::{Delivered, Submitted};

    /// A bundle of a client, made and receipted at these times, that client 9 holds at a place.
    fn add(record: &mut Record, key: (u32, u64), made_ns: u64, receipt_ns: u64, place: u64) {
        let key = (key.0, BundleNumber(key.1));
        let submitted = Submitted {
            wanted_ns: made_ns,
            made_ns,
            recipients: vec![9],
            payload: Digest::ZERO,
            receipt: Some((receipt_ns, 0, Position(place))),
            delivered_ns: None,
            holders: [9].into(),
        };
        record.submitted.insert(key, submitted);
        let entry =
            Entry { sequence: SequenceId(place), incoming: 0, position: Position(place), leaf: Digest::ZERO };
        let delivered = Delivered { entry, bundle: Some(key), payload: None };
        record.delivered.entry(9).or_default().insert(Count(place), delivered);
        record.delivered_ns.insert((9, Count(place)), 1000 * place);
    }

    #[test]
    fn an_order_that_keeps_all_has_none() {
        let mut record = Record::default();
        add(&mut record, (1, 0), 0, 5, 1);
        add(&mut record, (1, 1), 6, 9, 2);
        add(&mut record, (2, 0), 10, 12, 3);
        assert_eq!(count(&record), Inversions { bundles: 3, ..Inversions::default() });
    }

    #[test]
    fn each_kind_is_counted_by_itself() {
        let mut record = Record::default();
        add(&mut record, (1, 1), 0, 50, 1);
        add(&mut record, (1, 0), 0, 50, 2);
        assert_eq!(count(&record), Inversions { bundles: 2, of_sender: 1, ..Inversions::default() });

        let mut record = Record::default();
        for (number, place) in [(0, 9), (1, 2), (2, 3), (3, 4)] {
            add(&mut record, (1, number), 0, 50, place);
        }
        assert_eq!(count(&record).of_sender, 3, "each of them stands before the first one");

        let mut record = Record::default();
        add(&mut record, (1, 0), 20, 30, 1);
        add(&mut record, (2, 0), 5, 10, 2);
        assert_eq!(count(&record), Inversions { bundles: 2, real_time: 1, ..Inversions::default() });

        let mut record = Record::default();
        add(&mut record, (9, 0), 5000, 6000, 1);
        add(&mut record, (2, 0), 0, 7000, 2);
        assert_eq!(count(&record), Inversions { bundles: 2, causal: 1, ..Inversions::default() });
    }
}

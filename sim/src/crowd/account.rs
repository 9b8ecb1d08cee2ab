//! The account of a crowd: what it sent and got, counted, and checked while it happens.
//!
//! Of each bundle that is not yet where it should be the account knows who still lacks it; of one that is, nothing. So memory
//! grows with what is unfinished, not with what has passed, and yet three things are exact: a bundle that reaches a recipient
//! who does not lack it came twice or was invented; one that overtakes another of its sender is out of order; and what is
//! still unfinished at the end is lost.

use std::collections::BTreeMap;

use serde::Serialize;
use server::protocol::id::Position;

use crate::{history::Flow, scenario::DrawnWorkload, workload::measured_from_ns};

/// Breaches kept of each kind: the first are enough to see what is wrong.
const BREACHES_MAX: usize = 16;

/// What a crowd finds wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// A bundle came twice.
    Twice,
    /// A bundle came before an earlier one of its sender.
    Disorder,
    /// What came was not sent, or not so.
    Invention,
    /// A mailbox counts other than what came.
    Miscount,
}

/// How much a crowd has sent and got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Bundles signed and handed to a request handler.
    pub sent: u64,
    /// Bundles with a receipt.
    pub accepted: u64,
    /// Recipients of all bundles, one by one.
    pub addressed: u64,
    /// Deliveries made.
    pub delivered: u64,
    /// Bundles that all their recipients have.
    pub completed: u64,
    /// Bundles sent once more, for want of a receipt.
    pub again: u64,
    /// How often a handler or an incoming actor said *later*.
    pub put_off: u64,
    /// Connections lost.
    pub lost_connections: u64,
    /// Requests that the fronts answered.
    pub requests: u64,
    /// Events that they sent.
    pub events: u64,
    /// Bytes of these.
    pub event_bytes: u64,
}

/// A bundle that is not where it should be.
struct Unfinished {
    wanted_ns: u64,
    payload: u64,
    receipted: bool,
    lacking: Vec<u32>,
}

/// The account of a crowd.
#[derive(Default)]
pub struct Account {
    /// How much of what.
    pub counts: Counts,
    /// Bundles that are still to be wanted.
    pub to_want: u64,
    /// When bundles were wanted, accepted and where they should be.
    pub flow: Flow,
    /// Positions that bundles of the crowd have in each queue, as stretches: start and end.
    pub queues: BTreeMap<u32, BTreeMap<Position, Position>>,
    breaches: BTreeMap<Breach, Vec<String>>,
    unfinished: BTreeMap<(u32, u64), Unfinished>,
}

impl Account {
    /// Of a crowd that will want that.
    pub fn new(workload: &DrawnWorkload) -> Self {
        let flow = Flow { from_ns: measured_from_ns(workload), ..Flow::default() };
        Account { to_want: workload.bundles, flow, ..Account::default() }
    }

    /// A bundle is on its way.
    pub fn sent(&mut self, sender: u32, number: u64, wanted_ns: u64, payload: u64, recipients: &[u32]) {
        self.counts.sent += 1;
        self.counts.addressed += recipients.len() as u64;
        self.flow.wants(wanted_ns);
        let lacking = recipients.to_vec();
        self.unfinished
            .insert((sender, number), Unfinished { wanted_ns, payload, receipted: false, lacking });
    }

    /// A bundle has a receipt: since when it was wanted, if that is news.
    pub fn receipted(&mut self, sender: u32, number: u64, now: u64) -> Option<u64> {
        let bundle = self.unfinished.get_mut(&(sender, number)).filter(|bundle| !bundle.receipted)?;
        bundle.receipted = true;
        let wanted_ns = bundle.wanted_ns;
        self.counts.accepted += 1;
        self.flow.accepts(now);
        self.finish(sender, number);
        Some(wanted_ns)
    }

    /// A bundle reached a recipient: since when it was wanted, if that is as it should be. `known` says whether the sender ever
    /// sent a bundle of that number.
    pub fn delivered(
        &mut self,
        recipient: u32,
        (sender, number): (u32, u64),
        payload: u64,
        known: bool,
        now: u64,
    ) -> Option<u64> {
        let before = self.unfinished.range((sender, 0)..(sender, number));
        let overtaken = before.rev().find(|(_, bundle)| bundle.lacking.contains(&recipient));
        if let Some(((_, earlier), _)) = overtaken {
            let why = format!(
                "crowd/{recipient} has bundle {number} of crowd/{sender}, and {earlier} has not come"
            );
            self.breach(Breach::Disorder, why);
        }
        let bundle = self.unfinished.get_mut(&(sender, number));
        let place = bundle.and_then(|bundle| {
            let place = bundle.lacking.iter().position(|lacking| *lacking == recipient)?;
            Some((bundle, place))
        });
        let Some((bundle, place)) = place else {
            let breach = if known { Breach::Twice } else { Breach::Invention };
            let what = if known { "has, and does not lack," } else { "was told of" };
            self.breach(breach, format!("crowd/{recipient} {what} bundle {number} of crowd/{sender}"));
            return None;
        };
        bundle.lacking.swap_remove(place);
        let (wanted_ns, sound) = (bundle.wanted_ns, bundle.payload == payload);
        let everywhere = bundle.lacking.is_empty();
        if !sound {
            let why = format!("crowd/{recipient} has bundle {number} of crowd/{sender} with another payload");
            self.breach(Breach::Invention, why);
        }
        self.counts.delivered += 1;
        if everywhere {
            self.flow.delivers(wanted_ns, now);
        }
        self.finish(sender, number);
        Some(wanted_ns)
    }

    /// A bundle that has come everywhere, and has its receipt, is done with.
    fn finish(&mut self, sender: u32, number: u64) {
        let bundle = self.unfinished.get(&(sender, number));
        if bundle.is_some_and(|bundle| bundle.lacking.is_empty() && bundle.receipted) {
            self.counts.completed += 1;
            self.unfinished.remove(&(sender, number));
        }
    }

    /// Something is wrong.
    pub fn breach(&mut self, breach: Breach, why: String) {
        let list = self.breaches.entry(breach).or_default();
        if list.len() < BREACHES_MAX {
            list.push(why);
        }
    }

    /// The first thing wrong of a kind.
    pub fn first(&self, breach: Breach) -> Option<&String> {
        self.breaches.get(&breach)?.first()
    }

    /// A bundle without receipt, or one that a recipient lacks though it has one.
    pub fn first_unfinished(&self, receipted: bool) -> Option<String> {
        let mut such = self.unfinished.iter().filter(|(_, bundle)| bundle.receipted == receipted);
        such.next().map(|((sender, number), bundle)| match bundle.lacking.first() {
            Some(recipient) if receipted => {
                format!("crowd/{sender} has a receipt for bundle {number}, crowd/{recipient} has not got it")
            }
            _ => format!("bundle {number} of crowd/{sender} has no receipt"),
        })
    }

    /// How many receipts and deliveries are outstanding.
    pub fn outstanding(&self) -> u64 {
        let of = |bundle: &Unfinished| bundle.lacking.len() as u64 + u64::from(!bundle.receipted);
        self.unfinished.values().map(of).sum()
    }

    /// A bundle of the crowd stands here.
    pub fn stands(&mut self, incoming: u32, position: Position) {
        let queue = self.queues.entry(incoming).or_default();
        let last = queue.range(..=position).next_back().map(|(start, end)| (*start, *end));
        match last {
            Some((_, end)) if position < end => {}
            Some((start, end)) if position == end => {
                queue.insert(start, Position(position.0 + 1));
            }
            _ => {
                queue.insert(position, Position(position.0 + 1));
            }
        }
    }

    /// Whether a bundle of the crowd stands here.
    pub fn has_at(&self, incoming: u32, position: Position) -> bool {
        let queue = self.queues.get(&incoming);
        let last = queue.and_then(|queue| queue.range(..=position).next_back());
        last.is_some_and(|(_, end)| position < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// crowd/0 has sent bundles 0 and 1 to crowd/1 and crowd/2.
    fn two_bundles() -> Account {
        let mut account = Account::default();
        (0..2).for_each(|number| account.sent(0, number, 10, 7, &[1, 2]));
        account
    }

    #[test]
    fn what_comes_as_it_should_leaves_nothing() {
        let mut account = two_bundles();
        for number in 0..2 {
            assert_eq!(account.delivered(1, (0, number), 7, true, 20), Some(10));
            assert_eq!(account.receipted(0, number, 25), Some(10));
            assert_eq!(account.receipted(0, number, 26), None, "a receipt comes once");
            assert_eq!(account.delivered(2, (0, number), 7, true, 30), Some(10));
        }
        let Counts { accepted, delivered, completed, addressed, .. } = account.counts;
        assert_eq!((accepted, delivered, completed, addressed), (2, 4, 2, 4));
        assert_eq!((account.outstanding(), account.flow.whole_ns()), (0, 20));
        assert_eq!((account.flow.accepted.total(), account.flow.delivered.total()), (2, 2));
        assert!(account.breaches.is_empty());
    }

    #[test]
    fn a_second_coming_is_found_before_and_after_the_bundle_is_done_with() {
        let mut account = two_bundles();
        account.delivered(1, (0, 0), 7, true, 20);
        assert_eq!(account.delivered(1, (0, 0), 7, true, 20), None);
        assert!(account.first(Breach::Twice).unwrap().contains("crowd/1"));
        let mut account = two_bundles();
        account.receipted(0, 0, 20);
        for recipient in [1, 2] {
            account.delivered(recipient, (0, 0), 7, true, 20);
        }
        account.delivered(2, (0, 0), 7, true, 21);
        assert!(account.first(Breach::Twice).unwrap().contains("crowd/2"));
    }

    #[test]
    fn an_overtaking_is_found() {
        let mut account = two_bundles();
        account.delivered(1, (0, 1), 7, true, 20);
        assert!(account.first(Breach::Disorder).unwrap().contains("0 has not come"));
    }

    #[test]
    fn what_was_not_sent_is_found() {
        let mut account = two_bundles();
        account.delivered(1, (0, 9), 7, false, 20);
        assert!(account.first(Breach::Invention).unwrap().contains("bundle 9"));
        let mut account = two_bundles();
        account.delivered(1, (0, 0), 8, true, 20);
        assert!(account.first(Breach::Invention).unwrap().contains("another payload"));
    }

    #[test]
    fn what_is_lost_is_outstanding() {
        let mut account = two_bundles();
        account.receipted(0, 0, 20);
        account.delivered(2, (0, 0), 7, true, 20);
        assert!(account.first_unfinished(true).unwrap().contains("crowd/1 has not got it"));
        assert!(account.first_unfinished(false).unwrap().contains("bundle 1 of crowd/0 has no receipt"));
        assert_eq!(account.outstanding(), 4);
    }

    #[test]
    fn positions_are_kept_as_stretches() {
        let mut account = Account::default();
        [0, 1, 2, 5, 6, 1, 9].iter().for_each(|position| account.stands(3, Position(*position)));
        assert_eq!(account.queues[&3].len(), 3);
        let stand = (0..11).filter(|position| account.has_at(3, Position(*position)));
        assert_eq!(stand.collect::<Vec<_>>(), [0, 1, 2, 5, 6, 9]);
        assert!(!account.has_at(4, Position(0)));
    }
}

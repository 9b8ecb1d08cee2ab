//! The flow of bundles through a run: how many were accepted and delivered, and when.

use crate::windows::Windows;

/// Of what is sent in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Receipts.
    pub accepted: Windows,
    /// Bundles that came to the last of their recipients.
    pub delivered: Windows,
    /// From when on what is wanted is measured.
    pub from_ns: u64,
    /// How many bundles that is.
    pub wanted: u64,
    /// And how many of them came to all of their recipients.
    pub served: u64,
    /// When the first bundle was wanted, and the last one.
    pub wanted_ns: Option<(u64, u64)>,
    /// When the last bundle came to the last of its recipients.
    pub last_ns: Option<u64>,
}

impl Flow {
    /// A bundle is wanted.
    pub fn wants(&mut self, at_ns: u64) {
        let (first, last) = self.wanted_ns.unwrap_or((at_ns, at_ns));
        self.wanted_ns = Some((first.min(at_ns), last.max(at_ns)));
        self.wanted += u64::from(self.measures(at_ns));
    }

    /// One has a receipt.
    pub fn accepts(&mut self, at_ns: u64) {
        self.accepted.count(at_ns);
    }

    /// Whether what is wanted then is measured.
    pub fn measures(&self, wanted_ns: u64) -> bool {
        wanted_ns >= self.from_ns
    }

    /// One that was wanted then has come to the last of its recipients.
    pub fn delivers(&mut self, wanted_ns: u64, at_ns: u64) {
        self.served += u64::from(self.measures(wanted_ns));
        self.delivered.count(at_ns);
        self.last_ns = self.last_ns.max(Some(at_ns));
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Flow) -> Flow {
        self.accepted += &other.accepted;
        self.delivered += &other.delivered;
        let wanted = [self.wanted_ns, other.wanted_ns].into_iter().flatten();
        self.wanted_ns = wanted.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)));
        Flow {
            last_ns: self.last_ns.max(other.last_ns),
            from_ns: self.from_ns.max(other.from_ns),
            wanted: self.wanted + other.wanted,
            served: self.served + other.served,
            ..self
        }
    }

    /// For how long bundles were sent that are measured, in nanoseconds.
    pub fn sending_ns(&self) -> u64 {
        self.wanted_ns.map_or(0, |(first, last)| last.saturating_sub(first.max(self.from_ns)))
    }

    /// From the first bundle wanted that is measured to the last one delivered, in nanoseconds.
    pub fn whole_ns(&self) -> u64 {
        let begin = |first: u64| first.max(self.from_ns);
        let whole =
            self.wanted_ns.zip(self.last_ns).map(|((first, _), last)| last.saturating_sub(begin(first)));
        whole.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_flows_together_are_as_long_as_both() {
        let (mut one, mut other) = (Flow::default(), Flow::default());
        assert_eq!((one.sending_ns(), one.whole_ns()), (0, 0));
        [7, 5, 9].into_iter().for_each(|at_ns| one.wants(at_ns));
        other.wants(6);
        other.accepts(8);
        other.delivers(6, 20);
        one.delivers(5, 12);
        assert_eq!((one.sending_ns(), one.whole_ns()), (4, 7));
        let both = one.and(&other);
        assert_eq!((both.wanted_ns, both.last_ns, both.whole_ns()), (Some((5, 9)), Some(20), 15));
        assert_eq!((both.accepted.total(), both.delivered.total(), both.served), (1, 2, 2));
    }

    #[test]
    fn what_is_wanted_before_is_not_measured() {
        let mut flow = Flow { from_ns: 7, ..Flow::default() };
        for wanted_ns in [5, 7, 9] {
            flow.wants(wanted_ns);
            flow.delivers(wanted_ns, 20);
        }
        assert_eq!((flow.wanted, flow.served, flow.sending_ns(), flow.whole_ns()), (2, 2, 2, 13));
    }
}

//! What adds up over virtual time, told apart by when: how many of something, or for how long something was busy.
//!
//! A run begins with nothing at work and ends with what is left over; how fast it went, or how busy it was, is asked of a time
//! between.
//!
//! # Invariants
//! - Time in which there is nothing takes no memory: a run may wait for a day, and has a hundred of these.

use std::collections::BTreeMap;

/// Nanoseconds of a window.
const WIDTH_NS: u64 = 10_000_000;
/// Windows that are kept together: of a short run nearly all.
const PAGE: u64 = 64;

/// A sum, by the window of time in which it was added to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    pages: BTreeMap<u64, Box<[u64; PAGE as usize]>>,
}

impl Windows {
    fn at(&mut self, window: u64) -> &mut u64 {
        let page = self.pages.entry(window / PAGE).or_insert_with(|| Box::new([0; PAGE as usize]));
        &mut page[(window % PAGE) as usize]
    }

    /// The windows from the page of this one on, but those of pages in which there is nothing.
    fn sums_from(&self, window: u64) -> impl Iterator<Item = (u64, u64)> {
        let pages = self.pages.range(window / PAGE..);
        pages.flat_map(|(page, sums)| (page * PAGE..).zip(sums.iter().copied()))
    }

    /// One more at this time.
    pub fn count(&mut self, at_ns: u64) {
        self.add(at_ns, 1);
    }

    /// So many more at this time.
    pub fn add(&mut self, at_ns: u64, more: u64) {
        if more > 0 {
            *self.at(at_ns / WIDTH_NS) += more;
        }
    }

    /// Every nanosecond from then to then.
    pub fn span(&mut self, from_ns: u64, to_ns: u64) {
        let mut from_ns = from_ns;
        while from_ns < to_ns {
            let window = from_ns / WIDTH_NS;
            let end_ns = to_ns.min((window + 1) * WIDTH_NS);
            *self.at(window) += end_ns - from_ns;
            from_ns = end_ns;
        }
    }

    /// How much from then on.
    pub fn since(&self, from_ns: u64) -> f64 {
        self.within(from_ns, u64::MAX)
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.sums_from(0).map(|(_, sum)| sum).sum()
    }

    /// How much from then to then; of a window that lies in there in part, that part.
    pub fn within(&self, from_ns: u64, to_ns: u64) -> f64 {
        let first = from_ns / WIDTH_NS;
        let windows = self.sums_from(first).skip_while(|(window, _)| *window < first);
        let inside = windows.take_while(|(window, _)| window * WIDTH_NS < to_ns).map(|(window, sum)| {
            let start_ns = window * WIDTH_NS;
            let overlap_ns = to_ns.min(start_ns + WIDTH_NS) - from_ns.max(start_ns);
            sum as f64 * overlap_ns as f64 / WIDTH_NS as f64
        });
        // without a term a sum of floats is -0
        0.0 + inside.sum::<f64>()
    }

    /// The sums of stretches of so many nanoseconds, a multiple of a window, until the last in which there is anything.
    pub fn stretches(&self, width_ns: u64) -> impl Iterator<Item = u64> {
        let windows = (width_ns / WIDTH_NS).max(1);
        let mut stretches: Vec<u64> = Vec::new();
        for (window, sum) in self.sums_from(0).filter(|(_, sum)| *sum > 0) {
            let stretch = (window / windows) as usize;
            stretches.resize(stretches.len().max(stretch + 1), 0);
            stretches[stretch] += sum;
        }
        stretches.into_iter()
    }
}

impl std::ops::AddAssign<&Windows> for Windows {
    fn add_assign(&mut self, other: &Windows) {
        for (window, sum) in other.sums_from(0).filter(|(_, sum)| *sum > 0) {
            *self.at(window) += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_is_counted_stands_where_it_happened() {
        let mut windows = Windows::default();
        [3 * MS, 9 * MS, 10 * MS, 35 * MS].into_iter().for_each(|at_ns| windows.count(at_ns));
        assert_eq!(windows.total(), 4);
        assert_eq!((windows.within(0, 10 * MS), windows.within(10 * MS, 30 * MS)), (2.0, 1.0));
        assert_eq!((windows.within(0, 5 * MS), windows.within(5 * MS, 1000 * MS)), (1.0, 3.0));
        assert_eq!(windows.within(50 * MS, 90 * MS), 0.0);
        assert_eq!(windows.stretches(20 * MS).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn what_is_added_later_counts_from_then_on() {
        let mut windows = Windows::default();
        windows.add(5 * MS, 30);
        windows.add(25 * MS, 8);
        assert_eq!((windows.since(0), windows.since(20 * MS), windows.since(30 * MS)), (38.0, 8.0, 0.0));
    }

    #[test]
    fn a_day_in_which_nothing_happens_takes_no_memory() {
        const DAY_NS: u64 = 86_400_000 * MS;
        let mut windows = Windows::default();
        windows.count(3 * MS);
        windows.count(DAY_NS);
        windows.count(DAY_NS + 15 * MS);
        windows.add(DAY_NS / 2, 0);
        assert_eq!(windows.pages.len(), 2);
        assert_eq!((windows.total(), windows.since(5 * MS), windows.since(DAY_NS)), (3, 2.5, 2.0));
        assert_eq!(windows.within(10 * MS, DAY_NS), 0.0);
        let hours: Vec<u64> = windows.stretches(DAY_NS / 24).collect();
        assert_eq!((hours.len(), hours[0], hours[12], hours[24]), (25, 1, 0, 2));
        let mut both = windows.clone();
        both += &windows;
        assert_eq!((both.pages.len(), both.total()), (2, 6));
    }

    #[test]
    fn a_stretch_of_time_is_divided_among_its_windows() {
        let mut windows = Windows::default();
        windows.span(5 * MS, 27 * MS);
        windows.span(27 * MS, 27 * MS);
        assert_eq!(windows.total(), 22 * MS);
        let within = |from, to| windows.within(from * MS, to * MS) / MS as f64;
        assert_eq!((within(0, 10), within(10, 20), within(20, 30), within(12, 18)), (5.0, 10.0, 7.0, 6.0));
        let mut both = windows.clone();
        both += &windows;
        assert_eq!(both.total(), 44 * MS);
    }
}

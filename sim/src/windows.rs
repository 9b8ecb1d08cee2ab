//! What adds up over virtual time, told apart by when: how many of something, or for how long something was busy.
//!
//! A run begins with nothing at work and ends with what is left over; how fast it went, or how busy it was, is asked of a time
//! between.

/// Nanoseconds of a window.
const WIDTH_NS: u64 = 10_000_000;

/// A sum, by the window of time in which it was added to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    sums: Vec<u64>,
}

impl Windows {
    fn at(&mut self, window: u64) -> &mut u64 {
        let window = window as usize;
        if window >= self.sums.len() {
            self.sums.resize(window + 1, 0);
        }
        &mut self.sums[window]
    }

    /// One more at this time.
    pub fn count(&mut self, at_ns: u64) {
        self.add(at_ns, 1);
    }

    /// So many more at this time.
    pub fn add(&mut self, at_ns: u64, more: u64) {
        *self.at(at_ns / WIDTH_NS) += more;
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
        self.sums.iter().sum()
    }

    /// How much from then to then; of a window that lies in there in part, that part.
    pub fn within(&self, from_ns: u64, to_ns: u64) -> f64 {
        let first = from_ns / WIDTH_NS;
        let windows = (first..).zip(self.sums.iter().skip(first as usize));
        let inside = windows.take_while(|(window, _)| window * WIDTH_NS < to_ns).map(|(window, sum)| {
            let start_ns = window * WIDTH_NS;
            let overlap_ns = to_ns.min(start_ns + WIDTH_NS) - from_ns.max(start_ns);
            *sum as f64 * overlap_ns as f64 / WIDTH_NS as f64
        });
        inside.sum()
    }

    /// The sums of stretches of so many nanoseconds, a multiple of a window, until the last in which there is anything.
    pub fn stretches(&self, width_ns: u64) -> impl Iterator<Item = u64> {
        let windows = (width_ns / WIDTH_NS).max(1) as usize;
        self.sums.chunks(windows).map(|sums| sums.iter().sum())
    }
}

impl std::ops::AddAssign<&Windows> for Windows {
    fn add_assign(&mut self, other: &Windows) {
        other.sums.iter().enumerate().for_each(|(window, sum)| *self.at(window as u64) += sum);
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

//! Latency over a run: whether what is wanted late takes longer than what is wanted early.
//!
//! A queue that grows all the time still empties when nothing more is sent: of a short run the percentiles alone look as if
//! its rate could go on for ever.

/// Latencies with the time at which each bundle was wanted.
#[derive(Clone, Debug, Default)]
pub struct Trend(Vec<(u64, u64)>);

impl Trend {
    /// A bundle that was wanted then has reached a recipient after so long.
    pub fn note(&mut self, wanted_ns: u64, latency_ns: u64) {
        self.0.push((wanted_ns, latency_ns));
    }

    /// The medians of what was wanted in the second and in the last quarter of the time in which anything was; the first
    /// quarter is how a run begins. None if there is nothing in one of them.
    pub fn quarters(&self) -> Option<[u64; 2]> {
        let wanted = || self.0.iter().map(|(wanted, _)| *wanted);
        let (first, last) = (wanted().min()?, wanted().max()?);
        let quarter = |wanted: u64| (wanted - first).saturating_mul(4) / (last - first).max(1);
        let median = |which: std::ops::RangeInclusive<u64>| {
            let inside = self.0.iter().filter(|(wanted, _)| which.contains(&quarter(*wanted)));
            let mut latencies: Vec<u64> = inside.map(|(_, latency)| *latency).collect();
            latencies.sort_unstable();
            latencies.get(latencies.len() / 2).copied()
        };
        // the very last one stands at four quarters
        Some([median(1..=1)?, median(3..=4)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(latency: impl Fn(u64) -> u64) -> Trend {
        let mut trend = Trend::default();
        (0..=1000).for_each(|wanted| trend.note(5000 + wanted, latency(wanted)));
        trend
    }

    #[test]
    fn a_growing_queue_shows_and_a_slow_beginning_does_not() {
        assert_eq!(trend(|wanted| wanted).quarters(), Some([375, 875]));
        assert_eq!(trend(|wanted| if wanted < 250 { 900 } else { 7 }).quarters(), Some([7, 7]));
    }

    #[test]
    fn of_too_little_nothing_is_said() {
        assert_eq!(Trend::default().quarters(), None);
        let mut one = Trend::default();
        one.note(5, 5);
        assert_eq!(one.quarters(), None);
    }
}

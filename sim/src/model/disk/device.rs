//! The device behind the disks of one machine: it makes durable what all of them have written at once.
//!
//! While it does so for some, others wait; and when it is done, it does it once for all that wait, as the block layer of a
//! system merges flushes. A disk that has a device of its own waits for nobody.

use std::sync::{Arc, Mutex, PoisonError};

/// A device.
#[derive(Clone, Default)]
pub struct Device(Arc<Mutex<Flushes>>);

#[derive(Default)]
struct Flushes {
    /// When the one under way ends.
    ends_ns: u64,
    /// When the next one ends, for which some wait already; no later than the other if none does.
    next_ns: u64,
}

impl Device {
    /// When a flush is done that is asked for at a time, and takes so long.
    pub fn flush(&self, from_ns: u64, takes_ns: u64) -> u64 {
        let mut flushes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Flushes { ends_ns, next_ns } = &mut *flushes;
        if from_ns >= *ends_ns {
            *ends_ns = (*ends_ns).max(*next_ns);
        }
        if from_ns >= *ends_ns {
            *ends_ns = from_ns + takes_ns;
            return *ends_ns;
        }
        if *next_ns <= *ends_ns {
            *next_ns = *ends_ns + takes_ns;
        }
        *next_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_during_a_flush_has_the_next_one_together() {
        let device = Device::default();
        let asked = [(0, 100), (30, 50), (40, 70), (100, 10), (120, 20), (150, 5), (300, 7)];
        let done = asked.map(|(from_ns, takes_ns)| device.flush(from_ns, takes_ns));
        assert_eq!(done, [100, 150, 150, 160, 160, 165, 307]);
    }

    #[test]
    fn one_after_the_other_none_waits() {
        let device = Device::default();
        assert_eq!([(5, 10), (15, 10), (40, 1)].map(|(from, takes)| device.flush(from, takes)), [15, 25, 41]);
    }
}

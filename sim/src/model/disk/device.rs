//! The device behind the disks of one machine: it makes durable what all of them have written at once.
//!
//! While it does so for some, others wait; and when it is done, it does it once for all that wait, as the block layer of a
//! system merges flushes. A disk that has a device of its own waits for nobody. From time to time a device stands still, and what it is at
//! goes on when that is over.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{model::costs::Pauses, random::Stream};

/// A device.
#[derive(Clone, Default)]
pub struct Device(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// When the flush under way ends.
    ends_ns: u64,
    /// When the next one ends, for which some wait already; no later than the other if none does.
    next_ns: u64,
    standstills: Option<Standstills>,
}

/// When nothing goes on.
struct Standstills {
    pauses: Pauses,
    random: Stream,
    /// The next one, or the one that is.
    begins_ns: u64,
    ends_ns: u64,
}

impl Device {
    /// One that stands still from time to time, if that was measured.
    pub fn new(standstills: Option<Pauses>, mut random: Stream) -> Self {
        let standstills = standstills.map(|pauses| {
            let (begins_ns, ends_ns) = pauses.next(0, &mut random);
            Standstills { pauses, random, begins_ns, ends_ns }
        });
        Device(Arc::new(Mutex::new(State { standstills, ..State::default() })))
    }

    /// When a flush is done that is asked for at a time, and takes so long.
    pub fn flush(&self, from_ns: u64, takes_ns: u64) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { ends_ns, next_ns, standstills } = &mut *state;
        let mut done = |from_ns: u64| match standstills {
            Some(standstills) => standstills.done(from_ns, takes_ns),
            None => from_ns + takes_ns,
        };
        if from_ns >= *ends_ns {
            *ends_ns = (*ends_ns).max(*next_ns);
        }
        if from_ns >= *ends_ns {
            *ends_ns = done(from_ns);
            return *ends_ns;
        }
        if *next_ns <= *ends_ns {
            *next_ns = done(*ends_ns);
        }
        *next_ns
    }
}

impl Standstills {
    /// When it is done what begins at a time and takes so long.
    fn done(&mut self, from_ns: u64, takes_ns: u64) -> u64 {
        let mut done_ns = from_ns.saturating_add(takes_ns);
        while self.begins_ns < done_ns {
            done_ns = done_ns.saturating_add(self.ends_ns.saturating_sub(self.begins_ns.max(from_ns)));
            (self.begins_ns, self.ends_ns) = self.pauses.next(self.ends_ns, &mut self.random);
        }
        done_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::costs::Cost, random::Streams};

    #[test]
    fn whoever_comes_during_a_flush_has_the_next_one_together() {
        let device = Device::default();
        let asked = [(0, 100), (30, 50), (40, 70), (100, 10), (120, 20), (150, 5), (300, 7)];
        let done = asked.map(|(from_ns, takes_ns)| device.flush(from_ns, takes_ns));
        assert_eq!(done, [100, 150, 150, 160, 160, 165, 307]);
    }

    #[test]
    fn what_meets_a_standstill_waits_for_its_end() {
        let pauses = Pauses { per_s: 1.0, ns: Cost::always(3e8) };
        let random = || Streams::new(1).stream("device");
        let (begins_ns, ends_ns) = pauses.next(0, &mut random());
        assert_eq!(ends_ns - begins_ns, 300_000_000);
        let device = || Device::new(Some(pauses.clone()), random());
        assert_eq!(device().flush(begins_ns - 100, 60), begins_ns - 40, "it is over before");
        assert_eq!(device().flush(begins_ns - 100, 150), ends_ns + 50, "it goes on after");
        assert_eq!(device().flush(begins_ns + 100, 150), ends_ns + 150, "it begins after");
        let device = device();
        let late = (0..1_000_000).filter(|index| {
            let from_ns = index * 1_000_000;
            device.flush(from_ns, 1000) > from_ns + 1_000_000
        });
        // a second of each 1.3 it does not stand still
        assert!((200_000..260_000).contains(&late.count()));
    }

    #[test]
    fn one_after_the_other_none_waits() {
        let device = Device::default();
        assert_eq!([(5, 10), (15, 10), (40, 1)].map(|(from, takes)| device.flush(from, takes)), [15, 25, 41]);
    }
}

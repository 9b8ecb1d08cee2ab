//! A profile at another pace: what the same machine takes while its processors are faster or slower.

use super::{Bytes, Crypto, Disk, Handling, Http, Profile, significant};

impl Crypto {
    /// So many times as long.
    #[must_use]
    pub fn times(&self, factor: f64) -> Crypto {
        let batch = self.batch.iter().map(|(size, each)| (*size, each.times(factor)));
        Crypto { sign: self.sign.times(factor), verify: self.verify.times(factor), batch: batch.collect() }
    }
}

impl Bytes {
    /// So many times as long.
    #[must_use]
    pub fn times(&self, factor: f64) -> Bytes {
        Bytes { hash: self.hash.times(factor), code: self.code.times(factor) }
    }
}

impl Disk {
    /// So many times as long, of what a processor does.
    #[must_use]
    pub fn times(&self, factor: f64) -> Disk {
        Disk { commit: self.commit.times(factor), ..self.clone() }
    }
}

impl Http {
    /// So many times as long.
    #[must_use]
    pub fn times(&self, factor: f64) -> Http {
        Http {
            request: self.request.times(factor),
            bundle: significant(self.bundle * factor),
            event: self.event.times(factor),
            event_byte: significant(self.event_byte * factor),
            ask: self.ask.times(factor),
            hand_in: significant(self.hand_in * factor),
            hear: self.hear.times(factor),
            hear_byte: significant(self.hear_byte * factor),
            spread: self.spread.clone(),
            client_spread: self.client_spread.clone(),
        }
    }
}

impl Handling {
    /// So many times as long.
    #[must_use]
    pub fn times(&self, factor: f64) -> Handling {
        let times = |each: f64| significant(each * factor);
        Handling {
            step: times(self.step),
            input: times(self.input),
            output: times(self.output),
            byte: times(self.byte),
            step_byte: times(self.step_byte),
            spread: self.spread.clone(),
        }
    }
}

impl Profile {
    /// The same machine while its yardstick takes so long. What waits for a disk, a timer or to be woken waits as long as
    /// before.
    #[must_use]
    pub fn at_pace(&self, pace_ns: f64) -> Profile {
        if self.pace <= 0.0 {
            return self.clone();
        }
        let factor = pace_ns / self.pace;
        let role = self.role.iter().map(|(role, handling)| (role.clone(), handling.times(factor)));
        Profile {
            pace: pace_ns,
            crypto: self.crypto.times(factor),
            bytes: self.bytes.times(factor),
            disk: self.disk.times(factor),
            link: significant(self.link * factor),
            http: self.http.times(factor),
            role: role.collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_slower_machine_processors_take_longer_and_nothing_else() {
        let profile = Profile::standard();
        let slower = profile.at_pace(2.0 * profile.pace);
        assert!((slower.crypto.sign.mean() / profile.crypto.sign.mean() - 2.0).abs() < 0.01);
        assert!((slower.disk.commit.mean() / profile.disk.commit.mean() - 2.0).abs() < 0.01);
        assert!((slower.handling("mailbox").input / profile.handling("mailbox").input - 2.0).abs() < 0.01);
        assert_eq!((slower.disk.sync, slower.timer), (profile.disk.sync, profile.timer));
    }

    #[test]
    fn where_everything_is_free_no_pace_changes_that() {
        assert_eq!(Profile::zero().at_pace(1000.0), Profile::zero());
    }
}

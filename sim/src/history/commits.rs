//! Transactions, and how long they take until they are durable.

/// Some transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Commits {
    /// How many.
    pub count: f64,
    /// Seconds until each was durable, together.
    pub seconds: f64,
}

impl Commits {
    /// One more.
    pub fn add(&mut self, took_ns: u64) {
        self.count += 1.0;
        self.seconds += took_ns as f64 / 1e9;
    }

    /// Those since then.
    #[must_use]
    pub fn since(self, then: Commits) -> Commits {
        Commits { count: self.count - then.count, seconds: self.seconds - then.seconds }
    }

    /// Microseconds of one, on average.
    pub fn mean_us(self) -> f64 {
        self.seconds / self.count * 1e6
    }
}

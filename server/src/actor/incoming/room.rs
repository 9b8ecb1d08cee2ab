//! How many bundles an incoming actor keeps, and how many bytes of them.

use super::Logged;

/// Most bundles kept for mailbox actors that have not attested them. With more, submissions are refused: with the bound on
/// their bytes it is the bound on the memory of this actor.
pub const QUEUE_MAX: usize = 100_000;
/// Most bytes of these.
const QUEUE_BYTES_MAX: u64 = 512 << 20;

/// How much may enter the queue.
#[derive(Clone, Copy)]
pub struct Room {
    bundles: usize,
    /// Of the bundles; the last may be larger than what is left.
    bytes: u64,
}

impl Room {
    /// What is left besides so many bundles of so many bytes.
    pub fn besides(bundles: usize, bytes: u64) -> Room {
        Room { bundles: QUEUE_MAX.saturating_sub(bundles), bytes: QUEUE_BYTES_MAX.saturating_sub(bytes) }
    }

    /// Whether nothing more may enter.
    pub fn is_none(&self) -> bool {
        self.bundles == 0 || self.bytes == 0
    }

    /// A bundle of so many bytes has entered.
    pub fn take(&mut self, bytes: u64) {
        self.bundles -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// How many bytes a run takes, here and in batches.
pub fn bytes_of(run: &[Logged]) -> u64 {
    run.iter().map(|logged| logged.submission.content.wire_bytes()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_full_of_few_large_bundles_or_of_many_small_ones() {
        assert!(!Room::besides(QUEUE_MAX - 1, 0).is_none() && Room::besides(QUEUE_MAX, 0).is_none());
        let mut room = Room::besides(0, QUEUE_BYTES_MAX - 10);
        assert!(!room.is_none());
        room.take(1 << 20);
        assert!(room.is_none(), "the last may be larger than what is left");
    }
}

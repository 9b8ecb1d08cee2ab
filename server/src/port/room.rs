//! Room for what is large: what waits somewhere is bounded in number, and what is large in bytes, too.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is no longer than this needs no room of its own: its number is bound enough.
pub const SMALL: usize = 64 << 10;

/// Room for so many bytes.
#[derive(Clone)]
pub struct Room {
    bytes: u32,
    left: Arc<Semaphore>,
}

/// Room that is taken until this is dropped.
#[derive(Debug, Default)]
pub struct Taken(
    #[allow(dead_code, reason = "it is given back when it is dropped")] Option<OwnedSemaphorePermit>,
);

impl Room {
    /// All of it is free.
    pub fn new(bytes: usize) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Room { bytes, left: Arc::new(Semaphore::new(bytes as usize)) }
    }

    /// Waits until there is room for so many bytes, first come first served. What is larger than all of it takes all of it.
    pub async fn take(&self, bytes: usize) -> Taken {
        if bytes <= SMALL {
            return Taken(None);
        }
        Taken(self.left.clone().acquire_many_owned(self.part(bytes)).await.ok())
    }

    /// The same, if there is room now.
    pub fn try_take(&self, bytes: usize) -> Option<Taken> {
        if bytes <= SMALL {
            return Some(Taken(None));
        }
        let taken = self.left.clone().try_acquire_many_owned(self.part(bytes)).ok()?;
        Some(Taken(Some(taken)))
    }

    /// How much of it so many bytes take.
    fn part(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).map_or(self.bytes, |bytes| bytes.min(self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn what_is_large_waits_until_there_is_room_and_what_is_small_does_not() {
        let room = Room::new(1 << 20);
        let first = room.take(1 << 20).now_or_never().unwrap();
        assert!(room.take(SMALL + 1).now_or_never().is_none(), "all of it is taken");
        assert!(room.take(SMALL).now_or_never().is_some());
        assert!(room.try_take(SMALL + 1).is_none() && room.try_take(SMALL).is_some());
        drop(first);
        assert!(room.try_take(SMALL + 1).is_some(), "and it is given back");
        let all = room.take(usize::MAX).now_or_never();
        assert!(all.is_some(), "what is larger than all of it is not kept out");
        assert!(room.take(SMALL + 1).now_or_never().is_none());
    }
}

//! Work on many threads, with results that do not tell how many there were.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Does all the work on so many threads; what comes of it is in the order of the work.
pub fn each<T: Sync, R: Send>(work: &[T], jobs: usize, act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = work.get(index) else { return };
                    let result = act(item);
                    lock(&done).insert(index, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// The value of a mutex that no panic can leave half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_keeps_its_order_on_any_number_of_threads() {
        let work: Vec<u64> = (0..50).collect();
        for jobs in [1, 4] {
            assert_eq!(each(&work, jobs, |item| item * 2), work.iter().map(|i| i * 2).collect::<Vec<_>>());
        }
    }
}

//! Traps: a machine is killed when it comes to a boundary between storing and sending.
//!
//! A crash at a random time hardly ever meets the instant between a commit and the first message after it. A trap
//! waits there: the node stands still from then on, and the nemesis, woken, kills it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::network::Machine;

/// A place in a node's loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Nothing of the step is on the disk.
    BeforeCommit,
    /// The commit is on its way to the disk.
    InCommit,
    /// The step is durable, and nobody has heard of it.
    AfterCommit,
    /// Some of what the step sends has left.
    Sending,
}

impl Boundary {
    /// The boundary of that name; the last one for any other.
    pub fn named(name: &str) -> Boundary {
        match name {
            "before-commit" => Boundary::BeforeCommit,
            "in-commit" => Boundary::InCommit,
            "after-commit" => Boundary::AfterCommit,
            _ => Boundary::Sending,
        }
    }
}

/// A trap that is set.
struct Trap {
    boundary: Boundary,
    /// How often it lets the node pass.
    spares: u64,
    sprung: bool,
    told: Arc<Notify>,
}

/// The traps of a run, one at most for each machine.
#[derive(Clone, Default)]
pub struct Traps(Arc<Mutex<BTreeMap<Machine, Trap>>>);

impl Traps {
    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<Machine, Trap>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets a trap that springs at the `count`-th coming, and tells. None if the machine has one.
    pub fn set(&self, machine: Machine, boundary: Boundary, count: u64) -> Option<Arc<Notify>> {
        let told = Arc::new(Notify::new());
        let trap = Trap { boundary, spares: count.saturating_sub(1), sprung: false, told: told.clone() };
        self.with(|traps| match traps.contains_key(&machine) {
            true => None,
            false => {
                traps.insert(machine, trap);
                Some(told)
            }
        })
    }

    /// Whether a trap is set there, and has not sprung.
    pub fn is_set(&self, machine: Machine, boundary: Boundary) -> bool {
        self.with(|traps| traps.get(&machine).is_some_and(|trap| trap.boundary == boundary && !trap.sprung))
    }

    /// Takes the trap away: whether it has sprung.
    pub fn take(&self, machine: Machine) -> bool {
        self.with(|traps| traps.remove(&machine)).is_some_and(|trap| trap.sprung)
    }

    /// A machine comes to a boundary: whether it must go no further.
    pub fn spring(&self, machine: Machine, boundary: Boundary) -> bool {
        self.with(|traps| {
            let Some(trap) = traps.get_mut(&machine) else { return false };
            if trap.sprung || trap.boundary != boundary {
                return trap.sprung;
            }
            if trap.spares > 0 {
                trap.spares -= 1;
                return false;
            }
            trap.sprung = true;
            trap.told.notify_one();
            true
        })
    }

    /// Whether a machine stands still in its trap.
    pub fn is_held(&self, machine: Machine) -> bool {
        self.with(|traps| traps.get(&machine).is_some_and(|trap| trap.sprung))
    }

    /// The same, standing still for good if so.
    pub async fn pass(&self, machine: Machine, boundary: Boundary) {
        if self.spring(machine, boundary) {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_springs_at_its_count_and_its_boundary() {
        let traps = Traps::default();
        assert!(traps.set(3, Boundary::AfterCommit, 2).is_some());
        assert!(traps.set(3, Boundary::Sending, 1).is_none(), "one trap a machine");
        assert!(!traps.spring(3, Boundary::BeforeCommit) && !traps.spring(4, Boundary::AfterCommit));
        assert!(!traps.spring(3, Boundary::AfterCommit), "the first coming is spared");
        assert!(traps.spring(3, Boundary::AfterCommit));
        assert!(traps.spring(3, Boundary::Sending), "it stands still wherever it was");
        assert!(traps.take(3) && !traps.take(3));
    }
}

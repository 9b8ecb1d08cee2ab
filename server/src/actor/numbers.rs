//! Numbers: the slots of statements that an actor counts by itself, and which of them may be forgotten.
//!
//! The last statement of a kind guards its slot over a crash and stays; those before it go when a new one is made.
//!
//! # Invariants
//! - A number is given out once, over all restarts.

use super::Step;
use crate::protocol::statement::Kind;

/// The numbers of one kind of statement.
#[derive(Default)]
pub struct Numbers {
    next: u64,
    /// Signed, and not forgotten yet.
    kept: Vec<u64>,
}

impl Numbers {
    /// Puts back a statement that was found in storage.
    pub fn recover(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
        self.kept.push(number);
    }

    /// The next number; what was signed before the step is forgotten, once this is durable.
    pub fn take(&mut self, kind: Kind, step: &mut Step) -> u64 {
        self.kept.drain(..).for_each(|number| step.forget(kind, number));
        self.next += 1;
        self.next - 1
    }

    /// A statement is signed.
    pub fn signed(&mut self, number: u64) {
        self.kept.push(number);
    }
}

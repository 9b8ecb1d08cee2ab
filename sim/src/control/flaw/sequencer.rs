//! Flaws of the sequencer.

use server::{
    actor::{Actor as _, Draft, Step, sequencer::Sequencer},
    protocol::statement::Trust,
};

use super::{Fallible, Flaw, Weakness};

const MS: u64 = 1_000_000;

impl Fallible for Sequencer {
    fn flaw(weakness: Weakness, _: &Trust) -> Option<Box<dyn Flaw<Self>>> {
        (weakness == Weakness::KeyInSlot).then(|| Box::<RotatedKey>::default() as _)
    }
}

/// Signs under a key of its own incarnation. What it had signed under the one before stands in other slots, it thinks,
/// and so is not in its table (the weakness of that name in `model/storage.rs`).
#[derive(Default)]
struct RotatedKey {
    /// The key's epoch: the millisecond in which it was made.
    key: Option<u32>,
}

impl Flaw<Sequencer> for RotatedKey {
    fn settle(&mut self, actor: &mut Sequencer, step: &mut Step) {
        let key = *self.key.get_or_insert((step.now.0 / MS) as u32);
        actor.settle(step);
        for draft in &mut step.promises {
            match draft {
                Draft::Cut(cut) => cut.terms.key = key,
                Draft::SealAck(ack) => ack.terms.key = key,
                _ => {}
            }
        }
    }
}

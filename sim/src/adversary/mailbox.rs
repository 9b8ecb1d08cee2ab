//! Mailbox actors that cheat.

use server::{
    actor::{Actor, Input, Issued, Step, mailbox::Mailbox},
    port::Time,
    protocol::id::ActorId,
};

use super::Task;

/// D03: delivers two bundles of a mailbox in the other order than the cut says, and attests it.
///
/// Verdict: the mailbox actor is exposed (*badattestation*) in the same epoch, by the client itself.
pub struct SwapDeliveries {
    inner: Mailbox,
    task: Task,
}

impl SwapDeliveries {
    /// Turns an honest mailbox actor into one that swaps deliveries.
    pub fn new(inner: Mailbox, task: Task) -> Self {
        SwapDeliveries { inner, task }
    }
}

impl Actor for SwapDeliveries {
    fn me(&self) -> ActorId {
        self.inner.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.inner.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.inner.handle(input, step);
    }

    fn settle(&mut self, step: &mut Step) {
        while let Some(cut) = self.inner.next_epoch(step) {
            let mut deliveries = self.inner.derive(cut);
            let victim = deliveries.by_client.values_mut().find(|entries| entries.len() > 1);
            if let Some([first, second, ..]) = victim.filter(|_| self.task.is_on(step)).map(Vec::as_mut_slice)
            {
                // the bundles change places, the sequence ids stay in order
                std::mem::swap(first, second);
                std::mem::swap(&mut first.sequence, &mut second.sequence);
                self.task.fired(deliveries.cut.epoch);
            }
            self.inner.attest(deliveries, step);
        }
        self.inner.settle(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.inner.release(issued, step);
    }

    fn deadline(&self) -> Option<Time> {
        self.inner.deadline()
    }
}

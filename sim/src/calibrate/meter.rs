//! The meter: how long actors compute, measured inside a run.
//!
//! The run is one of the simulator's, but the code is that of production: the actor's own. Signatures are modelled in
//! such a run, so what is measured is everything but them, and the virtual clock does not matter.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use server::{
    actor::{Actor, Draft, Input, Issued, Step},
    port::Time,
    protocol::id::ActorId,
};

use super::{clock, fit::Sample};
use crate::{adversary::AnyActor, pool::lock};

/// What steps took: by that they are, by their inputs, by their outputs and by bytes.
pub type Steps = Vec<Sample<4>>;

/// What was measured, by role.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<BTreeMap<&'static str, Steps>>>);

impl Meter {
    /// The actor, measured.
    pub fn watch(&self, role: &'static str, actor: AnyActor) -> AnyActor {
        Box::new(Metered { actor, role, meter: self.clone(), ns: 0, released: 0 })
    }

    /// Takes the samples out.
    pub fn take(&self) -> BTreeMap<&'static str, Steps> {
        std::mem::take(&mut lock(&self.0))
    }
}

struct Metered {
    actor: AnyActor,
    role: &'static str,
    meter: Meter,
    /// What this step took so far, and the releases of the one before.
    ns: u64,
    /// Messages that these releases sent.
    released: u64,
}

impl Metered {
    fn timed<T>(&mut self, act: impl FnOnce(&mut AnyActor) -> T) -> T {
        let began = clock::now_ns();
        let result = act(&mut self.actor);
        self.ns += clock::now_ns() - began;
        result
    }
}

impl Actor for Metered {
    fn me(&self) -> ActorId {
        self.actor.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.actor.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.timed(|actor| actor.handle(input, step));
    }

    fn settle(&mut self, step: &mut Step) {
        self.timed(|actor| actor.settle(step));
        let outputs = std::mem::take(&mut self.released) + step.outputs();
        let causes = [1, step.work.inputs, outputs, step.work.coded_bytes].map(|count| count as f64);
        let sample = Sample { causes, ns: std::mem::take(&mut self.ns) as f64 };
        lock(&self.meter.0).entry(self.role).or_default().push(sample);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        let before = step.outputs();
        self.timed(|actor| actor.release(issued, step));
        self.released += step.outputs().saturating_sub(before);
    }

    fn deadline(&self) -> Option<Time> {
        self.actor.deadline()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        self.actor.statement_row(draft)
    }
}

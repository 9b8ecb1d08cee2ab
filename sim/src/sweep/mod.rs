//! The sweep: many seeds of many scenarios over all cores.
//!
//! ```text
//! plan (scenarios × seeds, or a shard of them) → trials on all cores → journal, a line a run → result → report
//! ```
//!
//! What is swept is pinned in a [`Plan`]; a run that is done is a [`Row`], and goes to the [`Journal`] at once, so that
//! a sweep that is killed goes on where it was. The [`Swept`] result is put together from rows alone, whether they come
//! from this process, from a journal or from the journals of several machines ([`merge`]).
//!
//! # Invariants
//! - Results do not depend on how many threads there are, which was faster, how often the sweep was interrupted, or
//!   into how many shards it was split. What depends on the machine is kept apart (`speed.csv`, [`Speed`]).
//! - Of every [`SAMPLE`] seeds one is run twice, and both runs must be the same.

mod junit;
mod merge;
mod plan;
mod report;
mod result;
mod speed;

pub use junit::junit;
pub use merge::{MergeError, Merged, merge};
pub use plan::{BUILD, NoShard, Pinned, Plan, Shard, digest};
pub use report::{FILES, RESULT_FILE, write_junit, write_results};
pub use result::{Failure, Row, Swept};
pub use speed::Speed;

use crate::{
    command::{InputError, Stopwatch},
    journal::{Journal, JournalError, Limits},
    plant::Plant,
    scenario::Scenario,
    trial::{Times, Trial},
};

/// Of so many seeds one is run twice.
pub const SAMPLE: u64 = 50;

/// Which run of a sweep: the scenario by its place, and the seed.
pub type Key = (usize, u64);

/// A sweep that is to run.
pub struct Sweep {
    /// What it consists of.
    pub plan: Plan,
    /// The scenarios of the plan, in its order.
    pub scenarios: Vec<Scenario>,
    /// The bug planted in all of them.
    pub plant: Plant,
    /// Threads.
    pub jobs: usize,
}

/// Why a sweep could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A file of a scenario.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Sweep {
    /// Runs what the journal does not hold yet; calls `progress` with each run.
    ///
    /// # Errors
    /// A file that cannot be read or written. What was done is in the journal.
    pub fn run(
        &self,
        journal: &mut Journal<Plan>,
        limits: Limits<'_>,
        progress: &(dyn Fn(&Row) + Sync),
    ) -> Result<Swept, SweepError> {
        let stopwatch = Stopwatch::start();
        let one = |key| self.one(key).map_err(SweepError::from);
        let fresh = journal.complete(self.plan.keys(), self.jobs, limits, one, progress)?;
        let wall_s = stopwatch.elapsed().as_secs_f64();
        Ok(Swept { plan: self.plan.clone(), rows: journal.rows().clone(), fresh, wall_s })
    }

    fn one(&self, (index, seed): Key) -> Result<Row, InputError> {
        let sampled = (seed - self.plan.seeds.start).is_multiple_of(SAMPLE);
        let path = &self.plan.scenarios[index].path;
        let trial = Trial {
            path,
            scenario: &self.scenarios[index],
            seed,
            plant: self.plant,
            times: if sampled { Times::Twice } else { Times::Once },
        };
        let tried = trial.run()?;
        Ok(Row::of(path, seed, &tried))
    }
}

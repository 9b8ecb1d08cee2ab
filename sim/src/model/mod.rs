//! The simulated ports, named like the real ones: network, clock, storage on a disk, work on a processor.
//!
//! madsim gives the scheduler, the seeded choice among ready tasks, and the killing and restarting of nodes. Its own
//! network, file system and clock cannot measure throughput (a sleep is rounded up to a millisecond, every message
//! sleeps, there is no bandwidth), so these models are ours.

pub mod clock;
pub mod condition;
pub mod cores;
pub mod costs;
pub mod cpu;
pub mod crypto;
pub mod disk;
mod image;
pub mod late;
pub mod load;
pub mod memory;
pub mod network;
pub mod pipe;
pub mod skew;
pub mod storage;
pub mod trap;
pub mod wires;

use server::port::Spawn;

/// Tasks of the simulated node that spawns them; they die with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimTasks;

impl Spawn for SimTasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        madsim::task::spawn(task);
    }
}

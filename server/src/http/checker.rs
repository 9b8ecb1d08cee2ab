//! The checker: verifies what arrives, in batches, before it goes to an actor.
//!
//! So a wrong signature gets its answer at once, and the verifier remembers the valid ones
//! ([`crate::protocol::remembered`]): the actor's own check costs a look-up. Each task takes what has arrived
//! meanwhile as one batch; how many tasks there are is how much is checked in parallel. What they check is told to the work
//! port: each task is a thread of control beside the actor's. A check takes less time than passes between two requests until
//! far more come than a server can take, so batches would be of one: under load a task waits for a moment and lets some gather,
//! which halves what each costs.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    actor::Ledger,
    port::{Clock, Spawn, any_clock::AnyClock, any_work::AnyWork},
    protocol::{
        crypto::{Claim, PublicKey, Signature, Verifier},
        statement::{Statement, Trust, Unverified},
    },
};

/// Most claims of a batch: beyond, a batch gains little and holds up a thread.
const BATCH_MAX: usize = 128;
/// Jobs that wait; more wait at their requests.
const JOBS_MAX: usize = 4096;
/// It is load when so many jobs came within so long: then a wait of a quarter of that finds several.
const LOAD: (usize, u64) = (24, 4_000_000);
/// How long a task waits then: a small part of what a receipt takes under load.
const GATHER_NS: u64 = 1_000_000;

type OwnedClaim = (PublicKey, Vec<u8>, Signature);

struct Job {
    claims: Vec<OwnedClaim>,
    valid: oneshot::Sender<bool>,
}

/// Verifies in batches.
pub struct Checker {
    trust: Trust,
    /// One queue each, taken in turn.
    queues: Vec<mpsc::Sender<Job>>,
    turn: Mutex<usize>,
}

impl Checker {
    /// A checker of so many tasks.
    pub fn new(trust: Trust, tasks: usize, (clock, work): (&AnyClock, &AnyWork), spawn: &impl Spawn) -> Self {
        let queues = (0..tasks.max(1)).map(|_| {
            let (queue, jobs) = mpsc::channel(JOBS_MAX);
            spawn.spawn(check(trust.clone(), clock.clone(), work.clone(), jobs));
            queue
        });
        Checker { queues: queues.collect(), trust, turn: Mutex::default() }
    }

    /// Whether all these claims are valid.
    pub async fn check(&self, claims: Vec<OwnedClaim>) -> bool {
        let queue = {
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            *turn = (*turn + 1) % self.queues.len();
            &self.queues[*turn]
        };
        let (valid, answer) = oneshot::channel();
        queue.send(Job { claims, valid }).await.is_ok() && answer.await.unwrap_or(false)
    }

    /// Whether all these statements are signed by whom they claim.
    pub async fn are_signed<T: Statement>(&self, statements: &[&Unverified<T>]) -> bool {
        let claims: Option<Vec<_>> =
            statements.iter().map(|statement| statement.claim(&self.trust)).collect();
        match claims {
            Some(claims) => self.check(claims).await,
            None => false,
        }
    }
}

/// When the last jobs came.
#[derive(Default)]
struct Arrivals(VecDeque<u64>);

impl Arrivals {
    /// So many came now: whether that is load.
    fn are_many(&mut self, count: usize, now_ns: u64) -> bool {
        let (many, within_ns) = LOAD;
        self.0.extend(std::iter::repeat_n(now_ns, count.min(many)));
        self.0.drain(..self.0.len().saturating_sub(many));
        self.0.len() == many && self.0.front().is_some_and(|first| now_ns - first <= within_ns)
    }
}

async fn check(trust: Trust, clock: AnyClock, work: AnyWork, mut jobs: mpsc::Receiver<Job>) {
    let mut arrivals = Arrivals::default();
    let mut batch: Vec<Job> = Vec::new();
    loop {
        let mut count = jobs.recv_many(&mut batch, BATCH_MAX).await;
        if count == 0 {
            return;
        }
        let now = clock.now();
        if arrivals.are_many(count, now.0) && count < BATCH_MAX / 2 {
            clock.sleep(now.after(GATHER_NS)).await;
            while count < BATCH_MAX
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
                count += 1;
            }
            arrivals.are_many(count - 1, clock.now().0);
        }
        let (valid, cost) = verdicts(&*trust.verifier, &batch);
        work.spend(cost).await;
        for (job, valid) in batch.drain(..).zip(valid) {
            // whoever asked may be gone
            let _ = job.valid.send(valid);
        }
        tokio::task::yield_now().await;
    }
}

/// Which jobs of a batch are valid, and what it cost to find out.
fn verdicts(verifier: &dyn Verifier, batch: &[Job]) -> (Vec<bool>, Ledger) {
    let all: Vec<Claim<'_>> = batch.iter().flat_map(|job| job.claims.iter().map(borrowed)).collect();
    let mut cost = Ledger { verified_batched: all.len() as u64, ..Ledger::default() };
    if verifier.verify_all(&all) {
        return (vec![true; batch.len()], cost);
    }
    cost.verified = all.len() as u64;
    let is_valid = |job: &Job| job.claims.iter().all(|claim| verifier.verify(borrowed(claim)));
    (batch.iter().map(is_valid).collect(), cost)
}

fn borrowed((key, preimage, signature): &OwnedClaim) -> Claim<'_> {
    (*key, preimage, *signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_many_jobs_within_a_while() {
        let mut arrivals = Arrivals::default();
        let (many, within_ns) = LOAD;
        assert!(!arrivals.are_many(many - 1, 0), "too few yet");
        assert!(arrivals.are_many(1, within_ns), "enough");
        assert!(!arrivals.are_many(1, 2 * within_ns), "too slowly");
        assert!(arrivals.are_many(100, 3 * within_ns), "a burst");
    }
}

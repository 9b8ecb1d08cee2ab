//! The checker: verifies what arrives, in batches, before it goes to an actor.
//!
//! So a wrong signature gets its answer at once, and the verifier remembers the valid ones
//! ([`crate::protocol::remembered`]): the actor's own check costs a look-up. Each task takes what has arrived
//! meanwhile as one batch; how many tasks there are is how much is checked in parallel. What they check is told to the work
//! port: each task is a thread of control beside the actor's.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::{
    actor::Ledger,
    port::{Spawn, any_work::AnyWork},
    protocol::{
        crypto::{Claim, PublicKey, Signature, Verifier},
        statement::{Statement, Trust, Unverified},
    },
};

/// Most claims of a batch: beyond, a batch gains little and holds up a thread.
const BATCH_MAX: usize = 128;
/// Jobs that wait; more wait at their requests.
const JOBS_MAX: usize = 4096;

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
    pub fn new(trust: Trust, tasks: usize, work: &AnyWork, spawn: &impl Spawn) -> Self {
        let queues = (0..tasks.max(1)).map(|_| {
            let (queue, jobs) = mpsc::channel(JOBS_MAX);
            spawn.spawn(check(trust.clone(), work.clone(), jobs));
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

async fn check(trust: Trust, work: AnyWork, mut jobs: mpsc::Receiver<Job>) {
    let mut batch: Vec<Job> = Vec::new();
    while jobs.recv_many(&mut batch, BATCH_MAX).await > 0 {
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

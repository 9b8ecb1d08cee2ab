//! The checker: verifies what arrives, in batches, before it goes to an actor.
//!
//! So a wrong signature gets its answer at once, and the verifier remembers the valid ones
//! ([`crate::protocol::remembered`]): the actor's own check costs a look-up. What is checked is told to the work port: each
//! task is a thread of control beside the actor's, and how many there are is how much is checked in parallel.
//!
//! A check takes less time than passes between two requests until far more come than a server can take, so batches would be of
//! one. A task therefore lets everything run that is ready before it takes what has arrived: that costs next to nothing
//! while there is little to do, and under load finds several, which halves what each costs. The tasks gather in turn, so
//! that what comes is one batch and not one for each of them.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    actor::Ledger,
    port::{Spawn, any_work::AnyWork},
    protocol::{
        crypto::{Claim, Verifier},
        endorsement::{OwnedClaim, borrowed, check_all},
        statement::{Statement, Trust, Unverified},
    },
};

/// Most claims of a batch: beyond, a batch gains little and holds up a thread.
const BATCH_MAX: usize = 128;
/// Jobs that wait; more wait at their requests.
const JOBS_MAX: usize = 4096;
/// How often all that is ready runs before a batch is taken: a request is read, parsed and handed on in two turns.
const TURNS: u32 = 2;

struct Job {
    claims: Vec<OwnedClaim>,
    valid: oneshot::Sender<bool>,
}

/// Verifies in batches.
pub struct Checker {
    trust: Trust,
    jobs: mpsc::Sender<Job>,
}

impl Checker {
    /// A checker of so many tasks.
    pub fn new(trust: Trust, tasks: usize, work: &AnyWork, spawn: &impl Spawn) -> Self {
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..tasks.max(1) {
            spawn.spawn(check(trust.clone(), work.clone(), queue.clone()));
        }
        Checker { trust, jobs }
    }

    /// Whether all these claims are valid.
    pub async fn check(&self, claims: Vec<OwnedClaim>) -> bool {
        let (valid, answer) = oneshot::channel();
        self.jobs.send(Job { claims, valid }).await.is_ok() && answer.await.unwrap_or(false)
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

async fn check(trust: Trust, work: AnyWork, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut batch: Vec<Job> = Vec::new();
    loop {
        if !gather(&mut *queue.lock().await, &mut batch).await {
            return;
        }
        let valid = verdicts(&*trust.verifier, &batch, &work).await;
        for (job, valid) in batch.drain(..).zip(valid) {
            // whoever asked may be gone
            let _ = job.valid.send(valid);
        }
    }
}

/// Takes the next batch; false when there will be none.
async fn gather(queue: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) -> bool {
    let Some(first) = queue.recv().await else { return false };
    let mut claims = first.claims.len();
    batch.push(first);
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
        while claims < BATCH_MAX
            && let Ok(job) = queue.try_recv()
        {
            claims += job.claims.len();
            batch.push(job);
        }
    }
    true
}

/// Which jobs of a batch are valid. One job may have many claims: others run between its parts.
async fn verdicts(verifier: &dyn Verifier, batch: &[Job], work: &AnyWork) -> Vec<bool> {
    let all: Vec<Claim<'_>> = batch.iter().flat_map(|job| job.claims.iter().map(borrowed)).collect();
    let mut valid = Vec::with_capacity(all.len());
    for part in all.chunks(BATCH_MAX) {
        if !valid.is_empty() {
            tokio::task::yield_now().await;
        }
        let checked = check_all(part, verifier);
        valid.extend(checked.valid);
        let (verified_batched, verified) = (checked.at_once, checked.one_by_one);
        work.spend(Ledger { verified_batched, verified, ..Ledger::default() }).await;
    }
    let mut valid = valid.into_iter();
    // all are looked at, so that the next job's are its own
    let is_valid = |job: &Job| valid.by_ref().take(job.claims.len()).fold(true, |all, one| all & one);
    batch.iter().map(is_valid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::crypto::{PublicKey, Signature};

    #[test]
    fn a_batch_is_full_of_claims_and_not_of_jobs() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let claim = || -> OwnedClaim { (PublicKey([0; 32]), Vec::new(), Signature([0; 64])) };
        let (jobs, mut queue) = mpsc::channel(10);
        for _ in 0..4 {
            let (valid, _) = oneshot::channel();
            jobs.try_send(Job { claims: (0..100).map(|_| claim()).collect(), valid }).unwrap();
        }
        let mut batch = Vec::new();
        assert!(runtime.block_on(gather(&mut queue, &mut batch)));
        assert_eq!(batch.len(), 2);
    }
}

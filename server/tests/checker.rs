//! The checker: what comes at the same time is one batch, and a wrong signature is nobody else's.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use futures_util::future::join_all;
use server::{
    http::Checker,
    port::{
        any_work::AnyWork,
        tokio::{RealWork, TokioTasks},
    },
    protocol::{
        crypto::{Claim, Ed25519, Ed25519Signer, Signer, Verifier},
        statement::Trust,
    },
};

/// Notes how large the batches are, and counts what is checked alone.
#[derive(Default)]
struct Noting {
    batches: Mutex<Vec<usize>>,
    alone: AtomicU64,
}

impl Verifier for Noting {
    fn verify(&self, claim: Claim<'_>) -> bool {
        self.alone.fetch_add(1, Ordering::Relaxed);
        Ed25519.verify(claim)
    }

    fn verify_all(&self, claims: &[Claim<'_>]) -> bool {
        self.batches.lock().unwrap().push(claims.len());
        Ed25519.verify_all(claims)
    }
}

/// Checks so many signatures, asked for at the same time, of which one may be wrong: the verdicts and what was noted.
fn checked(count: usize, tasks: usize, wrong: Option<usize>) -> (Vec<bool>, Arc<Noting>) {
    let noting = Arc::new(Noting::default());
    let trust = Trust::new(support::roster(1, 1, 1), noting.clone());
    let signer = Ed25519Signer::from_secret(&[7; 32]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let valid = runtime.block_on(async {
        let checker = Checker::new(trust, tasks, &AnyWork::new(RealWork), &TokioTasks);
        let checks = (0..count).map(|index| {
            let text = vec![index as u8; 9];
            let signature = signer.sign(if wrong == Some(index) { b"another" } else { &text });
            checker.check(vec![(signer.public(), text, signature)])
        });
        join_all(checks).await
    });
    (valid, noting)
}

#[test]
fn what_comes_at_the_same_time_is_one_batch_however_many_tasks_there_are() {
    for tasks in [1, 4] {
        let (valid, noting) = checked(100, tasks, None);
        assert_eq!(valid, vec![true; 100]);
        assert_eq!(*noting.batches.lock().unwrap(), [100], "{tasks} tasks");
        assert_eq!(noting.alone.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn no_batch_is_larger_than_it_may_be() {
    let (valid, noting) = checked(300, 2, None);
    assert_eq!(valid, vec![true; 300]);
    let batches = noting.batches.lock().unwrap();
    assert!(batches.iter().sum::<usize>() == 300 && batches.iter().all(|size| *size <= 128), "{batches:?}");
}

#[test]
fn a_wrong_signature_is_found_and_the_others_of_its_batch_are_valid() {
    let (valid, noting) = checked(20, 1, Some(13));
    assert!(valid.iter().enumerate().all(|(index, valid)| *valid == (index != 13)), "{valid:?}");
    assert_eq!(noting.alone.load(Ordering::Relaxed), 20);
}

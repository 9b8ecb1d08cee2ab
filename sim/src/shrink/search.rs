//! The search: candidates in order, many at a time, and the first that fails is the best from now on.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::Plain;
use crate::{pool::each, trial::Broken};

/// A search under way.
pub(super) struct Search<'a> {
    /// What a candidate breaks, if it fails as it should.
    pub fails: &'a (dyn Fn(&Plain) -> Option<Broken> + Sync),
    /// Whether there is no time left.
    pub over: &'a (dyn Fn() -> bool + Sync),
    /// Threads.
    pub jobs: usize,
    /// Candidates at most.
    pub most: u64,
    /// The best so far, and what it breaks.
    pub best: (Plain, Broken),
    /// The texts of all candidates that were tried and did not fail.
    pub tried: BTreeSet<String>,
    /// How many candidates were tried.
    pub runs: u64,
    /// Told of every best.
    pub progress: &'a mut dyn FnMut(&Plain, &Broken, u64),
}

impl Search<'_> {
    /// Whether no more candidate may be tried.
    pub fn is_over(&self) -> bool {
        self.runs >= self.most || (self.over)()
    }

    /// Tries candidates until one fails, which is the best then. Whether one did.
    ///
    /// Threads may try candidates behind the first that fails: these count for nothing, so that what is found and how
    /// many were tried is the same on any number of threads.
    pub fn first(&mut self, candidates: Vec<Plain>) -> bool {
        let mut fresh: Vec<(usize, Plain)> = Vec::new();
        for candidate in candidates {
            let text = candidate.text();
            let known = self.tried.contains(&text) || fresh.iter().any(|(_, other)| other.text() == text);
            if !known && text != self.best.0.text() {
                fresh.push((fresh.len(), candidate));
            }
        }
        fresh.truncate((self.most - self.runs.min(self.most)) as usize);
        let found = AtomicUsize::new(usize::MAX);
        let broken = each(&fresh, self.jobs, |(index, candidate)| {
            if found.load(Ordering::Relaxed) < *index || (self.over)() {
                return None;
            }
            let broken = (self.fails)(candidate)?;
            found.fetch_min(*index, Ordering::Relaxed);
            Some(broken)
        });
        let first = broken.into_iter().enumerate().find_map(|(index, broken)| Some((index, broken?)));
        let passed = first.as_ref().map_or(fresh.len(), |(index, _)| *index);
        if first.is_none() && (self.over)() {
            return false; // some may not have been tried
        }
        self.tried.extend(fresh[..passed].iter().map(|(_, candidate)| candidate.text()));
        self.runs += (passed + usize::from(first.is_some())) as u64;
        let Some((index, broken)) = first else { return false };
        self.best = (fresh.swap_remove(index).1, broken);
        (self.progress)(&self.best.0, &self.best.1, self.runs);
        true
    }
}

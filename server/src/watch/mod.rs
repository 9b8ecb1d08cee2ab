//! What a running server lets its operator know: a log, metrics, evidence on disk, its public statements.
//!
//! # Invariants
//! - Nothing secret is logged: no key, no payload, no ciphertext, no signature of a request.

pub mod commits;
pub mod metrics;
pub mod shelf;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};
use tracing::{debug, error, info, trace, warn};

use crate::{
    actor::{Draft, Issued, Notice, Step},
    deployment::keys::publish,
    node::Observer,
    port::Time,
    protocol::{
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, Deployment},
        statement::Kind,
    },
};

use commits::Commits;
use metrics::{ByActor, ByCosigned, ByHead, Metrics};
use shelf::Shelf;

/// What all actors of a process report to.
#[derive(Clone)]
pub struct Watch {
    /// Counted.
    pub metrics: Arc<Metrics>,
    /// Handed out.
    pub shelf: Arc<Shelf>,
    /// Under way.
    pub commits: Arc<Commits>,
    /// The deployment that they serve.
    pub deployment: Deployment,
    /// Where evidence goes.
    pub evidence: PathBuf,
    /// What has gone there since this process began.
    pub told: Arc<Mutex<Told>>,
}

/// Most files against clients that a process writes, and their bytes: keys are free, and so is evidence against one's own.
const CLIENT_FILES_MAX: usize = 1024;
const CLIENT_BYTES_MAX: usize = 64 << 20;
/// Most files against one server: whoever cheats a thousand times is caught as well by the first.
const SERVER_FILES_MAX: usize = 64;

/// Evidence that was written since a process began.
#[derive(Default)]
pub struct Told {
    files: BTreeSet<PathBuf>,
    /// Of these, against clients: how many, and their bytes.
    clients: (usize, usize),
    /// Against each server: how many.
    servers: BTreeMap<ActorId, usize>,
}

impl Told {
    /// Whether to write this file: once, and of those against clients or against one server no more than so many.
    fn take(&mut self, path: &Path, accused: ActorId, bytes: usize) -> bool {
        if self.files.contains(path) {
            return false;
        }
        if accused.client().is_some() {
            let (files, before) = self.clients;
            if files >= CLIENT_FILES_MAX || before + bytes > CLIENT_BYTES_MAX {
                return false;
            }
            self.clients = (files + 1, before + bytes);
        } else {
            let files = self.servers.entry(accused).or_default();
            if *files >= SERVER_FILES_MAX {
                return false;
            }
            *files += 1;
        }
        self.files.insert(path.to_owned())
    }

    /// It could not be written.
    fn give_back(&mut self, path: &Path, accused: ActorId, bytes: usize) {
        self.files.remove(path);
        match self.servers.get_mut(&accused) {
            Some(files) => *files -= 1,
            None => self.clients = (self.clients.0 - 1, self.clients.1 - bytes),
        }
    }
}

impl Watch {
    /// The observer of one actor.
    pub fn of(&self, actor: ActorId) -> Watcher {
        let label = ByActor { actor: actor.to_string() };
        let Metrics { steps, inputs, signed, verified, .. } = &*self.metrics;
        let counted = [steps, inputs, signed, verified].map(|family| family.get_or_create(&label).clone());
        let commits = self.metrics.commit_seconds.get_or_create(&label).clone();
        Watcher { watch: self.clone(), actor, label, counted, commits }
    }
}

/// Observes one actor.
pub struct Watcher {
    watch: Watch,
    actor: ActorId,
    label: ByActor,
    /// Its steps, inputs, signatures made and checked.
    counted: [Counter; 4],
    commits: Histogram,
}

impl Watcher {
    /// It has signed so, now or in an earlier life.
    fn retired(&self, actor: ActorId) {
        error!(%actor, "is retired: it has lost its state, admits that, and signs nothing more");
        self.watch.metrics.retired.get_or_create(&named(actor)).set(1);
    }

    /// Evidence is written where it survives the process, and loudly.
    fn caught(&self, evidence: &Evidence) {
        let accused = evidence.accused();
        let text = evidence.to_json(self.watch.deployment);
        let name = format!(
            "{}-{}-{}.json",
            accused.to_string().replace(['/', ':'], "-"),
            evidence.predicate(),
            &Digest::of(&[text.as_bytes()]).to_string()[..12]
        );
        let path = self.watch.evidence.join(name);
        // whoever is caught can do the same again and again, and with another key
        let mut told = self.watch.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.take(&path, accused, text.len()) {
            return;
        }
        drop(told);
        self.watch.metrics.exposed.get_or_create(&named(accused)).inc();
        warn!(by = %self.actor, %accused, predicate = evidence.predicate(), file = %path.display(), "caught");
        if let Err(error) = publish(&path, text.as_bytes(), 0o644) {
            error!(file = %path.display(), %error, "evidence cannot be written");
            // whoever is caught with it again
            let mut told = self.watch.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.give_back(&path, accused, text.len());
        }
    }
}

/// Clients are many: they have one label together.
fn named(target: ActorId) -> ByActor {
    let actor = if target.client().is_some() { "client".to_owned() } else { target.to_string() };
    ByActor { actor }
}

impl Observer for Watcher {
    fn promised(&mut self, _: Time, _: &Draft, _: Digest) {}

    fn lost(&mut self, why: &str) {
        error!(actor = %self.actor, why, "lost its state");
    }

    fn issued(&mut self, issued: &Issued) {
        trace!(actor = %self.actor, kind = issued.kind().name(), slot = issued.slot(), "signed");
        if let Issued::Seal(_) | Issued::Cut(_) | Issued::Attestation(_) = issued {
            let label = ByHead { actor: self.label.actor.clone(), kind: issued.kind().name() };
            let slot = i64::try_from(issued.slot()).unwrap_or(i64::MAX);
            self.watch.metrics.newest.get_or_create(&label).set(slot);
        }
        if let Issued::Cosignature(cosignature) = issued {
            for head in &cosignature.heads {
                let (witness, actor) = (self.label.actor.clone(), head.actor.to_string());
                let label = ByCosigned { witness, actor, kind: head.kind.name() };
                let slot = i64::try_from(head.slot).unwrap_or(i64::MAX);
                self.watch.metrics.cosigned.get_or_create(&label).set(slot);
            }
        }
        if issued.kind() == Kind::Recovery {
            self.retired(issued.actor());
        }
        self.watch.shelf.put(issued);
    }

    fn commits(&mut self) {
        self.watch.commits.begin(self.actor);
    }

    fn committed(&mut self, took_ns: u64) {
        self.watch.commits.end(self.actor);
        self.commits.observe(took_ns as f64 / 1e9);
    }

    fn notice(&mut self, _: Time, notice: Notice) {
        let actor = self.actor;
        match notice {
            Notice::Caught(evidence) => self.caught(&evidence),
            Notice::Suspicious { from, why } => {
                self.watch.metrics.suspicious.get_or_create(&self.label).inc();
                debug!(%actor, %from, why, "suspicious");
            }
            Notice::Suspected { target, demand, .. } => {
                self.watch.metrics.suspected.get_or_create(&named(target)).inc();
                warn!(%actor, %target, demand, "suspected");
            }
            Notice::Obliged { target, demand, challenger, .. } => {
                self.watch.metrics.challenged.get_or_create(&named(target)).inc();
                info!(%actor, %target, demand, %challenger, "challenged");
            }
            Notice::Pair { one, other, why } => info!(%actor, %one, %other, why, "a link in dispute"),
            Notice::Reached(point) => trace!(%actor, point, "reached"),
            _ => {}
        }
    }

    fn stepped(&mut self, _: Time, step: &Step) {
        let [steps, inputs, signed, verified] = &self.counted;
        steps.inc();
        inputs.inc_by(step.work.inputs);
        signed.inc_by(step.work.signed);
        verified.inc_by(step.work.verified + step.work.verified_batched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{
        crypto::PublicKey,
        id::{ClientId, Role},
    };

    #[test]
    fn evidence_against_clients_takes_no_more_than_its_part_of_the_disk() {
        let client = ActorId::Client(ClientId(PublicKey([1; 32])));
        let server = ActorId::Server(Role::Incoming, 0);
        let path = |index: usize| PathBuf::from(index.to_string());
        let mut told = Told::default();
        assert!(told.take(&path(0), client, 10) && !told.take(&path(0), client, 10), "each is written once");
        assert!(!told.take(&path(1), client, CLIENT_BYTES_MAX), "they are too large");
        let written = (1..2 * CLIENT_FILES_MAX).filter(|index| told.take(&path(*index), client, 10)).count();
        assert_eq!(written, CLIENT_FILES_MAX - 1, "they are too many");
        assert!(told.take(&path(9999), server, 2 * CLIENT_BYTES_MAX), "a server's is written all the same");
        let more = (10_000..20_000).filter(|index| told.take(&path(*index), server, 10)).count();
        assert_eq!(more, SERVER_FILES_MAX - 1, "and not for ever");
        assert!(told.take(&path(9998), ActorId::Server(Role::Incoming, 1), 10));
        for (accused, written) in [(server, 9999), (client, 0)] {
            assert!(!told.take(&path(5), accused, 10));
            told.give_back(&path(written), accused, 10);
            assert!(
                told.take(&path(5_000_000 + written), accused, 10),
                "what was not written does not count"
            );
        }
    }
}

//! The processes of a run: each a node on the simulated ports, until it stops by itself or is killed.

use std::sync::Arc;

use server::{
    node::{Identity, Node, NodeError},
    port::{Ports, Spawn as _},
    protocol::id::{ActorId, Role},
};

use super::World;
use crate::{
    adversary::Boxed,
    crowd,
    history::SeenSigner,
    model::{
        SimTasks,
        cpu::Cpu,
        disk::Disk,
        network::{Machine, Port},
        skew::NodeClock,
        storage::{Place, SimStorage},
    },
    scenario::{ActorName, fault::Family},
};

impl World {
    /// Runs the process of a machine, until it stops by itself or is killed.
    pub(super) async fn start(self: Arc<Self>, machine: Machine) {
        let name = self.processes[machine];
        self.machines[machine].begins();
        if let Err(error) = self.run_on(name, machine, &self.disks[machine]).await {
            self.history.event(Some(name), || format!("stops: {error}"));
            self.machines[machine].ends();
            let failed = matches!(error, NodeError::Storage(_)) && self.disks[machine].has_failed();
            let mut record = self.history.record();
            if failed {
                record.cover("an actor stopped rather than go on without its disk");
            }
            let list = if failed { &mut record.halted } else { &mut record.stopped };
            list.push((name, error.to_string()));
        }
    }

    /// Runs the process of the sequencer a second time, with its key, on a machine and a disk of its own.
    pub(super) async fn start_twin(self: Arc<Self>) {
        let costs = self.profile.disk.clone();
        let disk = Disk::new(self.time.clone(), costs, self.streams, "sequencer, again");
        // it may well stop by itself: that is what a slot table is for
        let _ = self.run_on(ActorName::SEQUENCER, self.processes.len(), &disk).await;
    }

    async fn run_on(&self, name: ActorName, machine: Machine, disk: &Disk) -> Result<(), NodeError> {
        let topology = &self.drawn.topology;
        let place = Place { machine, traps: self.traps.clone() };
        // the twin of a control has a machine that no fault knows
        let tuning = self.machines.get(machine);
        let tuning = tuning.map(|tuning| (tuning.throttle.clone(), tuning.busy.clone())).unwrap_or_default();
        let ports = Ports {
            network: self.fabric.of(machine, self.places.clone()),
            clock: self.clock_of(machine),
            storage: SimStorage::new(topology.storage, disk, self.time.clone(), place)
                .weakened(self.weakness.of(name.role)),
            work: Cpu::new(
                self.profile.clone(),
                self.label_of(name),
                self.streams.stream(&format!("cpu/{machine}")),
                topology.cores,
                tuning,
                self.time.clone(),
            ),
            spawn: SimTasks,
        };
        let node = Node::default();
        if name.role == Role::Witness {
            self.history.witness_started(name);
        }
        if name.role == Role::Client {
            self.history.started(name.index);
            self.desks[name.index as usize].open(node.door());
        }
        let several = self.drawn.architecture.is_monolith() && name == ActorName::SEQUENCER;
        if self.crowd.is_some() && (several || matches!(name.role, Role::Handler | Role::Mailbox)) {
            let (network, trust) = (ports.network.clone().at(Port::Crowd), self.setup.trust.clone());
            SimTasks.spawn(crowd::serve(node.door(), several, network, trust));
        }
        let observer = self.history.observer(name, self.parts_of(name).collect(), self.label_of(name));
        let recover = |recovered| {
            let actor = self.actor(name, recovered)?;
            Ok(Boxed(match &self.meter {
                Some(meter) => meter.watch(self.label_of(name), actor),
                None => actor,
            }))
        };
        node.run(self.identity(name, disk), ports, observer, recover).await
    }

    /// Who signs in a process: one actor, or all parts of a monolith with one key.
    fn identity(&self, name: ActorName, disk: &Disk) -> Identity {
        let parts: Vec<ActorName> = self.parts_of(name).collect();
        let actors: Vec<ActorId> = parts.iter().map(|part| self.id_of(*part)).collect();
        let (signer, history) = (self.signer(name), self.history.clone());
        let signer = Box::new(SeenSigner { who: name, parts, signer, history });
        let deployment = self.setup.trust.deployment;
        Identity { actors, deployment, signer, has_stored: disk.is_used() }
    }

    /// The clock of a machine: one that can be set wrong, if a fault will.
    fn clock_of(&self, machine: Machine) -> NodeClock {
        let hits = |actor: ActorName| self.machine_of(actor) == machine;
        let wrong = self
            .drawn
            .faults
            .iter()
            .any(|fault| fault.kind.family == Family::Clock && fault.actor("actor").is_some_and(hits));
        match self.machines.get(machine).filter(|_| wrong) {
            Some(tuning) => NodeClock::Skewed(tuning.skew.clone()),
            None => NodeClock::Right(self.time.clone()),
        }
    }
}

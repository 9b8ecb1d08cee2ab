//! The processes of a run: each a node on the simulated ports, until it stops by itself or is killed.

use std::sync::Arc;

use server::{
    actor::{RecoverError, Recovered, Setup},
    http::Checker,
    node::{Identity, Node, NodeError},
    port::{Ports, Spawn as _, any_work::AnyWork},
    protocol::{
        id::{ActorId, Role},
        statement::Trust,
    },
    watch::shelf::Shelf,
};

use super::World;
use crate::{
    adversary::Boxed,
    crowd::Entrance,
    model::{
        SimTasks,
        cores::Cores,
        cpu::{Batches, Cpu},
        disk::Disk,
        late::Late,
        memory::Memory,
        network::{Machine, Socket},
        skew::NodeClock,
        storage::{Place, SimStorage},
    },
    scenario::{ActorName, Architecture, Machines, Transport, fault::Family},
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
        let (cpu, setup) = self.cpu_of(machine);
        let network = self.fabric.of(machine, self.places.clone());
        let (clock, work) = (self.clock_of(machine), cpu.clone());
        let storage = SimStorage::new(topology.storage, disk, self.time.clone(), place);
        let storage =
            storage.weakened(self.weakness.of(name.role), self.key_number(name)).worked_by(cpu.waking());
        let node = Node::default();
        self.history.has_roster(self.parts_of(name), setup.trust.roster.version());
        if name.role == Role::Witness {
            self.history.witness_started(name);
        }
        if name.role == Role::Client {
            self.history.started(name.index);
            self.desks[name.index as usize].open(node.door());
        }
        let several = self.is_monolith(name);
        if self.crowd.is_some() && (several || matches!(name.role, Role::Handler | Role::Mailbox)) {
            let (trust, work) = (setup.trust.clone(), AnyWork::new(cpu.on_one()));
            let checker = Arc::new(Checker::new(trust.clone(), self.limits().checkers, &work, &SimTasks));
            let (work, history) = (self.web_work(&cpu), self.history.clone());
            let entrance = Entrance { door: node.door(), several, trust, checker, work, history };
            SimTasks.spawn(entrance.serve(network.clone().over(Socket::Crowd)));
        }
        let mut observer = self.history.observer(name, self.parts_of(name).collect(), self.label_of(name));
        let identity = self.identity(name, disk);
        let over_http = topology.transport == Transport::Http;
        if over_http && name.role == Role::Client {
            let network = self.http_of(name, machine, &cpu);
            let ports = Ports { network, clock, storage, work, spawn: SimTasks };
            let recover = |recovered| self.metered(name, setup, recovered);
            return node.run(identity, ports, observer, recover).await;
        }
        if let Some(shared) = &self.hosted {
            shared.let_in(&identity.actors, &node.door());
            observer = observer.filling(shared.shelf.clone());
        } else if over_http {
            let shelf = Arc::<Shelf>::default();
            observer = observer.filling(shelf.clone());
            let doors = identity.actors.iter().map(|actor| (*actor, node.door())).collect();
            let front = self.front(name, machine, doors, shelf, (&setup, &cpu), None);
            self.open(&front, machine).await?;
        }
        let ports = Ports { network, clock, storage, work, spawn: SimTasks };
        let recover = |recovered| self.metered(name, setup, recovered);
        node.run(identity, ports, observer, recover).await
    }

    /// Who does the work of the web for a crowd: the server, and on one machine with it the crowd's clients too.
    fn web_work(&self, cpu: &Cpu) -> Vec<Cpu> {
        let client =
            (self.drawn.topology.machines == Machines::One).then(|| cpu.as_role(Role::Client.name()));
        [Some(cpu.on_one()), client].into_iter().flatten().collect()
    }

    /// The actor of a process, measured if that is wanted.
    fn metered(&self, name: ActorName, setup: Setup, recovered: Recovered) -> Result<Boxed, RecoverError> {
        let actor = self.actor(name, setup, recovered)?;
        Ok(Boxed(match &self.meter {
            Some(meter) => meter.watch(self.label_of(name), actor),
            None => actor,
        }))
    }

    /// Who signs in a process: one actor, or all parts of a monolith with one key.
    fn identity(&self, name: ActorName, disk: &Disk) -> Identity {
        let parts: Vec<ActorName> = self.parts_of(name).collect();
        let actors: Vec<ActorId> = parts.iter().map(|part| self.id_of(*part)).collect();
        let Trust { roster, deployment, .. } = self.setup().trust;
        let (keys, terms) = (self.seen_keyring(name, &parts), roster.present_terms_of(&actors[0]));
        Identity { actors, deployment, keys, terms, has_stored: disk.is_used() }
    }

    /// What does the work of a process that starts, and what its actors are told.
    pub(super) fn cpu_of(&self, machine: Machine) -> (Cpu, Setup) {
        // the twin of a control has a machine that no fault knows
        let tuning = self.machines.get(machine);
        let throttle = tuning.map(|tuning| tuning.throttle.clone()).unwrap_or_default();
        let own = tuning.map(|tuning| tuning.cores.clone());
        let cores = own.unwrap_or_else(|| Cores::new(self.drawn.topology.cores));
        let role = self.processes.get(machine).map_or("twin", |name| self.label_of(*name));
        let random = self.streams.stream(&format!("cpu/{machine}"));
        let batches = match self.drawn.architecture {
            Architecture::Central => Batches::OnOne,
            _ => Batches::OnAllFree,
        };
        let profile = self.profile.clone();
        let cpu = Cpu::new(profile, (role, random), cores, batches, throttle, self.time.clone());
        let mut setup = self.setup();
        if !self.remembers() {
            return (cpu, setup);
        }
        let is_client = self.processes.get(machine).is_some_and(|name| name.role == Role::Client);
        let memory = match self.drawn.topology.machines {
            Machines::One if !is_client => self.memory.clone(),
            _ => Memory::default(),
        };
        setup.trust.verifier = memory.around(setup.trust.verifier);
        (cpu.remembering(memory), setup)
    }

    /// Whether a process remembers the signatures that it has checked: if it meets one more than once.
    fn remembers(&self) -> bool {
        let topology = &self.drawn.topology;
        let has_front = topology.transport == Transport::Http || self.crowd.is_some();
        self.drawn.architecture.is_monolith() || has_front || topology.machines == Machines::One
    }

    /// A clock that is right, and rings as late as timers of the profile do.
    fn right_clock(&self, machine: Machine) -> NodeClock {
        match self.profile.timer.mean() > 0.0 {
            true => {
                let random = self.streams.stream(&format!("timers/{machine}"));
                NodeClock::Late(Late::new(self.time.clone(), self.profile.timer.clone(), random))
            }
            false => NodeClock::Right(self.time.clone()),
        }
    }

    /// The clock of a machine: one that can be set wrong, if a fault will.
    pub(super) fn clock_of(&self, machine: Machine) -> NodeClock {
        let hits = |actor: ActorName| self.machine_of(actor) == machine;
        let wrong = self
            .drawn
            .faults
            .iter()
            .any(|fault| fault.kind.family == Family::Clock && fault.actor("actor").is_some_and(hits));
        match self.machines.get(machine).filter(|_| wrong) {
            Some(tuning) => NodeClock::Skewed(tuning.skew.clone()),
            None => self.right_clock(machine),
        }
    }
}

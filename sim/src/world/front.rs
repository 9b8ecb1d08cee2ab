//! HTTP in a run: the production front before each process that clients speak to, and the production client's network
//! port before each client, on the simulated ports.
//!
//! A front lives and dies with its process; its requests and its checker are threads of control of their own, on the cores
//! of the machine.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use rand::Rng;
use server::{
    actor::Setup,
    architecture,
    http::{
        Front, Limits, Parts,
        agent::Agent,
        client::{Caller, Hosts, HttpNetwork, Takes},
        router, serve,
    },
    node::Door,
    port::{Network, any_clock::AnyClock, any_work::AnyWork},
    protocol::{id::ActorId, roster_file},
    watch::{Watch, commits::Commits, shelf::Shelf},
};

use super::World;
use crate::{
    model::{
        SimTasks,
        cpu::Cpu,
        network::{Machine, SimNetwork, Socket},
    },
    scenario::{ActorName, Architecture},
};

const SECOND_NS: u64 = 1_000_000_000;
/// How often a front shows that it is alive: so often that a run need not wait for long to find out that one is not.
const HEARTBEAT_NS: u64 = SECOND_NS;
/// How long a client takes that it does not: three of them, as in production.
const SILENCE_NS: u64 = 3 * HEARTBEAT_NS;

impl World {
    /// The front of a process.
    pub(super) fn front(
        &self,
        name: ActorName,
        machine: Machine,
        doors: Vec<(ActorId, Door)>,
        shelf: Arc<Shelf>,
        (setup, cpu): (&Setup, &Cpu),
        agent: Option<Agent>,
    ) -> Arc<Front> {
        let deployment = setup.trust.deployment;
        let parts = Parts {
            trust: setup.trust.clone(),
            roster: self.roster_file(),
            architecture: match self.drawn.architecture {
                Architecture::Central => architecture::Architecture::Central,
                Architecture::Multithreaded => architecture::Architecture::Multithreaded,
                _ => architecture::Architecture::Parallel,
            },
            timing: setup.timing,
            doors,
            elsewhere: BTreeMap::new(),
            limits: self.limits(),
            clock: AnyClock::new(self.clock_of(machine)),
            work: AnyWork::new(cpu.on_one()),
            watch: Watch {
                metrics: Arc::default(),
                shelf,
                commits: Arc::new(Commits::new(AnyClock::new(self.clock_of(machine)))),
                deployment,
                evidence: PathBuf::new(),
                told: Arc::default(),
            },
            secret: self.secret_of(name, machine),
            agent,
        };
        Front::new(parts, &SimTasks)
    }

    /// Serves a front on the socket of a machine from now on.
    pub(super) async fn open(&self, front: &Arc<Front>, machine: Machine) -> io::Result<()> {
        let network = self.fabric.of(machine, self.places.clone()).over(Socket::Http);
        let listener = network.listen().await?;
        serve::<SimNetwork>(listener, front, router(front.clone()), &SimTasks);
        Ok(())
    }

    /// The network of a client.
    pub(super) fn http_of(
        &self,
        name: ActorName,
        machine: Machine,
        cpu: &Cpu,
    ) -> HttpNetwork<SimNetwork, SimTasks> {
        HttpNetwork {
            inner: self.fabric.of(machine, self.places.clone()).over(Socket::Http),
            caller: Arc::new(Caller::new(self.signer(name), self.setup().trust.deployment)),
            hosts: Hosts::of("server".to_owned(), BTreeMap::new()),
            takes: Takes::from(&self.limits()),
            silence_ns: SILENCE_NS,
            clock: AnyClock::new(self.clock_of(machine)),
            work: AnyWork::new(cpu.on_one()),
            spawn: SimTasks,
        }
    }

    /// The usual bounds, but what is waited for is waited for less long.
    pub(super) fn limits(&self) -> Limits {
        let checkers = match self.drawn.architecture {
            Architecture::Central => 1,
            _ => self.drawn.topology.cores as usize,
        };
        Limits { answer_ns: SECOND_NS, heartbeat_ns: HEARTBEAT_NS, checkers, ..Limits::default() }
    }

    /// What the nonces of this life of a process come from.
    fn secret_of(&self, name: ActorName, machine: Machine) -> [u8; 32] {
        let starts = self.machines.get(machine).map_or(0, |tuning| tuning.starts());
        let mut secret = [0; 32];
        self.stream(&format!("front/{name}/{starts}")).fill_bytes(&mut secret);
        secret
    }

    fn roster_file(&self) -> String {
        roster_file::to_json(&self.governance.rosters())
    }
}

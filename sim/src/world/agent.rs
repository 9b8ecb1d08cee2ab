//! Clients that sign nothing in a run: the production agent, its clients and its mailroom on simulated disks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use rand::Rng;
use server::{
    actor::Setup,
    client::{self, Client},
    http::{
        agent::{Agent, Handler, Mailroom, Parts, Start},
        client::{Hosts, Takes},
    },
    port::{Ports, any_clock::AnyClock, any_spawn::AnySpawn, local::Switchboard},
    protocol::id::{ActorId, Role},
};

use super::World;
use crate::{
    control::Weakness,
    model::{
        SimTasks,
        cpu::Cpu,
        disk::Disk,
        network::Machine,
        storage::{Place, SimStorage},
    },
    scenario::ActorName,
};

/// Whose agent it is.
pub(super) const HANDLER: ActorId = ActorId::Server(Role::Handler, 0);

/// What its store of what it keeps for devices is called: a weakness of storage is of that alone.
const MAILROOM: &str = "mailroom";

/// The disks of an agent, one for each of its stores; they outlive its processes.
#[derive(Default)]
pub(super) struct Disks(Mutex<BTreeMap<String, Disk>>);

impl Disks {
    fn get(&self, world: &World, name: &str) -> Disk {
        let mut disks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Disk::new(world.time.clone(), world.profile.disk.clone(), world.streams, name);
        disks.entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// Their machine loses power.
    pub(super) fn crash(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(Disk::crash);
    }
}

impl World {
    /// The agent on a machine, whose clients find every actor behind the handler's listener on this board.
    pub(super) async fn agent(
        self: &Arc<Self>,
        disks: &Arc<Disks>,
        machine: Machine,
        (setup, cpu): (&Setup, &Cpu),
        board: &Switchboard,
    ) -> Agent {
        let limits = self.limits();
        let store = {
            let (world, disks, cpu) = (self.clone(), disks.clone(), cpu.clone());
            move |name: &str| {
                let disk = disks.get(&world, name);
                let place = Place { machine, traps: world.traps.clone() };
                let storage = SimStorage::new(world.drawn.topology.storage, &disk, world.time.clone(), place);
                let weakness = if name == MAILROOM { world.weakness } else { Weakness::None };
                let storage = storage.weakened(weakness, 0);
                // clients of the agent have no thread that is told apart
                (storage.worked_by(cpu.on_one().waking()), disk.is_used())
            }
        };
        let failed = |error| panic!("the mailroom: {error}");
        let mailroom = Mailroom::open(store(MAILROOM).0, limits.mailroom_bytes, &SimTasks, failed).await;
        let start: Start = {
            let (network, setup, cpu) = (board.behind(HANDLER), setup.clone(), cpu.clone());
            let takes = Takes::from(&limits);
            let (clock, clock_of_lives) = (self.clock_of(machine), self.time.clone());
            Box::new(move |secret, name, post| {
                let (storage, has_stored) = store(name);
                let (network, clock, work) = (network.clone(), clock.clone(), cpu.on_one());
                let ports = Ports { network, clock, storage, work, spawn: SimTasks };
                let hosts = Hosts::of("agent".to_owned(), BTreeMap::new());
                let setup = setup.clone();
                // a life begins later than all before it
                let first_token = clock_of_lives.now_ns();
                Client::run(
                    client::Parts { ports, hosts, secret, has_stored, setup, takes, first_token },
                    post,
                )
            })
        };
        let name = ActorName::new(Role::Handler, 0);
        let mut secret = [0; 32];
        self.stream("agent").fill_bytes(&mut secret);
        let parts = Parts {
            secret,
            handler: Handler { index: 0, signer: self.signer(name), trust: setup.trust.clone() },
            mailroom: mailroom.expect("a sound disk is read"),
            start,
            clock: AnyClock::new(self.clock_of(machine)),
            spawn: AnySpawn::new(SimTasks),
        };
        Agent::new(parts, &limits)
    }
}

//! The world of a run: machines with clocks, disks and processors, one actor on each, and the network between them.
//!
//! Every actor is a process of its own, but for the parts of a monolith, which are one. A process is a madsim node that
//! runs the production loop (`server::node`) on the simulated ports ([`process`]). A run ends when all is delivered and
//! every fault is healed, or when the time to catch up is over.

mod agent;
mod cast;
mod end;
mod front;
mod governance;
mod host;
mod load;
mod machine;
mod process;
mod stock;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use cast::schemes;
pub use governance::signer;
use governance::{Governance, first_roster, operator};
pub use host::{Guest, Mains, host};
pub use machine::Health;
use machine::Tuning;
use madsim::{runtime::Runtime, task::NodeId};
use server::{
    actor::{Setup, Timing},
    protocol::{
        id::{ActorId, ClientId, Role},
        roster::{Member, Roster},
        statement::{Signed, Trust},
    },
};

use crate::{
    adversary::Schemes,
    calibrate::Meter,
    control::Weakness,
    crowd::{Crowd, Manners},
    fingerprint::Fingerprint,
    history::{History, Record},
    model::{
        clock::VirtualTime,
        cores::Cores,
        costs::{Profile, ProfileError},
        cpu::Throttle,
        crypto,
        disk::{Device, Disk},
        load::Load,
        memory::Memory,
        network::{Fabric, Machine, Socket},
        skew::Skew,
        trap::Traps,
    },
    nemesis,
    random::{Stream, Streams},
    scenario::{ActorName, Drawn, DrawnNetwork, Machines},
    windows::Windows,
    workload::{self, Application, Desk},
};

/// What a run leaves.
pub struct Run {
    /// What happened.
    pub record: Record,
    /// The hash over all that happened.
    pub fingerprint: u64,
    /// The rosters, signed, the first one first.
    pub rosters: Vec<Signed<Roster>>,
    /// The newest, and what checks its signatures.
    pub trust: Trust,
    /// How long it took in its world.
    pub virtual_ns: u64,
    /// How many connections were opened.
    pub connections: u64,
    /// How many bytes each role has put on its links.
    pub wire_bytes: BTreeMap<&'static str, Windows>,
    /// How busy its machines were.
    pub load: Load,
    /// Whose each machine is: the name of its process.
    pub machines: Vec<ActorName>,
    /// The actors of the roster and the clients, by their ids.
    pub names: BTreeMap<ActorId, ActorName>,
}

/// The world of a run.
pub struct World {
    /// What was drawn for it.
    pub drawn: Drawn,
    /// Its time.
    pub time: VirtualTime,
    /// Its network.
    pub fabric: Fabric,
    /// What happens in it.
    pub history: History,
    /// Where its nodes are waited for.
    pub traps: Traps,
    /// Whom its faults hold down.
    pub down: nemesis::Down,
    /// Which faults are over.
    pub health: Health,
    streams: Streams,
    profile: Arc<Profile>,
    /// What the processes share if one front stands before all of them.
    hosted: Option<host::Shared>,
    /// What the server remembers of signatures if all its actors are on one machine: they are one process in production.
    memory: Memory,
    weakness: Weakness,
    meter: Option<Meter>,
    /// Rosters, and what actors are told.
    pub governance: Governance,
    /// Every actor.
    names: Vec<ActorName>,
    /// Their ids, in the same order.
    ids: Vec<ActorId>,
    /// Every process by its name; its place here is its machine.
    processes: Vec<ActorName>,
    places: Arc<BTreeMap<ActorId, Machine>>,
    clients: Arc<Vec<ClientId>>,
    desks: Vec<Desk>,
    crowd: Option<Arc<Crowd>>,
    disks: Vec<Disk>,
    schemes: BTreeMap<ActorName, Schemes>,
    machines: Vec<Tuning>,
    nodes: OnceLock<Vec<NodeId>>,
}

/// In which circumstances a scenario runs. None of them changes what an unbroken run does.
#[derive(Clone, Default)]
pub struct Circumstances {
    /// Whether the trace is kept.
    pub trace: bool,
    /// Whether all that clients are sent is kept.
    pub letters: bool,
    /// What of the world is broken.
    pub weakness: Weakness,
    /// Measures how long actors compute here, outside of the run.
    pub meter: Option<Meter>,
    /// How a crowd behaves.
    pub manners: Manners,
    /// The costs, instead of those that the scenario names.
    pub profile: Option<Profile>,
    /// Whether the first request handler signs for clients that sign nothing.
    pub agent: bool,
}

/// Runs a drawn scenario. Errors are those of its files; whatever happens inside is in the record.
pub fn run(drawn: &Drawn, seed: u64, trace: bool) -> Result<Run, ProfileError> {
    run_in(drawn, seed, Circumstances { trace, ..Circumstances::default() })
}

/// Runs a drawn scenario in a world with a weakness: a negative control.
pub fn run_weak(drawn: &Drawn, seed: u64, trace: bool, weakness: Weakness) -> Result<Run, ProfileError> {
    run_in(drawn, seed, Circumstances { trace, weakness, ..Circumstances::default() })
}

/// Runs a drawn scenario in these circumstances.
pub fn run_in(drawn: &Drawn, seed: u64, circumstances: Circumstances) -> Result<Run, ProfileError> {
    in_a_world(drawn, seed, circumstances, async |world: World| world.live().await)
}

/// Makes the world of a drawn scenario on a thread of its own, and does something in it.
fn in_a_world<T: Send + 'static>(
    drawn: &Drawn,
    seed: u64,
    circumstances: Circumstances,
    act: impl AsyncFnOnce(World) -> T + Send + 'static,
) -> Result<T, ProfileError> {
    let profile = match &circumstances.profile {
        Some(profile) => profile.clone(),
        None => Profile::of(&drawn.topology.costs)?,
    };
    let drawn = drawn.clone();
    // madsim seeds the hash maps of a thread once: every run gets a fresh one
    let thread = std::thread::Builder::new().name(format!("seed-{seed}"));
    let run = thread.spawn(move || {
        let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
        runtime.block_on(async move { act(World::new(drawn, seed, profile.into(), circumstances)).await })
    });
    match run.map(|run| run.join()) {
        Ok(Ok(run)) => Ok(run),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => panic!("the system gives no thread for a run: {error}"),
    }
}

/// Every actor of a topology, by role.
fn names(drawn: &Drawn) -> Vec<ActorName> {
    let topology = &drawn.topology;
    let roles = [
        (Role::Handler, topology.handlers),
        (Role::Incoming, topology.incoming),
        (Role::Sequencer, 1),
        (Role::Mailbox, topology.mailboxes),
        (Role::Witness, topology.witnesses),
        (Role::Client, topology.clients),
    ];
    roles.iter().flat_map(|(role, count)| (0..*count).map(|index| ActorName::new(*role, index))).collect()
}

/// Every process that these actors live in, by its name.
fn processes(drawn: &Drawn, names: &[ActorName]) -> Vec<ActorName> {
    let mut processes: Vec<ActorName> = Vec::new();
    for name in names.iter().map(|name| drawn.architecture.process_of(*name)) {
        if processes.last() != Some(&name) {
            processes.push(name);
        }
    }
    processes
}

impl World {
    fn new(drawn: Drawn, seed: u64, profile: Arc<Profile>, circumstances: Circumstances) -> World {
        let streams = Streams::new(seed);
        let time = VirtualTime::current();
        let fingerprint = Fingerprint::default();
        let names = names(&drawn);
        let signer = |name: &ActorName| signer(&drawn, streams, *name, 0);
        let ids: Vec<ActorId> = names
            .iter()
            .map(|name| match name.role {
                Role::Client => ActorId::Client(ClientId(signer(name).public())),
                role => ActorId::Server(role, name.index),
            })
            .collect();
        let servers = names.iter().zip(&ids).filter(|(name, _)| name.role != Role::Client);
        let members =
            servers.map(|(name, id)| Member { actor: *id, operator: 0, key: signer(name).public() });
        let operator = operator(&drawn, streams);
        let roster = first_roster(&drawn, members.collect(), &*operator, circumstances.agent);
        let trust = Trust::new(roster, Arc::from(crypto::verifier(drawn.topology.crypto)));
        let clients: Vec<ClientId> = ids.iter().filter_map(ActorId::client).collect();
        let cheaters = drawn.adversaries.iter().map(|adversary| adversary.actor).collect();
        let Circumstances { trace, letters, weakness, meter, manners, .. } = circumstances;
        let history = History::new(&clients, cheaters, trace, time.clone(), fingerprint.clone());
        history.record().flow.from_ns = workload::measured_from_ns(&drawn.workload);
        if letters {
            history.keep_letters();
        }
        let by_name = names.iter().copied().zip(ids.iter().copied()).collect();
        let schemes = schemes(&drawn, &by_name, &history, streams);
        let traps = Traps::default();
        let processes = processes(&drawn, &names);
        let machine_of = |name: &ActorName| machine_of(&drawn, &processes, *name);
        let places = names.iter().zip(&ids).map(|(name, id)| (*id, machine_of(name))).collect();
        let together = drawn.topology.machines == Machines::One;
        let device = |name: &str| {
            Device::new(profile.disk.standstills.clone(), streams.stream(&format!("standstills/{name}")))
        };
        let shared_device = together.then(|| device("all"));
        let disks = processes.iter().map(|name| {
            let name = name.to_string();
            let device = shared_device.clone().unwrap_or_else(|| device(&name));
            Disk::on(device, time.clone(), profile.disk.clone(), streams, &name)
        });
        // inside one machine nothing is a wire
        let bandwidth_bit_s = drawn.network.bandwidth_bit_s.filter(|_| !together);
        let network = DrawnNetwork { bandwidth_bit_s, ..drawn.network.clone() };
        let fabric = Fabric::new(network, streams, time.clone(), fingerprint.clone(), traps.clone());
        if trace {
            fabric.keep_passages();
        }
        let setup = Setup { trust, timing: Timing::of_epoch(drawn.topology.epoch_ns) };
        let shared = together.then(|| Cores::new(drawn.topology.cores));
        let cores = || shared.clone().unwrap_or_else(|| Cores::new(drawn.topology.cores));
        let crowd = cast::crowd(&drawn, &setup, &history, &time, streams, manners);
        World {
            fabric,
            traps,
            governance: Governance::new(setup, operator),
            crowd,
            places: Arc::new(places),
            desks: clients.iter().map(|_| Desk::default()).collect(),
            clients: Arc::new(clients),
            disks: disks.collect(),
            schemes,
            machines: processes.iter().map(|_| Tuning::new(&time, cores())).collect(),
            down: nemesis::Down::default(),
            health: Health::of(drawn.faults.len() as u64),
            nodes: OnceLock::new(),
            hosted: None,
            memory: Memory::default(),
            drawn,
            time,
            history,
            streams,
            profile,
            weakness,
            meter,
            names,
            ids,
            processes,
        }
    }

    async fn live(self) -> Run {
        let world = Arc::new(self);
        let handle = madsim::runtime::Handle::current();
        let nodes = world.processes.iter().enumerate().map(|(machine, name)| {
            let world = world.clone();
            let start = move || world.clone().start(machine);
            handle.create_node().name(name.to_string()).init(start).build().id()
        });
        let nodes: Vec<NodeId> = nodes.collect();
        world.nodes.set(nodes.clone()).expect("a world lives once");
        let twin = (world.weakness == Weakness::Twin).then(|| {
            let world = world.clone();
            let start = move || world.clone().start_twin();
            handle.create_node().name("sequencer, again").init(start).build().id()
        });
        world.withhold_cores();
        let last_wanted = world.start_applications();
        nemesis::unleash(&world);
        world.wait_for_the_end(last_wanted.0, &last_wanted.1).await;
        let virtual_ns = world.time.now_ns();
        let load = world.load(last_wanted.0, virtual_ns);
        world.crowd.iter().for_each(|crowd| crowd.stop());
        nodes.iter().chain(&twin).for_each(|node| handle.kill(*node));
        world.take_stock().await;
        let mut record = world.history.take();
        if let Some(trace) = &mut record.trace {
            trace.passages = world.fabric.passages();
        }
        Run {
            fingerprint: world.fingerprint(),
            record,
            machines: world.processes.clone(),
            rosters: world.governance.rosters(),
            trust: world.setup().trust,
            virtual_ns,
            connections: world.fabric.opened(),
            wire_bytes: world.wire_bytes(),
            load,
            names: world.ids.iter().copied().zip(world.names.iter().copied()).collect(),
        }
    }

    fn fingerprint(&self) -> u64 {
        self.history.fingerprint()
    }

    fn start_applications(&self) -> (u64, Arc<Mutex<u32>>) {
        let topology = &self.drawn.topology;
        if let Some(crowd) = &self.crowd {
            // behind the machines of the actors and that of a twin
            let first = self.processes.len() + 1;
            let machine = |group| first + group as usize;
            crowd.start(|group| self.fabric.of(machine(group), self.places.clone()).over(Socket::Crowd));
        }
        let [share, _] = workload::shares(&self.drawn.workload, topology.clients, topology.crowd);
        let plan = workload::plan(&share, topology.clients, self.streams);
        let last = workload::last_ns(&plan);
        let busy = Arc::new(Mutex::new(plan.len() as u32));
        for (client, plan) in plan.into_iter().enumerate() {
            let desk = self.desks[client].clone();
            self.history.inform(client as u32, desk.clone());
            let application = Application {
                client: client as u32,
                ids: self.clients.clone(),
                desk,
                pace: self.drawn.workload.pace,
                history: self.history.clone(),
                time: self.time.clone(),
            };
            let busy = busy.clone();
            madsim::task::spawn(async move {
                application.run(plan).await;
                *busy.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            });
        }
        (last, busy)
    }

    /// The machine of an actor.
    pub fn machine_of(&self, name: ActorName) -> Machine {
        machine_of(&self.drawn, &self.processes, name)
    }

    /// Who lives in a process: one actor, or all parts of a monolith.
    pub fn parts_of(&self, process: ActorName) -> impl Iterator<Item = ActorName> {
        let architecture = self.drawn.architecture;
        self.names.iter().copied().filter(move |name| architecture.process_of(*name) == process)
    }

    /// The same for the process of an actor.
    pub fn neighbours_of(&self, actor: ActorName) -> Vec<ActorName> {
        self.parts_of(self.drawn.architecture.process_of(actor)).collect()
    }

    /// Whether a process is all of a server.
    fn is_monolith(&self, process: ActorName) -> bool {
        self.drawn.architecture.is_monolith() && process == ActorName::SEQUENCER
    }

    /// What a process is called where roles are counted.
    fn label_of(&self, process: ActorName) -> &'static str {
        match self.is_monolith(process) {
            true => "server",
            false => process.role.name(),
        }
    }

    /// Every process by its name.
    pub fn processes(&self) -> impl Iterator<Item = ActorName> {
        self.processes.iter().copied()
    }

    /// The process of an actor.
    pub fn process_of(&self, name: ActorName) -> ActorName {
        self.drawn.architecture.process_of(name)
    }

    /// The id of an actor.
    pub fn id_of(&self, name: ActorName) -> ActorId {
        let place = self.names.iter().position(|known| *known == name);
        self.ids[place.expect("a scenario names actors that exist")]
    }

    /// The madsim node of an actor.
    pub fn node_of(&self, name: ActorName) -> NodeId {
        self.nodes.get().expect("nodes are made before faults are")[self.machine_of(name)]
    }

    /// How fast an actor's processor is.
    pub fn throttle_of(&self, name: ActorName) -> &Throttle {
        &self.machines[self.machine_of(name)].throttle
    }

    /// How wrong an actor's clock is.
    pub fn skew_of(&self, name: ActorName) -> &Skew {
        &self.machines[self.machine_of(name)].skew
    }

    /// Whether an actor's process has stopped by itself.
    pub fn has_ended(&self, name: ActorName) -> bool {
        self.machines[self.machine_of(name)].has_ended()
    }

    /// A random stream of the run.
    pub fn stream(&self, name: &str) -> Stream {
        self.streams.stream(name)
    }

    /// Kills the process of an actor, if there is one, and starts it anew.
    pub fn restart(&self, name: ActorName) {
        self.machines[self.machine_of(name)].is_raised();
        let (handle, node) = (madsim::runtime::Handle::current(), self.node_of(name));
        handle.restart(node);
        // to madsim it is another process, which runs
        if self.machines[self.machine_of(name)].is_paused() {
            handle.pause(node);
        }
    }

    /// The process of an actor stands still, whatever else does so.
    pub fn pause(&self, name: ActorName) {
        if self.machines[self.machine_of(name)].pauses() {
            madsim::runtime::Handle::current().pause(self.node_of(name));
        }
    }

    /// It goes on, if nothing else makes it stand still.
    pub fn resume(&self, name: ActorName) {
        if self.machines[self.machine_of(name)].resumes() {
            madsim::runtime::Handle::current().resume(self.node_of(name));
        }
    }

    /// What is left of processes that have stopped by themselves goes with them.
    fn bury(&self) {
        for (machine, tuning) in self.machines.iter().enumerate() {
            if let (true, Some(nodes)) = (tuning.bury(), self.nodes.get()) {
                madsim::runtime::Handle::current().kill(nodes[machine]);
            }
        }
    }

    /// The disk of an actor.
    pub fn disk_of(&self, name: ActorName) -> &Disk {
        &self.disks[self.machine_of(name)]
    }
}

/// The machine of an actor: that of its process.
fn machine_of(drawn: &Drawn, processes: &[ActorName], name: ActorName) -> Machine {
    let process = drawn.architecture.process_of(name);
    processes.iter().position(|known| *known == process).expect("a scenario names actors that exist")
}

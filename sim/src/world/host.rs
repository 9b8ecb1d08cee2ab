//! A server in the simulator with a guest: whoever wants to ask its HTTP API by hand.
//!
//! All actors of the server run as in any run, each on its machine, but no client does. One front stands before all of
//! them, as that of `cargo server run` does, on a machine of its own, and serves clients that sign nothing, too; and the guest has
//! another, from which every actor is reached through that front.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{Either, select};
use madsim::{
    runtime::{Handle, NodeHandle},
    task::NodeId,
};
use server::{
    http::serve_agent,
    node::Door,
    port::{
        Network as _,
        local::{Local, Switchboard},
    },
    protocol::id::{ActorId, Role},
    watch::shelf::Shelf,
};
use tokio::sync::Notify;

use super::{
    Circumstances, World,
    agent::{Disks, HANDLER},
    in_a_world,
};
use crate::{
    control::Weakness,
    model::{
        SimTasks,
        clock::VirtualTime,
        costs::ProfileError,
        network::{SimNetwork, Socket},
    },
    scenario::{ActorName, Drawn},
};

/// Until then every actor runs.
const STARTED_NS: u64 = 1_000_000;
/// A guest who has not left by then waits for something that does not come.
const CLOSING_NS: u64 = 120_000_000_000;

/// What all processes of a server share that has one front before them.
#[derive(Default)]
pub(super) struct Shared {
    pub shelf: Arc<Shelf>,
    disks: Arc<Disks>,
    /// The front has opened.
    opened: Notify,
    doors: Mutex<BTreeMap<ActorId, Door>>,
}

impl Shared {
    /// A process lets in whoever wants to speak with these actors.
    pub fn let_in(&self, actors: &[ActorId], door: &Door) {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.extend(actors.iter().map(|actor| (*actor, door.clone())));
    }
}

/// What a guest is given.
pub struct Guest {
    /// The way to the server's HTTP API.
    pub network: SimNetwork,
    /// Time.
    pub time: VirtualTime,
    /// The power of its front.
    pub mains: Mains,
}

/// The power of a server's front.
#[derive(Clone)]
pub struct Mains {
    world: Arc<World>,
    front: NodeId,
}

impl Mains {
    /// It fails, and comes back at once.
    pub fn fail(&self) {
        self.world.hosted.iter().for_each(|shared| shared.disks.crash());
        Handle::current().restart(self.front);
    }
}

/// Runs the server of a drawn scenario for a guest, with a weakness or none; what comes of the visit, and the fingerprint of the run.
///
/// # Errors
/// Those of the scenario's files.
///
/// # Panics
/// If the guest does, or does not come to an end.
pub fn host<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    drawn: &Drawn,
    seed: u64,
    weakness: Weakness,
    visit: impl FnOnce(Guest) -> F + Send + 'static,
) -> Result<(T, u64), ProfileError> {
    let circumstances = Circumstances { agent: true, weakness, ..Circumstances::default() };
    in_a_world(drawn, seed, circumstances, async move |mut world: World| {
        world.hosted = Some(Shared::default());
        let world = Arc::new(world);
        let servers = world.start_servers();
        world.time.sleep_until(STARTED_NS).await;
        let front = world.start_front();
        if let Some(shared) = &world.hosted {
            shared.opened.notified().await;
        }
        let guest = Handle::current().create_node().name("guest").build();
        let mains = Mains { world: world.clone(), front: front.id() };
        let visit = visit(Guest { network: world.way_of_a_guest(), time: world.time.clone(), mains });
        let visit = std::pin::pin!(guest.spawn(visit));
        let outcome = match select(visit, world.time.sleep_until(CLOSING_NS)).await {
            Either::Left((Ok(outcome), _)) => outcome,
            Either::Left((Err(error), _)) => panic!("the guest: {error}"),
            Either::Right(_) => panic!("the guest waits for something that does not come"),
        };
        let all = servers.iter().chain([&front]);
        all.for_each(|node| Handle::current().kill(node.id()));
        (outcome, world.fingerprint())
    })
}

impl World {
    fn start_servers(self: &Arc<Self>) -> Vec<NodeHandle> {
        let processes = self.processes.iter().enumerate();
        let servers = processes.filter(|(_, name)| name.role != Role::Client);
        let nodes = servers.map(|(machine, name)| {
            let world = self.clone();
            let start = move || world.clone().start(machine);
            Handle::current().create_node().name(name.to_string()).init(start).build()
        });
        nodes.collect()
    }

    /// The machine of the one front; the guest's is the next.
    fn front_machine(&self) -> usize {
        self.processes.len()
    }

    fn start_front(self: &Arc<Self>) -> NodeHandle {
        let world = self.clone();
        let start = move || world.clone().run_front();
        Handle::current().create_node().name("front").init(start).build()
    }

    async fn run_front(self: Arc<Self>) {
        let machine = self.front_machine();
        let Some(shared) = &self.hosted else { return };
        let doors = shared.doors.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (cpu, setup) = self.cpu_of(machine);
        let name = ActorName::new(Role::Handler, 0);
        let board = Switchboard::default();
        let agent = self.agent(&shared.disks, machine, (&setup, &cpu), &board).await;
        let (doors, shelf) = (doors.into_iter().collect(), shared.shelf.clone());
        let front = self.front(name, machine, doors, shelf, (&setup, &cpu), Some(agent));
        let pipes = board.of(HANDLER).listen().await.expect("a board always listens");
        serve_agent::<Local>(pipes, &front, &SimTasks);
        self.open(&front, machine).await.expect("the simulated network always listens");
        shared.opened.notify_one();
        // a node is over when what it began with is
        std::future::pending().await
    }

    fn way_of_a_guest(&self) -> SimNetwork {
        let front = self.front_machine();
        let places = self.ids.iter().map(|actor| (*actor, front)).collect();
        self.fabric.of(front + 1, Arc::new(places)).over(Socket::Http)
    }
}

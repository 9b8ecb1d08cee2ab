//! A server in the simulator with a guest: whoever wants to ask its HTTP API by hand.
//!
//! All actors of the server run as in any run, each on its machine, but no client does. One front stands before all of
//! them, as that of `cargo server run` does, on a machine of its own; and the guest has another, from which every actor is
//! reached through that front.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::{Either, select};
use madsim::runtime::{Handle, NodeHandle};
use server::{
    node::Door,
    protocol::id::{ActorId, Role},
    watch::shelf::Shelf,
};

use super::{Circumstances, World, in_a_world};
use crate::{
    model::{
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
    doors: Mutex<BTreeMap<ActorId, Door>>,
}

impl Shared {
    /// A process lets in whoever wants to speak with these actors.
    pub fn let_in(&self, actors: &[ActorId], door: &Door) {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.extend(actors.iter().map(|actor| (*actor, door.clone())));
    }
}

/// Runs the server of a drawn scenario for a guest, who is given a way to its HTTP API; what comes of the visit, and the
/// fingerprint of the run.
///
/// # Errors
/// Those of the scenario's files.
///
/// # Panics
/// If the guest does, or does not come to an end.
pub fn host<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    drawn: &Drawn,
    seed: u64,
    visit: impl FnOnce(SimNetwork) -> F + Send + 'static,
) -> Result<(T, u64), ProfileError> {
    in_a_world(drawn, seed, Circumstances::default(), async move |mut world: World| {
        world.hosted = Some(Shared::default());
        let world = Arc::new(world);
        let servers = world.start_servers();
        world.time.sleep_until(STARTED_NS).await;
        let front = world.start_front();
        let guest = Handle::current().create_node().name("guest").build();
        let visit = std::pin::pin!(guest.spawn(visit(world.way_of_a_guest())));
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
        let node = Handle::current().create_node().name("front").build();
        let world = self.clone();
        node.spawn(async move {
            let machine = world.front_machine();
            let Some(shared) = &world.hosted else { return };
            let doors = shared.doors.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (cpu, setup) = world.cpu_of(machine);
            let name = ActorName::new(Role::Handler, 0);
            let doors = doors.into_iter().collect();
            let front = world.front(name, machine, doors, shared.shelf.clone(), &setup, &cpu);
            world.open(&front, machine).await.expect("the simulated network always listens");
        });
        node
    }

    fn way_of_a_guest(&self) -> SimNetwork {
        let front = self.front_machine();
        let places = self.ids.iter().map(|actor| (*actor, front)).collect();
        self.fabric.of(front + 1, Arc::new(places)).over(Socket::Http)
    }
}

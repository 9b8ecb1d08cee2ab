//! How busy the machines of a run were, and what they sent.

use std::collections::BTreeMap;

use server::protocol::id::Role;

use super::World;
use crate::{
    model::load::{Load, Resource, Whose},
    scenario::{ActorName, Machines},
    windows::Windows,
    workload,
};

impl World {
    /// How busy machines were while bundles were sent.
    pub(super) fn load(&self, last_wanted_ns: u64, virtual_ns: u64) -> Load {
        // what a crowd wants is not drawn ahead, nor when a closed loop has room
        let sent_ns = {
            let record = self.history.record();
            let flows = [Some(&record.flow), record.crowd.as_ref().map(|crowd| &crowd.flow)];
            flows.into_iter().flatten().filter_map(|flow| flow.wanted_ns).map(|(_, last)| last).max()
        };
        let last_ns = last_wanted_ns.max(sent_ns.unwrap_or(0));
        let measured_ns = workload::measured_from_ns(&self.drawn.workload);
        let (from_ns, to_ns) = match measured_ns < last_ns {
            true => (measured_ns, last_ns),
            false => (0, virtual_ns),
        };
        let meanwhile = |busy: &Windows| (busy.within(from_ns, to_ns), to_ns - from_ns);
        let apart = if self.drawn.topology.machines == Machines::Each { usize::MAX } else { 1 };
        let whose = match self.drawn.architecture.is_monolith() {
            _ if apart == 1 => Whose::Everybody,
            true => Whose::OneServer,
            false => Whose::Actors,
        };
        let mut load = Load::of_machines(self.drawn.topology.cores, whose);
        load.measured_ns = (from_ns, to_ns);
        let links = self.fabric.busiest_links();
        for (machine, name) in self.processes.iter().enumerate() {
            let cores = self.machines[machine].cores.busy();
            load.worked(*name, cores.since(from_ns));
            load.add(*name, Resource::Cores, meanwhile(&cores));
            // on a machine of everybody's nothing says whose thread it is
            if whose != Whose::Everybody {
                for thread in self.machines[machine].cores.threads() {
                    load.add(*name, Resource::Thread, meanwhile(&thread));
                }
            }
            load.add(*name, Resource::Disk, meanwhile(&self.disks[machine].busy()));
            // of links, of which there are a million, only the whole is known, from when the first bundle may be wanted
            let link_ns = links.get(&machine).copied().unwrap_or(0);
            load.add(*name, Resource::Link, (link_ns as f64, to_ns - from_ns.min(workload::START_NS)));
        }
        self.machines.iter().take(apart).for_each(|machine| load.count(&machine.cores));
        load
    }

    /// For how long an actor has computed so far; with others of its role, if they share its machine.
    pub fn computed_ns(&self, name: ActorName) -> u64 {
        let role = self.label_of(self.process_of(name));
        let actors = self.machines[self.machine_of(name)].cores.actors();
        actors.get(role).map_or(0, |done| done.ns)
    }

    /// How many bytes the machines of each role sent.
    pub(super) fn wire_bytes(&self) -> BTreeMap<&'static str, Windows> {
        let mut by_role: BTreeMap<&'static str, Windows> = BTreeMap::new();
        for (machine, bytes) in self.fabric.sent() {
            // the twin of a control has no name of its own, and those behind it are of a crowd
            let nameless = if machine == self.processes.len() { "twin" } else { Role::Client.name() };
            let role = self.processes.get(machine).map_or(nameless, |name| self.label_of(*name));
            *by_role.entry(role).or_default() += &bytes;
        }
        by_role
    }
}

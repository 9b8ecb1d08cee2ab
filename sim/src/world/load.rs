//! How busy the machines of a run were, and what they sent.

use std::collections::BTreeMap;

use server::protocol::id::Role;

use super::World;
use crate::{
    model::load::{Load, Resource, Whose},
    scenario::Machines,
    workload,
};

impl World {
    /// How busy machines were while bundles were sent.
    pub(super) fn load(&self, last_wanted_ns: u64, virtual_ns: u64) -> Load {
        // what a crowd wants is not drawn ahead
        let sent = self.history.record().crowd.as_ref().and_then(|crowd| crowd.span_ns);
        let last_ns = last_wanted_ns.max(sent.map_or(0, |(_, last)| last));
        let sending_ns = match last_ns.saturating_sub(workload::START_NS) {
            0 => virtual_ns,
            sending => sending,
        };
        let apart = if self.drawn.topology.machines == Machines::Each { usize::MAX } else { 1 };
        let whose = match self.drawn.architecture.is_monolith() {
            _ if apart == 1 => Whose::Everybody,
            true => Whose::OneServer,
            false => Whose::Actors,
        };
        let mut load = Load::of_machines(self.drawn.topology.cores, whose);
        let links = self.fabric.busiest_links();
        for (machine, name) in self.processes.iter().enumerate() {
            load.add(*name, Resource::Cores, self.machines[machine].cores.busy_ns(), sending_ns);
            load.add(*name, Resource::Disk, self.disks[machine].busy_ns(), sending_ns);
            load.add(*name, Resource::Link, links.get(&machine).copied().unwrap_or(0), sending_ns);
        }
        self.machines.iter().take(apart).for_each(|machine| load.count(&machine.cores));
        load
    }

    /// How many bytes the machines of each role sent.
    pub(super) fn wire_bytes(&self) -> BTreeMap<&'static str, u64> {
        let mut by_role = BTreeMap::new();
        for (machine, bytes) in self.fabric.sent() {
            // the twin of a control has no name of its own, and those behind it are of a crowd
            let nameless = if machine == self.processes.len() { "twin" } else { Role::Client.name() };
            let role = self.processes.get(machine).map_or(nameless, |name| self.label_of(*name));
            *by_role.entry(role).or_default() += bytes;
        }
        by_role
    }
}

//! Faults of links, and of who can reach whom.

use crate::{
    model::{
        condition::{Condition, Cut, Whose},
        network::Machine,
    },
    random::Stream,
    scenario::{ActorName, Drawn, DrawnFault, Machines},
    world::World,
};

/// Conditions of one fault are numbered from here on, a million apart, if it has several.
const SEVERAL: usize = 1_000_000;

/// Sets the condition of a fault of links, and takes it away.
pub(super) async fn hinder(world: &World, number: usize, fault: &DrawnFault) -> bool {
    if is_inside(world, fault) {
        world.time.sleep_until(fault.end_ns()).await;
        return false;
    }
    if fault.kind.name == "swizzle" {
        return swizzle(world, number, fault).await;
    }
    let condition = condition(world, fault);
    let can_matter = can_matter(world, &condition);
    world.fabric.begin(number, condition);
    world.time.sleep_until(fault.end_ns()).await;
    world.fabric.end(number) > 0 && can_matter
}

/// Whether a condition makes any difference to links that are as wide as here.
fn can_matter(world: &World, condition: &Condition) -> bool {
    let Drawn { topology, network, faults, .. } = &world.drawn;
    // inside one machine nothing is a wire
    let bandwidth_bit_s = network.bandwidth_bit_s.filter(|_| topology.machines == Machines::Each);
    match condition {
        // what goes twice takes the time of two, where it takes any
        Condition::Duplicate(..) => {
            bandwidth_bit_s.is_some() || faults.iter().any(|fault| fault.kind.name == "throttle")
        }
        _ => true,
    }
}

fn condition(world: &World, fault: &DrawnFault) -> Condition {
    let all =
        |actors: &[ActorName]| -> Vec<Machine> { actors.iter().map(|one| world.machine_of(*one)).collect() };
    let whose = whose(world, fault);
    let (rate, number) = (fault.share("rate"), |key| fault.number(key).unwrap_or(0));
    match fault.kind.name {
        "partition" => Condition::Cut(Cut::Aside(all(fault.actors("actors")))),
        "one-way" => {
            let to = Some(fault.actors("to")).filter(|to| !to.is_empty()).map(all);
            Condition::Cut(Cut::OneWay(all(fault.actors("from")), to))
        }
        "split" => {
            Condition::Cut(Cut::Split(fault.groups("groups").iter().map(|group| all(group)).collect()))
        }
        "clog" => Condition::Clog(Cut::Of(whose)),
        "loss" => Condition::Loss(rate, whose),
        "delay" => Condition::Delay(number("extra"), whose),
        "jitter" => Condition::Jitter(number("extra"), whose),
        "duplicate" => Condition::Duplicate(rate, whose),
        "reorder" => Condition::Reorder(rate, number("extra"), whose),
        "corrupt" => Condition::Corrupt(rate, whose),
        "throttle" => Condition::Throttle(number("bandwidth"), fault.number("buffer"), whose),
        other => unreachable!("{other} is no condition of links"),
    }
}

/// Whether a fault is of the link between two actors that live in one process: there is none.
fn is_inside(world: &World, fault: &DrawnFault) -> bool {
    let ends = fault.actor("actor").zip(fault.actor("peer"));
    ends.is_some_and(|(one, other)| one != other && world.machine_of(one) == world.machine_of(other))
}

fn whose(world: &World, fault: &DrawnFault) -> Whose {
    let machine = |key| fault.actor(key).map(|actor| world.machine_of(actor));
    Whose { machine: machine("actor"), peer: machine("peer") }
}

/// Clogs actors one after the other, and unclogs them in another order.
async fn swizzle(world: &World, number: usize, fault: &DrawnFault) -> bool {
    let actors = fault.actors("actors");
    let mut stream = world.stream(&format!("faults/{number}"));
    let step_ns = fault.for_ns / (2 * actors.len() as u64).max(1);
    let mut at_ns = fault.at_ns;
    let id = |index: usize| number + (index + 1) * SEVERAL;
    for index in shuffled(actors.len(), &mut stream) {
        let whose = Whose { machine: Some(world.machine_of(actors[index])), peer: None };
        world.fabric.begin(id(index), Condition::Clog(Cut::Of(whose)));
        at_ns += step_ns;
        world.time.sleep_until(at_ns).await;
    }
    let mut effects = 0;
    for index in shuffled(actors.len(), &mut stream) {
        at_ns += step_ns;
        world.time.sleep_until(at_ns).await;
        effects += world.fabric.end(id(index));
    }
    effects > 0
}

fn shuffled(count: usize, stream: &mut Stream) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.remove(stream.below(left.len() as u64) as usize));
    }
    order
}

/// Ends connections, or leaves them half open.
pub(super) async fn disconnect(world: &World, fault: &DrawnFault) -> bool {
    if is_inside(world, fault) {
        return false;
    }
    let whose = whose(world, fault);
    if fault.kind.name == "half-open" {
        let left = world.fabric.abandon(super::machine(world, fault), whose);
        world.time.sleep_until(fault.end_ns()).await;
        world.fabric.answer(whose);
        return left > 0;
    }
    let mut reset = world.fabric.reset(whose);
    if let Some(every) = fault.number("every").filter(|every| *every > 0) {
        let mut at_ns = fault.at_ns + every;
        while at_ns <= fault.end_ns() {
            world.time.sleep_until(at_ns).await;
            reset += world.fabric.reset(whose);
            at_ns += every;
        }
    }
    reset > 0
}

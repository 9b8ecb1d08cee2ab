//! The swarm: each seed draws who cheats, and how.
//!
//! From one cheater to all but one of the actors that may cheat, each with an attack that fits its role, from and until
//! some time, on every so many occasions. The verdicts cannot be foretold, so such a scenario expects
//! `blame = "guilty"`: whoever is blamed must have been told to cheat.

use server::protocol::id::Role;

use super::{
    Swarm,
    catalogue::{ATTACKS, AttackKind},
    drawn::DrawnAdversary,
    error::Wrong,
    name::{ActorName, Sizes},
    section::{Section, list, one_of},
    tree::{Node, Problem},
};
use crate::random::{Stream, Streams};

/// Cheaters: as many as a scenario can hold.
const CHEATERS_MAX: u32 = 4096;
const MS: u64 = 1_000_000;

/// `[swarm]`.
pub(super) fn read(top: &Section<'_>) -> Result<Option<Swarm>, Problem> {
    let Some(node) = top.find("swarm") else { return Ok(None) };
    let section = Section::of("[swarm]", "swarm", node, "[swarm] above its keys")?;
    section.only(&["cheaters", "roles"])?;
    let cheaters = match section.find("cheaters") {
        None => None,
        Some(_) => Some(section.count("cheaters", 1..=CHEATERS_MAX, 1)?),
    };
    let roles = roles(&section)?;
    Ok(Some(Swarm { cheaters, roles }))
}

fn roles(section: &Section<'_>) -> Result<Vec<Role>, Problem> {
    let cheating: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| ATTACKS.iter().any(|attack| attack.roles.contains(role)))
        .collect();
    let Some(node) = section.find("roles") else {
        // what the others do is seen by honest witnesses: those cheat only where the scenario says so
        return Ok(cheating.into_iter().filter(|role| *role != Role::Witness).collect());
    };
    let items = list("roles", node, "a list of roles", "roles = [\"incoming\", \"mailbox\"]")?;
    if items.is_empty() {
        return Err(node.problem(Wrong::NoActors { key: "roles".to_owned() }));
    }
    items.iter().map(|item| role(item, &cheating)).collect()
}

fn role(node: &Node, cheating: &[Role]) -> Result<Role, Problem> {
    let names: Vec<&str> = cheating.iter().map(|role| role.name()).collect();
    let name = one_of(node, "role", &names)?;
    Ok(cheating.iter().copied().find(|role| role.name() == name).unwrap_or(Role::Mailbox))
}

impl Swarm {
    /// The cheaters of a seed, besides those that there are; where handlers sign for nothing, they break no such word.
    pub(super) fn draw(
        &self,
        sizes: &Sizes,
        others: &[DrawnAdversary],
        handler_receipts: bool,
        streams: Streams,
    ) -> Vec<DrawnAdversary> {
        let mut stream = streams.stream("swarm");
        let mut actors: Vec<ActorName> = self.roles.iter().flat_map(|role| sizes.actors(*role)).collect();
        actors.retain(|actor| !others.iter().any(|other| other.actor == *actor));
        let most = (actors.len() as u32).saturating_sub(1).max(1);
        let count = match &self.cheaters {
            Some(range) => range.draw(&mut stream).min(most),
            None => stream.within(1..=u64::from(most)) as u32,
        };
        let mut cheaters = Vec::new();
        for _ in 0..count.min(actors.len() as u32) {
            let actor = actors.remove(stream.below(actors.len() as u64) as usize);
            cheaters.extend(cheater(actor, sizes, handler_receipts, &mut stream));
        }
        cheaters.sort_by_key(|cheater| cheater.actor);
        cheaters
    }
}

fn cheater(
    actor: ActorName,
    sizes: &Sizes,
    handler_receipts: bool,
    stream: &mut Stream,
) -> Option<DrawnAdversary> {
    let fits = |attack: &&AttackKind| {
        attack.roles.contains(&actor.role) && (handler_receipts || !attack.needs_handler_receipts())
    };
    let fitting: Vec<&'static AttackKind> = ATTACKS.iter().filter(fits).collect();
    let attack = *stream.pick(&fitting)?;
    let (from, length, short) = (stream.within(0..=400), stream.within(50..=600), stream.chance(0.3));
    let (every, seldom) = (stream.within(2..=5), stream.chance(0.5));
    let (victim, chosen) = (stream.below(u64::from(sizes.clients)), stream.chance(0.5));
    Some(DrawnAdversary {
        actor,
        attack,
        from_ns: from * MS,
        until_ns: (short && attack.ends()).then_some((from + length) * MS),
        every: if seldom && attack.has_occasions() { every } else { 1 },
        victim: (chosen && attack.has_victim() && sizes.clients > 0)
            .then_some(ActorName::new(Role::Client, victim as u32)),
        optional: true,
    })
}

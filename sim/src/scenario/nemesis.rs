//! Reads what goes wrong in a scenario and what must come of it: faults, adversaries, expectations.
//!
//! They name actors, so they are read after the topology, and checked against its smallest size: a scenario must
//! make sense for every seed.

use server::protocol::id::Role;

use super::{
    Adversary, Blame, Expect, Fault,
    catalogue::{ATTACKS, AttackKind},
    error::Wrong,
    fault,
    name::{ActorPattern, Sizes},
    read::{BOOL, TIME_MAX_NS},
    section::{Section, actor, list, one_of},
    tree::{Node, Problem},
    value::{COUNT, DURATION, EPOCHS},
};

/// Epochs until a verdict: more than a day of them is no expectation.
const EPOCHS_MAX: u64 = 1_000_000;

/// Every `[[fault]]`.
pub(super) fn faults(top: &Section<'_>, sizes: &Sizes) -> Result<Vec<Fault>, Problem> {
    let nodes = tables(top, "fault", "[[fault]] above each one, or fault = []")?;
    nodes.iter().map(|node| fault::read(node, sizes)).collect()
}

/// Every `[[adversary]]`.
pub(super) fn adversaries(
    top: &Section<'_>,
    sizes: &Sizes,
    handler_receipts: bool,
) -> Result<Vec<Adversary>, Problem> {
    let nodes = tables(top, "adversary", "[[adversary]] above each one, or adversary = []")?;
    nodes.iter().map(|node| adversary(node, sizes, handler_receipts)).collect()
}

fn tables<'a>(top: &Section<'a>, key: &str, example: &'static str) -> Result<&'a [Node], Problem> {
    match top.find(key) {
        Some(node) => list(key, node, "a list of tables", example),
        None => Ok(&[]),
    }
}

fn adversary(node: &Node, sizes: &Sizes, handler_receipts: bool) -> Result<Adversary, Problem> {
    let section = Section::of("an adversary", "adversary", node, "[[adversary]] above its keys")?;
    section.only(&["actor", "attack", "from", "until", "every", "victim", "optional"])?;
    let actor_node = section.need("actor", "\"mailbox/0\"")?;
    let actor = actor("actor", actor_node, sizes)?;
    let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
    let attack_node = section.need("attack", "\"swap-deliveries\"")?;
    let name = one_of(attack_node, "attack", &names)?;
    let attack = AttackKind::named(name).unwrap_or(&ATTACKS[0]);
    if !attack.roles.iter().any(|role| actor.may_be(*role)) {
        return Err(actor_node.problem(unfit(attack, &actor)));
    }
    if attack.needs_handler_receipts() && !handler_receipts {
        return Err(attack_node.problem(Wrong::NoHandlerReceipts { attack: attack.name }));
    }
    if let Some(node) = section.find("every").filter(|_| !attack.has_occasions()) {
        return Err(node.problem(Wrong::NoOccasions { attack: attack.name }));
    }
    if let Some(node) = section.find("victim").filter(|_| !attack.has_victim()) {
        return Err(node.problem(Wrong::AgainstNobody { attack: attack.name }));
    }
    if let Some(node) = section.find("until").filter(|_| !attack.ends()) {
        return Err(node.problem(Wrong::Endless { attack: attack.name }));
    }
    let from_ns = section.quantity("from", &DURATION, 0..=TIME_MAX_NS, 0)?;
    let until_ns = section.given("until", &DURATION, 0..=TIME_MAX_NS)?;
    if let (Some(until), Some(node)) = (&until_ns, section.find("until"))
        && until.high <= from_ns.low
    {
        return Err(node.problem(Wrong::Never { from: "from", until: "until" }));
    }
    Ok(Adversary {
        actor,
        attack,
        from_ns,
        until_ns,
        every: section.quantity("every", &COUNT, 1..=EPOCHS_MAX, 1)?,
        victim: victim(&section, sizes)?,
        optional: section.word_of("optional", BOOL, false)?,
    })
}

fn victim(section: &Section<'_>, sizes: &Sizes) -> Result<Option<ActorPattern>, Problem> {
    let Some(node) = section.find("victim") else { return Ok(None) };
    let victim = actor("victim", node, sizes)?;
    match victim.may_be(Role::Client) {
        true => Ok(Some(victim)),
        false => Err(node.problem(Wrong::NoVictim { found: victim.to_string() })),
    }
}

fn unfit(attack: &AttackKind, actor: &ActorPattern) -> Wrong {
    let wildcards = attack.roles.iter().map(|role: &Role| format!("{role}/0 or {role}/*"));
    let fitting = wildcards.collect::<Vec<_>>().join(" or ");
    Wrong::UnfitActor { attack: attack.name, actor: actor.to_string(), fitting }
}

/// `[expect]`.
pub(super) fn expect(section: &Section<'_>, sizes: &Sizes, all: &[Adversary]) -> Result<Expect, Problem> {
    section.only(&["blame", "exposed", "suspected", "pairs", "unserved", "within", "catch_up"])?;
    Ok(Expect {
        blame: section.word("blame", "blame", BLAME, Blame::Exact)?,
        exposed: blamed("exposed", section, sizes, all)?,
        suspected: blamed("suspected", section, sizes, all)?,
        pairs: pairs(section, sizes, all)?,
        unserved: blamed("unserved", section, sizes, all)?,
        within_epochs: section.quantity("within", &EPOCHS, 1..=EPOCHS_MAX, 10)?,
        catch_up_ns: section.quantity("catch_up", &DURATION, 0..=TIME_MAX_NS, 5_000_000_000)?,
    })
}

const BLAME: &[(&str, Blame)] = &[("exact", Blame::Exact), ("guilty", Blame::Guilty)];

fn blamed(
    key: &str,
    section: &Section<'_>,
    sizes: &Sizes,
    all: &[Adversary],
) -> Result<Vec<ActorPattern>, Problem> {
    let Some(node) = section.find(key) else { return Ok(Vec::new()) };
    let example = match key {
        "exposed" => "exposed = [\"mailbox/0\"], or exposed = []",
        "suspected" => "suspected = [\"mailbox/0\"], or suspected = []",
        _ => "unserved = [\"client/0\"], or unserved = []",
    };
    let items = list(key, node, "a list of actors", example)?;
    items.iter().map(|item| blamed_actor(key, item, sizes, all)).collect()
}

fn pairs(section: &Section<'_>, sizes: &Sizes, all: &[Adversary]) -> Result<Vec<[ActorPattern; 2]>, Problem> {
    let Some(node) = section.find("pairs") else { return Ok(Vec::new()) };
    let example = "pairs = [[\"client/0\", \"handler/0\"]], or pairs = []";
    let items = list("pairs", node, "a list of pairs", example)?;
    items.iter().map(|item| pair(item, sizes, all)).collect()
}

fn pair(node: &Node, sizes: &Sizes, all: &[Adversary]) -> Result<[ActorPattern; 2], Problem> {
    let actor = |item| blamed_actor("pairs", item, sizes, all);
    match list("pairs", node, "a pair of actors", "[\"client/0\", \"handler/0\"]")? {
        [one, two] => Ok([actor(one)?, actor(two)?]),
        others => Err(node.problem(Wrong::NoPair { found: format!("a list of {}", others.len()) })),
    }
}

fn blamed_actor(key: &str, node: &Node, sizes: &Sizes, all: &[Adversary]) -> Result<ActorPattern, Problem> {
    let pattern = actor(key, node, sizes)?;
    let is_one = matches!(pattern, ActorPattern::One(_));
    let drawn = |adversary: &Adversary| adversary.actor == pattern || adversary.victim == Some(pattern);
    if is_one || all.iter().any(drawn) {
        return Ok(pattern);
    }
    let actors: Vec<String> = all.iter().map(|adversary| adversary.actor.to_string()).collect();
    let advice = match actors.is_empty() {
        true => format!("the scenario has no adversary: write {key} = []"),
        false => format!("write the actor as the adversary does: {}", actors.join(" or ")),
    };
    Err(node.problem(Wrong::NoSuchAdversary { pattern: pattern.to_string(), advice }))
}

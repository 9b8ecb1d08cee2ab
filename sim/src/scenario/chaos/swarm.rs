//! A swarm of faults, `[chaos]`.
//!
//! A run with everything switched on tests little: the loudest faults drown the others. So each seed draws a subset of
//! the families of faults (Groce et al., *Swarm Testing*, ISSTA'12), then some faults of kinds in these families.

use server::protocol::id::Role;

use super::{
    super::{
        drawn::DrawnWorkload,
        error::Wrong,
        fault::{DrawnFault, FAULTS, Family, FaultKind, Given, Of, Parameter},
        name::{ActorName, ActorPattern, Sizes},
        section::{Section, list, one_of},
        tree::{Node, Problem},
        value::Range,
    },
    MS, START_NS, anyone, end_ns,
};
use crate::random::{Stream, Streams};

/// Faults of a run: as many as a scenario can hold.
const FAULTS_MAX: u32 = 1000;
/// Actors that stay dead.
const DEAD_MAX: u32 = 4096;
/// Faults of the family *state* in a run: each takes an actor out for good.
const STATE_MAX: usize = 2;

/// What may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Faults after which every message can be had again.
    Recoverable,
    /// Lost state besides: actors must stop and admit it.
    Unrestricted,
}

/// `[chaos]`: faults that each seed draws.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSwarm {
    /// `families`: of which each seed draws some; all that the mode allows unless given.
    pub families: Vec<Family>,
    /// `mode`: `"recoverable"` unless given.
    pub mode: Mode,
    /// `faults`: how many; `"2..12"` unless given.
    pub faults: Range<u32>,
    /// `dead`: how many of those that the deployment can do without stay dead in the end; 0 unless given.
    pub dead: Range<u32>,
}

const MODES: &[(&str, Mode)] = &[("recoverable", Mode::Recoverable), ("unrestricted", Mode::Unrestricted)];

pub(super) fn read(node: &Node) -> Result<FaultSwarm, Problem> {
    let section = Section::of("[chaos]", "chaos", node, "[chaos] above its keys, or chaos = true")?;
    section.only(&["families", "mode", "faults", "dead"])?;
    let mode = section.word("mode", "mode", MODES, Mode::Recoverable)?;
    Ok(FaultSwarm {
        families: families(&section, mode)?,
        mode,
        faults: match section.find("faults") {
            Some(_) => section.count("faults", 0..=FAULTS_MAX, 0)?,
            None => Range { low: 2, high: 12 },
        },
        dead: section.count("dead", 0..=DEAD_MAX, 0)?,
    })
}

fn families(section: &Section<'_>, mode: Mode) -> Result<Vec<Family>, Problem> {
    let allowed = |family: &Family| mode == Mode::Unrestricted || *family != Family::State;
    let all: Vec<Family> = Family::ALL.into_iter().filter(allowed).collect();
    let Some(node) = section.find("families") else { return Ok(all) };
    let names: Vec<&str> = all.iter().map(|family| family.name()).collect();
    let items = list("families", node, "a list of families of faults", "families = [\"link\", \"crash\"]")?;
    if items.is_empty() {
        return Err(node.problem(Wrong::NoFamilies));
    }
    let named = |item| {
        let name = one_of(item, "family of faults in this mode", &names)?;
        Ok(all.iter().copied().find(|family| family.name() == name).unwrap_or(Family::Link))
    };
    items.iter().map(named).collect()
}

impl FaultSwarm {
    /// The faults of a seed.
    pub(super) fn draw(&self, workload: &DrawnWorkload, sizes: &Sizes, streams: Streams) -> Vec<DrawnFault> {
        let families = self.subset(&mut streams.stream("chaos/families"));
        let kinds: Vec<&'static FaultKind> =
            FAULTS.iter().filter(|kind| families.contains(&kind.family) && kind.name != "dies").collect();
        let count = self.faults.draw(&mut streams.stream("chaos/faults"));
        let (end_ns, mut lost) = (end_ns(workload), 0);
        let mut faults = Vec::new();
        for index in 0..count {
            let mut stream = streams.stream(&format!("chaos/fault/{index}"));
            // a family first: those with many kinds come no more often than others
            let Some(family) = stream.pick(&families).copied() else { break };
            let own: Vec<&FaultKind> = kinds.iter().copied().filter(|kind| kind.family == family).collect();
            let Some(kind) = stream.pick(&own) else { break };
            lost += usize::from(family == Family::State);
            if family != Family::State || lost <= STATE_MAX {
                faults.push(fault(kind, end_ns, sizes, &mut stream));
            }
        }
        faults.extend(self.deaths(end_ns, sizes, &mut streams.stream("chaos/dead")));
        faults
    }

    fn subset(&self, stream: &mut Stream) -> Vec<Family> {
        let drawn: Vec<Family> = self.families.iter().copied().filter(|_| stream.chance(0.5)).collect();
        if drawn.is_empty() { self.families.clone() } else { drawn }
    }

    /// Who dies when all else is healed.
    fn deaths(&self, end_ns: u64, sizes: &Sizes, stream: &mut Stream) -> Vec<DrawnFault> {
        let mut spare = dispensable(sizes);
        let count = self.dead.draw(stream).min(spare.len() as u32);
        let dies = |_| {
            let actor = spare.remove(stream.below(spare.len() as u64) as usize);
            DrawnFault::new("dies", end_ns / MS * MS, 0, [("actor", Given::Actor(actor))]).optional()
        };
        (0..count).map(dies).collect()
    }
}

/// Whom a deployment can do without: all handlers and witnesses but one, and half of the clients.
fn dispensable(sizes: &Sizes) -> Vec<ActorName> {
    let all_but = |role, left: u32| (left..sizes.count(role)).map(move |index| ActorName::new(role, index));
    let clients = all_but(Role::Client, sizes.clients.div_ceil(2));
    all_but(Role::Handler, 1).chain(all_but(Role::Witness, 1)).chain(clients).collect()
}

fn fault(kind: &FaultKind, end_ns: u64, sizes: &Sizes, stream: &mut Stream) -> DrawnFault {
    let at_ns = stream.within(START_NS..=end_ns) / MS * MS;
    let for_ns = if kind.lasts { stream.within(10..=300) * MS } else { 0 };
    let mut parameters = Vec::new();
    for parameter in kind.takes {
        // what may be left out is left out half of the time
        if parameter.needed || stream.chance(0.5) {
            parameters.push((parameter.key, given(parameter, sizes, stream)));
        }
    }
    DrawnFault::new(kind.name, at_ns, for_ns, parameters).optional()
}

fn given(parameter: &Parameter, sizes: &Sizes, stream: &mut Stream) -> Given {
    let (low, high) = parameter.usual;
    match parameter.of {
        Of::Share => Given::Share(stream.within(low..=high) as f64 / 1000.0),
        Of::Time => Given::Number(stream.within(low..=high) * MS),
        Of::Count | Of::Bandwidth | Of::Size => Given::Number(stream.within(low..=high)),
        Of::Actor => Given::Actor(anyone(sizes, stream)),
        Of::Member => Given::Actor(ActorPattern::Any.draw_any(sizes, stream)),
        Of::Actors => Given::Actors(some(sizes, stream)),
        Of::Groups => {
            let (one, other) = (some(sizes, stream), some(sizes, stream));
            let other: Vec<ActorName> = other.into_iter().filter(|actor| !one.contains(actor)).collect();
            Given::Groups([one, other].into_iter().filter(|group| !group.is_empty()).collect())
        }
        Of::Word(words) => Given::Word(stream.pick(words).copied().unwrap_or(words[0])),
    }
}

/// One to four actors, nobody twice.
fn some(sizes: &Sizes, stream: &mut Stream) -> Vec<ActorName> {
    let mut actors: Vec<ActorName> = (0..stream.within(1..=4)).map(|_| anyone(sizes, stream)).collect();
    actors.sort();
    actors.dedup();
    actors
}

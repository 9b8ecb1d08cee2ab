//! Sequencers that cheat (family C of the catalogue).

use std::collections::{BTreeMap, VecDeque};

use server::{
    actor::Draft,
    protocol::{
        cut::{Cut, Reached},
        id::{ActorId, Epoch, Position, Role, SequenceId},
        message::Message,
        statement::{Kind, Signed, Unverified},
    },
};

use super::{Attack, Context};

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "fork-cut" | "eclipse-mailbox" => Box::<ForkCut>::default(),
        "starve-incoming" => Box::<Starve>::default(),
        "regress-cut" => Box::<RegressCut>::default(),
        "falsify-total" => Box::new(AlterCut(falsify_total)),
        "cite-phantom-seal" => Box::new(AlterCut(cite_phantom_seal)),
        "break-cut-chain" => Box::new(AlterCut(break_chain)),
        "stop-cutting" => Box::new(LeaveOut { kept: 0, length: u64::MAX, left: 0 }),
        "stretch-epoch" => Box::new(LeaveOut { kept: 1, length: 2, left: 0 }),
        "resign-old-cut" => Box::<ResignOldCut>::default(),
        _ => return None,
    })
}

fn total(reached: &[Reached]) -> SequenceId {
    SequenceId(reached.iter().map(|reached| reached.end.0).sum())
}

/// C01 and F02: a mailbox actor gets a branch of its own, which lags an epoch behind. Exposed (*equiv*) by the first
/// citation that crosses between the branches: bundles and attestations carry them.
#[derive(Default)]
struct ForkCut {
    /// What the honest cuts before reached, by epoch.
    honest: BTreeMap<Epoch, Vec<Reached>>,
    branch: BTreeMap<Epoch, Signed<Cut>>,
}

impl ForkCut {
    fn branch_of(&mut self, cut: &Unverified<Cut>, context: &mut Context<'_>) -> Option<Unverified<Cut>> {
        let cut = cut.clone().verify(context.trust).ok()?;
        self.honest.insert(cut.epoch, cut.reached.clone());
        if let Some(known) = self.branch.get(&cut.epoch) {
            return Some(known.to_unverified());
        }
        let earlier = Epoch(cut.epoch.0.checked_sub(1)?);
        let behind = self.honest.get(&earlier)?.clone();
        let before = self.branch.get(&earlier);
        let differs = before.is_some() || behind != cut.reached;
        if !differs || (before.is_none() && !context.on()) {
            return None;
        }
        let other = Cut {
            previous: before.map_or(cut.previous, Signed::digest),
            base: before.map_or(cut.base, |before| before.total),
            total: total(&behind),
            reached: behind,
            ..(*cut).clone()
        };
        let other = context.sign(other);
        context.fired();
        self.branch.insert(cut.epoch, other.clone());
        Some(other.to_unverified())
    }
}

impl Attack for ForkCut {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        for (to, message) in sends {
            let Message::Ordered(cut) = message else { continue };
            if to.role() == Role::Mailbox && context.is_target(*to) {
                *cut = self.branch_of(cut, context).unwrap_or_else(|| cut.clone());
            }
        }
    }
}

/// C02: never orders more of one incoming actor. Suspected: the actor's seals are owed an order.
#[derive(Default)]
struct Starve {
    frozen: Option<Reached>,
}

impl Attack for Starve {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        let starved = context.target(Role::Incoming);
        let actor = ActorId::Server(Role::Incoming, starved);
        if !context.is_time() {
            return;
        }
        for draft in drafts.iter_mut() {
            match draft {
                Draft::Cut(cut) => {
                    let reached = &mut cut.reached[starved as usize];
                    let frozen = self.frozen.get_or_insert(reached.clone()).clone();
                    if *reached != frozen {
                        *reached = frozen;
                        cut.total = total(&cut.reached);
                        context.fired();
                    }
                }
                // who acknowledges a seal and does not order it would be exposed
                Draft::SealAck(ack) => ack.seals.retain(|seal| seal.actor != actor),
                _ => {}
            }
        }
        drafts.retain(|draft| !matches!(draft, Draft::SealAck(ack) if ack.seals.is_empty()));
    }
}

/// C03: takes back what the cut before reached. Exposed (*badcut*).
#[derive(Default)]
struct RegressCut {
    before: VecDeque<Vec<Reached>>,
}

impl Attack for RegressCut {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        for draft in drafts {
            let Draft::Cut(cut) = draft else { continue };
            if let [older, last] = self.before.make_contiguous() {
                let went_on = (0..last.len()).find(|j| older[*j].end < last[*j].end);
                if let Some(j) = went_on.filter(|_| context.on()) {
                    cut.reached[j] = older[j].clone();
                    cut.total = total(&cut.reached);
                    context.fired();
                }
            }
            self.before.push_back(cut.reached.clone());
            if self.before.len() > 2 {
                self.before.pop_front();
            }
        }
    }
}

/// C04, C05 and C07: a cut that does not follow from seals and the cut before. Exposed (*badcut*, *chain*).
struct AlterCut(fn(&mut Cut, &mut Context<'_>));

impl Attack for AlterCut {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        for draft in drafts {
            let Draft::Cut(cut) = draft else { continue };
            if context.on() {
                (self.0)(cut, context);
                context.fired();
            }
        }
    }
}

fn falsify_total(cut: &mut Cut, _: &mut Context<'_>) {
    cut.total = SequenceId(cut.total.0 + 7);
}

fn cite_phantom_seal(cut: &mut Cut, context: &mut Context<'_>) {
    let j = context.target(Role::Incoming);
    let Reached { seal, end } = &cut.reached[j as usize];
    let slot = seal.as_ref().map_or(0, |seal| seal.slot + 1);
    let phantom = context.citation(Kind::Seal, ActorId::Server(Role::Incoming, j), slot);
    cut.reached[j as usize] = Reached { seal: Some(phantom), end: Position(end.0 + 1) };
    cut.total = total(&cut.reached);
}

fn break_chain(cut: &mut Cut, context: &mut Context<'_>) {
    cut.previous = context.digest();
}

/// C08 and C09: leaves cuts out, all of them or some. Silence is suspicious; slowness inside the bound is free.
struct LeaveOut {
    /// How many cuts it makes between.
    kept: u64,
    /// How many it leaves out at a time.
    length: u64,
    left: u64,
}

impl Attack for LeaveOut {
    fn drafts(&mut self, drafts: &mut Vec<Draft>, context: &mut Context<'_>) {
        drafts.retain(|draft| {
            if !matches!(draft, Draft::Cut(_)) || !context.is_time() {
                return true;
            }
            let round = self.length.saturating_add(self.kept);
            let kept = self.left % round >= self.length;
            self.left += 1;
            if !kept {
                context.fired();
            }
            kept
        });
    }
}

/// C10: signs an old epoch again, as a sequencer whose disk was rolled back. Exposed (*equiv*).
#[derive(Default)]
struct ResignOldCut {
    cuts: BTreeMap<Epoch, Signed<Cut>>,
}

impl Attack for ResignOldCut {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut again = Vec::new();
        for (to, message) in sends.iter() {
            let Message::Ordered(cut) = message else { continue };
            let Ok(cut) = cut.clone().verify(context.trust) else { continue };
            let old = self.cuts.range(..cut.epoch).next_back().map(|(_, old)| old.clone());
            if let Some(old) = old.filter(|_| context.on()) {
                let other = Cut { total: SequenceId(old.total.0 + 1), ..(*old).clone() };
                again.push((*to, Message::Ordered(context.sign(other).to_unverified())));
                context.fired();
            }
            self.cuts.insert(cut.epoch, cut);
        }
        sends.append(&mut again);
    }
}

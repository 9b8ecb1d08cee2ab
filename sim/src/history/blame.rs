//! What honest witnesses and clients said about others in a run: obligations, suspicion, pairs, who is unserved, how
//! complaints ended.
//!
//! # Invariants
//! - Only what an honest actor says is kept: a cheater's word blames nobody. (Its *evidence* may: that is judged.)
//! - Times are of the whole run; an epoch is the newest one of the whole run at that time.

use std::collections::{BTreeMap, BTreeSet};

use server::protocol::id::Epoch;

use crate::scenario::ActorName;

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Nanoseconds from the start.
    pub at_ns: u64,
    /// The newest epoch.
    pub epoch: Epoch,
}

/// Whose obligation, who keeps it, and its number there.
pub type ObligationId = (ActorName, ActorName, u64);

/// What someone owes, or owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// The name of the demand.
    pub demand: String,
    /// When it was opened.
    pub since: Moment,
    /// When the target became suspected for it.
    pub suspected: Option<Moment>,
    /// When it was discharged.
    pub cleared: Option<Moment>,
    /// It does not bind for now: the target waits for another.
    pub idle: bool,
}

impl Suspicion {
    /// Whether its target is suspected for it now.
    pub fn stands(&self) -> bool {
        self.suspected.is_some() && self.cleared.is_none() && !self.idle
    }

    /// Whether it is neither discharged nor has led to suspicion.
    pub fn is_open(&self) -> bool {
        self.suspected.is_none() && self.cleared.is_none() && !self.idle
    }
}

/// How a complaint was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// The accused accepts the blame.
    Admission,
    /// The accused shows whose fault it is, or that there is none.
    Defence,
}

/// A complaint and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Whom it accuses.
    pub against: ActorName,
    /// When it was made.
    pub since: Moment,
    /// How it was answered, if it was.
    pub reply: Option<Reply>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Blame {
    /// Obligations, by target, keeper and number.
    pub suspicions: BTreeMap<ObligationId, Suspicion>,
    /// Pairs of which one is to blame, each in order, and since when.
    pub pairs: BTreeMap<[ActorName; 2], Moment>,
    /// Clients that found themselves unserved, and since when.
    pub unserved: BTreeMap<ActorName, Moment>,
    /// Complaints, by complainer and number.
    pub exchanges: BTreeMap<(ActorName, u64), Exchange>,
    /// How many heads each witness has cosigned.
    pub cosigned: BTreeMap<ActorName, u64>,
    /// Who was told to cheat.
    cheaters: BTreeSet<ActorName>,
}

impl Blame {
    /// Nothing yet; these are not believed.
    pub fn new(cheaters: BTreeSet<ActorName>) -> Self {
        Blame { cheaters, ..Blame::default() }
    }

    fn believes(&self, who: ActorName) -> bool {
        !self.cheaters.contains(&who)
    }

    /// A witness opened an obligation. Said again after a crash it is the same.
    pub fn open(&mut self, now: Moment, by: ActorName, target: ActorName, id: u64, demand: &str) {
        if self.believes(by) {
            let demand = demand.to_owned();
            let fresh = Suspicion { demand, since: now, suspected: None, cleared: None, idle: false };
            let known = self.suspicions.entry((target, by, id)).or_insert(fresh);
            // said anew after it rested, or after its keeper came back
            if std::mem::replace(&mut known.idle, false) || known.cleared.is_some() {
                (known.since, known.suspected, known.cleared) = (now, None, None);
            }
        }
    }

    /// A keeper (re)starts: what still stands it will say again.
    pub fn restarted(&mut self, now: Moment, by: ActorName) {
        let own =
            self.suspicions.iter_mut().filter(|((_, keeper, _), one)| *keeper == by && one.cleared.is_none());
        own.for_each(|(_, one)| one.cleared = Some(now));
    }

    /// Whether somebody is suspected for an obligation of this number on the board of a witness.
    pub fn is_suspected_for(&self, by: ActorName, id: u64) -> bool {
        self.suspicions
            .iter()
            .any(|((_, keeper, number), one)| (*keeper, *number) == (by, id) && one.stands())
    }

    /// An obligation is older than its bound: its target is suspected.
    pub fn suspect(&mut self, now: Moment, by: ActorName, target: ActorName, id: u64, demand: &str) {
        self.open(now, by, target, id, demand);
        if let Some(suspicion) = self.suspicions.get_mut(&(target, by, id)) {
            suspicion.suspected.get_or_insert(now);
        }
    }

    /// An obligation does not bind for now.
    pub fn idle(&mut self, by: ActorName, id: u64) {
        self.numbered(by, id).for_each(|suspicion| suspicion.idle = true);
    }

    /// An obligation is discharged.
    pub fn clear(&mut self, now: Moment, by: ActorName, id: u64) {
        self.numbered(by, id).for_each(|suspicion| _ = suspicion.cleared.get_or_insert(now));
    }

    /// The obligations of this number on a board: a witness that was put back to what it was before gives one again.
    fn numbered(&mut self, by: ActorName, id: u64) -> impl Iterator<Item = &mut Suspicion> {
        let own = self.suspicions.iter_mut();
        own.filter(move |((_, keeper, number), _)| (*keeper, *number) == (by, id)).map(|(_, one)| one)
    }

    /// Someone found that it or the other one, or the link between them, is to blame.
    pub fn pair(&mut self, now: Moment, by: ActorName, one: ActorName, two: ActorName) {
        if self.believes(by) {
            self.pairs.entry([one.min(two), one.max(two)]).or_insert(now);
        }
    }

    /// A client found that nobody serves it.
    pub fn unserved(&mut self, now: Moment, client: ActorName) {
        if self.believes(client) {
            self.unserved.entry(client).or_insert(now);
        }
    }

    /// A client complained.
    pub fn complain(&mut self, now: Moment, by: ActorName, number: u64, against: ActorName) {
        if self.believes(by) {
            self.exchanges.entry((by, number)).or_insert(Exchange { against, since: now, reply: None });
        }
    }

    /// A complaint was answered.
    pub fn reply(&mut self, by: ActorName, number: u64, reply: Reply) {
        if let Some(exchange) = self.exchanges.get_mut(&(by, number)) {
            exchange.reply.get_or_insert(reply);
        }
    }

    /// A witness cosigned so many heads.
    pub fn cosign(&mut self, by: ActorName, heads: u64) {
        *self.cosigned.entry(by).or_default() += heads;
    }

    /// Who is suspected now, and since when at the earliest.
    pub fn suspected(&self) -> BTreeMap<ActorName, Moment> {
        let mut suspected = BTreeMap::new();
        for ((target, ..), suspicion) in &self.suspicions {
            if let Some(since) = suspicion.suspected.filter(|_| suspicion.stands()) {
                suspected
                    .entry(*target)
                    .and_modify(|known: &mut Moment| *known = since.min(*known))
                    .or_insert(since);
            }
        }
        suspected
    }

    /// Whoever was ever suspected, or of a pair.
    pub fn ever(&self) -> impl Iterator<Item = ActorName> {
        let suspected = self.suspicions.iter().filter(|(_, suspicion)| suspicion.suspected.is_some());
        self.pairs.keys().flatten().copied().chain(suspected.map(|((target, ..), _)| *target))
    }

    /// Everything that someone owes or owed.
    pub fn of(&self, name: ActorName) -> impl Iterator<Item = &Suspicion> {
        self.suspicions
            .iter()
            .filter(move |((target, ..), _)| *target == name)
            .map(|(_, suspicion)| suspicion)
    }

    /// Whether anything is owed that is neither discharged nor suspected.
    pub fn has_open(&self) -> bool {
        self.suspicions.values().any(Suspicion::is_open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use server::protocol::id::Role;

    const WITNESS: ActorName = ActorName { role: Role::Witness, index: 0 };

    fn moment(epoch: u64) -> Moment {
        Moment { at_ns: epoch * 5, epoch: Epoch(epoch) }
    }

    #[test]
    fn suspicion_ends_when_it_is_cleared() {
        let mut blame = Blame::new(BTreeSet::new());
        blame.open(moment(1), WITNESS, ActorName::SEQUENCER, 7, "cut");
        assert!(blame.has_open() && blame.suspected().is_empty());
        blame.suspect(moment(9), WITNESS, ActorName::SEQUENCER, 7, "cut");
        assert_eq!(blame.suspected(), [(ActorName::SEQUENCER, moment(9))].into());
        blame.clear(moment(12), WITNESS, 7);
        assert!(blame.suspected().is_empty() && !blame.has_open());
        assert!(blame.ever().eq([ActorName::SEQUENCER]));
    }

    #[test]
    fn what_a_witness_numbers_a_second_time_is_cleared_too() {
        let mut blame = Blame::new(BTreeSet::new());
        let handler = ActorName::new(Role::Handler, 0);
        blame.open(moment(1), WITNESS, handler, 7, "admit");
        blame.clear(moment(2), WITNESS, 7);
        blame.suspect(moment(3), WITNESS, ActorName::SEQUENCER, 7, "cut");
        blame.clear(moment(4), WITNESS, 7);
        assert!(blame.suspected().is_empty());
    }

    #[test]
    fn a_cheater_is_not_believed() {
        let mut blame = Blame::new([WITNESS].into());
        blame.suspect(moment(1), WITNESS, ActorName::SEQUENCER, 7, "cut");
        blame.pair(moment(1), WITNESS, WITNESS, ActorName::SEQUENCER);
        blame.complain(moment(1), WITNESS, 0, ActorName::SEQUENCER);
        assert!(blame.suspicions.is_empty() && blame.pairs.is_empty() && blame.exchanges.is_empty());
    }
}

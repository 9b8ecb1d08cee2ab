//! What a witness demands by itself, of whom it should have heard.

use super::Witness;
use crate::{
    actor::Step,
    port::Time,
    protocol::{
        challenge::Demand,
        id::{ActorId, BatchNumber, Epoch, Role},
        statement::Kind,
    },
};

impl Witness {
    /// How long an actor may be silent: the challenge bound, and a heartbeat.
    fn silence_ns(&self) -> u64 {
        self.setup.challenge_ns().saturating_add(self.setup.timing.heartbeat_ns)
    }

    /// Whom it should have heard of, and what it demands of them.
    pub(super) fn overdue(&self) -> Vec<(Time, ActorId, Demand)> {
        let mut all = Vec::new();
        for (actor, heard) in &self.heard {
            let due = heard.after(self.silence_ns());
            match *actor {
                ActorId::Server(Role::Incoming, _) => {
                    let next = self.logs.last(Kind::Seal, *actor).map_or(0, |slot| slot.saturating_add(1));
                    all.push((due, *actor, Demand::Seal(BatchNumber(next))));
                }
                ActorId::SEQUENCER => {
                    let next = self.logs.last(Kind::Cut, *actor).map_or(1, |slot| slot.saturating_add(1));
                    all.push((due, *actor, Demand::Cut(Epoch(next))));
                }
                _ => {}
            }
        }
        let wait = self.setup.challenge_ns();
        for (j, (seal, since)) in &self.unopened {
            all.push((since.after(wait), ActorId::Server(Role::Incoming, *j), Demand::Open(seal.clone())));
        }
        for (k, (epoch, since)) in &self.unattested {
            all.push((since.after(wait), ActorId::Server(Role::Mailbox, *k), Demand::Attest(*epoch)));
        }
        for (seal, since) in self.unordered.values() {
            // its own actor demands it earlier, unless it plays along
            all.push((since.after(self.silence_ns()), ActorId::SEQUENCER, Demand::Order(seal.clone())));
        }
        let lost = |demand: &Demand| match demand {
            Demand::Attest(_) => self.is_out(ActorId::SEQUENCER),
            Demand::Order(seal) => self.is_out(seal.actor),
            _ => false,
        };
        all.retain(|(_, target, demand)| {
            !self.board.has(*target, demand) && !self.is_out(*target) && !lost(demand)
        });
        all
    }

    /// Demands what is overdue.
    pub(super) fn demand_overdue(&mut self, step: &mut Step) {
        for actor in self.watched() {
            self.heard.entry(actor).or_insert(step.now);
        }
        for (due, target, demand) in self.overdue() {
            if due <= step.now {
                self.board.demand(target, demand, step);
            }
        }
    }

    /// Whose logs it follows.
    pub(super) fn watched(&self) -> Vec<ActorId> {
        let roster = &self.setup.trust.roster;
        let incoming = (0..roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j));
        let mailboxes = (0..roster.mailboxes()).map(|k| ActorId::Server(Role::Mailbox, k));
        std::iter::once(ActorId::SEQUENCER).chain(incoming).chain(mailboxes).collect()
    }
}

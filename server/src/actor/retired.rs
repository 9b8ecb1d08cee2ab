//! A retired actor: it lost state, says so, and signs nothing more.
//!
//! An actor that cannot read what it had stored does not know which slots it has taken. Whatever it signed next
//! could contradict what it signed before, and it would be exposed for an equivocation. So it signs one last
//! statement, a [`Recovery`], and shows it to everyone who connects. That is a lack of durability, admitted: witnesses
//! take what it owes off their boards, and nobody suspects those who wait for it.
//!
//! # Invariants
//! - Its recovery has the same bytes however often it restarts or loses state again with the same key.

use super::{Actor, Draft, Input, Issued, Step, step::statement_row};
use crate::{
    port::Time,
    protocol::{
        codec::Encode,
        id::ActorId,
        message::Message,
        recovery::Recovery,
        statement::{Signed, Terms},
    },
};

/// An actor that lost state, or several that one node stood for.
pub struct Retired {
    actors: Vec<ActorId>,
    terms: Terms,
    recoveries: Vec<Signed<Recovery>>,
    promised: bool,
    connected: Vec<ActorId>,
}

impl Retired {
    /// The actors, which have this key, with the recoveries that they have signed already, if they have. There is at least one.
    pub fn new(actors: Vec<ActorId>, terms: Terms, statements: Vec<Issued>) -> Self {
        let recovery = |issued| match issued {
            Issued::Recovery(recovery) => Some(recovery),
            _ => None,
        };
        let recoveries: Vec<_> = statements.into_iter().filter_map(recovery).collect();
        Retired { actors, terms, promised: !recoveries.is_empty(), recoveries, connected: Vec::new() }
    }

    fn show(&self, peer: ActorId, recovery: &Signed<Recovery>, step: &mut Step) {
        step.send(peer, Message::Retired(recovery.to_unverified()));
    }
}

impl Actor for Retired {
    fn me(&self) -> ActorId {
        self.actors[0]
    }

    fn dials(&self) -> Vec<ActorId> {
        Vec::new()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) => {
                self.connected.push(peer);
                self.recoveries.iter().for_each(|recovery| self.show(peer, recovery, step));
            }
            Input::Disconnected(peer) => self.connected.retain(|connected| *connected != peer),
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        if !std::mem::replace(&mut self.promised, true) {
            for actor in &self.actors {
                step.promise(Recovery::retiring(*actor, self.terms));
            }
        }
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        if let Issued::Recovery(recovery) = issued {
            self.connected.iter().for_each(|peer| self.show(*peer, &recovery, step));
            self.recoveries.push(recovery);
        }
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        [statement_row(draft.kind(), draft.slot()), draft.actor().to_bytes()].concat()
    }

    fn deadline(&self) -> Option<Time> {
        (!self.promised).then_some(Time(0))
    }
}

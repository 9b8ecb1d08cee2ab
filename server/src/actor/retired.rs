//! A retired actor: it lost state, says so, and signs nothing more.
//!
//! An actor that cannot read what it had stored does not know which slots it has taken. Whatever it signed next
//! could contradict what it signed before, and it would be exposed for an equivocation. So it signs one last
//! statement, a [`Recovery`], and shows it to everyone who connects. That is a lack of durability, admitted: witnesses
//! take what it owes off their boards, and nobody suspects those who wait for it.
//!
//! # Invariants
//! - Its recovery has the same bytes however often it restarts or loses state again.

use super::{Actor, Input, Issued, Step};
use crate::{
    port::Time,
    protocol::{
        id::ActorId,
        message::Message,
        recovery::Recovery,
        statement::{Signed, Terms},
    },
};

/// An actor that lost state.
pub struct Retired {
    me: ActorId,
    recovery: Option<Signed<Recovery>>,
    promised: bool,
    connected: Vec<ActorId>,
}

impl Retired {
    /// The actor, with the recovery that it has signed already, if it has.
    pub fn new(me: ActorId, statements: Vec<Issued>) -> Self {
        let recovery = statements.into_iter().find_map(|issued| match issued {
            Issued::Recovery(recovery) => Some(recovery),
            _ => None,
        });
        Retired { me, promised: recovery.is_some(), recovery, connected: Vec::new() }
    }

    fn show(&self, peer: ActorId, step: &mut Step) {
        if let Some(recovery) = &self.recovery {
            step.send(peer, Message::Retired(recovery.to_unverified()));
        }
    }
}

impl Actor for Retired {
    fn me(&self) -> ActorId {
        self.me
    }

    fn dials(&self) -> Vec<ActorId> {
        Vec::new()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) => {
                self.connected.push(peer);
                self.show(peer, step);
            }
            Input::Disconnected(peer) => self.connected.retain(|connected| *connected != peer),
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        if !std::mem::replace(&mut self.promised, true) {
            step.promise(Recovery::retiring(self.me, Terms::default()));
        }
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        if let Issued::Recovery(recovery) = issued {
            self.recovery = Some(recovery);
            self.connected.iter().for_each(|peer| self.show(*peer, step));
        }
    }

    fn deadline(&self) -> Option<Time> {
        (!self.promised).then_some(Time(0))
    }
}

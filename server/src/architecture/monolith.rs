//! The monolith: request handler, incoming actor, sequencer and mailbox actor as one actor, with one key and one store.
//!
//! It runs the very state machines of the pipeline. Their messages to each other stay in memory and are handled in the
//! next step; all that a step changes and promises is one transaction. Its node's loop is the one lock over the data
//! store: whoever comes while a step is being stored is taken with the next. What a request handler is told it hands on at
//! once: a receipt that waited for the next step would wait for its transaction, too.
//!
//! # Invariants
//! - What a part promises is durable before another part is told of it: in each step the letters of the one before, and the
//!   handler's after the transaction.
//! - A peer that connects to a part speaks with that part. One that is seated speaks with all: what it says shows to whom.
//! - Rows of a part begin with its role; statements stand in rows of their slot and role.

use std::collections::VecDeque;

use crate::{
    actor::{
        Actor, Draft, Input, Issued, RecoverError, Recovered, Setup, Step,
        handler::{Custody, Handler},
        incoming::Incoming,
        mailbox::Mailbox,
        sequencer::Sequencer,
        step,
    },
    port::{Changes, Time},
    protocol::{
        id::{ActorId, Role},
        message::Message,
    },
};

/// The parts, in the order of the pipeline.
const PARTS: [Role; 4] = [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox];

/// All roles in one.
pub struct Monolith {
    /// In the order of [`PARTS`].
    parts: Vec<Box<dyn Actor>>,
    /// What the parts tell each other, not handled yet.
    letters: VecDeque<(Role, Input)>,
    /// What the handler did after the transaction of a step, and is left for the next one: what it must store, and its work.
    left: Step,
}

impl Monolith {
    /// All that it stands for.
    pub fn actors() -> Vec<ActorId> {
        PARTS.map(|role| ActorId::Server(role, 0)).to_vec()
    }

    /// All roles, with what they had stored.
    pub fn recover(setup: Setup, recovered: Recovered) -> Result<Self, RecoverError> {
        Monolith::of(recovered, |role, stored| {
            let setup = setup.clone();
            Ok(match role {
                Role::Handler => Box::new(Handler::recover(0, setup, Custody::NotTaken, stored)?),
                Role::Incoming => Box::new(Incoming::recover(0, setup, stored)?),
                Role::Sequencer => Box::new(Sequencer::recover(setup, stored)?),
                _ => Box::new(Mailbox::recover(0, setup, stored)?),
            })
        })
    }

    /// The same of parts that are made elsewhere, each with what it had stored.
    pub fn of(
        recovered: Recovered,
        mut make: impl FnMut(Role, Recovered) -> Result<Box<dyn Actor>, RecoverError>,
    ) -> Result<Self, RecoverError> {
        let mut stored = PARTS.map(|_| Recovered::default());
        let part_of = |role: u8| PARTS.iter().position(|part| *part as u8 == role);
        for (key, value) in recovered.rows {
            let Some((role, key)) = key.split_first() else { continue };
            if let Some(part) = part_of(*role) {
                stored[part].rows.insert(key.to_vec(), value);
            }
        }
        for issued in recovered.statements {
            if let Some(part) = part_of(issued.actor().role() as u8) {
                stored[part].statements.push(issued);
            }
        }
        let parts = PARTS.into_iter().zip(stored).map(|(role, stored)| make(role, stored));
        let parts = parts.collect::<Result<_, _>>()?;
        let mut monolith = Monolith { parts, letters: VecDeque::new(), left: Step::at(Time(0)) };
        monolith.introduce();
        Ok(monolith)
    }

    /// The parts that would connect to each other are connected.
    fn introduce(&mut self) {
        for role in PARTS {
            for peer in self.part(role).dials() {
                self.letters.push_back((role, Input::Connected(peer)));
                self.letters.push_back((peer.role(), Input::Connected(ActorId::Server(role, 0))));
            }
        }
    }

    fn part(&mut self, role: Role) -> &mut dyn Actor {
        let part = PARTS.iter().position(|part| *part == role);
        &mut *self.parts[part.unwrap_or(PARTS.len() - 1)]
    }

    /// Lets a part do something in a step of its own, and takes over what comes of it.
    fn turn(&mut self, role: Role, step: &mut Step, act: impl FnOnce(&mut dyn Actor, &mut Step)) {
        let mut own = Step::at(step.now);
        act(self.part(role), &mut own);
        self.take_over(role, own, step);
    }

    /// Takes over what a part has done in a step of its own.
    fn take_over(&mut self, role: Role, own: Step, step: &mut Step) {
        step.changes.extend(named(role, own.changes));
        step.promises.extend(own.promises);
        step.notices.extend(own.notices);
        step.work += own.work;
        for (to, message) in own.sends {
            if PARTS.contains(&to.role()) {
                let letter = Input::Message(ActorId::Server(role, 0), message);
                self.letters.push_back((to.role(), letter));
            } else {
                step.send_as(ActorId::Server(role, 0), to, message);
            }
        }
    }

    /// Lets the handler hand on what it was told in this step, whose transaction is over: what it would have to store waits for
    /// the next one.
    fn relay(&mut self, step: &mut Step) {
        let (told, others) = self.letters.drain(..).partition(|(role, _)| *role == Role::Handler);
        self.letters = others;
        let told: VecDeque<(Role, Input)> = told;
        for (role, letter) in told {
            let mut own = Step::at(step.now);
            self.part(role).handle(letter, &mut own);
            own.work.inputs += 1;
            let mut left = std::mem::replace(&mut self.left, Step::at(Time(0)));
            if own.changes.is_empty() && own.promises.is_empty() {
                left.work += std::mem::take(&mut own.work);
                self.take_over(role, own, step);
            } else {
                self.take_over(role, own, &mut left);
            }
            self.left = left;
        }
    }

    /// Takes up what the handler has left for this step.
    fn take_up(&mut self, step: &mut Step) {
        let left = std::mem::replace(&mut self.left, Step::at(Time(0)));
        step.changes.extend(left.changes);
        step.promises.extend(left.promises);
        step.notices.extend(left.notices);
        step.sends_of_parts.extend(left.sends_of_parts);
        step.work += left.work;
    }
}

/// A part's rows under their names in the common store.
fn named(role: Role, changes: Changes) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    changes.into_iter().map(move |(key, value)| match key.first() {
        Some(&step::STATEMENTS) => (of_role(key, role), value),
        _ => ([&[role as u8], &key[..]].concat(), value),
    })
}

/// The row of a statement by the role that makes it: two parts may make statements of one kind and slot.
fn of_role(mut key: Vec<u8>, role: Role) -> Vec<u8> {
    key.push(role as u8);
    key
}

/// Which part a client's message is for.
fn addressee(message: &Message) -> Role {
    match message {
        Message::Submit(_) | Message::Unplaced(_) => Role::Handler,
        _ => Role::Mailbox,
    }
}

impl Actor for Monolith {
    fn me(&self) -> ActorId {
        ActorId::SEQUENCER
    }

    fn dials(&self) -> Vec<ActorId> {
        Vec::new()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match &input {
            Input::Message(_, message) => {
                self.turn(addressee(message), step, |part, own| part.handle(input, own));
            }
            Input::Connected(_) | Input::Disconnected(_) => {
                for role in [Role::Handler, Role::Mailbox] {
                    let input = input.clone();
                    self.turn(role, step, |part, own| part.handle(input, own));
                }
            }
            Input::Send(_) | Input::Complain(_) | Input::Wake => {}
        }
    }

    fn handle_as(&mut self, part: ActorId, input: Input, step: &mut Step) {
        if PARTS.contains(&part.role()) {
            self.turn(part.role(), step, |part, own| part.handle(input, own));
        }
    }

    fn settle(&mut self, step: &mut Step) {
        self.take_up(step);
        while let Some((role, letter)) = self.letters.pop_front() {
            step.work.inputs += 1;
            self.turn(role, step, |part, own| part.handle(letter, own));
        }
        for role in PARTS {
            self.turn(role, step, |part, own| part.settle(own));
        }
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        let role = issued.actor().role();
        self.turn(role, step, |part, own| part.release(issued, own));
        self.relay(step);
    }

    fn deadline(&self) -> Option<Time> {
        if !self.letters.is_empty() || !self.left.changes.is_empty() || !self.left.promises.is_empty() {
            return Some(Time(0));
        }
        self.parts.iter().filter_map(|part| part.deadline()).min()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        of_role(step::statement_row(draft.kind(), draft.slot()), draft.actor().role())
    }
}

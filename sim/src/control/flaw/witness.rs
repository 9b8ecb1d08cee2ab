//! Flaws of witnesses.

use server::{
    actor::{Actor as _, Input, Step, witness::Witness},
    protocol::{message::Message, statement::Trust},
};

use super::{Fallible, Flaw, Weakness};

impl Fallible for Witness {
    fn flaw(weakness: Weakness, _: &Trust) -> Option<Box<dyn Flaw<Self>>> {
        (weakness == Weakness::DeafWitness).then(|| Box::new(DeafWitness) as _)
    }
}

/// Relays no challenge.
struct DeafWitness;

impl Flaw<Witness> for DeafWitness {
    fn handle(&mut self, actor: &mut Witness, input: Input, step: &mut Step) {
        if !matches!(input, Input::Message(_, Message::Posted(_))) {
            actor.handle(input, step);
        }
    }
}

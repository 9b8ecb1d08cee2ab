//! Incoming actors whose key was replaced, and what the key before can still be used for (family F of the catalogue).
//!
//! Both sign with a key that is theirs no more. In the hands of the actor itself that is equivocation: a slot does not hold the number
//! of a key. In the hands of a thief it is nothing, if the key was revoked: the thief has the actor's key, speaks for it on all its
//! connections, and knows all that it signed.

use std::collections::VecDeque;

use server::protocol::{
    id::{ActorId, Role},
    message::Message,
    predicate::equivocation::Equivocation,
    seal::Seal,
    statement::{Signed, Terms},
};

use super::{Attack, Context};

/// Old seals that are remembered.
const REMEMBERED: usize = 32;

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "escape-rotation" => Box::<EscapeRotation>::default(),
        "back-date" => Box::<BackDate>::default(),
        _ => return None,
    })
}

/// F08: seals a batch again with the key that it had before, as if the slot were another. Exposed (*equiv*).
#[derive(Default)]
struct EscapeRotation;

impl Attack for EscapeRotation {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut again = Vec::new();
        for (to, message) in sends.iter() {
            let Message::Sealed(seal) = message else { continue };
            let Ok(seal) = seal.clone().verify(context.trust) else { continue };
            if seal.terms.key > 0 && context.on() {
                let other = Seal { terms: Terms::default(), ..altered(&seal) };
                again.push((*to, Message::Sealed(context.sign(other).to_unverified())));
                context.fired();
            }
        }
        sends.append(&mut again);
    }
}

/// F09: signs the slots of old seals otherwise, with the key that signed them and was revoked since, hands that to the sequencer and
/// shows it to the witnesses as an equivocation. Void: nothing says that it was signed before the key was stolen.
#[derive(Default)]
struct BackDate {
    /// What the actor signed with the key while that was its own.
    seals: VecDeque<Signed<Seal>>,
}

impl Attack for BackDate {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut more = Vec::new();
        for (to, message) in sends.iter() {
            let Message::Sealed(seal) = message else { continue };
            let Ok(seal) = seal.clone().verify(context.trust) else { continue };
            if seal.terms.key == 0 {
                self.seals.push_back(seal);
                self.seals.truncate(REMEMBERED);
                continue;
            }
            let Some(old) = self.seals.pop_front().filter(|_| context.on()) else { continue };
            // the slot of an old seal, and one that the key never signed
            let forged = context.sign(altered(&old));
            let late = context.sign(Seal { terms: old.terms, ..altered(&seal) });
            more.extend([&forged, &late].map(|seal| (*to, Message::Sealed(seal.to_unverified()))));
            let evidence = Equivocation { first: old.cite(), second: forged.cite() };
            for witness in 0..context.trust.roster.witnesses() {
                let shown = Message::Exposed(Box::new(evidence.clone().into()));
                more.push((ActorId::Server(Role::Witness, witness), shown));
            }
            self.seals.push_back(old);
            context.fired();
        }
        sends.append(&mut more);
    }
}

/// The seal with another content.
fn altered(seal: &Seal) -> Seal {
    Seal { content_bytes: seal.content_bytes + 1, ..seal.clone() }
}

//! Witnesses that cheat (F06 of the catalogue): what a cosignature says is not worth more than who gives it.

use std::collections::BTreeMap;

use server::{
    actor::Input,
    protocol::{
        attestation::Attestation,
        cosignature::Cosignature,
        digest::Digest,
        id::{ActorId, Epoch, Role},
        message::Message,
        statement::{Signed, Terms},
    },
};

use super::{Attack, Context};

/// The first number of what it cosigns in secret: the honest count never gets there.
const SECRET: u64 = 1 << 40;
/// How many cuts it remembers.
const CUTS_MAX: usize = 4096;

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "cosign-branch" => Box::<CosignBranch>::default(),
        _ => return None,
    })
}

/// F06: cosigns both branches of a sequencer that forks, and says nothing of it. Exposed (*splitview*) by the first
/// actor that meets both and asks who vouches for them.
#[derive(Default)]
struct CosignBranch {
    cuts: BTreeMap<Epoch, Digest>,
    /// Attestations whose cut has not come yet.
    early: Vec<(ActorId, Signed<Attestation>)>,
    number: u64,
}

impl CosignBranch {
    fn cosign(&mut self, mailbox: ActorId, attestation: &Signed<Attestation>, context: &mut Context<'_>) {
        let ActorId::Server(Role::Witness, witness) = context.me() else { return };
        let (number, terms) = (SECRET + self.number, Terms::default());
        self.number += 1;
        let heads = vec![attestation.cite()];
        let cosignature = context.sign(Cosignature { witness, number, terms, heads });
        context.send(mailbox, Message::Cosigned(cosignature.to_unverified()));
        context.fired();
    }

    /// Takes an attestation: what the honest witness sees of it.
    fn attested(
        &mut self,
        mailbox: ActorId,
        attestation: Signed<Attestation>,
        context: &mut Context<'_>,
    ) -> Option<Input> {
        match self.cuts.get(&attestation.epoch) {
            Some(cut) if *cut == attestation.cut.digest => {
                return Some(Input::Message(mailbox, Message::Attested(attestation.to_unverified())));
            }
            Some(_) => self.cosign(mailbox, &attestation, context),
            None => self.early.push((mailbox, attestation)),
        }
        None
    }
}

impl Attack for CosignBranch {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        match input {
            Input::Message(mailbox, Message::Attested(attestation)) if context.is_time() => {
                let genuine = attestation.verify(context.trust).ok();
                let seen = genuine.and_then(|attestation| self.attested(mailbox, attestation, context));
                seen.into_iter().collect()
            }
            Input::Message(ActorId::SEQUENCER, Message::Ordered(cut)) => {
                self.cuts.entry(Epoch(cut.claimed_slot())).or_insert(cut.digest());
                while self.cuts.len() > CUTS_MAX {
                    self.cuts.pop_first();
                }
                let mut inputs = vec![Input::Message(ActorId::SEQUENCER, Message::Ordered(cut))];
                for (mailbox, attestation) in std::mem::take(&mut self.early) {
                    inputs.extend(self.attested(mailbox, attestation, context));
                }
                inputs
            }
            other => vec![other],
        }
    }
}

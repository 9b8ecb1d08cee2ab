//! *sackbroken*: a cut that leaves out a seal whose acknowledgement promised it.
//!
//! An acknowledgement says: every cut after epoch `after` reaches these seals. An honest sequencer makes the seals
//! durable with it and names in `after` an epoch that no later cut of its own precedes, so each of its later cuts
//! reaches them, or a later seal of the same queue.

use super::{Finding, Predicate, doubt, need, verified};
use crate::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cut::Cut,
    id::ActorId,
    seal_ack::SealAck,
    statement::{Citation, Trust, Unverified},
};

/// An acknowledgement, and a later cut that does not keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenSealAck {
    /// The acknowledgement.
    pub ack: Unverified<SealAck>,
    /// The cut.
    pub cut: Unverified<Cut>,
    /// Whose seal the cut leaves out.
    pub incoming: u32,
}

impl Predicate for BrokenSealAck {
    const NAME: &'static str = "sackbroken";

    fn accused(&self) -> ActorId {
        ActorId::SEQUENCER
    }

    fn statements(&self) -> Vec<Citation> {
        vec![self.ack.cite(), self.cut.cite()]
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let (ack, cut) = (verified(&self.ack, trust)?, verified(&self.cut, trust)?);
        need(cut.epoch > ack.after, "the promise does not hold for this cut yet")?;
        let Some(promised) = ack.newest_of(self.incoming) else {
            return doubt("no seal of this actor was acknowledged");
        };
        let reached = cut.reached.get(self.incoming as usize).and_then(|reached| reached.seal.clone());
        let kept = reached.as_ref().is_some_and(|reached| {
            reached.slot > promised.slot || (reached.slot, reached.digest) == (promised.slot, promised.digest)
        });
        need(!kept, "the cut reaches the acknowledged seal")?;
        let found =
            reached.map_or("none".to_owned(), |reached| format!("{} ({:?})", reached.slot, reached.digest));
        Ok(format!(
            "acknowledged seal {} ({:?}) of {} after epoch {}, but reached {found} in epoch {}",
            promised.slot, promised.digest, promised.actor, ack.after, cut.epoch
        ))
    }
}

coded!(struct BrokenSealAck { ack, cut, incoming });

//! *badattestation*: an attestation that does not follow from the cuts it stands on.
//!
//! An honest mailbox actor attests with complete inputs, and its mailboxes are a pure function of them; the base is
//! its *own* earlier attestation, so it is never judged for another's past (rule R7).

use super::{Finding, Predicate, doubt};
use crate::protocol::{
    attestation::MailboxHead,
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    derivation::Derivation,
    id::{ActorId, ClientId},
    statement::{Citation, Trust},
};

/// A mailbox that is not what cuts and seals make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAttestation {
    /// Whose mailbox shows it.
    pub client: ClientId,
    /// What should have been attested.
    pub derivation: Box<Derivation>,
}

impl Predicate for BadAttestation {
    const NAME: &'static str = "badattestation";

    fn accused(&self) -> ActorId {
        self.derivation.mailbox()
    }

    fn statements(&self) -> Vec<Citation> {
        self.derivation.statements()
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let derived = self.derivation.check(&self.client, trust).map_err(|flaw| flaw.to_string())?;
        if derived.holds() {
            return doubt("the attestation is what follows");
        }
        let show = |head: &MailboxHead| format!("{} deliveries, head {:?}", head.count, head.head);
        Ok(format!(
            "attested in epoch {} for the mailbox of {} {}, but cut and seals give {}",
            derived.attestation.epoch,
            ActorId::Client(self.client),
            show(&derived.attested),
            show(&derived.expected)
        ))
    }
}

impl Encode for BadAttestation {
    fn encode(&self, out: &mut Writer) {
        self.client.encode(out);
        self.derivation.encode(out);
    }
}

impl Decode for BadAttestation {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let client = ClientId::decode(input)?;
        Ok(BadAttestation { client, derivation: Box::new(Derivation::decode(input)?) })
    }
}

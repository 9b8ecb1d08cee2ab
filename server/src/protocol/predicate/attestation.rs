//! *badattestation*: an attestation that does not follow from the cuts it stands on.
//!
//! An honest mailbox actor attests with complete inputs, and its mailboxes are a pure function of them; the base is
//! its *own* earlier attestation, so it is never judged for another's past (rule R7). It takes up a cut when the
//! sequencer's signature is good and the cut names the one that it attested before, and appends to the mailboxes of
//! clients that the roster gives it; whatever else a cut or a manifest says, it waits and signs nothing.

use super::{
    Finding, Predicate, cites_a_cut, doubt, entry_of, is_next, need, newest, verified, verified_if_any,
};
use crate::protocol::{
    attestation::{Attestation, MailboxHead},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    cut::Cut,
    derivation::Derivation,
    digest::Digest,
    id::{ActorId, ClientId},
    map::Pruned,
    statement::{Citation, Trust, Unverified},
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

    fn roster(&self) -> Option<u32> {
        Some(self.derivation.roster())
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

coded!(struct BadAttestation { client, derivation });

/// A mailbox that the roster gives to another actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadHosting {
    /// The attestation that holds it.
    pub attestation: Unverified<Attestation>,
    /// Whose mailbox.
    pub client: ClientId,
    /// Its entry.
    pub mailboxes: Pruned<MailboxHead>,
}

impl Predicate for BadHosting {
    const NAME: &'static str = BadAttestation::NAME;

    fn accused(&self) -> ActorId {
        self.attestation.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        vec![self.attestation.cite()]
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let attestation = verified(&self.attestation, trust)?;
        let host = trust.roster.mailbox_of(&self.client);
        need(host != attestation.mailbox, "the mailbox is kept by this actor")?;
        let entry = entry_of(&self.mailboxes, attestation.root, &self.client)?;
        need(entry.is_some(), "the attestation has no such mailbox")?;
        let client = ActorId::Client(self.client);
        Ok(format!(
            "attested in epoch {} the mailbox of {client}, which mailbox/{host} keeps",
            attestation.epoch
        ))
    }
}

coded!(struct BadHosting { attestation, client, mailboxes });

/// A cut that is none, or not the one after that which the actor attested before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCitation {
    /// The attestation.
    pub attestation: Unverified<Attestation>,
    /// The actor's attestation before it; none in the first epoch, and none if the citation is false in itself.
    pub previous: Option<Unverified<Attestation>>,
    /// The cited cut; none if the citation is false in itself.
    pub cut: Option<Unverified<Cut>>,
}

impl Predicate for BadCitation {
    const NAME: &'static str = BadAttestation::NAME;

    fn accused(&self) -> ActorId {
        self.attestation.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let mut all = vec![self.attestation.cite()];
        all.extend(self.previous.iter().map(Unverified::cite));
        all.extend(self.cut.iter().map(Unverified::cite));
        all
    }

    fn roster(&self) -> Option<u32> {
        newest(&[Some(&self.attestation), self.previous.as_ref()])
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let attestation = verified(&self.attestation, trust)?;
        let previous = verified_if_any(self.previous.as_ref(), trust)?;
        let Some(cut) = verified_if_any(self.cut.as_ref(), trust)? else {
            need(previous.is_none(), "without the cut nothing follows from the attestation before")?;
            let cited = &attestation.cut;
            let sound = cited.slot == attestation.epoch.0 && cites_a_cut(cited, trust);
            need(!sound, "the attestation cites a cut of its epoch")?;
            return Ok(format!("attested epoch {} after what is no cut of it", attestation.epoch));
        };
        let cited = (attestation.cut.slot, attestation.cut.digest) == (cut.epoch.0, cut.digest());
        need(cited, "the attestation does not cite this cut")?;
        let (linked, due) = match &previous {
            None => ((attestation.epoch.0, attestation.previous) == (1, Digest::ZERO), Digest::ZERO),
            Some(previous) => {
                let linked = previous.mailbox == attestation.mailbox
                    && is_next(previous.epoch.0, attestation.epoch.0)
                    && previous.digest() == attestation.previous;
                (linked, previous.cut.digest)
            }
        };
        need(linked, "the attestation before it does not come before it")?;
        need(cut.previous != due, "the cut follows the one attested before")?;
        Ok(format!(
            "attested in epoch {} a cut after {:?}, having attested {due:?} before",
            attestation.epoch, cut.previous
        ))
    }
}

coded!(struct BadCitation { attestation, previous, cut });

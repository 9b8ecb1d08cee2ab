//! *agent*: what a client is exposed for whose agent is a request handler.
//!
//! Such a client signs nothing itself: the handler holds its key, and says so ([`Agency`]). So what its client has done the handler
//! has done. That a handler may be an agent stands in the roster, for all to know who signs for whom.
//!
//! An honest handler cannot satisfy it: it signs an agency only for clients that it runs itself, and those are honest. Whoever says it
//! of a client that others run answers for them.

use super::{Finding, Predicate, anchored, need, verified};
use crate::protocol::{
    agency::Agency,
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    evidence::Evidence,
    id::ActorId,
    statement::{Citation, Trust, Unverified},
};

/// The byte by which this predicate is told from others.
pub(super) const TAG: u8 = 17;

/// Evidence against a client, and the handler's word that it signs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Represented {
    /// The handler signs for the client.
    pub agency: Unverified<Agency>,
    /// The client did this.
    pub evidence: Box<Evidence>,
}

impl Predicate for Represented {
    const NAME: &'static str = "agent";

    fn accused(&self) -> ActorId {
        self.agency.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let mut all = self.evidence.statements();
        all.push(self.agency.cite());
        all
    }

    fn roster(&self) -> Option<u32> {
        Some(self.agency.claimed_terms().roster)
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let agency = verified(&self.agency, trust)?;
        need(trust.roster.is_agent(agency.handler), "the roster does not name that handler as an agent")?;
        need(self.evidence.accused() == ActorId::Client(agency.client), "the agency is for another client")?;
        let found = self.evidence.find(trust)?;
        Ok(format!("signs for {}, which {found}", ActorId::Client(agency.client)))
    }
}

impl Encode for Represented {
    fn encode(&self, out: &mut Writer) {
        self.agency.encode(out);
        self.evidence.encode(out);
    }
}

impl Decode for Represented {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let agency = Decode::decode(input)?;
        // neither is against a client; and so none is laid in another without end
        if matches!(input.left().first(), Some(&TAG | &anchored::TAG)) {
            return Err(DecodeError::Invalid("evidence against a client"));
        }
        Ok(Represented { agency, evidence: Decode::decode(input)? })
    }
}

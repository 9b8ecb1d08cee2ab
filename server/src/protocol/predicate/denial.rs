//! *denial*: a client that says it did not receive what it had acknowledged.
//!
//! A complaint carries the client's own clock, the number of acks it had signed before. An ack with a smaller clock
//! was therefore signed earlier, and what it covers was held, verified and durable. An honest client keeps clock and
//! mailbox durably and does not complain of what it holds.

use super::{Finding, Predicate, doubt, need, verified};
use crate::protocol::{
    ack::Ack,
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    complaint::{Charge, Complaint},
    id::ActorId,
    statement::{Citation, Trust, Unverified},
};

/// A complaint, and an earlier ack that gives it the lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Not received, it says.
    pub complaint: Unverified<Complaint>,
    /// Received, it said before.
    pub ack: Unverified<Ack>,
}

impl Predicate for Denial {
    const NAME: &'static str = "denial";

    fn accused(&self) -> ActorId {
        self.complaint.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        vec![self.complaint.cite(), self.ack.cite()]
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let (complaint, ack) = (verified(&self.complaint, trust)?, verified(&self.ack, trust)?);
        need(complaint.complainer == ActorId::Client(ack.client), "complaint and ack are not of one client")?;
        let Charge::NotReceived(upto) = complaint.charge else {
            return doubt("the complaint does not say that something was not received");
        };
        need(complaint.acks > ack.clock, "the ack was not signed before the complaint")?;
        need(ack.count >= upto, "the ack does not cover what was not received")?;
        Ok(format!(
            "complained that its mailbox was not received up to {upto}, having acknowledged {} before",
            ack.count
        ))
    }
}

coded!(struct Denial { complaint, ack });

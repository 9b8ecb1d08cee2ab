//! Handler receipts: a request handler has a bundle in its custody.
//!
//! Fields after the terms: `citation of the bundle ‖ incoming actor(4)`. Slot: the handler's own count of its
//! receipts, from 0.
//!
//! Custody moves only against the signature of whoever takes over. A handler need not give such receipts; one that
//! does has stored the bundle, and owes until it can show what the incoming actor said to it: a receipt, a refusal,
//! or nothing yet to a challenge of its own. Without one, that a handler had a bundle can be proven by nobody, and what
//! is lost on the way is a matter between the client and its handler; with one, between handler and incoming actor.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    id::{ActorId, BundleNumber, ClientId, Role},
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// This bundle is stored here, and will be handed on to that incoming actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerReceipt {
    /// Which request handler.
    pub handler: u32,
    /// Its number among the handler's receipts.
    pub number: u64,
    /// Roster and key.
    pub terms: Terms,
    /// The bundle.
    pub bundle: Citation,
    /// Which incoming actor is to have it.
    pub incoming: u32,
}

impl HandlerReceipt {
    /// Whose bundle it is, and which.
    pub fn name(&self) -> Option<(ClientId, BundleNumber)> {
        Some((self.bundle.actor.client()?, BundleNumber(self.bundle.slot)))
    }

    /// Who is to have it.
    pub fn target(&self) -> ActorId {
        ActorId::Server(Role::Incoming, self.incoming)
    }
}

impl Statement for HandlerReceipt {
    const KIND: Kind = Kind::HandlerReceipt;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Handler, self.handler), slot: self.number, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.bundle.encode(out);
        out.u32(self.incoming);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bundle = Citation::decode(input)?;
        if bundle.kind != Kind::Bundle || bundle.actor.client().is_none() {
            return Err(DecodeError::Invalid("citation of a bundle"));
        }
        Ok(HandlerReceipt {
            handler: head.index_of(Role::Handler)?,
            number: head.slot,
            terms: head.terms,
            bundle,
            incoming: input.u32()?,
        })
    }
}

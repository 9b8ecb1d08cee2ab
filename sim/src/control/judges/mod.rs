//! Wrong judges, with an accuser that makes evidence for them out of what honest actors signed.
//!
//! Each is a predicate that somebody might have written; each convicts actors that kept every promise, or lets one go
//! that did not. The accuser holds what the run left, all that clients were sent among it.

mod citations;
mod keys;
mod openings;

use server::protocol::{
    cut::Reached,
    evidence::Evidence,
    id::{ActorId, ClientId, Role},
    message::{Delivery, Message},
    predicate::chain::{BrokenChain, Linked},
    receipt::Receipted,
    statement::Citation,
};

pub(super) use citations::{
    clock_in_predicate, foreign_deployment, receipt_bound_to_epoch, slot_ignored, unsigned_citation,
};
pub(super) use keys::{revoked_key_counts, roster_of_today};
pub(super) use openings::{counts_left_out, foreign_base, leaf_without_signature};

use crate::{random::Streams, scenario::Drawn, world::Run};

/// An honest run, before a wrong judge.
pub(super) struct Trial<'a> {
    pub run: &'a Run,
    pub drawn: &'a Drawn,
    pub streams: Streams,
}

/// What a wrong judge takes for proof, and of whose guilt.
pub(super) type Conviction = (Evidence, ActorId);

impl Trial<'_> {
    /// The seals that cuts cite, cut by cut, of one incoming actor.
    fn cited(&self, incoming: usize) -> Vec<Citation> {
        let reached = self.run.record.cuts.values().filter_map(|cut| cut.reached.get(incoming));
        reached.filter_map(|Reached { seal, .. }| seal.clone()).collect()
    }

    fn letters(&self) -> impl Iterator<Item = &Message> {
        self.run.record.letters.iter().flatten()
    }

    /// All deliveries of bundles, with whose they are.
    fn deliveries(&self) -> impl Iterator<Item = (ClientId, &Delivery)> {
        self.letters().filter_map(|message| {
            let Message::Delivery(delivery) = message else { return None };
            let (envelope, _) = delivery.parcels.first()?.envelopes.first()?;
            Some((envelope.recipient, &**delivery))
        })
    }

    fn receipts(&self) -> impl Iterator<Item = &Receipted> {
        self.letters().filter_map(|message| match message {
            Message::Receipted(receipted) => Some(receipted),
            _ => None,
        })
    }
}

/// The mailbox actor of a client.
fn mailbox_of(run: &Run, client: &ClientId) -> ActorId {
    ActorId::Server(Role::Mailbox, run.trust.roster.mailbox_of(client))
}

/// Whether evidence rests on an attestation that names the one before it.
pub(super) fn needs_previous_attestation(evidence: &Evidence) -> bool {
    match evidence {
        Evidence::BrokenChain(BrokenChain { later, .. }) => matches!(later, Linked::Attestation(_)),
        Evidence::BadCitation(bad) => bad.previous.is_some(),
        _ => false,
    }
}

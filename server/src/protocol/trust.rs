//! Trust: all that a verifier believes without proof, and whose signatures count for it.
//!
//! Whether a signature counts depends on the key, and of keys that were replaced ([`super::roster::keys`]) on what it is asked for:
//!
//! | | a key in use, or replaced | a revoked key |
//! |---|---|---|
//! | in the work that goes on | counts | below its fence; a seal also if a cut that counts leads to it |
//! | in a judgement, of the accused | counts | if a quorum of witnesses, one at least, had cosigned the statement before the revocation |
//! | in a judgement, of those whom the accused cites | if listed by the roster under which the accused cites them | the same |
//! | in a judgement, of whole statements that the accused committed to | counts | counts |
//!
//! The accused had checked what it cites under its own roster, and before that under earlier ones. So a citation is false only if it was
//! under each of them, whatever has been revoked since.
//!
//! # Invariants
//! - No statement counts that names a later roster than the verifier has: it cannot know the key.
//! - A verdict found with one roster is found with every later one, but for what a revocation takes back.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    cosignature::Cosignature,
    crypto::{PublicKey, Verifier},
    digest::Digest,
    endorsement::Endorsement,
    id::{ActorId, Deployment},
    roster::{Roster, keys::Listed},
    statement::{Citation, Kind, Signed, Terms, preimage},
};

/// A roster, and an equation for signatures.
#[derive(Clone)]
pub struct Trust {
    /// The deployment whose statements count.
    pub deployment: Deployment,
    /// Who is who.
    pub roster: Arc<Roster>,
    /// Checks signatures.
    pub verifier: Arc<dyn Verifier>,
    /// The case, in a judgement.
    case: Option<Case>,
    /// Whether somebody else has committed to what is checked, so that no revocation undoes it.
    committed: bool,
    /// What witnesses had seen, in a judgement that depends on it.
    anchors: Arc<[Signed<Cosignature>]>,
}

/// Whom a judgement is of.
#[derive(Clone, Copy, Debug)]
struct Case {
    accused: ActorId,
    /// The newest roster under which the accused made what it is judged for; none if nothing that others signed matters.
    under: Option<u32>,
}

/// What a signature is said to be of.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub kind: Kind,
    pub actor: ActorId,
    pub slot: u64,
    pub digest: Digest,
}

impl Trust {
    /// Trusts a roster, with this way to check signatures.
    pub fn new(roster: Roster, verifier: Arc<dyn Verifier>) -> Self {
        let (deployment, roster) = (roster.deployment(), Arc::new(roster));
        Trust { deployment, roster, verifier, case: None, committed: false, anchors: Arc::new([]) }
    }

    /// The same, with another way to check signatures.
    #[must_use]
    pub fn checked_by(self, verifier: Arc<dyn Verifier>) -> Self {
        Trust { verifier, ..self }
    }

    /// The same with what an earlier roster said; itself, if that is not earlier.
    #[must_use]
    pub fn as_of(&self, version: u32) -> Trust {
        match version < self.roster.version() {
            true => Trust { roster: Arc::new(self.roster.as_of(version)), ..self.clone() },
            false => self.clone(),
        }
    }

    /// The same for a judgement of this actor, for what it made under rosters up to this one.
    #[must_use]
    pub(super) fn judging(&self, accused: ActorId, under: Option<u32>) -> Trust {
        Trust { case: Some(Case { accused, under }), ..self.clone() }
    }

    /// The same for a judgement that depends on what witnesses had seen; on nothing, if there are none.
    #[must_use]
    pub(super) fn anchored(&self, anchors: impl Into<Arc<[Signed<Cosignature>]>>) -> Trust {
        Trust { anchors: anchors.into(), ..self.clone() }
    }

    /// The same for seals to which a cut leads, link by link. Who has taken one before its key was revoked cannot give it
    /// back, so neither may those who had not got it yet, or nobody could follow that cut any more.
    #[must_use]
    pub(crate) fn of_ordered_seals(&self) -> Trust {
        Trust { committed: true, ..self.clone() }
    }

    /// Whether this is a signature of whom it is said to be of.
    pub(super) fn verifies(&self, named: Named, endorsement: &Endorsement) -> bool {
        let preimage = || preimage(self.deployment, named.kind, named.actor, named.slot, named.digest);
        let numbers = (0..=self.roster.current_number(&named.actor)).rev(); // most are of the present key
        numbers
            .filter_map(|number| Some(endorsement.claim(self.key(number, &named)?, preimage())))
            .any(|(key, signed, signature)| self.verifier.verify((key, &signed, signature)))
    }

    /// The key under which a statement says that it was signed, if that counts for it.
    ///
    /// In a judgement a whole statement of somebody else is shown because the accused has committed to its digest, and so to the terms in
    /// it: whatever roster the accused names, it had to know theirs. Whoever names an earlier one does not make them void. (A cosignature
    /// that anchors is not committed to; but those of revoked keys are sorted out before, and it may well be of a later roster.)
    pub(super) fn key_under(&self, terms: Terms, named: &Named) -> Option<PublicKey> {
        let known = terms.roster <= self.roster.version();
        if !known || terms.key != self.roster.number_under(&named.actor, terms.roster) {
            return None;
        }
        let listed = self.roster.numbered(&named.actor, terms.key)?;
        let cited = self.case.is_some_and(|case| case.accused != named.actor);
        (cited || self.counts(&listed, named)).then_some(listed.key)
    }

    fn key(&self, number: u32, named: &Named) -> Option<PublicKey> {
        let listed = self.roster.numbered(&named.actor, number)?;
        self.counts(&listed, named).then_some(listed.key)
    }

    fn counts(&self, listed: &Listed<'_>, named: &Named) -> bool {
        match &self.case {
            None if self.committed => true,
            None => listed.revoked.is_none_or(|revoked| revoked.is_behind_fence(named.kind, named.slot)),
            Some(case) if case.accused != named.actor => case.under.is_none_or(|under| listed.since <= under),
            Some(_) => listed.revoked.is_none_or(|revoked| {
                let covers = |anchor: &&Signed<Cosignature>| {
                    revoked.is_before(anchor.witness, anchor.number)
                        && anchor.covers(named.kind, named.actor, named.slot, named.digest)
                };
                let witnesses: BTreeSet<u32> =
                    self.anchors.iter().filter(covers).map(|anchor| anchor.witness).collect();
                witnesses.len() as u32 >= self.roster.quorum().max(1)
            }),
        }
    }
}

impl From<&Citation> for Named {
    fn from(cited: &Citation) -> Named {
        Named { kind: cited.kind, actor: cited.actor, slot: cited.slot, digest: cited.digest }
    }
}

//! *badref*: a refusal whose reason is contradicted by what it names.
//!
//! Every reason but a full queue can be checked. An honest incoming actor refuses a bundle whose client signature it
//! verified, and writes into the reason what its own table holds: bundles that it verified and cuts that it saw. Some
//! lies show in the refusal alone, others only beside the bundle, which the refusal names by its digest.
//!
//! *Malformed* cannot be contradicted: the refusal names the bundle, but not the content that came with it. A handler
//! that mangles the content makes an honest actor refuse a sound bundle, and whoever holds the right content must
//! not be able to convict it. For the same reason the content plays no part here; it is shown so that the bundle is
//! seen to be one.

use super::{Finding, Predicate, cites_a_cut, doubt, need, verified};
use crate::protocol::{
    bundle::{Bundle, Submission},
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    id::ActorId,
    refusal::{Reason, Refusal},
    statement::{Citation, Kind, Signed, Trust, Unverified},
};

/// A false refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRefusal {
    /// The refusal.
    pub refusal: Unverified<Refusal>,
    /// What it refuses; not needed if the refusal is false in itself.
    pub submission: Option<Submission>,
}

impl Predicate for BadRefusal {
    const NAME: &'static str = "badref";

    fn accused(&self) -> ActorId {
        self.refusal.claimed_actor()
    }

    fn statements(&self) -> Vec<Citation> {
        let bundle = self.submission.iter().map(|submission| submission.bundle.cite());
        [self.refusal.cite()].into_iter().chain(bundle).collect()
    }

    fn roster(&self) -> Option<u32> {
        Some(self.refusal.claimed_terms().roster)
    }

    fn judge(&self, trust: &Trust) -> Finding {
        let refusal = verified(&self.refusal, trust)?;
        let bundle = match &self.submission {
            None => None,
            Some(submission) => Some(refused(&refusal, submission, trust)?),
        };
        let lie = alone(&refusal, trust).or_else(|| beside(&refusal.reason, bundle.as_deref()?));
        let Some(lie) = lie else { return doubt("nothing here contradicts the refusal") };
        Ok(format!(
            "refused bundle {} of {} ({}), but {lie}",
            refusal.number,
            ActorId::Client(refusal.client),
            refusal.reason.name()
        ))
    }
}

/// The bundle, if it is the refused one and the content is its own.
fn refused(refusal: &Refusal, submission: &Submission, trust: &Trust) -> Result<Signed<Bundle>, String> {
    let bundle = verified(&submission.bundle, trust)?;
    let same = bundle.digest() == refusal.bundle
        && (bundle.client, bundle.number) == (refusal.client, refusal.number);
    need(same, "the refusal is of another bundle")?;
    need(submission.content.commitment() == bundle.commitment, "the content is not the bundle's")?;
    Ok(bundle)
}

/// What is false in the refusal alone.
fn alone(refusal: &Refusal, trust: &Trust) -> Option<String> {
    let routed = trust.roster.incoming_of(&refusal.client);
    match &refusal.reason {
        Reason::Misrouted if routed == refusal.incoming => Some("it serves this client".to_owned()),
        Reason::Gap { next } if *next >= refusal.number => {
            Some(format!("bundle {next} need not come before it"))
        }
        Reason::Equivocation { other } => {
            let client = ActorId::Client(refusal.client);
            let number = refusal.number.0;
            let neighbour = other.slot == number || other.slot.checked_add(1) == Some(number);
            if !neighbour || !other.is_of(Kind::Bundle, client, other.slot) || !other.verify(trust) {
                Some("the other bundle is none of this client and place".to_owned())
            } else {
                (other.digest == refusal.bundle).then(|| "the other bundle is the same".to_owned())
            }
        }
        Reason::ForkedCut { known: cut } | Reason::Expired { cut } if !cites_a_cut(cut, trust) => {
            Some("the sequencer did not sign the cut that it names".to_owned())
        }
        _ => None,
    }
}

/// What is false beside the refused bundle.
fn beside(reason: &Reason, bundle: &Bundle) -> Option<String> {
    let number = bundle.number.0;
    match reason {
        Reason::Equivocation { other } if other.slot != number && bundle.previous == other.digest => {
            Some("the bundle names just that one as the one before it".to_owned())
        }
        Reason::ForkedCut { known } => match &bundle.seen {
            None => Some("the bundle cites no cut".to_owned()),
            Some(seen) if seen.slot != known.slot => {
                Some("the bundle cites a cut of another epoch".to_owned())
            }
            Some(seen) if seen.digest == known.digest => Some("the bundle cites the same cut".to_owned()),
            Some(_) => None,
        },
        Reason::Expired { cut } if bundle.expiry.0 >= cut.slot => {
            Some(format!("it does not expire before epoch {}", bundle.expiry))
        }
        _ => None,
    }
}

coded!(struct BadRefusal { refusal, submission });

//! Refusals: why the incoming actor did not take a bundle, signed, with its proof where there is one.
//!
//! Fields after the terms: `client(32) ‖ bundle digest(32) ‖ reason(1) ‖ what the reason carries`. Slot: the
//! number of the bundle. The reasons' bytes: 1 queue full `retry after, milliseconds(4)`, 2 gap `next number(8)`,
//! 3 equivocation `citation of the other bundle`, 4 forked cut `citation of the cut known instead`, 5 expired
//! `citation of a cut after the expiry`, 6 misrouted, 7 malformed.
//!
//! A refusal is not exclusive: the same bundle may be refused for a full queue and later for a gap.

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, coded},
    digest::Digest,
    id::{ActorId, BundleNumber, ClientId, Role},
    statement::{Citation, Head, Kind, Statement, Terms},
};

/// A bundle was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which incoming actor.
    pub incoming: u32,
    /// Whose bundle.
    pub client: ClientId,
    /// Which one.
    pub number: BundleNumber,
    /// The digest of the refused bundle.
    pub bundle: Digest,
    /// Roster and key.
    pub terms: Terms,
    /// Why.
    pub reason: Reason,
}

/// Why a bundle was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The actor holds as many bundles as it may.
    QueueFull {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// An earlier bundle of the client is missing.
    Gap {
        /// The number that must come first.
        next: BundleNumber,
    },
    /// The client signed another bundle with this number, or names another one as the one before it.
    Equivocation {
        /// The bundle that stands in the queue.
        other: Citation,
    },
    /// The bundle cites a cut that is not the one of its epoch.
    ForkedCut {
        /// The one that is.
        known: Citation,
    },
    /// Its expiry has passed.
    Expired {
        /// A cut that shows it.
        cut: Citation,
    },
    /// Another incoming actor serves this client.
    Misrouted,
    /// Content and commitment differ, or a bound is broken.
    Malformed,
}

impl Reason {
    /// The name of the one that says that a client has signed twice.
    pub const EQUIVOCATION: &'static str = "equivocation";

    /// The reason's name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Reason::QueueFull { .. } => "queue-full",
            Reason::Gap { .. } => "gap",
            Reason::Equivocation { .. } => Reason::EQUIVOCATION,
            Reason::ForkedCut { .. } => "forked-cut",
            Reason::Expired { .. } => "expired",
            Reason::Misrouted => "misrouted",
            Reason::Malformed => "malformed",
        }
    }
}

coded!(enum Reason "reason of a refusal" {
    1 QueueFull { retry_after_ms },
    2 Gap { next },
    3 Equivocation { other },
    4 ForkedCut { known },
    5 Expired { cut },
    6 Misrouted,
    7 Malformed,
});

impl Statement for Refusal {
    const KIND: Kind = Kind::Refusal;

    fn head(&self) -> Head {
        Head { actor: ActorId::Server(Role::Incoming, self.incoming), slot: self.number.0, terms: self.terms }
    }

    fn encode_fields(&self, out: &mut Writer) {
        self.client.encode(out);
        self.bundle.encode(out);
        self.reason.encode(out);
    }

    fn decode_fields(head: Head, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Refusal {
            incoming: head.index_of(Role::Incoming)?,
            number: BundleNumber(head.slot),
            terms: head.terms,
            client: ClientId::decode(input)?,
            bundle: Digest::decode(input)?,
            reason: Reason::decode(input)?,
        })
    }
}

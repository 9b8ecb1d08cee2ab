//! What an actor lets its surroundings know, as a line of the trace.

use server::actor::Notice;

use crate::{
    history::{BundleKey, Record},
    scenario::ActorName,
};

/// The bundle that a notice of `who` is about.
pub fn bundle_of(notice: &Notice, who: ActorName, record: &Record) -> Option<BundleKey> {
    match notice {
        Notice::Submitted { number, .. }
        | Notice::Receipted { number, .. }
        | Notice::Refused { number, .. }
        | Notice::Unserved { number } => Some((who.index, *number)),
        Notice::Delivered { sender, number, .. } => Some((record.client(sender)?, *number)),
        Notice::Appended { client, number, .. } => Some((record.client(client)?, *number)),
        _ => None,
    }
}

/// A notice as a line of the trace. Its first word is the event, the others are the detail.
pub fn describe(notice: &Notice) -> String {
    match notice {
        Notice::Submitted { number, recipients, .. } => format!("submits {number} to {}", recipients.len()),
        Notice::Overloaded { .. } => "is overloaded".to_owned(),
        Notice::Receipted { number, incoming, position } => {
            format!("receipt of {number} at incoming/{incoming} {position}")
        }
        Notice::Refused { number, reason } => format!("is refused {number}: {reason}"),
        Notice::Delivered { count, entry, number, .. } => {
            format!(
                "delivery {count}: sequence {} from incoming/{} {} (bundle {number})",
                entry.sequence, entry.incoming, entry.position
            )
        }
        Notice::Dropped { count, why, .. } => format!("drops delivery {count}: {why}"),
        Notice::Unusable { why } => format!("unusable delivery: {why}"),
        Notice::Acknowledged { count } => format!("acknowledges {count}"),
        Notice::Appended { position, number, .. } => format!("appends bundle {number} at {position}"),
        Notice::SawCut { epoch, .. } => format!("sees cut {epoch}"),
        Notice::Suspicious { from, why } => format!("suspects {from}: {why}"),
        Notice::Reached(point) => format!("reaches {point}"),
        Notice::Complained { number, against, charge } => {
            format!("complains of {against} ({number}): {charge}")
        }
        Notice::ComplaintAnswered { number, by, how } => {
            format!("answer of {by} to complaint {number}: {how}")
        }
        Notice::Obliged { id, target, demand, challenger } => {
            format!("posts obligation {id}: {target} owes {demand} to {challenger}")
        }
        Notice::Idle { id } => format!("rests obligation {id}"),
        Notice::Discharged { id, how } => format!("discharges obligation {id}: {how}"),
        Notice::Retired { actor } => format!("hears that {actor} lost state"),
        Notice::Suspected { id, target, demand } => {
            format!("suspects {target}: obligation {id} ({demand}) is open for too long")
        }
        Notice::Pair { one, other, why } => format!("disputed between {one} and {other}: {why}"),
        Notice::Unserved { number } => format!("unserved, nobody takes bundle {number}"),
        Notice::Caught(evidence) => format!("catches {}: {}", evidence.accused(), evidence.predicate()),
    }
}

//! The *sometimes* points that the history can see by itself: from notices, statements and crashes.
//!
//! Their names stand in [`crate::coverage::POINTS`], like those that actors reach.

use server::actor::{Draft, Issued, Notice};

use super::{Record, Submitted};
use crate::scenario::ActorName;

/// The point that a notice reaches, if it does.
pub(super) fn of_notice(notice: &Notice, who: ActorName, record: &Record) -> Option<&'static str> {
    Some(match notice {
        Notice::Obliged { demand, .. } => obligation(demand),
        Notice::Idle { .. } => "an obligation rested",
        Notice::Discharged { id, how } => match *how {
            "refused" => "what was owed was refused, with a reason",
            "void" => "an obligation became void",
            _ if record.blame.is_suspected_for(who, *id) => "a suspicion ended when the actor answered",
            _ => "what was owed was shown",
        },
        Notice::Suspected { .. } => "an actor was suspected",
        Notice::Pair { .. } => "a dispute on a link was found",
        Notice::Unserved { .. } => "a client found that nobody serves it",
        Notice::Caught(evidence) => return proven(evidence.predicate()),
        Notice::Dropped { .. } => "a client dropped a leaf that is no bundle",
        Notice::Unusable { .. } => "a client could not use a delivery",
        Notice::Suspicious { .. } => "an actor got what no honest one sends",
        Notice::Refused { .. } => "a bundle was refused",
        Notice::Retired { .. } => "a witness took off its board what a retired actor owed",
        _ => return None,
    })
}

fn obligation(demand: &str) -> &'static str {
    match demand {
        "admit" => "an incoming actor was asked in public to admit a bundle",
        "place" => "an incoming actor was asked in public where a bundle stands",
        "seal" => "an incoming actor was asked in public for a seal",
        "open" => "an incoming actor was asked in public to open a seal",
        "batch" => "an incoming actor was asked in public for a batch",
        "cut" => "the sequencer was asked in public for a cut",
        "order" => "the sequencer was asked in public to order a seal",
        "attest" => "a mailbox actor was asked in public to attest",
        "deliver" => "a mailbox actor was asked in public to deliver",
        "custody" => "a handler was asked in public what became of a bundle",
        _ => "a mailbox actor was asked in public to answer a complaint",
    }
}

fn proven(predicate: &str) -> Option<&'static str> {
    Some(match predicate {
        "equiv" => "two statements of one slot were proven",
        "chain" => "a broken chain was proven",
        "promise" => "a broken promise was proven",
        "badseal" => "a bad seal was proven",
        "badcut" => "a bad cut was proven",
        "badattestation" => "a bad attestation was proven",
        "badref" => "a false refusal was proven",
        "denial" => "a denial was proven",
        "falseacc" => "a false accusation was proven",
        _ => return None,
    })
}

/// The point that a statement reaches, if it does.
pub(super) fn of_statement(draft: &Draft) -> Option<&'static str> {
    Some(match draft {
        Draft::Seal(seal) if seal.start == seal.end => "a seal of no bundles",
        Draft::Seal(seal) if seal.end.0 - seal.start.0 > 8 => "a seal of more than eight bundles",
        Draft::Receipt(receipt) if receipt.count > 1 => "a receipt for several bundles",
        Draft::SealAck(ack) if ack.seals.len() > 1 => "one acknowledgement of several seals",
        Draft::Cosignature(cosignature) if cosignature.heads.len() > 1 => {
            "several heads under one cosignature"
        }
        Draft::Recovery(_) => "an actor admitted that it lost state",
        _ => return None,
    })
}

/// The point that a signed statement reaches, if it does.
pub(super) fn of_issued(issued: &Issued) -> Option<&'static str> {
    match issued {
        Issued::Bundle(bundle) if bundle.is_of_a_run() => Some("a client signed several bundles at once"),
        _ => None,
    }
}

/// The points that a delivery of a bundle reaches, after the crashes that were.
pub(super) fn of_delivery(bundle: &Submitted, sender: u32, record: &Record) -> Vec<&'static str> {
    use server::protocol::id::Role;
    let since =
        |role, index, ns| record.came_back.get(&ActorName::new(role, index)).is_some_and(|back| *back > ns);
    let mut points = Vec::new();
    if let Some((at_ns, incoming, _)) = bundle.receipt {
        if since(Role::Incoming, incoming, at_ns) {
            points.push("a receipt outlived a crash of its incoming actor");
        }
        if since(Role::Sequencer, 0, at_ns) {
            points.push("a receipt outlived a crash of the sequencer");
        }
        if since(Role::Client, sender, at_ns) {
            points.push("a bundle was delivered after its client had crashed");
        }
    }
    points
}

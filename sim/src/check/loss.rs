//! O7: what an honest client has a receipt for stands where the receipt says, and reaches every honest recipient,
//! unless it runs through a cheater ([`super::excuse`]).

use std::collections::BTreeSet;

use server::protocol::id::Role;

use super::Case;
use crate::{history::BundleKey, scenario::ActorName};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.crowd_lacks_nothing(true)?;
    let mut receipts = 0;
    let held = held(case);
    for ((client, number), bundle) in &case.record.submitted {
        let Some((_, incoming, position)) = bundle.receipt else { continue };
        if !case.is_honest(ActorName::new(Role::Client, *client)) {
            continue;
        }
        receipts += 1;
        if case.excuses(*client, None) {
            continue;
        }
        let stands = case.record.queues.get(&incoming).and_then(|queue| queue.get(&position));
        if stands.map(|appended| appended.bundle) != Some((*client, *number)) {
            return Err(format!(
                "client/{client} has a receipt for bundle {number} at incoming/{incoming} {position}, where it is not"
            ));
        }
        let honest = |recipient: &&u32| case.is_honest(ActorName::new(Role::Client, **recipient));
        let lacks = |recipient: &&u32| {
            !held.contains(&(**recipient, (*client, *number))) && !case.excuses(*client, Some(**recipient))
        };
        if let Some(recipient) = bundle.recipients.iter().filter(honest).find(lacks) {
            return Err(format!(
                "client/{client} has a receipt for bundle {number}, client/{recipient} has not got it"
            ));
        }
    }
    Ok(format!("{receipts} receipts"))
}

/// Which client has which bundle.
fn held(case: &Case<'_>) -> BTreeSet<(u32, BundleKey)> {
    let mailboxes = case.record.delivered.iter();
    let all = mailboxes
        .flat_map(|(client, mailbox)| mailbox.values().map(move |delivered| (*client, delivered.bundle)));
    all.filter_map(|(client, bundle)| Some((client, bundle?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use server::protocol::id::{BundleNumber, Count, Position};

    #[test]
    fn an_honest_history_loses_nothing() {
        assert_eq!(Specimen::honest().fails("no-loss"), None);
    }

    #[test]
    fn a_receipted_bundle_that_does_not_arrive_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.delivered.get_mut(&1).unwrap().remove(&Count(2));
        assert!(specimen.fails("no-loss").unwrap().contains("has not got it"));
    }

    #[test]
    fn a_receipt_for_another_place_is_found() {
        let mut specimen = Specimen::honest();
        let bundle = specimen.record.submitted.get_mut(&(0, BundleNumber(0))).unwrap();
        bundle.receipt = Some((5, 0, Position(1)));
        assert!(specimen.fails("no-loss").unwrap().contains("where it is not"));
    }
}

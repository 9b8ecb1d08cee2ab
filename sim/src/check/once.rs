//! O5: each bundle stands once in one queue, and once in each mailbox.

use std::collections::{BTreeMap, BTreeSet};

use server::protocol::id::Role;

use super::Case;
use crate::{crowd::Breach, scenario::ActorName};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.crowd_is_free_of(Breach::Twice)?;
    case.crowd_is_free_of(Breach::Miscount)?;
    let mut places = BTreeMap::new();
    for (incoming, queue) in &case.record.queues {
        if !case.is_clean(ActorName::new(Role::Incoming, *incoming)) {
            continue;
        }
        for (position, appended) in queue {
            if let Some((other, at)) = places.insert(appended.bundle, (incoming, position)) {
                let (client, number) = appended.bundle;
                return Err(format!(
                    "bundle {number} of client/{client} stands at incoming/{other} {at} and at incoming/{incoming} {position}"
                ));
            }
        }
    }
    let mut deliveries = 0;
    for client in case.honest_clients() {
        let mut seen = BTreeSet::new();
        for delivered in case.record.delivered.get(&client).into_iter().flat_map(BTreeMap::values) {
            deliveries += 1;
            let Some((sender, number)) = delivered.bundle else { continue };
            if !case.is_clean(ActorName::new(Role::Incoming, delivered.entry.incoming)) {
                continue;
            }
            if !seen.insert((sender, number)) {
                return Err(format!("client/{client} has bundle {number} of client/{sender} twice"));
            }
        }
    }
    Ok(format!("{} bundles, {deliveries} deliveries", places.len()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use server::protocol::id::{Count, Position};

    #[test]
    fn an_honest_history_has_everything_once() {
        assert_eq!(Specimen::honest().fails("exactly-once"), None);
    }

    #[test]
    fn a_bundle_twice_in_a_queue_is_found() {
        let mut specimen = Specimen::honest();
        let queue = specimen.record.queues.get_mut(&0).unwrap();
        let again = queue[&Position(0)].clone();
        queue.insert(Position(9), again);
        assert!(specimen.fails("exactly-once").unwrap().contains("stands at"));
    }

    #[test]
    fn a_bundle_twice_in_a_mailbox_is_found() {
        let mut specimen = Specimen::honest();
        let mailbox = specimen.record.delivered.get_mut(&1).unwrap();
        let again = mailbox[&Count(1)].clone();
        mailbox.insert(Count(9), again);
        assert!(specimen.fails("exactly-once").unwrap().contains("twice"));
    }
}

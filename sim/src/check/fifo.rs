//! O4: the bundles of a client stand in its order, without holes: in the queue, and in every mailbox.

use std::collections::BTreeMap;

use server::protocol::id::{BundleNumber, Role};

use super::Case;
use crate::{crowd::Breach, scenario::ActorName};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.crowd_is_free_of(Breach::Disorder)?;
    let mut senders = BTreeMap::new();
    for (incoming, queue) in &case.record.queues {
        if !case.is_clean(ActorName::new(Role::Incoming, *incoming)) {
            continue;
        }
        let mut next: BTreeMap<u32, BundleNumber> = BTreeMap::new();
        for (position, appended) in queue {
            let (client, number) = appended.bundle;
            let due = next.entry(client).or_default();
            if number != *due {
                return Err(format!(
                    "incoming/{incoming} has bundle {number} of client/{client} at {position}, {due} was next"
                ));
            }
            *due = number.next();
        }
        senders.extend(next);
    }
    for client in case.honest_clients() {
        in_mailbox(case, client)?;
    }
    Ok(format!("{} senders", senders.len()))
}

fn in_mailbox(case: &Case<'_>, client: u32) -> Result<(), String> {
    let mut last: BTreeMap<u32, BundleNumber> = BTreeMap::new();
    for (count, delivered) in case.record.delivered.get(&client).into_iter().flatten() {
        let Some((sender, number)) = delivered.bundle else { continue };
        if !case.is_clean(ActorName::new(Role::Incoming, delivered.entry.incoming)) {
            continue;
        }
        if let Some(before) = last.insert(sender, number).filter(|before| *before >= number) {
            return Err(format!(
                "client/{client} has bundle {number} of client/{sender} at count {count}, after {before}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use server::protocol::id::{BundleNumber, Count, Position};

    #[test]
    fn an_honest_history_keeps_each_senders_order() {
        assert_eq!(Specimen::honest().fails("sender-fifo"), None);
    }

    #[test]
    fn a_hole_in_a_queue_is_found() {
        let mut specimen = Specimen::honest();
        let queue = specimen.record.queues.get_mut(&0).unwrap();
        queue.get_mut(&Position(1)).unwrap().bundle.1 = BundleNumber(7);
        assert!(specimen.fails("sender-fifo").unwrap().contains("1 was next"));
    }

    #[test]
    fn an_inversion_in_a_mailbox_is_found() {
        let mut specimen = Specimen::honest();
        let mailbox = specimen.record.delivered.get_mut(&1).unwrap();
        mailbox.get_mut(&Count(1)).unwrap().bundle = Some((0, BundleNumber(1)));
        mailbox.get_mut(&Count(2)).unwrap().bundle = Some((0, BundleNumber(0)));
        assert!(specimen.fails("sender-fifo").unwrap().contains("after 1"));
    }
}

//! O1 and O2: one total order, of which every mailbox is a projection.
//!
//! The order is derived here a second time, from the cuts as the sequencer signed them and the queues as the incoming
//! actors wrote them, without the code that mailbox actors and clients use.

use std::collections::BTreeMap;

use server::protocol::id::{Epoch, Position, Role, SequenceId};

use super::Case;
use crate::{
    history::{Appended, Record},
    scenario::ActorName,
};

/// A place in the derived order: sequence id, incoming actor, position.
type Place = (SequenceId, u32, Position);

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.unless_the_sequencer_cheats(one_order(case))
}

fn one_order(case: &Case<'_>) -> Result<String, String> {
    one_cut_an_epoch(case.record)?;
    let order = derive(case)?;
    let mut projections: BTreeMap<u32, Vec<(Place, &Appended)>> = BTreeMap::new();
    for (place, appended) in &order {
        for recipient in &appended.recipients {
            projections.entry(*recipient).or_default().push((*place, appended));
        }
    }
    for client in case.honest_clients() {
        let expected = projections.remove(&client).unwrap_or_default();
        let mailbox = ActorName::new(Role::Mailbox, case.mailbox_of(client));
        match case.is_excuse(mailbox) {
            true => subsequence(case, client, &expected)?,
            false => projection(case, client, &expected)?,
        }
    }
    Ok(format!("{} bundles in {} epochs", order.len(), case.record.cuts.len()))
}

fn one_cut_an_epoch(record: &Record) -> Result<(), String> {
    for (epoch, digests) in &record.seen_cuts {
        if digests.len() > 1 {
            let who: Vec<String> = digests.values().map(ToString::to_string).collect();
            return Err(format!("cut {epoch} has {} digests, seen by {}", digests.len(), who.join(", ")));
        }
    }
    Ok(())
}

/// Every ordered bundle, in order.
fn derive<'a>(case: &Case<'a>) -> Result<Vec<(Place, &'a Appended)>, String> {
    let record = case.record;
    let mut order = Vec::new();
    let mut ends: BTreeMap<usize, u64> = BTreeMap::new();
    let mut next = 0;
    let mut expected = Epoch(1);
    for (epoch, cut) in &record.cuts {
        if *epoch != expected {
            return Err(format!("cut {expected} is missing"));
        }
        expected = expected.next();
        let actors = cut.reached.len();
        for turn in 0..actors {
            let actor = (epoch.0 as usize + turn) % actors;
            let end = cut.reached[actor].end.0;
            let start = ends.insert(actor, end).unwrap_or(0);
            if end < start {
                return Err(format!("cut {epoch} takes incoming/{actor} back from {start} to {end}"));
            }
            let queue = record.queues.get(&(actor as u32));
            for position in start..end {
                let place = (SequenceId(next), actor as u32, Position(position));
                next += 1;
                if !is_believed(case, actor as u32) || is_of_a_crowd(record, actor as u32, position) {
                    continue; // what it sealed is not what it appended, or nobody kept who gets it
                }
                let appended = queue.and_then(|queue| queue.get(&Position(position)));
                let appended = appended
                    .ok_or(format!("cut {epoch} orders incoming/{actor} {position}, never appended"))?;
                order.push((place, appended));
            }
        }
    }
    Ok(order)
}

/// Whether a bundle of a crowd stands there: of those nothing is kept but where they stand.
fn is_of_a_crowd(record: &Record, incoming: u32, position: u64) -> bool {
    record.crowd.as_ref().is_some_and(|crowd| crowd.has_at(incoming, Position(position)))
}

/// Whether the queue that an incoming actor showed is the one that it sealed.
fn is_believed(case: &Case<'_>, incoming: u32) -> bool {
    case.is_clean(ActorName::new(Role::Incoming, incoming))
}

/// What a cheating mailbox actor delivers is still in order, and in the order.
fn subsequence(case: &Case<'_>, client: u32, expected: &[(Place, &Appended)]) -> Result<(), String> {
    let Some(mailbox) = case.record.delivered.get(&client) else { return Ok(()) };
    let mut due = expected.iter();
    for (count, delivered) in mailbox.iter().filter(|(_, one)| is_believed(case, one.entry.incoming)) {
        let entry = &delivered.entry;
        let place = (entry.sequence, entry.incoming, entry.position);
        if !due.any(|(known, appended)| (*known, appended.leaf) == (place, entry.leaf)) {
            return Err(format!("client/{client} has {place:?} at count {count}, not in the order"));
        }
    }
    Ok(())
}

fn projection(case: &Case<'_>, client: u32, expected: &[(Place, &Appended)]) -> Result<(), String> {
    let Some(mailbox) = case.record.delivered.get(&client) else { return Ok(()) };
    if let Some((index, _)) = mailbox.keys().enumerate().find(|(index, count)| count.0 != *index as u64 + 1) {
        return Err(format!("client/{client} has no delivery {}", index + 1));
    }
    let believed = mailbox.iter().filter(|(_, one)| is_believed(case, one.entry.incoming));
    for (index, (count, delivered)) in believed.enumerate() {
        let entry = &delivered.entry;
        let place = (entry.sequence, entry.incoming, entry.position);
        match expected.get(index) {
            Some((due, appended)) if (*due, appended.leaf) == (place, entry.leaf) => {}
            Some((due, _)) => {
                return Err(format!(
                    "client/{client} has {place:?} at count {count}, the order says {due:?}"
                ));
            }
            None => {
                return Err(format!("client/{client} has {place:?} at count {count}, the order has no more"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{Specimen, digest};
    use crate::scenario::ActorName;
    use server::protocol::id::{Count, Epoch, Position, Role, SequenceId};

    #[test]
    fn an_honest_history_has_one_order() {
        assert_eq!(Specimen::honest().fails("one-order"), None);
    }

    #[test]
    fn two_cuts_of_one_epoch_are_found() {
        let mut specimen = Specimen::honest();
        let who = ActorName::SEQUENCER;
        specimen.record.seen_cuts.entry(Epoch(1)).or_default().insert(digest(77), who);
        assert!(specimen.fails("one-order").unwrap().contains("2 digests"));
    }

    #[test]
    fn two_swapped_deliveries_are_found() {
        let mut specimen = Specimen::honest();
        let mailbox = specimen.record.delivered.get_mut(&1).unwrap();
        let (first, second) = (mailbox[&Count(1)].clone(), mailbox[&Count(2)].clone());
        mailbox.insert(Count(1), second);
        mailbox.insert(Count(2), first);
        assert!(specimen.fails("one-order").unwrap().contains("the order says"));
    }

    #[test]
    fn a_delivery_left_out_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.delivered.get_mut(&1).unwrap().remove(&Count(1));
        assert!(specimen.fails("one-order").unwrap().contains("no delivery 1"));
    }

    #[test]
    fn a_renumbered_delivery_is_found() {
        let mut specimen = Specimen::honest();
        let mailbox = specimen.record.delivered.get_mut(&1).unwrap();
        mailbox.get_mut(&Count(2)).unwrap().entry.sequence = SequenceId(99);
        assert!(specimen.fails("one-order").is_some());
    }

    #[test]
    fn a_cut_that_goes_back_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.cuts.get_mut(&Epoch(2)).unwrap().reached[0].end = Position(0);
        assert!(specimen.fails("one-order").unwrap().contains("back from 1 to 0"));
    }

    #[test]
    fn a_cut_over_bundles_that_nobody_appended_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.cuts.get_mut(&Epoch(2)).unwrap().reached[0].end = Position(50);
        assert!(specimen.fails("one-order").unwrap().contains("never appended"));
    }

    #[test]
    fn only_the_sequencer_itself_excuses_that_there_is_no_one_order() {
        let found = |who: ActorName, attack: &str| {
            let mut specimen = Specimen::honest();
            specimen.record.cuts.get_mut(&Epoch(2)).unwrap().reached[0].end = Position(0);
            specimen.cheats(who, attack, 1);
            specimen.expose(who, 2);
            specimen.fails("one-order")
        };
        assert_eq!(found(ActorName::SEQUENCER, "regress-cut"), None);
        assert!(found(ActorName::new(Role::Mailbox, 0), "swap-deliveries").is_some());
    }
}

//! O3: mailboxes agree on the order of what they have in common, and what a client had seen before it made a bundle
//! stands before that bundle.

use std::collections::BTreeMap;

use server::protocol::id::{Role, SequenceId};

use super::Case;
use crate::{history::BundleKey, scenario::ActorName};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.unless_the_sequencer_cheats(causal(case))
}

fn causal(case: &Case<'_>) -> Result<String, String> {
    let mut places: BTreeMap<BundleKey, (SequenceId, u32)> = BTreeMap::new();
    let mut common = 0;
    for client in case.honest_clients() {
        for (bundle, sequence) in delivered(case, client) {
            let (known, other) = *places.entry(bundle).or_insert((sequence, client));
            common += u64::from(other != client);
            if known != sequence {
                let (sender, number) = bundle;
                return Err(format!(
                    "bundle {number} of client/{sender} stands at {known} for client/{other}, at {sequence} for client/{client}"
                ));
            }
        }
    }
    for client in case.honest_clients() {
        in_causal_order(case, client, &places)?;
    }
    Ok(format!("{common} deliveries of what others had too"))
}

/// What a client has, but for what a cheating incoming actor put there.
fn delivered<'a>(case: &'a Case<'_>, client: u32) -> impl Iterator<Item = (BundleKey, SequenceId)> + 'a {
    let mailbox = case.record.delivered.get(&client).into_iter().flatten();
    let clean = mailbox.filter(|(_, one)| case.is_clean(ActorName::new(Role::Incoming, one.entry.incoming)));
    clean.filter_map(|(_, one)| Some((one.bundle?, one.entry.sequence)))
}

fn in_causal_order(
    case: &Case<'_>,
    client: u32,
    places: &BTreeMap<BundleKey, (SequenceId, u32)>,
) -> Result<(), String> {
    let mut seen: Vec<(u64, SequenceId)> = Vec::new();
    for (count, one) in case.record.delivered.get(&client).into_iter().flatten() {
        if let Some(at_ns) = case.record.delivered_ns.get(&(client, *count)) {
            seen.push((*at_ns, one.entry.sequence));
        }
    }
    seen.sort_unstable();
    let own = case.record.submitted.iter().filter(|((sender, _), _)| *sender == client);
    for (key @ (_, number), bundle) in own {
        let Some((place, _)) = places.get(key) else { continue };
        let before = seen.iter().take_while(|(at_ns, _)| *at_ns < bundle.made_ns);
        if let Some((_, later)) =
            before.max_by_key(|(_, sequence)| *sequence).filter(|(_, seen)| seen > place)
        {
            return Err(format!(
                "client/{client} had {later} before it made bundle {number}, which stands at {place}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use server::protocol::id::{BundleNumber, Count, SequenceId};

    #[test]
    fn an_honest_history_is_causal() {
        assert_eq!(Specimen::honest().fails("causal"), None);
    }

    #[test]
    fn two_mailboxes_that_disagree_are_found() {
        let mut specimen = Specimen::honest();
        let mut other = specimen.record.delivered[&1][&Count(2)].clone();
        other.entry.sequence = SequenceId(9);
        specimen.record.delivered.entry(0).or_default().insert(Count(1), other);
        assert!(specimen.fails("causal").unwrap().contains("stands at"));
    }

    #[test]
    fn a_bundle_before_its_cause_is_found() {
        let mut specimen = Specimen::honest();
        let mut cause = specimen.record.delivered[&1][&Count(2)].clone();
        (cause.bundle, cause.entry.sequence) = (Some((1, BundleNumber(5))), SequenceId(7));
        specimen.record.delivered.entry(0).or_default().insert(Count(1), cause);
        specimen.record.delivered_ns.insert((0, Count(1)), 3);
        specimen.record.submitted.get_mut(&(0, BundleNumber(1))).unwrap().made_ns = 4;
        assert!(specimen.fails("causal").unwrap().contains("before it made bundle 1"));
    }
}

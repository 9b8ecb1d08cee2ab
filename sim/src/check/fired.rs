//! Every kind of fault and every attack of the scenario took place: a run that claims to survive one must have had it.
//!
//! Of several faults of a kind one must have had an effect: a drawn one may meet an actor that is already down, and an
//! optional one need not happen at all.

use std::collections::BTreeMap;

use super::Case;
use crate::scenario::DrawnAdversary;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
    let faults = case.drawn.faults.iter().filter(|fault| !fault.optional);
    faults.for_each(|fault| *wanted.entry(fault.kind.name).or_default() += 1);
    for (kind, count) in &wanted {
        let fired = case.record.faults.get(kind).copied().unwrap_or(0);
        if fired == 0 {
            return Err(format!("of {count} {kind} faults none had an effect"));
        }
    }
    let fired = |adversary: &&DrawnAdversary| {
        case.record.attacks.contains_key(&(adversary.actor, adversary.attack.name))
    };
    if let Some(idle) = case.drawn.adversaries.iter().find(|one| !fired(one) && !one.optional) {
        return Err(format!("{} never came to {}", idle.actor, idle.attack.name));
    }
    let attacks: u64 = case.record.attacks.values().map(|cheats| cheats.count).sum();
    let cheaters = case.drawn.adversaries.iter().filter(fired).count();
    let faults: u64 = case.record.faults.values().sum();
    Ok(format!("{faults} faults, {attacks} cheats by {cheaters} of {}", case.drawn.adversaries.len()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::{ATTACKS, ActorName, DrawnAdversary, DrawnFault, Given};
    use server::protocol::id::Role;

    #[test]
    fn a_history_without_faults_needs_none() {
        assert_eq!(Specimen::honest().fails("fired"), None);
    }

    #[test]
    fn a_fault_without_effect_is_found() {
        let mut specimen = Specimen::honest();
        let actor = ("actor", Given::Actor(ActorName::SEQUENCER));
        specimen.drawn.faults.push(DrawnFault::new("crash", 0, 1, [actor]));
        assert!(specimen.fails("fired").unwrap().contains("crash"));
    }

    #[test]
    fn an_attack_that_never_fired_is_found() {
        let mut specimen = Specimen::honest();
        let actor = ActorName::new(Role::Mailbox, 0);
        specimen.drawn.adversaries.push(DrawnAdversary {
            actor,
            attack: &ATTACKS[0],
            from_ns: 0,
            until_ns: None,
            every: 1,
            victim: None,
            optional: false,
        });
        assert!(specimen.fails("fired").unwrap().contains("never came to"));
    }
}

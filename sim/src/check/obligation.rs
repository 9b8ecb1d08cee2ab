//! I2, I4 and I10: obligations end; suspicion of the honest ends; withholding ends in suspicion, or in what was withheld.

use super::Case;
use crate::scenario::{Blame, Ending};

/// I2: no honest actor is suspected at the end: it was reachable since the last fault healed.
pub(super) fn cleared(case: &Case<'_>) -> Result<String, String> {
    let suspected = case.record.blame.suspected();
    if let Some((name, since)) =
        suspected.iter().find(|(name, _)| case.is_clean(**name) && !case.is_gone(**name))
    {
        return Err(format!("{name} is honest and suspected since epoch {}", since.epoch));
    }
    let cleared = case.record.blame.suspicions.values().filter(|one| one.cleared.is_some()).count();
    Ok(format!("{} suspected, {cleared} obligations discharged", suspected.len()))
}

/// I4: an omission that took place ends in suspicion of whoever is guilty, in exposure, or in a discharge.
pub(super) fn omission(case: &Case<'_>) -> Result<String, String> {
    let mut omissions = 0;
    for adversary in &case.drawn.adversaries {
        let fired = case.record.attacks.contains_key(&(adversary.actor, adversary.attack.name));
        if !fired || adversary.attack.ending != Ending::Suspected || case.drawn.expect.blame == Blame::Guilty
        {
            continue;
        }
        omissions += 1;
        let discharged = case.record.blame.of(adversary.actor).any(|one| one.cleared.is_some());
        if !case.is_blamed(adversary.actor) && !discharged {
            return Err(format!(
                "{} did {} and is neither suspected nor was it asked for what it withholds",
                adversary.actor, adversary.attack.name
            ));
        }
    }
    Ok(format!("{omissions} omissions"))
}

/// I10: every obligation ends: it is discharged, its target is suspected or exposed, or the run ended before its bound.
pub(super) fn ended(case: &Case<'_>) -> Result<String, String> {
    let (exposed, last) = (case.exposed(), case.record.epoch());
    for ((target, by, id), suspicion) in &case.record.blame.suspicions {
        let age = last.0.saturating_sub(suspicion.since.epoch.0);
        let due = age > 2 * case.drawn.topology.challenge_bound + 1;
        if suspicion.is_open() && due && !exposed.contains(target) {
            return Err(format!(
                "{by} keeps the demand {id} ({}) of {target} open for {age} epochs",
                suspicion.demand
            ));
        }
    }
    Ok(format!("{} obligations", case.record.blame.suspicions.len()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;
    use server::protocol::id::{Epoch, Role};

    fn mailbox() -> ActorName {
        ActorName::new(Role::Mailbox, 0)
    }

    #[test]
    fn an_honest_history_owes_nothing() {
        for check in ["cleared", "omission", "obligations"] {
            assert_eq!(Specimen::honest().fails(check), None);
        }
    }

    #[test]
    fn an_honest_actor_left_suspected_is_found() {
        let mut specimen = Specimen::honest();
        specimen.suspect(mailbox(), 3);
        assert!(specimen.fails("cleared").unwrap().contains("is honest and suspected"));
        specimen.clear(4);
        assert_eq!(specimen.fails("cleared"), None);
    }

    #[test]
    fn an_omission_without_consequence_is_found() {
        let mut specimen = Specimen::honest();
        specimen.cheats(mailbox(), "stop-attesting", 1);
        assert!(specimen.fails("omission").unwrap().contains("neither suspected"));
        specimen.suspect(mailbox(), 3);
        assert_eq!(specimen.fails("omission"), None);
    }

    #[test]
    fn an_obligation_that_never_ends_is_found() {
        let mut specimen = Specimen::honest();
        specimen.owe(mailbox(), 1);
        assert_eq!(specimen.fails("obligations"), None);
        let last = specimen.record.cuts[&Epoch(2)].clone();
        specimen.record.cuts.insert(Epoch(500), last);
        assert!(specimen.fails("obligations").unwrap().contains("open for 499 epochs"));
    }
}

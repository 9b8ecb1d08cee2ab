//! O11: for each epoch each honest mailbox actor has attested, or something is owed that explains why not.

use server::protocol::id::Role;

use super::Case;
use crate::scenario::ActorName;

/// How many of the last epochs may still be on their way when a run ends, besides those for which a mailbox actor waits
/// before it says in public what it lacks.
const ON_THE_WAY: u64 = 20;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let newest = case.record.epoch();
    let young = ON_THE_WAY + case.drawn.topology.challenge_bound;
    let mut attested = 0;
    for index in 0..case.drawn.topology.mailboxes {
        let name = ActorName::new(Role::Mailbox, index);
        let own = case.record.attested.get(&index);
        let mut due = case.record.cuts.keys().filter(|epoch| epoch.0 + young <= newest.0);
        let missing = due.find(|epoch| !own.is_some_and(|own| own.contains(epoch)));
        if let Some(epoch) = missing.filter(|_| case.is_clean(name) && !is_explained(case, name)) {
            return Err(format!("{name} has not attested epoch {epoch}, and nobody owes it anything"));
        }
        attested += own.map_or(0, |own| own.len());
    }
    Ok(format!("{attested} attestations"))
}

/// Whether someone upstream owes something, or is exposed: a sequencer whose cuts do not follow, or an incoming actor
/// whose batches do not come; or the actor itself still owes the attestation, and may be waiting for such a one.
fn is_explained(case: &Case<'_>, name: ActorName) -> bool {
    let upstream = |name: &ActorName| matches!(name.role, Role::Incoming | Role::Sequencer);
    let gone = case.record.dead.iter().chain(&case.record.retired);
    case.is_gone(name)
        || gone.chain(&case.exposed()).any(upstream)
        || case.record.blame.suspicions.iter().any(|((target, ..), one)| {
            let open = (upstream(target) || *target == name) && one.cleared.is_none();
            // whoever hands batches over only when it is asked in public makes its mailbox actors lag
            open || (one.demand == "batch" && case.cheated(*target))
        })
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;
    use server::protocol::id::Epoch;

    fn long() -> Specimen {
        let mut specimen = Specimen::honest();
        let cut = specimen.record.cuts[&Epoch(2)].clone();
        specimen.record.cuts.insert(Epoch(90), cut);
        specimen
    }

    #[test]
    fn attested_epochs_are_no_gap() {
        let mut specimen = long();
        specimen.record.attested.insert(0, [Epoch(1), Epoch(2)].into());
        assert_eq!(specimen.fails("emptiness"), None);
    }

    #[test]
    fn an_epoch_without_attestation_is_found() {
        let mut specimen = long();
        specimen.record.attested.insert(0, [Epoch(1)].into());
        assert!(specimen.fails("emptiness").unwrap().contains("epoch 2"));
        specimen.owe(ActorName::SEQUENCER, 3);
        assert_eq!(specimen.fails("emptiness"), None);
    }
}

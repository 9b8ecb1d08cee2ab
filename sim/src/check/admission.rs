//! An actor that lost state admits it, and signs nothing more: it does not know what it has signed before. Nobody who
//! lost nothing admits anything.

use super::Case;
use crate::scenario::{DrawnFault, fault::Family};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let record = case.record;
    let at_work = |name| !record.dead.contains(&name);
    if let Some(silent) = record.lost.iter().find(|name| !record.retired.contains(name) && at_work(**name)) {
        return Err(format!("{silent} lost state and has not admitted it"));
    }
    let hit = |name| {
        let hits = |fault: &DrawnFault| fault.kind.family == Family::State && case.hits(fault, name);
        case.drawn.faults.iter().any(hits)
    };
    if let Some(modest) = record.retired.iter().find(|name| !hit(**name)) {
        return Err(format!("{modest} admits that it lost state, and has not"));
    }
    let mut signed = record.signed_after_loss.iter();
    if let Some((name, what)) = signed.find(|(name, _)| case.is_clean(*name)) {
        return Err(format!("{name} signs {what} after it lost state"));
    }
    Ok(format!("{} lost state", record.retired.len()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::{ActorName, DrawnFault, Given};

    #[test]
    fn whoever_lost_state_must_say_so() {
        let mut specimen = Specimen::honest();
        let wipe = DrawnFault::new("wipe", 0, 1, [("actor", Given::Actor(ActorName::SEQUENCER))]).optional();
        specimen.drawn.faults.push(wipe);
        specimen.record.lost.insert(ActorName::SEQUENCER);
        assert!(specimen.fails("admission").unwrap().contains("has not admitted"));
        specimen.record.retired.insert(ActorName::SEQUENCER);
        assert_eq!(specimen.fails("admission"), None);
    }

    #[test]
    fn whoever_lost_state_signs_nothing_else() {
        let mut specimen = Specimen::honest();
        specimen.record.signed_after_loss.push((ActorName::SEQUENCER, "cut 7".to_owned()));
        assert!(specimen.fails("admission").unwrap().contains("signs cut 7"));
    }

    #[test]
    fn whoever_lost_nothing_must_not() {
        let mut specimen = Specimen::honest();
        specimen.record.retired.insert(ActorName::SEQUENCER);
        assert!(specimen.fails("admission").unwrap().contains("and has not"));
    }
}

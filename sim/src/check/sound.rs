//! What has no number: no honest node stops by itself, no account of a thing contradicts another, and where all are
//! honest, nothing that anyone gets is suspicious or unusable.

use server::protocol::id::Role;

use super::Case;
use crate::scenario::{ActorName, DrawnFault};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    if let Some((name, why)) = case.record.stopped.iter().find(|(name, _)| case.is_clean(*name)) {
        return Err(format!("stopped: {name}: {why}"));
    }
    // what a client is told by cheaters may contradict itself
    let believes = |name: ActorName| name.role != Role::Client || case.record.attacks.is_empty();
    let mut contradictions = case.record.contradictions.iter();
    if let Some((_, why)) = contradictions.find(|(name, _)| case.is_clean(*name) && believes(*name)) {
        return Err(why.clone());
    }
    // bytes that were altered on their way, and what is signed twice after a restore, are suspicious indeed
    let odd = |fault: &DrawnFault| matches!(fault.kind.name, "corrupt" | "restore");
    let all_honest = case.drawn.adversaries.is_empty() && !case.drawn.faults.iter().any(odd);
    match case.record.complaints.first() {
        Some(complaint) if all_honest => Err(complaint.clone()),
        _ => Ok(format!("{} inputs in {} steps", case.record.inputs, case.record.steps)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;

    #[test]
    fn an_honest_history_is_sound() {
        assert_eq!(Specimen::honest().fails("sound"), None);
    }

    #[test]
    fn a_stopped_node_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.stopped.push((ActorName::SEQUENCER, "disk".to_owned()));
        assert!(specimen.fails("sound").unwrap().contains("disk"));
    }

    #[test]
    fn a_contradiction_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.contradictions.push((ActorName::SEQUENCER, "two things".to_owned()));
        assert!(specimen.fails("sound").is_some());
    }

    #[test]
    fn a_complaint_among_honest_actors_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.complaints.push("client/1: odd".to_owned());
        assert!(specimen.fails("sound").is_some());
    }
}

//! O10: a slot of an honest actor holds one digest, over all its restarts.

use super::Case;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    for ((who, kind, slot), digests) in &case.record.slots {
        if case.is_honest(*who) && digests.len() > 1 {
            return Err(format!("{who} promised {} digests for {} {slot}", digests.len(), kind.name()));
        }
    }
    Ok(format!("{} slots", case.record.slots.len()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{Specimen, digest};
    use crate::scenario::ActorName;
    use server::protocol::statement::Kind;

    #[test]
    fn an_honest_history_has_one_digest_a_slot() {
        assert_eq!(Specimen::honest().fails("one-digest"), None);
    }

    #[test]
    fn a_second_digest_is_found() {
        let mut specimen = Specimen::honest();
        let slot = (ActorName::SEQUENCER, Kind::Cut, 1);
        specimen.record.slots.entry(slot).or_default().extend([digest(1), digest(2)]);
        assert!(specimen.fails("one-digest").unwrap().contains("2 digests for cut 1"));
    }
}

//! O10: a slot of an honest actor holds one digest, over all its restarts; and an honest witness cosigns one digest for
//! every slot of a log, whatever it is shown.

use super::Case;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    for ((who, kind, slot), digests) in &case.record.slots {
        if case.is_honest(*who) && digests.count() > 1 {
            return Err(format!("{who} promised {} digests for {} {slot}", digests.count(), kind.name()));
        }
    }
    for ((who, kind, actor, slot), digests) in &case.record.heads {
        if case.is_honest(*who) && digests.count() > 1 {
            let of = format!("{} {slot} of {actor}", kind.name());
            return Err(format!("{who} cosigned {} digests for {of}", digests.count()));
        }
    }
    let (slots, heads) = (case.record.slots.len(), case.record.heads.len());
    Ok(format!("{slots} slots, {heads} cosigned heads"))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{Specimen, digest};
    use crate::scenario::ActorName;
    use server::protocol::{
        id::{ActorId, Role},
        statement::Kind,
    };

    #[test]
    fn an_honest_history_has_one_digest_a_slot() {
        assert_eq!(Specimen::honest().fails("one-digest"), None);
    }

    #[test]
    fn a_second_digest_is_found() {
        let mut specimen = Specimen::honest();
        let slot = (ActorName::SEQUENCER, Kind::Cut, 1);
        let digests = specimen.record.slots.entry(slot).or_default();
        assert!([1, 2].map(digest).into_iter().all(|digest| digests.insert(digest)));
        assert!(specimen.fails("one-digest").unwrap().contains("2 digests for cut 1"));
    }

    #[test]
    fn a_log_cosigned_with_two_heads_is_found() {
        let mut specimen = Specimen::honest();
        let witness = ActorName::new(Role::Witness, 0);
        let log = (witness, Kind::Cut, ActorId::SEQUENCER, 1);
        specimen.record.heads.entry(log).or_default().insert(digest(1));
        assert_eq!(specimen.fails("one-digest"), None);
        specimen.record.heads.entry(log).or_default().insert(digest(2));
        assert!(specimen.fails("one-digest").unwrap().contains("cosigned 2 digests for cut 1"));
    }
}

//! I5, I8 and I9: evidence names its signers only, contains what they signed, and is sound where an honest actor
//! produced it.

use server::protocol::judge::Verdict;

use super::Case;

/// I5: only cheaters are exposed: whoever handled what they forged or forked is not.
pub(super) fn signers(case: &Case<'_>) -> Result<String, String> {
    match case.exposed().into_iter().find(|name| !case.cheated(*name)) {
        Some(name) => Err(format!("{name} is exposed and did not cheat")),
        None => Ok(format!("{} exposed", case.exposed().len())),
    }
}

/// I8: every exposure stands on a statement that the exposed actor signed.
pub(super) fn own_statement(case: &Case<'_>) -> Result<String, String> {
    let exposures = case.judged.iter().filter(|judged| matches!(judged.verdict, Verdict::Exposed { .. }));
    for judged in exposures.clone() {
        let evidence = &case.record.caught[judged.evidence].evidence;
        let Verdict::Exposed { actor, .. } = judged.verdict else { continue };
        if !evidence.statements().iter().any(|statement| statement.actor == actor) {
            return Err(format!("evidence {} holds nothing that {actor} signed", judged.evidence));
        }
    }
    Ok(format!("{} exposures", exposures.count()))
}

/// I9: what an honest actor produces as evidence proves what it says.
pub(super) fn sound(case: &Case<'_>) -> Result<String, String> {
    for judged in case.judged {
        let caught = &case.record.caught[judged.evidence];
        if case.is_honest(caught.by) && matches!(judged.verdict, Verdict::NotProven(_)) {
            return Err(format!(
                "{} produced evidence ({}) that is {}",
                caught.by,
                caught.evidence.predicate(),
                judged.text
            ));
        }
    }
    Ok(format!("{} pieces of evidence", case.judged.len()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;
    use server::protocol::{id::Role, judge::Verdict};

    #[test]
    fn an_exposed_actor_that_did_not_cheat_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(ActorName::SEQUENCER, 1);
        assert!(specimen.fails("only-signers").unwrap().contains("did not cheat"));
        specimen.cheats(ActorName::SEQUENCER, "fork-cut", 1);
        assert_eq!(specimen.fails("only-signers"), None);
    }

    #[test]
    fn an_exposure_without_a_statement_of_the_exposed_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(ActorName::SEQUENCER, 1);
        assert_eq!(specimen.fails("own-statement"), None);
        let Verdict::Exposed { actor, .. } = &mut specimen.judged[0].verdict else { panic!() };
        *actor = server::protocol::id::ActorId::Server(Role::Mailbox, 0);
        assert!(specimen.fails("own-statement").unwrap().contains("holds nothing"));
    }

    #[test]
    fn evidence_of_an_honest_actor_that_proves_nothing_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(ActorName::SEQUENCER, 1);
        specimen.judged[0].verdict = Verdict::NotProven("no".to_owned());
        assert!(specimen.fails("sound-evidence").unwrap().contains("client/0 produced"));
        specimen.cheats(ActorName::new(Role::Client, 0), "fork-bundle", 1);
        assert_eq!(specimen.fails("sound-evidence"), None);
    }
}

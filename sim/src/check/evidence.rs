//! I5, I7, I8 and I9: evidence names its signers only, contains what they signed, holds nothing superfluous, and is
//! sound where an honest actor produced it.

use std::collections::BTreeMap;

use server::protocol::{
    evidence::Evidence,
    judge::{Verdict, judge},
    statement::Trust,
};

use super::Case;

/// Pieces of evidence tried per run.
const TRIED_MAX: usize = 5;

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

/// I7: no list of the evidence holds an element without which it would prove the same.
pub(super) fn minimal(case: &Case<'_>) -> Result<String, String> {
    let Some(trust) = &case.trust else { return Ok("nobody to judge".to_owned()) };
    let exposures = case.judged.iter().filter(|judged| judged.exposed.is_some());
    // one of each predicate first: what a run repeats is alike
    let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
    for judged in exposures {
        chosen.entry(case.record.caught[judged.evidence].evidence.predicate()).or_insert(judged.evidence);
    }
    let mut tried = 0;
    for index in chosen.into_values().take(TRIED_MAX) {
        let evidence = &case.record.caught[index].evidence;
        for (what, smaller) in without(evidence) {
            tried += 1;
            if proves(&smaller, trust) {
                return Err(format!(
                    "evidence {index} ({}) proves the same without {what}",
                    evidence.predicate()
                ));
            }
        }
    }
    Ok(format!("{tried} pieces left out"))
}

fn proves(evidence: &Evidence, trust: &Trust) -> bool {
    matches!(judge(evidence, trust), Verdict::Exposed { .. })
}

/// The evidence less each one of its parts that a list or an option holds.
fn without(evidence: &Evidence) -> Vec<(String, Evidence)> {
    let mut all = Vec::new();
    if let Evidence::BadAttestation(bad) = evidence {
        for index in 0..bad.derivation.seals.len() {
            let mut smaller = bad.clone();
            smaller.derivation.seals.remove(index);
            all.push((format!("seal {index}"), smaller.into()));
        }
        if bad.derivation.previous.is_some() {
            let mut smaller = bad.clone();
            smaller.derivation.previous = None;
            all.push(("the attestation before".to_owned(), smaller.into()));
        }
        if bad.derivation.before.is_some() {
            let mut smaller = bad.clone();
            smaller.derivation.before = None;
            all.push(("the cut before".to_owned(), smaller.into()));
        }
    }
    all
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

    #[test]
    fn no_evidence_is_minimal() {
        assert_eq!(Specimen::honest().fails("minimal"), None);
    }
}

//! I6: evidence convinces a stranger: written to a file and read back, with the roster alone and a fresh verifier, it
//! ends in the same verdict.

use std::{collections::BTreeMap, sync::Arc};

use server::protocol::{crypto::Ed25519, evidence::Evidence, judge::judge, statement::Trust};

use super::Case;
use crate::{history::Caught, scenario::Crypto};

/// Evidence tried at most of each predicate: what a run repeats a hundred times convinces a stranger alike.
const TRIED_MAX: usize = 10;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    if case.drawn.topology.crypto == Crypto::Modelled {
        return Ok("modelled signatures convince nobody outside the run".to_owned());
    }
    let Some(roster) = &case.roster else { return Ok("no roster, no evidence".to_owned()) };
    let stranger = Trust::new(roster.clone(), Arc::new(Ed25519));
    let (mut of_predicate, mut tried) = (BTreeMap::new(), 0);
    for judged in case.judged {
        let Caught { evidence, roster, .. } = &case.record.caught[judged.evidence];
        let count: &mut usize = of_predicate.entry(evidence.predicate()).or_default();
        *count += 1;
        if *count > TRIED_MAX {
            continue;
        }
        tried += 1;
        let file = evidence.to_json(stranger.deployment);
        let read = Evidence::from_json(&file, stranger.deployment)
            .map_err(|error| format!("evidence {} cannot be read back: {error}", judged.evidence))?;
        if judge(&read, &stranger.as_of(*roster)) != judged.verdict {
            return Err(format!(
                "evidence {}: a stranger finds otherwise than {}",
                judged.evidence, judged.text
            ));
        }
    }
    Ok(format!("{tried} pieces of evidence"))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;

    #[test]
    fn a_verdict_that_a_stranger_does_not_reach_is_found() {
        let mut specimen = Specimen::honest();
        // the specimen's evidence proves nothing, so claiming that it exposes someone must not transfer
        specimen.expose(ActorName::SEQUENCER, 1);
        assert!(specimen.fails("transfer").unwrap().contains("a stranger finds otherwise"));
    }

    #[test]
    fn no_evidence_needs_no_stranger() {
        assert_eq!(Specimen::honest().fails("transfer"), None);
    }
}

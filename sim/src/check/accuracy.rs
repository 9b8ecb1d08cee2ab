//! I1: no honest actor is exposed, by any evidence that anyone produced.

use server::protocol::judge::Verdict;

use super::Case;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let unknown = |judged: &&super::Judged| {
        judged.exposed.is_none() && matches!(judged.verdict, Verdict::Exposed { .. })
    };
    if let Some(judged) = case.judged.iter().find(unknown) {
        return Err(format!("someone who takes no part is exposed: {}", judged.text));
    }
    let victim = |judged: &super::Judged| judged.exposed.filter(|name| case.is_honest(*name));
    match case.judged.iter().find_map(|judged| Some((victim(judged)?, &judged.text))) {
        Some((victim, text)) => Err(format!("{victim} is honest and {text}")),
        None => Ok(format!("{} verdicts", case.judged.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;

    #[test]
    fn an_honest_history_exposes_nobody() {
        assert_eq!(Specimen::honest().fails("accuracy"), None);
    }

    #[test]
    fn an_exposed_stranger_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(ActorName::SEQUENCER, 1);
        specimen.judged[0].exposed = None;
        assert!(specimen.fails("accuracy").unwrap().contains("takes no part"));
    }

    #[test]
    fn an_exposed_honest_actor_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(ActorName::SEQUENCER, 1);
        assert!(specimen.fails("accuracy").unwrap().contains("sequencer is honest"));
    }
}

//! I3: exactly those are exposed whom the scenario names, each within so many epochs of its first cheat.

use server::protocol::id::Epoch;

use super::Case;
use crate::scenario::ActorName;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let exposed = case.exposed();
    let expect = &case.drawn.expect;
    if let Some(unexpected) = exposed.iter().find(|name| !expect.exposed.contains(name)) {
        return Err(format!("{unexpected} is exposed, which the scenario does not expect"));
    }
    let mut slowest = 0;
    for name in &expect.exposed {
        let caught = first_caught(case, *name).ok_or(format!("{name} is not exposed"))?;
        let cheated = first_cheat(case, *name).unwrap_or(caught);
        let epochs = caught.0.saturating_sub(cheated.0);
        if epochs > expect.within_epochs {
            return Err(format!("{name} is exposed {epochs} epochs after it cheated"));
        }
        slowest = slowest.max(epochs);
    }
    Ok(format!("{} exposed, {slowest} epochs after the cheat at most", expect.exposed.len()))
}

fn first_caught(case: &Case<'_>, name: ActorName) -> Option<Epoch> {
    let verdicts = case.judged.iter().filter(|judged| judged.exposed == Some(name));
    verdicts.map(|judged| case.record.caught[judged.evidence].epoch).min()
}

fn first_cheat(case: &Case<'_>, name: ActorName) -> Option<Epoch> {
    let attacks = case.record.attacks.iter().filter(|((who, _), _)| *who == name);
    attacks.map(|(_, (epoch, _))| *epoch).min()
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;
    use server::protocol::id::{Epoch, Role};

    fn cheater() -> ActorName {
        ActorName::new(Role::Mailbox, 0)
    }

    #[test]
    fn a_cheater_exposed_in_time_is_as_expected() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.exposed = vec![cheater()];
        specimen.record.attacks.insert((cheater(), "swap-deliveries"), (Epoch(1), 1));
        specimen.expose(cheater(), 2);
        assert_eq!(specimen.fails("expected"), None);
    }

    #[test]
    fn a_cheater_not_exposed_is_found() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.exposed = vec![cheater()];
        assert!(specimen.fails("expected").unwrap().contains("not exposed"));
    }

    #[test]
    fn a_cheater_exposed_late_is_found() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.exposed = vec![cheater()];
        specimen.record.attacks.insert((cheater(), "swap-deliveries"), (Epoch(1), 1));
        specimen.expose(cheater(), 50);
        assert!(specimen.fails("expected").unwrap().contains("49 epochs"));
    }

    #[test]
    fn an_unexpected_exposure_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(cheater(), 2);
        assert!(specimen.fails("expected").unwrap().contains("does not expect"));
    }
}

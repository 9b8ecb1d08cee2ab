//! I3: exactly those are exposed, suspected at the end, of a pair or unserved whom the scenario names, each within so
//! many epochs of its first cheat. Counted only where the cheat took place.

use std::collections::BTreeSet;

use server::protocol::id::Epoch;

use super::Case;
use crate::{
    history::Cheats,
    scenario::{ActorName, Blame, DrawnAdversary, DrawnExpect},
};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let expect = &case.drawn.expect;
    let fired = case.drawn.adversaries.iter().filter(|adversary| case.cheated(adversary.actor)).count();
    let of = format!("{fired} of {} cheaters cheated", case.drawn.adversaries.len());
    not_before_the_cheat(case)?;
    if expect.blame == Blame::Guilty {
        guilty(case)?;
        return Ok(format!("{}; {of}", counted(&case.exposed().into_iter().collect::<Vec<_>>(), "exposed")));
    }
    let suspected = case.record.blame.suspected();
    only("exposed", case.exposed(), &expect.exposed)?;
    // of who is gone nothing can be expected, and of who is exposed suspicion says nothing new
    let exposed = case.exposed();
    let present = |name: &ActorName| !case.is_gone(*name) && !exposed.contains(name);
    only("suspected at the end", suspected.keys().copied().filter(present).collect(), &expect.suspected)?;
    only_pairs(case, expect)?;
    let served = |client: &ActorName| !case.excuses(client.index, None);
    let unserved = case.record.blame.unserved.keys().copied().filter(served).collect();
    // where links and machines fail, a client may well be unserved for a while
    if case.drawn.faults.is_empty() {
        only("unserved", unserved, &expect.unserved)?;
    }
    let mut slowest = 0;
    for name in expect.exposed.iter().filter(|name| case.is_due(**name)) {
        let caught = first_caught(case, *name).ok_or(format!("{name} is not exposed"))?;
        slowest = slowest.max(in_time(case, *name, "exposed", caught)?);
    }
    for name in expect.suspected.iter().filter(|name| case.is_due(**name)) {
        let since = suspected.get(name).ok_or(format!("{name} is not suspected at the end"))?;
        slowest = slowest.max(in_time(case, *name, "suspected", since.epoch)?);
    }
    for pair @ [one, two] in expect.pairs.iter().filter(|pair| pair.iter().all(|name| case.is_due(*name))) {
        let Some(since) = case.record.blame.pairs.get(pair) else {
            if case.is_cut_short(pair) {
                continue;
            }
            return Err(format!("{one} and {two} are no pair"));
        };
        slowest = slowest.max(in_time(case, *one, "of a pair", since.epoch)?);
        slowest = slowest.max(in_time(case, *two, "of a pair", since.epoch)?);
    }
    let due = |client: &&ActorName| case.is_due(**client);
    for client in expect.unserved.iter().filter(due) {
        case.record.blame.unserved.get(client).ok_or(format!("{client} does not find itself unserved"))?;
    }
    let counts = [counted(&expect.exposed, "exposed"), counted(&expect.suspected, "suspected")].join(", ");
    Ok(format!("{counts}, {slowest} epochs after the cheat at most; {of}"))
}

fn counted(names: &[ActorName], how: &str) -> String {
    format!("{} {how}", names.len())
}

/// Whoever is exposed had cheated by then: later it would be guilty, and was convicted when it was honest.
fn not_before_the_cheat(case: &Case<'_>) -> Result<(), String> {
    for name in case.exposed() {
        if let (Some(caught), Some(cheated)) = (first_caught(case, name), first_cheat(case, name))
            && caught < cheated
        {
            return Err(format!("{name} is exposed in epoch {caught}, and cheats from {cheated} on"));
        }
    }
    Ok(())
}

/// Whoever is blamed was told to cheat, and did.
fn guilty(case: &Case<'_>) -> Result<(), String> {
    let suspected = case.record.blame.suspected().into_keys().filter(|name| !case.is_gone(*name));
    match case.exposed().into_iter().chain(suspected).find(|name| !case.cheated(*name)) {
        Some(innocent) => Err(format!("{innocent} is blamed and has not cheated")),
        None => Ok(()),
    }
}

fn only(how: &str, found: BTreeSet<ActorName>, expected: &[ActorName]) -> Result<(), String> {
    match found.into_iter().find(|name| !expected.contains(name)) {
        Some(unexpected) => Err(format!("{unexpected} is {how}, which the scenario does not expect")),
        None => Ok(()),
    }
}

/// A pair of which one is exposed or suspected anyway says nothing new; and where links and machines fail, a dispute on
/// a link need be nobody's fault.
fn only_pairs(case: &Case<'_>, expect: &DrawnExpect) -> Result<(), String> {
    let known = |pair: &[ActorName; 2]| {
        expect.pairs.contains(pair)
            || pair.iter().any(|name| expect.exposed.contains(name) || expect.suspected.contains(name))
    };
    let faultless = case.drawn.faults.is_empty();
    match case.record.blame.pairs.keys().find(|pair| faultless && !known(pair)) {
        Some([one, two]) => Err(format!("{one} and {two} are a pair, which the scenario does not expect")),
        None => Ok(()),
    }
}

fn in_time(case: &Case<'_>, name: ActorName, how: &str, at: Epoch) -> Result<u64, String> {
    let cheated = first_cheat(case, name).unwrap_or(at);
    // it may have been suspected before, when its machine stood still
    let epochs = at.0.saturating_sub(cheated.0);
    match epochs > case.drawn.expect.within_epochs {
        true => Err(format!("{name} is {how} {epochs} epochs after it cheated")),
        false => Ok(epochs),
    }
}

impl Case<'_> {
    /// Whether a verdict about an actor must come: not if it, or whoever makes it a victim, found no occasion to cheat.
    fn is_due(&self, name: ActorName) -> bool {
        let concerns =
            |adversary: &&DrawnAdversary| adversary.actor == name || adversary.victim == Some(name);
        let mut own = self.drawn.adversaries.iter().filter(concerns).peekable();
        own.peek().is_none() || own.any(|adversary| !adversary.optional || self.cheated(adversary.actor))
    }
}

impl Case<'_> {
    /// Whether a fault struck one of a pair while their dispute was still to come: a client whose handler crashes goes to
    /// another one, and has nothing left to complain of.
    fn is_cut_short(&self, pair: &[ActorName; 2]) -> bool {
        let cheats = pair.iter().filter_map(|name| first_cheat(self, *name));
        let Some(cheat) = cheats.min() else { return false };
        let epoch_ns = self.drawn.topology.epoch_ns;
        let until_ns = (cheat.0 + self.drawn.expect.within_epochs).saturating_mul(epoch_ns);
        let mut meanwhile = self
            .drawn
            .faults
            .iter()
            .filter(|fault| fault.at_ns < until_ns && fault.end_ns() > cheat.0 * epoch_ns);
        meanwhile.any(|fault| pair.iter().any(|name| fault.strikes(*name)))
    }
}

/// The epoch of the first evidence that exposes an actor.
pub fn first_caught(case: &Case<'_>, name: ActorName) -> Option<Epoch> {
    let verdicts = case.judged.iter().filter(|judged| judged.exposed == Some(name));
    verdicts.map(|judged| case.record.caught[judged.evidence].epoch).min()
}

/// When that was found.
pub fn first_caught_ns(case: &Case<'_>, name: ActorName) -> Option<u64> {
    let verdicts = case.judged.iter().filter(|judged| judged.exposed == Some(name));
    verdicts.map(|judged| case.record.caught[judged.evidence].at_ns).min()
}

/// The epoch of the first cheat of an actor, or of one in the same process.
pub fn first_cheat(case: &Case<'_>, name: ActorName) -> Option<Epoch> {
    cheats(case, name).map(|cheats| cheats.epoch).min()
}

/// When that was.
pub fn first_cheat_ns(case: &Case<'_>, name: ActorName) -> Option<u64> {
    cheats(case, name).map(|cheats| cheats.at_ns).min()
}

fn cheats<'a>(case: &'a Case<'_>, name: ActorName) -> impl Iterator<Item = &'a Cheats> {
    case.record.attacks.iter().filter(move |((who, _), _)| case.are_one(*who, name)).map(|(_, cheats)| cheats)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::{ActorName, Blame, DrawnFault, Given};
    use server::protocol::id::Role;

    fn cheater() -> ActorName {
        ActorName::new(Role::Mailbox, 0)
    }

    fn expecting_exposure() -> Specimen {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.exposed = vec![cheater()];
        specimen.cheats(cheater(), "swap-deliveries", 1);
        specimen
    }

    fn expecting_suspicion() -> Specimen {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.suspected = vec![cheater()];
        specimen.cheats(cheater(), "stop-attesting", 1);
        specimen
    }

    #[test]
    fn a_cheater_exposed_in_time_is_as_expected() {
        let mut specimen = expecting_exposure();
        specimen.expose(cheater(), 2);
        assert_eq!(specimen.fails("expected"), None);
    }

    #[test]
    fn a_cheater_that_was_convicted_before_it_cheated_is_found() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.exposed = vec![cheater()];
        specimen.cheats(cheater(), "swap-deliveries", 9);
        specimen.expose(cheater(), 2);
        assert!(specimen.fails("expected").unwrap().contains("cheats from 9 on"));
    }

    #[test]
    fn a_cheater_not_exposed_is_found() {
        assert!(expecting_exposure().fails("expected").unwrap().contains("not exposed"));
    }

    #[test]
    fn a_cheater_exposed_late_is_found() {
        let mut specimen = expecting_exposure();
        specimen.expose(cheater(), 50);
        assert!(specimen.fails("expected").unwrap().contains("49 epochs"));
    }

    #[test]
    fn an_unexpected_exposure_is_found() {
        let mut specimen = Specimen::honest();
        specimen.expose(cheater(), 2);
        assert!(specimen.fails("expected").unwrap().contains("does not expect"));
    }

    #[test]
    fn suspicion_must_come_in_time_and_stay() {
        assert!(expecting_suspicion().fails("expected").unwrap().contains("not suspected at the end"));
        let mut specimen = expecting_suspicion();
        specimen.suspect(cheater(), 5);
        assert_eq!(specimen.fails("expected"), None);
        specimen.clear(6);
        assert!(specimen.fails("expected").unwrap().contains("not suspected at the end"));
        let mut specimen = expecting_suspicion();
        specimen.suspect(cheater(), 50);
        assert!(specimen.fails("expected").unwrap().contains("49 epochs"));
    }

    #[test]
    fn unexpected_suspicion_pairs_and_unserved_clients_are_found() {
        let mut specimen = Specimen::honest();
        specimen.suspect(cheater(), 5);
        assert!(specimen.fails("expected").unwrap().contains("suspected at the end, which"));
        let mut specimen = Specimen::honest();
        specimen.pair(cheater(), ActorName::SEQUENCER);
        assert!(specimen.fails("expected").unwrap().contains("are a pair, which"));
        let mut specimen = Specimen::honest();
        specimen.unserved(ActorName::new(Role::Client, 1));
        assert!(specimen.fails("expected").unwrap().contains("unserved, which"));
    }

    #[test]
    fn missing_pairs_and_unserved_clients_are_found() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.pairs = vec![[ActorName::SEQUENCER, cheater()]];
        assert!(specimen.fails("expected").unwrap().contains("are no pair"));
        specimen.pair(cheater(), ActorName::SEQUENCER);
        assert_eq!(specimen.fails("expected"), None);
        specimen.drawn.expect.unserved = vec![ActorName::new(Role::Client, 1)];
        assert!(specimen.fails("expected").unwrap().contains("find itself unserved"));
    }

    #[test]
    fn a_pair_is_not_due_if_a_fault_struck_one_of_it_meanwhile_and_no_other() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.pairs = vec![[ActorName::SEQUENCER, cheater()]];
        specimen.cheats(cheater(), "swap-deliveries", 1);
        let epoch_ns = specimen.drawn.topology.epoch_ns;
        let late = (specimen.drawn.expect.within_epochs + 2) * epoch_ns;
        let other = ActorName::new(Role::Client, 1);
        for (at_ns, who, due) in
            [(epoch_ns, other, true), (late, cheater(), true), (epoch_ns, cheater(), false)]
        {
            specimen.drawn.faults =
                vec![DrawnFault::new("crash", at_ns, epoch_ns, [("actor", Given::Actor(who))])];
            assert_eq!(specimen.fails("expected").is_some(), due, "{who} at {at_ns}");
        }
    }

    #[test]
    fn a_swarm_may_blame_cheaters_and_nobody_else() {
        let mut specimen = Specimen::honest();
        specimen.drawn.expect.blame = Blame::Guilty;
        specimen.expose(cheater(), 2);
        assert!(specimen.fails("expected").unwrap().contains("has not cheated"));
        specimen.cheats(cheater(), "swap-deliveries", 1);
        assert_eq!(specimen.fails("expected"), None);
    }
}

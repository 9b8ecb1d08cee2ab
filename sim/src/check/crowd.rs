//! What the checks demand of a crowd: its account has checked while it was made ([`crate::crowd::account`]).
//!
//! A crowd has no history, so its part of a check is what the account found, and what is unfinished at the end. It is excused
//! as a whole: who cheated, or is gone for good, may have been anywhere on the way of a bundle.

use super::Case;
use crate::crowd::Breach;

impl Case<'_> {
    /// Fails with the first thing of a kind that a crowd found wrong, if nobody cheats.
    pub(super) fn crowd_is_free_of(&self, breach: Breach) -> Result<(), String> {
        let found = self.record.crowd.as_ref().and_then(|account| account.first(breach));
        match found.filter(|_| self.record.attacks.is_empty()) {
            Some(why) => Err(why.clone()),
            None => Ok(()),
        }
    }

    /// Fails if a crowd lacks receipts, or what it has receipts for has not come everywhere.
    pub(super) fn crowd_lacks_nothing(&self, receipted: bool) -> Result<(), String> {
        let record = self.record;
        let excused = !(record.attacks.is_empty() && record.dead.is_empty() && record.retired.is_empty());
        match record.crowd.as_ref().and_then(|account| account.first_unfinished(receipted)) {
            Some(why) if !excused => Err(why),
            _ => Ok(()),
        }
    }

    /// How many clients there are, those of a crowd among them.
    pub(super) fn clients(&self) -> u64 {
        u64::from(self.drawn.topology.clients) + u64::from(self.drawn.topology.crowd)
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::{crowd::Account, scenario::ActorName};
    use server::protocol::id::{Position, Role};

    /// A crowd of two besides: the first has sent bundles 0 and 1 to the second, the receipt of the second is missing.
    fn specimen(fill: impl Fn(&mut Account)) -> Specimen {
        let mut account = Account::default();
        (0..2).for_each(|number| account.sent(0, number, 1, 7, &[1]));
        fill(&mut account);
        let mut specimen = Specimen::honest();
        specimen.record.crowd = Some(Box::new(account));
        specimen
    }

    fn sound(account: &mut Account) {
        for number in 0..2 {
            account.receipted(0, number, 2);
            account.delivered(1, (0, number), 7, true, 3);
        }
    }

    #[test]
    fn a_crowd_that_got_all_breaks_nothing() {
        let specimen = specimen(sound);
        for check in ["exactly-once", "sender-fifo", "no-invention", "no-loss", "catch-up"] {
            assert_eq!(specimen.fails(check), None);
        }
    }

    #[test]
    fn each_breach_is_found_by_its_check() {
        let twice = specimen(|account| {
            sound(account);
            account.delivered(1, (0, 1), 7, true, 4);
        });
        assert!(twice.fails("exactly-once").unwrap().contains("crowd/1"));
        let disorder = specimen(|account| {
            account.delivered(1, (0, 1), 7, true, 4);
        });
        assert!(disorder.fails("sender-fifo").unwrap().contains("0 has not come"));
        let invention = specimen(|account| {
            account.delivered(1, (0, 0), 8, true, 4);
        });
        assert!(invention.fails("no-invention").unwrap().contains("another payload"));
        let lost = specimen(|account| {
            account.receipted(0, 0, 2);
        });
        assert!(lost.fails("no-loss").unwrap().contains("has not got it"));
        assert!(lost.fails("catch-up").unwrap().contains("no receipt"));
    }

    #[test]
    fn a_crowd_is_excused_when_someone_cheated() {
        let mut lost = specimen(|account| {
            account.receipted(0, 0, 2);
        });
        lost.cheats(ActorName::new(Role::Mailbox, 0), "withhold-delivery", 1);
        assert_eq!(lost.fails("no-loss"), None);
    }

    #[test]
    fn the_places_of_a_crowd_are_no_holes_in_the_order() {
        let mut specimen = specimen(sound);
        specimen.record.queues.get_mut(&0).unwrap().remove(&Position(1));
        specimen.record.delivered.get_mut(&1).unwrap().pop_last();
        assert!(specimen.fails("one-order").unwrap().contains("never appended"));
        specimen.record.crowd.as_mut().unwrap().stands(0, Position(1));
        assert_eq!(specimen.fails("one-order"), None);
    }
}

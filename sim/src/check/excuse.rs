//! Excuses: what may go wrong because of an actor that really cheated and was called to account for it.
//!
//! A bundle is excused if it runs through such an actor: its sender, the sender's handler and incoming actor, the
//! sequencer, the mailbox actor of the recipient, the recipient. The same goes for an actor that is gone for good, dead
//! or retired. One thing more is excused: a mailbox actor owes
//! nothing as long as it lacks a batch that a cut cites (rule R10), so whoever withholds sealed batches from it holds
//! up the bundles of others, too. Nothing else is.

use server::protocol::{id::Role, roster::Roster};

use super::Case;
use crate::scenario::{ActorName, Blame};

/// Epochs by which a mailbox actor may be behind.
const STANDS_STILL: u64 = 20;

impl Case<'_> {
    /// Whether an actor, or one in the same process, has cheated, or was put back to what it was before.
    pub fn cheated(&self, name: ActorName) -> bool {
        self.record.attacks.keys().any(|(who, _)| self.are_one(*who, name))
    }

    /// Whether everything that an actor did was honest.
    pub fn is_clean(&self, name: ActorName) -> bool {
        self.is_honest(name) || !self.cheated(name)
    }

    /// Whether an actor has cheated and was called to account. A client whose cheat is one that nobody is blamed for has only
    /// itself to thank for what becomes of its own bundles; a server whose cheat is harmless must do no harm.
    pub fn is_excuse(&self, name: ActorName) -> bool {
        let blameless = || {
            let mut own = self.drawn.adversaries.iter().filter(|adversary| adversary.actor == name);
            name.role == Role::Client && own.all(|adversary| !adversary.attack.ending.blames())
        };
        self.cheated(name)
            && (self.drawn.expect.blame == Blame::Guilty || self.is_blamed(name) || blameless())
    }

    /// What was found of the one order. That there is none is excused if the sequencer itself has cheated, and not another part
    /// of the same server.
    pub fn unless_the_sequencer_cheats(&self, found: Result<String, String>) -> Result<String, String> {
        let itself = self.record.attacks.keys().any(|(who, _)| *who == ActorName::SEQUENCER);
        match found {
            Err(why) if itself && self.is_excuse(ActorName::SEQUENCER) => {
                Ok(format!("the sequencer cheats: {why}"))
            }
            found => found,
        }
    }

    /// Whether an actor, or one in the same process, was ever exposed, suspected or of a pair.
    pub fn is_blamed(&self, name: ActorName) -> bool {
        self.exposed().into_iter().chain(self.record.blame.ever()).any(|blamed| self.are_one(blamed, name))
    }

    /// Whether a bundle of this sender to this recipient, or to nobody yet, may be stuck.
    pub fn excuses(&self, sender: u32, recipient: Option<u32>) -> bool {
        let record = self.record;
        if record.attacks.is_empty() && record.dead.is_empty() && record.retired.is_empty() {
            return false;
        }
        let handler = sender % self.drawn.topology.handlers;
        let mut path = vec![
            ActorName::new(Role::Client, sender),
            ActorName::new(Role::Handler, handler),
            ActorName::new(Role::Incoming, self.incoming_of(sender)),
            ActorName::SEQUENCER,
        ];
        if let Some(recipient) = recipient {
            path.push(ActorName::new(Role::Client, recipient));
            path.push(ActorName::new(Role::Mailbox, self.mailbox_of(recipient)));
            path.extend(self.withholders());
            path.extend(self.missed_by(self.mailbox_of(recipient)));
        }
        path.into_iter().any(|name| self.is_excuse(name) || self.is_gone(name))
    }

    /// Whoever cheated or was put back and of whom a mailbox actor has demanded a batch in public: what waits for it is
    /// excused.
    fn withholders(&self) -> impl Iterator<Item = ActorName> {
        let demanded = |name: &ActorName| self.record.blame.of(*name).any(|one| one.demand == "batch");
        self.record.attacks.keys().map(|(who, _)| *who).filter(move |name| demanded(name))
    }

    /// Incoming actors that are gone for good, if a mailbox actor stands still for want of a batch of theirs.
    fn missed_by(&self, mailbox: u32) -> impl Iterator<Item = ActorName> {
        let attested = self.record.attested.get(&mailbox).and_then(|own| own.last());
        let stands = attested.map_or(0, |epoch| epoch.0) + STANDS_STILL < self.record.epoch().0;
        let gone = self.record.dead.iter().chain(&self.record.retired).copied();
        gone.filter(move |name| stands && name.role == Role::Incoming)
    }

    /// The incoming actor that serves a client.
    pub fn incoming_of(&self, client: u32) -> u32 {
        self.routed(client, Roster::incoming_of)
    }

    /// The mailbox actor that keeps a client's mailbox.
    pub fn mailbox_of(&self, client: u32) -> u32 {
        self.routed(client, Roster::mailbox_of)
    }

    fn routed(&self, client: u32, route: fn(&Roster, &server::protocol::id::ClientId) -> u32) -> u32 {
        let id = self.record.client_id(client);
        self.roster.as_ref().zip(id).map_or(0, |(roster, id)| route(roster, &id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use crate::scenario::ActorName;
    use server::protocol::id::{Count, Role};

    fn incoming() -> ActorName {
        ActorName::new(Role::Incoming, 0)
    }

    fn stuck() -> Specimen {
        let mut specimen = Specimen::honest();
        specimen.record.delivered.get_mut(&1).unwrap().remove(&Count(2));
        specimen
    }

    #[test]
    fn a_cheater_that_nobody_blames_excuses_nothing() {
        let mut specimen = stuck();
        specimen.cheats(incoming(), "withhold-batch", 1);
        assert!(specimen.fails("no-loss").is_some());
    }

    #[test]
    fn a_suspected_cheater_excuses_what_runs_through_it() {
        let mut specimen = stuck();
        specimen.cheats(incoming(), "withhold-batch", 1);
        specimen.suspect(incoming(), 9);
        assert_eq!(specimen.fails("no-loss"), None);
    }

    #[test]
    fn a_cheater_that_never_cheated_excuses_nothing() {
        let mut specimen = stuck();
        specimen.cheats(incoming(), "withhold-batch", 1);
        specimen.suspect(incoming(), 9);
        specimen.record.attacks.clear();
        assert!(specimen.fails("no-loss").is_some());
    }

    #[test]
    fn a_cheater_elsewhere_excuses_nothing() {
        let mut specimen = stuck();
        let elsewhere = ActorName::new(Role::Handler, 7);
        specimen.cheats(elsewhere, "drop-bundles", 1);
        specimen.suspect(elsewhere, 9);
        assert!(specimen.fails("no-loss").is_some());
    }

    #[test]
    fn a_server_whose_cheat_is_harmless_excuses_nothing_and_such_a_client_its_own_bundles() {
        let handler = ActorName::new(Role::Handler, 0);
        let mut specimen = stuck();
        specimen.cheats(handler, "reorder-bundles", 1);
        assert!(specimen.fails("no-loss").is_some());
        let sender = ActorName::new(Role::Client, 0);
        let mut specimen = stuck();
        specimen.cheats(sender, "poison-ciphertext", 1);
        assert_eq!(specimen.fails("no-loss"), None);
    }
}

//! The docket: what an actor demands of others on the board, and what it answers there itself.
//!
//! Challenges and responses are statements like any other: promised, durable, signed, then sent. What goes with them
//! waits here until they come back signed. After a crash an actor demands again what it still lacks.
//!
//! # Invariants
//! - One demand is made once while its actor lives; it is posted again to a witness that comes back.

use std::collections::BTreeMap;

use super::{Issued, Notice, Step, numbers::Numbers};
use crate::protocol::{
    board::{Answered, Attachment, Exhibit, Posting},
    challenge::{Answer, Challenge, Demand, Response},
    evidence::Evidence,
    id::{ActorId, Role},
    judge::judge,
    message::Message,
    roster::Roster,
    statement::{Citation, Kind, Signed, Terms, Trust},
};

/// The challenges and responses of an actor.
pub struct Docket {
    me: ActorId,
    terms: Terms,
    challenges: Numbers,
    responses: Numbers,
    /// Demands that are made, with what was posted once it is signed.
    demands: BTreeMap<Vec<u8>, (u64, Option<Posting>)>,
    attachments: BTreeMap<u64, Attachment>,
    exhibits: BTreeMap<u64, (ActorId, Exhibit)>,
}

/// The witnesses of a roster.
pub fn witnesses(roster: &Roster) -> impl Iterator<Item = ActorId> + use<> {
    (0..roster.witnesses()).map(|index| ActorId::Server(Role::Witness, index))
}

/// Makes evidence known, if it proves what it says: whoever accuses has judged first.
pub fn accuse(evidence: impl Into<Evidence>, trust: &Trust, step: &mut Step) -> bool {
    let evidence = evidence.into();
    if judge(&evidence, trust).exposed().is_none() {
        return false;
    }
    for witness in witnesses(&trust.roster) {
        step.send(witness, Message::Exposed(Box::new(evidence.clone())));
    }
    step.notice(Notice::Caught(Box::new(evidence)));
    true
}

impl Docket {
    /// Empty.
    pub fn new(me: ActorId, terms: Terms) -> Self {
        Docket {
            me,
            terms,
            challenges: Numbers::default(),
            responses: Numbers::default(),
            demands: BTreeMap::new(),
            attachments: BTreeMap::new(),
            exhibits: BTreeMap::new(),
        }
    }

    /// Puts back the count of what was signed.
    pub fn recover(&mut self, issued: &Issued) {
        match issued {
            Issued::Challenge(challenge) => self.challenges.recover(challenge.number),
            Issued::Response(response) => self.responses.recover(response.number),
            _ => {}
        }
    }

    /// Whether this demand is made.
    pub fn demands(&self, target: ActorId, demand: &Demand) -> bool {
        self.demands.contains_key(&demand.key(target))
    }

    /// The challenge of a demand, once it is signed.
    pub fn challenge_of(&self, target: ActorId, demand: &Demand) -> Option<Citation> {
        let (_, posting) = self.demands.get(&demand.key(target))?;
        Some(posting.as_ref()?.challenge.cite())
    }

    /// Makes a demand, unless it is made already.
    pub fn demand(&mut self, target: ActorId, demand: Demand, attachment: Attachment, step: &mut Step) {
        if self.demands(target, &demand) {
            return;
        }
        let number = self.challenges.take(Kind::Challenge, step);
        self.demands.insert(demand.key(target), (number, None));
        self.attachments.insert(number, attachment);
        step.promise(Challenge { challenger: self.me, number, terms: self.terms, target, demand });
    }

    /// What was demanded is there.
    pub fn satisfied(&mut self, target: ActorId, demand: &Demand) {
        self.demands.remove(&demand.key(target));
    }

    /// Gives up the demands that are not worth making any more.
    pub fn retain(&mut self, mut keep: impl FnMut(&Challenge) -> bool, trust: &Trust) {
        self.demands.retain(|_, (_, posting)| {
            let challenge = posting.as_ref().and_then(|posting| posting.challenge.clone().verify(trust).ok());
            challenge.is_none_or(|challenge| keep(&challenge))
        });
    }

    /// Answers a challenge that a witness has relayed.
    pub fn answer(&mut self, witness: ActorId, challenge: Citation, exhibit: Exhibit, step: &mut Step) {
        let answer = Answer::Shown(exhibit.digest());
        self.respond(witness, challenge, answer, exhibit, step);
    }

    /// Says that it waits for another, whom it has challenged.
    pub fn blocked(&mut self, witness: ActorId, challenge: Citation, on: Citation, step: &mut Step) {
        self.respond(witness, challenge, Answer::Blocked(on), Exhibit::Nothing, step);
    }

    fn respond(
        &mut self,
        witness: ActorId,
        challenge: Citation,
        answer: Answer,
        exhibit: Exhibit,
        step: &mut Step,
    ) {
        let number = self.responses.take(Kind::Response, step);
        self.exhibits.insert(number, (witness, exhibit));
        step.promise(Response { target: self.me, number, terms: self.terms, challenge, answer });
    }

    /// A statement of the docket is durable and signed: it goes out.
    pub fn release(&mut self, issued: &Issued, roster: &Roster, step: &mut Step) {
        match issued {
            Issued::Challenge(challenge) => {
                self.challenges.signed(challenge.number);
                self.post(challenge, roster, step);
            }
            Issued::Response(response) => {
                self.responses.signed(response.number);
                let Some((witness, exhibit)) = self.exhibits.remove(&response.number) else { return };
                let answered = Answered { response: response.to_unverified(), exhibit };
                step.send(witness, Message::Answered(Box::new(answered)));
            }
            _ => {}
        }
    }

    fn post(&mut self, challenge: &Signed<Challenge>, roster: &Roster, step: &mut Step) {
        let Some(attachment) = self.attachments.remove(&challenge.number) else { return };
        let posting = Posting { challenge: challenge.to_unverified(), attachment };
        for witness in witnesses(roster) {
            step.send(witness, Message::Posted(Box::new(posting.clone())));
        }
        let demand = self.demands.get_mut(&challenge.demand.key(challenge.target));
        if let Some((_, posted)) = demand.filter(|(number, _)| *number == challenge.number) {
            *posted = Some(posting);
        }
    }

    /// A witness is there: it is told what is still open.
    pub fn connected(&self, witness: ActorId, step: &mut Step) {
        for (_, posting) in self.demands.values() {
            if let Some(posting) = posting {
                step.send(witness, Message::Posted(Box::new(posting.clone())));
            }
        }
    }
}

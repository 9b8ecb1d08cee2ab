//! The request handler: takes the requests of clients to the incoming actor that serves them, and the answers back.
//!
//! Usually it signs nothing and keeps nothing: what it cannot hand on it answers with *retry later*, so that a client
//! never waits for a bundle that nobody has. Where the deployment wants it ([`Custody::Taken`]), it stores what it takes,
//! signs a handler receipt for it, and is answerable until it can show what the incoming actor said.
//!
//! # Invariants
//! - A submission is forwarded unchanged, or answered.
//! - What it has signed for it has stored, with the bundle, and keeps until the incoming actor has answered.
//! - It signs for nothing to which an honest incoming actor might never answer.

mod custody;

use std::collections::BTreeSet;

use super::{
    Actor, Input, Issued, RecoverError, Recovered, Setup, Step,
    docket::{Docket, witnesses},
    step::Notice,
};
use crate::{
    port::Time,
    protocol::{
        board::{Attachment, Exhibit, Posting},
        bundle::Submission,
        challenge::Demand,
        id::{ActorId, BundleNumber, ClientId, Role},
        message::Message,
        obligation::is_founded,
        statement::Unverified,
    },
};

use custody::Keeping;
pub use custody::{KEPT, Name};

/// When to try again if the incoming actor cannot be reached.
const RETRY_MS: u32 = 20;

/// Whether a request handler signs for what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Custody {
    /// It signs nothing and keeps nothing.
    #[default]
    NotTaken,
    /// It keeps each submission until there is an answer, and gives its client a handler receipt.
    Taken,
}

/// The request handler.
pub struct Handler {
    index: u32,
    setup: Setup,
    custody: Custody,
    connected: BTreeSet<ActorId>,
    /// What it has signed for: something, after a crash, even if it takes no more.
    keeping: Keeping,
    docket: Docket,
    /// Submissions to check and sign for in this step.
    arrived: Vec<Submission>,
}

impl Handler {
    /// Handler `index` of the roster, which takes nothing into its custody.
    pub fn new(index: u32, setup: Setup) -> Self {
        let me = ActorId::Server(Role::Handler, index);
        Handler {
            index,
            custody: Custody::NotTaken,
            connected: BTreeSet::new(),
            keeping: Keeping::new(index, setup.clone()),
            docket: Docket::new(me, setup.terms_of(me)),
            arrived: Vec::new(),
            setup,
        }
    }

    /// Handler `index` with what it had stored. What it has signed for it keeps, whatever it is told to do now.
    pub fn recover(
        index: u32,
        setup: Setup,
        custody: Custody,
        recovered: Recovered,
    ) -> Result<Self, RecoverError> {
        let mut handler = Handler { custody, ..Handler::new(index, setup) };
        for (key, value) in &recovered.rows {
            if let Some((&KEPT, slot)) = key.split_first() {
                handler.keeping.recover(slot, value).map_err(RecoverError::of("submission"))?;
            }
        }
        for issued in recovered.statements {
            handler.docket.recover(&issued);
            if let Issued::HandlerReceipt(receipt) = issued {
                handler.keeping.recover_receipt(receipt);
            }
        }
        Ok(handler)
    }

    fn submit(&mut self, from: ActorId, submission: Submission, step: &mut Step) {
        let ActorId::Client(client) = submission.bundle.claimed_actor() else { return };
        if self.keeping.has(&submission) {
            return self.keeping.asked_again(from, &submission, &self.connected, step);
        }
        let incoming = ActorId::Server(Role::Incoming, self.setup.trust.roster.incoming_of(&client));
        if !self.connected.contains(&incoming) || (self.custody == Custody::Taken && self.keeping.is_full()) {
            let number = BundleNumber(submission.bundle.claimed_slot());
            return step.send(from, Message::RetryLater { client, number, after_ms: RETRY_MS });
        }
        match self.custody {
            Custody::NotTaken => step.send(incoming, Message::Submit(submission)),
            Custody::Taken => self.arrived.push(submission),
        }
    }

    /// Takes into custody what is signed and whole. An incoming actor says nothing to what is not, so that is handed on
    /// and not signed for.
    fn take(&mut self, step: &mut Step) {
        if self.arrived.is_empty() {
            return;
        }
        let arrived = std::mem::take(&mut self.arrived);
        let bundles = || arrived.iter().map(|submission| &submission.bundle);
        step.work.verified_batched += Unverified::signatures(bundles());
        let bundles = bundles().cloned().collect();
        let verified = Unverified::verify_all(bundles, &self.setup.trust);
        for (submission, bundle) in arrived.into_iter().zip(verified) {
            let Some(client) = submission.bundle.claimed_actor().client() else { continue };
            let incoming = self.setup.trust.roster.incoming_of(&client);
            step.work.hashed_bytes += submission.content.bytes();
            if bundle.is_ok() && submission.is_whole() && !self.keeping.has(&submission) {
                self.keeping.take(client, submission.clone(), step);
            }
            step.send(ActorId::Server(Role::Incoming, incoming), Message::Submit(submission));
        }
    }

    fn answer(&self, client: ClientId, message: Message, step: &mut Step) {
        // a client that is not connected will ask again
        if self.connected.contains(&ActorId::Client(client)) {
            step.send(ActorId::Client(client), message);
        }
    }

    /// An incoming actor has said what becomes of a bundle. If that came over the board, where this handler had asked,
    /// something does not pass between the two.
    fn settled(
        &mut self,
        from: ActorId,
        bundle: (ClientId, BundleNumber),
        exhibit: Exhibit,
        step: &mut Step,
    ) {
        let receipted = matches!(exhibit, Exhibit::Receipted(_));
        for incoming in self.keeping.settled(bundle, &exhibit, &mut self.docket, step) {
            if receipted && from.role() == Role::Witness {
                step.notice(Notice::Pair { one: self.me(), other: incoming, why: "a bundle in custody" });
            }
        }
    }

    /// A witness relays a challenge. Whatever was given up can be taken up again with what comes with it.
    fn challenged(&mut self, witness: ActorId, posting: Posting, step: &mut Step) {
        step.work.verified += 1;
        let Ok(challenge) = posting.challenge.verify(&self.setup.trust) else { return };
        let owed =
            challenge.target == self.me() && is_founded(&challenge, &posting.attachment, &self.setup.trust);
        if let (true, Demand::Custody(_), Attachment::Entrusted(entrusted)) =
            (owed, challenge.demand.clone(), posting.attachment)
        {
            self.keeping.challenged((witness, challenge.cite()), *entrusted, &mut self.docket, step);
        }
    }

    fn shown(&mut self, from: ActorId, exhibit: Exhibit, step: &mut Step) {
        let bundle = match &exhibit {
            _ if self.keeping.is_empty() => return,
            Exhibit::Receipted(receipted) => (receipted.client, receipted.number),
            Exhibit::Twin(twin) => (twin.receipted.client, twin.receipted.number),
            Exhibit::Refused(refusal) => (refusal.claimed().client, refusal.claimed().number),
            _ => return,
        };
        self.settled(from, bundle, exhibit, step);
    }
}

impl Actor for Handler {
    fn me(&self) -> ActorId {
        ActorId::Server(Role::Handler, self.index)
    }

    fn dials(&self) -> Vec<ActorId> {
        let roster = &self.setup.trust.roster;
        let incoming = (0..roster.incoming()).map(|j| ActorId::Server(Role::Incoming, j));
        // who has never signed for anything has nothing to say on the board
        let answerable = self.custody == Custody::Taken || self.keeping.has_signed();
        incoming.chain(witnesses(roster).filter(|_| answerable)).collect()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) => {
                self.connected.insert(peer);
                match peer.role() {
                    Role::Incoming => self.keeping.hand_on_to(peer, step),
                    Role::Witness => self.docket.connected(peer, step),
                    _ => {}
                }
            }
            Input::Disconnected(peer) => {
                self.connected.remove(&peer);
            }
            Input::Message(from, Message::Submit(submission)) => self.submit(from, submission, step),
            Input::Message(from, Message::Receipted(receipted)) => {
                self.answer(receipted.client, Message::Receipted(receipted.clone()), step);
                self.shown(from, Exhibit::Receipted(receipted), step);
            }
            Input::Message(_, Message::Placed(placement)) => {
                self.answer(placement.client, Message::Placed(placement), step);
            }
            Input::Message(ActorId::Client(_), Message::Unplaced(receipted)) => {
                let incoming = receipted.receipt.claimed_actor();
                if incoming.role() == Role::Incoming && self.connected.contains(&incoming) {
                    step.send(incoming, Message::Unplaced(receipted));
                }
            }
            Input::Message(from, Message::Refused(refusal, client)) => {
                self.answer(client, Message::Refused(refusal.clone(), client), step);
                self.shown(from, Exhibit::Refused(refusal), step);
            }
            Input::Message(from, Message::Posted(posting)) if from.role() == Role::Witness => {
                self.challenged(from, *posting, step);
            }
            Input::Message(from, Message::Answered(answered)) if from.role() == Role::Witness => {
                self.shown(from, answered.exhibit, step);
            }
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        self.take(step);
        self.keeping.pursue(&self.connected, &mut self.docket, step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.docket.release(&issued, &self.setup.trust.roster, step);
        if let Issued::HandlerReceipt(receipt) = issued {
            self.keeping.signed(receipt, &self.connected, step);
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.keeping.deadline()
    }
}

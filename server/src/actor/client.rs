//! The client: signs bundles, checks all that it is given, keeps what it needs to prove, and catches cheats.
//!
//! It submits through a request handler until it holds a receipt, and reads its mailbox from the mailbox actor. Every
//! delivery comes with the statements it follows from; the client derives it anew and, if the mailbox actor
//! attested something else, holds the evidence in its hands.
//!
//! # Invariants
//! - A bundle is durable before it is sent, and is submitted with the same bytes until there is a receipt.
//! - The application gets the deliveries in the derived order, each once, only after they are durable.
//! - The next derivation starts from what the mailbox actor attested, right or wrong: one lie is one offence.

mod grievances;
mod inbox;
mod pending;
mod placing;
mod submissions;

use super::{
    Actor, Input, Issued, RecoverError, Recovered, Setup, Step,
    docket::{Docket, accuse, witnesses},
    step::{Notice, row},
};
use std::collections::{BTreeSet, VecDeque};

use crate::{
    port::Time,
    protocol::{
        batch::Placement,
        board::{Attachment, Exhibit},
        challenge::Demand,
        codec::{Decode, Encode},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, ClientId, Epoch, Role},
        message::{Delivery, Message},
        receipt::Receipted,
        refusal::Refusal,
        statement::{Citation, Unverified},
    },
};

use grievances::Grievances;
use inbox::{Inbox, Taken};
use submissions::Submissions;

/// Rows: number → content of a bundle without receipt.
const CONTENT: u8 = 1;
/// Rows: number → receipt.
const RECEIPT: u8 = 2;
/// Row: the mailbox as held.
pub const HELD: u8 = 3;
/// Rows: count → delivery that the application may not have seen.
pub const FRESH: u8 = 4;
/// Row: the citation of the last cut seen.
const SEEN: u8 = 5;
/// Rows: digest → evidence.
const EVIDENCE: u8 = 6;

/// Receipts that are shown again to witnesses that come back: a handler fails a client seldom.
const ASKED_FOR_MAX: usize = 16;

/// A client.
pub struct Client {
    id: ClientId,
    setup: Setup,
    /// The handler that it submits through, and the one that it turns to when that one fails it.
    handler: u32,
    other_handler: u32,
    /// Its handler was there and is gone.
    bereft: bool,
    connected: BTreeSet<ActorId>,
    submissions: Submissions,
    inbox: Inbox,
    grievances: Grievances,
    docket: Docket,
    seen: Option<Citation>,
    notices: Vec<Notice>,
    /// The last receipts that a handler was asked for in public: a witness that comes back may still wait for them.
    asked_for: VecDeque<Receipted>,
}

impl Client {
    /// The client with this id and salting secret, with what it had stored. It submits through handler `handler`.
    pub fn recover(
        id: ClientId,
        salting: Digest,
        handler: u32,
        setup: Setup,
        recovered: Recovered,
    ) -> Result<Self, RecoverError> {
        let other_handler = (handler + 1) % setup.trust.roster.handlers();
        let mut client = Client {
            id,
            handler,
            other_handler,
            bereft: false,
            connected: BTreeSet::new(),
            submissions: Submissions::new(id, salting, setup.clone()),
            inbox: Inbox::new(id, setup.trust.clone()),
            grievances: Grievances::new(ActorId::Client(id), setup.clone()),
            docket: Docket::new(ActorId::Client(id), setup.terms_of(ActorId::Client(id))),
            seen: None,
            notices: Vec::new(),
            asked_for: VecDeque::new(),
            setup,
        };
        for issued in recovered.statements {
            client.docket.recover(&issued);
            client.grievances.recover(&issued);
            match issued {
                Issued::Bundle(bundle) => client.submissions.recover_bundle(bundle),
                Issued::Ack(ack) => client.inbox.recover_ack(&ack),
                _ => {}
            }
        }
        for (key, value) in &recovered.rows {
            let (table, key) = key.split_first().unwrap_or((&0, &[]));
            client.recover_row(*table, key, value)?;
        }
        client.notices.extend(client.submissions.resume());
        Ok(client)
    }

    /// The same client, which keeps what it is sent until its application has been told, not the digest alone.
    #[must_use]
    pub fn keeping_contents(mut self) -> Self {
        self.inbox.keep();
        self
    }

    fn recover_row(&mut self, table: u8, key: &[u8], value: &[u8]) -> Result<(), RecoverError> {
        match table {
            CONTENT => self.submissions.recover_content(key, value).map_err(RecoverError::of("content"))?,
            RECEIPT => {
                let notice =
                    self.submissions.recover_receipt(key, value).map_err(RecoverError::of("receipt"))?;
                self.notices.push(notice);
            }
            HELD => self.inbox.recover_held(value).map_err(RecoverError::of("mailbox"))?,
            FRESH => {
                self.notices.push(self.inbox.recover_fresh(key, value).map_err(RecoverError::of("delivery"))?)
            }
            EVIDENCE => {
                let evidence = Evidence::from_bytes(value).map_err(RecoverError::of("evidence"))?;
                self.notices.push(Notice::Caught(Box::new(evidence)));
            }
            SEEN => {
                self.seen = Some(Citation::from_bytes(value).map_err(RecoverError::of("citation of a cut"))?)
            }
            _ => {}
        }
        Ok(())
    }

    fn handler(&self) -> ActorId {
        ActorId::Server(Role::Handler, self.handler)
    }

    fn mailbox(&self) -> ActorId {
        ActorId::Server(Role::Mailbox, self.setup.trust.roster.mailbox_of(&self.id))
    }

    fn see(&mut self, cut: Option<Citation>, step: &mut Step) {
        let Some(cut) = cut.filter(|cut| self.seen.as_ref().is_none_or(|seen| seen.slot < cut.slot)) else {
            return;
        };
        step.notice(Notice::SawCut { epoch: Epoch(cut.slot), digest: cut.digest });
        step.put(row(SEEN, &[]), cut.to_bytes());
        self.seen = Some(cut);
    }

    fn receipted(&mut self, receipted: Receipted, step: &mut Step) {
        let came = self.submissions.receipted(receipted, step);
        for placement in self.submissions.shown_early() {
            self.placed(&placement, step);
        }
        if came.by_the_board || came.asked_for.is_some() {
            self.submissions.satisfied(&mut self.docket);
        }
        if let Some(receipted) = came.asked_for {
            // whichever way it came: nobody need be suspected any more for not showing it
            for witness in witnesses(&self.setup.trust.roster) {
                step.send(witness, Message::Receipted(receipted.clone()));
            }
            self.asked_for.push_back(receipted);
            self.asked_for.drain(..self.asked_for.len().saturating_sub(ASKED_FOR_MAX));
        }
        if came.by_the_board {
            // between this client and its handler something did not pass; or behind the handler, if that has signed for it
            let incoming = self.setup.trust.roster.incoming_of(&self.id);
            let (one, other) = match came.custodian {
                Some(handler) => (handler, ActorId::Server(Role::Incoming, incoming)),
                None => (self.me(), self.handler()),
            };
            step.notice(Notice::Pair { one, other, why: "a bundle" });
            self.turn_away(step);
        }
    }

    /// The other handler is tried, if there is one and it is there.
    fn turn_away(&mut self, step: &mut Step) {
        let other = ActorId::Server(Role::Handler, self.other_handler);
        if other != self.handler() && self.connected.contains(&other) {
            self.submissions.disconnected(self.handler());
            std::mem::swap(&mut self.handler, &mut self.other_handler);
            self.bereft = false;
            step.notice(Notice::Reached("a client went to another handler"));
            self.submissions.connected(other, step);
        }
    }

    fn refused(&mut self, from: ActorId, refusal: Unverified<Refusal>, step: &mut Step) {
        if let Some(proof) = self.submissions.refused(from, refusal, step) {
            self.grievances.prove(&proof, self.inbox.acks(), step);
        }
    }

    fn placed(&mut self, placement: &Placement, step: &mut Step) {
        for proof in self.submissions.placed(placement, &mut self.docket, step) {
            self.grievances.prove(&proof, self.inbox.acks(), step);
        }
    }

    fn delivered(&mut self, delivery: Delivery, step: &mut Step) {
        let demand = self.silence();
        let Taken { cut, proof, lacking, astray } = self.inbox.take(delivery, step);
        if astray && self.inbox.may_tell_again(step.now, self.setup.timing.retry_ns) {
            step.send(self.mailbox(), self.inbox.read());
        }
        if let Some(proof) = proof {
            self.grievances.prove(&proof, self.inbox.acks(), step);
        }
        if let Some(upto) = lacking {
            self.grievances.miss(self.mailbox(), upto, self.inbox.acks(), step);
        }
        if cut.is_some() {
            self.docket.satisfied(self.mailbox(), &demand);
        }
        self.see(cut, step);
    }

    /// What the mailbox actor owes a client that hears nothing: the mailbox, as of a later epoch than it holds.
    fn silence(&self) -> Demand {
        Demand::Deliver { client: self.id, held: self.inbox.count(), epoch: self.inbox.epoch().next() }
    }

    fn silent_until(&self) -> Option<Time> {
        let quiet = !self.docket.demands(self.mailbox(), &self.silence());
        let wait = self.setup.challenge_ns().saturating_add(self.setup.timing.heartbeat_ns);
        self.inbox.heard_at().filter(|_| quiet).map(|heard| heard.after(wait))
    }

    /// Makes public what is owed and does not come.
    fn demand(&mut self, step: &mut Step) {
        self.submissions.demand(&mut self.docket, step);
        let mailbox = self.mailbox();
        self.grievances.demand(mailbox, &mut self.docket, step);
        self.inbox.heard(step.now);
        if self.silent_until().is_some_and(|due| due <= step.now) {
            let start = self.inbox.start().cloned();
            let attachment = start.map_or(Attachment::None, |start| Attachment::Start(Box::new(start)));
            step.notice(Notice::Reached("a client challenged its mailbox actor to deliver"));
            self.docket.demand(mailbox, self.silence(), attachment, step);
        }
    }

    /// A witness hands on what was shown to it.
    fn shown(&mut self, exhibit: Exhibit, step: &mut Step) {
        match exhibit {
            Exhibit::Receipted(receipted) => self.receipted(receipted, step),
            Exhibit::Refused(refusal) => self.refused(self.handler(), refusal, step),
            Exhibit::Placement(placement) => self.placed(&placement, step),
            Exhibit::Delivery(delivery) => self.delivered(delivery, step),
            Exhibit::Resumption(resumption) => {
                let (demand, before) = (self.silence(), self.inbox.epoch());
                self.inbox.resume(resumption.start, step);
                if self.inbox.epoch() > before {
                    self.docket.satisfied(self.mailbox(), &demand);
                }
                resumption.delivery.into_iter().for_each(|delivery| self.delivered(delivery, step));
            }
            Exhibit::Admission(admission) => {
                self.grievances.admitted(admission, &mut self.docket, step);
            }
            Exhibit::Defence(defended) => self.grievances.defended(defended, &mut self.docket, step),
            _ => {}
        }
    }
}

impl Actor for Client {
    fn me(&self) -> ActorId {
        ActorId::Client(self.id)
    }

    fn dials(&self) -> Vec<ActorId> {
        let mut dials = vec![self.handler(), self.mailbox()];
        if self.other_handler != self.handler {
            dials.push(ActorId::Server(Role::Handler, self.other_handler));
        }
        dials.extend(witnesses(&self.setup.trust.roster));
        dials
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) => self.meet(peer, step),
            Input::Disconnected(peer) => {
                self.connected.remove(&peer);
                self.submissions.disconnected(peer);
                if peer == self.handler() {
                    self.bereft = true;
                    self.turn_away(step);
                }
            }
            Input::Send(draught) => self.submissions.draw_up(draught, self.seen.clone(), step),
            Input::Complain(evidence) => {
                // whoever accuses has judged first
                if accuse((*evidence).clone(), &self.setup.trust, step) {
                    self.grievances.prove_as_asked(&evidence, self.inbox.acks(), step);
                }
            }
            Input::Message(from, message) => self.read(from, message, step),
            Input::Wake => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        step.notices.append(&mut self.notices);
        self.submissions.retry(step);
        self.submissions.tidy(step);
        self.demand(step);
        self.inbox.acknowledge(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.docket.release(&issued, &self.setup.trust.roster, step);
        self.grievances.release(&issued, self.mailbox(), step);
        match issued {
            Issued::Bundle(bundle) => self.submissions.signed(bundle, step),
            Issued::Ack(ack) => {
                step.notice(Notice::Acknowledged { count: ack.count });
                step.send(self.mailbox(), Message::Acknowledged(ack.to_unverified()));
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        if !self.notices.is_empty() {
            return Some(Time(0));
        }
        let own = [
            self.submissions.deadline(),
            self.grievances.due(self.mailbox(), &self.docket),
            self.silent_until(),
        ];
        own.into_iter().flatten().min()
    }
}

impl Client {
    fn meet(&mut self, peer: ActorId, step: &mut Step) {
        self.connected.insert(peer);
        if peer == self.mailbox() {
            step.send(peer, self.inbox.read());
            self.inbox.acknowledge_again();
            self.grievances.connected(peer, step);
        } else if peer == self.handler() {
            self.bereft = false;
            self.submissions.connected(peer, step);
        } else if peer.role() == Role::Handler && self.bereft {
            self.turn_away(step);
        } else if peer.role() == Role::Witness {
            self.docket.connected(peer, step);
            let asked_for = self.asked_for.iter().cloned();
            asked_for.for_each(|receipted| step.send(peer, Message::Receipted(receipted)));
        }
    }

    fn read(&mut self, from: ActorId, message: Message, step: &mut Step) {
        let mailbox = from == self.mailbox();
        match message {
            Message::Receipted(receipted) => self.receipted(receipted, step),
            Message::Refused(refusal, _) => self.refused(from, refusal, step),
            Message::RetryLater { number, after_ms, client }
                if from == self.handler() && client == self.id =>
            {
                self.submissions.retry_later(number, after_ms, step);
            }
            Message::Placed(placement) => self.placed(&placement, step),
            Message::HandlerReceipted(receipt) => self.submissions.entrusted(from, receipt, step),
            Message::Delivery(delivery) if mailbox => self.delivered(*delivery, step),
            Message::Introduction(introduction) if mailbox => self.inbox.introduce(*introduction, step),
            Message::Admitted(admission) if mailbox => {
                self.grievances.admitted(admission, &mut self.docket, step);
            }
            Message::Defended(defended) if mailbox => {
                self.grievances.defended(*defended, &mut self.docket, step);
            }
            Message::Answered(answered) if from.role() == Role::Witness => {
                self.shown(answered.exhibit, step);
            }
            _ => {}
        }
    }
}

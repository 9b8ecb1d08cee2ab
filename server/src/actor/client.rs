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

mod inbox;
mod submissions;

use super::{
    Actor, Draught, Input, Issued, RecoverError, Recovered, Setup, Step,
    step::{Notice, row},
};
use crate::{
    port::Time,
    protocol::{
        codec::{Decode, Encode},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, ClientId, Epoch, Role},
        message::Message,
        statement::Citation,
    },
};

use inbox::Inbox;
use submissions::Submissions;

/// Rows: number → content of a bundle without receipt.
const CONTENT: u8 = 1;
/// Rows: number → receipt.
const RECEIPT: u8 = 2;
/// Row: the mailbox as held.
const HELD: u8 = 3;
/// Rows: count → delivery that the application may not have seen.
const FRESH: u8 = 4;
/// Row: the citation of the last cut seen.
const SEEN: u8 = 5;
/// Rows: digest → evidence.
const EVIDENCE: u8 = 6;

/// A client.
pub struct Client {
    id: ClientId,
    setup: Setup,
    /// The handlers it may use; it keeps to one while that one answers.
    handler: u32,
    submissions: Submissions,
    inbox: Inbox,
    seen: Option<Citation>,
    notices: Vec<Notice>,
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
        let mut client = Client {
            id,
            handler,
            submissions: Submissions::new(id, salting, setup.clone()),
            inbox: Inbox::new(id, setup.trust.clone()),
            seen: None,
            notices: Vec::new(),
            setup,
        };
        for issued in recovered.statements {
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

    fn draw_up(&mut self, draught: Draught, step: &mut Step) {
        self.submissions.draw_up(draught, self.seen, step);
    }

    fn see(&mut self, cut: Option<Citation>, step: &mut Step) {
        let Some(cut) = cut.filter(|cut| self.seen.is_none_or(|seen| seen.slot < cut.slot)) else { return };
        step.notice(Notice::SawCut { epoch: Epoch(cut.slot), digest: cut.digest });
        step.put(row(SEEN, &[]), cut.to_bytes());
        self.seen = Some(cut);
    }
}

impl Actor for Client {
    fn me(&self) -> ActorId {
        ActorId::Client(self.id)
    }

    fn dials(&self) -> Vec<ActorId> {
        vec![self.handler(), self.mailbox()]
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Connected(peer) if peer == self.mailbox() => {
                step.send(peer, self.inbox.read());
                self.inbox.acknowledge_again();
            }
            Input::Connected(peer) if peer == self.handler() => self.submissions.connected(peer, step),
            Input::Disconnected(peer) => self.submissions.disconnected(peer),
            Input::Send(draught) => self.draw_up(draught, step),
            Input::Message(_, Message::Receipted(receipted)) => self.submissions.receipted(receipted, step),
            Input::Message(from, Message::Refused(refusal, _)) => {
                self.submissions.refused(from, refusal, step)
            }
            Input::Message(from, Message::RetryLater { number, after_ms, client })
                if from == self.handler() && client == self.id =>
            {
                self.submissions.retry_later(number, after_ms, step);
            }
            Input::Message(from, Message::Delivery(delivery)) if from == self.mailbox() => {
                let cut = self.inbox.take(*delivery, step);
                self.see(cut, step);
            }
            Input::Message(from, Message::Introduction(introduction)) if from == self.mailbox() => {
                self.inbox.introduce(*introduction, step);
            }
            _ => {}
        }
    }

    fn settle(&mut self, step: &mut Step) {
        step.notices.append(&mut self.notices);
        self.submissions.retry(step);
        self.inbox.acknowledge(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
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
        if self.notices.is_empty() { self.submissions.deadline() } else { Some(Time(0)) }
    }
}

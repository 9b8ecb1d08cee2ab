//! Grievances: what a client complains of to its mailbox actor, and what becomes of it.
//!
//! The mailbox actor answers with an admission or a defence. If it does not, the complaint goes to the board, where
//! silence makes it suspected.
//!
//! # Invariants
//! - A client complains of an actor once: one proof of guilt is enough.
//! - Evidence is judged before anything is signed.

use std::collections::BTreeMap;

use crate::{
    actor::{
        Issued, Setup, Step,
        docket::{Docket, accuse},
        step::Notice,
    },
    port::Time,
    protocol::{
        board::{Attachment, Complained, Defended},
        challenge::Demand,
        codec::Encode,
        complaint::{Admission, Charge, Complaint, Ground},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, Count},
        message::Message,
        predicate::accusation::{Accusation, FalseAccusation, exposed_by},
        statement::Unverified,
    },
};

struct Open {
    complained: Complained,
    since: Time,
}

/// The complaints of a client.
pub struct Grievances {
    me: ActorId,
    setup: Setup,
    next: u64,
    /// Whom it has complained of, and in which complaint.
    accused: BTreeMap<ActorId, u64>,
    /// Evidence of complaints on their way to their signature.
    evidence: BTreeMap<u64, Vec<u8>>,
    open: BTreeMap<u64, Open>,
}

impl Grievances {
    /// None yet.
    pub fn new(me: ActorId, setup: Setup) -> Self {
        let (accused, evidence, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Grievances { me, setup, next: 0, accused, evidence, open }
    }

    /// Puts back a complaint. What was not answered before the crash is not asked again: the evidence is out.
    pub fn recover(&mut self, issued: &Issued) {
        if let Issued::Complaint(complaint) = issued {
            self.next = self.next.max(complaint.number + 1);
            self.accused.insert(complaint.against, complaint.number);
        }
    }

    /// Complains of somebody, if evidence exposes it.
    pub fn prove(&mut self, evidence: &Evidence, acks: u64, step: &mut Step) {
        let bytes = evidence.to_bytes();
        if exposed_by(&bytes, &self.setup.trust) != Some(evidence.accused()) {
            return;
        }
        let charge = Charge::Proven(Digest::of(&[&bytes]));
        self.complain(evidence.accused(), acks, charge, bytes, step);
    }

    /// The same, asked for by the application, which is told if it has been done before.
    pub fn prove_as_asked(&mut self, evidence: &Evidence, acks: u64, step: &mut Step) {
        let against = evidence.accused();
        match self.accused.get(&against) {
            Some(number) => step.notice(Notice::Complained { number: *number, against, charge: "known" }),
            None => self.prove(evidence, acks, step),
        }
    }

    /// Complains that what was due did not come, or not as it should be.
    pub fn miss(&mut self, against: ActorId, upto: Count, acks: u64, step: &mut Step) {
        self.complain(against, acks, Charge::NotReceived(upto), Vec::new(), step);
    }

    fn complain(&mut self, against: ActorId, acks: u64, charge: Charge, evidence: Vec<u8>, step: &mut Step) {
        if self.accused.contains_key(&against) {
            return;
        }
        let number = self.next;
        self.next += 1;
        self.accused.insert(against, number);
        self.evidence.insert(number, evidence);
        let name = match charge {
            Charge::Proven(_) => "proven",
            Charge::NotReceived(_) => "not received",
        };
        step.notice(Notice::Complained { number, against, charge: name });
        let terms = self.setup.terms_of(self.me);
        step.promise(Complaint { complainer: self.me, number, terms, against, acks, charge });
    }

    /// A complaint is durable and signed: the mailbox actor hears it.
    pub fn release(&mut self, issued: &Issued, mailbox: ActorId, step: &mut Step) {
        let Issued::Complaint(complaint) = issued else { return };
        let Some(evidence) = self.evidence.remove(&complaint.number) else { return };
        let complained = Complained { complaint: complaint.to_unverified(), evidence };
        step.send(mailbox, Message::Complained(Box::new(complained.clone())));
        self.open.insert(complaint.number, Open { complained, since: step.now });
    }

    /// The mailbox actor is there: it hears again what it has not answered.
    pub fn connected(&self, mailbox: ActorId, step: &mut Step) {
        for open in self.open.values() {
            step.send(mailbox, Message::Complained(Box::new(open.complained.clone())));
        }
    }

    /// The mailbox actor accepts the blame.
    pub fn admitted(&mut self, admission: Unverified<Admission>, docket: &mut Docket, step: &mut Step) {
        step.work.verified += 1;
        let by = admission.claimed_actor();
        let Ok(admission) = admission.verify(&self.setup.trust) else { return };
        if let Some(number) = self.close(&admission.complaint.digest, by, docket) {
            step.notice(Notice::ComplaintAnswered { number, by, how: "admission" });
        }
    }

    /// The mailbox actor says that it was not itself.
    pub fn defended(&mut self, defended: Defended, docket: &mut Docket, step: &mut Step) {
        step.work.verified += 1;
        let Defended { defence, evidence } = defended;
        let by = defence.claimed_actor();
        let Ok(signed) = defence.clone().verify(&self.setup.trust) else { return };
        let how = signed.ground.name();
        if let Ground::Evidence(digest) = signed.ground {
            if Digest::of(&[&evidence]) != digest {
                return;
            }
            if exposed_by(&evidence, &self.setup.trust).is_none() {
                let statement = Accusation::Defence(defence);
                accuse(FalseAccusation { statement, evidence }, &self.setup.trust, step);
            }
        }
        if let Some(number) = self.close(&signed.complaint.digest, by, docket) {
            step.notice(Notice::ComplaintAnswered { number, by, how });
        }
    }

    fn close(&mut self, complaint: &Digest, by: ActorId, docket: &mut Docket) -> Option<u64> {
        let open = self.open.iter().find(|(_, open)| open.complained.complaint.digest() == *complaint);
        let (number, cited) = open.map(|(number, open)| (*number, open.complained.complaint.cite()))?;
        self.open.remove(&number);
        docket.satisfied(by, &Demand::Answer(cited));
        Some(number)
    }

    /// When a complaint has waited for too long.
    pub fn due(&self, mailbox: ActorId, docket: &Docket) -> Option<Time> {
        let open = self
            .open
            .values()
            .filter(|open| !docket.demands(mailbox, &Demand::Answer(open.complained.complaint.cite())));
        open.map(|open| open.since.after(self.setup.challenge_ns())).min()
    }

    /// Makes public which complaints are not answered.
    pub fn demand(&self, mailbox: ActorId, docket: &mut Docket, step: &mut Step) {
        for open in self.open.values() {
            if open.since.after(self.setup.challenge_ns()) <= step.now {
                let demand = Demand::Answer(open.complained.complaint.cite());
                docket.demand(mailbox, demand, Attachment::Complaint(open.complained.clone()), step);
            }
        }
    }
}

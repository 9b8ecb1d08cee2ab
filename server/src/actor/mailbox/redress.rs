//! Redress: what a mailbox actor answers to complaints. It accepts the blame or shows whose it is.
//!
//! # Invariants
//! - Every complaint of a hosted client is answered; with the same evidence, the same answer.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    actor::{Issued, Notice, Step, docket::accuse, numbers::Numbers},
    protocol::{
        ack::Ack,
        attestation::Attestation,
        board::{Complained, Defended, Exhibit},
        codec::Encode,
        complaint::{Admission, Charge, Complaint, Defence, Ground},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, Count},
        message::Message,
        predicate::{
            accusation::{Accusation, FalseAccusation, exposed_by},
            denial::Denial,
        },
        statement::{Citation, Kind, Signed, Terms, Trust, Unverified},
    },
};

/// Most answers that are remembered for who asks again.
const ANSWERS_MAX: usize = 1024;

/// What the mailbox actor can say to a complaint that it was not served.
pub struct Service {
    /// The last ack of the client.
    pub ack: Option<Unverified<Ack>>,
    /// How far its mailbox is attested.
    pub count: Count,
    /// By this attestation.
    pub attestation: Option<Signed<Attestation>>,
    /// What it waits for itself.
    pub blocked: Option<Citation>,
}

/// The complaints that were made to a mailbox actor.
pub struct Redress {
    me: ActorId,
    terms: Terms,
    admissions: Numbers,
    defences: Numbers,
    /// On its way to its signature: to whom, to which complaint, with which evidence.
    pending: BTreeMap<(Kind, u64), (ActorId, Digest, Vec<u8>)>,
    /// Complaint → its answer.
    answers: BTreeMap<Digest, Exhibit>,
    /// The complaints answered, the oldest first.
    order: VecDeque<Digest>,
}

impl Redress {
    /// Nobody has complained.
    pub fn new(me: ActorId, terms: Terms) -> Self {
        let (admissions, defences) = (Numbers::default(), Numbers::default());
        let (pending, answers, order) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Redress { me, terms, admissions, defences, pending, answers, order }
    }

    /// Puts back the count of what was signed.
    pub fn recover(&mut self, issued: &Issued) {
        match issued {
            Issued::Admission(admission) => self.admissions.recover(admission.number),
            Issued::Defence(defence) => self.defences.recover(defence.number),
            _ => {}
        }
    }

    /// The answer to a complaint, once it is signed.
    pub fn answer_to(&self, complaint: &Citation) -> Option<&Exhibit> {
        self.answers.get(&complaint.digest)
    }

    /// Takes a complaint.
    pub fn hear(
        &mut self,
        complained: &Complained,
        complaint: Signed<Complaint>,
        service: Service,
        trust: &Trust,
        step: &mut Step,
    ) {
        let from = complaint.complainer;
        if let Some(answer) = self.answers.get(&complaint.digest()) {
            return send(from, answer.clone(), step);
        }
        if self.pending.values().any(|(_, known, _)| *known == complaint.digest()) {
            return;
        }
        match complaint.charge {
            Charge::Proven(digest) => self.weigh(complained, &complaint, digest, trust, step),
            Charge::NotReceived(upto) => self.look_up(complained, &complaint, upto, service, trust, step),
        }
    }

    /// Judges the evidence of a complaint.
    fn weigh(
        &mut self,
        complained: &Complained,
        complaint: &Signed<Complaint>,
        digest: Digest,
        trust: &Trust,
        step: &mut Step,
    ) {
        let evidence = &complained.evidence;
        if Digest::of(&[evidence]) != digest {
            return; // the evidence is not here; the complaint is not heard
        }
        match exposed_by(evidence, trust) {
            Some(actor) if actor == self.me => self.admit(complaint, step),
            Some(actor) if actor == complaint.against => {
                self.defend(complaint, Ground::Evidence(digest), evidence.clone(), step);
            }
            _ => {
                let statement = Accusation::Complaint(complained.complaint.clone());
                accuse(FalseAccusation { statement, evidence: evidence.clone() }, trust, step);
                self.defend(complaint, Ground::Unfounded, Vec::new(), step);
            }
        }
    }

    /// Looks whether a client was served.
    fn look_up(
        &mut self,
        complained: &Complained,
        complaint: &Signed<Complaint>,
        upto: Count,
        service: Service,
        trust: &Trust,
        step: &mut Step,
    ) {
        if let Some(ack) = service.ack {
            let denial = Evidence::from(Denial { complaint: complained.complaint.clone(), ack });
            if accuse(denial.clone(), trust, step) {
                let bytes = denial.to_bytes();
                return self.defend(complaint, Ground::Evidence(Digest::of(&[&bytes])), bytes, step);
            }
        }
        match (service.blocked, service.attestation) {
            (_, Some(attestation)) if service.count >= upto => {
                let ground = Ground::Served { upto: service.count, attestation: attestation.cite() };
                self.defend(complaint, ground, Vec::new(), step);
            }
            (Some(challenge), _) => self.defend(complaint, Ground::Blocked(challenge), Vec::new(), step),
            (None, Some(attestation)) => {
                let ground = Ground::Served { upto: service.count, attestation: attestation.cite() };
                self.defend(complaint, ground, Vec::new(), step);
            }
            // nothing is attested yet, so nothing was due
            (None, None) => self.defend(complaint, Ground::Unfounded, Vec::new(), step),
        }
    }

    fn admit(&mut self, complaint: &Signed<Complaint>, step: &mut Step) {
        let number = self.admissions.take(Kind::Admission, step);
        let key = (Kind::Admission, number);
        self.pending.insert(key, (complaint.complainer, complaint.digest(), Vec::new()));
        let (actor, terms) = (self.me, self.terms);
        step.promise(Admission { actor, number, terms, complaint: complaint.cite() });
    }

    fn defend(&mut self, complaint: &Signed<Complaint>, ground: Ground, evidence: Vec<u8>, step: &mut Step) {
        step.notice(Notice::Reached(ground.name()));
        let number = self.defences.take(Kind::Defence, step);
        let key = (Kind::Defence, number);
        self.pending.insert(key, (complaint.complainer, complaint.digest(), evidence));
        let (actor, terms) = (self.me, self.terms);
        step.promise(Defence { actor, number, terms, complaint: complaint.cite(), ground });
    }

    /// An answer is durable and signed: it goes out.
    pub fn release(&mut self, issued: &Issued, step: &mut Step) {
        let key = match issued {
            Issued::Admission(admission) => {
                self.admissions.signed(admission.number);
                (Kind::Admission, admission.number)
            }
            Issued::Defence(defence) => {
                self.defences.signed(defence.number);
                (Kind::Defence, defence.number)
            }
            _ => return,
        };
        let Some((to, complaint, evidence)) = self.pending.remove(&key) else { return };
        let exhibit = match issued {
            Issued::Defence(defence) => {
                Exhibit::Defence(Defended { defence: defence.to_unverified(), evidence })
            }
            Issued::Admission(admission) => Exhibit::Admission(admission.to_unverified()),
            _ => return,
        };
        send(to, exhibit.clone(), step);
        self.answers.insert(complaint, exhibit);
        self.order.push_back(complaint);
        while self.order.len() > ANSWERS_MAX {
            self.order.pop_front().map(|oldest| self.answers.remove(&oldest));
        }
    }
}

fn send(to: ActorId, answer: Exhibit, step: &mut Step) {
    match answer {
        Exhibit::Admission(admission) => step.send(to, Message::Admitted(admission)),
        Exhibit::Defence(defended) => step.send(to, Message::Defended(Box::new(defended))),
        _ => {}
    }
}

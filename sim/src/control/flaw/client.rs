//! Flaws of clients.

use server::{
    actor::{
        Actor as _, Input, Issued, Notice, Step,
        client::{Client, FRESH, HELD},
    },
    port::Changes,
    protocol::{
        board::Complained,
        codec::Encode as _,
        complaint::{Charge, Complaint},
        digest::Digest,
        evidence::Evidence,
        id::{ActorId, BundleNumber, ClientId, Count},
        message::{Delivery, Introduction, Message},
        predicate::attestation::BadAttestation,
        statement::{Terms, Trust},
    },
};

use super::{Fallible, Flaw, Weakness};

/// The first complaint of a rash client: above what its honest part will ever count to.
const OWN_NUMBERS: u64 = 1 << 32;

impl Fallible for Client {
    fn flaw(weakness: Weakness, trust: &Trust) -> Option<Box<dyn Flaw<Self>>> {
        match weakness {
            Weakness::Gullible => Some(Box::new(Gullible { trust: trust.clone(), start: None })),
            Weakness::EarlyAck => Some(Box::<EarlyAck>::default()),
            Weakness::RashComplaint => Some(Box::<RashComplaint>::default()),
            _ => None,
        }
    }
}

/// Tells its application what it is sent, place by place, without looking whether that was sealed at the place.
struct Gullible {
    trust: Trust,
    start: Option<Introduction>,
}

impl Gullible {
    fn believe(&self, client: &ClientId, delivery: &Delivery, step: &mut Step) {
        let derivation = delivery.derivation(self.start.as_ref());
        let Ok(derived) = derivation.check(client, &self.trust) else { return };
        for (index, (entry, parcel)) in derived.entries.iter().zip(&delivery.parcels).enumerate() {
            let ActorId::Client(sender) = parcel.bundle.claimed_actor() else { continue };
            step.notice(Notice::Delivered {
                count: Count(derived.base.count.0 + 1 + index as u64),
                entry: *entry,
                sender,
                number: BundleNumber(parcel.bundle.claimed_slot()),
                payload: Digest::of(&[&parcel.payload]),
                content: None,
            });
        }
    }
}

impl Flaw<Client> for Gullible {
    fn handle(&mut self, actor: &mut Client, input: Input, step: &mut Step) {
        match (&input, actor.me()) {
            (Input::Message(_, Message::Introduction(introduction)), _) => {
                self.start = Some((**introduction).clone());
            }
            (Input::Message(_, Message::Delivery(delivery)), ActorId::Client(client)) => {
                self.believe(&client, delivery, step);
                self.start = delivery.leaves().or(self.start.take());
            }
            _ => {}
        }
        actor.handle(input, step);
    }
}

/// Signs for what it has, and stores it with the next step.
#[derive(Default)]
struct EarlyAck {
    late: Changes,
}

impl Flaw<Client> for EarlyAck {
    fn settle(&mut self, actor: &mut Client, step: &mut Step) {
        actor.settle(step);
        let is_mailbox = |key: &[u8]| matches!(key.first(), Some(&HELD | &FRESH));
        let (mailbox, others) =
            std::mem::take(&mut step.changes).into_iter().partition(|(key, _)| is_mailbox(key));
        step.changes = others;
        step.changes.append(&mut std::mem::replace(&mut self.late, mailbox));
    }
}

/// Complains of the first delivery that it gets, which it cannot check yet, and asks no judge.
#[derive(Default)]
struct RashComplaint {
    /// What it complains with, if it has.
    evidence: Option<Vec<u8>>,
}

impl RashComplaint {
    fn complain(&mut self, client: ClientId, delivery: &Delivery, step: &mut Step) {
        let derivation = Box::new(delivery.derivation(None));
        let evidence = Evidence::from(BadAttestation { client, derivation }).to_bytes();
        step.promise(Complaint {
            complainer: ActorId::Client(client),
            number: OWN_NUMBERS + step.now.0,
            terms: Terms::default(),
            against: delivery.attestation.claimed_actor(),
            acks: 0,
            charge: Charge::Proven(Digest::of(&[&evidence])),
        });
        self.evidence = Some(evidence);
    }
}

impl Flaw<Client> for RashComplaint {
    fn handle(&mut self, actor: &mut Client, input: Input, step: &mut Step) {
        if let (Input::Message(_, Message::Delivery(delivery)), ActorId::Client(client), None) =
            (&input, actor.me(), &self.evidence)
        {
            self.complain(client, delivery, step);
        }
        actor.handle(input, step);
    }

    fn release(&mut self, actor: &mut Client, issued: Issued, step: &mut Step) {
        if let (Issued::Complaint(complaint), Some(evidence)) = (&issued, &self.evidence) {
            let complained = Complained { complaint: complaint.to_unverified(), evidence: evidence.clone() };
            step.send(complaint.against, Message::Complained(Box::new(complained)));
        }
        actor.release(issued, step);
    }
}

//! All roles in one: when what a part says leaves the server.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use server::{
    actor::{
        Actor, Input, Recovered, Setup, Step,
        handler::{Custody, Handler},
        incoming::Incoming,
        mailbox::Mailbox,
        sequencer::Sequencer,
    },
    architecture::Monolith,
    port::Time,
    protocol::{
        bundle::{Bundle, Content, Envelope, Submission},
        digest::Digest,
        endorsement::Pen,
        id::{ActorId, BundleNumber, Epoch, Role},
        message::Message,
        statement::{Signed, Terms},
    },
};
use support::{client, client_key, setup, signer_of};

const T: Time = Time(1_000_000_000);

/// A bundle of client 0 to itself.
fn submission(setup: &Setup) -> Submission {
    let envelope = Envelope { recipient: client(0), salt: [0; 16], ciphertext: vec![7; 16] };
    let content = Content::new(b"to myself".to_vec(), vec![envelope]);
    let bundle = Bundle {
        client: client(0),
        number: BundleNumber(0),
        terms: Terms::default(),
        previous: Digest::ZERO,
        commitment: content.commitment(),
        expiry: Epoch(u64::MAX),
        seen: None,
    };
    let bundle = Signed::sign(bundle, setup.trust.deployment, &client_key(0)).to_unverified();
    Submission { bundle, content }
}

/// A step in the shape that `server::node` gives it; what its transaction holds, and the step when it is over.
fn turn(monolith: &mut Monolith, setup: &Setup, inputs: Vec<Input>) -> (usize, Step) {
    let mut step = Step::at(T);
    inputs.into_iter().for_each(|input| monolith.handle(input, &mut step));
    monolith.settle(&mut step);
    let stored = std::mem::take(&mut step.changes).len() + step.promises.len();
    for draft in std::mem::take(&mut step.promises) {
        let signer = signer_of(draft.actor());
        monolith.release(draft.sign(None, setup.trust.deployment, &signer, &mut Pen::default()), &mut step);
    }
    assert!(step.changes.is_empty() && step.promises.is_empty(), "nobody would store it");
    (stored, step)
}

fn is_receipted(step: &Step) -> bool {
    let me = ActorId::Client(client(0));
    step.sends_of_parts.iter().any(|(_, to, message)| *to == me && matches!(message, Message::Receipted(_)))
}

#[test]
fn a_receipt_leaves_with_the_step_that_made_it() {
    let (setup, me) = (setup(1, 1), ActorId::Client(client(0)));
    let mut monolith = Monolith::recover(setup.clone(), Recovered::default()).unwrap();
    turn(&mut monolith, &setup, vec![Input::Connected(me)]);
    let submitted = vec![Input::Message(me, Message::Submit(submission(&setup)))];
    let (stored, step) = turn(&mut monolith, &setup, submitted);
    assert!(stored > 0 && is_receipted(&step));
}

/// A handler that signs for what it takes, and so stores something when it hears of a receipt.
fn with_custody(setup: &Setup) -> Monolith {
    Monolith::of(Recovered::default(), |role, stored| {
        let setup = setup.clone();
        Ok(match role {
            Role::Handler => Box::new(Handler::recover(0, setup, Custody::Taken, stored)?) as Box<dyn Actor>,
            Role::Incoming => Box::new(Incoming::recover(0, setup, stored)?),
            Role::Sequencer => Box::new(Sequencer::recover(setup, stored)?),
            _ => Box::new(Mailbox::recover(0, setup, stored)?),
        })
    })
    .unwrap()
}

#[test]
fn what_the_handler_must_store_is_stored_before_it_leaves() {
    let (setup, me) = (setup(1, 1), ActorId::Client(client(0)));
    let mut monolith = with_custody(&setup);
    turn(&mut monolith, &setup, vec![Input::Connected(me)]);
    let mut inputs = vec![Input::Message(me, Message::Submit(submission(&setup)))];
    for _ in 0..10 {
        let (stored, step) = turn(&mut monolith, &setup, std::mem::take(&mut inputs));
        if is_receipted(&step) {
            assert!(stored > 0, "the handler gives up what it had in custody");
            return;
        }
        assert_eq!(monolith.deadline(), Some(Time(0)), "something is under way");
    }
    panic!("there is no receipt");
}

//! Flaws of incoming actors.

use server::{
    actor::{
        Actor as _, Input, Recovered, Step,
        incoming::{ATTESTED, ATTESTED_CUT, Incoming, LOG, RECENT},
        step::row,
    },
    protocol::{
        codec::{Decode as _, Encode as _},
        id::Position,
        message::Message,
        receipt::bundle_leaf,
        statement::Trust,
    },
};

use super::{Fallible, Flaw, Weakness};

impl Fallible for Incoming {
    fn flaw(weakness: Weakness, _: &Trust) -> Option<Box<dyn Flaw<Self>>> {
        (weakness == Weakness::NoHoldBack).then(|| Box::new(NoHoldBack) as _)
    }
}

/// Takes a bundle's word for the cut that it cites.
struct NoHoldBack;

impl Flaw<Incoming> for NoHoldBack {
    fn handle(&mut self, actor: &mut Incoming, input: Input, step: &mut Step) {
        if let Input::Message(_, Message::Submit(submission)) = &input {
            let bundle = &submission.bundle;
            let cited =
                bundle.committed_as(bundle_leaf(&bundle.cite())).and_then(|bundle| bundle.seen.clone());
            cited.into_iter().for_each(|cut| actor.let_in(cut));
        }
        actor.handle(input, step);
    }
}

/// Nothing is left of the table that says which bundle of a client comes next.
pub(super) fn forget_senders(recovered: &mut Recovered) {
    recovered.rows.retain(|key, _| key.first() != Some(&RECENT));
}

/// Nothing is left of what mailbox actors have signed for.
pub(super) fn forget_handing_over(recovered: &mut Recovered) {
    recovered.rows.retain(|key, _| !matches!(key.first(), Some(&ATTESTED | &ATTESTED_CUT)));
}

/// The last bundle of the queue stands in it once more.
pub(super) fn release_again(recovered: &mut Recovered) {
    let last = recovered.rows.range(vec![LOG]..vec![LOG + 1]).next_back();
    let Some((key, submission)) = last.map(|(key, value)| (key.clone(), value.clone())) else { return };
    if let Ok(Position(last)) = Position::from_bytes(&key[1..]) {
        recovered.rows.insert(row(LOG, &Position(last + 1).to_bytes()), submission);
    }
}

//! A bundle of a client that has no receipt yet, and the handler that has signed for it.

use crate::{
    actor::{Setup, Step, docket::Docket},
    port::Time,
    protocol::{
        board::{Attachment, Entrusted},
        bundle::{Bundle, Content, Submission},
        challenge::Demand,
        handler_receipt::HandlerReceipt,
        id::ActorId,
        receipt::Receipted,
        statement::{Signed, Statement as _},
    },
};

/// A bundle without receipt.
pub struct Pending {
    pub content: Content,
    pub token: u64,
    pub bundle: Option<Signed<Bundle>>,
    /// When to send it again; none if it has not been sent.
    pub again_at: Option<Time>,
    pub attempts: u32,
    /// It is on the board.
    pub posted: bool,
    /// It was refused: its handler hands on what it is given.
    pub refused: bool,
    /// A handler has signed for it.
    pub custody: Option<InCustody>,
}

/// The receipt of a handler for a bundle without receipt. It is not stored: whoever asks again gets one.
pub struct InCustody {
    pub receipt: Signed<HandlerReceipt>,
    /// Since when the handler is asked in public what became of it.
    pub asked: Option<Time>,
}

/// What a receipt came to besides itself.
#[derive(Default)]
pub struct Came {
    /// It came only because the bundle went by way of the board.
    pub by_the_board: bool,
    /// Who had signed for the bundle.
    pub custodian: Option<ActorId>,
    /// The receipt, if a handler was asked for it in public.
    pub asked_for: Option<Receipted>,
}

impl Pending {
    /// One that has not been sent.
    pub fn new(content: Content, token: u64, bundle: Option<Signed<Bundle>>) -> Self {
        Pending {
            content,
            token,
            bundle,
            again_at: None,
            attempts: 0,
            posted: false,
            refused: false,
            custody: None,
        }
    }

    /// Whether a handler has signed for it that was not asked yet, and there is somebody to ask in front of.
    pub fn can_ask_custodian(&self, setup: &Setup) -> bool {
        let unasked = self.custody.as_ref().is_some_and(|custody| custody.asked.is_none());
        unasked && setup.trust.roster.witnesses() > 0
    }

    /// Asks the handler that has signed for it in public what became of it, if it can be.
    pub fn ask_custodian(&mut self, docket: &mut Docket, setup: &Setup, step: &mut Step) -> bool {
        let can = self.can_ask_custodian(setup);
        let (true, Some(bundle), Some(custody)) = (can, &self.bundle, &mut self.custody) else {
            return false;
        };
        custody.asked = Some(step.now);
        let submission = Submission { bundle: bundle.to_unverified(), content: self.content.clone() };
        let receipt = custody.receipt.to_unverified();
        let demand = Demand::Custody(receipt.cite());
        let attachment = Attachment::Entrusted(Box::new(Entrusted { receipt, submission }));
        docket.demand(custody.receipt.actor(), demand, attachment, step);
        true
    }
}

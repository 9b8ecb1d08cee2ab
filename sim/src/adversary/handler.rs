//! Request handlers that cheat (family A of the catalogue). They sign nothing but handler receipts, so nothing else of
//! theirs can be held against them, and that not as proof.

use std::collections::BTreeSet;

use server::{
    actor::{Draft, Input},
    port::Time,
    protocol::{
        board::Attachment,
        bundle::Submission,
        challenge::Demand,
        digest::Digest,
        id::{ActorId, BundleNumber, ClientId, Position, Role},
        merkle::Tree,
        message::Message,
        receipt::{Receipt, Receipted, bundle_leaf},
        statement::Terms,
    },
};

use super::{Attack, Context, forged};

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    Some(match name {
        "drop-bundles" => Box::new(DropBundles),
        "reorder-bundles" => Box::<ReorderBundles>::default(),
        "mangle-bundles" => Box::new(MangleBundles),
        "forge-receipt" => Box::new(ForgeReceipt),
        "lose-custody" => Box::<LoseCustody>::default(),
        "misroute-bundles" => Box::new(MisrouteBundles),
        _ => return None,
    })
}

fn client_of(submission: &Submission) -> Option<ClientId> {
    submission.bundle.claimed_actor().client()
}

/// A09: hands nothing of the victim on. The client finds itself unserved; that the handler had the bundle nobody
/// can prove, so the two are a pair, and a challenge that a witness relays gets the bundle admitted.
struct DropBundles;

impl Attack for DropBundles {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let Input::Message(_, Message::Submit(submission)) = &input else { return vec![input] };
        let against = client_of(submission).is_some_and(|client| context.is_against(&client));
        if against && context.on() {
            context.fired();
            return Vec::new();
        }
        vec![input]
    }
}

/// A10: lets one bundle pass another. The incoming actor holds a client's next until the one before it is there, and
/// bundles of different clients have no order before they have receipts.
#[derive(Default)]
struct ReorderBundles {
    held: Option<(ActorId, Message)>,
    until: Time,
}

impl Attack for ReorderBundles {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let mut out = Vec::new();
        for (to, message) in std::mem::take(sends) {
            let is_bundle = matches!(message, Message::Submit(_));
            if is_bundle && self.held.is_none() && context.on() {
                (self.held, self.until) = (Some((to, message)), context.now.after(context.epoch_ns()));
                continue;
            }
            out.push((to, message));
            if is_bundle && self.held.is_some() {
                out.extend(self.held.take());
                context.fired();
            }
        }
        if self.until <= context.now {
            out.extend(self.held.take());
        }
        *sends = out;
    }

    fn deadline(&self) -> Option<Time> {
        self.held.as_ref().map(|_| self.until)
    }
}

/// A11: alters the bytes of a bundle: its signature, or the content that it commits to. As if it had been dropped,
/// and whoever refuses it must not be blamed for that.
struct MangleBundles;

impl Attack for MangleBundles {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        for (_, message) in sends {
            let Message::Submit(submission) = message else { continue };
            let against = client_of(submission).is_some_and(|client| context.is_against(&client));
            if !against || !context.on() {
                continue;
            }
            if context.random.chance(0.5) {
                submission.bundle = forged(&submission.bundle);
            } else {
                let longer = [submission.content.payload(), &[0]].concat();
                submission.content = submission.content.with_payload(longer);
            }
            context.fired();
        }
    }
}

/// A12: answers with a receipt of its own making, before the true one can come. The client knows whose key it lacks.
struct ForgeReceipt;

impl Attack for ForgeReceipt {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        if let Input::Message(from, Message::Submit(submission)) = &input
            && let Some(client) = client_of(submission)
            && context.on()
        {
            let tree = Tree::new(vec![bundle_leaf(&submission.bundle.cite())]);
            let receipt = context.sign(Receipt {
                incoming: context.trust.roster.incoming_of(&client),
                first: Position(0),
                terms: Terms::default(),
                count: 1,
                leaves: tree.root(),
                chain: Digest::ZERO.append(bundle_leaf(&submission.bundle.cite())),
            });
            let number = BundleNumber(submission.bundle.claimed_slot());
            let receipted = Receipted::new(&receipt, client, number, tree.open(&[0]));
            context.send(*from, Message::Receipted(receipted));
            context.fired();
        }
        vec![input]
    }
}

/// A13: signs for the victim's bundles and hands none on, not even over the board; nor does it say there what became of
/// them. By its own signature the client is none of the pair of which one is to blame, and while nobody else shows a
/// receipt the handler is suspected.
#[derive(Default)]
struct LoseCustody {
    /// What it has signed for and lost.
    lost: BTreeSet<(ClientId, BundleNumber)>,
}

impl LoseCustody {
    fn loses(&mut self, submission: &Submission, context: &mut Context<'_>) -> bool {
        let Some(client) = client_of(submission).filter(|client| context.is_against(client)) else {
            return false;
        };
        let name = (client, BundleNumber(submission.bundle.claimed_slot()));
        self.lost.contains(&name) || (context.on() && self.lost.insert(name))
    }
}

impl Attack for LoseCustody {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        if !context.is_time() {
            self.lost.clear();
        }
        let asked = match &input {
            Input::Message(_, Message::Posted(posting)) => match &posting.attachment {
                Attachment::Entrusted(entrusted) => self.loses(&entrusted.submission, context),
                _ => false,
            },
            _ => false,
        };
        if asked {
            context.fired();
            return Vec::new();
        }
        vec![input]
    }

    fn drafts(&mut self, drafts: &mut Vec<Draft>, _: &mut Context<'_>) {
        drafts.retain(|draft| {
            let Draft::Challenge(challenge) = draft else { return true };
            let Demand::Admit { client, number, .. } = challenge.demand else { return true };
            !self.lost.contains(&(client, number))
        });
    }

    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        sends.retain(|(_, message)| match message {
            Message::Submit(submission) => !self.loses(submission, context),
            _ => true,
        });
        for (_, message) in sends {
            let Message::HandlerReceipted(receipt) = message else { continue };
            let receipt = receipt.clone().verify(context.trust).ok();
            let name = receipt.and_then(|receipt| receipt.name());
            if name.is_some_and(|name| self.lost.contains(&name)) {
                context.fired();
            }
        }
    }
}

/// The accomplice of B16: hands every bundle to an incoming actor that does not serve the client, too. An honest
/// one refuses it.
struct MisrouteBundles;

impl Attack for MisrouteBundles {
    fn sends(&mut self, sends: &mut Vec<(ActorId, Message)>, context: &mut Context<'_>) {
        let count = context.trust.roster.incoming();
        for (to, message) in sends.iter() {
            let (ActorId::Server(Role::Incoming, j), Message::Submit(_)) = (to, message) else { continue };
            if count > 1 && context.on() {
                context.fired();
                context.more.push((ActorId::Server(Role::Incoming, (j + 1) % count), message.clone()));
            }
        }
    }
}

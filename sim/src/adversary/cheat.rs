//! The wrapper: an honest actor, driven as the node drives it, with attacks at every seam.

use server::{
    actor::{
        Actor, Draft, Input, Issued, Step, client::Client, handler::Handler, incoming::Incoming,
        mailbox::Mailbox, sequencer::Sequencer, witness::Witness,
    },
    port::Time,
    protocol::{crypto::Keyring, id::ActorId, message::Message, statement::Trust},
};

use super::{Attack, Context, Schemes};

/// An actor that may be honest or not.
pub type AnyActor = Box<dyn Actor>;

/// Drives whatever is in the box.
pub struct Boxed(pub AnyActor);

impl Actor for Boxed {
    fn me(&self) -> ActorId {
        self.0.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.0.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        self.0.handle(input, step);
    }

    fn handle_as(&mut self, part: ActorId, input: Input, step: &mut Step) {
        self.0.handle_as(part, input, step);
    }

    fn settle(&mut self, step: &mut Step) {
        self.0.settle(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.0.release(issued, step);
    }

    fn deadline(&self) -> Option<Time> {
        self.0.deadline()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        self.0.statement_row(draft)
    }
}

/// An honest actor with seams.
pub trait Corrupt: Actor {
    /// Ends a step as the actor would, with the attacks at its seams.
    fn settle_with(&mut self, _: &mut Hands, step: &mut Step) {
        self.settle(step);
    }
}

impl Corrupt for Client {}
impl Corrupt for Handler {}
impl Corrupt for Witness {}
impl Corrupt for Sequencer {}

impl Corrupt for Incoming {
    fn settle_with(&mut self, hands: &mut Hands, step: &mut Step) {
        self.receive(step);
        if let Some(mut run) = self.next_run(step) {
            hands.each(step.now, |attack, context| attack.run(&mut run, context));
            self.seal(run, step);
        }
    }
}

impl Corrupt for Mailbox {
    fn settle_with(&mut self, hands: &mut Hands, step: &mut Step) {
        while let Some(cut) = self.next_epoch(step) {
            let mut deliveries = self.derive(cut);
            hands.each(step.now, |attack, context| attack.deliveries(&mut deliveries, context));
            self.attest(deliveries, step);
        }
        self.settle(step);
    }
}

/// The schemes of an actor, with all that they may use.
pub struct Hands {
    schemes: Schemes,
    trust: Trust,
    keys: Keyring,
    more: Vec<(ActorId, Message)>,
}

impl Hands {
    fn each(&mut self, now: Time, mut act: impl FnMut(&mut dyn Attack, &mut Context<'_>)) {
        for scheme in self.schemes.lock().iter_mut() {
            let mut context = Context {
                now,
                trust: &self.trust,
                keys: &self.keys,
                random: &mut scheme.random,
                more: &mut self.more,
                task: &scheme.task,
                occasions: &mut scheme.occasions,
            };
            act(&mut *scheme.attack, &mut context);
        }
    }
}

/// An actor that cheats.
pub struct Cheat<A> {
    inner: A,
    hands: Hands,
    /// How much of what the step sends the attacks have seen.
    passed: usize,
    /// Whether each input is a step of its own, as it is of a part of a monolith.
    by_turns: bool,
}

impl<A: Corrupt> Cheat<A> {
    /// Puts schemes into an honest actor's hands; the keys are its own.
    pub fn new(inner: A, schemes: Schemes, trust: Trust, keys: Keyring) -> Self {
        let hands = Hands { schemes, trust, keys, more: Vec::new() };
        Cheat { inner, hands, passed: 0, by_turns: false }
    }

    /// The same as a part of a monolith, which gives each input, and each statement back, in a step of its own.
    #[must_use]
    pub fn by_turns(self) -> Self {
        Cheat { by_turns: true, ..self }
    }

    /// Lets the attacks see what the actor promises and sends.
    fn end(&mut self, step: &mut Step) {
        self.hands.each(step.now, |attack, context| attack.drafts(&mut step.promises, context));
        self.passed = 0;
        self.pass(step);
    }

    /// Lets the attacks see what leaves; each thing once.
    fn pass(&mut self, step: &mut Step) {
        let mut fresh = step.sends.split_off(self.passed.min(step.sends.len()));
        self.hands.each(step.now, |attack, context| attack.sends(&mut fresh, context));
        step.sends.append(&mut fresh);
        step.sends.append(&mut self.hands.more);
        self.passed = step.sends.len();
    }
}

impl<A: Corrupt> Actor for Cheat<A> {
    fn me(&self) -> ActorId {
        self.inner.me()
    }

    fn dials(&self) -> Vec<ActorId> {
        self.inner.dials()
    }

    fn handle(&mut self, input: Input, step: &mut Step) {
        let mut inputs = vec![input];
        self.hands.each(step.now, |attack, context| {
            let before = std::mem::take(&mut inputs);
            inputs = before.into_iter().flat_map(|input| attack.before(input, context)).collect();
        });
        inputs.into_iter().for_each(|input| self.inner.handle(input, step));
        if self.by_turns {
            self.end(step);
        }
    }

    fn settle(&mut self, step: &mut Step) {
        self.inner.settle_with(&mut self.hands, step);
        self.end(step);
    }

    fn release(&mut self, issued: Issued, step: &mut Step) {
        self.inner.release(issued, step);
        if self.by_turns {
            self.passed = 0;
        }
        self.pass(step);
    }

    fn deadline(&self) -> Option<Time> {
        let schemes = self.hands.schemes.lock();
        let own = schemes.iter().filter_map(|scheme| scheme.attack.deadline());
        own.chain(self.inner.deadline()).min()
    }

    fn statement_row(&self, draft: &Draft) -> Vec<u8> {
        self.inner.statement_row(draft)
    }
}
